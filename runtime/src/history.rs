//! Builds as they are recorded.
//!
//! Owns what is noted of each step while it is looked for and runs: its number, its state, what it is made of, and its log. Where
//! the notes go is `hlb_store`'s; what they explain is said in `crate::why`.
//!
//! ```text
//!   status events ──► numbers, states, logs ─┐
//!   edges: hit · begins · ran · failed ──────┴──► end: explanations, then one transaction
//! ```
//!
//! A build in which nothing runs writes nothing before its end. As soon as something runs, it is noted that the build does, and
//! a journal beside the logs says what has begun: if the process dies, the next one finds that.

mod journal;
mod record;
mod shown;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use hlb_llb::Digest;
use hlb_llb::status::Status;
use hlb_store::{NewBuild, Outcome, Store};

pub use shown::BuildLog;

use crate::error::{ErrorKind, SolveError};
use crate::runtime::{Runtime, SolveRequest};
use crate::solver::job::StatusSink;
use crate::solver::structure::Structure;
use crate::solver::vertex::Vertex;
use crate::why::Match;
use record::Recording;

/// A build that is recorded: several solves may be of one. Cheap to clone.
#[derive(Clone)]
pub struct Build(Arc<Inner>);

/// What a caller says of a build.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    /// What was asked for, for people.
    pub title: String,
    /// Where.
    pub directory: PathBuf,
}

struct Inner {
    store: Store,
    begun: NewBuild,
    clock: Instant,
    recording: Mutex<Recording>,
}

impl Runtime {
    /// Begins to record a build. Its solves name it, and their status goes through [`Build::watch`].
    pub fn begin(&self, info: BuildInfo) -> Build {
        let begun = NewBuild { title: info.title, directory: info.directory, started_at: SystemTime::now() };
        let (store, clock) = (self.engine.store.clone(), Instant::now());
        Build(Arc::new(Inner { store, begun, clock, recording: Mutex::default() }))
    }
}

impl Build {
    /// A sink that notes events on their way to another. Secrets of the build are taken out of what steps print; steps get
    /// their numbers in the order in which the other sink sees them first.
    pub fn watch(&self, sink: StatusSink) -> StatusSink {
        let build = self.clone();
        Arc::new(move |status| build.see(status, &sink))
    }

    /// Its number in the history, as soon as something has run or the build has ended.
    pub fn number(&self) -> Option<i64> {
        self.recording().id()
    }

    /// The number of a step in it, as progress shows it, as soon as something was heard of that.
    pub fn step_number(&self, vertex: &Digest) -> Option<u32> {
        self.recording().number_of(vertex)
    }

    /// Ends the recording, and gives the number of the build. A build of nothing is not recorded and has none.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: the state directory cannot be written.
    pub fn end(&self, outcome: Outcome) -> Result<Option<i64>, SolveError> {
        let recording = std::mem::take(&mut *self.recording());
        let ended = recording.end(&self.0.store, &self.0.begun, outcome);
        let id = ended.map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
        // Also of a build that is told to end twice, the number is known.
        self.recording().keep_id(id);
        Ok(id)
    }

    /// A solve is part of it.
    pub(crate) fn solving(&self, request: &SolveRequest) {
        let mut recording = self.recording();
        if let Some(source) = &request.definition.source {
            recording.add_source(source);
        }
        for path in request.secrets.values() {
            recording.add_secret(path);
        }
    }

    /// A step is about to run, as nothing was found for it.
    pub(crate) fn begins(&self, vertex: &Vertex, structure: Structure) {
        self.recording().begins(&vertex.digest, structure);
    }

    /// A step was found, for the first time in a solve.
    pub(crate) fn hit(&self, vertex: &Vertex, how: Match, structure: Structure) {
        self.recording().hit(&vertex.digest, how, structure);
    }

    /// A step has run to its end and is in the cache. Called for each of its outputs that is asked for.
    pub(crate) fn ran(&self, vertex: &Vertex, structure: Structure, took: Duration) {
        self.recording().ran(&vertex.digest, structure, took);
    }

    /// A step has failed, or was cancelled.
    pub(crate) fn failed(&self, vertex: &Vertex, error: &SolveError, took: Duration) {
        self.recording().failed(&vertex.digest, error.kind() == ErrorKind::Cancelled, took);
    }

    fn see(&self, status: Status, sink: &StatusSink) {
        let at = self.0.clock.elapsed();
        let mut recording = self.recording();
        match status {
            Status::Log { vertex, stream, data } => {
                let is_new = recording.number(&vertex);
                let data = recording.printed(&self.0.store, &self.0.begun, &vertex, stream, at, data);
                // Nobody may overtake the first event of a step, since it gives the step its number.
                let guard = is_new.then_some(recording);
                if !data.is_empty() || guard.is_some() {
                    sink(Status::Log { vertex, stream, data });
                }
            }
            Status::Progress { ref vertex, .. } => {
                let is_new = recording.number(vertex);
                let _guard = is_new.then_some(recording);
                sink(status);
            }
            Status::Warning { .. } => sink(status),
            Status::Completed { ref vertex, .. } => {
                for (stream, data) in recording.said_all(vertex, at) {
                    sink(Status::Log { vertex: vertex.clone(), stream, data });
                }
                recording.see(&self.0.store, &self.0.begun, &status);
                sink(status);
            }
            Status::Graph(_) | Status::Started { .. } | Status::Cached { .. } => {
                recording.see(&self.0.store, &self.0.begun, &status);
                sink(status);
            }
        }
    }

    fn recording(&self) -> MutexGuard<'_, Recording> {
        self.0.recording.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Build {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Build").field("number", &self.number()).finish_non_exhaustive()
    }
}
