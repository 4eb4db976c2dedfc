//! Solves LLB in process.
//!
//! Takes a `Definition` and has never heard of HLB: anything that makes LLB can use it.

mod content_hash;
#[expect(dead_code, reason = "the solver that uses it is a part of its own")]
mod exec;
mod glob;
mod ops;
mod parallel;
mod pattern;
#[expect(dead_code, reason = "the solver that uses it is a part of its own")]
mod snapshot;
#[expect(dead_code, reason = "the solver that uses it is a part of its own")]
mod sys;
mod tree;

pub use sys::namespace::isolate_mounts;
