//! Running a bundle with runc.
//!
//! Owns the process: how it is started, heard, ended and cleaned up after. It does not know what is in the bundle.

use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};

use hlb_llb::status::Stream;

use super::cgroup::Cgroup;
use crate::sys::namespace::{Confined, Killer};

/// The first version whose `run` can leave the container's state behind for us to look at.
const OLDEST: (u32, u32) = (1, 1);
/// Read from a step at once.
const CHUNK: usize = 32 << 10;

/// What steps are run with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OciRuntime {
    /// A path, or a name that is looked up in `PATH`.
    pub program: PathBuf,
}

/// A bundle to run.
#[derive(Debug)]
pub(crate) struct Bundle<'path> {
    /// The program.
    pub(crate) runc: &'path Path,
    /// Its directory, with `config.json`; other files are made beside it.
    pub(crate) dir: &'path Path,
    /// Name of the container, unique on the machine.
    pub(crate) id: &'path str,
    /// What `config.json` says.
    pub(crate) cgroup: Option<&'path Cgroup>,
}

/// How a container ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Exit {
    /// The exit code of its process; 128 and the signal if one ended it.
    pub(crate) code: i32,
    /// Whether the kernel has killed some process of it for want of memory.
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
    #[error("`{program}` is not installed: on Debian and Ubuntu, `apt-get install runc` installs it")]
    Missing {
        /// The program.
        program: PathBuf,
    },
    /// Too old.
    #[error("`{program}` is version {found}, and 1.1 or newer is needed")]
    TooOld {
        /// The program.
        program: PathBuf,
        /// Its version.
        found: String,
    },
    /// It says something else than a version.
    #[error("`{program} --version` says {said:?}, which is no version of runc")]
    NotRunc {
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
    #[error("`runc` was ended by {status} and left nothing about it in its log")]
    Ended {
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
        connection: Option<OwnedFd>,
        control: &Control,
        output: &(dyn Fn(Stream, Vec<u8>) + Sync),
    ) -> Result<Exit, RuncError> {
        let (state, log) = (self.dir.join("state"), self.dir.join("runc.json"));
        let mut command = Command::new(locate(self.runc));
        command.arg("--root").arg(&state).arg("--log").arg(&log).args(["--log-format", "json", "run", "--keep"]);
        command.arg("--bundle").arg(self.dir).arg(self.id);
        if control.is_cancelled() {
            return Err(RuncError::Cancelled);
        }
        let (confined, pipes) = Confined::spawn(command, connection).map_err(|error| spawn_error(self.runc, error))?;
        control.started(confined.killer());
        // All ends of the pipes are in the container's process namespace, so both come to an end with it.
        let (read, status) = std::thread::scope(|scope| {
            let other = scope.spawn(|| forward(pipes.stderr, Stream::Stderr, output));
            let read = pipes.stdout.map_or(Ok(()), |stdout| forward(stdout, Stream::Stdout, output));
            let other = other.join().unwrap_or_else(|_| Err(io::Error::other("a reader panicked")));
            let status = confined.wait();
            control.ended();
            (read.and(other), status)
        });
        let out_of_memory = self.cgroup.is_some_and(Cgroup::ran_out_of_memory);
        if let Some((cgroup, Err(error))) = self.cgroup.map(|cgroup| (cgroup, cgroup.remove())) {
            // Empty and in nobody's way: no reason for a step to fail.
            tracing::warn!(cgroup = %cgroup.path().display(), %error, "control group not removed");
        }
        if control.is_cancelled() {
            return Err(RuncError::Cancelled);
        }
        let status = status.map_err(io_error("wait for runc"))?;
        read.map_err(io_error("read the output of a container"))?;
        match status.code() {
            Some(0) => Ok(Exit { code: 0, out_of_memory }),
            // runc ends like its container does; if it could not run one, it has said so.
            Some(code) => match last_error(&log) {
                Some(reason) => Err(RuncError::Start { reason }),
                None => Ok(Exit { code, out_of_memory }),
            },
            None => Err(RuncError::Ended { status }),
        }
    }
}

/// Checks that the program is a runc that can do what is needed.
pub(crate) fn check(program: &Path) -> Result<(), RuncError> {
    let out = Command::new(locate(program)).arg("--version").output().map_err(|error| spawn_error(program, error))?;
    let said = String::from_utf8_lossy(&out.stdout).lines().next().unwrap_or_default().to_owned();
    let not_runc = || RuncError::NotRunc { program: program.to_owned(), said: said.clone() };
    let found = said.strip_prefix("runc version ").ok_or_else(not_runc)?;
    if version(found).ok_or_else(not_runc)? < OLDEST {
        return Err(RuncError::TooOld { program: program.to_owned(), found: found.to_owned() });
    }
    Ok(())
}

/// The path of a program that is given by path or name. Daemons and sudo often leave the system directories out of `PATH`.
pub(super) fn locate(program: &Path) -> PathBuf {
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

/// What runc says went wrong.
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
        _ => RuncError::Io { action: "start runc in namespaces of its own", source },
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
    fn programs_that_are_not_runc_are_refused() {
        let text = |program: &str| check(Path::new(program)).unwrap_err().to_string();
        assert_eq!(
            text("/nowhere/runc"),
            "`/nowhere/runc` is not installed: on Debian and Ubuntu, `apt-get install runc` installs it"
        );
        assert!(text("/bin/cat").ends_with("which is no version of runc"), "{}", text("/bin/cat"));
    }
}
