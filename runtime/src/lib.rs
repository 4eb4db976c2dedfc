//! Solves LLB in process.
//!
//! Takes a `Definition` and has never heard of HLB: anything that makes LLB can use it.

mod content_hash;
mod export;
mod glob;
mod ops;
mod parallel;
mod pattern;
mod sys;
mod tree;
