//! Running a bundle with runc or crun.
//!
//! Owns the process: how it is started, heard, ended and cleaned up after, and how the two programs differ. It does not know
//! what is in the bundle.

use std::collections::BTreeMap;
use std::ffi::{CStr, OsStr, OsString};
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hlb_llb::status::Stream;

use super::cgroup::Cgroup;
use crate::sys::namespace::{Confined, Confinement, Killer, Output};

/// Where both forms of control groups are in use, the new one is here.
const UNIFIED: &CStr = c"/sys/fs/cgroup/unified";
/// How often the control group of a container is looked at that is gone before we hear of its end.
const GLANCE: Duration = Duration::from_millis(5);
/// Read from a step at once.
const CHUNK: usize = 32 << 10;

/// What steps are run with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciRuntime {
    /// runc or crun: a path, or a name that is looked up in `PATH`.
    pub program: PathBuf,
}

/// Whose command line and habits a program has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flavour {
    Runc,
    Crun,
}

/// What a container reads from and prints to.
#[derive(Debug)]
pub(crate) enum Stdio {
    /// Nothing to read; what it prints is passed on.
    Piped,
    /// One connection for reading and printing; what it prints on standard error is passed on.
    Connection(OwnedFd),
    /// What this process has. If that is a terminal, the container gets one that is connected with it.
    Inherited,
}

/// A bundle to run.
#[derive(Debug)]
pub(crate) struct Bundle<'path> {
    pub(crate) oci: &'path OciRuntime,
    /// Its directory, with `config.json`; other files are made beside it.
    pub(crate) dir: &'path Path,
    /// Name of the container, unique on the machine.
    pub(crate) id: &'path str,
    /// What `config.json` says.
    pub(crate) cgroup: Option<&'path Cgroup>,
    /// Whether there is a limit to the memory of the container.
    pub(crate) memory_limited: bool,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The exit code of its process; 128 and the signal if one ended it.
    pub(crate) code: i32,
    /// Whether the kernel has killed some process of it for want of memory. crun takes the answer away with the container: with
    /// it this is only known if there is a limit, and not if the first process dies within milliseconds.
    pub(crate) out_of_memory: bool,
}

/// Ends what runs, from any thread, and what is started with it later.
#[derive(Clone, Debug, Default)]
pub(crate) struct Control(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    cancelled: bool,
    running: Option<Killer>,
}

/// The container could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RuncError {
    /// There is no such program.
    #[error("`{program}` is not installed: on Debian and Ubuntu, `apt-get install {}` installs it", package(program))]
    Missing {
        /// The program.
        program: PathBuf,
    },
    /// Too old.
    #[error("`{program}` is version {found}, and {oldest} or newer is needed")]
    TooOld {
        /// The program.
        program: PathBuf,
        /// Its version.
        found: String,
        /// The first version that will do.
        oldest: String,
    },
    /// It says something else than a version.
    #[error("`{program}` is neither runc nor crun: `{program} --version` says {said:?}")]
    Unknown {
        /// The program.
        program: PathBuf,
        /// What it says.
        said: String,
    },
    /// runc says why.
    #[error("cannot start the process: {reason}")]
    Start {
        /// Its words.
        reason: String,
    },
    /// runc itself ended early.
    #[error("`{program}` was ended by {status} and left nothing about it in its log")]
    Ended {
        /// The program.
        program: PathBuf,
        /// How.
        status: std::process::ExitStatus,
    },
    /// It was cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The system refused.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why it did not work.
        source: io::Error,
    },
}

impl Control {
    /// Ends what runs, and lets nothing start any more.
    pub(crate) fn cancel(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.cancelled = true;
        if let Some(killer) = &state.running {
            killer.kill();
        }
    }

    /// Whether `cancel` was called.
    pub(crate) fn is_cancelled(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).cancelled
    }

    fn started(&self, killer: Killer) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.cancelled {
            killer.kill();
        }
        state.running = Some(killer);
    }

    fn ended(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).running = None;
    }
}

