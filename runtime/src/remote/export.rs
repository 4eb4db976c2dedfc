//! Shared caches that are written.
//!
//! Owns that results become archives, that the document stays within what BuildKit reads, and the order in which a place gets it all:
//! blobs first, then the documents, so that nobody reads half a cache. Blobs that a place has do not travel.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hlb_llb::Digest;
use hlb_llb::status::Status;
use hlb_registry::{Descriptor, Pusher, Reference};
use tokio_util::sync::CancellationToken;

use super::collect::Ended;
use super::config::CacheConfig;
use super::draft::{Draft, DraftResult, Layering};
use super::gather::{Candidate, Files, Gathered, gather};
use super::manifest::{self, Part, Written};
use super::{CacheMode, CachePlace, CacheTarget, layout, time};
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::export::layers::{blobs, fetch};
use crate::export::manifest::layer_type;
use crate::export::options::Compression;
use crate::export::push::upload;
use crate::layer_blob::{Form, LayerBlob};
use crate::ops::blocking;
use crate::pull::{self, Progress, Supply};
use crate::solver::job::StatusSink;

/// Bytes of a document that BuildKit still reads.
const MOST: usize = 1 << 20;
/// Blobs that travel at a time.
const TRANSFERS: usize = 4;

/// What layers are packed as that nobody has packed yet.
const USUAL: Form = Form { compression: Compression::Gzip, level: None, epoch: None };

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheExported {
    /// The digest of the manifest or of the index.
    pub digest: Digest,
}

/// A blob of a layer.
#[derive(Clone)]
enum Blob {
    Here(Box<LayerBlob>),
    There(Box<Descriptor>, Supply),
}

/// Results as archives.
#[derive(Default)]
struct Packed {
    draft: Draft,
    parts: HashMap<Digest, Part>,
    blobs: HashMap<Digest, Blob>,
    /// When each layer was made.
    made: HashMap<Digest, SystemTime>,
}

/// Writes what solves have come across into a shared cache. `None`: they have failed before there was anything to write, and what is
/// there stays.
///
/// # Errors
/// If the place does not take it, or a layer cannot be packed.
pub(crate) async fn export(
    engine: &Arc<Engine>,
    ended: Vec<Ended>,
    target: &CacheTarget,
    status: &StatusSink,
    cancel: &CancellationToken,
) -> Result<Option<CacheExported>, SolveError> {
    let all_done = ended.iter().all(|solve| solve.is_done);
    let Gathered { draft, results } = gathered(engine, ended, target.mode).await?;
    let (packed, targets) = pack(engine, draft, results, cancel).await?;
    let config = bounded(packed.draft, &targets, |left_out, all| {
        let name = target.to.name();
        let text = format!(
            "of the results of {all} steps the {left_out} oldest were left out of the cache `{name}`: BuildKit reads documents of \
             1 MiB at most"
        );
        status(Status::Warning { text });
    })?;
    if config.records.is_empty() && !all_done {
        return Ok(None);
    }
    let written = manifest::write(&config, &packed.parts, target.image_manifest).map_err(internal)?;
    let digest = written.manifest_digest.clone();
    let blobs: Vec<Blob> = config.layers.iter().filter_map(|layer| packed.blobs.get(&layer.blob)).cloned().collect();
    let sent = async {
        match &target.to {
            CachePlace::Registry { reference } => push(engine, reference, &blobs, &written).await,
            CachePlace::Local { directory, tag } => store(engine, directory, tag, &blobs, written).await,
        }
    };
    tokio::select! {
        sent = sent => sent.map(|()| Some(CacheExported { digest })),
        () = cancel.cancelled() => Err(SolveError::cancelled()),
    }
}

