//! Tests of `hlb-llb` from outside.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod built;
mod corpus;
mod dump;
mod fuzz;
mod graph;
mod import;
mod load;
mod memory;
mod ops;
mod oracle;
mod replay;
mod wire;
