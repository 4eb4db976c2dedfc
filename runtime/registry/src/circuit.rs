//! Mirrors that do not answer.
//!
//! Owns when a mirror is not asked any more, so that not every blob waits for the same silence.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::Url;

use crate::client::Endpoint;
use crate::failure::FailureKind;

/// A mirror that fails so often in a row,
const FAILURES: u32 = 3;
/// within such a time, is not asked again.
const WITHIN: Duration = Duration::from_secs(30);

/// What became of the last requests to each mirror.
#[derive(Default)]
pub(crate) struct Circuit(Mutex<HashMap<Url, Strain>>);

struct Strain {
    failures: u32,
    since: Instant,
}

impl Circuit {
    /// Those of the endpoints that are worth asking; all that are no mirrors.
    pub(crate) fn closed<'e>(&self, endpoints: &'e [Endpoint]) -> Vec<&'e Endpoint> {
        let strained = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_open = |endpoint: &Endpoint| strained.get(&endpoint.base).is_some_and(|it| it.failures >= FAILURES);
        endpoints.iter().filter(|endpoint| !endpoint.is_mirror || !is_open(endpoint)).collect()
    }

    /// Notes what became of a request.
    pub(crate) fn note(&self, endpoint: &Endpoint, failure: Option<&FailureKind>) {
        if !endpoint.is_mirror {
            return;
        }
        let mut strained = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !failure.is_some_and(FailureKind::is_of_the_server) {
            strained.remove(&endpoint.base);
            return;
        }
        let strain =
            strained.entry(endpoint.base.clone()).or_insert_with(|| Strain { failures: 0, since: Instant::now() });
        if strain.since.elapsed() > WITHIN && strain.failures < FAILURES {
            *strain = Strain { failures: 0, since: Instant::now() };
        }
        strain.failures += 1;
    }
}
