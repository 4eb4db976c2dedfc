//! Calls of the git binary.
//!
//! Owns the environment git runs in: nothing of the user's but the search path, proxies and certificates. A call that is
//! dropped is killed. Errors show the end of what git said, without passwords.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal};
use tokio::process::Command;

use super::refs::redacted;
use super::{Access, GitError};

/// Variables of ours that git may see.
const PASSED: [&str; 14] = [
    "PATH",
    "TMPDIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CURL_CA_BUNDLE",
    "LD_LIBRARY_PATH",
];
/// Settings that hold whatever a repository says.
const SETTINGS: [&str; 6] = [
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.version=2",
    "advice.detachedHead=false",
];
/// Lines of git's output that an error shows.
const SHOWN_LINES: usize = 6;

/// Between two questions to a remote that cannot be reached.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(4)];
/// What git says about faults that may pass.
const PASSING: [&str; 9] = [
    "Could not resolve host",
    "Connection refused",
    "Connection reset",
    "Connection timed out",
    "early EOF",
    "unexpected disconnect",
    "The requested URL returned error: 5",
    "The requested URL returned error: 429",
    "RPC failed",
];

/// How git is called for one remote.
#[derive(Debug)]
pub(super) struct Git {
    remote: String,
    home: PathBuf,
    directory: PathBuf,
    access: Option<Arc<Access>>,
    offline: bool,
}

impl Git {
    /// `home` is where git finds nobody's configuration, and where it runs.
    pub(super) fn new(remote: &str, home: &Path) -> Self {
        Self {
            remote: remote.to_owned(),
            home: home.to_owned(),
            directory: home.to_owned(),
            access: None,
            offline: false,
        }
    }

    /// The same, with something to show to the remote.
    pub(super) fn with_access(self, access: Option<Arc<Access>>) -> Self {
        Self { access, ..self }
    }

    /// The same, which asks no remote that is not on this machine.
    pub(super) fn offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// The same in another directory.
    pub(super) fn within(&self, directory: &Path) -> Self {
        let (remote, home) = (self.remote.clone(), self.home.clone());
        Self { remote, home, directory: directory.to_owned(), access: self.access.clone(), offline: self.offline }
    }

    /// The remote as it may be printed.
    pub(super) fn shown_remote(&self) -> String {
        redacted(&self.remote)
    }

    /// Runs a command that asks the remote; again, a little later, after a fault of the network that may pass.
    pub(super) async fn ask<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String, GitError> {
        if self.offline && !self.remote.starts_with("file://") {
            return Err(GitError::Offline { remote: self.shown_remote() });
        }
        let mut pauses = PAUSES.into_iter();
        loop {
            let error = match self.run(args).await {
                Err(error @ GitError::Failed { .. }) => error,
                other => return other,
            };
            let GitError::Failed { output, .. } = &error else { return Err(error) };
            match pauses.next().filter(|_| is_passing(output)) {
                Some(pause) => tokio::time::sleep(pause).await,
                None => return Err(error),
            }
        }
    }

    /// Runs a command to its end; its standard output.
    pub(super) async fn run<S: AsRef<OsStr>>(&self, args: &[S]) -> Result<String, GitError> {
        let mut command = Command::new("git");
        command.env_clear();
        for name in PASSED {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        // A repository on this machine may be read only if it is the user who named it.
        let protocols = match self.remote.split_once("://") {
            // Its submodules may be elsewhere.
            _ if self.offline => "file",
            Some(("file", _)) => "http:https:git:file",
            Some(("http" | "https" | "git", _)) => "http:https:git",
            _ => "http:https:git:ssh",
        };
        command
            .env("HOME", &self.home)
            .env("XDG_CONFIG_HOME", &self.home)
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_ASKPASS", "true")
            .env("GIT_ALLOW_PROTOCOL", protocols)
            .env("GIT_CEILING_DIRECTORIES", &self.home)
            .env("LC_ALL", "C")
            .current_dir(&self.directory)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        if let Some(access) = &self.access {
            command.envs(access.variables());
        }
        for setting in SETTINGS {
            command.args(["-c", setting]);
        }
        let failed = |error: std::io::Error| match error.kind() {
            std::io::ErrorKind::NotFound if self.directory.is_dir() => GitError::Missing,
            _ => GitError::Io { path: self.directory.clone(), source: error },
        };
        let child = command.args(args).spawn().map_err(failed)?;
        let mut group = Group(child.id());
        let output = child.wait_with_output().await.map_err(failed)?;
        group.0 = None;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let name = args.first().map(|name| name.as_ref().to_string_lossy().into_owned()).unwrap_or_default();
        let text = String::from_utf8_lossy(&output.stderr).replace(&self.remote, &self.shown_remote());
        Err(GitError::Failed {
            command: name,
            remote: self.shown_remote(),
            status: output.status.to_string(),
            hint: hint(&text),
            output: tail(&text),
        })
    }
}

/// The helpers that git starts end with it when the call is dropped.
struct Group(Option<u32>);

impl Drop for Group {
    fn drop(&mut self) {
        let leader = self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(leader) = leader {
            // It fails only if everything has ended already.
            let _ = rustix::process::kill_process_group(leader, Signal::KILL);
        }
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let start = lines.len().saturating_sub(SHOWN_LINES);
    lines.get(start..).unwrap_or_default().join("; ")
}

fn is_passing(output: &str) -> bool {
    PASSING.iter().any(|said| output.contains(said))
}

fn hint(text: &str) -> &'static str {
    let asks =
        ["could not read Username", "could not read Password", "Authentication failed", "terminal prompts disabled"];
    if asks.iter().any(|ask| text.contains(ask)) {
        "; if the repository is there, give a token for it as the secret `GIT_AUTH_TOKEN`"
    } else if text.contains("cannot run ssh") {
        "; on Debian and Ubuntu, `apt-get install openssh-client` installs ssh"
    } else if text.contains("Permission denied (publickey") {
        "; it takes none of the keys of the agent"
    } else if text.contains("Host key verification failed") {
        "; its host key is not the one that is known"
    } else if text.contains("Could not resolve host") {
        "; check the host name and the network"
    } else if text.contains("dubious ownership") {
        "; the repository belongs to another user"
    } else {
        ""
    }
}
