//! Git sources.
//!
//! Owns where fetched repositories are kept, and the key of a commit.

use std::sync::Arc;

use hlb_llb::pb;

use crate::error::{ErrorKind, SolveError};
use crate::ops::git::{GitCache, GitError, GitSource, Resolved};
use crate::snapshot::Snapshot;
use crate::solver::job::Job;
use crate::solver::key;
use crate::solver::vertex::Vertex;

/// A commit that a reference stands for.
pub(super) struct Found {
    source: GitSource,
    resolved: Resolved,
}

/// Asks the remote which commit is meant.
pub(super) async fn find(job: &Arc<Job>, op: &pb::SourceOp) -> Result<super::Found, SolveError> {
    let source = GitSource::parse(&op.identifier, &op.attrs).map_err(from_git)?;
    let resolved = cache(job).resolve(&source).await.map_err(from_git)?;
    let keys = vec![key::git(&source.key(&resolved))];
    Ok(super::Found { keys, what: super::What::Git(Found { source, resolved }) })
}

/// Checks the commit out.
pub(super) async fn fetch(job: &Arc<Job>, vertex: &Vertex, found: &Found) -> Result<Snapshot, SolveError> {
    let active = job.engine.snapshots.prepare(&Snapshot::scratch());
    let active = active.map_err(|error| SolveError::new(ErrorKind::Environment, error).at(&vertex.digest, &vertex.name))?;
    cache(job).checkout(&found.source, &found.resolved, active.upper()).await.map_err(from_git)?;
    active.commit().map_err(|error| SolveError::new(ErrorKind::Environment, error))
}

fn cache(job: &Job) -> GitCache {
    GitCache::new(job.engine.store.root().join("git"))
}

fn from_git(error: GitError) -> SolveError {
    let kind = match &error {
        GitError::Remote { .. } | GitError::Ref { .. } | GitError::Attribute { .. } | GitError::Unsupported { .. } => {
            ErrorKind::Definition
        }
        GitError::Missing | GitError::Io { .. } => ErrorKind::Environment,
        _ => ErrorKind::Source,
    };
    SolveError::new(kind, error)
}
