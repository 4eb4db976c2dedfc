//! Git repositories as layers.
//!
//! Owns the attributes of git sources, the resolution of a ref to a commit, a bare repository for each remote that is kept
//! and shared, and the checkout. All of it is done by the git binary with nothing of the user's configuration. Keys,
//! records and layers are the caller's.

mod access;
mod checkout;
mod command;
mod fetch;
mod refs;

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) use access::Access;

use command::Git;
use hlb_agent::AgentError;
use serde::{Deserialize, Serialize};

/// What a git source asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GitSource {
    /// URL to fetch from.
    remote: String,
    /// Branch, tag, full ref or commit; none for the remote's default branch.
    reference: Option<String>,
    /// The directory that becomes the root.
    pub(crate) subdir: Option<String>,
    pub(crate) keep_git_dir: bool,
    pub(crate) submodules: bool,
    /// Files get the time of the commit.
    pub(crate) commit_time: bool,
    /// What the commit has to begin with.
    checksum: Option<String>,
    /// Keys of hosts, as in `known_hosts`; empty is none.
    known_hosts: String,
}

/// What a ref stands for at the moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resolved {
    /// The object the ref names: a commit, or an annotated tag.
    pub(crate) object: String,
    /// The commit.
    pub(crate) commit: String,
    /// The full ref, or the commit if one was asked for.
    pub(crate) reference: String,
}

/// The kept repositories, in one directory, and what their remotes are shown.
#[derive(Clone, Debug)]
pub(crate) struct GitCache {
    directory: PathBuf,
    access: Option<Arc<Access>>,
    offline: bool,
}

