//! `hlbc run`.
//!
//! Owns the order of things: the program first, then the machine, then the build.

use std::collections::BTreeSet;
use std::sync::Arc;

use hlb_runtime::{Config, Entitlement, PreflightError, Runtime};

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
        runc: places.runc(),
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

    // Evaluation builds, too: for frontends, and for pushes whose digest is asked for.
    let progress = Progress::start(args.progress)
        .map_err(|error| Failure::new(Kind::Environment, "cannot start a thread").because(error))?;
    let executor = Arc::new(Executor {
        runtime: runtime.clone(),
        status: progress.sink(),
        allow: BTreeSet::from([Entitlement::NetworkHost]),
    });
    let world = OsWorld::open(Outside {
        handle: tokio.handle().clone(),
        cancel: cancel.clone(),
        images: Some(runtime.images()),
        executor: Some(Arc::clone(&executor)),
    });
    let request = match program::evaluate(&world, &checked, &args.targets, args.platform.as_ref()) {
        Ok(request) => request,
        Err(errors) => {
            progress.end(false);
            return Err(program::tell(&errors, &checked, screen, &cancel));
        }
    };
    let done = tokio.block_on(executor.execute(request, cancel.clone()));
    let ended = progress.end(done.is_ok());
    match done {
        Ok(()) => Ok(()),
        Err(_) if cancel.is_cancelled() => Err(interrupt::interrupted()),
        Err(broken) => Err(failure::tell(&broken, &checked.sources, &ended, screen)),
    }
}

/// What a machine lacks, and how it gets it.
fn unfit(error: PreflightError) -> Failure {
    let elsewhere = "choose another directory with `--root DIR`, on a file system such as ext4, xfs or btrfs";
    let failure = |message: String| Failure::new(Kind::Environment, message);
    match error {
        PreflightError::NotRoot { uid } => {
            failure(format!("steps are mounted and contained, which only root can do, and this is user {uid}"))
                .help("run the same command with `sudo`")
        }
        PreflightError::Runtime(why) => {
            // It brings advice of its own, which the help line replaces.
            let what = why.split_once(": on Debian").map_or(why.as_str(), |(what, _)| what);
            failure(what.to_owned())
                .help("install runc with `apt-get install runc`, or put it into a directory of `PATH`")
        }
        PreflightError::Root { root, source } => {
            failure(format!("cannot write in the state directory `{}`", root.display()))
                .because(source)
                .help("choose another directory with `--root DIR`")
        }
        PreflightError::OverlayOnOverlay { root } => failure(format!(
            "the state directory `{}` is on overlayfs, which cannot hold layers of another overlay",
            root.display()
        ))
        .help(format!("{elsewhere}; in a container, on a volume")),
        PreflightError::NoOverlay { root, source } => {
            failure(format!("layers cannot be mounted in the state directory `{}`", root.display()))
                .because(source)
                .help(elsewhere)
        }
    }
}

fn default_jobs() -> usize {
    std::thread::available_parallelism().map_or(FEWEST_JOBS, |processors| processors.get().max(FEWEST_JOBS))
}
