//! A result as an image, or results as one for several platforms: in a file, in a Docker engine or in a registry.
//!
//! Owns what is made of a snapshot for which place. How each place takes it is known to `archive`, `engine` and `push`, where
//! its layers are to `layers`.

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Arc;

use hlb_llb::Digest;
use hlb_registry::{InvalidReference, Platform, PushError, Reference};
use tokio_util::sync::CancellationToken;

use super::archive::{self, Body, Form as ArchiveForm, Image, Part};
use super::engine::{Engine as DockerEngine, EngineError};
use super::index::{self, Index};
use super::layers::{at_hand, blobs};
use super::manifest::{self, ConfigError, Documents};
use super::{ExportError, Stop, push};
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::layer_blob::{Form, LayerBlob, LayerBlobError};
use crate::runtime::{ImageExport, ImageTarget, ImageVariant, IndexExport};
use crate::snapshot::Snapshot;

/// Blobs of one image that travel at a time.
pub(super) const TRANSFERS: usize = 4;

/// An image that does not get where it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    #[error("an image for a registry needs a name")]
    NoName,
    #[error("an image cannot be given the name `{0}`, which has a digest: write a tag in its place")]
    DigestName(Box<Reference>),
    #[error("{0}")]
    Name(#[from] InvalidReference),
    #[error("an image for several platforms needs at least one of them")]
    NoPlatform,
    #[error("an image for several platforms has two for {0}")]
    SamePlatform(Platform),
    #[error("{place} takes an image for one platform, and not an index of several: write an OCI archive, or push it")]
    NoIndex { place: &'static str },
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Layer(#[from] LayerBlobError),
    #[error(transparent)]
    Archive(#[from] ExportError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Push(#[from] PushError),
    #[error("the layer {digest} of `{origin}` is needed, but cannot be had: {reason}")]
    Origin { digest: Digest, origin: String, reason: String },
    #[error("a defect: {0}")]
    Task(#[from] tokio::task::JoinError),
}

impl ImageError {
    fn kind(&self) -> ErrorKind {
        match self {
            Self::Config(_)
            | Self::Name(_)
            | Self::NoName
            | Self::DigestName(_)
            | Self::NoPlatform
            | Self::SamePlatform(_)
            | Self::NoIndex { .. } => ErrorKind::Definition,
            Self::Layer(LayerBlobError::Cancelled)
            | Self::Archive(ExportError::Cancelled)
            | Self::Engine(EngineError::Cancelled | EngineError::Archive(ExportError::Cancelled)) => {
                ErrorKind::Cancelled
            }
            Self::Layer(LayerBlobError::Mark(_) | LayerBlobError::Reserved | LayerBlobError::Archive(_)) => {
                ErrorKind::Step
            }
            Self::Layer(_) => ErrorKind::Environment,
            Self::Origin { .. } => ErrorKind::Source,
            Self::Archive(_) | Self::Engine(_) | Self::Push(_) => ErrorKind::Step,
            Self::Task(_) => ErrorKind::Internal,
        }
    }
}

/// An image that is known by its digests; its layers may be elsewhere.
pub(super) struct Packed {
    pub(super) documents: Documents,
    /// Bottom first.
    pub(super) blobs: Vec<LayerBlob>,
}

/// Makes an image of a snapshot and brings it where it should go. The digest of its manifest.
pub(crate) async fn export(
    engine: &Arc<Engine>,
    snapshot: &Snapshot,
    wanted: &ImageExport,
    cancel: &CancellationToken,
) -> Result<Digest, SolveError> {
    try_export(engine, snapshot, wanted, cancel).await.map_err(told)
}

/// Makes an index of the images of several snapshots and brings it where it should go. The digest of the index.
pub(crate) async fn export_index(
    engine: &Arc<Engine>,
    variants: &[ImageVariant],
    wanted: &IndexExport,
    cancel: &CancellationToken,
) -> Result<Digest, SolveError> {
    try_export_index(engine, variants, wanted, cancel).await.map_err(told)
}

/// Whether an index for these platforms can be brought there.
pub(crate) fn check_index(wanted: &IndexExport, platforms: &[Platform]) -> Result<(), SolveError> {
    check(wanted, platforms).map(drop).map_err(told)
}

pub(crate) fn told(error: ImageError) -> SolveError {
    match error.kind() {
        ErrorKind::Cancelled => SolveError::cancelled(),
        kind => SolveError::new(kind, error),
    }
}

async fn try_export(
    engine: &Arc<Engine>,
    snapshot: &Snapshot,
    wanted: &ImageExport,
    cancel: &CancellationToken,
) -> Result<Digest, ImageError> {
    let ImageExport { to, names, config, oci_types, stargz } = wanted;
    let names = named(to, names)?;
    let image = pack(engine, snapshot, config, &Platform::host(), (*oci_types, *stargz), cancel).await?;
    let digest = image.documents.manifest_digest.clone();
    match to {
        ImageTarget::OciTar(path) => {
            let body = Body::One(part(engine, image, cancel).await?);
            save(Image { names, body }, ArchiveForm::Oci, path.clone(), cancel).await?;
        }
        ImageTarget::DockerTar(path) => {
            let body = Body::One(part(engine, image, cancel).await?);
            save(Image { names, body }, ArchiveForm::Docker, path.clone(), cancel).await?;
        }
        ImageTarget::DockerEngine(socket) => {
            let docker = DockerEngine::new(socket)?;
            let ids = [image.documents.config_digest.as_str(), image.documents.manifest_digest.as_str()];
            if !docker.name(ids, &names).await? {
                let body = Body::One(part(engine, image, cancel).await?);
                docker.load(&Image { names, body }, cancel).await?;
            }
        }
        ImageTarget::Registry => {
            for name in &names {
                let pusher = engine.images.pusher(name)?;
                unless(cancel, push::one(engine, &pusher, &image)).await?;
            }
        }
    }
    Ok(digest)
}

async fn try_export_index(
    engine: &Arc<Engine>,
    variants: &[ImageVariant],
    wanted: &IndexExport,
    cancel: &CancellationToken,
) -> Result<Digest, ImageError> {
    let platforms: Vec<Platform> = variants.iter().map(|variant| variant.platform.clone()).collect();
    let names = check(wanted, &platforms)?;
    let IndexExport { to, oci_types, stargz, .. } = wanted;
    let mut images = Vec::with_capacity(variants.len());
    for ImageVariant { solved, platform, config } in variants {
        images.push(pack(engine, &solved.snapshot, config, platform, (*oci_types, *stargz), cancel).await?);
    }
    let listed = platforms.iter().zip(images.iter().map(|image| &image.documents));
    let index: Index = index::index(listed, *oci_types || *stargz)?;
    let digest = index.digest.clone();
    match to {
        ImageTarget::OciTar(path) => {
            let mut parts = Vec::with_capacity(images.len());
            for image in images {
                parts.push(part(engine, image, cancel).await?);
            }
            save(Image { names, body: Body::Several(index, parts) }, ArchiveForm::Oci, path.clone(), cancel).await?;
        }
        ImageTarget::Registry => {
            for name in &names {
                let pusher = engine.images.pusher(name)?;
                unless(cancel, push::several(engine, &pusher, &index, &images)).await?;
            }
        }
        // Refused above.
        ImageTarget::DockerTar(_) | ImageTarget::DockerEngine(_) => {}
    }
    Ok(digest)
}

/// The names of an image, which must be such as an image can get.
fn named(to: &ImageTarget, names: &[String]) -> Result<Vec<Reference>, ImageError> {
    let names: Vec<Reference> = names.iter().map(|name| Reference::parse(name)).collect::<Result<_, _>>()?;
    if let Some(name) = names.iter().find(|name| name.digest().is_some()) {
        return Err(ImageError::DigestName(Box::new(name.clone())));
    }
    if names.is_empty() && *to == ImageTarget::Registry { Err(ImageError::NoName) } else { Ok(names) }
}

fn check(wanted: &IndexExport, platforms: &[Platform]) -> Result<Vec<Reference>, ImageError> {
    match &wanted.to {
        ImageTarget::OciTar(_) | ImageTarget::Registry => {}
        ImageTarget::DockerTar(_) => return Err(ImageError::NoIndex { place: "a Docker archive" }),
        ImageTarget::DockerEngine(_) => return Err(ImageError::NoIndex { place: "a Docker engine" }),
    }
    if platforms.is_empty() {
        return Err(ImageError::NoPlatform);
    }
    let mut seen = HashSet::new();
    match platforms.iter().find(|platform| !seen.insert(*platform)) {
        Some(twice) => Err(ImageError::SamePlatform(twice.clone())),
        None => named(&wanted.to, &wanted.names),
    }
}

/// The blobs and documents of an image. `oci` and `stargz` are its media types and the form of its layers.
async fn pack(
    engine: &Arc<Engine>,
    snapshot: &Snapshot,
    config: &[u8],
    platform: &Platform,
    (oci, stargz): (bool, bool),
    cancel: &CancellationToken,
) -> Result<Packed, ImageError> {
    let form = if stargz { Form::Estargz } else { Form::Plain };
    let blobs = blobs(engine, snapshot, form, cancel).await?;
    // What eStargz needs are annotations, which Docker's manifests do not have.
    let documents = manifest::documents(config, &blobs, oci || stargz, platform)?;
    Ok(Packed { documents, blobs })
}

/// An image with its layers on this machine.
async fn part(engine: &Arc<Engine>, image: Packed, cancel: &CancellationToken) -> Result<Part, ImageError> {
    let layers = at_hand(engine, &image.blobs, cancel).await?;
    Ok(Part { documents: image.documents, layers })
}

async fn save(image: Image, form: ArchiveForm, path: PathBuf, cancel: &CancellationToken) -> Result<(), ImageError> {
    let cancel = cancel.clone();
    let saved = tokio::task::spawn_blocking(move || {
        let stop: Stop<'_> = &|| cancel.is_cancelled();
        archive::export(&image, form, &path, stop)
    });
    Ok(saved.await??)
}

/// Does a push, unless it is cancelled.
async fn unless(
    cancel: &CancellationToken,
    push: impl Future<Output = Result<(), ImageError>>,
) -> Result<(), ImageError> {
    tokio::select! {
        // What is done is done, even if the cancellation comes at the same time.
        biased;
        pushed = push => pushed,
        () = cancel.cancelled() => Err(ExportError::Cancelled.into()),
    }
}
