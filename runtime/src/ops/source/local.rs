//! Local sources: directories of the caller.
//!
//! Owns where the last listing of a directory is kept, so that an unchanged one is its old layer again, and a changed one shares
//! what did not change.

use std::path::PathBuf;
use std::str::FromStr;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hlb_llb::digest::Hasher;
use hlb_llb::{Digest, pb};
use hlb_store::{KeyId, LayerId, MetaError, NewRecord, RecordType};
use serde::{Deserialize, Serialize};

use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::ops::local::{Listing, LocalError, fill, scan};
use crate::snapshot::Snapshot;
use crate::solver::job::Job;
use crate::solver::key::{self, LocalKey};
use crate::why::{FileChanges, SourcePart};

/// Where listings are kept.
const FACTS: &str = "local-1";

/// A directory that is offered by the caller.
pub(super) struct Found {
    selection: Selection,
    /// The look at the directory that showed that it changed.
    looked: Mutex<Option<Looked>>,
    /// What had changed then, if there was an earlier look.
    changes: OnceLock<FileChanges>,
}

#[derive(Clone)]
struct Selection {
    directory: PathBuf,
    include: Vec<String>,
    exclude: Vec<String>,
    follow: Vec<String>,
}

struct Looked {
    listing: Listing,
    previous: Option<Kept>,
}

/// A listing and the layer that was filled from it; none if there was nothing to put in one.
#[derive(Serialize, Deserialize)]
struct Kept {
    listing: Listing,
    layer: Option<String>,
}

/// Finds the directory that goes by a name.
pub(super) fn find(job: &Job, name: &str, op: &pb::SourceOp) -> Result<super::Found, SolveError> {
    let Some(directory) = job.caller.locals.get(name).cloned() else {
        let sentence = format!("the build reads a local directory named `{name}`, which the caller does not offer");
        return Err(SolveError::say(ErrorKind::Source, sentence));
    };
    let selection = Selection {
        directory,
        include: patterns(op, "local.includepattern")?,
        exclude: patterns(op, "local.excludepatterns")?,
        follow: patterns(op, "local.followpaths")?,
    };
    let session = job.engine.store.session_dir().file_name().unwrap_or_default().to_string_lossy().into_owned();
    let key = key::local(&LocalKey {
        name,
        session: &session,
        include: &selection.include,
        exclude: &selection.exclude,
        follow: &selection.follow,
    });
    Ok(super::Found {
        keys: vec![key],
        what: super::What::Local(Found { selection, looked: Mutex::new(None), changes: OnceLock::new() }),
    })
}

/// Which directory it is, and what of it was seen to have changed.
pub(super) fn part(found: &Found) -> SourcePart {
    SourcePart::Local { directory: found.selection.directory.clone(), changes: found.changes.get().cloned() }
}

/// The layer of the last build, if nothing in the directory changed since.
pub(super) async fn unchanged(job: &Arc<Job>, found: &Found) -> Result<Option<Snapshot>, SolveError> {
    let (shared, selection) = (Arc::clone(job), found.selection.clone());
    let (same, looked) = blocking(move || {
        let listing =
            scan(&selection.directory, &selection.include, &selection.exclude, &selection.follow).map_err(source)?;
        let previous = kept(&shared, &selection)?;
        let same = previous.as_ref().filter(|previous| listing.same_as(&previous.listing));
        let layers = same.map(|same| same.layer().into_iter().collect::<Vec<_>>());
        let same = layers.map_or(Ok(None), |layers| shared.engine.snapshots.adopt(layers)).map_err(environment)?;
        if same.is_some() {
            let records = shared.engine.store.cache().records(&selection.key()).map_err(environment)?;
            records.iter().for_each(|record| shared.engine.used.note(record));
        }
        Ok((same, Looked { listing, previous }))
    })
    .await?;
    if same.is_none() {
        if let Some(previous) = &looked.previous {
            let _ = found.changes.set(looked.listing.changes_since(&previous.listing));
        }
        *found.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(looked);
    }
    Ok(same)
}