/// A source that gave nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum GitError {
    #[error("git remote `{remote}` is not valid: {why}")]
    Remote { remote: String, why: &'static str },
    #[error("git ref `{reference}` is not valid: {why}")]
    Ref { reference: String, why: &'static str },
    #[error("source attribute {attribute}=`{value}` is not valid: {why}")]
    Attribute { attribute: &'static str, value: String, why: &'static str },
    #[error("{what} is not supported yet for git sources")]
    Unsupported { what: String },
    #[error("{remote} is reached by ssh, and the SSH agent `{id}` was not given")]
    NoAgent { remote: String, id: String },
    #[error("the SSH agent `{id}` for {remote} cannot be used: {source}")]
    Agent { remote: String, id: String, source: AgentError },
    #[error("git is not installed: git sources need the `git` command")]
    Missing,
    #[error("git {command} of {remote} failed ({status}): {output}{hint}")]
    Failed { command: String, remote: String, status: String, output: String, hint: &'static str },
    #[error("{remote} is not here as a whole, and `--offline` forbids to ask it; build once without `--offline`")]
    Offline { remote: String },
    #[error("{remote} has no branch, tag or ref `{reference}`")]
    NoRef { remote: String, reference: String },
    #[error("{remote} has no default branch: name a branch, tag or commit")]
    NoDefault { remote: String },
    #[error("{remote}: expected a commit that begins with {expected}, `{reference}` is {found}")]
    Checksum { remote: String, reference: String, expected: String, found: String },
    #[error("{remote} has no directory `{subdir}` at {commit}")]
    NoSubdir { remote: String, subdir: String, commit: String },
    #[error("cannot use `{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
}

impl GitSource {
    /// Reads a source op's identifier (with or without `git://`) and its attributes.
    pub(crate) fn parse(identifier: &str, attrs: &BTreeMap<String, String>) -> Result<Self, GitError> {
        let body = identifier.strip_prefix("git://").unwrap_or(identifier);
        let (place, fragment) = body.split_once('#').unwrap_or((body, ""));
        let (reference, subdir) = fragment.split_once(':').unwrap_or((fragment, ""));
        let full = attrs.get("git.fullurl").filter(|url| !url.is_empty());
        let remote = full.map_or(place, |url| url.as_str());
        let remote =
            if remote.contains("://") || is_scp(remote) { remote.to_owned() } else { format!("https://{remote}") };
        refs::check_remote(&remote)?;
        let mut source = Self {
            remote,
            reference: (!reference.is_empty()).then(|| reference.to_owned()),
            subdir: Some(subdir.trim_matches('/').to_owned()).filter(|subdir| !subdir.is_empty()),
            keep_git_dir: false,
            submodules: true,
            commit_time: false,
            checksum: None,
            known_hosts: String::new(),
        };
        if let Some(reference) = &source.reference {
            refs::check(reference)?;
        }
        for (name, value) in attrs.iter().filter(|(_, value)| !value.is_empty()) {
            match (name.as_str(), value.as_str()) {
                ("git.keepgitdir", value) => source.keep_git_dir = value == "true",
                ("git.skipsubmodules", value) => source.submodules = value != "true",
                ("git.mtime", "checkout") => {}
                ("git.mtime", "commit") => source.commit_time = true,
                ("git.mtime", value) => {
                    let why = "it is neither `checkout` nor `commit`";
                    return Err(GitError::Attribute { attribute: "git.mtime", value: value.to_owned(), why });
                }
                ("git.checksum", value) => {
                    if !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                        let why = "it is not the beginning of a commit";
                        return Err(GitError::Attribute { attribute: "git.checksum", value: value.to_owned(), why });
                    }
                    source.checksum = Some(value.to_ascii_lowercase());
                }
                ("git.knownsshhosts", hosts) => source.known_hosts = hosts.to_owned(),
                ("git.bundle" | "git.checkoutbundle", _) => {
                    return Err(GitError::Unsupported { what: "a bundle".to_owned() });
                }
                (name, _) if name.starts_with("git.sig.") => {
                    return Err(GitError::Unsupported { what: "the check of signatures".to_owned() });
                }
                // Names of secrets are always there; a secret that is not given is not used. Unknown ones are ignored.
                _ => {}
            }
        }
        Ok(source)
    }

    /// The host, without user and port.
    pub(crate) fn host(&self) -> Option<String> {
        let authority = match self.remote.split_once("://") {
            Some((_, rest)) => rest.split('/').next().unwrap_or_default(),
            None => self.remote.split_once(':').map_or("", |(authority, _)| authority),
        };
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let port = |(_, port): &(&str, &str)| port.bytes().all(|byte| byte.is_ascii_digit());
        let host = host.rsplit_once(':').filter(port).map_or(host, |(host, _)| host);
        (!host.is_empty()).then(|| host.to_owned())
    }

    /// What tells it from other refs of all remotes, if what it stands for may change.
    pub(crate) fn moving_ref(&self) -> Option<String> {
        let reference = self.reference.as_deref();
        let moves = !reference.is_some_and(refs::is_commit);
        moves.then(|| format!("{}\0{}", self.remote, reference.unwrap_or_default()))
    }

    /// Whether the repository is on this machine.
    pub(crate) fn is_file(&self) -> bool {
        self.remote.starts_with("file://")
    }

    /// Whether the remote is reached by ssh.
    pub(crate) fn is_ssh(&self) -> bool {
        self.remote.starts_with("ssh://") || !self.remote.contains("://")
    }

    /// Whether the remote is reached by http.
    pub(crate) fn is_http(&self) -> bool {
        self.remote.starts_with("http://") || self.remote.starts_with("https://")
    }

    /// The remote as it may be printed.
    pub(crate) fn shown_remote(&self) -> String {
        refs::redacted(&self.remote)
    }
}

impl GitCache {
    /// Keeps repositories in a directory, which is made when it is needed.
    pub(crate) fn new(directory: PathBuf) -> Self {
        Self { directory, access: None, offline: false }
    }

    /// The same, with something to show to the remote.
    pub(crate) fn with_access(self, access: Option<Arc<Access>>) -> Self {
        Self { access, ..self }
    }

    /// The same, which asks no remote that is not on this machine.
    pub(crate) fn offline(self, offline: bool) -> Self {
        Self { offline, ..self }
    }

    /// Asks the remote what the source's ref stands for. A full commit is not asked for.
    pub(crate) async fn resolve(&self, source: &GitSource) -> Result<Resolved, GitError> {
        let git = self.git(source, &self.directory)?;
        self.accept(source, refs::resolve(&git, source).await?)
    }

    /// What a source's ref stands for, if it is what the source expects.
    pub(crate) fn accept(&self, source: &GitSource, resolved: Resolved) -> Result<Resolved, GitError> {
        match &source.checksum {
            Some(expected) if !resolved.object.starts_with(expected) && !resolved.commit.starts_with(expected) => {
                Err(GitError::Checksum {
                    remote: refs::redacted(&source.remote),
                    reference: resolved.reference,
                    expected: expected.clone(),
                    found: resolved.commit,
                })
            }
            _ => Ok(resolved),
        }
    }

    /// Fetches what was resolved, unless it is there already, and checks it out into an empty directory.
    pub(crate) async fn checkout(
        &self,
        source: &GitSource,
        resolved: &Resolved,
        directory: &Path,
    ) -> Result<(), GitError> {
        let name = hlb_llb::Digest::of(&source.remote);
        let bare = self.directory.join(format!("{}.git", name.hex()));
        let git = self.git(source, &self.directory)?;
        let _lock = fetch::lock(&bare).await?;
        let resolved = fetch::fetch(&git, source, resolved, &bare).await?;
        checkout::checkout(&git, source, &resolved, &bare, directory).await
    }

    fn git(&self, source: &GitSource, directory: &Path) -> Result<Git, GitError> {
        std::fs::create_dir_all(directory).map_err(unusable(directory))?;
        Ok(Git::new(&source.remote, directory).with_access(self.access.clone()).offline(self.offline))
    }
}

/// `user@host:path`, which is ssh without saying so.
fn is_scp(remote: &str) -> bool {
    let colon = remote.split_once(':').map(|(host, _)| host);
    colon.is_some_and(|host| host.contains('@') && !host.contains('/'))
}

fn unusable(path: &Path) -> impl Fn(io::Error) -> GitError + '_ {
    move |source| GitError::Io { path: path.to_owned(), source }
}

#[cfg(test)]
mod tests;
