//! One solve: a graph that a caller wants the target of.
//!
//! Owns what belongs to the caller alone: where it is told what happens, what is recorded, which vertices it wants until when.
//! The work itself belongs to the vertices, which other solves may want, too; see `job`.

use std::collections::HashSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use hlb_llb::Digest;
use hlb_llb::definition::Graph;
use hlb_store::MetaError;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::export::early::Early;
use crate::history::Build;
use crate::runtime::{Hints, Solved};
use crate::snapshot::Snapshot;
use crate::solver::edge;
use crate::solver::job::{Caller, StatusSink};
use crate::solver::priority::Unranked;
use crate::solver::trace::Trace;
use crate::solver::vertex::Vertex;

/// How a solve is to be done.
pub(crate) struct Terms {
    /// Hears what happens.
    pub(crate) status: StatusSink,
    /// Where what happens to the vertices is recorded.
    pub(crate) build: Option<Build>,
    /// Whether the files of a step that fails are kept.
    pub(crate) keep_failed: bool,
    pub(crate) hints: Hints,
}

/// A solve that is going on.
pub(crate) struct Solve {
    /// Tells it from others of this process.
    pub(crate) number: u64,
    pub(crate) status: StatusSink,
    pub(crate) build: Option<Build>,
    pub(crate) keep_failed: bool,
    pub(crate) hints: Hints,
    /// What is packed of what it makes.
    early: Option<Arc<Early>>,
    /// Vertices that were reported as cached, so that each is reported once.
    cached: Mutex<HashSet<Digest>>,
    wanted: Mutex<Wanted>,
}

/// What a solve wants of the engine.
#[derive(Default)]
struct Wanted {
    vertices: Vec<Arc<Vertex>>,
    unranked: Vec<Unranked>,
    /// Nothing any more.
    over: bool,
}

/// Solves for the target of a graph. Returns when all work has ended that nobody else wants, also after an error or a cancellation.
pub(crate) async fn solve(
    engine: &Arc<Engine>,
    graph: &Graph,
    caller: Caller,
    terms: Terms,
    cancel: &CancellationToken,
) -> Result<Solved, SolveError> {
    let begun = SystemTime::now();
    let nothing = || Solved { snapshot: Snapshot::scratch(), trace: None, _early: None };
    let Some((target, output)) = graph.target else { return Ok(nothing()) };
    let early = Early::of(graph, &terms.hints.images);
    let going = Going { solve: Solve::new(terms, early.clone()), engine };
    let vertices = engine.enter(graph, &Arc::new(caller), &going.solve);
    let Some(vertex) = vertices.get(target) else {
        return Err(SolveError::say(ErrorKind::Definition, "the terminal op names no vertex"));
    };
    let result = tokio::select! {
        result = edge::done(vertex, output) => result,
        () = cancel.cancelled() => Err(SolveError::cancelled()),
    };
    let trace = going.solve.hints.trace.then(|| Arc::new(Trace::of(&going.solve.vertices(), begun, (vertex, output))));
    let left = going.leave();
    // Work that is about to notice may begin a little more before it does.
    loop {
        let busy: Vec<&TaskTracker> = left.iter().filter(|tasks| !tasks.is_empty()).collect();
        if busy.is_empty() {
            break;
        }
        for tasks in busy {
            tasks.wait().await;
        }
    }
    if let (Err(_), Some(early)) = (&result, &early) {
        early.stop().await;
    }
    Ok(Solved { snapshot: result?.snapshot.clone(), trace, _early: early })
}

/// Keeps a solve going; dropped, as when its caller does not wait any more, it ends it.
struct Going<'e> {
    solve: Arc<Solve>,
    engine: &'e Arc<Engine>,
}

impl Going<'_> {
    /// Ends it. Nobody may come to want a vertex between finding it open and wanting it, when it is given up.
    fn leave(&self) -> Vec<TaskTracker> {
        self.engine.while_nobody_enters(|| self.solve.leave())
    }
}

impl Drop for Going<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}

impl Solve {
    fn new(terms: Terms, early: Option<Arc<Early>>) -> Arc<Self> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let Terms { status, build, keep_failed, hints } = terms;
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let (cached, wanted) = (Mutex::default(), Mutex::default());
        Arc::new(Self { number, status, build, keep_failed, hints, early, cached, wanted })
    }

    /// Whether a vertex was not reported as cached yet. From now on it was.
    pub(crate) fn is_news(&self, vertex: &Digest) -> bool {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner).insert(vertex.clone())
    }

    /// Hears that a step has made an output.
    pub(crate) fn made(&self, engine: &Arc<Engine>, vertex: &Vertex, output: usize, snapshot: &Snapshot) {
        if let Some(early) = &self.early {
            early.made(engine, &vertex.digest, output, snapshot);
        }
    }

    /// Whether another solve reports to the same place.
    pub(crate) fn hears_with(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.status, &other.status)
    }

    /// What it wants, and what was made inside of that.
    fn vertices(&self) -> Vec<Arc<Vertex>> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).vertices.clone()
    }

    /// Wants a vertex, and what is made inside of it, unless it does so already or wants nothing any more.
    pub(crate) fn want(self: &Arc<Self>, vertex: &Arc<Vertex>) {
        let mut next = vec![Arc::clone(vertex)];
        while let Some(vertex) = next.pop() {
            let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            if wanted.over || vertex.job.solves().iter().any(|solve| Arc::ptr_eq(solve, self)) {
                continue;
            }
            next.extend(vertex.job.join(self));
            wanted.vertices.push(vertex);
        }
    }

    /// Notes that vertices have no ranks yet.
    pub(crate) fn rank_later(&self, unranked: Unranked) {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        if !wanted.over {
            wanted.unranked.push(unranked);
        }
    }

    /// Ranks what has no rank yet.
    pub(crate) fn rank(&self, engine: &Engine) -> Result<(), MetaError> {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let unranked = std::mem::take(&mut wanted.unranked);
        unranked.into_iter().try_for_each(|unranked| unranked.rank(&engine.store))
    }

    /// Wants nothing any more. Gives what still runs for nobody else and ends soon.
    fn leave(self: &Arc<Self>) -> Vec<TaskTracker> {
        let left = {
            let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
            wanted.over = true;
            wanted.unranked.clear();
            std::mem::take(&mut wanted.vertices)
        };
        left.iter().filter(|vertex| vertex.job.leave(self)).map(|vertex| vertex.job.tasks.clone()).collect()
    }
}
