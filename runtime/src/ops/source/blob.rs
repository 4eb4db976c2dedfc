//! Blob sources: one blob of a registry or an OCI layout, as a file.
//!
//! Owns their attributes and the file. Where a blob comes from is `hlb-registry`'s.

use std::collections::BTreeMap;
use std::sync::Arc;

use hlb_llb::{Digest, pb};
use hlb_registry::{Layout, Reference};
use hlb_store::Item;

use super::layout;
use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::pull::{Progress, download_single};
use crate::snapshot::Snapshot;
use crate::solver::job::Job;
use crate::solver::key::{self, BlobKey};
use crate::solver::vertex::Vertex;
use crate::sys::file;
use crate::tree::Timestamp;
use crate::why::SourcePart;

const DEFAULT_MODE: u32 = 0o600;

/// A blob, which its digest tells from all others.
pub(super) struct Found {
    blob: Blob,
    /// The layout that has it, by name; none is a registry.
    layout: Option<String>,
}

struct Blob {
    reference: Reference,
    digest: Digest,
    name: String,
    mode: u32,
    uid: u32,
    gid: u32,
}

/// Refuses what is no blob.
pub(super) fn check(reference: &str, attrs: &BTreeMap<String, String>) -> Result<(), SolveError> {
    Blob::parse(reference, attrs).map(drop)
}

/// The key of the blob; nobody is asked for it.
pub(super) fn find(reference: &str, op: &pb::SourceOp) -> Result<super::Found, SolveError> {
    let blob = Blob::parse(reference, &op.attrs)?;
    // The key holds what the op says, so the default mode counts as 0.
    let perm = op.attrs.get("http.perm").map_or(0, |_| i64::from(blob.mode));
    let key = key::blob(&BlobKey {
        digest: &blob.digest,
        filename: &blob.name,
        perm,
        uid: i64::from(blob.uid),
        gid: i64::from(blob.gid),
    });
    let layout = super::layout_of(op).map(str::to_owned);
    Ok(super::Found { keys: vec![key], what: super::What::Blob(Found { blob, layout }) })
}

/// What blob it is.
pub(super) fn part(found: &Found) -> SourcePart {
    SourcePart::Blob { digest: found.blob.digest.to_string() }
}

/// Fetches the blob and makes a file of it.
pub(super) async fn fetch(job: &Arc<Job>, vertex: &Vertex, found: &Found) -> Result<Snapshot, SolveError> {
    let blob = &found.blob;
    let blobs = job.engine.store.blobs();
    let environment = |error: hlb_store::BlobError| SolveError::new(ErrorKind::Environment, error);
    let held = job.engine.store.lease(&[Item::Blob(blob.digest.clone())]);
    let mut held = held.map_err(|error| environment(error.into()))?;
    if held.is_none() {
        held = match &found.layout {
            Some(name) => {
                let mut writer = blobs.writer().map_err(environment)?;
                copy_from_layout(job, name, blob, &mut writer)?;
                let finished = writer.finish(Some(&blob.digest));
                let (_, _, lease) = finished.map_err(|error| SolveError::new(ErrorKind::Source, error))?;
                Some(lease)
            }
            None => {
                let (told, vertex) = (Arc::clone(job), vertex.digest.clone());
                let progress: Progress = Arc::new(move |name: &str, current: u64, total: Option<u64>| {
                    told.progress(&vertex, name, current, total);
                });
                download_single(&job.engine, &progress, &blob.reference, &blob.digest).await?.held
            }
        };
    }
    let (from, name) = (blobs.path(&blob.digest), blob.name.clone());
    let (mode, uid, gid) = (blob.mode, blob.uid, blob.gid);
    let job = Arc::clone(job);
    blocking(move || {
        let _held = held;
        let environment =
            |error: Box<dyn std::error::Error + Send + Sync>| SolveError::new(ErrorKind::Environment, error);
        let active = job.engine.snapshots.prepare(&Snapshot::default()).map_err(|error| environment(error.into()))?;
        let place = active.upper().join(name);
        let time = Timestamp::default();
        file::copy_data(&from, &place)
            .and_then(|_| file::set_owner(&place, uid, gid))
            .and_then(|()| file::set_mode(&place, mode))
            .and_then(|()| file::set_times(&place, time, time))
            .map_err(|error| environment(error.into()))?;
        active.commit().map_err(|error| environment(error.into()))
    })
    .await
}

fn copy_from_layout(
    job: &Job,
    name: &str,
    blob: &Blob,
    writer: &mut (dyn std::io::Write + Send),
) -> Result<(), SolveError> {
    let dir = layout(job, name)?;
    let layout = Layout::open(dir).map_err(|error| SolveError::new(ErrorKind::Source, error))?;
    let missing = || {
        let sentence = format!("the OCI layout `{}` has no blob {}", dir.display(), blob.digest);
        SolveError::say(ErrorKind::Source, sentence)
    };
    let copied = layout.open_blob(&blob.digest).and_then(|file| match file {
        Some(mut file) => std::io::copy(&mut file, writer).map(Some),
        None => Ok(None),
    });
    let copied = copied.map_err(|error| {
        let sentence = format!("cannot read the blob {} of the OCI layout `{}`: {error}", blob.digest, dir.display());
        SolveError::say(ErrorKind::Source, sentence)
    })?;
    copied.map(drop).ok_or_else(missing)
}

impl Blob {
    fn parse(reference: &str, attrs: &BTreeMap<String, String>) -> Result<Self, SolveError> {
        let definition = |sentence: String| SolveError::say(ErrorKind::Definition, sentence);
        let parsed = Reference::parse(reference).map_err(|error| SolveError::new(ErrorKind::Definition, error))?;
        let digest = parsed.digest().cloned();
        let digest = digest.ok_or_else(|| definition(format!("the blob `{reference}` has no digest")))?;
        if parsed.tag().is_some() {
            return Err(definition(format!("the blob `{reference}` has a tag, which only images have")));
        }
        let attribute = |name: &str| attrs.get(name).filter(|value| !value.is_empty());
        let number = |name: &'static str, radix: u32, default: u32| match attribute(name) {
            None => Ok(default),
            Some(value) => u32::from_str_radix(value, radix)
                .map_err(|_| definition(format!("the attribute {name}=`{value}` of a blob is not a number"))),
        };
        let name = attribute("http.filename").map_or(digest.hex(), String::as_str);
        if name.contains(['/', '\0']) || matches!(name, "." | "..") {
            return Err(definition(format!("`{name}` is not the name of a file")));
        }
        Ok(Self {
            name: name.to_owned(),
            mode: number("http.perm", 8, DEFAULT_MODE)? & 0o7777,
            uid: number("http.uid", 10, 0)?,
            gid: number("http.gid", 10, 0)?,
            reference: parsed,
            digest,
        })
    }
}
