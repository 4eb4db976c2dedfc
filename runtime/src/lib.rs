//! Solves LLB in process: a `Definition` goes in, a file system comes out.
//!
//! ```text
//!   Definition ──► Graph (hlb-llb) ──► solver: keys, cache, single flight ──► ops: source · exec · file · merge · diff
//!                                                                              │
//!                        export: directory · tar · image ◄── snapshot (overlay layers) ◄┘ ──► store: blobs, metadata
//! ```
//!
//! Has never heard of HLB: anything that makes LLB can use it. [`Runtime`] is the entry point; [`isolate_mounts`] must have been
//! called before, on the thread from which all others come.
#![deny(unsafe_code)]

mod access;
mod admission;
mod capabilities;
mod content_hash;
mod engine;
mod error;
mod exec;
mod export;
mod layer_blob;
mod ops;
mod parallel;
mod process;
mod runtime;
pub mod select;
mod snapshot;
mod solver;
mod sys;
mod tree;

pub use access::{Contents, Entry};
pub use capabilities::SUPPORTED as CAPABILITIES;
pub use error::{ErrorKind, SolveError};
pub use exec::{PreflightError, preflight};
pub use ops::source::Outside;
pub use process::{LogSink, Program};
pub use runtime::{
    Config, Entitlement, ExportTarget, Exported, ImageExport, ImageTarget, ImageVariant, IndexExport, Runtime,
    SolveRequest, Solved,
};
pub use solver::job::StatusSink;
pub use sys::namespace::isolate_mounts;
