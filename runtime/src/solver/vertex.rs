//! A vertex of a running solve.
//!
//! Owns what is known of a vertex while anybody needs it: its op, its inputs, and the work on it that has begun. Equal vertices of
//! concurrent solves are one object (see `Engine::vertices`), so they run once.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hlb_llb::definition::LoadedVertex;
use hlb_llb::{Digest, pb};
use hlb_store::KeyId;

use crate::ops::source::Found;
use crate::snapshot::Snapshot;
use crate::solver::cache_map::CacheMap;
use crate::solver::flight::Flight;

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
    /// How much of the machine its process may use.
    pub(crate) resources: Option<pb::LinuxResources>,
    /// How many build ops it is inside of.
    pub(crate) depth: usize,
    /// What it reads, in the order of the op's inputs.
    pub(crate) inputs: Vec<Input>,
    /// What a source was found to be: a manifest, a commit, a response.
    pub(crate) found: Flight<Arc<Found>>,
    /// Its cache key without its inputs' keys.
    pub(crate) cache_map: Flight<Arc<CacheMap>>,
    /// Its results, once it has run.
    pub(crate) ran: Flight<Arc<Ran>>,
    edges: Mutex<BTreeMap<usize, Arc<Edge>>>,
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
    pub(crate) done: Flight<Arc<Done>>,
}

/// What came of running an op.
pub(crate) struct Ran {
    /// By number.
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
    pub(crate) fn new(loaded: &LoadedVertex, inputs: Vec<Input>, depth: usize) -> Self {
        Self {
            digest: loaded.digest.clone(),
            name: loaded.name.clone(),
            op: loaded.op.clone(),
            ignore_cache: loaded.metadata.ignore_cache,
            resources: loaded.metadata.linux_resources.as_deref().cloned(),
            depth,
            inputs,
            found: Flight::new(),
            cache_map: Flight::new(),
            ran: Flight::new(),
            edges: Mutex::new(BTreeMap::new()),
        }
    }

    /// The work on one output.
    pub(crate) fn edge(&self, output: usize) -> Arc<Edge> {
        let mut edges = self.edges.lock().unwrap_or_else(PoisonError::into_inner);
        let edge = edges.entry(output).or_insert_with(|| Arc::new(Edge { keys: Flight::new(), done: Flight::new() }));
        Arc::clone(edge)
    }

    /// The source identifier, if the vertex is a source.
    pub(crate) fn source(&self) -> Option<&pb::SourceOp> {
        match &self.op.op {
            Some(pb::OpKind::Source(source)) => Some(source),
            _ => None,
        }
    }
}
