//! Layers that lie elsewhere become layers of the store.
//!
//! Owns which of them are missing, and that each is unpacked as soon as it and those below it are there. How the blob of one comes
//! to this machine is known to `download`, what unpacking is to `snapshot::apply`, whose layers they are to the callers.

mod download;

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt, TryStreamExt};
use hlb_llb::Digest;
use hlb_registry::{Descriptor, Reference, ResolvedImage};
use hlb_store::{Item, LayerId, Lease, MetaError};

use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::snapshot::Snapshot;
use crate::snapshot::apply::apply_layer;
pub(crate) use download::{LocalBlob, download, download_into_store, download_single};

/// How many layers are downloaded at a time.
const DOWNLOADS: usize = 4;

/// Hears how far a named part of the work is: units done, and units in all where they are known.
pub(crate) type Progress = Arc<dyn Fn(&str, u64, Option<u64>) + Send + Sync>;

/// A layer that is wanted.
#[derive(Clone)]
pub(crate) struct Wanted {
    /// Its name in the store, which tells it with all below it: the chain id.
    pub(crate) layer: LayerId,
    /// Of its archive.
    pub(crate) diff_id: Digest,
    /// Its archive as it travels.
    pub(crate) blob: Descriptor,
    /// Who has that.
    pub(crate) from: Supply,
}

/// Who has a blob.
#[derive(Clone)]
pub(crate) enum Supply {
    /// An image that was resolved.
    Image(Arc<ResolvedImage>),
    /// A repository. The tag or digest of the name does not count.
    Repository(Arc<Reference>),
}

/// Brings layers into the store, bottom first in `wanted`, and gives the snapshot that they make.
///
/// # Errors
/// `ErrorKind::Source`: a blob cannot be had, or is not what it should be. `ErrorKind::Environment`: the store refuses.
pub(crate) async fn layers(
    engine: &Arc<Engine>,
    progress: &Progress,
    wanted: &[Wanted],
) -> Result<Snapshot, SolveError> {
    let store = &engine.store;
    let (mut held, mut missing) = (Vec::new(), Vec::new());
    for (at, wanted) in wanted.iter().enumerate() {
        let known = store.layers().exists(&wanted.layer).map_err(environment)?;
        match if known { lease(engine, Item::Layer(wanted.layer.clone()))? } else { None } {
            Some(lease) => held.push(lease),
            None => missing.push((at, wanted)),
        }
    }
    // Layers come in parallel and are unpacked one on the other, each as soon as it and those below it are there.
    let fetching: Vec<Wanted> = missing.iter().map(|(_, wanted)| (*wanted).clone()).collect();
    let mut blobs = stream::iter(fetching)
        .map(|wanted| {
            let (engine, progress) = (Arc::clone(engine), Arc::clone(progress));
            async move { download(&engine, &progress, &wanted.from, &wanted.blob).await }
        })
        .buffered(DOWNLOADS);
    let below = |at: usize| wanted.iter().take(at).rev().map(|it| store.layers().path(&it.layer)).collect();
    for (at, layer) in &missing {
        let Some(blob) = blobs.try_next().await? else { break };
        let kept = blob.kept.clone();
        let unpacked = match (unpack(engine, *at, layer, below(*at), blob).await, kept) {
            // What was right when it was kept may have been damaged since.
            (Err(error), Some(digest)) if error.kind() == ErrorKind::Source => {
                store.blobs().remove(&digest).map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
                let blob = download(engine, progress, &layer.from, &layer.blob).await.map_err(|_| error)?;
                unpack(engine, *at, layer, below(*at), blob).await
            }
            (unpacked, _) => unpacked,
        };
        held.push(unpacked?);
    }
    let layers: Vec<LayerId> = wanted.iter().map(|wanted| wanted.layer.clone()).collect();
    engine.snapshots.of(layers).map_err(|error| SolveError::new(ErrorKind::Environment, error))
}

/// Makes a layer of a blob. Those below it are there, topmost first in `below`.
async fn unpack(
    engine: &Arc<Engine>,
    at: usize,
    wanted: &Wanted,
    below: Vec<PathBuf>,
    blob: LocalBlob,
) -> Result<Lease, SolveError> {
    let (store, wanted) = (engine.store.clone(), wanted.clone());
    blocking(move || {
        let environment =
            |error: Box<dyn std::error::Error + Send + Sync>| SolveError::new(ErrorKind::Environment, error);
        let file = File::open(&blob.path).map_err(|error| environment(error.into()))?;
        let staged = store.layers().new_dir().map_err(|error| environment(error.into()))?;
        let applied = apply_layer(file, &staged, &below).map_err(|error| SolveError::new(ErrorKind::Source, error))?;
        if wanted.diff_id != applied.diff_id {
            let sentence = format!(
                "layer {at} of `{}` is not the one that the image's configuration names: its content has digest {}",
                wanted.from.name(),
                applied.diff_id
            );
            return Err(SolveError::say(ErrorKind::Source, sentence));
        }
        let (_, lease) = store.layers().commit(&wanted.layer, &staged).map_err(|error| environment(error.into()))?;
        Ok(lease)
    })
    .await
}

impl Supply {
    /// As it is told to people.
    fn name(&self) -> String {
        match self {
            Self::Image(image) => image.reference.to_string(),
            Self::Repository(reference) => reference.to_string(),
        }
    }
}

fn lease(engine: &Engine, item: Item) -> Result<Option<Lease>, SolveError> {
    engine.store.lease(&[item]).map_err(|error| SolveError::new(ErrorKind::Environment, error))
}

fn environment(error: MetaError) -> SolveError {
    SolveError::new(ErrorKind::Environment, error)
}
