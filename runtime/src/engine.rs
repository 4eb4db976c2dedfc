//! What all solves of a process share.
//!
//! Owns the state directory, the sources' clients, the limit on concurrent work, and the table by which equal vertices of
//! concurrent solves become one.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use hlb_llb::Digest;
use hlb_llb::definition::Graph;
use hlb_llb::digest::Hasher;
use hlb_llb::pb;
use hlb_registry::Images;
use hlb_store::Store;
use tokio::sync::Semaphore;

use crate::collect::Used;
use crate::exec::network::Network;
use crate::exec::runc::OciRuntime;
use crate::ops::source;
use crate::snapshot::Snapshots;
use crate::solver::job::Job;
use crate::solver::vertex::{Input, Vertex};

/// The shared state behind a [`crate::Runtime`].
pub(crate) struct Engine {
    pub(crate) store: Store,
    pub(crate) snapshots: Snapshots,
    pub(crate) images: Images,
    pub(crate) oci: OciRuntime,
    pub(crate) network: Network,
    /// One permit for each op that may run at a time.
    pub(crate) permits: Semaphore,
    /// What was found in the cache and used.
    pub(crate) used: Used,
    vertices: Mutex<HashMap<VertexKey, Weak<Vertex>>>,
}

/// An op, and what of the caller's it can see, if anything.
type VertexKey = (Digest, Option<Digest>);

/// The vertices of one solve, inputs before users.
pub(crate) struct Vertices(Vec<Arc<Vertex>>);

impl Engine {
    pub(crate) fn new(store: Store, images: Images, oci: OciRuntime, network: Network, jobs: usize) -> Self {
        Self {
            snapshots: Snapshots::new(store.clone()),
            store,
            images,
            oci,
            network,
            permits: Semaphore::new(jobs.max(1)),
            used: Used::default(),
            vertices: Mutex::new(HashMap::new()),
        }
    }

    /// The vertices of a graph, each the one that a concurrent solve already works on where there is one.
    /// `depth` is the number of graphs around this one.
    pub(crate) fn vertices(&self, graph: &Graph, job: &Job, depth: usize) -> Vertices {
        let mut table = self.vertices.lock().unwrap_or_else(PoisonError::into_inner);
        table.retain(|_, vertex| vertex.strong_count() > 0);
        let mut vertices: Vec<Arc<Vertex>> = Vec::with_capacity(graph.vertices.len());
        let mut salts: Vec<Option<Digest>> = Vec::with_capacity(graph.vertices.len());
        for loaded in &graph.vertices {
            let inputs: Vec<Input> = loaded
                .inputs
                .iter()
                .filter_map(|(at, output)| Some(Input { vertex: Arc::clone(vertices.get(*at)?), output: *output }))
                .collect();
            let above = loaded.inputs.iter().filter_map(|(at, _)| salts.get(*at)?.as_ref());
            let salt = salt(&loaded.op, job, depth, above);
            let key = (loaded.digest.clone(), salt.clone());
            let vertex = table.get(&key).and_then(Weak::upgrade).unwrap_or_else(|| {
                let vertex = Arc::new(Vertex::new(loaded, inputs, depth));
                table.insert(key, Arc::downgrade(&vertex));
                vertex
            });
            vertices.push(vertex);
            salts.push(salt);
        }
        Vertices(vertices)
    }
}

impl Vertices {
    pub(crate) fn get(&self, at: usize) -> Option<&Arc<Vertex>> {
        self.0.get(at)
    }
}

impl Drop for Vertices {
    /// Users before inputs, so that a long chain is not freed by one deep recursion.
    fn drop(&mut self) {
        while self.0.pop().is_some() {}
    }
}

/// Tells apart equal ops that see different things of their callers. Build ops of different depths are different too: one
/// that leads to itself would wait for itself otherwise, and so gets ever deeper until it is refused.
fn salt<'a>(op: &pb::Op, job: &Job, depth: usize, above: impl Iterator<Item = &'a Digest>) -> Option<Digest> {
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
    let secret = |id: &str| format!("{:?}", job.secrets.get(id));
    let socket = |id: &str| format!("{:?}", job.sockets.get(id));
    match &op.op {
        Some(pb::OpKind::Source(source)) => {
            if let Some(name) = source.identifier.strip_prefix("local://") {
                add("local", name, format!("{:?}", job.locals.get(name)));
            }
            if let Some(layout) = source::layout_of(source) {
                add("layout", layout, format!("{:?}", job.layouts.get(layout)));
            }
            // Most of these names stand in the op whether or not there is such a secret.
            for id in source::secrets_of(source).into_iter().filter(|id| job.secrets.contains_key(id)) {
                add("secret", &id, secret(&id));
            }
            if let Some(id) = source::socket_of(source).filter(|id| job.sockets.contains_key(*id)) {
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
            let seen = (&job.locals, &job.layouts, &job.secrets, &job.sockets, &job.allow);
            add("build", &depth.to_string(), format!("{seen:?}"));
        }
        _ => {}
    }
    salted.then(|| hasher.finish())
}
