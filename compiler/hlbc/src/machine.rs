//! A build on this machine, from its options to its end.
//!
//! Owns the order of things: is the machine fit, then the state directory, then the build with its progress, then the words
//! for how it failed.

use std::collections::BTreeSet;
use std::sync::Arc;

use hlb_compiler::Request;
use hlb_language::source::SourceMap;
use hlb_runtime::{CacheLimits, Config, Entitlement, Network, OciRuntime, PreflightError, Runtime};
use tokio_util::sync::CancellationToken;

use crate::cli::{Allow, MachineArgs};
use crate::config::Places;
use crate::deliver::Terms;
use crate::error::{Failure, Kind};
use crate::execute::{Broken, Executor};
use crate::program::Kept;
use crate::progress::{Ended, Progress};
use crate::report::Screen;
use crate::world::Outside;
use crate::{cli, failure, interrupt};

/// Downloads wait for others more than they compute.
const FEWEST_JOBS: usize = 4;

/// A machine that is ready to build.
pub(crate) struct Machine {
    pub(crate) tokio: tokio::runtime::Runtime,
    /// Cancelled by signals.
    pub(crate) cancel: CancellationToken,
    pub(crate) runtime: Runtime,
    progress: cli::Progress,
    limits: CacheLimits,
    /// What has been told about the state directory.
    told: Vec<String>,
}

/// A build that is being shown.
pub(crate) struct Building<'m> {
    machine: &'m Machine,
    progress: Progress,
    pub(crate) executor: Arc<Executor>,
}

/// What the options and the environment say about this machine.
///
/// # Errors
/// If they say what cannot be used.
pub(crate) fn config(args: &MachineArgs) -> Result<Config, Failure> {
    let places = Places::here();
    Ok(Config {
        root: std::path::absolute(places.root(args.root.as_deref())?)
            .map_err(|error| Failure::new(Kind::Environment, "the working directory is gone").because(error))?,
        oci: OciRuntime { program: places.runc() },
        registry: places.registries()?,
        jobs: args.jobs.map_or_else(default_jobs, usize::from),
        network: Network::Host,
    })
}

impl Machine {
    /// Makes the machine ready. Must be called before the first thread starts.
    ///
    /// # Errors
    /// If it cannot build.
    pub(crate) fn open(config: Config, args: &MachineArgs) -> Result<Self, Failure> {
        let limits = Places::here().cache()?;
        hlb_runtime::preflight(&config.root, &config.oci, config.network).map_err(unfit)?;
        // Before the first thread: a namespace belongs to threads, and those to come inherit it.
        hlb_runtime::isolate_mounts()
            .map_err(|error| Failure::new(Kind::Environment, "cannot make a mount namespace").because(error))?;
        let (tokio, cancel) = interrupt::start()?;
        let runtime = tokio.block_on(Runtime::open(config)).map_err(|error| failure::plain(&error))?;
        let told = runtime.state().notices();
        warn(&told);
        Ok(Self { tokio, cancel, runtime, progress: args.progress, limits, told })
    }

    /// Does a request and shows how it goes. `sources` are the texts that its exports stand in.
    ///
    /// # Errors
    /// If it failed or was interrupted; why has been told then, or is in the failure.
    pub(crate) fn build(
        &self,
        request: Request,
        allow: BTreeSet<Entitlement>,
        sources: &SourceMap,
        screen: Screen,
    ) -> Result<(), Failure> {
        self.begin(allow)?.finish(request, sources, screen)
    }

    /// Begins to show how a build goes whose request is not known yet.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn begin(&self, allow: BTreeSet<Entitlement>) -> Result<Building<'_>, Failure> {
        let progress = Progress::start(self.progress)
            .map_err(|error| Failure::new(Kind::Environment, "cannot start a thread").because(error))?;
        let terms = Terms { allow, build: None, keep_failed: false };
        let executor = Arc::new(Executor::new(self.runtime.clone(), progress.sink(), terms));
        Ok(Building { machine: self, progress, executor })
    }
}

impl Drop for Machine {
    /// Sees to the state directory when nobody waits for a result any more. A build that is done has not failed because of that.
    fn drop(&mut self) {
        if self.cancel.is_cancelled() {
            return;
        }
        let notices = self.runtime.state().notices();
        if notices != self.told {
            warn(&notices);
        }
        if let Err(error) = self.tokio.block_on(self.runtime.tidy(self.limits, &self.cancel)) {
            warn(&[format!("the state directory cannot be tidied up: {error}")]);
        }
    }
}

/// Tells what is nobody's failure.
fn warn(notices: &[String]) {
    for notice in notices {
        Screen::stderr().write(format!("warning: {notice}\n").as_bytes());
    }
}

impl<'m> Building<'m> {
    /// Does the request.
    ///
    /// # Errors
    /// If it failed or was interrupted; why has been told then, or is in the failure.
    pub(crate) fn finish(self, request: Request, sources: &SourceMap, screen: Screen) -> Result<(), Failure> {
        let Machine { tokio, cancel, .. } = self.machine;
        let done = tokio.block_on(self.executor.execute(request, cancel.clone()));
        let ended = self.progress.end(done.is_ok());
        match done {
            Ok(()) => Ok(()),
            Err(_) if cancel.is_cancelled() => Err(interrupt::interrupted()),
            Err(broken) => Err(failure::tell(&broken, sources, &ended, screen)),
        }
    }

    /// Does one request of several, whatever becomes of it.
    ///
    /// # Errors
    /// If it failed or was interrupted; that has not been told.
    pub(crate) fn attempt(&self, request: Request) -> Result<(), Box<Broken>> {
        let Machine { tokio, cancel, .. } = self.machine;
        tokio.block_on(Arc::clone(&self.executor).execute(request, cancel.clone()))
    }

    /// What a program that is evaluated can reach from here.
    pub(crate) fn outside(&self, kept: &Kept) -> Outside<'m> {
        Outside {
            handle: self.machine.tokio.handle().clone(),
            cancel: self.machine.cancel.clone(),
            images: Some(self.machine.runtime.images()),
            executor: Some(Arc::clone(&self.executor)),
            runs: true,
            repositories: kept.repositories.clone(),
        }
    }

    /// Waits until everything has been shown of what has happened so far.
    pub(crate) fn settle(&self) {
        self.progress.settle();
    }

    /// Ends what is shown of a build without a request, or of several.
    pub(crate) fn abandon(self) -> Ended {
        self.progress.end(false)
    }

    /// The same where a failure keeps the request from being made. One after an interruption comes from that.
    pub(crate) fn refuse(self, failure: Failure) -> Failure {
        self.progress.end(false);
        if self.machine.cancel.is_cancelled() { interrupt::interrupted() } else { failure }
    }

    /// Tells why there will be no request: `tell` tells what is wrong with the program, and a step that failed while it was
    /// evaluated is told with its place and its log.
    pub(crate) fn give_up(self, sources: &SourceMap, screen: Screen, tell: impl FnOnce() -> Failure) -> Failure {
        let ended = self.progress.end(false);
        let failure = tell();
        match self.executor.broken() {
            Some(broken) if !self.machine.cancel.is_cancelled() => failure::tell(&broken, sources, &ended, screen),
            _ => failure,
        }
    }
}

/// What steps may do, in the words of the runtime.
pub(crate) fn entitlements(allow: &[Allow]) -> BTreeSet<Entitlement> {
    let entitlement = |allow: &Allow| match allow {
        Allow::NetworkHost => Entitlement::NetworkHost,
        Allow::SecurityInsecure => Entitlement::SecurityInsecure,
    };
    allow.iter().map(entitlement).collect()
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
