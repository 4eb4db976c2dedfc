//! Solves LLB in process: a `Definition` goes in, a file system comes out.
//!
//! ```text
//!   Definition ──► Graph (hlb-llb) ──► solver: keys, cache, single flight ──► ops: source · exec · file · merge · diff
//!                                                                              │
//!                        export: directory · tar ◄── snapshot (overlay layers) ◄┘ ──► store: blobs, metadata
//! ```
//!
//! Has never heard of HLB: anything that makes LLB can use it. [`Runtime`] is the entry point; [`isolate_mounts`] must have been
//! called before, on the thread from which all others come.
#![deny(unsafe_code)]

mod admission;
mod capabilities;
mod content_hash;
mod engine;
mod error;
mod exec;
mod export;
mod glob;
mod ops;
mod parallel;
mod pattern;
mod runtime;
pub mod select;
mod snapshot;
mod solver;
mod sys;
mod tree;

pub use error::{ErrorKind, SolveError};
pub use exec::{PreflightError, preflight};
pub use runtime::{
    Config, Entitlement, ExportTarget, Exported, ImageExport, ImageTarget, Runtime, SolveRequest, Solved,
};
pub use solver::job::StatusSink;
pub use sys::namespace::isolate_mounts;
