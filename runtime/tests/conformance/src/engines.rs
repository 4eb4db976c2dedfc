//! The two engines, asked in the same words.
//!
//! Owns the translation of a solve into what each takes. Must not know what a case is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hlb_agent::Lent;
use hlb_compiler::{ExportTo, Socket, Solve};
use hlb_llb::pb;
use hlb_registry::RegistryConfig;
use hlb_runtime::{
    Compression, Config, Entitlement, ExportTarget, FileOptions, Hints, ImageExport, ImageOptions, ImageTarget,
    Network, OciRuntime, Place, Runtime, SolveRequest,
};
use tokio_util::sync::CancellationToken;

/// No case takes that long.
const LIMIT: Duration = Duration::from_secs(60);

/// One graph, and what of the client it may use.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// The graph.
    pub definition: pb::Definition,
    /// Directories by name.
    pub locals: BTreeMap<String, PathBuf>,
    /// Files by id.
    pub secrets: BTreeMap<String, PathBuf>,
    /// Connections by id.
    pub sockets: BTreeMap<String, Lent>,
}

/// What becomes of its result.
#[derive(Clone, Debug)]
pub enum Product {
    /// A tar file with the tree.
    Tree,
    /// Files in a directory.
    Directory,
    /// An image, with its config as JSON.
    Image(Form, Vec<u8>),
}

/// In which form an image comes.
#[derive(Clone, Debug)]
pub enum Form {
    /// A tar file with an OCI layout.
    Oci,
    /// A tar file for `docker load`, with a name.
    Docker(String),
    /// In a Docker engine under a name.
    Loaded(String),
    /// Pushed under a name, in layers that can be used before all of them are there or not.
    Pushed(String, bool),
}

impl Work {
    /// The parts of a solve that another graph of the same program needs too.
    pub fn new(solve: &Solve, definition: pb::Definition) -> Self {
        let path = |path: &camino::Utf8PathBuf| path.as_std_path().to_owned();
        Self {
            definition,
            locals: solve.locals.iter().map(|(name, dir)| (name.clone(), path(&dir.path))).collect(),
            secrets: solve.secrets.iter().map(|(id, file)| (id.clone(), path(file))).collect(),
            sockets: solve.sockets.iter().map(|(id, socket)| (id.clone(), lent(socket))).collect(),
        }
    }
}

fn lent(socket: &Socket) -> Lent {
    match socket {
        Socket::Agent(paths) if paths.is_empty() => {
            Lent::Agent(std::env::var_os("SSH_AUTH_SOCK").unwrap_or_default().into())
        }
        Socket::Agent(paths) => Lent::Keys(paths.iter().map(|path| path.as_std_path().to_owned()).collect()),
        Socket::Unix(path) => Lent::Unix(path.as_std_path().to_owned()),
        Socket::Tcp(address) => Lent::Tcp(address.clone()),
    }
}

/// The embedded runtime.
pub struct Here {
    runtime: Runtime,
    docker: PathBuf,
}

impl Here {
    /// Opens one with its state in a directory, which loads images into the Docker engine behind a socket.
    ///
    /// # Panics
    /// If this machine cannot run steps.
    pub async fn open(directory: &Path, docker: &Path) -> Self {
        let config = Config {
            root: directory.join("state"),
            oci: OciRuntime { program: "runc".into() },
            registry: RegistryConfig::empty(),
            jobs: 4,
            network: Network::Host,
        };
        Self { runtime: Runtime::open(config).await.unwrap(), docker: docker.to_owned() }
    }

    /// Where its images come from.
    pub fn images(&self) -> &hlb_registry::Images {
        self.runtime.images()
    }

    /// Solves a graph and writes the result.
    ///
    /// # Errors
    /// What it says.
    pub async fn make(&self, work: Work, product: &Product, to: &Path) -> Result<(), String> {
        limited(async {
            let Work { definition, locals, secrets, sockets } = work;
            let allow = BTreeSet::from([Entitlement::NetworkHost, Entitlement::SecurityInsecure]);
            let layouts = BTreeMap::new();
            let (build, keep_failed, hints) = (None, false, Hints::default());
            let request =
                SolveRequest { definition, locals, secrets, sockets, layouts, allow, build, keep_failed, hints };
            let cancel = CancellationToken::new();
            let solved = self.runtime.solve(request, Arc::new(|_| ()), &cancel).await.map_err(|error| said(&error))?;
            let target = self.target(product, to);
            self.runtime.export(&solved, &target, &cancel).await.map(drop).map_err(|error| said(&error))
        })
        .await
    }

    fn target(&self, product: &Product, to: &Path) -> ExportTarget {
        let (form, config) = match product {
            Product::Tree => return ExportTarget::Tar(Place::File(to.to_owned()), FileOptions::default()),
            Product::Directory => return ExportTarget::Directory(to.to_owned(), FileOptions::default()),
            Product::Image(form, config) => (form, config),
        };
        let file = Place::File(to.to_owned());
        let (to, names, stargz) = match form {
            Form::Oci => (ImageTarget::OciTar(file), Vec::new(), false),
            Form::Docker(name) => (ImageTarget::DockerTar(file), vec![name.clone()], false),
            Form::Loaded(name) => (ImageTarget::DockerEngine(self.docker.clone()), vec![name.clone()], false),
            Form::Pushed(name, stargz) => (ImageTarget::Registry, vec![name.clone()], *stargz),
        };
        let compression = if stargz { Compression::Estargz } else { Compression::Gzip };
        let oci_types = matches!(form, Form::Oci);
        let options = ImageOptions { names, oci_types, compression, force: stargz, ..ImageOptions::default() };
        ExportTarget::Image(ImageExport { to, config: config.clone(), options })
    }
}

pub(crate) async fn limited<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let late = || format!("no end after {} s", LIMIT.as_secs());
    tokio::time::timeout(LIMIT, work).await.unwrap_or_else(|_| Err(late()))
}

/// An error with its causes, each said once.
pub(crate) fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(&format!(": {said}"));
        }
        next = cause.source();
    }
    text
}

impl Product {
    /// What an export of a program makes.
    pub fn of(to: &ExportTo, config: Vec<u8>) -> Self {
        match to {
            ExportTo::Directory(_) => Product::Directory,
            ExportTo::Tar(_) => Product::Tree,
            ExportTo::OciTar(_) => Product::Image(Form::Oci, config),
            ExportTo::DockerTar { reference, .. } => Product::Image(Form::Docker(reference.clone()), config),
            ExportTo::DockerEngine(reference) => Product::Image(Form::Loaded(reference.clone()), config),
            ExportTo::Registry { reference, stargz } => {
                Product::Image(Form::Pushed(reference.clone(), *stargz), config)
            }
        }
    }
}
