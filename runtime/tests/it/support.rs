//! What the tests share: a state directory, what builds may use, and what they did.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use hlb_agent::Lent;
use hlb_llb::definition::Graph;
use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{Exec, FileStep, Local, LocalOwner, file, local};
use hlb_llb::pb;
use hlb_llb::status::Status;
use hlb_llb::{Digest, encode_op};
use hlb_registry::RegistryConfig;
use hlb_runtime::{
    BuildInfo, Config, Contents, Entitlement, ExportTarget, FileOptions, Hints, LayerLimits, Network, OciRuntime,
    Outcome, Runtime, SolveError, SolveRequest, Solved, State,
};
use tokio_util::sync::CancellationToken;

/// A state directory, a directory that builds read, and what else they may use.
pub(crate) struct Bench {
    dir: tempfile::TempDir,
    pub(crate) layouts: BTreeMap<String, PathBuf>,
    /// Layouts in place of what registries have, by repository.
    pub(crate) images: BTreeMap<String, PathBuf>,
    pub(crate) secrets: BTreeMap<String, PathBuf>,
    pub(crate) sockets: BTreeMap<String, Lent>,
    pub(crate) allow: BTreeSet<Entitlement>,
    pub(crate) network: Network,
    /// What layers may expand to.
    pub(crate) limits: LayerLimits,
    pub(crate) hints: Hints,
    /// Called with each event of a solve.
    pub(crate) watch: Option<Watch>,
}

/// Something that happens while a solve goes on.
pub(crate) type Watch = Arc<dyn Fn(&Status) + Send + Sync>;

/// What one solve did, by vertex name.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) ran: Vec<String>,
    pub(crate) cached: Vec<String>,
    /// What steps have printed.
    pub(crate) log: String,
}

impl Bench {
    pub(crate) fn new() -> Self {
        hlb_runtime::isolate().expect("these tests need root: run them with `cargo xtask ci`");
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("src")).unwrap();
        let (layouts, images, secrets) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let (sockets, allow) = (BTreeMap::new(), BTreeSet::new());
        let (network, limits, hints) = (Network::Host, LayerLimits::default(), Hints::default());
        Self { dir, layouts, images, secrets, sockets, allow, network, limits, hints, watch: None }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn src(&self) -> PathBuf {
        self.path("src")
    }

    pub(crate) fn out(&self) -> PathBuf {
        self.path("out")
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.src().join(name), text).unwrap();
    }

    /// Gives a secret.
    pub(crate) fn secret(&mut self, id: &str, text: &str) {
        let path = self.path(&format!("secret-{}", self.secrets.len()));
        std::fs::write(&path, text).unwrap();
        self.secrets.insert(id.to_owned(), path);
    }

    /// Solves with a runtime of its own, as each run of the command does, and exports to `out`.
    pub(crate) fn solve(&self, target: Option<&Output>) -> Result<Seen, SolveError> {
        self.solve_definition(marshal(target, Vec::new()))
    }

    pub(crate) fn solve_definition(&self, definition: pb::Definition) -> Result<Seen, SolveError> {
        self.solve_live(definition, |_| {})
    }

    /// The same, with what steps print as they do.
    pub(crate) fn solve_live(&self, definition: pb::Definition, live: fn(&str)) -> Result<Seen, SolveError> {
        self.solve_with(definition, live, async |runtime, solved| {
            let out = ExportTarget::Directory(self.out(), FileOptions::default());
            runtime.export(&solved, &out, &CancellationToken::new()).await.map(drop)
        })
        .map(|(seen, ())| seen)
    }

    /// The same without an export: looks into the result.
    pub(crate) fn look<T>(
        &self,
        target: Option<&Output>,
        look: impl FnOnce(&Contents) -> T,
    ) -> Result<(Seen, T), SolveError> {
        self.solve_with(
            marshal(target, Vec::new()),
            |_| {},
            async |runtime, solved| Ok(look(&runtime.look(&solved).await?)),
        )
    }

    pub(crate) fn solve_with<T>(
        &self,
        definition: pb::Definition,
        live: fn(&str),
        end: impl AsyncFnOnce(&Runtime, Solved) -> Result<T, SolveError>,
    ) -> Result<(Seen, T), SolveError> {
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        tokio.block_on(async {
            let mut registry = RegistryConfig::empty();
            self.images.iter().for_each(|(name, path)| registry.add_layout(name, path.clone()).unwrap());
            let runtime = Runtime::open(Config {
                root: self.path("state"),
                oci: OciRuntime { program: "runc".into() },
                registry,
                jobs: 2,
                network: self.network,
                limits: self.limits,
            })
            .await?;
            let events = Arc::new(Mutex::new(Vec::new()));
            let sink = Arc::clone(&events);
            let build = runtime.begin(BuildInfo { title: "test".to_owned(), directory: self.src() });
            let request = SolveRequest {
                definition,
                locals: BTreeMap::from([("src".to_owned(), self.src()), ("root".to_owned(), self.path("root"))]),
                layouts: self.layouts.clone(),
                secrets: self.secrets.clone(),
                sockets: self.sockets.clone(),
                allow: self.allow.clone(),
                build: Some(build.clone()),
                keep_failed: false,
                hints: self.hints.clone(),
            };
            let watch = self.watch.clone();
            let status = build.watch(Arc::new(move |status| {
                if let Some(watch) = &watch {
                    watch(&status);
                }
                if let Status::Log { data, .. } = &status {
                    live(&String::from_utf8_lossy(data));
                }
                sink.lock().unwrap().push(status);
            }));
            let solved = runtime.solve(request, status, &CancellationToken::new()).await;
            build.end(if solved.is_ok() { Outcome::Done } else { Outcome::Failed })?;
            let seen = seen(&events.lock().unwrap());
            Ok((seen, end(&runtime, solved?).await?))
        })
    }

    /// The state directory as commands see it that do not build.
    pub(crate) fn state(&self) -> State {
        State::open(&self.path("state")).unwrap()
    }

    /// A root file system of busybox and these programs of this machine.
    pub(crate) fn root(&self, programs: &[&str]) -> Output {
        let root = self.path("root");
        for dir in ["bin", "etc", "tmp", "dev", "proc", "sys", "run"] {
            std::fs::create_dir_all(root.join(dir)).unwrap();
        }
        let busybox = ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| Path::new(path).exists());
        let busybox = busybox.expect("these tests need busybox: `apt-get install busybox-static`");
        std::fs::copy(busybox, root.join("bin/busybox")).unwrap();
        for applet in
            ["sh", "cat", "hostname", "ls", "grep", "mount", "wc", "df", "id", "touch", "echo", "sleep", "stat"]
        {
            std::os::unix::fs::symlink("busybox", root.join("bin").join(applet)).unwrap();
        }
        for program in programs {
            copy_with_libraries(Path::new(program), &root);
        }
        local(Local::new("root", LocalOwner::Unique("root".to_owned())), Annotations::default())
    }
}

