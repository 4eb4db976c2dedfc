//! Image sources.
//!
//! Owns how an image becomes layers of the store: each layer is known by the chain of layers up to it, so images that share a base
//! share its directories. Names, manifests and transport are in `hlb-registry`, fetching and unpacking in `pull`.

use std::num::NonZeroU32;
use std::sync::Arc;

use hlb_llb::digest::Hasher;
use hlb_llb::{Digest, pb};
use hlb_registry::{Asking, Platform, ResolvedImage};
use hlb_store::LayerId;

use crate::error::{ErrorKind, SolveError};
use crate::layer_blob;
use crate::pull::{self, Progress, Supply, Wanted};
use crate::snapshot::Snapshot;
use crate::solver::job::Job;
use crate::solver::key::{self, ImageKey};
use crate::solver::vertex::Vertex;
use crate::why::SourcePart;

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
    let asking = match op.attrs.get("image.resolvemode").map(String::as_str) {
        Some("local") => Asking::IfUnknown,
        _ => Asking::Always,
    };
    let image = job.engine.images.resolve_as(&reference, &platform, asking).await;
    super::warn_of_images(job);
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
    let Found { image, layers, named } = found;
    let parts = layers.iter().zip(&image.manifest.layers).zip(&image.config.rootfs.diff_ids);
    let wanted = parts.map(|((layer, blob), diff_id)| Wanted {
        layer: layer.clone(),
        diff_id: diff_id.clone(),
        blob: blob.clone(),
        from: Supply::Image(Arc::clone(image)),
    });
    let progress: Progress = {
        let (job, vertex) = (Arc::clone(job), vertex.digest.clone());
        Arc::new(move |name: &str, current: u64, total: Option<u64>| job.progress(&vertex, name, current, total))
    };
    let snapshot = pull::layers(&job.engine, &progress, &wanted.collect::<Vec<Wanted>>()).await;
    super::warn_of_images(job);
    let snapshot = snapshot?;
    if let Some(platform) = named {
        let noted = layer_blob::remember(&job.engine.store, layers, image, platform);
        noted.map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
    }
    Ok(snapshot)
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