/// What the configuration of an image has as its cache; `None` if it would hold nothing.
///
/// # Errors
/// As [`export`].
pub(crate) async fn inline(
    engine: &Arc<Engine>,
    ended: Ended,
    image: &[Digest],
    form: (Form, bool),
    cancel: &CancellationToken,
) -> Result<Option<String>, SolveError> {
    let Gathered { draft, results } = gathered(engine, vec![ended], CacheMode::Min).await?;
    let (packed, _) = pack_as(engine, draft, results, form, cancel).await?;
    let config = packed.draft.config(Layering::Image(image));
    if config.records.is_empty() {
        return Ok(None);
    }
    manifest::to_inline(&config.records).map(Some).map_err(internal)
}

async fn gathered(engine: &Arc<Engine>, ended: Vec<Ended>, mode: CacheMode) -> Result<Gathered, SolveError> {
    let engine = Arc::clone(engine);
    blocking(move || gather(&engine, &ended, mode)).await
}

/// The results as archives, and the blobs on top of those that were wanted by themselves.
async fn pack(
    engine: &Arc<Engine>,
    draft: Draft,
    results: Vec<Candidate>,
    cancel: &CancellationToken,
) -> Result<(Packed, Vec<Digest>), SolveError> {
    pack_as(engine, draft, results, (USUAL, false), cancel).await
}

async fn pack_as(
    engine: &Arc<Engine>,
    draft: Draft,
    results: Vec<Candidate>,
    form: (Form, bool),
    cancel: &CancellationToken,
) -> Result<(Packed, Vec<Digest>), SolveError> {
    let mut packed = Packed { draft, ..Packed::default() };
    let mut targets = Vec::new();
    for candidate in results {
        let mut layers = Vec::new();
        match &candidate.files {
            Files::Here(snapshot) => {
                let blobs = blobs(engine, snapshot, form, cancel).await.map_err(crate::export::image::told)?;
                for blob in blobs {
                    layers.push(blob.digest.clone());
                    packed.add_here(blob, candidate.created_at);
                }
            }
            Files::There(result, remote) => {
                let Some(supply) = remote.supply(result) else { continue };
                for layer in &result.layers {
                    layers.push(layer.blob.digest.clone());
                    packed.add_there(&layer.blob, &layer.diff_id, &supply, candidate.created_at);
                }
            }
        }
        targets.extend(layers.last().filter(|_| candidate.is_target).cloned());
        for key in candidate.keys {
            let result = DraftResult { layers: layers.clone(), created_at: candidate.created_at };
            packed.draft.results.insert(key, result);
        }
    }
    for (digest, part) in &mut packed.parts {
        part.created_at = packed.made.get(digest).map_or_else(String::new, |at| time::write(*at));
    }
    Ok((packed, targets))
}

impl Packed {
    fn add_here(&mut self, blob: LayerBlob, created_at: SystemTime) {
        let part = Part {
            media_type: layer_type(blob.compression).to_owned(),
            digest: blob.digest.clone(),
            size: blob.size,
            diff_id: blob.diff_id.clone(),
            created_at: String::new(),
        };
        self.add(part, created_at, Blob::Here(Box::new(blob)));
    }

    fn add_there(&mut self, blob: &Descriptor, diff_id: &Digest, supply: &Supply, created_at: SystemTime) {
        let part = Part {
            media_type: blob.media_type.clone(),
            digest: blob.digest.clone(),
            size: blob.size,
            diff_id: diff_id.clone(),
            created_at: String::new(),
        };
        self.add(part, created_at, Blob::There(Box::new(blob.clone()), supply.clone()));
    }

    /// The first result that has a layer has it from the step that made it.
    fn add(&mut self, part: Part, created_at: SystemTime, blob: Blob) {
        let made = self.made.entry(part.digest.clone()).or_insert(created_at);
        *made = created_at.min(*made);
        self.blobs.entry(part.digest.clone()).or_insert(blob);
        self.parts.entry(part.digest.clone()).or_insert(part);
    }
}

