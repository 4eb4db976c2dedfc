//! Taking away what is not used.
//!
//! Owns which things go first, and that they go whole and only while nobody uses them. What is worth keeping is said by callers.
//!
//! Victims go in batches. For each, `leases.lock` is held alone: nobody begins to use anything while it is looked who uses what
//! and the victims' rows and names go. Their files are removed after that. Who comes later finds nothing and makes it anew.

mod take;

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::FlockOperation;

use crate::download;
use crate::filter::Filter;
use crate::layer::LayerId;
use crate::lease::LeaseError;
use crate::meta::MetaError;
use crate::session;
use crate::spare;
use crate::store::Store;
use crate::usage::{RecordType, Stocked, UsageId, UsageInfo};

/// The lock file of who collects.
const LOCK: &str = "gc.lock";
/// Between two looks at a lock somebody else holds.
const PAUSE: Duration = Duration::from_millis(20);
/// How many victims go at once.
const BATCH: usize = 64;

/// What may go, and how much of it.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// Whether internal things may go, too.
    pub all: bool,
    /// Nothing goes while everything together takes no more than this, in bytes.
    pub keep_storage: Option<u64>,
    /// Nothing goes while so much of the disk is free, in bytes. With both, things go until both are so; with neither, all goes.
    pub leave_free: Option<u64>,
    /// Nothing goes for the sake of the two while everything together takes no more than this, in bytes.
    pub reserved: u64,
    /// What was used in the last such time stays.
    pub keep_duration: Duration,
    /// What may go is meant by one of these; none is everything.
    pub filters: Vec<Filter>,
}

/// What was taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Collected {
    /// The entries, each with the bytes that were free afterwards.
    pub removed: Vec<UsageInfo>,
    /// All of these bytes.
    pub bytes: u64,
    /// What everything takes that is left, in bytes.
    pub left: u64,
}

/// Unused things cannot be found or taken away.
#[derive(Debug, thiserror::Error)]
pub enum GcError {
    /// The file system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it did not work.
        #[source]
        source: io::Error,
    },
    /// The database refused.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// It cannot be told what is in use.
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

impl GcError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

