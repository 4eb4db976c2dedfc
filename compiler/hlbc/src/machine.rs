//! A build on this machine, from its options to its end.
//!
//! Owns the order of things: is the machine fit, then the state directory, then the build with its progress, then the words
//! for how it failed.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::SystemTime;

use hlb_compiler::{Request, Solve};
use hlb_language::source::SourceMap;
use hlb_llb::status::Status;
use hlb_runtime::{
    Attestations, Build, BuildInfo, CacheLimits, CachePlace, Config, Entitlement, Hints, IsolateError, Network,
    OciRuntime, Outcome, PreflightError, Runtime, Switch,
};
use tokio_util::sync::CancellationToken;

use crate::cli::{Allow, MachineArgs, NetworkMode, OnFailure, OutputArgs};
use crate::commands::debug;
use crate::config::Places;
use crate::deliver::{Lendings, Terms};
use crate::error::{Failure, Kind};
use crate::execute::{Broken, Executor};
use crate::program::Kept;
use crate::progress::{Ended, Progress};
use crate::reason::{self, Look};
use crate::report::Screen;
use crate::shared::Caches;
use crate::world::Outside;
use crate::{cli, config, failure, interrupt, metadata, output};

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
    /// Those that its builds read and write.
    caches: Caches,
    /// What is said of each result.
    attestations: Attestations,
    /// What has been told about the state directory.
    told: Vec<String>,
}

/// A build that is being shown.
pub(crate) struct Building<'m> {
    machine: &'m Machine,
    progress: Progress,
    record: Record,
    pub(crate) executor: Arc<Executor>,
    on_failure: Option<OnFailure>,
}

/// What a build is called in the history, and what is told of it at its end.
#[derive(Clone, Debug)]
pub(crate) struct Title {
    /// The command, without values that may be secret.
    pub(crate) text: String,
    /// Whether it is told why its steps ran.
    pub(crate) explain: bool,
}

/// A build on its way into the history.
struct Record {
    build: Build,
    explain: bool,
}

/// What the options and the environment say about this machine.
///
/// # Errors
/// If they say what cannot be used.
pub(crate) fn config(args: &MachineArgs) -> Result<Config, Failure> {
    if args.offline {
        config::go_offline();
    }
    let places = Places::here();
    Ok(Config {
        root: std::path::absolute(places.root(args.root.as_deref())?)
            .map_err(|error| Failure::new(Kind::Environment, "the working directory is gone").because(error))?,
        oci: OciRuntime { program: args.oci_runtime.as_ref().map_or_else(|| places.runc(), PathBuf::from) },
        registry: places.registries()?,
        jobs: args.jobs.map_or_else(default_jobs, usize::from),
        network: match args.network {
            Some(NetworkMode::Host) => Network::Host,
            Some(NetworkMode::Isolated) => Network::Isolated,
            None => places.network()?.unwrap_or(Network::Host),
        },
        limits: places.limits()?,
    })
}

impl Machine {
    /// Makes the machine ready. Must be called before the first thread starts.
    ///
    /// # Errors
    /// If it cannot build.
    pub(crate) fn open(config: Config, args: &MachineArgs) -> Result<Self, Failure> {
        let limits = Places::here().cache()?;
        // Before the first thread: a namespace belongs to threads, and those to come inherit it.
        become_root()?;
        hlb_runtime::preflight(&config.root, &config.oci, config.network).map_err(unfit)?;
        let (tokio, cancel) = interrupt::start()?;
        let runtime = tokio.block_on(Runtime::open(config)).map_err(|error| failure::plain(&error))?;
        let told = runtime.state().notices();
        warn(&told);
        let (attestations, caches) = (Attestations::default(), Caches::default());
        Ok(Self { tokio, cancel, runtime, progress: args.progress, limits, caches, attestations, told })
    }

    /// Reads and writes shared caches from now on.
    pub(crate) fn sharing(mut self, caches: Caches) -> Self {
        self.caches = caches;
        self
    }

    /// Says something of the results of all builds from now on.
    pub(crate) fn attest(&mut self, attestations: Attestations) {
        self.attestations = attestations;
    }

