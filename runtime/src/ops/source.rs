//! Sources: what comes into a build from outside.
//!
//! Owns the two halves of every source, each done once: finding what an identifier stands for now (a manifest, a commit, a
//! response), which gives the cache key, and making a snapshot of it. The transports are `ops::{http, git, local}` and
//! `hlb-registry`; the modules here join them to keys, facts and layers.

mod blob;
mod git;
mod http;
mod image;
mod local;
mod outside;
mod secret;
mod shelf;

use std::path::Path;
use std::sync::Arc;

use hlb_llb::pb;
use hlb_registry::Reference;

pub use outside::Outside;
pub(crate) use secret::secrets_of;
pub(crate) use shelf::StoreShelf;

use crate::error::{ErrorKind, SolveError};
use crate::snapshot::Snapshot;
use crate::solver::flight::Pending;
use crate::solver::job::Job;
use crate::solver::vertex::Vertex;
use crate::why::SourcePart;

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
    Blob(blob::Found),
}

impl Found {
    /// What it was found to be, to tell later what changed.
    pub(crate) fn part(&self) -> SourcePart {
        match &self.what {
            What::Image(found) => image::part(found),
            What::Git(found) => git::part(found),
            What::Http(found) => http::part(found),
            What::Local(found) => local::part(found),
            What::Blob(found) => blob::part(found),
        }
    }
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
        What::Image(_) | What::Git(_) | What::Blob(_) => Ok(None),
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
            What::Blob(found) => blob::fetch(job, vertex, found).await,
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
    match split(source)? {
        ("docker-image", reference) => image::find(job, reference, source, vertex.op.platform.as_ref()).await,
        ("oci-layout", reference) => image::find_in_layout(job, reference, source, vertex.op.platform.as_ref()).await,
        ("docker-image+blob" | "oci-layout+blob", reference) => blob::find(reference, source),
        ("git", _) => git::find(job, source).await,
        ("http" | "https", _) => http::find(job, vertex, source).await,
        ("local", name) => local::find(job, name, source),
        _ => Err(unknown(source)),
    }
}

/// Refuses a source that nothing here can fetch, as far as the op alone can tell.
pub(crate) fn check(source: &pb::SourceOp) -> Result<(), SolveError> {
    match split(source)? {
        ("docker-image" | "oci-layout", reference) => image::check(reference, source),
        ("docker-image+blob" | "oci-layout+blob", reference) => blob::check(reference, &source.attrs),
        ("git", _) => git::check(source),
        ("http" | "https", _) => http::check(source),
        ("local", _) => Ok(()),
        _ => Err(unknown(source)),
    }
}

/// The name of the OCI layout that a source reads, if it reads one.
pub(crate) fn layout_of(source: &pb::SourceOp) -> Option<&str> {
    let (scheme, reference) = source.identifier.split_once("://")?;
    if !matches!(scheme, "oci-layout" | "oci-layout+blob") {
        return None;
    }
    let named = source.attrs.get("oci.store").filter(|name| !name.is_empty());
    Some(named.map_or_else(|| without_version(reference), String::as_str))
}

/// The id of the SSH agent that a source uses, if it uses one.
pub(crate) fn socket_of(source: &pb::SourceOp) -> Option<&str> {
    source.identifier.starts_with("git://").then_some(())?;
    source.attrs.get("git.mountsshsock").map(String::as_str).filter(|id| !id.is_empty())
}

/// A name without tag and digest.
fn without_version(reference: &str) -> &str {
    let name = reference.split_once('@').map_or(reference, |(name, _)| name);
    match name.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => name,
    }
}

/// Tells what users should know of images.
fn warn_of_images(job: &Job) {
    job.engine.images.warnings().into_iter().for_each(|text| job.warn(text));
}

/// The day of a time in seconds since 1970, as people write it.
fn day(seconds: u64) -> String {
    hlb_registry::date::day(i64::try_from(seconds).unwrap_or(0))
}

/// The directory of a layout that the caller offers, or an archive.
fn layout<'job>(job: &'job Job, name: &str) -> Result<&'job Path, SolveError> {
    let dir = job.caller.layouts.get(name).ok_or_else(|| {
        let sentence = format!("the build reads an OCI layout named `{name}`, which the caller does not offer");
        SolveError::say(ErrorKind::Source, sentence)
    })?;
    Ok(dir)
}

fn parse_reference(reference: &str) -> Result<Reference, SolveError> {
    Reference::parse(reference).map_err(|error| SolveError::new(ErrorKind::Definition, error))
}

/// Scheme and what follows it.
fn split(source: &pb::SourceOp) -> Result<(&str, &str), SolveError> {
    source.identifier.split_once("://").ok_or_else(|| {
        let sentence = format!("the source `{}` has no scheme; write `scheme://…`", source.identifier);
        SolveError::say(ErrorKind::Definition, sentence)
    })
}

fn unknown(source: &pb::SourceOp) -> SolveError {
    let scheme = source.identifier.split_once("://").map_or("", |(scheme, _)| scheme);
    let sentence = format!("sources of scheme `{scheme}://` are not supported yet (`{}`)", source.identifier);
    SolveError::say(ErrorKind::Definition, sentence)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_are_known_by_store_or_name() {
        let check = |identifier: &str, store: &str, expected: Option<&str>| {
            let attrs = [("oci.store".to_owned(), store.to_owned())].into();
            let op = pb::SourceOp { identifier: identifier.to_owned(), attrs };
            assert_eq!(layout_of(&op), expected);
        };
        check("oci-layout://base@sha256:00", "", Some("base"));
        check("oci-layout://host:5000/base:v1", "", Some("host:5000/base"));
        check("oci-layout://host:5000/base", "", Some("host:5000/base"));
        check("oci-layout://base@sha256:00", "other", Some("other"));
        check("oci-layout+blob://base@sha256:00", "", Some("base"));
        check("docker-image://base", "x", None);
    }
}