impl Store {
    /// Takes away what the policy lets go, and what has outlived its time anyway. Waits for others who do that. `stop` ends it
    /// early.
    ///
    /// # Errors
    /// When something cannot be looked at or taken away; what is gone by then is gone whole.
    pub fn collect(&self, policy: &Policy, stop: &dyn Fn() -> bool) -> Result<Collected, GcError> {
        loop {
            if let Some(collected) = self.try_collect(policy, stop)? {
                return Ok(collected);
            }
            if stop() {
                return Ok(Collected::default());
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The same, unless somebody else does it already: then none.
    ///
    /// # Errors
    /// As [`Store::collect`].
    pub fn try_collect(&self, policy: &Policy, stop: &dyn Fn() -> bool) -> Result<Option<Collected>, GcError> {
        let path = self.root().join(LOCK);
        let lock = session::try_lock(&path, FlockOperation::NonBlockingLockExclusive);
        let Some(_alone) = lock.map_err(|source| GcError::io("lock", &path, source))? else { return Ok(None) };
        match self.expire() {
            // It writes: what is kept for this moment is room enough for the first step.
            Err(error) if spare::spend(self.root(), &error) => self.expire()?,
            other => other?,
        }
        let stock = self.stock()?;
        let total: u64 = stock.entries.iter().map(|entry| entry.info.bytes).sum();
        let needed = policy.needed(total, || self.free())?;
        let candidates: Vec<Stocked> = stock.entries.into_iter().filter(|entry| policy.lets_go(entry)).collect();
        let mut victims = in_order(candidates, &stock.layers).into_iter().peekable();
        let mut collected = Collected::default();
        while needed.is_none_or(|needed| collected.bytes < needed) && victims.peek().is_some() && !stop() {
            let missing = needed.map(|needed| needed - collected.bytes);
            let batch = self.batch(&mut victims, &stock.layers, missing)?;
            for removed in self.take(batch, &stock.layers)? {
                collected.bytes += removed.bytes;
                collected.removed.push(removed);
            }
        }
        collected.left = total.saturating_sub(collected.bytes);
        let everything = policy.all && policy.filters.is_empty() && needed.is_none();
        download::sweep(self, everything && policy.keep_duration.is_zero())?;
        if everything {
            self.inner.meta.write(take::forget_facts)?;
        }
        Ok(Some(collected))
    }

    /// What a policy would take away now, if nobody else did anything.
    ///
    /// # Errors
    /// When something cannot be looked at.
    pub fn would_collect(&self, policy: &Policy) -> Result<Collected, GcError> {
        let stock = self.stock()?;
        let total: u64 = stock.entries.iter().map(|entry| entry.info.bytes).sum();
        let needed = policy.needed(total, || self.free())?;
        let candidates: Vec<Stocked> = stock.entries.into_iter().filter(|entry| policy.lets_go(entry)).collect();
        let mut holders = self.holders()?;
        let mut collected = Collected::default();
        for victim in in_order(candidates, &stock.layers) {
            if needed.is_some_and(|needed| collected.bytes >= needed) {
                break;
            }
            let bytes = freed(&victim, &mut holders, &stock.layers);
            collected.bytes += bytes;
            collected.removed.push(UsageInfo { bytes, ..victim.info });
        }
        collected.left = total.saturating_sub(collected.bytes);
        Ok(collected)
    }

    /// How much of the disk is free for what this process writes, in bytes.
    ///
    /// # Errors
    /// When the file system does not say.
    pub fn free(&self) -> Result<u64, GcError> {
        self.disk().map(|(free, _)| free)
    }

    /// How much of the disk is free, and how large it is, in bytes.
    ///
    /// # Errors
    /// When the file system does not say.
    pub fn disk(&self) -> Result<(u64, u64), GcError> {
        let said = rustix::fs::statvfs(self.root());
        let disk = said.map_err(|error| GcError::io("ask for the free space of", self.root(), error.into()))?;
        Ok((disk.f_bavail.saturating_mul(disk.f_frsize), disk.f_blocks.saturating_mul(disk.f_frsize)))
    }

    /// The next victims: so many that enough is free afterwards, but no more than go at once.
    fn batch(
        &self,
        victims: &mut impl Iterator<Item = Stocked>,
        sizes: &HashMap<LayerId, u64>,
        missing: Option<u64>,
    ) -> Result<Vec<Stocked>, GcError> {
        let mut holders = self.holders()?;
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while batch.len() < BATCH && missing.is_none_or(|missing| bytes < missing) {
            let Some(victim) = victims.next() else { break };
            bytes += freed(&victim, &mut holders, sizes);
            batch.push(victim);
        }
        Ok(batch)
    }

    /// How many results and failed steps have each layer.
    fn holders(&self) -> Result<HashMap<LayerId, usize>, GcError> {
        Ok(self.inner.meta.read(take::holders)?)
    }
}

impl Policy {
    /// How many bytes have to go; none: as many as there are.
    fn needed(&self, total: u64, free: impl FnOnce() -> Result<u64, GcError>) -> Result<Option<u64>, GcError> {
        if self.keep_storage.is_none() && self.leave_free.is_none() {
            return Ok(None);
        }
        let above = self.keep_storage.map_or(0, |keep| total.saturating_sub(keep));
        let below = match self.leave_free {
            Some(leave) => leave.saturating_sub(free()?),
            None => 0,
        };
        Ok(Some(above.max(below).min(total.saturating_sub(self.reserved))))
    }

    fn lets_go(&self, entry: &Stocked) -> bool {
        let info = &entry.info;
        let recent = SystemTime::now().duration_since(info.used_at).unwrap_or_default() < self.keep_duration;
        let kept = !self.all && info.kind == RecordType::Internal;
        let meant = self.filters.is_empty() || self.filters.iter().any(|filter| filter.matches(info));
        info.id != UsageId::Rest && !info.in_use && !kept && !recent && meant
    }
}

/// What removing an entry frees: its layers that nobody else has.
fn freed(victim: &Stocked, holders: &mut HashMap<LayerId, usize>, sizes: &HashMap<LayerId, u64>) -> u64 {
    if victim.layers.is_empty() {
        return victim.info.bytes;
    }
    let mut bytes = 0;
    let mine = victim.results.len().max(1);
    for layer in &victim.layers {
        let left = holders.entry(layer.clone()).or_insert(mine);
        let before = *left;
        *left = left.saturating_sub(mine);
        if before > 0 && *left == 0 {
            bytes += sizes.get(layer).copied().unwrap_or(0);
        }
    }
    bytes
}

/// The order in which things go: first what leads nowhere, then copies, then what was used long ago and seldom and is cheap to
/// make again for its size.
fn in_order(candidates: Vec<Stocked>, sizes: &HashMap<LayerId, u64>) -> Vec<Stocked> {
    let mut having: HashMap<&LayerId, u64> = HashMap::new();
    for layer in candidates.iter().flat_map(|entry| &entry.layers) {
        *having.entry(layer).or_default() += 1;
    }
    let worth = |entry: &Stocked| {
        let share = |layer| sizes.get(layer).map_or(0, |bytes| bytes / having.get(layer).copied().unwrap_or(1).max(1));
        let bytes = if entry.layers.is_empty() { entry.info.bytes } else { entry.layers.iter().map(share).sum() };
        // In millionths of microseconds a byte: what takes no space is worth keeping at any cost.
        entry.info.cost.as_micros().saturating_mul(1_000_000).saturating_add(1) / u128::from(bytes.max(1))
    };
    let ranks = |values: Vec<u128>| {
        let places: BTreeMap<u128, usize> = {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            sorted.dedup();
            sorted.into_iter().enumerate().map(|(place, value)| (value, place)).collect()
        };
        values.into_iter().map(move |value| places.get(&value).copied().unwrap_or(0)).collect::<Vec<_>>()
    };
    let since =
        |entry: &Stocked| entry.info.used_at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis();
    let used = ranks(candidates.iter().map(since).collect());
    let uses = ranks(candidates.iter().map(|entry| u128::from(entry.info.uses)).collect());
    let costs = ranks(candidates.iter().map(worth).collect());
    let class = |entry: &Stocked| match (&entry.info.kind, &entry.info.id) {
        (RecordType::Unreferenced, _) => 0,
        (_, UsageId::Blob(_)) => 1,
        _ => 2,
    };
    let mut order: Vec<(u8, usize, Stocked)> = candidates
        .into_iter()
        .zip(used.into_iter().zip(uses).zip(costs))
        .map(|(entry, ((used, uses), cost))| (class(&entry), used + uses + cost, entry))
        .collect();
    order.sort_by_key(|(class, rank, entry)| (*class, *rank, entry.info.created_at));
    order.into_iter().map(|(_, _, entry)| entry).collect()
}
