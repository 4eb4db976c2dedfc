//! Taking unused things out of the state directory.
//!
//! Owns when that is done, by which policy, what kinds of things callers can tell apart, and what is used. How is `hlb_store`'s.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use hlb_llb::pb;
use hlb_store::{Collected, GcError, MetaError, Policy, Record, RecordType, ResultId, Store, UsageInfo};
use tokio_util::sync::CancellationToken;

use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::runtime::Runtime;
use crate::state::State;

/// Where it is noted what happened at the last collection.
const FACTS: &str = "gc";
/// Builds that end so soon after a collection begin no other.
const PAUSE: Duration = Duration::from_secs(60);
/// What is old is forgotten, and what is no layer is measured, once in such a time.
const HOUR: Duration = Duration::from_secs(60 * 60);
/// What is kept in any case if nothing else is said, in bytes; less on small disks.
const RESERVED: u64 = 10_000_000_000;
/// What is to be free after a disk was full: so many bytes, or this share of the disk.
const EMERGENCY: (u64, u64) = (1 << 30, 5);

/// How much space the state directory may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheLimits {
    /// It takes no more than this.
    pub use_at_most: Option<Space>,
    /// It leaves so much of the disk free.
    pub leave_free: Option<Space>,
    /// So much it may take all the same: a disk that others fill must not cost the whole cache.
    pub keep_at_least: Option<Space>,
}

/// An amount of space on a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// In bytes.
    Bytes(u64),
    /// In percent of the disk.
    Percent(u8),
}

/// The disk of a state directory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// What is free for this user, in bytes.
    pub free: u64,
    /// All of it, in bytes.
    pub total: u64,
}

/// Results that were used, to be noted all at once.
#[derive(Default)]
pub(crate) struct Used(Mutex<BTreeSet<ResultId>>);

impl Default for CacheLimits {
    fn default() -> Self {
        Self { use_at_most: None, leave_free: Some(Space::Percent(10)), keep_at_least: None }
    }
}

impl Space {
    /// In bytes, of such a disk.
    pub fn of(self, disk: Disk) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => disk.total / 100 * u64::from(percent),
        }
    }
}

impl CacheLimits {
    /// What has to go so that they are kept.
    fn policy(self, disk: Disk) -> Policy {
        let keep_storage = self.use_at_most.map(|space| space.of(disk));
        let reserved = self.keep_at_least.map_or((disk.total / 10).min(RESERVED), |space| space.of(disk));
        Policy {
            all: true,
            keep_storage,
            reserved: reserved.min(keep_storage.unwrap_or(u64::MAX)),
            leave_free: self.leave_free.map(|space| space.of(disk)),
            ..Policy::default()
        }
    }
}

impl State {
    /// Everything in the state directory, oldest first. Blocks.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: it cannot be read.
    pub fn usage(&self) -> Result<Vec<UsageInfo>, SolveError> {
        self.store.usage().map_err(unusable)
    }

    /// The disk that it is on.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: the file system does not say.
    pub fn disk(&self) -> Result<Disk, SolveError> {
        disk(&self.store).map_err(unusable)
    }

    /// Takes away what nobody uses and the policy lets go. Waits for others who do that. Blocks.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: something cannot be taken away. `ErrorKind::Cancelled`: `stop` ended it.
    pub fn collect(&self, policy: &Policy, stop: &dyn Fn() -> bool) -> Result<Collected, SolveError> {
        let collected = self.store.collect(policy, stop).map_err(unusable)?;
        if stop() { Err(SolveError::cancelled()) } else { Ok(collected) }
    }

    /// What a policy would take away now. Blocks.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: the state directory cannot be read.
    pub fn would_collect(&self, policy: &Policy) -> Result<Collected, SolveError> {
        self.store.would_collect(policy).map_err(unusable)
    }

    /// What had to be done about the state directory, in sentences for people.
    pub fn notices(&self) -> Vec<String> {
        let meta = self.root().join("meta.db");
        let aside = self.store.damaged().map(|dir| {
            let (meta, dir) = (meta.display(), dir.display());
            format!("the metadata in `{meta}` was damaged and is kept in `{dir}`; the cache starts empty")
        });
        aside.into_iter().collect()
    }
}