impl Bundle<'_> {
    /// Runs the container to its end; `output` gets all it prints, in pieces as they come. It leaves no process, no
    /// control group and no state, however it ends.
    pub(crate) fn run(
        &self,
        stdio: Stdio,
        control: &Control,
        output: &(dyn Fn(Stream, Vec<u8>) + Sync),
    ) -> Result<Exit, RuncError> {
        if control.is_cancelled() {
            return Err(RuncError::Cancelled);
        }
        let flavour = flavour(&self.oci.program)?;
        let log = self.dir.join("runtime.json");
        let command = self.command(flavour, &log);
        let confinement = Confinement { hidden: flavour.cannot_bear() };
        let refused = |error| spawn_error(&self.oci.program, error);
        let (confined, pipes) = match stdio {
            Stdio::Piped => Confined::spawn(command, None, confinement).map_err(refused)?,
            Stdio::Connection(connection) => {
                Confined::spawn(command, Some(connection), confinement).map_err(refused)?
            }
            Stdio::Inherited => {
                (Confined::attach(command, confinement).map_err(refused)?, Output { stdout: None, stderr: None })
            }
        };
        control.started(confined.killer());
        let ended = AtomicBool::new(false);
        // All ends of the pipes are in the container's process namespace, so both come to an end with it.
        let (read, status, seen) = std::thread::scope(|scope| {
            let watched = self.cgroup.filter(|_| self.memory_limited && flavour == Flavour::Crun);
            let watcher = watched.map(|cgroup| scope.spawn(|| watch_memory(cgroup, &ended)));
            let other = scope.spawn(|| pipes.stderr.map_or(Ok(()), |stderr| forward(stderr, Stream::Stderr, output)));
            let read = pipes.stdout.map_or(Ok(()), |stdout| forward(stdout, Stream::Stdout, output));
            let other = other.join().unwrap_or_else(|_| Err(io::Error::other("a reader panicked")));
            let status = confined.wait();
            control.ended();
            ended.store(true, Ordering::Relaxed);
            let seen = watcher.is_some_and(|watcher| watcher.join().unwrap_or(false));
            (read.and(other), status, seen)
        });
        let out_of_memory = seen || self.cgroup.is_some_and(Cgroup::ran_out_of_memory);
        if let Some((cgroup, Err(error))) = self.cgroup.map(|cgroup| (cgroup, cgroup.remove())) {
            // Empty and in nobody's way: no reason for a step to fail.
            tracing::warn!(cgroup = %cgroup.path().display(), %error, "control group not removed");
        }
        if control.is_cancelled() {
            return Err(RuncError::Cancelled);
        }
        let status = status.map_err(io_error("wait for the OCI runtime"))?;
        read.map_err(io_error("read the output of a container"))?;
        match status.code() {
            Some(0) => Ok(Exit { code: 0, out_of_memory }),
            // It ends like its container does; if it could not run one, it has said so.
            Some(code) => match last_error(&log) {
                Some(reason) => Err(RuncError::Start { reason }),
                None => Ok(Exit { code, out_of_memory }),
            },
            None => Err(RuncError::Ended { program: self.oci.program.clone(), status }),
        }
    }

    fn command(&self, flavour: Flavour, log: &Path) -> Command {
        let mut command = Command::new(locate(&self.oci.program));
        command.arg("--root").arg(self.dir.join("state")).arg("--log");
        match flavour {
            // It keeps its state, so that the control group can be asked how the container ended.
            Flavour::Runc => command.arg(log).args(["--log-format", "json", "run", "--keep"]),
            Flavour::Crun => {
                let mut place = OsString::from("file:");
                place.push(log);
                let manager = if self.cgroup.is_some() { "cgroupfs" } else { "disabled" };
                command.arg(place).args(["--log-format", "json", "--cgroup-manager", manager, "run"])
            }
        };
        command.arg("--bundle").arg(self.dir).arg(self.id);
        command
    }
}

/// Whether a container is seen to want more memory than it may have, up to its end.
fn watch_memory(cgroup: &Cgroup, ended: &AtomicBool) -> bool {
    while !ended.load(Ordering::Relaxed) {
        if cgroup.ran_out_of_memory() {
            return true;
        }
        std::thread::sleep(GLANCE);
    }
    false
}

impl Flavour {
    fn name(self) -> &'static str {
        match self {
            Self::Runc => "runc",
            Self::Crun => "crun",
        }
    }

    /// The first version that can do what is needed: runc's `run` can leave the container's state behind, crun's knows the JSON
    /// form of its log.
    fn oldest(self) -> (u32, u32) {
        match self {
            Self::Runc => (1, 1),
            Self::Crun => (1, 8),
        }
    }

    /// crun refuses to work where the new form of control groups is mounted beside the old one, though nothing is in its way.
    fn cannot_bear(self) -> Option<&'static CStr> {
        let hybrid = || {
            let unified = Path::new(OsStr::from_bytes(UNIFIED.to_bytes()));
            unified.join("cgroup.procs").exists() && !Path::new("/sys/fs/cgroup/cgroup.procs").exists()
        };
        (self == Self::Crun && hybrid()).then_some(UNIFIED)
    }
}

/// Which of the two a program is, if it can do what is needed. Asked once in a process.
pub(crate) fn flavour(program: &Path) -> Result<Flavour, RuncError> {
    static KNOWN: Mutex<BTreeMap<PathBuf, Flavour>> = Mutex::new(BTreeMap::new());
    let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(flavour) = known().get(program) {
        return Ok(*flavour);
    }
    let out = Command::new(locate(program)).arg("--version").output().map_err(|error| spawn_error(program, error))?;
    let flavour = read_version(program, &String::from_utf8_lossy(&out.stdout))?;
    known().insert(program.to_owned(), flavour);
    Ok(flavour)
}

