//! Solves LLB in process.
//!
//! Takes a `Definition` and has never heard of HLB: anything that makes LLB can use it.

#[cfg_attr(not(test), expect(dead_code, reason = "the solver will use it"))]
mod content_hash;
#[cfg_attr(not(test), expect(dead_code, reason = "the solver will use it"))]
mod export;
mod glob;
#[cfg_attr(not(test), expect(dead_code, unused_imports, reason = "the solver will use it"))]
mod ops;
mod parallel;
mod pattern;
#[expect(dead_code, reason = "the executor will use it")]
mod sys;
mod tree;
