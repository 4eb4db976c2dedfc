//! Sources without a build.
//!
//! Owns what can be said of git and http sources with neither a solver nor a store: what they stand for now, and the files of a
//! commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hlb_agent::Lent;
use hlb_llb::pb;

use super::git::{access, from_git};
use super::http::from_http;
use super::secret::authorization;
use crate::error::{ErrorKind, SolveError};
use crate::ops::git::{GitCache, GitSource};
use crate::ops::http::{HttpError, HttpSource, client, fetch};
use crate::ops::sockets::Sockets;

/// What sources may use of the caller, and where things are kept.
#[derive(Clone, Debug, Default)]
pub struct Outside {
    /// Files by the ids that sources use for secrets.
    pub secrets: BTreeMap<String, PathBuf>,
    /// Connections by the ids that sources use for agents.
    pub sockets: BTreeMap<String, Lent>,
    /// Where fetched repositories are kept. In a state directory, that is its `git`.
    pub repositories: PathBuf,
    /// Whether nobody is asked for anything.
    pub offline: bool,
}

impl Outside {
    /// What a git or http source stands for now: a commit, or the digest of the body.
    ///
    /// # Errors
    /// `ErrorKind::Source`: it cannot be had. `ErrorKind::Definition`: it is neither, or cannot be read.
    pub async fn stands_for(&self, op: &pb::SourceOp) -> Result<String, SolveError> {
        match super::split(op)?.0 {
            "git" => {
                let source = GitSource::parse(&op.identifier, &op.attrs).map_err(from_git)?;
                let mut sockets = Sockets::default();
                let cache = self.cache(op, &source, &mut sockets).await?;
                Ok(cache.resolve(&source).await.map_err(from_git)?.commit)
            }
            "http" | "https" => self.body(op).await,
            _ => Err(super::unknown(op)),
        }
    }

    /// Writes the files that a git source stands for into an empty directory.
    ///
    /// # Errors
    /// As [`Outside::stands_for`].
    pub async fn checkout(&self, op: &pb::SourceOp, into: &Path) -> Result<(), SolveError> {
        let source = GitSource::parse(&op.identifier, &op.attrs).map_err(from_git)?;
        let mut sockets = Sockets::default();
        let cache = self.cache(op, &source, &mut sockets).await?;
        let resolved = cache.resolve(&source).await.map_err(from_git)?;
        cache.checkout(&source, &resolved, into).await.map_err(from_git)
    }

    async fn cache(
        &self,
        op: &pb::SourceOp,
        source: &GitSource,
        sockets: &mut Sockets,
    ) -> Result<GitCache, SolveError> {
        let access = if self.offline && !source.is_file() {
            // Nothing is shown to whom nobody asks.
            None
        } else {
            access(&self.secrets, &self.sockets, op, source, &self.repositories, sockets).await?
        };
        Ok(GitCache::new(self.repositories.clone()).with_access(access).offline(self.offline))
    }

    async fn body(&self, op: &pb::SourceOp) -> Result<String, SolveError> {
        let mut source = HttpSource::parse(&op.identifier, &op.attrs).map_err(from_http)?;
        if let Some(header) = authorization(&self.secrets, op)? {
            source.authorize(&header).map_err(from_http)?;
        }
        if self.offline {
            return Err(from_http(HttpError::Offline { url: source.shown() }));
        }
        // The file gets nobody else's name and owner here.
        (source.uid, source.gid) = (rustix::process::geteuid().as_raw(), rustix::process::getegid().as_raw());
        let dir = tempfile::Builder::new().prefix("hlb-http-").tempdir();
        let dir = dir.map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
        let client = client().map_err(from_http)?;
        let fetched = fetch(&client, &source, None, dir.path(), &|_, _| {}).await.map_err(from_http)?;
        Ok(fetched.digest.to_string())
    }
}
