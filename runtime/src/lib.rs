//! Solves LLB in process.
//!
//! Takes a `Definition` and has never heard of HLB: anything that makes LLB can use it.

#[expect(dead_code, reason = "the solver that uses it is a part of its own")]
mod exec;
#[expect(dead_code, reason = "the solver that uses it is a part of its own")]
mod snapshot;
#[expect(dead_code, reason = "the solver that uses it is a part of its own")]
mod sys;

pub use sys::namespace::isolate_mounts;
