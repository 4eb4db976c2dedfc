//! A vertex of a running solve.
//!
//! Owns what is known of a vertex while anybody needs it: its op, its inputs, and the work on it that has begun. Equal vertices of
//! concurrent solves are one object (see `Engine::enter`), so they run once.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hlb_llb::definition::LoadedVertex;
use hlb_llb::{Digest, pb};
use hlb_store::KeyId;

use crate::ops::source::Found;
use crate::snapshot::Snapshot;
use crate::solver::cache_map::CacheMap;
use crate::solver::far::Far;
use crate::solver::flight::Flight;
use crate::solver::job::Job;

/// A vertex and the work on it.
pub(crate) struct Vertex {
    /// Digest of the op's bytes.
    pub(crate) digest: Digest,
    /// Name for people.
    pub(crate) name: String,
    /// What it does.
    pub(crate) op: pb::Op,
    /// Whether results of earlier builds must not be used.
    pub(crate) ignore_cache: bool,
    /// Whether a shared cache is to hold its result, where that is said.
    pub(crate) export_cache: Option<bool>,
    /// How much of the machine its process may use.
    pub(crate) resources: Option<pb::LinuxResources>,
    /// How many build ops it is inside of.
    pub(crate) depth: usize,
    /// What it reads, in the order of the op's inputs.
    pub(crate) inputs: Vec<Input>,
    /// For whom it is worked on.
    pub(crate) job: Arc<Job>,
    /// What a source was found to be: a manifest, a commit, a response.
    pub(crate) found: Flight<Arc<Found>>,
    /// Its cache key without its inputs' keys.
    pub(crate) cache_map: Flight<Arc<CacheMap>>,
    /// Its results, once it has run.
    pub(crate) ran: Flight<Arc<Ran>>,
    edges: Mutex<BTreeMap<usize, Arc<Edge>>>,
    /// The outputs that somebody reads.
    wanted: Mutex<BTreeSet<usize>>,
    rank: AtomicU64,
}

/// An output of a vertex that another reads.
#[derive(Clone)]
pub(crate) struct Input {
    pub(crate) vertex: Arc<Vertex>,
    pub(crate) output: usize,
}

/// The work on one output of a vertex.
pub(crate) struct Edge {
    pub(crate) keys: Flight<Arc<Vec<KeyId>>>,
    /// What was found and reported as such, so that it is there when it is wanted.
    pub(crate) held: Mutex<Option<Snapshot>>,
    pub(crate) done: Flight<Arc<Done>>,
    /// Its keys in shared caches; see `far`.
    pub(crate) by_definition: Flight<Arc<Far>>,
    pub(crate) by_content: Flight<Arc<Far>>,
}

/// What came of running an op.
pub(crate) struct Ran {
    /// By number. Those that nobody reads may be empty file systems.
    pub(crate) outputs: Vec<Snapshot>,
    /// How long it took; `None` if there was nothing to do, as what it reads has not changed.
    pub(crate) took: Option<Duration>,
}

/// An output that is at hand.
pub(crate) struct Done {
    /// The keys under which it is known.
    pub(crate) keys: Vec<KeyId>,
    /// What it holds.
    pub(crate) snapshot: Snapshot,
}

impl Vertex {
    /// A vertex of a graph on which no work has begun. `depth` is the number of graphs around that graph.
    pub(crate) fn new(loaded: &LoadedVertex, inputs: Vec<Input>, depth: usize, job: Arc<Job>) -> Self {
        Self {
            digest: loaded.digest.clone(),
            name: loaded.name.clone(),
            op: loaded.op.clone(),
            ignore_cache: loaded.metadata.ignore_cache,
            export_cache: loaded.metadata.export_cache.as_ref().map(|export| export.value),
            resources: loaded.metadata.linux_resources.as_deref().cloned(),
            depth,
            inputs,
            job,
            found: Flight::new(),
            cache_map: Flight::new(),
            ran: Flight::new(),
            edges: Mutex::default(),
            wanted: Mutex::default(),
            rank: AtomicU64::new(0),
        }
    }

    /// Wants outputs, too, unless it has begun to run without them; whether they will be there.
    pub(crate) fn want(&self, outputs: &BTreeSet<usize>) -> bool {
        let mut wanted = self.wanted.lock().unwrap_or_else(PoisonError::into_inner);
        let all = outputs.is_subset(&wanted);
        if !all && self.ran.has_begun() {
            return false;
        }
        wanted.extend(outputs);
        true
    }

    /// The outputs that somebody reads.
    pub(crate) fn wanted(&self) -> BTreeSet<usize> {
        self.wanted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How urgent it is: microseconds from its start to the end of what waits for it. 0 as long as nothing wants to run.
    pub(crate) fn rank(&self) -> u64 {
        self.rank.load(Ordering::Relaxed)
    }

    /// Makes it at least that urgent.
    pub(crate) fn raise(&self, rank: u64) {
        self.rank.fetch_max(rank, Ordering::Relaxed);
    }

    /// The work on one output.
    pub(crate) fn edge(&self, output: usize) -> Arc<Edge> {
        let mut edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        let edge = edges.entry(output).or_insert_with(|| Arc::new(Edge::new()));
        Arc::clone(edge)
    }

    /// The keys of each output that somebody has looked for.
    pub(crate) fn keys(&self) -> BTreeMap<usize, Vec<KeyId>> {
        let edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        let keys = |edge: &Edge| {
            let done = edge.done.result().map(|done| done.keys.clone());
            let found = || edge.by_content.result().map(|far| far.keys.clone());
            done.or_else(found).or_else(|| edge.keys.result().map(|keys| keys.to_vec()))
        };
        edges.iter().filter_map(|(output, edge)| Some((*output, keys(edge)?))).collect()
    }

    /// The source identifier, if the vertex is a source.
    pub(crate) fn source(&self) -> Option<&pb::SourceOp> {
        match &self.op.op {
            Some(pb::OpKind::Source(source)) => Some(source),
            _ => None,
        }
    }
}

impl Drop for Vertex {
    /// Frees a long chain of inputs one by one and not by one deep recursion.
    fn drop(&mut self) {
        let mut left = std::mem::take(&mut self.inputs);
        while let Some(input) = left.pop() {
            if let Some(mut vertex) = Arc::into_inner(input.vertex) {
                left.append(&mut vertex.inputs);
            }
        }
    }
}

impl Edge {
    fn new() -> Self {
        Self {
            keys: Flight::new(),
            held: Mutex::new(None),
            done: Flight::new(),
            by_definition: Flight::new(),
            by_content: Flight::new(),
        }
    }
}
