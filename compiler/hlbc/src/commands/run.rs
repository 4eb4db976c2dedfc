//! `hlbc run`.
//!
//! Owns the order of things: the program first, then the machine, then the build.

use std::sync::Arc;

use hlb_runtime::{Config, Runtime};

use crate::config::Places;
use crate::error::{Failure, Kind};
use crate::execute::Executor;
use crate::progress::Progress;
use crate::report::Screen;
use crate::world::{OsWorld, Outside};
use crate::{cli, failure, interrupt, program};

/// Downloads wait for others more than they compute.
const FEWEST_JOBS: usize = 4;

pub(crate) fn run(args: &cli::Run, screen: Screen) -> Result<(), Failure> {
    let places = Places::here();
    let config = Config {
        root: std::path::absolute(places.root(args.root.as_deref())?)
            .map_err(|error| Failure::new(Kind::Environment, "the working directory is gone").because(error))?,
        runc: "runc".into(),
        registry: places.registries()?,
        jobs: args.jobs.map_or_else(default_jobs, usize::from),
    };
    let file = program::find(&args.program)?;
    let checked = program::check(&OsWorld::quiet(), &file, screen)?;

    hlb_runtime::preflight(&config.root, &config.runc).map_err(unfit)?;
    // Before the first thread: a namespace belongs to threads, and those to come inherit it.
    hlb_runtime::isolate_mounts()
        .map_err(|error| Failure::new(Kind::Environment, "cannot make a mount namespace").because(error))?;
    let (tokio, cancel) = interrupt::start()?;
    let runtime = tokio.block_on(Runtime::open(config)).map_err(|error| failure::plain(&error))?;

    let (handle, images) = (tokio.handle().clone(), Some(runtime.images()));
    let world = OsWorld::open(Outside { handle, cancel: cancel.clone(), images });
    let request = program::compile(&world, &checked, &args.targets, args.platform.as_ref(), screen, &cancel)?;

    let progress = Progress::start(args.progress)
        .map_err(|error| Failure::new(Kind::Environment, "cannot start a thread").because(error))?;
    let executor = Arc::new(Executor { runtime: runtime.clone(), status: progress.sink() });
    let done = tokio.block_on(executor.execute(request, cancel.clone()));
    let ended = progress.end(done.is_ok());
    match done {
        Ok(()) => Ok(()),
        Err(_) if cancel.is_cancelled() => Err(interrupt::interrupted()),
        Err(broken) => Err(failure::tell(&broken, &checked.sources, &ended, screen)),
    }
}

fn unfit(error: hlb_runtime::PreflightError) -> Failure {
    Failure::new(Kind::Environment, error.to_string())
}

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(FEWEST_JOBS, |processors| processors.get().max(FEWEST_JOBS))
}
