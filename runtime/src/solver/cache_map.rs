//! The cache key of an op, without the keys of its inputs.
//!
//! Owns which formula of `key` applies to which op, and asks sources what they are now (a manifest, a commit, a response) where
//! the key depends on it.

use std::sync::Arc;

use hlb_llb::pb;

use crate::error::{ErrorKind, SolveError};
use crate::ops::source::{self, Found};
use crate::solver::flight::Pending;
use crate::solver::job::Job;
use crate::solver::key::{self, ContentRequest, DepKey, OpKey};
use crate::solver::vertex::Vertex;

/// What BuildKit calls the cache map of an op.
pub(crate) struct CacheMap {
    /// The op's own digests. An op without inputs may have several, each of which finds it: an image is known by its manifest and
    /// by its layers.
    pub(crate) roots: Vec<String>,
    /// One for each input.
    pub(crate) deps: Vec<DepKey>,
    /// What a source was found to be.
    pub(crate) source: Option<Arc<Found>>,
}

impl CacheMap {
    /// The digest that goes into links from the inputs' keys.
    pub(crate) fn digest(&self) -> &str {
        self.roots.first().map_or("", String::as_str)
    }

    /// What of an input's content can stand for its definition, if anything.
    pub(crate) fn content(&self, input: usize) -> Option<&ContentRequest> {
        self.deps.get(input)?.content.as_ref()
    }

    /// Whether anything of an input's content can stand for its definition.
    pub(crate) fn has_content(&self, input: usize) -> bool {
        self.content(input).is_some()
    }
}

/// The cache map of a vertex, found once.
pub(crate) fn cache_map(job: &Arc<Job>, vertex: &Arc<Vertex>) -> Pending<Arc<CacheMap>> {
    vertex.cache_map.get(&job.tasks, || {
        let (job, vertex) = (Arc::clone(job), Arc::clone(vertex));
        async move { make(&job, &vertex).await.map(Arc::new) }
    })
}

async fn make(job: &Arc<Job>, vertex: &Arc<Vertex>) -> Result<CacheMap, SolveError> {
    let inputs = vertex.inputs.len();
    let key = match &vertex.op.op {
        Some(pb::OpKind::Source(_)) => {
            let found = source::found(job, vertex).await?;
            return Ok(CacheMap { roots: found.keys.clone(), deps: Vec::new(), source: Some(found) });
        }
        Some(pb::OpKind::Exec(exec)) => key::exec(exec, vertex.op.platform.as_ref(), inputs),
        Some(pb::OpKind::File(file)) => key::file(file, inputs),
        Some(pb::OpKind::Merge(merge)) => Ok(key::merge(merge, inputs)),
        Some(pb::OpKind::Diff(diff)) => Ok(key::diff(diff, inputs)),
        Some(pb::OpKind::Build(build)) => Ok(key::build(build, inputs)),
        Some(pb::OpKind::Passthrough(passthrough)) => Ok(key::passthrough(passthrough, inputs)),
        None => return Err(SolveError::say(ErrorKind::Definition, "an op without a kind cannot be run")),
    };
    let OpKey { digest, deps } = key.map_err(|error| SolveError::new(ErrorKind::Definition, error))?;
    Ok(CacheMap { roots: vec![digest.to_string()], deps, source: None })
}
