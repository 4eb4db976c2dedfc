//! A program that is built on this machine, up to where its targets or tests are evaluated.
//!
//! Owns the order of things for `run` and `test`: the program first, then the machine. Who has made a mistake wants to know it,
//! whatever the machine lacks.

use camino::Utf8PathBuf;
use hlb_compiler::Checked;
use hlb_runtime::{Attestations, Config, Entitlement, Hints, ProgramSource};

use crate::cli::BuildArgs;
use crate::error::Failure;
use crate::machine::{self, Building, Machine, Title};
use crate::program::{self, Kept};
use crate::report::{Channel, Screen};
use crate::repository;
use crate::shared::Caches;
use crate::world::OsWorld;

/// What makes graphs of programs, as provenance names it.
const FRONTEND: &str = "hlb";

/// A program, and where it is to be built.
pub(crate) struct Site<'a> {
    args: &'a BuildArgs,
    pub(crate) screen: Screen,
    config: Config,
    caches: Caches,
    file: Utf8PathBuf,
    pub(crate) kept: Kept,
}

impl<'a> Site<'a> {
    /// Reads the program; none of it if modules are missing.
    ///
    /// # Errors
    /// If it has mistakes, which have been told, or what the command line names cannot be used.
    pub(crate) fn open(args: &'a BuildArgs, screen: Screen) -> Result<(Self, Option<Checked>), Failure> {
        let screen = screen.speaking(args.messages.message_format, Channel::Output);
        let config = machine::config(&args.machine)?;
        let caches = Caches::of(&args.cache)?;
        let file = program::find(&args.program.at)?;
        let kept = Kept::open(
            &file,
            Some(config.root.clone()),
            program::mode(&args.program.modules),
            &args.program.modules.trust,
        )?;
        let at_hand = program::look(&kept, &file, screen)?;
        Ok((Self { args, screen, config, caches, file, kept }, at_hand))
    }

    /// Makes the machine ready. Must be called before the first thread starts.
    ///
    /// # Errors
    /// If it cannot build.
    pub(crate) fn machine(&self) -> Result<Machine, Failure> {
        Ok(Machine::open(self.config.clone(), &self.args.machine)?.sharing(self.caches.clone()))
    }

    /// Attestations that say where the program is.
    pub(crate) fn told(&self, mut attestations: Attestations) -> Attestations {
        if let Some(provenance) = &mut attestations.provenance {
            let repository::Place { remote, commit, path } = repository::place(&self.file);
            let frontend = FRONTEND.to_owned();
            provenance.program = ProgramSource { frontend, uri: remote, commit, path, ..ProgramSource::default() };
        }
        attestations
    }

    /// Begins a build. Evaluation builds, too: for frontends, for modules, for pushes whose digest is asked for, and for what is
    /// read of results.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn begin<'s>(
        &'s self,
        machine: &'s Machine,
        title: Title,
        hints: Hints,
    ) -> Result<(Building<'s>, OsWorld<'s>), Failure> {
        let mut allow = machine::entitlements(&self.args.allow);
        allow.insert(Entitlement::NetworkHost);
        let building = machine.begin(allow, title, self.args.failure.on_failure, hints)?;
        let world = self.kept.open_world(building.outside(&self.kept));
        Ok((building, world))
    }

    /// The program with all of its modules.
    ///
    /// # Errors
    /// If it has mistakes, or modules cannot be had; that has been told.
    pub(crate) fn complete(&self, at_hand: Option<Checked>, world: &OsWorld<'_>) -> Result<Checked, Failure> {
        match at_hand {
            Some(checked) => Ok(checked),
            None => program::complete(program::check(&self.kept, world, &self.file, self.screen)?, self.screen),
        }
    }
}
