//! Shared caches that a solve reads.
//!
//! Owns when they are read (once for all solves of a command, all at a time), what becomes of one that cannot be (a warning, and the
//! build goes on without it), and that the layers of a result are brought here only when somebody wants its files.

use std::collections::HashSet;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use hlb_llb::Digest;
use hlb_llb::status::Status;
use hlb_registry::{Descriptor, Reference};
use hlb_store::{KeyId, LayerId, Link};
use tokio::sync::OnceCell;

use super::graph::{RemoteGraph, RemoteLayer, RemoteResult};
use super::manifest::{self, Read, Root};
use super::{CacheSource, layout};
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::layer_blob;
use crate::ops::{blocking, source};
use crate::pull::{self, Progress, Supply, Wanted};
use crate::snapshot::Snapshot;
use crate::solver::job::StatusSink;

/// How long it may take until the documents of a cache are here.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of a document that is not even asked for.
const MAX_DOCUMENT: u64 = 32 << 20;

/// Images of an index that are looked through for their caches.
const MAX_IMAGES: usize = 64;

/// Shared caches to read, for all solves of one command. Cheap to clone.
#[derive(Clone)]
pub struct CacheImports(Arc<Imports>);

struct Imports {
    sources: Vec<CacheSource>,
    loaded: OnceCell<Arc<Remote>>,
}

/// Shared caches that were read.
#[derive(Default)]
pub(crate) struct Remote {
    pub(crate) graph: RemoteGraph,
    places: Vec<Place>,
    broken: Mutex<Broken>,
}

/// What has turned out to be of no use.
#[derive(Default)]
struct Broken {
    results: HashSet<KeyId>,
    /// Places of which that has been told.
    told: HashSet<usize>,
}

/// A place that was read.
struct Place {
    name: String,
    supply: Supply,
}

impl fmt::Debug for CacheImports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("CacheImports").field(&self.0.sources).finish()
    }
}

impl CacheImports {
    /// Caches that are read when they are needed first.
    pub fn new(sources: Vec<CacheSource>) -> Self {
        Self(Arc::new(Imports { sources, loaded: OnceCell::new() }))
    }

    /// What is in them. Those that cannot be read are told of once.
    pub(crate) async fn load(&self, engine: &Arc<Engine>, status: &StatusSink) -> Arc<Remote> {
        let load = async {
            let all = join_all(self.0.sources.iter().map(|source| async move {
                let read = tokio::time::timeout(PATIENCE, read(engine, source)).await;
                read.unwrap_or_else(|_| Err(format!("no answer within {} s", PATIENCE.as_secs())))
            }));
            let mut remote = Remote::default();
            for (source, read) in self.0.sources.iter().zip(all.await) {
                if let Err(reason) = read.and_then(|read| remote.add(source, read)) {
                    let text = format!("the cache `{}` cannot be read: {reason}; building without it", source.name());
                    status(Status::Warning { text });
                }
            }
            Arc::new(remote)
        };
        Arc::clone(self.0.loaded.get_or_init(|| load).await)
    }

    /// What is in them, if they have been read.
    pub(crate) fn loaded(&self) -> Option<Arc<Remote>> {
        self.0.loaded.get().map(Arc::clone)
    }
}

impl Remote {
    fn add(&mut self, source: &CacheSource, read: Vec<Read>) -> Result<(), String> {
        let (place, supply) = (self.places.len(), supply(source)?);
        // Also if one of its documents is damaged: the results of those before it are there.
        self.places.push(Place { name: source.name(), supply });
        for (config, blobs) in &read {
            self.graph.add(config, blobs, place).map_err(|error| format!("it is damaged: {error}"))?;
        }
        Ok(())
    }

    /// The keys that a link leads to.
    pub(crate) fn targets(&self, from: &KeyId, link: &Link) -> &[KeyId] {
        self.graph.targets(from, link)
    }

    /// The newest result of these keys that can still be had.
    pub(crate) fn newest(&self, keys: &[KeyId]) -> Option<(KeyId, RemoteResult)> {
        let broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
        let usable = keys.iter().filter(|key| !broken.results.contains(key));
        let results = usable.filter_map(|key| Some((self.graph.created_at(key)?, key)));
        let (_, key) = results.max_by_key(|(created_at, _)| *created_at)?;
        Some((key.clone(), self.graph.result(key)?))
    }

    /// Who has the layers of a result.
    pub(crate) fn supply(&self, result: &RemoteResult) -> Option<Supply> {
        self.places.get(result.place).map(|place| place.supply.clone())
    }