    /// Begins to show how a build goes whose request is not known yet.
    ///
    /// # Errors
    /// If the system gives no thread.
    pub(crate) fn begin(
        &self,
        allow: BTreeSet<Entitlement>,
        title: Title,
        on_failure: Option<OnFailure>,
        hints: Hints,
    ) -> Result<Building<'_>, Failure> {
        if on_failure == Some(OnFailure::Shell) && debug::terminal().is_none() {
            return Err(Failure::new(Kind::Usage, "`--on-failure shell` needs a terminal")
                .help("use `--on-failure keep`, and then `hlbc debug`"));
        }
        let progress = Progress::start(self.progress)
            .map_err(|error| Failure::new(Kind::Environment, "cannot start a thread").because(error))?;
        let directory = std::env::current_dir().unwrap_or_default();
        let build = self.runtime.begin(BuildInfo { title: title.text, directory });
        let terms = Terms {
            allow,
            build: Some(build.clone()),
            keep_failed: on_failure.is_some(),
            hints: self.caches.hints(hints),
            epoch: output::epoch().map_err(|why| Failure::new(Kind::Usage, why))?,
            attestations: self.attestations.clone(),
        };
        let executor = Arc::new(Executor::new(self.runtime.clone(), build.watch(progress.sink()), terms));
        let record = Record { build, explain: title.explain };
        Ok(Building { machine: self, progress, record, executor, on_failure })
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
    /// Does the request, and brings the result to the outputs. `sources` are the texts that its exports stand in.
    ///
    /// # Errors
    /// If it failed or was interrupted; why has been told then, or is in the failure. If there are outputs, and what is requested is
    /// not one filesystem.
    pub(crate) fn finish(
        self,
        request: Request,
        outputs: &OutputArgs,
        sources: &SourceMap,
        screen: Screen,
    ) -> Result<(), Failure> {
        let Machine { tokio, cancel, .. } = self.machine;
        let lent = Lendings::of_request(&request);
        let executor = Arc::clone(&self.executor);
        let done = match outputs.output.as_slice() {
            [] => tokio.block_on(Arc::clone(&executor).execute(request, cancel.clone())),
            all => match only(request) {
                Some(solve) => tokio.block_on(Arc::clone(&executor).deliver(solve, all.to_vec(), cancel.clone())),
                None => {
                    return Err(self.refuse(
                        Failure::new(Kind::Usage, "`-o` takes one filesystem, and the targets are not one")
                            .help("name one target whose type is `fs`; `hlbc list` shows them"),
                    ));
                }
            },
        };
        let shared = self.share();
        let ended = self.progress.end(done.is_ok());
        let cancelled = cancel.is_cancelled();
        let number = self.record.end(self.machine, if done.is_ok() { Outcome::Done } else { unfinished(cancelled) });
        let told = metadata::tell(outputs, &executor.delivered(), number, screen);
        match done {
            Ok(()) => told.and(shared),
            Err(_) if cancel.is_cancelled() => Err(interrupt::interrupted()),
            Err(broken) => {
                let failure = failure::tell(&broken, sources, &ended, screen);
                match broken.error.failure() {
                    // The build has failed, whatever is seen there.
                    Some(kept) if self.on_failure == Some(OnFailure::Shell) => {
                        debug::open(self.machine, kept, lent, screen).and(Err(failure))
                    }
                    _ => Err(failure),
                }
            }
        }
    }

