//! The layers of a snapshot as blobs.
//!
//! Owns that each is known by its digest, which may take packing it, and that it is at hand where its bytes are needed, which may
//! take fetching it once more.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hlb_registry::Reference;
use hlb_store::{Item, LayerId, Lease};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, Semaphore, SemaphorePermit};
use tokio_util::sync::CancellationToken;

use super::archive::Layer;
use super::image::{ImageError, TRANSFERS};
use super::{ExportError, Stop};
use crate::engine::Engine;
use crate::layer_blob::{self, Form, Known, LayerBlob, Origin};
use crate::pull::download_into_store;
use crate::snapshot::Snapshot;

/// Layers of one image that are packed at a time. Each keeps all processors busy, but when it begins and when it ends.
const PACKINGS: usize = 3;

/// Who packs what, so that nobody packs what another does.
#[derive(Debug)]
pub(crate) struct Packing {
    turns: Mutex<HashMap<What, Weak<AsyncMutex<()>>>>,
    background: Semaphore,
}

/// The layers up to one, and its form.
type What = (Vec<LayerId>, Form);

/// The right to pack a layer. Who gets it looks first whether the one before has done so.
pub(crate) type Turn = OwnedMutexGuard<()>;

impl Default for Packing {
    fn default() -> Self {
        Self { turns: Mutex::default(), background: Semaphore::new(1) }
    }
}

impl Packing {
    /// Waits for the right to pack the topmost of these layers.
    pub(crate) async fn turn(&self, layers: &[LayerId], form: Form) -> Turn {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            turns.retain(|_, turn| turn.strong_count() > 0);
            let turn = turns.entry((layers.to_vec(), form)).or_default();
            turn.upgrade().unwrap_or_else(|| {
                let new = Arc::default();
                *turn = Arc::downgrade(&new);
                new
            })
        };
        turn.lock_owned().await
    }

    /// Waits for the right to pack what nobody waits for.
    pub(crate) async fn background(&self) -> Option<SemaphorePermit<'_>> {
        self.background.acquire().await.ok()
    }
}

/// The blobs of the layers, bottom first. Those that nobody knows yet in this form are packed, several at a time. `force` is that
/// pulled ones must have the form, too.
pub(crate) async fn blobs(
    engine: &Arc<Engine>,
    snapshot: &Snapshot,
    (form, force): (Form, bool),
    cancel: &CancellationToken,
) -> Result<Vec<LayerBlob>, ImageError> {
    // When one fails, nobody wants the others.
    let cancel = &cancel.child_token();
    let _stop = cancel.clone().drop_guard();
    let packing = (1..=snapshot.layers().len()).map(|at| {
        let layers: Vec<LayerId> = snapshot.layers().iter().take(at).cloned().collect();
        blob(engine, layers, (form, force), cancel).boxed()
    });
    let packing: Vec<_> = packing.collect();
    let blobs: Vec<Option<LayerBlob>> = stream::iter(packing).buffered(PACKINGS).try_collect().await?;
    Ok(blobs.into_iter().flatten().collect())
}

async fn blob(
    engine: &Arc<Engine>,
    layers: Vec<LayerId>,
    (form, force): (Form, bool),
    cancel: &CancellationToken,
) -> Result<Option<LayerBlob>, ImageError> {
    if let Known::Blob(blob) = layer_blob::known(&engine.store, &layers, form, force)? {
        return Ok(Some(blob));
    }
    let turn = tokio::select! {
        turn = engine.packing.turn(&layers, form) => turn,
        () = cancel.cancelled() => return Err(ExportError::Cancelled.into()),
    };
    let pulled = match layer_blob::known(&engine.store, &layers, form, force)? {
        // Somebody has packed it meanwhile.
        Known::Blob(blob) => return Ok(Some(blob)),
        // The archive of a layer that was pulled is kept, in whichever form.
        Known::Other(blob) => Some(blob),
        Known::Nothing => None,
    };
    let held = match &pulled {
        Some(blob) => at_hand(engine, std::slice::from_ref(blob), cancel).await?,
        None => Vec::new(),
    };
    let (engine, cancel) = (Arc::clone(engine), cancel.clone());
    let packed = tokio::task::spawn_blocking(move || {
        let _held = (held, turn);
        let stop: Stop<'_> = &|| cancel.is_cancelled();
        match pulled {
            Some(blob) => layer_blob::convert(&engine.store, &layers, &blob, form, stop).map(Some),
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
pub(crate) async fn fetch(engine: &Arc<Engine>, blob: &LayerBlob) -> Result<Layer, ImageError> {
    let mut held = blob.held.clone();
    if held.is_none()
        && let Some(origin) = &blob.origin
    {
        let failed = |reason: String| ImageError::Origin {
            digest: blob.digest.clone(),
            origin: origin.reference.clone(),
            reason,
        };
        held = download(engine, blob, origin).await.map_err(failed)?;
    }
    let path = engine.store.blobs().path(&blob.digest);
    Ok(Layer { digest: blob.digest.clone(), size: blob.size, path, _held: held })
}

async fn download(engine: &Engine, blob: &LayerBlob, origin: &Origin) -> Result<Option<Lease>, String> {
    // Another image may have brought it.
    let here = engine.store.lease(&[Item::Blob(blob.digest.clone())]).map_err(|error| error.to_string())?;
    if here.is_some() {
        return Ok(here);
    }
    let reference = Reference::parse(&origin.reference).map_err(|error| error.to_string())?;
    let image = engine.images.resolve(&reference, &origin.platform).await.map_err(|error| error.to_string())?;
    let descriptor = image.manifest.layers.iter().find(|layer| layer.digest == blob.digest);
    let descriptor = descriptor.ok_or_else(|| "the image does not have it any more".to_owned())?;
    download_into_store(engine, &image, descriptor).await.map_err(|error| error.to_string())
}
