//! Layers that lie elsewhere become layers of the store.
//!
//! Owns which of them are missing, who makes each (one at a time, among all processes), and their order: they come and are
//! unpacked side by side, and become layers one on the other, from the lowest. How the blob of one comes to this machine is known
//! to `download`, how one becomes a directory to `unpack`, whose layers they are to the callers.

mod download;
mod unpack;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_registry::{Descriptor, Reference, ResolvedImage};
use hlb_store::{Claim, Item, LayerId, Lease};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::snapshot::Snapshot;
use crate::snapshot::apply::ApplyError;
use crate::snapshot::limit::Excess;
pub(crate) use download::{Into, LocalBlob, download, download_into_store, download_single};
use unpack::{Unpacked, Work};

/// How many layers are downloaded at a time.
const DOWNLOADS: usize = 4;
/// How many are unpacked at a time, if there are so many processors but one.
const UNPACKS: usize = 4;
/// Between two looks at a layer that another makes: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

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
    /// A directory with an OCI layout.
    Directory(Arc<Path>),
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
    let (mut held, mut missing) = (Vec::new(), Vec::new());
    for (at, wanted) in wanted.iter().enumerate() {
        match there(engine, &wanted.layer)? {
            Some(lease) => held.push(lease),
            None => missing.push(at),
        }
    }
    if !missing.is_empty() {
        let unpacks = std::thread::available_parallelism().map_or(1, usize::from) + 1;
        let pull = Pull {
            engine: Arc::clone(engine),
            progress: Arc::clone(progress),
            wanted: wanted.into(),
            downloads: Semaphore::new(DOWNLOADS),
            unpacks: Semaphore::new(unpacks.min(UNPACKS)),
            stop: CancellationToken::new(),
        };
        held.extend(make(&Arc::new(pull), missing).await?);
    }
    let layers: Vec<LayerId> = wanted.iter().map(|wanted| wanted.layer.clone()).collect();
    engine.snapshots.of(layers).map_err(environment)
}

/// What the layers of one call have in common.
struct Pull {
    engine: Arc<Engine>,
    progress: Progress,
    wanted: Arc<[Wanted]>,
    downloads: Semaphore,
    unpacks: Semaphore,
    /// Set when nobody waits for the layers any more.
    stop: CancellationToken,
}

/// Who makes a layer.
enum Turn {
    /// Nobody: another has made it.
    There(Lease),
    Ours(Claim),
}

/// A layer of which all is done that does not need those below it.
enum Ready {
    There(Lease),
    Ours { claim: Claim, blob: LocalBlob, unpacked: Unpacked },
}

/// Makes layers, the lowest first in `missing`.
async fn make(pull: &Arc<Pull>, missing: Vec<usize>) -> Result<Vec<Lease>, SolveError> {
    let _stop = pull.stop.clone().drop_guard();
    let first = missing.first().copied();
    // Turns are taken from the lowest layer on, by everyone, so that nobody waits for one who waits for him.
    let turns = stream::iter(missing).then(|at| {
        let pull = Arc::clone(pull);
        async move { (at, pull.turn(at).await) }
    });
    let ready = turns.map(|(at, turn)| {
        let pull = Arc::clone(pull);
        async move { (at, pull.prepare(at, first == Some(at), turn).await) }
    });
    let mut ready = std::pin::pin!(ready.buffered(DOWNLOADS + UNPACKS));
    let mut made = Ok(Vec::new());
    while let Some((at, ready)) = ready.next().await {
        let Ok(leases) = &mut made else { continue };
        let finished = match ready {
            Ok(ready) => pull.finish(at, ready).await,
            Err(error) => Err(error),
        };
        match finished {
            Ok(lease) => leases.push(lease),
            // The others end on their own now, which is waited for.
            Err(error) => {
                pull.stop.cancel();
                made = Err(error);
            }
        }
    }
    made
}

impl Pull {
    /// Waits until it is clear who makes a layer.
    async fn turn(&self, at: usize) -> Result<Turn, SolveError> {
        let layer = &self.wanted(at)?.layer;
        let name = Digest::of(format!("layer {layer}"));
        let mut pause = PAUSES.0;
        loop {
            if let Some(claim) = self.engine.store.claim(&name).map_err(environment)? {
                // Whoever had it before may have made the layer.
                return Ok(there(&self.engine, layer)?.map_or(Turn::Ours(claim), Turn::There));
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = PAUSES.1.min(pause * 2),
                () = self.stop.cancelled() => return Err(SolveError::cancelled()),
            }
        }
    }

    /// Does what does not need the layers below, which `bottom` says are there.
    async fn prepare(&self, at: usize, bottom: bool, turn: Result<Turn, SolveError>) -> Result<Ready, SolveError> {
        let claim = match turn? {
            Turn::There(lease) => return Ok(Ready::There(lease)),
            Turn::Ours(claim) => claim,
        };
        let blob = self.download(at).await?;
        let _permit = self.unpacks.acquire().await.map_err(environment)?;
        let work = self.work(at)?;
        let (unpacked, blob) = if bottom {
            let below = self.below(at);
            self.with_blob(at, blob, move |path| work.on(path, &below).map(Unpacked::Whole)).await?
        } else {
            self.with_blob(at, blob, move |path| work.alone(path)).await?
        };
        Ok(Ready::Ours { claim, blob, unpacked })
    }

