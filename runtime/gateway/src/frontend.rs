//! Running a frontend with the embedded runtime.
//!
//! Owns its life: the image is fetched, its program started in a container that speaks the protocol on standard input and output,
//! and its answer taken. What it asks for is answered by `server`.

mod host;

use std::collections::{BTreeMap, BTreeSet};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hlb_agent::Lent;
use hlb_llb::graph::{Annotations, marshal};
use hlb_llb::status::{Status, Stream, VertexInfo};
use hlb_llb::{Digest, encode_definition, ops, pb};
use hlb_registry::{Platform, Reference, ResolvedImage};
use hlb_runtime::{Build, Entitlement, ErrorKind, Hints, Program, Runtime, SolveRequest, StatusSink};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::server::{self, Returned};
use host::RuntimeHost;

/// What images run whose config names no program.
const DEFAULT_PROGRAM: &str = "/run";
/// Where a frontend finds the graph that it was made of itself.
const OWN_GRAPH: &str = "/run/config/buildkit/metadata/frontend.bin";
/// The label of frontends that want no network.
const NO_NETWORK: &str = "moby.buildkit.frontend.network.none";
/// How long a frontend that has answered may take to end.
const GRACE: Duration = Duration::from_secs(10);

/// A frontend to run, and what of the caller's machine the graphs may see that it solves.
#[derive(Clone, Debug)]
pub struct FrontendRequest {
    /// The name of its image.
    pub source: String,
    /// Options by name, in the frontend's own words.
    pub opts: BTreeMap<String, String>,
    /// Graphs by name; without ops where a file system is empty.
    pub inputs: BTreeMap<String, pb::Definition>,
    /// Directories by the names that `local://` sources use.
    pub locals: BTreeMap<String, PathBuf>,
    /// Directories with OCI layouts in them, by the names of their stores.
    pub layouts: BTreeMap<String, PathBuf>,
    /// Files by the ids that secrets use.
    pub secrets: BTreeMap<String, PathBuf>,
    /// Connections by the ids that SSH mounts use.
    pub sockets: BTreeMap<String, Lent>,
    /// What steps may do beyond the usual.
    pub allow: BTreeSet<Entitlement>,
    /// The build that it is part of, if that is recorded.
    pub build: Option<Build>,
    /// Whether the files of a step that fails are kept, to look into them.
    pub keep_failed: bool,
    /// What helps to solve faster, and what is kept of the solves.
    pub hints: Hints,
    /// What is built for. The frontend itself always runs on this machine.
    pub platform: Platform,
}

/// What a frontend made.
#[derive(Clone, Debug, PartialEq)]
pub struct FrontendOutcome {
    /// The graph of its result; without ops if that is empty.
    pub definition: pb::Definition,
    /// The config of the image that it is, as JSON, if the frontend said one.
    pub config: Option<Vec<u8>>,
}

/// A frontend gave no result.
#[derive(Debug, thiserror::Error)]
pub enum GatewayError {
    /// The name is none of an image.
    #[error("`{name}` is no name of an image: {reason}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The image cannot be had, or its program not started.
    #[error("cannot run the frontend `{name}`: {source}")]
    Start {
        /// The image.
        name: String,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The frontend said so.
    #[error("the frontend `{name}` failed: {message}")]
    Failed {
        /// The image.
        name: String,
        /// Its words.
        message: String,
    },
    /// It ended without a word.
    #[error("the frontend `{name}` ended with exit code {code} and without a result{}", Said(.said))]
    Silent {
        /// The image.
        name: String,
        /// The exit code.
        code: i32,
        /// The last it printed.
        said: String,
    },
    /// It gave a result that is not one file system.
    #[error("the frontend `{name}` made results for {platforms}, and not for {wanted}")]
    Platforms {
        /// The image.
        name: String,
        /// For which platforms.
        platforms: String,
        /// What was wanted.
        wanted: Platform,
    },
    /// It did not speak the protocol.
    #[error("the frontend `{name}` does not speak the gateway protocol: {reason}")]
    Protocol {
        /// The image.
        name: String,
        /// What went wrong.
        reason: String,
    },
    /// The caller cancelled.
    #[error("the build was cancelled")]
    Cancelled,
}

/// The last that was printed, as the end of a sentence.
struct Said<'a>(&'a str);

impl std::fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; the last it printed: {}", self.0) }
    }
}

