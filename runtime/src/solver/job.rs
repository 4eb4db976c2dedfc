//! The work on one vertex as its op sees it.
//!
//! Owns for whom the work is done: every solve that wants the vertex hears of it, and it is cancelled when none is left. Whoever
//! comes later is told what the others were told before. What is done is not known here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::SystemTime;

use hlb_agent::Lent;
use hlb_llb::Digest;
use hlb_llb::status::{Status, Stream, VertexInfo};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::error::SolveError;
use crate::history::Build;
use crate::runtime::Entitlement;
use crate::solver::solve::Solve;
use crate::solver::vertex::Vertex;

/// Where status events go.
pub type StatusSink = Arc<dyn Fn(Status) + Send + Sync>;

/// Bytes that a running step has printed which are kept for solves that come to want it, too.
const TAIL: usize = 64 << 10;

/// What a solve may see of its caller's machine.
pub(crate) struct Caller {
    pub(crate) locals: BTreeMap<String, PathBuf>,
    pub(crate) layouts: BTreeMap<String, PathBuf>,
    pub(crate) secrets: BTreeMap<String, PathBuf>,
    pub(crate) sockets: BTreeMap<String, Lent>,
    pub(crate) allow: BTreeSet<Entitlement>,
}

/// The work on a vertex.
pub(crate) struct Job {
    pub(crate) engine: Arc<Engine>,
    /// Of the first solve that wanted it. What the vertex can see of it is the same for all.
    pub(crate) caller: Arc<Caller>,
    /// Fires when no solve wants the vertex any more.
    pub(crate) cancel: CancellationToken,
    /// What runs for the vertex.
    pub(crate) tasks: TaskTracker,
    audience: Mutex<Audience>,
}

/// Who hears of the work.
#[derive(Default)]
struct Audience {
    solves: Vec<Arc<Solve>>,
    /// What they were told, for those who come later.
    told: Vec<Status>,
    /// Bytes of logs in that.
    printed: usize,
    found: bool,
    /// Whether it has failed, or was given up.
    over: bool,
    /// The vertices of the graphs that its op has made.
    inner: Vec<Weak<Vertex>>,
}

impl Job {
    /// Work that nobody wants yet.
    pub(crate) fn new(engine: &Arc<Engine>, caller: &Arc<Caller>) -> Self {
        Self {
            engine: Arc::clone(engine),
            caller: Arc::clone(caller),
            cancel: CancellationToken::new(),
            tasks: TaskTracker::new(),
            audience: Mutex::default(),
        }
    }

    /// Reports that work on the vertex began.
    pub(crate) fn started(&self, vertex: &Digest) {
        self.audience().tell(Status::Started { vertex: vertex.clone(), at: SystemTime::now() });
    }

    /// Reports that work on the vertex ended.
    pub(crate) fn completed(&self, vertex: &Digest, error: Option<&SolveError>) {
        let error = error.map(ToString::to_string);
        let mut audience = self.audience();
        audience.forget_logs(0);
        audience.tell(Status::Completed { vertex: vertex.clone(), at: SystemTime::now(), error });
    }

    /// Reports that the vertex was found in the cache, to each solve once. Gives the recorded builds that did not know.
    pub(crate) fn found(&self, vertex: &Digest) -> Vec<Build> {
        let mut audience = self.audience();
        let event = Status::Cached { vertex: vertex.clone(), at: SystemTime::now() };
        if !audience.found {
            audience.found = true;
            audience.told.push(event.clone());
        }
        let news: Vec<&Arc<Solve>> = audience.listeners().filter(|solve| solve.is_news(vertex)).collect();
        news.iter().for_each(|solve| (solve.status)(event.clone()));
        news.into_iter().filter_map(|solve| solve.build.clone()).collect()
    }

    /// Passes on what the vertex printed.
    pub(crate) fn log(&self, vertex: &Digest, stream: Stream, data: &[u8]) {
        let mut audience = self.audience();
        audience.forget_logs(TAIL.saturating_sub(data.len()));
        audience.tell(Status::Log { vertex: vertex.clone(), stream, data: data.to_vec() });
    }

    /// Passes on how far a measured part of the vertex's work is.
    pub(crate) fn progress(&self, vertex: &Digest, name: &str, current: u64, total: Option<u64>) {
        self.audience().tell(Status::Progress { vertex: vertex.clone(), name: name.to_owned(), current, total });
    }

    /// Says what whoever wants the vertex should know, and what fails nothing.
    pub(crate) fn warn(&self, text: String) {
        self.audience().tell(Status::Warning { text });
    }

    /// Reports a graph that the op has made, of these vertices.
    pub(crate) fn made_graph(&self, shown: Vec<VertexInfo>, vertices: &[Arc<Vertex>]) {
        let mut audience = self.audience();
        audience.inner.extend(vertices.iter().map(Arc::downgrade));
        audience.tell(Status::Graph(shown));
    }

