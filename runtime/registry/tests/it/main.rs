//! Images from layouts, from a real registry and from one that misbehaves.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed expectation is what a test reports")]

mod failures;
mod layouts;
mod registry;
mod support;