    /// Makes it a layer. Those below it are there.
    async fn finish(&self, at: usize, ready: Ready) -> Result<Lease, SolveError> {
        let (_claim, blob, unpacked) = match ready {
            Ready::There(lease) => return Ok(lease),
            Ready::Ours { claim, blob, unpacked } => (claim, blob, unpacked),
        };
        let (work, below) = (self.work(at)?, self.below(at));
        let settled = {
            let below = below.clone();
            blocking(move || unpacked.settle(&below)).await?
        };
        let staged = match settled {
            Some(staged) => staged,
            None => {
                let work = work.clone();
                self.with_blob(at, blob, move |path| work.on(path, &below)).await?.0
            }
        };
        blocking(move || work.commit(&staged)).await
    }

    async fn download(&self, at: usize) -> Result<LocalBlob, SolveError> {
        let wanted = self.wanted(at)?;
        // It cannot be smaller unpacked: nothing has to come to see that it is refused.
        let bytes = self.engine.limits.bytes;
        if wanted.blob.size > bytes {
            return Err(SolveError::new(ErrorKind::Source, ApplyError::Excess(Excess::Bytes { bytes })));
        }
        let _permit = self.downloads.acquire().await.map_err(environment)?;
        tokio::select! {
            blob = download(&self.engine, &self.progress, &wanted.from, &wanted.blob) => blob,
            () = self.stop.cancelled() => Err(SolveError::cancelled()),
        }
    }

    /// Does something with a blob, and once more with a new one if what is kept of it has been damaged since.
    async fn with_blob<T: Send + 'static>(
        &self,
        at: usize,
        blob: LocalBlob,
        work: impl Fn(&Path) -> Result<T, SolveError> + Clone + Send + 'static,
    ) -> Result<(T, LocalBlob), SolveError> {
        let done = {
            let (work, path) = (work.clone(), blob.path.clone());
            blocking(move || work(&path)).await
        };
        match (done, blob.kept.clone()) {
            _ if self.stop.is_cancelled() => Err(SolveError::cancelled()),
            (Err(error), Some(digest)) if error.kind() == ErrorKind::Source => {
                let (path, expected) = (blob.path.clone(), digest.clone());
                let sound = blocking(move || Ok(hash(&path).is_ok_and(|found| found == expected))).await?;
                if sound {
                    return Err(error);
                }
                // While it is held, it is taken to be there.
                drop(blob);
                self.engine.store.blobs().remove(&digest).map_err(environment)?;
                let blob = self.download(at).await.map_err(|_| error)?;
                let path = blob.path.clone();
                Ok((blocking(move || work(&path)).await?, blob))
            }
            (done, _) => Ok((done?, blob)),
        }
    }

    fn work(&self, at: usize) -> Result<Work, SolveError> {
        Ok(Work {
            store: self.engine.store.clone(),
            limits: self.engine.limits,
            stop: self.stop.clone(),
            at,
            wanted: self.wanted(at)?.clone(),
        })
    }

    fn wanted(&self, at: usize) -> Result<&Wanted, SolveError> {
        let missing = || SolveError::say(ErrorKind::Internal, format!("nobody wants a layer {at}"));
        self.wanted.get(at).ok_or_else(missing)
    }

    /// The directories of the layers below one, topmost first.
    fn below(&self, at: usize) -> Vec<PathBuf> {
        self.wanted.iter().take(at).rev().map(|it| self.engine.store.layers().path(&it.layer)).collect()
    }
}

impl Supply {
    /// As it is told to people.
    fn name(&self) -> String {
        match self {
            Self::Image(image) => image.reference.to_string(),
            Self::Repository(reference) => reference.to_string(),
            Self::Directory(path) => path.display().to_string(),
        }
    }
}

/// The digest of what is in a file.
fn hash(path: &Path) -> io::Result<Digest> {
    let (mut file, mut hasher, mut piece) = (File::open(path)?, Hasher::default(), vec![0; 256 << 10]);
    loop {
        let count = file.read(&mut piece)?;
        match piece.get(..count) {
            None | Some([]) => return Ok(hasher.finish()),
            Some(bytes) => hasher.update(bytes),
        }
    }
}

/// A layer that is there, held.
fn there(engine: &Engine, layer: &LayerId) -> Result<Option<Lease>, SolveError> {
    let known = engine.store.layers().exists(layer).map_err(environment)?;
    if known { lease(engine, Item::Layer(layer.clone())) } else { Ok(None) }
}

fn lease(engine: &Engine, item: Item) -> Result<Option<Lease>, SolveError> {
    engine.store.lease(&[item]).map_err(environment)
}

fn environment(error: impl std::error::Error + Send + Sync + 'static) -> SolveError {
    SolveError::new(ErrorKind::Environment, error)
}
