//! What a debugged program has built.
//!
//! Owns the executor of a session, and how a step that fails is told: its words, its log, its places in the program.

use std::sync::Arc;

use hlb_compiler::{Request, Solve};
use hlb_language::diagnostic::Location;
use hlb_llb::pb;
use hlb_runtime::{Build, BuildInfo, Contents, Entitlement, Outcome, SolveError};
use tokio_util::sync::CancellationToken;

use super::wire::{Client, Console};
use crate::deliver::Terms;
use crate::error::Failure;
use crate::execute::{Broken, Executor};
use crate::failure;
use crate::machine::Machine;
use crate::progress::Progress;

/// What is built in a session.
pub(super) struct Builder<'m> {
    machine: &'m Machine,
    progress: Progress,
    build: Build,
    pub(super) executor: Arc<Executor>,
}

/// Why building failed.
pub(super) struct Failed {
    /// What failed, with its exit code.
    pub(super) headline: String,
    /// All there is to say.
    pub(super) text: String,
    /// The calls that asked for it, innermost first: file, line and column.
    pub(super) places: Vec<(String, usize, usize)>,
    /// The call that asked for an export, if that failed or was made for it.
    pub(super) export: Option<Location>,
    /// The build and the step, if its files were kept.
    pub(super) kept: Option<(i64, u32)>,
}

impl<'m> Builder<'m> {
    /// # Errors
    /// If the system gives no thread.
    pub(super) fn new(machine: &'m Machine, client: &Client, title: String) -> Result<Self, String> {
        let progress = Progress::writing(Console(client.clone(), Vec::new()));
        let progress = progress.map_err(|error| format!("cannot start a thread: {error}"))?;
        let directory = std::env::current_dir().unwrap_or_default();
        let build = machine.runtime.begin(BuildInfo { title, directory });
        let allow = [Entitlement::NetworkHost].into();
        let terms = Terms { allow, build: Some(build.clone()), keep_failed: true, ..Terms::default() };
        let executor = Arc::new(Executor::new(machine.runtime.clone(), build.watch(progress.sink()), terms));
        Ok(Self { machine, progress, build, executor })
    }

    /// Builds a filesystem and opens it.
    ///
    /// # Errors
    /// If that fails.
    pub(super) fn contents(&self, solve: &Solve, cancel: &CancellationToken) -> Result<Arc<Contents>, Box<Failed>> {
        let made = self.machine.tokio.block_on(self.executor.contents(solve, cancel));
        self.progress.settle();
        made.map_err(|error| self.failed(&error, solve.definition.source.as_ref(), None))
    }

    /// Does all that a program asks for.
    ///
    /// # Errors
    /// If that fails.
    pub(super) fn execute(&self, request: Request, cancel: &CancellationToken) -> Result<(), Box<Failed>> {
        let done = self.machine.tokio.block_on(Arc::clone(&self.executor).execute(request, cancel.clone()));
        self.progress.settle();
        done.map_err(|broken| self.broken(&broken))
    }

    /// Says how much was built so far, as an end.
    pub(super) fn tell_totals(&self) {
        self.progress.tell_totals();
    }

    pub(super) fn broken(&self, broken: &Broken) -> Box<Failed> {
        self.failed(&broken.error, broken.source.as_ref(), broken.export)
    }

    fn failed(&self, error: &SolveError, source: Option<&pb::Source>, export: Option<Location>) -> Box<Failed> {
        let headline = failure::headline(error);
        let mut text = headline.clone();
        if let Some(cause) = failure::causes(error) {
            text.push_str(&format!("\nbecause {cause}"));
        }
        let tail = error.vertex().map(|vertex| self.progress.tail(vertex)).unwrap_or_default();
        if !tail.is_empty() {
            text.push_str(&format!("\nthe last it printed:\n  {}", tail.join("\n  ")));
        }
        let places = error.vertex().map(|vertex| places(source, vertex.as_str())).unwrap_or_default();
        Box::new(Failed { headline, text, places, export, kept: error.failure() })
    }

    /// Ends what is recorded of the session.
    pub(super) fn end(self, outcome: Outcome) -> Result<(), Failure> {
        drop(self.executor);
        self.progress.end(false);
        self.build.end(outcome).map(drop).map_err(|error| failure::plain(&error))
    }
}

/// The calls that made an op, innermost first.
fn places(source: Option<&pb::Source>, digest: &str) -> Vec<(String, usize, usize)> {
    let Some(source) = source else { return Vec::new() };
    let Some(locations) = source.locations.get(digest) else { return Vec::new() };
    let places = locations.locations.iter().filter_map(|location| {
        let info = source.infos.get(usize::try_from(location.source_index).ok()?)?;
        let start = location.ranges.first()?.start?;
        Some((info.filename.clone(), usize::try_from(start.line).ok()?, usize::try_from(start.character).ok()?))
    });
    places.collect()
}
