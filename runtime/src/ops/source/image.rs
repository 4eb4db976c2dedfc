//! Image sources.
//!
//! Owns how an image becomes layers of the store: each layer is known by the chain of layers up to it, so images that share a base
//! share its directories. Names, manifests and transport are in `hlb-registry`, unpacking in `snapshot::apply`.

use std::fs::File;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use hlb_llb::digest::Hasher;
use hlb_llb::{Digest, pb};
use hlb_registry::{Descriptor, Platform, ResolvedImage};
use hlb_store::{Item, LayerId, Lease};

use crate::error::{ErrorKind, SolveError};
use crate::layer_blob;
use crate::ops::blocking;
use crate::snapshot::Snapshot;
use crate::snapshot::apply::apply_layer;
use crate::solver::job::Job;
use crate::solver::key::{self, ImageKey};
use crate::solver::vertex::Vertex;
use crate::why::SourcePart;

/// How many layers of one image are downloaded at a time.
const DOWNLOADS: usize = 4;

/// An image that was resolved.
pub(super) struct Found {
    image: Arc<ResolvedImage>,
    /// Its layers that are used, from the lowest; they have chain ids as names.
    layers: Vec<LayerId>,
    /// What it was resolved for, if its blobs can be fetched by its name.
    named: Option<Platform>,
}

/// Refuses a reference or attributes that cannot be read.
pub(super) fn check(reference: &str, op: &pb::SourceOp) -> Result<(), SolveError> {
    super::parse_reference(reference)?;
    limit(op).map(drop)
}

/// Resolves a reference. The keys are that of the manifest and that of the layers: an image that was pushed again with the same
/// layers is the same image.
pub(super) async fn find(
    job: &Arc<Job>,
    reference: &str,
    op: &pb::SourceOp,
    platform: Option<&pb::Platform>,
) -> Result<super::Found, SolveError> {
    let reference = super::parse_reference(reference)?;
    let platform = wanted(platform);
    let image = job.engine.images.resolve(&reference, &platform).await;
    let image = image.map_err(|error| SolveError::new(ErrorKind::Source, error))?;
    if let Some(checksum) = op.attrs.get("image.checksum").filter(|checksum| *checksum != image.root_digest.as_str()) {
        let sentence = format!("`{reference}` has digest {}, the build wants {checksum}", image.root_digest);
        return Err(SolveError::say(ErrorKind::Source, sentence));
    }
    Ok(found(image, &platform, limit(op)?, Some(platform.clone())))
}

/// Finds an image in a layout that the caller offers. Its keys are those that it would have if it came from a registry.
pub(super) async fn find_in_layout(
    job: &Arc<Job>,
    reference: &str,
    op: &pb::SourceOp,
    platform: Option<&pb::Platform>,
) -> Result<super::Found, SolveError> {
    let dir = super::layout(job, super::layout_of(op).unwrap_or_default())?;
    let (reference, platform) = (super::parse_reference(reference)?, wanted(platform));
    let image = job.engine.images.resolve_in_layout(dir, &reference, &platform).await;
    let image = image.map_err(|error| SolveError::new(ErrorKind::Source, error))?;
    Ok(found(image, &platform, limit(op)?, None))
}

fn found(
    image: Arc<ResolvedImage>,
    platform: &Platform,
    limit: Option<NonZeroU32>,
    named: Option<Platform>,
) -> super::Found {
    let limit = limit.map_or(0, NonZeroU32::get);
    let contents = &image.config.rootfs.diff_ids;
    let count = usize::try_from(limit).ok().filter(|limit| *limit > 0).unwrap_or(usize::MAX);
    let used = contents.get(..count).unwrap_or(contents);
    let keys = vec![
        key::image_manifest(&ImageKey {
            digest: &image.root_digest,
            os: &platform.os,
            architecture: &platform.architecture,
            variant: &platform.variant,
            limit,
        }),
        key::image_layers(used, &image.config_bytes),
    ];
    let layers = chain_ids(used);
    super::Found { keys, what: super::What::Image(Found { image, layers, named }) }
}

fn wanted(platform: Option<&pb::Platform>) -> Platform {
    match platform {
        Some(platform) => Platform::new(&platform.os, &platform.architecture, &platform.variant),
        None => Platform::host(),
    }
}

/// How many layers are used, if not all.
fn limit(op: &pb::SourceOp) -> Result<Option<NonZeroU32>, SolveError> {
    for name in ["image.layerlimit", "oci.layerlimit"] {
        if let Some(text) = op.attrs.get(name).filter(|text| !text.is_empty()) {
            let sentence = || format!("the attribute {name}=`{text}` is not a number of layers: it must be at least 1");
            return match text.parse() {
                Ok(limit) => Ok(Some(limit)),
                Err(_) => Err(SolveError::say(ErrorKind::Definition, sentence())),
            };
        }
    }
    Ok(None)
}

/// What the image was found to be.
pub(super) fn part(found: &Found) -> SourcePart {
    SourcePart::Image { reference: found.image.reference.to_string(), digest: found.image.root_digest.to_string() }
}