/// The document, with as many results as it can have: the oldest are left out first, those that were wanted by themselves never.
fn bounded(mut draft: Draft, targets: &[Digest], tell: impl Fn(usize, usize)) -> Result<CacheConfig, SolveError> {
    let all = draft.results.len();
    loop {
        let config = draft.config(Layering::Own);
        let size = serde_json::to_vec(&config).map_err(internal)?.len();
        let mut old: Vec<_> = draft
            .results
            .iter()
            .filter(|(_, result)| !result.layers.last().is_some_and(|top| targets.contains(top)))
            .map(|(key, result)| (result.created_at, key.clone()))
            .collect();
        // Those of a build that failed are all wanted by themselves.
        if size > MOST && old.is_empty() {
            old = draft.results.iter().map(|(key, result)| (result.created_at, key.clone())).collect();
        }
        if size <= MOST || old.is_empty() {
            if draft.results.len() < all {
                tell(all - draft.results.len(), all);
            }
            return Ok(config);
        }
        old.sort();
        for (_, key) in old.iter().take(old.len().div_ceil(8)) {
            draft.results.remove(key);
        }
    }
}

/// Writes a cache into a registry. One that is there already is left as it is.
async fn push(engine: &Arc<Engine>, reference: &str, blobs: &[Blob], written: &Written) -> Result<(), SolveError> {
    let reference = Reference::parse(reference).map_err(step)?;
    let pusher = engine.images.pusher(&reference).map_err(step)?;
    if pusher.has_manifest(&written.manifest_digest, written.media_type).await.map_err(step)? {
        return Ok(());
    }
    let sending: Vec<_> = blobs.iter().map(|blob| send(engine, &pusher, blob).boxed()).collect();
    stream::iter(sending).buffer_unordered(TRANSFERS).try_collect::<()>().await?;
    if !pusher.has_blob(&written.config_digest).await.map_err(step)? {
        pusher.upload_bytes(&written.config_digest, &written.config).await.map_err(step)?;
    }
    pusher.put_manifest(&written.manifest, written.media_type).await.map_err(step)
}

async fn send(engine: &Arc<Engine>, pusher: &Pusher<'_>, blob: &Blob) -> Result<(), SolveError> {
    match blob {
        Blob::Here(blob) => upload(engine, pusher, blob).await.map_err(step),
        Blob::There(blob, supply) => {
            if pusher.has_blob(&blob.digest).await.map_err(step)? {
                return Ok(());
            }
            if let Supply::Repository(from) = supply
                && pusher.mount_blob(&blob.digest, from).await
            {
                return Ok(());
            }
            let here = pull::download(engine, &silent(), supply, blob).await?;
            pusher.upload_file(&blob.digest, &here.path, blob.size).await.map_err(step)
        }
    }
}

/// Writes a cache into a directory.
async fn store(
    engine: &Arc<Engine>,
    directory: &Path,
    tag: &str,
    blobs: &[Blob],
    written: Written,
) -> Result<(), SolveError> {
    layout::make(directory).map_err(step)?;
    for blob in blobs {
        let directory = directory.to_owned();
        match blob {
            Blob::Here(blob) if layout::blob_path(&directory, &blob.digest).is_file() => {}
            Blob::Here(blob) => {
                let layer = fetch(engine, blob).await.map_err(step)?;
                blocking(move || layout::copy_blob(&directory, &layer.digest, &layer.path).map_err(step)).await?;
            }
            Blob::There(blob, _) if layout::blob_path(&directory, &blob.digest).is_file() => {}
            Blob::There(blob, supply) => {
                let here = pull::download(engine, &silent(), supply, blob).await?;
                let digest = blob.digest.clone();
                blocking(move || layout::copy_blob(&directory, &digest, &here.path).map_err(step)).await?;
            }
        }
    }
    let (directory, tag) = (directory.to_owned(), tag.to_owned());
    blocking(move || layout::publish(&directory, &tag, &written).map_err(step)).await
}

/// Nobody watches what is copied from one place to another.
fn silent() -> Progress {
    Arc::new(|_, _, _| {})
}

fn step(error: impl std::error::Error + Send + Sync + 'static) -> SolveError {
    SolveError::outside(error)
}

fn internal(error: serde_json::Error) -> SolveError {
    SolveError::new(ErrorKind::Internal, error)
}