    /// Brings the layers of a result here. `None`: they cannot be had, which is told, and nobody is given the result any more.
    pub(crate) async fn pull(
        &self,
        engine: &Arc<Engine>,
        progress: &Progress,
        status: &StatusSink,
        (key, result): (&KeyId, &RemoteResult),
    ) -> Result<Option<Snapshot>, SolveError> {
        let Some(place) = self.places.get(result.place) else {
            let sentence = "a defect: a result of a shared cache has no place";
            return Err(SolveError::say(ErrorKind::Internal, sentence));
        };
        match layers(engine, progress, &place.supply, &result.layers).await {
            Ok(snapshot) => Ok(Some(snapshot)),
            Err(error) if error.kind() == ErrorKind::Source => {
                let mut broken = self.broken.lock().unwrap_or_else(PoisonError::into_inner);
                broken.results.insert(key.clone());
                if broken.told.insert(result.place) {
                    let name = &place.name;
                    let text = format!("a result in the cache `{name}` cannot be had: {error}; its step runs");
                    status(Status::Warning { text });
                }
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

async fn layers(
    engine: &Arc<Engine>,
    progress: &Progress,
    supply: &Supply,
    layers: &[RemoteLayer],
) -> Result<Snapshot, SolveError> {
    let diff_ids: Vec<Digest> = layers.iter().map(|layer| layer.diff_id.clone()).collect();
    let names: Vec<LayerId> = source::chain_ids(&diff_ids);
    let wanted: Vec<Wanted> = names
        .iter()
        .zip(layers)
        .map(|(name, layer)| Wanted {
            layer: name.clone(),
            diff_id: layer.diff_id.clone(),
            blob: layer.blob.clone(),
            from: supply.clone(),
        })
        .collect();
    let snapshot = pull::layers(engine, progress, &wanted).await?;
    let blobs: Vec<(Descriptor, Digest)> =
        layers.iter().map(|layer| (layer.blob.clone(), layer.diff_id.clone())).collect();
    let store = engine.store.clone();
    blocking(move || {
        let noted = layer_blob::remember_kept(&store, &names, &blobs);
        noted.map_err(|error| SolveError::new(ErrorKind::Environment, error))
    })
    .await?;
    Ok(snapshot)
}

fn supply(source: &CacheSource) -> Result<Supply, String> {
    Ok(match source {
        CacheSource::Registry { reference } => {
            Supply::Repository(Arc::new(Reference::parse(reference).map_err(|error| error.to_string())?))
        }
        CacheSource::Local { directory, .. } => Supply::Directory(Arc::from(directory.as_path())),
    })
}

/// Where documents are read from.
enum Holder<'a> {
    Registry(&'a Engine, Reference),
    Directory(&'a Path),
}

async fn read(engine: &Arc<Engine>, source: &CacheSource) -> Result<Vec<Read>, String> {
    let (holder, bytes) = match source {
        CacheSource::Registry { reference } => {
            let reference = Reference::parse(reference).map_err(|error| error.to_string())?;
            let bytes = engine.images.raw_manifest(&reference).await.map_err(|error| error.to_string())?;
            (Holder::Registry(engine, reference), bytes)
        }
        CacheSource::Local { directory, which } => {
            let found = layout::find(directory, which).map_err(|error| error.to_string())?;
            let bytes = layout::document(directory, &found).map_err(|error| error.to_string())?;
            (Holder::Directory(directory), bytes)
        }
    };
    match manifest::root(&bytes)? {
        Root::Cache { config, layers } => Ok(vec![manifest::document(&holder.blob(&config).await?, layers)?]),
        Root::Image(image) => {
            let read = holder.inline(&image).await?;
            read.map(|read| vec![read]).ok_or_else(|| "it is an image that holds no cache".to_owned())
        }
        Root::Images(images) => {
            let (mut all, mut seen) = (Vec::new(), HashSet::new());
            if images.len() > MAX_IMAGES {
                return Err(format!("it has {} images, and at most {MAX_IMAGES} are looked through", images.len()));
            }
            for image in images.into_iter().filter(|image| seen.insert(image.digest.clone())) {
                let bytes = holder.manifest(&image).await?;
                if let Root::Image(image) = manifest::root(&bytes)? {
                    all.extend(holder.inline(&image).await?);
                }
            }
            if all.is_empty() { Err("none of its images holds a cache".to_owned()) } else { Ok(all) }
        }
    }
}

impl Holder<'_> {
    async fn inline(&self, image: &hlb_registry::Manifest) -> Result<Option<Read>, String> {
        manifest::inline(image, &self.blob(&image.config).await?)
    }

    async fn manifest(&self, wanted: &Descriptor) -> Result<Vec<u8>, String> {
        match self {
            Self::Registry(engine, reference) => {
                let got = engine.images.raw_manifest(&reference.with_digest(&wanted.digest)).await;
                got.map_err(|error| error.to_string())
            }
            Self::Directory(directory) => {
                layout::document(directory, &wanted.digest).map_err(|error| error.to_string())
            }
        }
    }

    async fn blob(&self, wanted: &Descriptor) -> Result<Vec<u8>, String> {
        if wanted.size > MAX_DOCUMENT {
            return Err(format!("its document has {} bytes", wanted.size));
        }
        match self {
            Self::Registry(engine, reference) => {
                let mut bytes = hlb_registry::Memory::default();
                let (reference, size) = (reference.with_digest(&wanted.digest), Some(wanted.size));
                let got = engine.images.fetch_at(&reference, size, &mut bytes, &mut |_| {}).await;
                got.map(|()| bytes.into_bytes()).map_err(|error| error.to_string())
            }
            Self::Directory(directory) => {
                layout::document(directory, &wanted.digest).map_err(|error| error.to_string())
            }
        }
    }
}
