//! Sources: what comes into a build from outside.
//!
//! Owns the two halves of every source, each done once: finding what an identifier stands for now (a manifest, a commit, a
//! response), which gives the cache key, and making a snapshot of it. The transports are `ops::{http, git, local}` and
//! `hlb-registry`; the modules here join them to keys, facts and layers.

mod git;
mod http;
mod image;
mod local;

use std::sync::Arc;

use crate::error::{ErrorKind, SolveError};
use crate::snapshot::Snapshot;
use crate::solver::flight::Pending;
use crate::solver::job::Job;
use crate::solver::vertex::Vertex;

/// What a source was found to be.
pub(crate) struct Found {
    /// Cache keys of the op, each of which alone finds it.
    pub(crate) keys: Vec<String>,
    what: What,
}

/// What is needed to make a snapshot of a source.
enum What {
    Image(image::Found),
    Git(git::Found),
    Http(http::Found),
    Local(local::Found),
}

/// What the source of a vertex stands for now, found once for a build.
pub(crate) fn found(job: &Arc<Job>, vertex: &Arc<Vertex>) -> Pending<Arc<Found>> {
    vertex.found.get(&job.tasks, || {
        let (job, vertex) = (Arc::clone(job), Arc::clone(vertex));
        async move {
            let result = tokio::select! {
                result = find(&job, &vertex) => result,
                () = job.cancel.cancelled() => Err(SolveError::cancelled()),
            };
            result.map(Arc::new).map_err(|error| error.at(&vertex.digest, &vertex.name))
        }
    })
}

/// The snapshot of a source that did not change since an earlier build, if that can be told without fetching it.
pub(crate) async fn unchanged(job: &Arc<Job>, vertex: &Arc<Vertex>) -> Result<Option<Snapshot>, SolveError> {
    if vertex.source().is_none() {
        return Ok(None);
    }
    match &found(job, vertex).await?.what {
        What::Local(found) => local::unchanged(job, found).await,
        What::Http(found) => Ok(http::unchanged(found)),
        What::Image(_) | What::Git(_) => Ok(None),
    }
}

/// Fetches the source of a vertex.
pub(crate) async fn make(job: &Arc<Job>, vertex: &Arc<Vertex>) -> Result<Snapshot, SolveError> {
    let found = found(job, vertex).await?;
    let fetch = async {
        match &found.what {
            What::Image(found) => image::fetch(job, vertex, found).await,
            What::Git(found) => git::fetch(job, vertex, found).await,
            What::Http(found) => http::fetch(job, vertex, found).await,
            What::Local(found) => local::fetch(job, found).await,
        }
    };
    tokio::select! {
        result = fetch => result,
        () = job.cancel.cancelled() => Err(SolveError::cancelled()),
    }
}

async fn find(job: &Arc<Job>, vertex: &Arc<Vertex>) -> Result<Found, SolveError> {
    let Some(source) = vertex.source() else {
        return Err(SolveError::say(ErrorKind::Internal, format!("`{}` is not a source", vertex.name)));
    };
    let identifier = &source.identifier;
    let Some((scheme, rest)) = identifier.split_once("://") else {
        let sentence = format!("the source `{identifier}` has no scheme; write `scheme://…`");
        return Err(SolveError::say(ErrorKind::Definition, sentence));
    };
    match scheme {
        "docker-image" => image::find(job, rest, source, vertex.op.platform.as_ref()).await,
        "git" => git::find(job, source).await,
        "http" | "https" => http::find(job, vertex, source).await,
        "local" => local::find(job, rest, source),
        other => {
            let sentence = format!("sources of scheme `{other}://` are not supported yet (`{identifier}`)");
            Err(SolveError::say(ErrorKind::Definition, sentence))
        }
    }
}
