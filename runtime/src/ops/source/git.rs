//! Git sources.
//!
//! Owns where fetched repositories are kept, and the key of a commit.

use std::sync::Arc;

use hlb_llb::pb;

use crate::error::{ErrorKind, SolveError};
use crate::ops::git::{GitCache, GitError, GitSource, Resolved};
use crate::snapshot::Snapshot;
use crate::solver::job::Job;
use crate::solver::key::{self, GitKey};
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
    let key = key::git(&GitKey {
        commit: if source.keep_git_dir { &resolved.object } else { &resolved.commit },
        kept_reference: source.keep_git_dir.then_some(resolved.reference.as_str()),
        subdir: source.subdir.as_deref().unwrap_or_default(),
        skip_submodules: !source.submodules,
        mtime_of_commit: source.commit_time,
    });
    Ok(super::Found { keys: vec![key], what: super::What::Git(Found { source, resolved }) })
}

/// Checks the commit out.
pub(super) async fn fetch(job: &Arc<Job>, vertex: &Vertex, found: &Found) -> Result<Snapshot, SolveError> {
    let active = job.engine.snapshots.prepare(&Snapshot::default());
    let active =
        active.map_err(|error| SolveError::new(ErrorKind::Environment, error).at(&vertex.digest, &vertex.name))?;
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
