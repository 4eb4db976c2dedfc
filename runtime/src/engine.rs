//! What all solves of a process share.
//!
//! Owns the state directory, the sources' clients, the limit on concurrent work, and the table by which equal vertices of
//! concurrent solves become one.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use hlb_llb::Digest;
use hlb_llb::definition::{Graph, LoadedVertex};
use hlb_llb::digest::Hasher;
use hlb_llb::pb;
use hlb_registry::Images;
use hlb_store::Store;

use crate::collect::Used;
use crate::exec::network::Network;
use crate::exec::runc::OciRuntime;
use crate::export::layers::Packing;
use crate::ops::source;
use crate::runtime::shown;
use crate::snapshot::Snapshots;
use crate::solver::claim::Claims;
use crate::solver::job::{Caller, Job};
use crate::solver::permits::Permits;
use crate::solver::priority::Unranked;
use crate::solver::solve::Solve;
use crate::solver::vertex::{Input, Vertex};

/// The shared state behind a [`crate::Runtime`].
pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) snapshots: Snapshots,
    pub(crate) images: Images,
    pub(crate) oci: OciRuntime,
    pub(crate) network: Network,
    /// One for each op that may run at a time.
    pub(crate) permits: Permits,
    /// The steps that are being made.
    pub(crate) claims: Claims,
    /// What was found in the cache and used.
    pub(crate) used: Used,
    /// The layers that are being packed.
    pub(crate) packing: Packing,
    vertices: Mutex<Table>,
}

/// An op, and what of the caller's it can see, if anything.
type VertexKey = (Digest, Option<Digest>);
type Table = HashMap<VertexKey, Weak<Vertex>>;

impl Engine {
    pub(crate) fn new(store: Store, images: Images, oci: OciRuntime, network: Network, jobs: usize) -> Self {
        Self {
            snapshots: Snapshots::new(store.clone()),
            store,
            images,
            oci,
            network,
            permits: Permits::new(jobs),
            claims: Claims::default(),
            used: Used::default(),
            packing: Packing::default(),
            vertices: Mutex::default(),
        }
    }

    /// The vertices of a graph for a solve, inputs before users, each the one that another solve already works on where there is
    /// one.
    pub(crate) fn enter(self: &Arc<Self>, graph: &Graph, caller: &Arc<Caller>, solve: &Arc<Solve>) -> Vec<Arc<Vertex>> {
        let mut table = self.vertices.lock().unwrap_or_else(PoisonError::into_inner);
        let vertices = self.load(&mut table, graph, caller, 0);
        vertices.iter().for_each(|vertex| solve.want(vertex));
        solve.rank_later(Unranked { vertices: vertices.clone(), above: None });
        vertices
    }

    /// The same for a graph that the op of a vertex has made, for all who want that vertex.
    pub(crate) fn enter_inner(self: &Arc<Self>, graph: &Graph, above: &Arc<Vertex>) -> Vec<Arc<Vertex>> {
        // Who comes to want the vertex does so under this lock, and finds what was made inside of it.
        let mut table = self.vertices.lock().unwrap_or_else(PoisonError::into_inner);
        let vertices = self.load(&mut table, graph, &above.job.caller, above.depth + 1);
        above.job.made_graph(shown(graph), &vertices);
        let solves = above.job.solves();
        for vertex in &vertices {
            solves.iter().for_each(|solve| solve.want(vertex));
            vertex.job.end_if_alone();
        }
        if let Some(solve) = solves.first() {
            solve.rank_later(Unranked { vertices: vertices.clone(), above: Some(Arc::clone(above)) });
        }
        vertices
    }

