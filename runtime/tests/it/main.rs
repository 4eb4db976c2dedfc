//! The runtime from the outside.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

mod attest;
mod endurance;
mod engine;
mod flights;
mod graphs;
mod images;
mod looks;
mod mended;
mod network;
mod solve;
mod sources;
mod steps;
mod support;
mod why;
