//! Builds that were, to look at.
//!
//! Owns what is answered about them. A build that runs is known as far as its journal goes.

use hlb_store::{BuildRow, MetaError, Outcome, StepRow, StepState};

use super::journal;
use crate::error::{ErrorKind, SolveError};
use crate::log_file::{self, LogReader};
use crate::state::State;

/// What a step of a build printed, piece by piece.
pub type BuildLog = LogReader;

impl State {
    /// The newest builds, newest first.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: the state directory cannot be read or written.
    pub fn builds(&self, most: u32) -> Result<Vec<BuildRow>, SolveError> {
        journal::bury(&self.store).map_err(environment)?;
        self.store.history().builds(most).map_err(environment)
    }

    /// A build, if it is in the history.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: the state directory cannot be read or written.
    pub fn build(&self, number: i64) -> Result<Option<BuildRow>, SolveError> {
        journal::bury(&self.store).map_err(environment)?;
        self.store.history().build(number).map_err(environment)
    }

    /// The steps of a build, in the order of their numbers.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: the state directory cannot be read.
    pub fn steps(&self, build: &BuildRow) -> Result<Vec<StepRow>, SolveError> {
        if build.outcome == Outcome::Running {
            let begun = journal::read(self.root(), build.id, StepState::Running);
            return Ok(begun.into_iter().map(|(row, _)| row).collect());
        }
        self.store.history().steps(build.id).map_err(environment)
    }

    /// What a step of a build printed; `None` if that was nothing.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: the log cannot be read.
    pub fn log(&self, build: &BuildRow, step: &StepRow) -> Result<Option<BuildLog>, SolveError> {
        let path = log_file::path(self.root(), build.id, step.number, &step.vertex);
        LogReader::open(&path).map_err(|error| {
            let sentence = format!("the log `{}` cannot be read: {error}", path.display());
            SolveError::say(ErrorKind::Environment, sentence)
        })
    }
}

fn environment(error: MetaError) -> SolveError {
    SolveError::new(ErrorKind::Environment, error)
}
