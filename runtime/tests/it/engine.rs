//! One runtime for many solves at once, and what each of them is told.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hlb_llb::Digest;
use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{Copy, Exec, ExecMount, FileStep, Local, LocalOwner, MountKind, file, local};
use hlb_llb::pb;
use hlb_llb::status::Status;
use hlb_registry::RegistryConfig;
use hlb_runtime::{Config, Hints, LayerLimits, Network, OciRuntime, Runtime, SolveRequest, StatusSink};

use crate::support::{Bench, shell};

/// How long a test waits for what must come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a solve was told.
#[derive(Clone, Default)]
pub(crate) struct Heard(Arc<Mutex<Vec<Status>>>);

impl Bench {
    pub(crate) async fn open(&self, jobs: usize) -> Runtime {
        let config = Config {
            root: self.path("state"),
            oci: OciRuntime { program: "runc".into() },
            registry: RegistryConfig::empty(),
            jobs,
            network: Network::Host,
            limits: LayerLimits::default(),
        };
        Runtime::open(config).await.unwrap()
    }

    pub(crate) fn request(&self, target: Option<&Output>) -> SolveRequest {
        self.request_for(marshal(target, Vec::new()))
    }

    pub(crate) fn request_for(&self, definition: pb::Definition) -> SolveRequest {
        SolveRequest {
            definition,
            locals: BTreeMap::from([("src".to_owned(), self.src()), ("root".to_owned(), self.path("root"))]),
            layouts: self.layouts.clone(),
            secrets: self.secrets.clone(),
            sockets: self.sockets.clone(),
            allow: BTreeSet::new(),
            build: None,
            keep_failed: false,
            hints: Hints::default(),
        }
    }

    /// Busybox as a file system that is the same in every build, which a directory of the caller is not.
    pub(crate) fn busybox(&self) -> Output {
        let root = match self.path("root").exists() {
            true => local(Local::new("root", LocalOwner::Unique("root".to_owned())), Annotations::default()),
            false => self.root(&[]),
        };
        let copy = Copy { contents_only: true, ..Copy::new(Some(root), "/", "/") };
        file(None, vec![FileStep::Copy(copy)], Annotations::default()).unwrap()
    }

    /// What the steps have written to a file of the directory `/kept`, see [`kept`].
    pub(crate) fn kept(&self, name: &str) -> String {
        let folders = std::fs::read_dir(self.path("state/cache-mounts")).unwrap();
        let files = folders.map(|folder| folder.unwrap().path().join("fs").join(name));
        files.filter_map(|path| std::fs::read_to_string(path).ok()).collect()
    }
}

impl Heard {
    pub(crate) fn sink(&self) -> StatusSink {
        let events = Arc::clone(&self.0);
        Arc::new(move |status| events.lock().unwrap().push(status))
    }

    pub(crate) fn events(&self) -> Vec<Status> {
        self.0.lock().unwrap().clone()
    }

    /// Names of vertices in the order in which they began.
    pub(crate) fn started(&self) -> Vec<String> {
        self.names(|event| match event {
            Status::Started { vertex, .. } => Some(vertex),
            _ => None,
        })
    }

    /// Names of vertices in the order in which they were found.
    pub(crate) fn cached(&self) -> Vec<String> {
        self.names(|event| match event {
            Status::Cached { vertex, .. } => Some(vertex),
            _ => None,
        })
    }

    /// What was printed.
    pub(crate) fn log(&self) -> String {
        let events = self.events();
        let data = events.iter().filter_map(|event| match event {
            Status::Log { data, .. } => Some(String::from_utf8_lossy(data)),
            _ => None,
        });
        data.collect()
    }

    fn names(&self, which: impl Fn(&Status) -> Option<&Digest>) -> Vec<String> {
        let events = self.events();
        let graphs = events.iter().filter_map(|event| match event {
            Status::Graph(vertices) => Some(vertices),
            _ => None,
        });
        let names: BTreeMap<&Digest, &str> =
            graphs.flatten().map(|vertex| (&vertex.digest, vertex.name.as_str())).collect();
        events.iter().filter_map(which).map(|vertex| names[vertex].to_owned()).collect()
    }

    /// Waits until this is so.
    pub(crate) async fn until(&self, is_so: impl Fn(&Self) -> bool) {
        let begin = Instant::now();
        while !is_so(self) {
            assert!(begin.elapsed() < PATIENCE, "heard only {:?}", self.events());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// A step with a directory `/kept` that all steps of a state directory share.
pub(crate) fn kept(root: Output, script: &str) -> Exec {
    let kind = MountKind::Cache { id: "kept".to_owned(), sharing: pb::CacheSharingOpt::Shared };
    let mount = ExecMount { kind, ..ExecMount::bind("/kept", None) };
    Exec { mounts: vec![mount], ..shell(root, script) }
}

/// The root after a step that goes by a name.
pub(crate) fn named(name: &str, step: Exec) -> Output {
    step.build(Annotations { name: Some(name.to_owned()), ..Annotations::default() }).root.unwrap()
}

pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(work)
}
