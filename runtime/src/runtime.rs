//! The crate's entry point.
//!
//! Owns `Runtime`: opening the state directory, solving a definition, writing a result out.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use hlb_agent::Lent;
use hlb_llb::definition::Graph;
use hlb_llb::status::{Status, VertexInfo};
use hlb_llb::{Digest, pb};
use hlb_registry::{Images, Platform, RegistryConfig};
use hlb_store::Store;
use tokio_util::sync::CancellationToken;

use crate::attest::{self, Attestations, Provenance};
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::exec::network::Network;
use crate::exec::runc::OciRuntime;
use crate::export::early::Early;
use crate::export::files::Files;
use crate::export::options::{FileOptions, ImageOptions, Place};
use crate::history::Build;
use crate::mend::{self, Mended};
use crate::ops::blocking;
use crate::ops::source::StoreShelf;
use crate::remote::inline::Inline;
use crate::remote::{CacheCollector, CacheExported, CacheImports, CacheTarget};
use crate::snapshot::Snapshot;
use crate::snapshot::limit::LayerLimits;
use crate::solver::job::{Caller, StatusSink};
use crate::solver::solve::{Terms, solve};
use crate::solver::trace::Trace;
use crate::{admission, exec, export, remote};

/// Where a runtime keeps its state and what it runs steps with.
#[derive(Clone, Debug)]
pub struct Config {
    /// The state directory. It must lie on a file system that can hold overlay layers, which overlayfs itself cannot.
    pub root: PathBuf,
    /// What steps are run with.
    pub oci: OciRuntime,
    /// Where images come from.
    pub registry: RegistryConfig,
    /// How many ops may run at a time; at least 1.
    pub jobs: usize,
    /// The network of steps that ask for no other.
    pub network: Network,
    /// What layers of images may expand to.
    pub limits: LayerLimits,
}

/// Solves LLB in this process. Cheap to clone; all clones share one state directory.
#[derive(Clone)]
pub struct Runtime {
    pub(crate) engine: Arc<Engine>,
}

/// A definition to solve, and what of the caller's machine it may see.
#[derive(Clone, Debug)]
pub struct SolveRequest {
    /// The graph.
    pub definition: pb::Definition,
    /// Directories by the names that `local://` sources use.
    pub locals: BTreeMap<String, PathBuf>,
    /// OCI layout directories by the names that `oci-layout://` sources use.
    pub layouts: BTreeMap<String, PathBuf>,
    /// Files by the ids that secrets use.
    pub secrets: BTreeMap<String, PathBuf>,
    /// Connections by the ids that SSH mounts use.
    pub sockets: BTreeMap<String, Lent>,
    /// What steps may do beyond the usual. A graph that asks for more is refused.
    pub allow: BTreeSet<Entitlement>,
    /// The build that it is part of, if that is recorded.
    pub build: Option<Build>,
    /// Whether the files of a step that fails are kept, to look into them.
    pub keep_failed: bool,
    /// What helps to solve it faster, and what is kept of the solve.
    pub hints: Hints,
}

/// What changes nothing in the result of a solve.
#[derive(Clone, Debug, Default)]
pub struct Hints {
    /// Whether what the solve came across is kept: what its sources were found to be, and the keys of its steps. Attestations
    /// and exports of the cache need it.
    pub trace: bool,
    /// The images that it becomes: their layers are packed while later steps run.
    pub images: Vec<ImageOptions>,
    /// Shared caches in which results are looked for that are not here.
    pub cache_from: Option<CacheImports>,
    /// Whether an image of the result holds a cache of the steps that it is made of.
    pub inline_cache: bool,
    /// Where what the solve came across is kept for shared caches that are to be written, also if it fails.
    pub cache_to: Option<CacheCollector>,
}

/// What a step may do only if the caller allows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Entitlement {
    /// `network.host`: use the network of the machine.
    NetworkHost,
    /// `security.insecure`: run with all privileges.
    SecurityInsecure,
}

/// The result of a solve.
#[derive(Clone, Debug)]
pub struct Solved {
    pub(crate) snapshot: Snapshot,
    /// What the solve came across, if that was to be kept.
    pub(crate) trace: Option<Arc<Trace>>,
    /// Keeps what is still being packed for it from being given up.
    pub(crate) _early: Option<Arc<Early>>,
    /// What of it is for the image of the result.
    pub(crate) inline: Option<Box<Inline>>,
}

/// A place to write a result to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportTarget {
    /// Files into a directory, which is made if it is missing and whose other files stay.
    Directory(PathBuf, FileOptions),
    /// One tar file.
    Tar(Place, FileOptions),
    /// An image.
    Image(ImageExport),
}

/// An image to make of a result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImageExport {
    /// Where it goes.
    pub to: ImageTarget,
    /// Its config as JSON, in the form of OCI and Docker, without `rootfs`: that is filled in, as is what is missing in
    /// the history.
    pub config: Vec<u8>,
    /// What else is wanted of it.
    pub options: ImageOptions,
}

