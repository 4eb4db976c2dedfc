//! Tests of `hlb-llb` from outside.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod compare;
mod corpus;
mod draft;
mod draw;
mod dump;
mod graph;
mod load;
mod mutated;
mod oracle;
mod replay;