    /// Does something while nobody enters: whoever enters wants its vertices by then, or sees that they are over.
    pub(crate) fn while_nobody_enters<T>(&self, work: impl FnOnce() -> T) -> T {
        let _table = self.vertices.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    fn load(
        self: &Arc<Self>,
        table: &mut Table,
        graph: &Graph,
        caller: &Arc<Caller>,
        depth: usize,
    ) -> Vec<Arc<Vertex>> {
        table.retain(|_, vertex| vertex.strong_count() > 0);
        let read = read_outputs(graph);
        let mut vertices: Vec<Arc<Vertex>> = Vec::with_capacity(graph.vertices.len());
        let mut salts: Vec<Option<Digest>> = Vec::with_capacity(graph.vertices.len());
        for (loaded, read) in graph.vertices.iter().zip(&read) {
            let inputs: Vec<Input> = loaded
                .inputs
                .iter()
                .filter_map(|(at, output)| Some(Input { vertex: Arc::clone(vertices.get(*at)?), output: *output }))
                .collect();
            let above = loaded.inputs.iter().filter_map(|(at, _)| salts.get(*at)?.as_ref());
            let salt = salt(loaded, caller, depth, above);
            let key = (loaded.digest.clone(), salt.clone());
            let known = table.get(&key).and_then(Weak::upgrade);
            // One that reads what has failed fails, too, as soon as it hears of it.
            let same_inputs = |vertex: &Vertex| {
                vertex.inputs.iter().zip(&inputs).all(|(known, input)| Arc::ptr_eq(&known.vertex, &input.vertex))
            };
            let known = known.filter(|vertex| vertex.job.is_open() && same_inputs(vertex) && vertex.want(read));
            let vertex = known.unwrap_or_else(|| {
                let vertex = Arc::new(Vertex::new(loaded, inputs, depth, Arc::new(Job::new(self, caller))));
                vertex.want(read);
                table.insert(key, Arc::downgrade(&vertex));
                vertex
            });
            vertices.push(vertex);
            salts.push(salt);
        }
        vertices
    }
}

/// The outputs of each vertex that others read, or that are the target.
fn read_outputs(graph: &Graph) -> Vec<BTreeSet<usize>> {
    let mut read = vec![BTreeSet::new(); graph.vertices.len()];
    let inputs = graph.vertices.iter().flat_map(|vertex| &vertex.inputs);
    for (at, output) in inputs.chain(&graph.target) {
        if let Some(read) = read.get_mut(*at) {
            read.insert(*output);
        }
    }
    read
}

/// Tells apart equal ops that see different things of their callers. Build ops of different depths are different too: one
/// that leads to itself would wait for itself otherwise, and so gets ever deeper until it is refused.
fn salt<'a>(
    loaded: &LoadedVertex,
    caller: &Caller,
    depth: usize,
    above: impl Iterator<Item = &'a Digest>,
) -> Option<Digest> {
    let mut hasher = Hasher::default();
    let mut salted = false;
    for digest in above {
        hasher.update(digest);
        salted = true;
    }
    let mut add = |kind: &str, id: &str, given: String| {
        hasher.update(format!("{kind} {id:?} {given}"));
        salted = true;
    };
    if loaded.metadata.ignore_cache {
        add("cache", "", "ignored".to_owned());
    }
    let secret = |id: &str| format!("{:?}", caller.secrets.get(id));
    let socket = |id: &str| format!("{:?}", caller.sockets.get(id));
    match &loaded.op.op {
        Some(pb::OpKind::Source(source)) => {
            if let Some(name) = source.identifier.strip_prefix("local://") {
                add("local", name, format!("{:?}", caller.locals.get(name)));
            }
            if let Some(layout) = source::layout_of(source) {
                add("layout", layout, format!("{:?}", caller.layouts.get(layout)));
            }
            // Most of these names stand in the op whether or not there is such a secret.
            for id in source::secrets_of(source).into_iter().filter(|id| caller.secrets.contains_key(id)) {
                add("secret", &id, secret(&id));
            }
            if let Some(id) = source::socket_of(source).filter(|id| caller.sockets.contains_key(*id)) {
                add("socket", id, socket(id));
            }
        }
        Some(pb::OpKind::Exec(exec)) => {
            for mount in &exec.mounts {
                if let Some(wanted) = &mount.secret_opt {
                    add("secret", &wanted.id, secret(&wanted.id));
                }
                if let Some(wanted) = &mount.ssh_opt {
                    add("socket", &wanted.id, socket(&wanted.id));
                }
            }
            for wanted in &exec.secretenv {
                add("secret", &wanted.id, secret(&wanted.id));
            }
        }
        // What it leads to may see anything.
        Some(pb::OpKind::Build(_)) => {
            let seen = (&caller.locals, &caller.layouts, &caller.secrets, &caller.sockets, &caller.allow);
            add("build", &depth.to_string(), format!("{seen:?}"));
        }
        _ => {}
    }
    salted.then(|| hasher.finish())
}