/// Takes in what changed.
pub(super) async fn fetch(job: &Arc<Job>, found: &Found) -> Result<Snapshot, SolveError> {
    let looked = found.looked.lock().unwrap_or_else(PoisonError::into_inner).take();
    let Some(Looked { listing, previous }) = looked else {
        return Err(SolveError::say(ErrorKind::Internal, "a local directory was fetched before it was looked at"));
    };
    let (job, selection) = (Arc::clone(job), found.selection.clone());
    blocking(move || {
        let begun = Instant::now();
        let snapshots = &job.engine.snapshots;
        let active = snapshots.prepare(&Snapshot::default()).map_err(environment)?;
        let layers = job.engine.store.layers();
        let old = previous.as_ref().and_then(|previous| Some((&previous.listing, previous.layer()?)));
        // What was collected meanwhile is copied again.
        let old = match old {
            Some((listing, layer)) => {
                snapshots.adopt([layer.clone()]).map_err(environment)?.map(|held| (listing, layer, held))
            }
            None => None,
        };
        let old_layer = old.as_ref().map(|(listing, layer, _held)| (*listing, layers.path(layer)));
        let shared = old_layer.as_ref().map(|(listing, path)| (*listing, path.as_path()));
        let listing = fill(active.upper(), listing, shared).map_err(source)?;
        let snapshot = active.commit().map_err(environment)?;
        let layer = snapshot.layers().first().map(|layer| layer.as_str().to_owned());
        let bytes = serde_json::to_vec(&Kept { listing, layer })
            .map_err(|error| SolveError::new(ErrorKind::Internal, error))?;
        job.engine.store.facts().put(FACTS, selection.name().as_str(), &bytes).map_err(environment)?;
        if let Some((_, layer, _held)) = &old {
            layers.measure_again(layer).map_err(environment)?;
        }
        selection.save(&job, &snapshot, begun.elapsed()).map_err(environment)?;
        Ok(snapshot)
    })
    .await
}

/// What the last build left of this selection, if its layer is still there.
fn kept(job: &Job, selection: &Selection) -> Result<Option<Kept>, SolveError> {
    let store = &job.engine.store;
    let bytes = store.facts().get(FACTS, selection.name().as_str()).map_err(environment)?;
    // A listing of another version, or a damaged one, only costs a fresh copy.
    let Some(kept) = bytes.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok()) else { return Ok(None) };
    let there = kept.layer().map_or(Ok::<_, MetaError>(true), |layer| store.layers().exists(&layer));
    Ok(there.map_err(environment)?.then_some(kept))
}

impl Kept {
    fn layer(&self) -> Option<LayerId> {
        LayerId::from_str(self.layer.as_deref()?).ok()
    }
}

impl Selection {
    /// Notes the layer as a result, in place of the one before: its session's key finds nothing in another build, but what there
    /// is has to be known to whoever cleans up.
    fn save(&self, job: &Job, snapshot: &Snapshot, took: Duration) -> Result<(), MetaError> {
        let (cache, key) = (job.engine.store.cache(), self.key());
        let result = cache.save(&NewRecord {
            key: key.clone(),
            links: Vec::new(),
            root: true,
            facts: serde_json::Value::Null,
            layers: snapshot.layers().to_vec(),
            description: format!("local {}", self.place().display()),
            kind: RecordType::SourceLocal,
            cost: took,
        })?;
        cache.keep_only(&key, result)
    }

    fn key(&self) -> KeyId {
        KeyId::of_fact(FACTS, self.name().as_str())
    }

    /// The directory, wherever this process works.
    fn place(&self) -> PathBuf {
        std::path::absolute(&self.directory).unwrap_or_else(|_| self.directory.clone())
    }

    fn name(&self) -> Digest {
        let mut hasher = Hasher::default();
        hasher.update(self.place().as_os_str().as_encoded_bytes());
        hasher.update(format!("\0{:?}\0{:?}\0{:?}", self.include, self.exclude, self.follow));
        hasher.finish()
    }
}

fn patterns(op: &pb::SourceOp, attribute: &str) -> Result<Vec<String>, SolveError> {
    let Some(text) = op.attrs.get(attribute) else { return Ok(Vec::new()) };
    serde_json::from_str(text).map_err(|error| {
        let sentence = format!("the attribute {attribute} of `{}` is not a list of strings: {error}", op.identifier);
        SolveError::say(ErrorKind::Definition, sentence)
    })
}

fn source(error: LocalError) -> SolveError {
    SolveError::new(ErrorKind::Source, error)
}

fn environment(error: impl std::error::Error + Send + Sync + 'static) -> SolveError {
    SolveError::new(ErrorKind::Environment, error)
}
