//! What path patterns select: globs, lists in the manner of `.dockerignore`, and paths that are wanted with what their
//! links point to.
//!
//! ```text
//!   text ──► Glob · Patterns ──► Filter: judges each path of a walk
//!   followed paths ──► follow::resolve ──► more patterns to include
//! ```
//!
//! Every way of taking a user's directory in uses these, so that each takes the same files. Walking is the caller's.
#![forbid(unsafe_code)]

pub mod follow;
pub mod glob;
mod pattern;

pub use glob::{Glob, InvalidGlob};
pub use pattern::{Filter, InvalidPattern, Patterns, Trail, Trails, Verdict};
