//! Solves LLB in process: a `Definition` goes in, a file system comes out.
//!
//! ```text
//!   Definition ──► Graph (hlb-llb) ──► solver: keys, cache, single flight ──► ops: source · exec · file · merge · diff
//!                                                                              │
//!                        export: directory · tar · image ◄── snapshot (overlay layers) ◄┘ ──► store: blobs, metadata
//! ```
//!
//! Has never heard of HLB: anything that makes LLB can use it. [`Runtime`] is the entry point; [`isolate`] must have been
//! called before, on the thread from which all others come.
#![deny(unsafe_code)]

mod access;
mod admission;
mod attest;
mod capabilities;
mod collect;
mod content_hash;
mod debug;
mod engine;
mod error;
mod exec;
mod export;
mod history;
mod layer_blob;
mod log_file;
mod mend;
mod ops;
mod parallel;
mod process;
mod pull;
mod remote;
mod runtime;
pub mod select;
mod snapshot;
mod solver;
mod state;
mod sys;
mod tree;
mod why;

pub use access::{Contents, Entry};
pub use attest::{Attestations, ProgramSource, Provenance, Sbom, SlsaVersion, Statement, Subject};
pub use capabilities::SUPPORTED as CAPABILITIES;
pub use collect::{CacheLimits, Disk, Space};
pub use debug::{DebugRequest, FailedStep, Visited};
pub use error::{ErrorKind, SolveError};
pub use exec::network::Network;
pub use exec::runc::OciRuntime;
pub use exec::{PreflightError, preflight};
pub use export::options::{Annotations, Compression, FileOptions, ImageOptions, Place, PlatformAnnotation};
pub use history::{Build, BuildInfo, BuildLog};
pub use hlb_store::{
    BuildRow, Collected, Filter, FilterError, NewBuild, Outcome, Policy, RecordType, StepRow, StepState, UsageId,
    UsageInfo,
};
pub use log_file::LogPiece;
pub use ops::source::Outside;
pub use process::{LogSink, Program};
pub use remote::{
    CacheCollector, CacheExported, CacheImports, CacheMode, CacheMount, CachePlace, CacheSource, CacheTarget,
    MovedMounts, Which,
};
pub use runtime::{
    Config, Entitlement, ExportTarget, Exported, Hints, ImageExport, ImageTarget, ImageVariant, IndexExport, Runtime,
    SolveRequest, Solved,
};
pub use snapshot::limit::LayerLimits;
pub use solver::job::StatusSink;
pub use state::State;
pub use sys::rootless::{IsolateError, Privilege, Switch, isolate};
pub use why::{Cause, Explanation, FileChanges, Gone, Match, SourcePart, Unfinished, Why};
