//! Solves LLB in process.
//!
//! Takes a `Definition` and has never heard of HLB: anything that makes LLB can use it.

mod content_hash;
mod glob;
mod ops;
mod parallel;
mod pattern;
mod snapshot;
mod sys;
mod tree;