/// Makes the layers that the store does not have yet.
pub(super) async fn fetch(job: &Arc<Job>, vertex: &Arc<Vertex>, found: &Found) -> Result<Snapshot, SolveError> {
    let image = &found.image;
    let layers = &found.layers;
    let environment = |error: hlb_store::MetaError| SolveError::new(ErrorKind::Environment, error);
    let store = &job.engine.store;
    let (mut held, mut missing) = (Vec::new(), Vec::new());
    for (at, layer) in layers.iter().enumerate() {
        let known = store.layers().exists(layer).map_err(environment)?;
        match if known { lease(job, Item::Layer(layer.clone()))? } else { None } {
            Some(lease) => held.push(lease),
            None => missing.push(at),
        }
    }
    // Layers come in parallel and are unpacked one on the other, each as soon as it and those below it are there.
    let wanted: Vec<Descriptor> = missing.iter().filter_map(|at| image.manifest.layers.get(*at).cloned()).collect();
    let mut blobs = stream::iter(wanted)
        .map(|descriptor| {
            let (job, vertex, image) = (Arc::clone(job), Arc::clone(vertex), Arc::clone(image));
            async move { download(&job, &vertex, &image, &descriptor).await }
        })
        .buffered(DOWNLOADS);
    for at in &missing {
        let Some(blob) = blobs.try_next().await? else { break };
        let kept = blob.kept.clone();
        let unpacked = match (unpack(job, image, layers, *at, blob).await, kept, image.manifest.layers.get(*at)) {
            // What was right when it was kept may have been damaged since.
            (Err(error), Some(digest), Some(descriptor)) if error.kind() == ErrorKind::Source => {
                let removed = store.blobs().remove(&digest);
                removed.map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
                let blob = download(job, vertex, image, descriptor).await.map_err(|_| error)?;
                unpack(job, image, layers, *at, blob).await
            }
            (unpacked, ..) => unpacked,
        };
        held.extend(unpacked?);
    }
    if let Some(platform) = &found.named {
        layer_blob::remember(store, layers, image, platform).map_err(environment)?;
    }
    job.engine.snapshots.of(layers.clone()).map_err(|error| SolveError::new(ErrorKind::Environment, error))
}

/// The blob of a layer as a file on this machine, and what keeps it there.
struct LocalBlob {
    path: PathBuf,
    /// Its digest, if it has been in the store since an earlier build.
    kept: Option<Digest>,
    _held: Option<Lease>,
}

fn lease(job: &Job, item: Item) -> Result<Option<Lease>, SolveError> {
    job.engine.store.lease(&[item]).map_err(|error| SolveError::new(ErrorKind::Environment, error))
}

/// Fetches the blob of a layer, unless it is here.
async fn download(
    job: &Arc<Job>,
    vertex: &Arc<Vertex>,
    image: &Arc<ResolvedImage>,
    descriptor: &Descriptor,
) -> Result<LocalBlob, SolveError> {
    if let Some(path) = image.local_blob(descriptor) {
        return Ok(LocalBlob { path, kept: None, _held: None });
    }
    let blobs = job.engine.store.blobs();
    let path = blobs.path(&descriptor.digest);
    if let Some(lease) = lease(job, Item::Blob(descriptor.digest.clone()))? {
        return Ok(LocalBlob { path, kept: Some(descriptor.digest.clone()), _held: Some(lease) });
    }
    let environment = |error: hlb_store::BlobError| SolveError::new(ErrorKind::Environment, error);
    let mut writer = blobs.writer().map_err(environment)?;
    let name = descriptor.digest.as_str();
    let mut progress = |current: u64| job.progress(&vertex.digest, name, current, Some(descriptor.size));
    let fetched = job.engine.images.fetch_blob(image, descriptor, &mut writer, &mut progress).await;
    fetched.map_err(|error| SolveError::new(ErrorKind::Source, error))?;
    let (_, _, lease) = writer.finish(Some(&descriptor.digest)).map_err(environment)?;
    Ok(LocalBlob { path, kept: None, _held: Some(lease) })
}

/// Makes a layer of a blob. Those below it are there.
async fn unpack(
    job: &Arc<Job>,
    image: &Arc<ResolvedImage>,
    layers: &[LayerId],
    at: usize,
    blob: LocalBlob,
) -> Result<Option<Lease>, SolveError> {
    let Some(layer) = layers.get(at).cloned() else { return Ok(None) };
    let below: Vec<PathBuf> = layers.iter().take(at).rev().map(|layer| job.engine.store.layers().path(layer)).collect();
    let expected = image.config.rootfs.diff_ids.get(at).cloned();
    let reference = image.reference.to_string();
    let store = job.engine.store.clone();
    blocking(move || {
        let environment = |error: Box<dyn std::error::Error + Send + Sync>| SolveError::new(ErrorKind::Environment, error);
        let file = File::open(&blob.path).map_err(|error| environment(error.into()))?;
        let staged = store.layers().new_dir().map_err(|error| environment(error.into()))?;
        let applied = apply_layer(file, &staged, &below).map_err(|error| SolveError::new(ErrorKind::Source, error))?;
        if expected.as_ref().is_some_and(|expected| *expected != applied.diff_id) {
            let sentence = format!(
                "layer {at} of `{reference}` is not the one that the image's configuration names: its content has digest {}",
                applied.diff_id
            );
            return Err(SolveError::say(ErrorKind::Source, sentence));
        }
        let (_, lease) = store.layers().commit(&layer, &staged).map_err(|error| environment(error.into()))?;
        Ok(Some(lease))
    })
    .await
}

/// Names of the layers: the OCI chain id of each with all below it.
fn chain_ids(diff_ids: &[Digest]) -> Vec<LayerId> {
    let mut chain: Option<Digest> = None;
    let mut layers = Vec::with_capacity(diff_ids.len());
    for diff_id in diff_ids {
        let next = match chain {
            None => diff_id.clone(),
            Some(below) => {
                let mut hasher = Hasher::default();
                hasher.update(&below);
                hasher.update(" ");
                hasher.update(diff_id);
                hasher.finish()
            }
        };
        layers.push(LayerId::of(&next));
        chain = Some(next);
    }
    layers
}