/// Copies a program to where it is here, and what it is linked with.
fn copy_with_libraries(program: &Path, root: &Path) {
    let listed = Command::new("ldd").arg(program).output().unwrap();
    let listed = String::from_utf8(listed.stdout).unwrap();
    let libraries = listed.split_whitespace().filter(|word| word.starts_with('/')).map(Path::new);
    for file in libraries.chain([program]) {
        let at = root.join(file.strip_prefix("/").unwrap());
        std::fs::create_dir_all(at.parent().unwrap()).unwrap();
        std::fs::copy(file, at).unwrap();
    }
}

fn seen(events: &[Status]) -> Seen {
    let mut names = BTreeMap::new();
    let mut seen = Seen::default();
    for event in events {
        match event {
            Status::Graph(vertices) => {
                names.extend(vertices.iter().map(|vertex| (&vertex.digest, vertex.name.clone())))
            }
            Status::Started { vertex, .. } => seen.ran.push(names[vertex].clone()),
            Status::Cached { vertex, .. } => seen.cached.push(names[vertex].clone()),
            Status::Log { data, .. } => seen.log.push_str(&String::from_utf8_lossy(data)),
            _ => {}
        }
    }
    seen.ran.sort();
    seen.cached.sort();
    seen
}

/// A shell script on a root.
pub(crate) fn shell(root: Output, script: &str) -> Exec {
    let args = vec!["/bin/sh".to_owned(), "-c".to_owned(), script.to_owned()];
    Exec::new(Some(root), args, "/", pb::Platform { os: "linux".into(), ..Default::default() })
}

/// A definition of one op without inputs.
pub(crate) fn alone(kind: pb::OpKind) -> pb::Definition {
    finish(pb::Definition::default(), Vec::new(), kind, 0)
}

/// A definition with an op on top, whose input is that of the terminal op, and of which an output is wanted.
pub(crate) fn on_top(mut definition: pb::Definition, kind: pb::OpKind, output: i64) -> pb::Definition {
    let graph = Graph::load(&definition).unwrap();
    let (at, index) = graph.target.unwrap();
    definition.def.pop();
    let digest = graph.vertices[at].digest.to_string();
    finish(definition, vec![pb::Input { digest, index: index as i64 }], kind, output)
}

fn finish(mut definition: pb::Definition, inputs: Vec<pb::Input>, kind: pb::OpKind, output: i64) -> pb::Definition {
    let constraints = Some(pb::WorkerConstraints::default());
    let bytes = encode_op(&pb::Op { inputs, op: Some(kind), platform: None, constraints });
    let digest = Digest::of(&bytes).to_string();
    definition.metadata.insert(digest.clone(), pb::OpMetadata::default());
    let terminal = pb::Op { inputs: vec![pb::Input { digest, index: output }], ..Default::default() };
    definition.def.extend([bytes, encode_op(&terminal)].map(pb::Bytes::from));
    definition
}

pub(crate) fn mkfile(base: Option<Output>, path: &str, data: &str) -> Output {
    let step = FileStep::MkFile { path: path.to_owned(), mode: 0o644, data: data.into(), owner: None, created: None };
    file(base, vec![step], Annotations::default()).unwrap()
}

pub(crate) fn read(dir: &Path, name: &str) -> String {
    std::fs::read_to_string(dir.join(name)).unwrap()
}