impl Runtime {
    /// Sees to what builds have left: makes sure that it outlives a power cut, and takes away what is above the limits, if
    /// that was not done just now. To be called after a build, when nobody waits for its result any more.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: it cannot be written to disk, or taken away.
    pub async fn tidy(&self, limits: CacheLimits, cancel: &CancellationToken) -> Result<(), SolveError> {
        let (store, cancel) = (self.engine.store.clone(), cancel.clone());
        blocking(move || {
            store.settle().map_err(unusable)?;
            collect_if_due(&store, limits, &|| cancel.is_cancelled()).map_err(unusable)
        })
        .await
    }
}

impl Used {
    /// Notes that a result was used.
    pub(crate) fn note(&self, record: &Record) {
        if record.is_stale() {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(record.result);
        }
    }

    /// Writes down what was used since the last time.
    pub(crate) fn flush(&self, store: &Store) -> Result<(), MetaError> {
        let used = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        store.cache().touch(&used.into_iter().collect::<Vec<_>>())
    }
}

/// What the result of an op is, in the words of BuildKit's clients.
pub(crate) fn kind(op: &pb::Op) -> RecordType {
    let Some(pb::OpKind::Source(source)) = &op.op else { return RecordType::Regular };
    match source.identifier.split_once("://").map_or("", |(scheme, _)| scheme) {
        "docker-image" | "oci-layout" => RecordType::SourceImage,
        "git" => RecordType::SourceGitCheckout,
        "http" | "https" => RecordType::SourceHttp,
        "local" => RecordType::SourceLocal,
        _ => RecordType::Regular,
    }
}

/// Makes room after the disk was full; whether there is some now, be it that another process has made it meanwhile.
pub(crate) fn make_room(store: &Store, stop: &dyn Fn() -> bool) -> Result<bool, GcError> {
    let leave = (disk(store)?.total / 100 * EMERGENCY.1).max(EMERGENCY.0);
    let policy = Policy { all: true, leave_free: Some(leave), ..Policy::default() };
    Ok(store.collect(&policy, stop)?.bytes > 0 || store.free()? >= leave)
}

fn collect_if_due(store: &Store, limits: CacheLimits, stop: &dyn Fn() -> bool) -> Result<(), GcError> {
    let disk = disk(store)?;
    let policy = limits.policy(disk);
    if stop() || !is_due(store, "last", PAUSE)? {
        return Ok(());
    }
    if is_due(store, "expired", HOUR)? {
        store.expire()?;
        note(store, "expired", seconds())?;
    }
    let low = policy.leave_free.is_some_and(|leave| disk.free < leave);
    let high = match policy.keep_storage {
        Some(keep) => estimate(store)? > keep,
        None => false,
    };
    if !low && !high {
        return Ok(());
    }
    let Some(collected) = store.try_collect(&policy, stop)? else { return Ok(()) };
    note(store, "other", collected.left.saturating_sub(store.layers().sizes()?))?;
    note(store, "measured", seconds())?;
    note(store, "last", seconds())
}

/// About what everything takes: the layers, and what the rest was when it was looked at in the last hour.
fn estimate(store: &Store) -> Result<u64, GcError> {
    if is_due(store, "measured", HOUR)? {
        let all: u64 = store.usage()?.iter().map(|entry| entry.bytes).sum();
        note(store, "other", all.saturating_sub(store.layers().sizes()?))?;
        note(store, "measured", seconds())?;
        return Ok(all);
    }
    store.measure_new()?;
    Ok(store.layers().sizes()? + number(store, "other")?.unwrap_or(0))
}

/// Whether something was not done in a time. A clock that was set back does not put it off for long.
fn is_due(store: &Store, name: &str, pause: Duration) -> Result<bool, GcError> {
    let done = number(store, name)?;
    Ok(done.is_none_or(|done| seconds().abs_diff(done) >= pause.as_secs()))
}

fn seconds() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs()
}

fn note(store: &Store, name: &str, value: u64) -> Result<(), GcError> {
    Ok(store.facts().put(FACTS, name, value.to_string().as_bytes())?)
}

fn number(store: &Store, name: &str) -> Result<Option<u64>, GcError> {
    let bytes = store.facts().get(FACTS, name)?;
    Ok(bytes.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok()))
}

fn disk(store: &Store) -> Result<Disk, GcError> {
    let (free, total) = store.disk()?;
    Ok(Disk { free, total })
}

fn unusable(error: GcError) -> SolveError {
    SolveError::new(ErrorKind::Environment, error)
}

#[cfg(test)]
mod tests;
