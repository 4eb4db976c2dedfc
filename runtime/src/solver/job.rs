//! One solve as its vertices see it.
//!
//! Owns what belongs to a caller rather than to the engine: its directories and secrets, where status goes, how it is cancelled,
//! and the tasks that must have ended before the solve returns.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hlb_agent::Lent;
use hlb_llb::Digest;
use hlb_llb::status::{Status, Stream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::error::SolveError;
use crate::history::Build;
use crate::runtime::Entitlement;

/// Where status events go.
pub type StatusSink = Arc<dyn Fn(Status) + Send + Sync>;

/// One solve.
pub(crate) struct Job {
    pub(crate) engine: Arc<Engine>,
    pub(crate) locals: BTreeMap<String, PathBuf>,
    pub(crate) layouts: BTreeMap<String, PathBuf>,
    pub(crate) secrets: BTreeMap<String, PathBuf>,
    pub(crate) sockets: BTreeMap<String, Lent>,
    pub(crate) allow: BTreeSet<Entitlement>,
    /// Where what happens to its vertices is recorded.
    pub(crate) build: Option<Build>,
    /// Whether the files of a step that fails are kept.
    pub(crate) keep_failed: bool,
    pub(crate) cancel: CancellationToken,
    pub(crate) tasks: TaskTracker,
    pub(crate) status: StatusSink,
    /// Vertices that were reported as cached, so that each is reported once.
    pub(crate) cached: Mutex<HashSet<Digest>>,
}

impl Job {
    /// Reports that work on a vertex began.
    pub(crate) fn started(&self, vertex: &Digest) {
        (self.status)(Status::Started { vertex: vertex.clone(), at: SystemTime::now() });
    }

    /// Reports that work on a vertex ended.
    pub(crate) fn completed(&self, vertex: &Digest, error: Option<&SolveError>) {
        let error = error.map(ToString::to_string);
        (self.status)(Status::Completed { vertex: vertex.clone(), at: SystemTime::now(), error });
    }

    /// Reports that a vertex was found in the cache, the first time that it is; whether this is the first.
    pub(crate) fn found(&self, vertex: &Digest) -> bool {
        let first = self.cached.lock().unwrap_or_else(PoisonError::into_inner).insert(vertex.clone());
        if first {
            (self.status)(Status::Cached { vertex: vertex.clone(), at: SystemTime::now() });
        }
        first
    }

    /// Passes on what a vertex printed.
    pub(crate) fn log(&self, vertex: &Digest, stream: Stream, data: &[u8]) {
        (self.status)(Status::Log { vertex: vertex.clone(), stream, data: data.to_vec() });
    }

    /// Passes on how far a measured part of a vertex's work is.
    pub(crate) fn progress(&self, vertex: &Digest, name: &str, current: u64, total: Option<u64>) {
        (self.status)(Status::Progress { vertex: vertex.clone(), name: name.to_owned(), current, total });
    }

    /// An error if the caller has cancelled.
    pub(crate) fn check_cancelled(&self) -> Result<(), SolveError> {
        if self.cancel.is_cancelled() { Err(SolveError::cancelled()) } else { Ok(()) }
    }
}
