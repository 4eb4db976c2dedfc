//! Why a process of a graph failed.
//!
//! Owns the words for it, and which sort of failure each is.

use std::fmt;
use std::io;
use std::path::PathBuf;

use hlb_agent::AgentError;

use super::cache::CacheError;
use crate::error::ErrorKind;
use crate::exec::StepError;
use crate::exec::runc::RuncError;
use crate::snapshot::{Snapshot, SnapshotError};

/// A process could not be run, or failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExecError {
    /// It ended with a code that does not count as success.
    #[error("process \"{args}\" did not complete successfully: exit code: {code}{}", Ending(*code, *out_of_memory))]
    Exit {
        /// The code.
        code: i32,
        /// Program and arguments.
        args: String,
        /// The kernel killed a process of it for want of memory.
        out_of_memory: bool,
    },
    /// It did not even start.
    #[error("process \"{args}\" cannot be started: {reason}")]
    Start {
        /// Program and arguments.
        args: String,
        /// Why.
        reason: String,
    },
    /// The caller cancelled.
    #[error("cancelled")]
    Cancelled,
    /// The op makes no sense.
    #[error("the exec op is not valid: {what}")]
    Invalid {
        /// What is wrong.
        what: String,
    },
    /// The op asks for more than there is.
    #[error("{what} is not supported yet")]
    Unsupported {
        /// What it asks for.
        what: String,
    },
    /// Nobody gave the secret.
    #[error("secret `{id}` was not given")]
    SecretMissing {
        /// Its id.
        id: String,
    },
    /// The file of a secret cannot be read.
    #[error("cannot read secret `{id}` from `{path}`: {source}")]
    SecretUnreadable {
        /// Its id.
        id: String,
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Nobody lent the connection.
    #[error("the SSH agent or socket `{id}` was not given")]
    SocketMissing {
        /// Its id.
        id: String,
    },
    /// What was lent cannot be had.
    #[error("the SSH agent or socket `{id}` cannot be used: {source}")]
    Socket {
        /// Its id.
        id: String,
        /// Why.
        source: AgentError,
    },
    /// The part of an input that is to be mounted is not there.
    #[error("cannot mount `{selector}` at `{dest}`: {source}")]
    Selector {
        /// Path in the input.
        selector: String,
        /// Where it was to be mounted.
        dest: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The machine is of another kind, and nothing emulates it.
    #[error("cannot run programs for `{wanted}` on `{host}`: no emulator for them is registered with the kernel")]
    Platform {
        /// What the op is for.
        wanted: String,
        /// What this machine is.
        host: String,
    },
    /// The file systems of the process cannot be made.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// A cache mount cannot be had.
    #[error(transparent)]
    Cache(CacheError),
    /// The container cannot be made.
    #[error(transparent)]
    Step(StepError),
    /// The system refused a file or mount of ours.
    #[error("cannot {action}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// Why it did not work.
        source: io::Error,
    },
    /// The system has no more threads.
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
    /// Nobody has a shell.
    #[error("there is no `/bin/sh` in the files of the step, and no `busybox` on this machine that could be lent")]
    NoShell,
    /// The thread of the process is gone.
    #[error("the thread that ran the process ended without a result")]
    Lost,
}

/// A process that failed, and what is kept of its files: snapshots by the numbers of the mounts of its op.
#[derive(Debug)]
pub(crate) struct Failed {
    pub(crate) error: Box<ExecError>,
    pub(crate) kept: Vec<(usize, Snapshot)>,
}

impl<E: Into<ExecError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self { error: Box::new(error.into()), kept: Vec::new() }
    }
}

impl ExecError {
    /// Whether there was a process, in whose files the reason may be found.
    pub(super) fn left_files(&self) -> bool {
        matches!(self, Self::Exit { .. } | Self::Start { .. })
    }

    pub(super) fn invalid(what: impl Into<String>) -> Self {
        Self::Invalid { what: what.into() }
    }

    pub(super) fn unsupported(what: impl Into<String>) -> Self {
        Self::Unsupported { what: what.into() }
    }

    pub(super) fn from_step(error: StepError, args: &[String]) -> Self {
        match error {
            StepError::Runc(RuncError::Start { reason }) => Self::Start { args: args.join(" "), reason },
            other => other.into(),
        }
    }

    /// The exit code, if it is what failed.
    pub(crate) fn exit_code(&self) -> Option<i32> {
        match self {
            Self::Exit { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// What sort of failure it is.
    pub(crate) fn kind(&self) -> ErrorKind {
        match self {
            Self::Exit { .. } | Self::Start { .. } | Self::Selector { .. } | Self::NoShell => ErrorKind::Step,
            Self::Step(StepError::User(_)) => ErrorKind::Step,
            Self::Cancelled => ErrorKind::Cancelled,
            Self::Invalid { .. } | Self::Unsupported { .. } => ErrorKind::Definition,
            Self::SecretMissing { .. } | Self::SecretUnreadable { .. } => ErrorKind::Source,
            Self::SocketMissing { .. } | Self::Socket { .. } => ErrorKind::Source,
            Self::Platform { .. } | Self::Snapshot(_) | Self::Cache(_) | Self::Step(_) | Self::Io { .. } => {
                ErrorKind::Environment
            }
            Self::Thread(_) => ErrorKind::Environment,
            Self::Lost => ErrorKind::Internal,
        }
    }
}

impl From<StepError> for ExecError {
    fn from(error: StepError) -> Self {
        match error {
            StepError::Runc(RuncError::Cancelled) => Self::Cancelled,
            other => Self::Step(other),
        }
    }
}

impl From<CacheError> for ExecError {
    fn from(error: CacheError) -> Self {
        match error {
            CacheError::Cancelled => Self::Cancelled,
            other => Self::Cache(other),
        }
    }
}

/// What an exit code and the control group say about the end of a process.
struct Ending(i32, bool);

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(code, out_of_memory) = *self;
        if out_of_memory {
            return f.write_str(": cannot allocate memory: the kernel killed a process of the step to free some");
        }
        match signal(code) {
            Some(name) => write!(f, " (128 + {}: ended by {name})", code - 128),
            None => Ok(()),
        }
    }
}

/// The signals that end processes in practice.
fn signal(code: i32) -> Option<&'static str> {
    Some(match code - 128 {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_exit_says_what_is_known_about_it() {
        let check = |code, out_of_memory, expected: &str| {
            let error = ExecError::Exit { code, args: "make all".into(), out_of_memory };
            let text = error.to_string();
            assert_eq!(text.strip_prefix("process \"make all\" did not complete successfully: "), Some(expected));
            assert_eq!(error.exit_code(), Some(code));
        };
        check(2, false, "exit code: 2");
        check(137, false, "exit code: 137 (128 + 9: ended by SIGKILL)");
        check(159, false, "exit code: 159 (128 + 31: ended by SIGSYS)");
        check(255, false, "exit code: 255");
        check(
            137,
            true,
            "exit code: 137: cannot allocate memory: the kernel killed a process of the step to free some",
        );
    }
}
