//! Builds as they are recorded.
//!
//! Owns what is noted of each step while it is looked for and runs. Where the notes go is `hlb_store`'s.

use std::time::Duration;

use hlb_store::Record;

use crate::error::SolveError;
use crate::solver::structure::Structure;
use crate::solver::vertex::Vertex;
use crate::why::Match;

/// A build that is recorded: several solves may be of one. Cheap to clone.
///
/// Nothing begins one yet.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Build {}

impl Build {
    /// A step was found, for the first time in a solve. There is no record where the step is its own memory.
    pub(crate) fn hit(&self, _vertex: &Vertex, _how: Match, _record: Option<&Record>, _structure: Structure) {}

    /// A step has run to its end and is in the cache. Called for each of its outputs that is asked for.
    pub(crate) fn ran(&self, _vertex: &Vertex, _structure: Structure, _took: Duration) {}

    /// A step has failed, or was cancelled.
    pub(crate) fn failed(&self, _vertex: &Vertex, _error: &SolveError, _took: Duration) {}
}
