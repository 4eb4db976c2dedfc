//! Images from layouts and archives, from and to a real registry and one that misbehaves.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed expectation is what a test reports")]

mod archives;
mod failures;
mod hostile;
mod layouts;
mod offline;
mod push;
mod registry;
mod support;
mod tls;