/// Runs a frontend to its end.
///
/// What it prints on standard error is shown as the log of a vertex that stands for it. When this returns, nothing of it is
/// running.
///
/// # Errors
/// If its image cannot be had, it cannot be started, it fails, or its result is not one file system.
pub async fn run_frontend(
    runtime: &Runtime,
    request: FrontendRequest,
    status: StatusSink,
    cancel: &CancellationToken,
) -> Result<FrontendOutcome, GatewayError> {
    let reference = Reference::parse(&request.source)
        .map_err(|error| GatewayError::Name { name: request.source.clone(), reason: error.to_string() })?;
    let shown = Shown::begin(&reference, status.clone());
    let name = reference.to_string();
    let result = run(runtime, request, &reference, status, &shown, cancel).await;
    let result = if cancel.is_cancelled() { Err(GatewayError::Cancelled) } else { result };
    shown.end(result.as_ref().err());
    let (graphs, metadata) = result?;
    choose(name, graphs).map(|(key, definition)| FrontendOutcome { definition, config: config(&metadata, &key) })
}

type Results = (Graphs, BTreeMap<String, Vec<u8>>);

/// Results by platform, and which of them is wanted.
struct Graphs {
    all: BTreeMap<String, pb::Definition>,
    wanted: Platform,
}

async fn run(
    runtime: &Runtime,
    request: FrontendRequest,
    reference: &Reference,
    status: StatusSink,
    shown: &Shown,
    cancel: &CancellationToken,
) -> Result<Results, GatewayError> {
    let name = reference.to_string();
    let start = |source: Box<dyn std::error::Error + Send + Sync>| GatewayError::Start { name: name.clone(), source };
    let host = Platform::host();
    let source = marshal(
        Some(&ops::image(ops::Image::new(reference.to_string(), wired(&host)), Annotations::default())),
        Vec::new(),
    );
    let image = runtime.images().resolve(reference, &host).await;
    let image = image.map_err(|error| start(error.into()))?;
    let solve = SolveRequest {
        definition: source.clone(),
        locals: BTreeMap::new(),
        layouts: BTreeMap::new(),
        secrets: BTreeMap::new(),
        sockets: BTreeMap::new(),
        allow: BTreeSet::new(),
        build: request.build.clone(),
        keep_failed: request.keep_failed,
        hints: request.hints.clone(),
    };
    let solved = runtime.solve(solve, Arc::clone(&status), cancel).await.map_err(|error| start(error.into()))?;
    let program = program(&image, &request, &source);
    let wanted = request.platform.clone();
    let inputs = request.inputs.clone();

    let (ours, theirs) = std::os::unix::net::UnixStream::pair().map_err(|error| start(error.into()))?;
    ours.set_nonblocking(true).map_err(|error| start(error.into()))?;
    let ours = tokio::net::UnixStream::from_std(ours).map_err(|error| start(error.into()))?;
    // Solves for the frontend end with it.
    let running = cancel.child_token();
    let answered = CancellationToken::new();
    let end = CancellationToken::new();
    let host = RuntimeHost::new(runtime.clone(), request, status, running.clone(), shown.log());
    let serving = tokio::spawn(server::serve(host, inputs, ours, answered.clone(), end.clone()));
    let grace = tokio::spawn(end_after(answered, running.clone()));
    let exit = runtime.run_program(&solved, program, OwnedFd::from(theirs), shown.log(), &running).await;
    end.cancel();
    running.cancel();
    grace.abort();
    let returned = match serving.await {
        Ok(Ok(returned)) => returned,
        Ok(Err(error)) => return Err(GatewayError::Protocol { name, reason: error.to_string() }),
        Err(error) => return Err(GatewayError::Protocol { name, reason: error.to_string() }),
    };
    match (returned, exit) {
        // What it said counts for more than how it ended.
        (Some(Returned::Failed { message }), _) => Err(GatewayError::Failed { name, message }),
        (Some(Returned::Result { graphs, metadata }), Ok(0)) => Ok((Graphs { all: graphs, wanted }, metadata)),
        (Some(Returned::Result { graphs, metadata }), Err(error)) if error.kind() == ErrorKind::Cancelled => {
            Ok((Graphs { all: graphs, wanted }, metadata))
        }
        (_, Ok(code)) => Err(GatewayError::Silent { name, code, said: shown.last() }),
        (_, Err(error)) => Err(GatewayError::Start { name, source: error.into() }),
    }
}

/// Ends a frontend that goes on running after its answer.
async fn end_after(answered: CancellationToken, running: CancellationToken) {
    answered.cancelled().await;
    tokio::time::sleep(GRACE).await;
    running.cancel();
}

