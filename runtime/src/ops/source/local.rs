//! Local sources: directories of the caller.
//!
//! Owns where the last listing of a directory is kept, so that an unchanged one is its old layer again, and that a changed one
//! shares what did not change, with its own old layer and with those of other selections of the same directory.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use hlb_llb::digest::Hasher;
use hlb_llb::{Digest, pb};
use hlb_store::{KeyId, MetaError, NewRecord, RecordType};

use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::ops::local::{Kept, Known, Listing, LocalError, fill, scan};
use crate::snapshot::Snapshot;
use crate::solver::job::Job;
use crate::solver::key::{self, LocalKey};
use crate::why::{FileChanges, SourcePart};

/// Where listings are kept.
const FACTS: &str = "local-2";
/// Where it is kept which listings of a directory there are: names of selections, the latest first.
const SELECTIONS: &str = "local-selections-1";
/// How many of them.
const MAX_SELECTIONS: usize = 4;

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
        let previous = kept(&shared, &selection.name())?;
        let same = previous.as_ref().filter(|previous| previous.is(&listing));
        let layers = same.map(|same| same.layer.iter().cloned().collect::<Vec<_>>());
        let same = layers.map_or(Ok(None), |layers| shared.engine.snapshots.adopt(layers)).map_err(environment)?;
        if same.is_some() {
            let records = shared.engine.store.cache().records(&selection.key()).map_err(environment)?;
            records.iter().for_each(|record| shared.engine.used.note(record));
        }
        Ok((same, Looked { listing, previous }))
    })
    .await?;
    if same.is_none() {
        if let Some(previous) = looked.previous.as_ref().and_then(Kept::listing) {
            let _ = found.changes.set(looked.listing.changes_since(&previous));
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
        let mut old = Vec::new();
        for kept in previous.into_iter().chain(others(&job, &selection)?) {
            let (Some(layer), Some(listing)) = (kept.layer.clone(), kept.listing()) else { continue };
            // What was collected meanwhile is copied again.
            if let Some(held) = snapshots.adopt([layer.clone()]).map_err(environment)? {
                old.push((listing, layers.path(&layer), layer, held));
            }
        }
        let known: Vec<Known<'_>> = old.iter().map(|(listing, path, ..)| Known::new(listing, path)).collect();
        let listing = fill(active.upper(), listing, &known).map_err(source)?;
        let snapshot = active.commit().map_err(environment)?;
        let facts = job.engine.store.facts();
        let bytes = Kept::write(&listing, snapshot.layers().first());
        facts.put(FACTS, selection.name().as_str(), &bytes).map_err(environment)?;
        selection.note(&job).map_err(environment)?;
        for (.., layer, _held) in &old {
            layers.measure_again(layer).map_err(environment)?;
        }
        selection.save(&job, &snapshot, begun.elapsed()).map_err(environment)?;
        Ok(snapshot)
    })
    .await
}

/// What the last build left of a selection, if its layer is still there.
fn kept(job: &Job, selection: &Digest) -> Result<Option<Kept>, SolveError> {
    let store = &job.engine.store;
    let bytes = store.facts().get(FACTS, selection.as_str()).map_err(environment)?;
    // A listing of another version, or a damaged one, only costs a fresh copy.
    let Some(kept) = bytes.and_then(Kept::read) else { return Ok(None) };
    let there = kept.layer.as_ref().map_or(Ok::<_, MetaError>(true), |layer| store.layers().exists(layer));
    Ok(there.map_err(environment)?.then_some(kept))
}

/// What builds left of other selections of the same directory.
fn others(job: &Job, selection: &Selection) -> Result<Vec<Kept>, SolveError> {
    let own = selection.name();
    let names = selection.of_directory(job).map_err(environment)?;
    let found = names.iter().filter(|name| **name != own).map(|name| kept(job, name));
    Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
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

    /// Notes that there is a listing of this selection.
    fn note(&self, job: &Job) -> Result<(), MetaError> {
        let (own, mut names) = (self.name(), self.of_directory(job)?);
        names.retain(|name| *name != own);
        names.insert(0, own);
        names.truncate(MAX_SELECTIONS);
        let text: Vec<&str> = names.iter().map(Digest::as_str).collect();
        let directory = Digest::of(self.place().as_os_str().as_encoded_bytes());
        job.engine.store.facts().put(SELECTIONS, directory.as_str(), text.join("\n").as_bytes())
    }

    /// The selections of the same directory of which there is or was a listing.
    fn of_directory(&self, job: &Job) -> Result<Vec<Digest>, MetaError> {
        let directory = Digest::of(self.place().as_os_str().as_encoded_bytes());
        let text = job.engine.store.facts().get(SELECTIONS, directory.as_str())?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&text).lines().filter_map(|name| name.parse().ok()).collect())
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
