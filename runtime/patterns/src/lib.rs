//! What path patterns select: globs, lists in the manner of `.dockerignore`, and paths that are wanted with what their
//! links point to.
//!
//! ```text
//!   text ──► Glob · Patterns ──► Filter: judges each path of a walk
//!   followed paths ──► follow::resolve ──► more patterns to include
//!   ignore files ──► ignore::read ──► patterns
//!   text ──► Search: the paths of a tree that one pattern means
//! ```
//!
//! Every way of taking a user's directory in uses these, so that each takes the same files, and so does every way of looking
//! into a result. Walking is the caller's.
#![forbid(unsafe_code)]

pub mod follow;
pub mod glob;
pub mod ignore;
mod pattern;
mod search;

pub use glob::{Glob, InvalidGlob};
pub use pattern::{Filter, InvalidPattern, Patterns, Trail, Trails, Verdict};
pub use search::{MAX_FOUND, Search, TooMany};
