//! The layers of a snapshot as blobs.
//!
//! Owns that each is known by its digest, which may take packing it, and that it is at hand where its bytes are needed, which may
//! take fetching it once more.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hlb_registry::{Images, Reference};
use hlb_store::{BlobError, Item, LayerId, Lease, Store};
use tokio_util::sync::CancellationToken;

use super::archive::Layer;
use super::image::{ImageError, TRANSFERS};
use super::{ExportError, Stop};
use crate::engine::Engine;
use crate::layer_blob::{self, Form, LayerBlob};
use crate::snapshot::Snapshot;

/// The blobs of the layers, bottom first. Those that nobody knows yet are packed.
pub(crate) async fn blobs(
    engine: &Arc<Engine>,
    snapshot: &Snapshot,
    form: Form,
    cancel: &CancellationToken,
) -> Result<Vec<LayerBlob>, ImageError> {
    let mut blobs = Vec::with_capacity(snapshot.layers().len());
    for at in 1..=snapshot.layers().len() {
        let layers: Vec<LayerId> = snapshot.layers().iter().take(at).cloned().collect();
        let known = layer_blob::held(&engine.store, &layers, form)?;
        let usable = known.filter(|blob| blob.origin.is_some() || blob.held.is_some());
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
            let plain = layer_blob::held(&engine.store, &layers, Form::Plain)?;
            plain.filter(|blob| blob.origin.is_some())
        }
    };
    let held = match &pulled {
        Some(blob) => at_hand(engine, std::slice::from_ref(blob), cancel).await?,
        None => Vec::new(),
    };
    let (engine, cancel) = (Arc::clone(engine), cancel.clone());
    let packed = tokio::task::spawn_blocking(move || {
        let _held = held;
        let stop: Stop<'_> = &|| cancel.is_cancelled();
        match pulled {
            Some(blob) => layer_blob::convert(&engine.store, &layers, &blob, stop).map(Some),
            None => layer_blob::pack(&engine.store, &engine.snapshots, &layers, form, stop),
        }
    });
    Ok(packed.await??)
}

/// The blobs as files of the store.
pub(super) async fn at_hand(
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
pub(crate) async fn fetch(engine: &Engine, blob: &LayerBlob) -> Result<Layer, ImageError> {
    let mut held = blob.held.clone();
    if held.is_none()
        && let Some(origin) = &blob.origin
    {
        let failed = |reason: String| ImageError::Origin {
            digest: blob.digest.clone(),
            origin: origin.reference.clone(),
            reason,
        };
        held = Some(download(&engine.images, &engine.store, blob, origin).await.map_err(failed)?);
    }
    let path = engine.store.blobs().path(&blob.digest);
    Ok(Layer { digest: blob.digest.clone(), size: blob.size, path, _held: held })
}

async fn download(
    images: &Images,
    store: &Store,
    blob: &LayerBlob,
    origin: &layer_blob::Origin,
) -> Result<Lease, String> {
    // Another image may have brought it.
    if let Some(lease) = store.lease(&[Item::Blob(blob.digest.clone())]).map_err(|error| error.to_string())? {
        return Ok(lease);
    }
    let reference = Reference::parse(&origin.reference).map_err(|error| error.to_string())?;
    let image = images.resolve(&reference, &origin.platform).await.map_err(|error| error.to_string())?;
    let descriptor = image.manifest.layers.iter().find(|layer| layer.digest == blob.digest);
    let descriptor = descriptor.ok_or_else(|| "the image does not have it any more".to_owned())?;
    let write = |error: BlobError| error.to_string();
    let mut writer = store.blobs().writer().map_err(write)?;
    images.fetch_blob(&image, descriptor, &mut writer, &mut |_| {}).await.map_err(|error| error.to_string())?;
    let (_, _, lease) = writer.finish(Some(&blob.digest)).map_err(write)?;
    Ok(lease)
}
