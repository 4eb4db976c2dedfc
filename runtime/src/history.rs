//! Builds as they are recorded.
//!
//! Owns what is noted of each step while it is looked for and runs. Where the notes go is `hlb_store`'s.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use hlb_llb::Digest;
use hlb_store::{Record, Store};

use crate::error::SolveError;
use crate::runtime::Runtime;
use crate::solver::structure::Structure;
use crate::solver::vertex::Vertex;
use crate::why::Match;

/// A build that is recorded: several solves may be of one. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Build(Arc<Inner>);

/// What a caller says of a build.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    /// What was asked for, for people.
    pub title: String,
    /// Where.
    pub directory: PathBuf,
}

#[derive(Debug)]
struct Inner {
    store: Store,
    info: BuildInfo,
    number: OnceLock<i64>,
    steps: Mutex<Vec<Digest>>,
}

impl Runtime {
    /// Begins to record a build. Its solves name it.
    pub fn begin(&self, info: BuildInfo) -> Build {
        let store = self.engine.store.clone();
        Build(Arc::new(Inner { store, info, number: OnceLock::new(), steps: Mutex::default() }))
    }
}

impl Build {
    /// Its number in the history, if that can be written.
    pub fn number(&self) -> Option<i64> {
        if self.0.number.get().is_none() {
            let BuildInfo { title, directory } = &self.0.info;
            let number = self.0.store.begin_build(title, &directory.to_string_lossy()).ok()?;
            let _ = self.0.number.set(number);
        }
        self.0.number.get().copied()
    }

    /// The number of a step in this build.
    pub(crate) fn step_number(&self, vertex: &Digest) -> Option<u32> {
        let mut steps = self.0.steps.lock().unwrap_or_else(PoisonError::into_inner);
        let at = steps.iter().position(|step| step == vertex).unwrap_or_else(|| {
            steps.push(vertex.clone());
            steps.len() - 1
        });
        u32::try_from(at + 1).ok()
    }

    /// A step was found, for the first time in a solve. There is no record where the step is its own memory.
    pub(crate) fn hit(&self, _vertex: &Vertex, _how: Match, _record: Option<&Record>, _structure: Structure) {}

    /// A step has run to its end and is in the cache. Called for each of its outputs that is asked for.
    pub(crate) fn ran(&self, _vertex: &Vertex, _structure: Structure, _took: Duration) {}

    /// A step has failed, or was cancelled.
    pub(crate) fn failed(&self, _vertex: &Vertex, _error: &SolveError, _took: Duration) {}
}
