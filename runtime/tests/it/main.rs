//! The runtime from the outside.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod attest;
mod caches;
mod endurance;
mod engine;
mod flights;
mod graphs;
mod hostile;
mod images;
mod locals;
mod looks;
mod mended;
mod network;
mod pulls;
mod solve;
mod sources;
mod steps;
mod support;
mod why;
