//! What is to be written into shared caches.
//!
//! Owns what the solves of a command have come across, until it is written.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::import::Remote;
use crate::solver::trace::Trace;

/// What the solves of a command have come across, for shared caches. Cheap to clone.
#[derive(Clone, Default)]
pub struct CacheCollector(Arc<Mutex<Vec<Ended>>>);

/// A solve that has ended.
#[derive(Clone)]
pub(crate) struct Ended {
    pub(crate) trace: Arc<Trace>,
    /// Whether it has its result.
    pub(crate) is_done: bool,
    /// The shared caches that it has read.
    pub(crate) remote: Option<Arc<Remote>>,
}

impl CacheCollector {
    pub(crate) fn add(&self, trace: Arc<Trace>, is_done: bool, remote: Option<Arc<Remote>>) {
        let ended = Ended { trace, is_done, remote };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(ended);
    }

    /// The solves that have ended by now.
    pub(crate) fn ended(&self) -> Vec<Ended> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl fmt::Debug for CacheCollector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheCollector").finish_non_exhaustive()
    }
}
