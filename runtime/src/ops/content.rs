//! Digests of content.
//!
//! Owns the memory of what was hashed: the digest of the same paths of the same layers is computed once, ever. How a tree is hashed is
//! in `content_hash`.

use std::sync::Arc;

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;

use crate::content_hash::ContentHash;
use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::snapshot::Snapshot;
use crate::solver::job::Job;
use crate::solver::key::ContentRequest;
use crate::solver::vertex::Input;

/// Where digests of content are remembered. The number changes with the way trees are hashed.
const FACTS: &str = "content-1";

/// The digest of the part of an input that a request names.
pub(crate) async fn content_digest(
    job: &Arc<Job>,
    input: &Input,
    snapshot: &Snapshot,
    request: &ContentRequest,
) -> Result<Digest, SolveError> {
    let is_local = input.vertex.source().is_some_and(|source| source.identifier.starts_with("local://"));
    let memo = memo_key(snapshot, request, is_local);
    let (job, snapshot, request) = (Arc::clone(job), snapshot.clone(), request.clone());
    blocking(move || {
        let environment = |error: hlb_store::MetaError| SolveError::new(ErrorKind::Environment, error);
        let facts = job.engine.store.facts();
        let known = facts.get(FACTS, memo.as_str()).map_err(environment)?;
        if let Some(known) = known.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok()) {
            return Ok(known);
        }
        let digest = hash(&job, &snapshot, &request, is_local)?;
        facts.put(FACTS, memo.as_str(), digest.as_str().as_bytes()).map_err(environment)?;
        Ok(digest)
    })
    .await
}

fn hash(job: &Job, snapshot: &Snapshot, request: &ContentRequest, is_local: bool) -> Result<Digest, SolveError> {
    let environment = |error: std::io::Error| SolveError::new(ErrorKind::Environment, error);
    let checksum = |hashes: ContentHash| {
        hashes.checksum_all(&request.paths).map_err(|error| SolveError::new(ErrorKind::Step, error))
    };
    if snapshot.is_scratch() {
        return checksum(ContentHash::empty());
    }
    job.check_cancelled()?;
    let view = job.engine.snapshots.view(snapshot).map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
    let hashes = if is_local { ContentHash::of_local(view.path()) } else { ContentHash::new(view.path()) };
    checksum(hashes.map_err(environment)?)
}

fn memo_key(snapshot: &Snapshot, request: &ContentRequest, is_local: bool) -> Digest {
    let mut hasher = Hasher::default();
    for layer in snapshot.layers() {
        hasher.update(layer.as_str());
        hasher.update("\0");
    }
    hasher.update(if is_local { "local\0" } else { "\0" });
    for path in &request.paths {
        hasher.update(format!("{path:?}\0"));
    }
    hasher.finish()
}