    /// Writes what has been built by now into the shared caches, also if a part of it has failed. That one cannot be written is only
    /// told, unless the build is to fail then.
    ///
    /// # Errors
    /// If it is to fail.
    pub(crate) fn share(&self) -> Result<(), Failure> {
        let Machine { tokio, cancel, runtime, caches, .. } = self.machine;
        let mut failed = Ok(());
        for target in caches.targets.iter().filter(|_| !cancel.is_cancelled()) {
            let status = self.progress.sink();
            let written = tokio.block_on(runtime.export_cache(&caches.collector, target, &status, cancel));
            let Err(error) = written else { continue };
            if cancel.is_cancelled() {
                break;
            }
            let name = match &target.to {
                CachePlace::Registry { reference } => reference.clone(),
                CachePlace::Local { directory, .. } => directory.display().to_string(),
            };
            let text = format!("the cache was not written to `{name}`");
            if target.ignore_error {
                status(Status::Warning { text: format!("{text}: {error}") });
            } else if failed.is_ok() {
                failed = Err(Failure::new(Kind::Build, text).because(error));
            }
        }
        failed
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
            cancel: self.machine.cancel.clone().into(),
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
    pub(crate) fn abandon(self, success: bool) -> Ended {
        let ended = self.progress.end(false);
        let outcome = if success { Outcome::Done } else { unfinished(self.machine.cancel.is_cancelled()) };
        self.record.end(self.machine, outcome);
        ended
    }

    /// The same where a failure keeps the request from being made. One after an interruption comes from that.
    pub(crate) fn refuse(self, failure: Failure) -> Failure {
        let machine = self.machine;
        self.abandon(false);
        if machine.cancel.is_cancelled() { interrupt::interrupted() } else { failure }
    }

    /// Tells why there will be no request: `tell` tells what is wrong with the program, and a step that failed while it was
    /// evaluated is told with its place and its log.
    pub(crate) fn give_up(self, sources: &SourceMap, screen: Screen, tell: impl FnOnce() -> Failure) -> Failure {
        let (machine, executor) = (self.machine, Arc::clone(&self.executor));
        let ended = self.abandon(false);
        let failure = tell();
        match executor.broken() {
            Some(broken) if !machine.cancel.is_cancelled() => failure::tell(&broken, sources, &ended, screen),
            _ => failure,
        }
    }
}

impl Record {
    /// Writes it, and gives its number. That it cannot be written is no reason for a build to fail.
    fn end(self, machine: &Machine, outcome: Outcome) -> Option<i64> {
        let screen = Screen::stderr();
        let number = match self.build.end(outcome) {
            Ok(number) => number,
            Err(error) => {
                screen.write(format!("warning: the build is not in the history: {error}\n").as_bytes());
                return None;
            }
        };
        let Some(shown) = number.filter(|_| self.explain) else { return number };
        match machine.runtime.state().why(Some(shown)) {
            Ok(Some(why)) => {
                let look = Look { verbose: false, step: None, colour: screen.colour(), now: SystemTime::now() };
                screen.write(format!("\n{}", reason::text(&why, &look)).as_bytes());
            }
            Ok(None) => {}
            Err(error) => screen.write(format!("warning: it cannot be told why steps ran: {error}\n").as_bytes()),
        }
        number
    }
}

/// The one filesystem that is requested.
fn only(request: Request) -> Option<Solve> {
    match request {
        Request::Solve(solve) => Some(*solve),
        Request::Sequential(parts) | Request::Parallel(parts) => {
            let mut parts = parts.into_iter();
            let one = parts.next().filter(|_| parts.len() == 0)?;
            only(one)
        }
        Request::Nil => None,
    }
}

fn unfinished(cancelled: bool) -> Outcome {
    if cancelled { Outcome::Cancelled } else { Outcome::Failed }
}

/// What steps may do, in the words of the runtime.
pub(crate) fn entitlements(allow: &[Allow]) -> BTreeSet<Entitlement> {
    let entitlement = |allow: &Allow| match allow {
        Allow::NetworkHost => Entitlement::NetworkHost,
        Allow::SecurityInsecure => Entitlement::SecurityInsecure,
    };
    allow.iter().map(entitlement).collect()
}

/// Makes this process root, of a user namespace if it is not of the machine, with mounts of its own. Must be called before the
/// first thread starts.
///
/// # Errors
/// If the machine does not let it.
pub(crate) fn become_root() -> Result<(), Failure> {
    hlb_runtime::isolate().map(drop).map_err(not_alone)
}

/// Why this process gets no mounts of its own, and what can be done.
fn not_alone(error: IsolateError) -> Failure {
    let failure = |message: String| Failure::new(Kind::Environment, message);
    match error {
        IsolateError::Mounts(source) => failure("this is root without the right to mount file systems".into())
            .because(source)
            .help("in a container, start it with `--privileged`, or build there as another user than root"),
        IsolateError::Namespace { uid, switch, source } => {
            let failure = failure(format!(
                "steps are mounted and contained in a user namespace, and the kernel gives user {uid} none"
            ))
            .because(source);
            match switch {
                Some(Switch { name, value, .. }) => failure.help(format!(
                    "`sysctl -w {name}={value}`, by root, lets users have them; or run the same command with `sudo`"
                )),
                None => failure
                    .help("in a container, start it with `--security-opt seccomp=unconfined`; elsewhere, use `sudo`"),
            }
        }
        IsolateError::Ids { program, said } => failure(format!(
            "the subordinate ids of this user cannot be had: `{program}` says: {said}"
        ))
        .help("`/etc/subuid` and `/etc/subgid` say who has which, and `newuidmap` and `newgidmap` give them out"),
    }
}

/// What a machine lacks, and how it gets it.
fn unfit(error: PreflightError) -> Failure {
    let elsewhere = "choose another directory with `--root DIR`, on a file system such as ext4, xfs or btrfs";
    let failure = |message: String| Failure::new(Kind::Environment, message);
    match error {
        PreflightError::Marks { root, user } => {
            let (by, us) = if user { ("a user", "root") } else { ("root", "this user") };
            failure(format!(
                "the state directory `{}` was made by {by}, and {us} cannot read its layers",
                root.display()
            ))
            .help("choose another directory with `--root DIR`")
        }
        PreflightError::Runtime(why) => {
            // It brings advice of its own, which the help line replaces.
            let what = why.split_once(": on Debian").map_or(why.as_str(), |(what, _)| what);
            let name = if what.contains("crun` is not installed") { "crun" } else { "runc" };
            failure(what.to_owned())
                .help(format!("install {name} with `apt-get install {name}`, or put it into a directory of `PATH`"))
        }
        PreflightError::Network(why) => failure(why).help("use `--network host`"),
        PreflightError::Processes { source } => {
            failure("processes cannot be given a `/proc` of their own, as parts of this one are hidden".into())
                .because(source)
                .help("in a container, start it with `--security-opt systempaths=unconfined`; elsewhere, use `sudo`")
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
