//! Snapshots: file systems that never change, as lists of layers.
//!
//! Owns what a snapshot is, that its layers stay as long as it is there, and how new ones come about: writing on top of one,
//! laying several over one another, taking what one has more than another. It does not know who writes or why.

pub(crate) mod apply;
pub(crate) mod archive;
mod compare;
pub(crate) mod compression;
pub(crate) mod limit;
mod node;
mod overlay;
mod probe;
mod stack;
pub(crate) mod whiteout;

use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hlb_store::{Item, LayerError, LayerId, Lease, LeaseError, Store};

pub(crate) use overlay::{Active, View};

use crate::sys::mounts::MAX_LOWERS;

/// A file system: layers, bottom first, which nobody collects while it is there. None is an empty one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    layers: Arc<[LayerId]>,
    _lease: Option<Lease>,
}

/// What makes snapshots.
#[derive(Clone, Debug)]
pub(crate) struct Snapshots {
    store: Store,
}

/// A layer that cannot be read. Errors have it as a cause if the layer has to be made again.
#[derive(Debug, thiserror::Error)]
#[error("{source}")]
pub(crate) struct DamagedLayer {
    pub(crate) layer: LayerId,
    source: io::Error,
}

/// A snapshot cannot be made or read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SnapshotError {
    /// More layers than an overlay can have.
    #[error("a file system of {count} layers cannot be mounted: the kernel takes {MAX_LOWERS} at most")]
    TooManyLayers {
        /// How many it has.
        count: usize,
    },
    /// A layer is gone, or the disk does not give it any more.
    #[error("the cached layer `{}` cannot be read", .0.layer)]
    Damaged(#[from] DamagedLayer),
    /// The kernel refused a mount.
    #[error("cannot mount `{path}`: {source}")]
    Mount {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file system refused.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The store refused.
    #[error(transparent)]
    Layer(#[from] LayerError),
    /// The store cannot note that layers are in use.
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

impl Snapshot {
    /// A snapshot with nothing in it.
    pub(crate) fn scratch() -> Self {
        Self::default()
    }

    /// Its layers, bottom first.
    pub(crate) fn layers(&self) -> &[LayerId] {
        &self.layers
    }

    /// Whether it has nothing in it.
    pub(crate) fn is_scratch(&self) -> bool {
        self.layers.is_empty()
    }
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.layers == other.layers
    }
}

impl Eq for Snapshot {}

impl Hash for Snapshot {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.layers.hash(state);
    }
}

impl Snapshots {
    /// Snapshots of a store.
    pub(crate) fn new(store: Store) -> Self {
        Self { store }
    }

    /// The snapshot of some layers, bottom first. `None`: one of them is gone, so whatever names them is worth nothing.
    pub(crate) fn adopt(&self, layers: impl Into<Arc<[LayerId]>>) -> Result<Option<Snapshot>, SnapshotError> {
        let layers = layers.into();
        if layers.is_empty() {
            return Ok(Some(Snapshot::scratch()));
        }
        let items: Vec<Item> = layers.iter().cloned().map(Item::Layer).collect();
        Ok(self.store.lease(&items)?.map(|lease| Snapshot { layers, _lease: Some(lease) }))
    }

    /// Whether a layer was made on others and is also used without them: it may delete what is not below it.
    pub(crate) fn is_partial(&self, layer: &LayerId) -> bool {
        overlay::is_partial(&self.store.layers().path(layer))
    }

    /// The snapshot of layers that are there, as those of snapshots at hand are.
    pub(crate) fn of(&self, layers: impl Into<Arc<[LayerId]>>) -> Result<Snapshot, SnapshotError> {
        let layers = layers.into();
        loop {
            if let Some(snapshot) = self.adopt(Arc::clone(&layers))? {
                return Ok(snapshot);
            }
            // If it is there again by now, somebody has made it anew.
            for layer in &*layers {
                self.place(layer)?;
            }
        }
    }

    /// A place to write on top of a snapshot.
    pub(crate) fn prepare(&self, base: &Snapshot) -> Result<Active, SnapshotError> {
        Active::new(self, base, self.lowers(base)?)
    }

    /// A snapshot to read.
    pub(crate) fn view(&self, snapshot: &Snapshot) -> Result<View, SnapshotError> {
        View::new(self, snapshot, &self.lowers(snapshot)?)
    }

    /// File systems laid over one another, later ones on top: their layers in order. A layer that comes more than once
    /// counts where it comes last, which gives the same files.
    ///
    /// A directory that replaced another one in its own part hides what earlier parts have there: overlay directories
    /// say "nothing below counts", not what of the below is meant.
    pub(crate) fn merge(&self, parts: &[Snapshot]) -> Result<Snapshot, SnapshotError> {
        let mut seen = std::collections::HashSet::new();
        let mut layers: Vec<LayerId> = Vec::new();
        for layer in parts.iter().rev().flat_map(|part| part.layers.iter().rev()) {
            if seen.insert(layer) {
                layers.push(layer.clone());
            }
        }
        layers.reverse();
        check_count(layers.len())?;
        self.of(layers)
    }

    /// What `upper` has changed since `lower`, if it was made on top of it; `None` if it was not.
    pub(crate) fn diff(&self, lower: &Snapshot, upper: &Snapshot) -> Result<Option<Snapshot>, SnapshotError> {
        let Some(rest) = upper.layers.strip_prefix(&*lower.layers) else { return Ok(None) };
        if let (Some(bottom), false) = (rest.first(), lower.is_scratch()) {
            overlay::mark_partial(&self.store.layers().path(bottom))?;
        }
        self.of(rest).map(Some)
    }

    /// What `upper` has other than `lower`, with which it has nothing to do. Reads both.
    pub(crate) fn compare(&self, lower: &Snapshot, upper: &Snapshot) -> Result<Snapshot, SnapshotError> {
        let (below, above) = (self.view(lower)?, self.view(upper)?);
        let active = self.prepare(&Snapshot::scratch())?;
        compare::fill(below.path(), above.path(), active.upper())?;
        let difference = active.commit()?;
        if let Some(layer) = difference.layers.first() {
            overlay::mark_partial(&self.store.layers().path(layer))?;
        }
        Ok(difference)
    }

    /// The directories of the layers, top first.
    fn lowers(&self, snapshot: &Snapshot) -> Result<Vec<PathBuf>, SnapshotError> {
        check_count(snapshot.layers.len())?;
        Ok(snapshot.layers.iter().rev().map(|layer| self.place(layer)).collect::<Result<_, _>>()?)
    }

    /// The directory of a layer.
    fn place(&self, layer: &LayerId) -> Result<PathBuf, DamagedLayer> {
        let path = self.store.layers().path(layer);
        let damaged = |source| DamagedLayer { layer: layer.clone(), source };
        match std::fs::symlink_metadata(&path) {
            Ok(found) if found.is_dir() => Ok(path),
            Ok(_) => Err(damaged(io::ErrorKind::NotADirectory.into())),
            Err(source) => Err(damaged(source)),
        }
    }

    /// Tries to read all files of some snapshots, after something could not be read: the first layer that cannot be, if one is.
    pub(crate) fn damaged<'s>(&self, snapshots: impl IntoIterator<Item = &'s Snapshot>) -> Option<DamagedLayer> {
        let mut tried = std::collections::HashSet::new();
        for layer in snapshots.into_iter().flat_map(Snapshot::layers).filter(|layer| tried.insert(*layer)) {
            let read = match self.place(layer) {
                Ok(path) => probe::read_all(&path),
                Err(damaged) => return Some(damaged),
            };
            if let Err(source) = read {
                return Some(DamagedLayer { layer: layer.clone(), source });
            }
        }
        None
    }
}

fn check_count(count: usize) -> Result<(), SnapshotError> {
    if count > MAX_LOWERS { Err(SnapshotError::TooManyLayers { count }) } else { Ok(()) }
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> SnapshotError {
    move |source| SnapshotError::Io { action, path: path.to_owned(), source }
}