/// An index of images to make of results.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexExport {
    /// Where it goes. Docker's archives and engines take none.
    pub to: ImageTarget,
    /// What else is wanted of it.
    pub options: ImageOptions,
}

/// One of the images of an index.
#[derive(Clone, Debug)]
pub struct ImageVariant {
    /// Its files.
    pub solved: Solved,
    /// What it runs on, as the index says it.
    pub platform: Platform,
    /// Its config, as in [`ImageExport`].
    pub config: Vec<u8>,
}

/// Where an image goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ImageTarget {
    /// A tar file with an OCI layout.
    OciTar(Place),
    /// A directory with an OCI layout, which is made if it is missing and whose other images stay.
    OciDirectory(PathBuf),
    /// A tar file that `docker load` takes.
    DockerTar(Place),
    /// The Docker engine that listens on a unix socket.
    DockerEngine(PathBuf),
    /// The registry that its name says.
    Registry,
    /// The state directory, for exports to come.
    Store,
}

/// What an export has made.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Exported {
    /// The digest of the manifest or of the index, if it is an image.
    pub digest: Option<Digest>,
    /// The digest of its configuration, if it is an image for one platform.
    pub config_digest: Option<Digest>,
    /// What leads to it, as OCI's JSON has it, if it is an image.
    pub descriptor: Option<serde_json::Value>,
    /// The names that it was given.
    pub names: Vec<String>,
    /// The layers that a Docker engine asked for, if it pulled the image.
    pub sent: Option<Vec<Digest>>,
}

impl Runtime {
    /// Opens the state directory, after checking that this machine can run steps.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: not root, no OCI runtime, a state directory that cannot be written or cannot hold layers.
    pub async fn open(config: Config) -> Result<Self, SolveError> {
        let opened = tokio::task::spawn_blocking(move || {
            let environment =
                |error: Box<dyn std::error::Error + Send + Sync>| SolveError::new(ErrorKind::Environment, error);
            exec::preflight(&config.root, &config.oci, config.network).map_err(|error| environment(error.into()))?;
            let store =
                Store::open_with(&config.root, &mut exec::sweep_session).map_err(|error| environment(error.into()))?;
            let images = Images::new(config.registry).with_shelf(Arc::new(StoreShelf(store.clone())));
            let Config { oci, network, limits, jobs, .. } = config;
            Ok(Self { engine: Arc::new(Engine::new(store, images, oci, network, limits, jobs)) })
        });
        opened.await.unwrap_or_else(|error| Err(SolveError::new(ErrorKind::Internal, error)))
    }

    /// Where images come from, for callers that want their configs.
    pub fn images(&self) -> &Images {
        &self.engine.images
    }

    /// Solves a definition. Returns when all work has ended that no other solve wants, too, also after an error or a cancellation:
    /// no process or mount of the solve is left then. What this solve and another one have in common is done once; solves
    /// with the same `status` are told once of it.
    ///
    /// # Errors
    /// The first failure; [`SolveError::vertex`] says where.
    pub async fn solve(
        &self,
        request: SolveRequest,
        status: StatusSink,
        cancel: &CancellationToken,
    ) -> Result<Solved, SolveError> {
        let graph = Graph::load(&request.definition).map_err(|error| SolveError::new(ErrorKind::Definition, error))?;
        admission::admit(&graph, &request.allow)?;
        if let Some(build) = &request.build {
            build.solving(&request);
        }
        status(Status::Graph(shown(&graph)));
        let mut mended = Mended::default();
        loop {
            let result = self.attempt(&graph, &request, &status, cancel).await;
            match result {
                Err(error) if !cancel.is_cancelled() && mended.mend(&self.engine, &error, &status, cancel).await => {}
                other => return other,
            }
        }
    }

    /// Solves a graph once.
    async fn attempt(
        &self,
        graph: &Graph,
        request: &SolveRequest,
        status: &StatusSink,
        cancel: &CancellationToken,
    ) -> Result<Solved, SolveError> {
        let caller = Caller {
            locals: request.locals.clone(),
            layouts: request.layouts.clone(),
            secrets: request.secrets.clone(),
            sockets: request.sockets.clone(),
            allow: request.allow.clone(),
        };
        let (build, keep_failed, hints) = (request.build.clone(), request.keep_failed, request.hints.clone());
        let terms = Terms { status: Arc::clone(status), build, keep_failed, hints };
        let result = solve(&self.engine, graph, caller, terms, cancel).await;
        let engine = Arc::clone(&self.engine);
        let noted =
            move || engine.used.flush(&engine.store).map_err(|error| SolveError::new(ErrorKind::Environment, error));
        let noted = blocking(noted).await;
        let mut solved = result?;
        // Nobody else has it yet.
        if let Some(trace) = solved.trace.as_mut().and_then(Arc::get_mut) {
            trace.program = request.definition.source.clone();
        }
        noted.map(|()| solved)
    }

