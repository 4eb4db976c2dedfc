//! Tests of `hlb-llb` from outside.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod built;
mod compare;
mod corpus;
mod draft;
mod draw;
mod dump;
mod fuzz;
mod graph;
mod import;
mod load;
mod memory;
mod mutated;
mod ops;
mod oracle;
mod replay;
mod wire;