fn program(image: &ResolvedImage, request: &FrontendRequest, source: &pb::Definition) -> Program {
    let config = &image.config.config;
    let default = || vec![DEFAULT_PROGRAM.to_owned()];
    let args = if config.entrypoint.is_empty() { default() } else { config.entrypoint.clone() };
    let mut env = config.env.clone();
    if !env.iter().any(|variable| variable.starts_with("PATH=")) {
        env.push("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned());
    }
    let mut opts = request.opts.clone();
    opts.insert("source".to_owned(), request.source.clone());
    let opts = opts.iter().enumerate();
    env.extend(opts.map(|(number, (key, value))| format!("BUILDKIT_FRONTEND_OPT_{number}={key}={value}")));
    env.push(format!("BUILDKIT_SESSION_ID={}", session()));
    env.push("BUILDKIT_EXPORTEDPRODUCT=".to_owned());
    let Platform { os, architecture, variant } = Platform::host();
    let platform = json!({ "os": os, "architecture": architecture, "variant": variant });
    let workers = json!([{ "ID": "hlbc", "Labels": {}, "Platforms": [platform], "GCPolicy": null }]);
    env.push(format!("BUILDKIT_WORKERS={workers}"));
    Program {
        args,
        env,
        cwd: Path::new("/").join(&config.working_dir),
        network: config.labels.get(NO_NETWORK).is_none_or(|value| value != "true"),
        files: vec![(OWN_GRAPH.into(), encode_definition(source))],
    }
}

/// A name that no other run of a frontend has.
fn session() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("{time:x}-{:x}-{:x}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

/// The one result, or that for the wanted platform, with the name under which it came.
fn choose(name: String, graphs: Graphs) -> Result<(String, pb::Definition), GatewayError> {
    let Graphs { mut all, wanted } = graphs;
    let key = match all.keys().map(String::as_str).collect::<Vec<_>>().as_slice() {
        // Nothing is the empty file system.
        [] => return Ok((String::new(), pb::Definition::default())),
        [""] => String::new(),
        keys => {
            let same = |key: &&&str| {
                let mut parts = key.split('/');
                let mut next = || parts.next().unwrap_or_default();
                Platform::new(next(), next(), next()) == wanted
            };
            match keys.iter().find(same) {
                Some(key) => (*key).to_owned(),
                None => return Err(GatewayError::Platforms { name, platforms: keys.join(", "), wanted }),
            }
        }
    };
    let definition = all.remove(&key).unwrap_or_default();
    Ok((key, definition))
}

fn config(metadata: &BTreeMap<String, Vec<u8>>, key: &str) -> Option<Vec<u8>> {
    let own = metadata.get(&format!("containerimage.config/{key}"));
    own.or_else(|| metadata.get("containerimage.config")).filter(|config| !config.is_empty()).cloned()
}

fn wired(platform: &Platform) -> pb::Platform {
    pb::Platform {
        os: platform.os.clone(),
        architecture: platform.architecture.clone(),
        variant: platform.variant.clone(),
        ..Default::default()
    }
}

/// The vertex that stands for a frontend where progress is shown.
struct Shown {
    vertex: Digest,
    status: StatusSink,
    last: Arc<Mutex<Vec<u8>>>,
}

/// How much of what a frontend printed is remembered for an error.
const REMEMBERED: usize = 1000;

impl Shown {
    fn begin(reference: &Reference, status: StatusSink) -> Self {
        let name = format!("frontend {reference}");
        let vertex = Digest::of(format!("{name} {}", session()));
        status(Status::Graph(vec![VertexInfo { digest: vertex.clone(), name, inputs: Vec::new() }]));
        status(Status::Started { vertex: vertex.clone(), at: SystemTime::now() });
        Self { vertex, status, last: Arc::default() }
    }

    fn log(&self) -> hlb_runtime::LogSink {
        let (vertex, status, last) = (self.vertex.clone(), Arc::clone(&self.status), Arc::clone(&self.last));
        Arc::new(move |data: &[u8]| {
            let mut last = last.lock().unwrap_or_else(PoisonError::into_inner);
            last.extend_from_slice(data);
            let too_much = last.len().saturating_sub(REMEMBERED);
            last.drain(..too_much);
            drop(last);
            status(Status::Log { vertex: vertex.clone(), stream: Stream::Stderr, data: data.to_vec() });
        })
    }

    /// The last line that it printed.
    fn last(&self) -> String {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let text = String::from_utf8_lossy(&last);
        text.lines().map(str::trim).rfind(|line| !line.is_empty()).unwrap_or_default().to_owned()
    }

    fn end(&self, error: Option<&GatewayError>) {
        // The caller tells all of it.
        let error = error.map(|error| error.to_string().lines().next().unwrap_or_default().to_owned());
        (self.status)(Status::Completed { vertex: self.vertex.clone(), at: SystemTime::now(), error });
    }
}
