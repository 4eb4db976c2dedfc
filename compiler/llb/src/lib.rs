//! LLB, BuildKit's low-level build graph: the contract between what makes graphs and what solves them.
//!
//! This crate contains no policy: it can say a graph and check it, not decide what to build.

pub mod digest;
pub mod status;

pub use digest::Digest;