    /// An error if nobody wants the vertex any more.
    pub(crate) fn check_cancelled(&self) -> Result<(), SolveError> {
        if self.cancel.is_cancelled() { Err(SolveError::cancelled()) } else { Ok(()) }
    }

    /// The recorded builds that want the vertex.
    pub(crate) fn builds(&self) -> Vec<Build> {
        self.audience().listeners().filter_map(|solve| solve.build.clone()).collect()
    }

    /// Whether the files of the step are kept if it fails.
    pub(crate) fn keep_failed(&self) -> bool {
        self.audience().solves.iter().any(|solve| solve.keep_failed)
    }

    /// The solves that want the vertex.
    pub(crate) fn solves(&self) -> Vec<Arc<Solve>> {
        self.audience().solves.clone()
    }

    /// Whether it can be done for others, too: it has neither failed nor been given up.
    pub(crate) fn is_open(&self) -> bool {
        !self.audience().over
    }

    /// Keeps others from waiting for work that has failed: they have to try again.
    pub(crate) fn fail(&self) {
        self.audience().over = true;
    }

    /// Does the work for a solve, too, and tells it what it has missed. Gives the vertices that are made inside of it.
    pub(crate) fn join(&self, solve: &Arc<Solve>) -> Vec<Arc<Vertex>> {
        let mut audience = self.audience();
        let hears = audience.solves.iter().any(|other| other.hears_with(solve));
        audience.solves.push(Arc::clone(solve));
        if !hears {
            let fresh = |event: &&Status| match event {
                Status::Cached { vertex, .. } => solve.is_news(vertex),
                _ => true,
            };
            audience.told.iter().filter(fresh).for_each(|event| (solve.status)(event.clone()));
        }
        audience.inner.iter().filter_map(Weak::upgrade).collect()
    }

    /// Does the work no longer for a solve. If there is no other, it is cancelled; whether it is.
    pub(crate) fn leave(&self, solve: &Arc<Solve>) -> bool {
        self.audience().solves.retain(|other| !Arc::ptr_eq(other, solve));
        self.end_if_alone()
    }

    /// Cancels the work if no solve wants it; whether that is so.
    pub(crate) fn end_if_alone(&self) -> bool {
        let mut audience = self.audience();
        let alone = audience.solves.is_empty();
        if alone {
            audience.over = true;
            self.cancel.cancel();
            self.tasks.close();
        }
        alone
    }

    fn audience(&self) -> MutexGuard<'_, Audience> {
        self.audience.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Audience {
    /// The solves, one of those that report to the same place: two targets of one command are two solves.
    fn listeners(&self) -> impl Iterator<Item = &Arc<Solve>> {
        let before = |at: usize| self.solves.iter().take(at);
        let first = move |(at, solve): &(usize, &Arc<Solve>)| !before(*at).any(|other| other.hears_with(solve));
        self.solves.iter().enumerate().filter(first).map(|(_, solve)| solve)
    }

    /// Tells all, and remembers what those who come later have to know.
    fn tell(&mut self, event: Status) {
        self.listeners().for_each(|solve| (solve.status)(event.clone()));
        if let Status::Log { data, .. } = &event {
            self.printed += data.len();
        }
        if !matches!(event, Status::Progress { .. }) {
            self.told.push(event);
        }
    }

    /// Forgets the oldest logs until at most this many bytes are left.
    fn forget_logs(&mut self, left: usize) {
        if self.printed <= left {
            return;
        }
        let printed = &mut self.printed;
        self.told.retain(|event| match event {
            Status::Log { data, .. } if *printed > left => {
                *printed -= data.len();
                false
            }
            _ => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(text: &str) -> Status {
        Status::Log { vertex: Digest::of("v"), stream: Stream::Stdout, data: text.as_bytes().to_vec() }
    }

    #[test]
    fn the_oldest_logs_are_forgotten() {
        let check = |logs: &[&str], left: usize, expected: &[&str]| {
            let mut audience = Audience::default();
            audience.tell(Status::Started { vertex: Digest::of("v"), at: SystemTime::UNIX_EPOCH });
            logs.iter().for_each(|text| audience.tell(log(text)));
            audience.forget_logs(left);
            let kept: Vec<Status> = expected.iter().map(|text| log(text)).collect();
            assert_eq!(audience.told.get(1..), Some(kept.as_slice()));
            assert_eq!(audience.printed, expected.iter().map(|text| text.len()).sum::<usize>());
        };
        check(&[], 0, &[]);
        check(&["ab", "cd"], 4, &["ab", "cd"]);
        check(&["ab", "cd"], 3, &["cd"]);
        check(&["ab", "cd", "e"], 1, &["e"]);
        check(&["ab", "cd"], 0, &[]);
    }
}