/// What the first line says that a program prints about its version.
fn read_version(program: &Path, printed: &str) -> Result<Flavour, RuncError> {
    let said = printed.lines().next().unwrap_or_default();
    let unknown = || RuncError::Unknown { program: program.to_owned(), said: said.to_owned() };
    let mut words = said.split(' ');
    let flavour = match (words.next(), words.next()) {
        (Some("runc"), Some("version")) => Flavour::Runc,
        (Some("crun"), Some("version")) => Flavour::Crun,
        _ => return Err(unknown()),
    };
    let found = words.next().unwrap_or_default();
    let oldest = flavour.oldest();
    if version(found).ok_or_else(unknown)? < oldest {
        let oldest = format!("{}.{}", oldest.0, oldest.1);
        return Err(RuncError::TooOld { program: program.to_owned(), found: found.to_owned(), oldest });
    }
    Ok(flavour)
}

/// The Debian package that a program is in.
fn package(program: &Path) -> &'static str {
    let is_crun = program.file_name().is_some_and(|name| name == Flavour::Crun.name());
    if is_crun { Flavour::Crun.name() } else { Flavour::Runc.name() }
}

/// The path of a program that is given by path or name. Daemons and sudo often leave the system directories out of `PATH`.
pub(crate) fn locate(program: &Path) -> PathBuf {
    if program.as_os_str().as_encoded_bytes().contains(&b'/') {
        return program.to_owned();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let mut places = std::env::split_paths(&path).chain(more).map(|dir| dir.join(program));
    places.find(|path| path.is_absolute() && path.is_file()).unwrap_or_else(|| program.to_owned())
}

fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit());
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

fn forward(mut from: impl Read, stream: Stream, output: &(dyn Fn(Stream, Vec<u8>) + Sync)) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(length) => output(stream, buffer.get(..length).unwrap_or_default().to_owned()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// What it says went wrong.
fn last_error(log: &Path) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Line {
        level: String,
        msg: String,
    }
    let text = std::fs::read_to_string(log).ok()?;
    let mut lines = text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok());
    let reason = lines.rfind(|line| line.level == "error")?.msg;
    let reason = reason.strip_prefix("runc run failed: ").unwrap_or(&reason);
    Some(reason.strip_prefix("unable to start container process: ").unwrap_or(reason).to_owned())
}

fn spawn_error(program: &Path, source: io::Error) -> RuncError {
    match source.kind() {
        io::ErrorKind::NotFound => RuncError::Missing { program: program.to_owned() },
        _ => RuncError::Io { action: "start the OCI runtime in namespaces of its own", source },
    }
}

fn io_error(action: &'static str) -> impl FnOnce(io::Error) -> RuncError {
    move |source| RuncError::Io { action, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_distributions_print() {
        assert_eq!(version("1.1.5+ds1"), Some((1, 1)));
        assert_eq!(version("1.0.0~rc93+ds1"), Some((1, 0)));
        assert_eq!(version("1.4.3-0ubuntu1"), Some((1, 4)));
        assert_eq!(version("unknown"), None);
    }

    #[test]
    fn the_last_error_of_the_log_is_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let check = |text: &str, expected: Option<&str>| {
            std::fs::write(&log, text).unwrap();
            assert_eq!(last_error(&log).as_deref(), expected);
        };
        check("", None);
        check("{\"level\":\"warning\",\"msg\":\"unknown system call\",\"time\":\"x\"}\n", None);
        check(
            "{\"level\":\"error\",\"msg\":\"runc run failed: no such file\"}\n{\"level\":\"info\",\"msg\":\"x\"}\nhalf",
            Some("no such file"),
        );
        assert_eq!(last_error(&dir.path().join("none")), None);
    }

    #[test]
    fn programs_that_are_neither_are_refused() {
        let text = |program: &str| flavour(Path::new(program)).unwrap_err().to_string();
        let missing = |name: &str| {
            format!("`/nowhere/{name}` is not installed: on Debian and Ubuntu, `apt-get install {name}` installs it")
        };
        assert_eq!(text("/nowhere/runc"), missing("runc"));
        assert_eq!(text("/nowhere/crun"), missing("crun"));
        assert!(text("/bin/cat").starts_with("`/bin/cat` is neither runc nor crun: `/bin/cat --version` says \"cat ("));
    }

    #[test]
    fn the_first_line_says_which_it_is() {
        let check = |printed: &str, expected: Result<Flavour, &str>| {
            let found = read_version(Path::new("x"), printed).map_err(|error| error.to_string());
            assert_eq!(found, expected.map_err(str::to_owned), "{printed}");
        };
        check("runc version 1.1.5+ds1\ncommit: x\n", Ok(Flavour::Runc));
        check("crun version 1.8.1\nspec: 1.0.0\n", Ok(Flavour::Crun));
        check("runc version 1.0.0~rc93+ds1\n", Err("`x` is version 1.0.0~rc93+ds1, and 1.1 or newer is needed"));
        check("crun version 1.5\n", Err("`x` is version 1.5, and 1.8 or newer is needed"));
        check(
            "crun version UNKNOWN\n",
            Err("`x` is neither runc nor crun: `x --version` says \"crun version UNKNOWN\""),
        );
        check("youki version 0.3\n", Err("`x` is neither runc nor crun: `x --version` says \"youki version 0.3\""));
        check("", Err("`x` is neither runc nor crun: `x --version` says \"\""));
    }
}
