//! Claims of steps: equal steps run once, whoever needs them.
//!
//! Owns the name of a step by what it does and reads, and the waiting for whoever makes it. Vertices of one definition are one
//! object anyway; here it is about different ones that come to the same, and about other processes.
//!
//! Order of waiting: the turn in this process, the claim among processes or a permit, whichever is had first (with a permit
//! nobody waits for a claim), then the locks of cache mounts. After each of them the cache is looked at again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::{Duration, Instant};

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_llb::status::Stream;
use hlb_store::Claim;
use tokio::sync::OwnedMutexGuard;

use crate::error::{ErrorKind, SolveError};
use crate::ops;
use crate::solver::job::Job;
use crate::solver::key;
use crate::solver::search::Search;
use crate::solver::vertex::Vertex;

/// Between two looks at a claim that another process has: at first, and at most.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));
/// How long somebody waits before that is told.
const PATIENCE: Duration = Duration::from_millis(500);
/// What is told. There is nothing to measure about it, so it is a line of the step.
const WAITING: &[u8] = b"waiting for another run, which makes the same\n";

/// The steps that this process is making or waits for.
#[derive(Default)]
pub(crate) struct Claims(Mutex<HashMap<Digest, Weak<Slot>>>);

/// The claim of this process on a step, as long as anybody in it is interested: so that of the outputs of a step, each of which is
/// saved by itself, no other process finds only some.
type Slot = tokio::sync::Mutex<Option<Claim>>;

/// The right to be the only one in this process who makes a step.
pub(crate) struct Turn {
    name: Digest,
    slot: OwnedMutexGuard<Option<Claim>>,
    waited: bool,
}

/// Waits for the others in this process who are about to do the same. `None`: the step is not one that anybody else could do.
pub(crate) async fn turn(job: &Job, vertex: &Vertex, search: &Search<'_>) -> Result<Option<Turn>, SolveError> {
    let Some(name) = name(vertex, search) else { return Ok(None) };
    let slot = job.engine.claims.slot(&name);
    if let Ok(slot) = Arc::clone(&slot).try_lock_owned() {
        return Ok(Some(Turn { name, slot, waited: false }));
    }
    tokio::select! {
        slot = slot.lock_owned() => Ok(Some(Turn { name, slot, waited: true })),
        () = job.cancel.cancelled() => Err(SolveError::cancelled()),
    }
}

impl Turn {
    /// Whether somebody else had it before.
    pub(crate) fn is_late(&self) -> bool {
        self.waited || self.slot.is_some()
    }

    /// Claims the step before other processes do, unless one has done so; whether that worked.
    pub(crate) fn try_claim(&mut self, job: &Job) -> Result<bool, SolveError> {
        if self.slot.is_none() {
            let claim = job.engine.store.claim(&self.name);
            *self.slot = claim.map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
        }
        Ok(self.slot.is_some())
    }

    /// Waits for the process that has claimed the step, and claims it then.
    pub(crate) async fn claim(&mut self, job: &Job, vertex: &Vertex) -> Result<(), SolveError> {
        let (begin, mut pause, mut told) = (Instant::now(), PAUSES.0, false);
        while !self.try_claim(job)? {
            if !told && begin.elapsed() >= PATIENCE {
                told = true;
                job.log(&vertex.digest, Stream::Stderr, WAITING);
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => pause = PAUSES.1.min(pause * 2),
                () = job.cancel.cancelled() => return Err(SolveError::cancelled()),
            }
        }
        Ok(())
    }
}

impl Claims {
    fn slot(&self, name: &Digest) -> Arc<Slot> {
        let mut slots = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(name).and_then(Weak::upgrade) {
            return slot;
        }
        slots.retain(|_, slot| slot.strong_count() > 0);
        let slot = Arc::new(Slot::default());
        slots.insert(name.clone(), Arc::downgrade(&slot));
        slot
    }
}

/// What a vertex does to what: steps of one name have equal results. `None` if what it reads cannot be told from what may change at
/// any time, if it costs less than to find out, or if it is to run anyway.
fn name(vertex: &Vertex, search: &Search<'_>) -> Option<Digest> {
    if vertex.ignore_cache || !ops::takes_time(&vertex.op) || key::is_session_only(&key::root_key(search.digest(), 0)) {
        return None;
    }
    let mut hasher = Hasher::default();
    hasher.update(search.digest());
    for input in search.names() {
        hasher.update("\0");
        hasher.update(input?.as_str());
    }
    Some(hasher.finish())
}