    /// Writes a result out. Files appear by rename, so a failed export leaves no half-written file.
    ///
    /// # Errors
    /// `ErrorKind::Step`: the destination cannot be written. `ErrorKind::Cancelled`: files that were complete are there.
    pub async fn export(
        &self,
        solved: &Solved,
        target: &ExportTarget,
        cancel: &CancellationToken,
    ) -> Result<Exported, SolveError> {
        match self.write(solved, target, cancel).await {
            Err(error) if mend::after_export(&self.engine, &error, cancel).await => {
                self.write(solved, target, cancel).await
            }
            other => other,
        }
    }

    async fn write(
        &self,
        solved: &Solved,
        target: &ExportTarget,
        cancel: &CancellationToken,
    ) -> Result<Exported, SolveError> {
        match target {
            ExportTarget::Image(image) => {
                let config =
                    remote::inline::config(&self.engine, solved, &image.config, &image.options, cancel).await?;
                export::image::export(&self.engine, solved, &ImageExport { config, ..image.clone() }, cancel).await
            }
            ExportTarget::Directory(path, options) => {
                export::files::export(&self.engine, solved, Files::Directory(path.clone()), options, cancel).await
            }
            ExportTarget::Tar(place, options) => {
                export::files::export(&self.engine, solved, Files::Tar(place.clone()), options, cancel).await
            }
        }
    }
}

impl Runtime {
    /// Writes results out as the images of one index, in the order of the variants. Nothing names the index before all of it is
    /// there.
    ///
    /// # Errors
    /// `ErrorKind::Definition`: as [`IndexExport::check`]. `ErrorKind::Step`: the destination cannot be written.
    pub async fn export_index(
        &self,
        variants: &[ImageVariant],
        target: &IndexExport,
        cancel: &CancellationToken,
    ) -> Result<Exported, SolveError> {
        let mut with_caches = variants.to_vec();
        for ImageVariant { solved, config, .. } in &mut with_caches {
            *config = remote::inline::config(&self.engine, solved, config, &target.options, cancel).await?;
        }
        export::image::export_index(&self.engine, &with_caches, target, cancel).await
    }
}

impl Runtime {
    /// How a result was made, as provenance of SLSA; none if that is not known, as of a solve that kept no trace.
    ///
    /// # Errors
    /// As those of an export with attestations.
    pub async fn provenance(
        &self,
        solved: &Solved,
        wanted: Provenance,
        cancel: &CancellationToken,
    ) -> Result<Option<serde_json::Value>, SolveError> {
        if solved.trace.is_none() {
            return Ok(None);
        }
        let wanted = Attestations { provenance: Some(wanted), sbom: None };
        let statements = attest::statements(&self.engine, solved, &[], &wanted, cancel).await?;
        let first = statements.first().and_then(|it| serde_json::from_slice::<serde_json::Value>(&it.bytes).ok());
        Ok(first.and_then(|mut statement| statement.get_mut("predicate").map(serde_json::Value::take)))
    }

    /// Writes what solves have come across into a shared cache. What cannot be written completely is told of. `None`: there were no
    /// solves, or they have failed before there was anything to write, and what is there stays.
    ///
    /// # Errors
    /// `ErrorKind::Step`: the place does not take it. `ErrorKind::Source`: a layer that is elsewhere cannot be had.
    pub async fn export_cache(
        &self,
        collected: &CacheCollector,
        target: &CacheTarget,
        status: &StatusSink,
        cancel: &CancellationToken,
    ) -> Result<Option<CacheExported>, SolveError> {
        let ended = collected.ended();
        if ended.is_empty() {
            return Ok(None);
        }
        remote::export::export(&self.engine, ended, target, status, cancel).await
    }
}

impl IndexExport {
    /// Whether an index for these platforms can be written so. To be asked before they are solved for.
    ///
    /// # Errors
    /// `ErrorKind::Definition`: a destination that takes no index, a wrong name, no platform, or one twice.
    pub fn check(&self, platforms: &[Platform]) -> Result<(), SolveError> {
        export::image::check_index(self, platforms)
    }
}

impl Entitlement {
    /// Its name in BuildKit's protocol.
    pub fn name(self) -> &'static str {
        match self {
            Self::NetworkHost => "network.host",
            Self::SecurityInsecure => "security.insecure",
        }
    }
}

/// A graph as it is reported.
pub(crate) fn shown(graph: &Graph) -> Vec<VertexInfo> {
    let digest = |at: usize| graph.vertices.get(at).map(|vertex| vertex.digest.clone());
    graph
        .vertices
        .iter()
        .map(|vertex| VertexInfo {
            digest: vertex.digest.clone(),
            name: vertex.name.clone(),
            inputs: vertex.inputs.iter().filter_map(|(at, _)| digest(*at)).collect(),
        })
        .collect()
}
