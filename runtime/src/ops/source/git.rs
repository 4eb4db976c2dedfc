//! Git sources.
//!
//! Owns where fetched repositories are kept, what their remotes are shown, and the key of a commit.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use hlb_agent::Lent;
use hlb_llb::{Digest, pb};
use hlb_store::MetaError;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;

use super::secret::authorization;
use super::shelf::seconds;
use crate::error::{ErrorKind, SolveError};
use crate::ops::git::{Access, GitCache, GitError, GitSource, Resolved};
use crate::ops::sockets::{self, Sockets};
use crate::snapshot::Snapshot;
use crate::solver::job::Job;
use crate::solver::key::{self, GitKey};
use crate::solver::vertex::Vertex;
use crate::why::SourcePart;

/// Where it is noted what refs stood for.
const FACTS: &str = "git-1";
/// A note that says the same is written again after so many seconds, so that its date is not too far off.
const FRESH: u64 = 24 * 60 * 60;
/// The agent of a source that names none.
const DEFAULT_AGENT: &str = "default";

/// A commit that a reference stands for.
pub(super) struct Found {
    source: GitSource,
    resolved: Resolved,
    cache: GitCache,
    /// Behind one of them is the agent.
    _sockets: Sockets,
}

/// What a ref stood for.
#[derive(Serialize, Deserialize)]
struct Note {
    resolved: Resolved,
    /// When, in seconds since 1970.
    at: u64,
}

/// Refuses an address or attributes that cannot be read.
pub(super) fn check(op: &pb::SourceOp) -> Result<(), SolveError> {
    GitSource::parse(&op.identifier, &op.attrs).map(drop).map_err(from_git)
}

/// Asks the remote which commit is meant.
pub(super) async fn find(job: &Arc<Job>, op: &pb::SourceOp) -> Result<super::Found, SolveError> {
    let source = GitSource::parse(&op.identifier, &op.attrs).map_err(from_git)?;
    let repositories = job.engine.store.root().join("git");
    let mut sockets = Sockets::default();
    let offline = job.engine.images.is_offline();
    let access = if offline && !source.is_file() {
        // Nothing is shown to whom nobody asks.
        None
    } else {
        access(&job.caller.secrets, &job.caller.sockets, op, &source, &repositories, &mut sockets).await?
    };
    let cache = GitCache::new(repositories).with_access(access).offline(offline);
    let resolved = resolve(job, &cache, &source).await?;
    let key = key::git(&GitKey {
        commit: if source.keep_git_dir { &resolved.object } else { &resolved.commit },
        kept_reference: source.keep_git_dir.then_some(resolved.reference.as_str()),
        subdir: source.subdir.as_deref().unwrap_or_default(),
        skip_submodules: !source.submodules,
        mtime_of_commit: source.commit_time,
    });
    Ok(super::Found { keys: vec![key], what: super::What::Git(Found { source, resolved, cache, _sockets: sockets }) })
}

/// What a ref stands for: as the remote says, or as it said when it may not be asked.
async fn resolve(job: &Job, cache: &GitCache, source: &GitSource) -> Result<Resolved, SolveError> {
    let Some(name) = source.moving_ref().map(Digest::of) else {
        return cache.resolve(source).await.map_err(from_git);
    };
    let facts = job.engine.store.facts();
    let environment = |error: MetaError| SolveError::new(ErrorKind::Environment, error);
    let known = facts.get(FACTS, name.as_str()).map_err(environment)?;
    let known: Option<Note> = known.and_then(|bytes| serde_json::from_slice(&bytes).ok());
    if job.engine.images.is_offline() && !source.is_file() {
        let remote = source.shown_remote();
        let Some(Note { resolved, at }) = known else { return Err(from_git(GitError::Offline { remote })) };
        let (reference, day) = (&resolved.reference, super::day(at));
        job.warn(format!("offline: `{reference}` of {remote} is taken as it was on {day}"));
        return cache.accept(source, resolved).map_err(from_git);
    }
    let resolved = cache.resolve(source).await.map_err(from_git)?;
    let now = seconds(SystemTime::now());
    if known.is_none_or(|known| known.resolved != resolved || known.at + FRESH < now) {
        let note = serde_json::to_vec(&Note { resolved: resolved.clone(), at: now });
        let note = note.map_err(|error| SolveError::new(ErrorKind::Internal, error))?;
        facts.put(FACTS, name.as_str(), &note).map_err(environment)?;
    }
    Ok(resolved)
}

/// What the reference was found to be.
pub(super) fn part(found: &Found) -> SourcePart {
    SourcePart::Git {
        remote: found.source.shown_remote(),
        reference: found.resolved.reference.clone(),
        commit: found.resolved.commit.clone(),
    }
}

/// Checks the commit out.
pub(super) async fn fetch(job: &Arc<Job>, vertex: &Vertex, found: &Found) -> Result<Snapshot, SolveError> {
    let active = job.engine.snapshots.prepare(&Snapshot::default());
    let active =
        active.map_err(|error| SolveError::new(ErrorKind::Environment, error).at(&vertex.digest, &vertex.name))?;
    found.cache.checkout(&found.source, &found.resolved, active.upper()).await.map_err(from_git)?;
    active.commit().map_err(|error| SolveError::new(ErrorKind::Environment, error))
}

/// What the remote is to be shown, if anything.
pub(super) async fn access(
    secrets: &BTreeMap<String, PathBuf>,
    lent: &BTreeMap<String, Lent>,
    op: &pb::SourceOp,
    source: &GitSource,
    repositories: &Path,
    sockets: &mut Sockets,
) -> Result<Option<Arc<Access>>, SolveError> {
    let failed = |error: std::io::Error| {
        SolveError::say(ErrorKind::Environment, format!("cannot give git what it shows to the remote: {error}"))
    };
    let header = if source.is_http() { authorization(secrets, op)? } else { None };
    if header.is_none() && !source.is_ssh() {
        return Ok(None);
    }
    let mut access = Access::new().map_err(failed)?;
    if let Some(header) = header {
        access.authorize(source, &header).map_err(failed)?;
    }
    if source.is_ssh() {
        let id = super::socket_of(op).unwrap_or(DEFAULT_AGENT).to_owned();
        let remote = source.shown_remote();
        let Some(lent) = lent.get(&id) else { return Err(from_git(GitError::NoAgent { remote, id })) };
        if let Err(source) = hlb_agent::check(lent).await {
            return Err(from_git(GitError::Agent { remote, id, source }));
        }
        let ours = sockets::Access { uid: 0, gid: 0, mode: 0o600 };
        let agent = sockets.listen(&Handle::current(), access.dir(), &id, lent, ours).map_err(failed)?;
        std::fs::create_dir_all(repositories).map_err(failed)?;
        access.connect(source, &agent, &repositories.join("known_hosts")).map_err(failed)?;
    }
    Ok(Some(Arc::new(access)))
}

pub(super) fn from_git(error: GitError) -> SolveError {
    let kind = match &error {
        GitError::Remote { .. } | GitError::Ref { .. } | GitError::Attribute { .. } | GitError::Unsupported { .. } => {
            ErrorKind::Definition
        }
        GitError::Missing | GitError::Io { .. } => ErrorKind::Environment,
        _ => ErrorKind::Source,
    };
    SolveError::new(kind, error)
}
