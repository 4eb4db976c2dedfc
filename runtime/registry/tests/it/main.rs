//! Images from layouts, from and to a real registry and one that misbehaves.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed expectation is what a test reports")]

mod failures;
mod layouts;
mod push;
mod registry;
mod support;
