//! A result as an image: in a file, in a Docker engine or in a registry.
//!
//! Owns which blobs are needed where and in which order they get there. How each place takes them is known to `archive`,
//! `engine` and `hlb-registry`.

use std::path::PathBuf;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hlb_llb::Digest;
use hlb_registry::{Images, InvalidReference, PushError, Pusher, Reference};
use hlb_store::{BlobError, LayerId, Store};
use tokio_util::sync::CancellationToken;

use super::archive::{self, Form as ArchiveForm, Image, Layer};
use super::engine::{Engine as DockerEngine, EngineError};
use super::manifest::{self, ConfigError, Documents};
use super::{ExportError, Stop};
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::layer_blob::{self, Form, LayerBlob, LayerBlobError};
use crate::runtime::{ImageExport, ImageTarget};
use crate::snapshot::Snapshot;

/// Blobs of one image that travel at a time.
const TRANSFERS: usize = 4;

/// An image that does not get where it should.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ImageError {
    #[error("an image for a registry needs a name")]
    NoName,
    #[error("an image cannot be given the name `{0}`, which has a digest: write a tag in its place")]
    DigestName(Reference),
    #[error("{0}")]
    Name(#[from] InvalidReference),
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
            Self::Config(_) | Self::Name(_) | Self::NoName | Self::DigestName(_) => ErrorKind::Definition,
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

/// Makes an image of a snapshot and brings it where it should go. The digest of its manifest.
pub(crate) async fn export(
    engine: &Arc<Engine>,
    snapshot: &Snapshot,
    wanted: &ImageExport,
    cancel: &CancellationToken,
) -> Result<Digest, SolveError> {
    let exported = try_export(engine, snapshot, wanted, cancel).await;
    exported.map_err(|error| match error.kind() {
        ErrorKind::Cancelled => SolveError::cancelled(),
        kind => SolveError::new(kind, error),
    })
}

async fn try_export(
    engine: &Arc<Engine>,
    snapshot: &Snapshot,
    wanted: &ImageExport,
    cancel: &CancellationToken,
) -> Result<Digest, ImageError> {
    let names: Vec<Reference> = wanted.names.iter().map(|name| Reference::parse(name)).collect::<Result<_, _>>()?;
    if let Some(name) = names.iter().find(|name| name.digest().is_some()) {
        return Err(ImageError::DigestName(name.clone()));
    }
    let form = if wanted.stargz { Form::Estargz } else { Form::Plain };
    let blobs = blobs(engine, snapshot, form, cancel).await?;
    // What eStargz needs are annotations, which Docker's manifests do not have.
    let documents = manifest::documents(&wanted.config, &blobs, wanted.oci_types || wanted.stargz)?;
    let digest = documents.manifest_digest.clone();
    match &wanted.to {
        ImageTarget::OciTar(path) => {
            save(engine, documents, names, &blobs, ArchiveForm::Oci, path.clone(), cancel).await?
        }
        ImageTarget::DockerTar(path) => {
            save(engine, documents, names, &blobs, ArchiveForm::Docker, path.clone(), cancel).await?
        }
        ImageTarget::DockerEngine(socket) => {
            let docker = DockerEngine::new(socket)?;
            let ids = [documents.config_digest.as_str(), documents.manifest_digest.as_str()];
            if !docker.name(ids, &names).await? {
                let layers = at_hand(engine, &blobs, cancel).await?;
                docker.load(&Image { documents, names, layers }, cancel).await?;
            }
        }
        ImageTarget::Registry => {
            if names.is_empty() {
                return Err(ImageError::NoName);
            }
            for name in &names {
                let pusher = engine.images.pusher(name)?;
                tokio::select! {
                    // What is done is done, even if the cancellation comes at the same time.
                    biased;
                    pushed = push(engine, &pusher, &documents, &blobs) => pushed?,
                    () = cancel.cancelled() => return Err(ExportError::Cancelled.into()),
                }
            }
        }
    }
    Ok(digest)
}

/// The blobs of the layers, bottom first. Those that nobody knows yet are packed.
async fn blobs(
    engine: &Arc<Engine>,
    snapshot: &Snapshot,
    form: Form,
    cancel: &CancellationToken,
) -> Result<Vec<LayerBlob>, ImageError> {
    let mut blobs = Vec::with_capacity(snapshot.layers().len());
    for at in 1..=snapshot.layers().len() {
        let layers: Vec<LayerId> = snapshot.layers().iter().take(at).cloned().collect();
        let known = layer_blob::known(&engine.store, &layers, form).map_err(LayerBlobError::from)?;
        let usable = known.filter(|blob| blob.origin.is_some() || engine.store.blobs().contains(&blob.digest));
        match usable {
            Some(blob) => blobs.push(blob),
            None => blobs.extend(pack(engine, layers, form, cancel).await?),
        }
    }
    Ok(blobs)
}

async fn pack(
    engine: &Arc<Engine>,
    layers: Vec<LayerId>,
    form: Form,
    cancel: &CancellationToken,
) -> Result<Option<LayerBlob>, ImageError> {
    // The archive of a layer that was pulled is kept, in whichever form.
    let pulled = match form {
        Form::Plain => None,
        Form::Estargz => {
            let plain = layer_blob::known(&engine.store, &layers, Form::Plain).map_err(LayerBlobError::from)?;
            plain.filter(|blob| blob.origin.is_some())
        }
    };
    if let Some(blob) = &pulled {
        at_hand(engine, std::slice::from_ref(blob), cancel).await?;
    }
    let (engine, cancel) = (Arc::clone(engine), cancel.clone());
    let packed = tokio::task::spawn_blocking(move || {
        let stop: Stop<'_> = &|| cancel.is_cancelled();
        match pulled {
            Some(blob) => layer_blob::convert(&engine.store, &layers, &blob, stop).map(Some),
            None => layer_blob::pack(&engine.store, &engine.snapshots, &layers, form, stop),
        }
    });
    Ok(packed.await??)
}

async fn save(
    engine: &Arc<Engine>,
    documents: Documents,
    names: Vec<Reference>,
    blobs: &[LayerBlob],
    form: ArchiveForm,
    path: PathBuf,
    cancel: &CancellationToken,
) -> Result<(), ImageError> {
    let image = Image { documents, names, layers: at_hand(engine, blobs, cancel).await? };
    let cancel = cancel.clone();
    let saved = tokio::task::spawn_blocking(move || {
        let stop: Stop<'_> = &|| cancel.is_cancelled();
        archive::export(&image, form, &path, stop)
    });
    Ok(saved.await??)
}

/// The blobs as files of the store.
async fn at_hand(
    engine: &Arc<Engine>,
    blobs: &[LayerBlob],
    cancel: &CancellationToken,
) -> Result<Vec<Layer>, ImageError> {
    let fetching: Vec<_> = blobs.iter().map(|blob| fetch(engine, blob).boxed()).collect();
    let fetching = stream::iter(fetching).buffered(TRANSFERS).try_collect::<Vec<Layer>>();
    tokio::select! {
        layers = fetching => layers,
        () = cancel.cancelled() => Err(ExportError::Cancelled.into()),
    }
}

/// A blob as a file of the store: one that was pulled, unpacked and forgotten is pulled again.
async fn fetch(engine: &Engine, blob: &LayerBlob) -> Result<Layer, ImageError> {
    if !engine.store.blobs().contains(&blob.digest)
        && let Some(origin) = &blob.origin
    {
        let failed = |reason: String| ImageError::Origin {
            digest: blob.digest.clone(),
            origin: origin.reference.clone(),
            reason,
        };
        download(&engine.images, &engine.store, blob, origin).await.map_err(failed)?;
    }
    let path = engine.store.blobs().path(&blob.digest);
    Ok(Layer { digest: blob.digest.clone(), size: blob.size, path })
}

async fn download(images: &Images, store: &Store, blob: &LayerBlob, origin: &layer_blob::Origin) -> Result<(), String> {
    let reference = Reference::parse(&origin.reference).map_err(|error| error.to_string())?;
    let image = images.resolve(&reference, &origin.platform).await.map_err(|error| error.to_string())?;
    let descriptor = image.manifest.layers.iter().find(|layer| layer.digest == blob.digest);
    let descriptor = descriptor.ok_or_else(|| "the image does not have it any more".to_owned())?;
    let write = |error: BlobError| error.to_string();
    let mut writer = store.blobs().writer().map_err(write)?;
    images.fetch_blob(&image, descriptor, &mut writer, &mut |_| {}).await.map_err(|error| error.to_string())?;
    writer.finish(Some(&blob.digest)).map_err(write)?;
    Ok(())
}

/// Blobs first, the manifest last, so that nobody pulls half an image.
async fn push(
    engine: &Arc<Engine>,
    pusher: &Pusher<'_>,
    documents: &Documents,
    blobs: &[LayerBlob],
) -> Result<(), ImageError> {
    if pusher.has_manifest(&documents.manifest_digest, documents.media_type).await? {
        return Ok(());
    }
    let mut distinct: Vec<&LayerBlob> = Vec::new();
    for blob in blobs {
        if !distinct.iter().any(|it| it.digest == blob.digest) {
            distinct.push(blob);
        }
    }
    let uploads: Vec<_> = distinct.into_iter().map(|blob| upload(engine, pusher, blob).boxed()).collect();
    stream::iter(uploads).buffer_unordered(TRANSFERS).try_collect::<()>().await?;
    if !pusher.has_blob(&documents.config_digest).await? {
        pusher.upload_bytes(&documents.config_digest, &documents.config).await?;
    }
    Ok(pusher.put_manifest(&documents.manifest, documents.media_type).await?)
}

async fn upload(engine: &Engine, pusher: &Pusher<'_>, blob: &LayerBlob) -> Result<(), ImageError> {
    if pusher.has_blob(&blob.digest).await? {
        return Ok(());
    }
    if let Some(from) = blob.origin.as_ref().and_then(|origin| Reference::parse(&origin.reference).ok())
        && pusher.mount_blob(&blob.digest, &from).await
    {
        return Ok(());
    }
    let layer = fetch(engine, blob).await?;
    Ok(pusher.upload_file(&layer.digest, &layer.path, layer.size).await?)
}
