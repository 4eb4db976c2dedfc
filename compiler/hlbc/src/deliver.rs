//! What a build takes from this machine and what it brings to it, in the words of the runtime.
//!
//! Owns the translation of the compiler's requests. Does nothing itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use camino::Utf8PathBuf;
use hlb_agent::Lent;
use hlb_compiler::{ExportTo, ImageConfig, LocalDir, Request, Socket, Solve, Variant};
use hlb_llb::pb;
use hlb_registry::Platform;
use hlb_runtime::{
    Attestations, Build, DebugRequest, Entitlement, ExportTarget, Hints, ImageExport, ImageTarget, IndexExport,
    SolveError, SolveRequest,
};

use crate::image;

/// Why nothing is said of images for Docker.
pub(crate) const HOLDS_NONE: &str = "images for Docker hold no attestations";

/// Directories, secrets and connections that a build may use.
#[derive(Clone, Default, Debug)]
pub(crate) struct Lendings {
    locals: BTreeMap<String, PathBuf>,
    secrets: BTreeMap<String, PathBuf>,
    layouts: BTreeMap<String, PathBuf>,
    sockets: BTreeMap<String, Lent>,
}

/// How things are built, whatever they are.
#[derive(Clone, Default, Debug)]
pub(crate) struct Terms {
    /// What steps may do beyond the usual.
    pub(crate) allow: BTreeSet<Entitlement>,
    /// Where it is recorded, if it is.
    pub(crate) build: Option<Build>,
    /// Whether the files of a step that fails are kept.
    pub(crate) keep_failed: bool,
    /// What helps to build it faster.
    pub(crate) hints: Hints,
    /// What is said of each result.
    pub(crate) attestations: Attestations,
}

impl Lendings {
    /// What a solve may use.
    pub(crate) fn of(solve: &Solve) -> Self {
        Self::new(&solve.locals, &solve.layouts, &solve.secrets, &solve.sockets)
    }

    pub(crate) fn new(
        locals: &BTreeMap<String, LocalDir>,
        layouts: &BTreeMap<String, Utf8PathBuf>,
        secrets: &BTreeMap<String, Utf8PathBuf>,
        sockets: &BTreeMap<String, Socket>,
    ) -> Self {
        let paths = |all: &BTreeMap<String, Utf8PathBuf>| {
            all.iter().map(|(name, path)| (name.clone(), path.as_std_path().to_owned())).collect()
        };
        Self {
            locals: locals.iter().map(|(name, dir)| (name.clone(), dir.path.as_std_path().to_owned())).collect(),
            layouts: paths(layouts),
            secrets: paths(secrets),
            sockets: sockets.iter().map(|(id, socket)| (id.clone(), lent(socket))).collect(),
        }
    }

    /// What all steps of a request may use.
    pub(crate) fn of_request(request: &Request) -> Self {
        match request {
            Request::Nil => Self::default(),
            Request::Solve(solve) => Self::of(solve),
            Request::Sequential(parts) | Request::Parallel(parts) => {
                parts.iter().map(Self::of_request).fold(Self::default(), |mut all, part| {
                    all.secrets.extend(part.secrets);
                    all.sockets.extend(part.sockets);
                    all
                })
            }
        }
    }

    /// What somebody may use who looks around where a step failed.
    pub(crate) fn debug(self, command: Option<Vec<String>>, terminal: Option<String>) -> DebugRequest {
        DebugRequest { command, terminal, secrets: self.secrets, sockets: self.sockets }
    }

    /// What one source may use.
    pub(crate) fn of_source(lent: &hlb_compiler::Lent) -> Self {
        Self::new(&BTreeMap::new(), &BTreeMap::new(), &lent.secrets, &lent.sockets)
    }

    /// What sources may use that are looked at without being built.
    pub(crate) fn sources(self, repositories: PathBuf) -> hlb_runtime::Outside {
        hlb_runtime::Outside { secrets: self.secrets, sockets: self.sockets, repositories }
    }

    /// A graph to solve that may use all of this.
    pub(crate) fn request(&self, definition: pb::Definition, terms: &Terms) -> SolveRequest {
        let Self { locals, layouts, secrets, sockets } = self.clone();
        let Terms { allow, build, keep_failed, mut hints, attestations } = terms.clone();
        hints.trace |= !attestations.is_empty();
        SolveRequest { definition, locals, layouts, secrets, sockets, allow, build, keep_failed, hints }
    }
}

/// Where an export goes.
pub(crate) fn target(to: ExportTo, config: &ImageConfig) -> ExportTarget {
    let image = |to: ImageTarget, names: Vec<String>| ImageExport {
        to,
        names,
        config: image::to_json(config),
        oci_types: false,
        stargz: false,
    };
    match to {
        ExportTo::Directory(path) => ExportTarget::Directory(path.into_std_path_buf()),
        ExportTo::Tar(path) => ExportTarget::Tar(path.into_std_path_buf()),
        ExportTo::OciTar(path) => ExportTarget::Image(ImageExport {
            oci_types: true,
            ..image(ImageTarget::OciTar(path.into_std_path_buf()), Vec::new())
        }),
        ExportTo::DockerTar { path, reference } => {
            ExportTarget::Image(image(ImageTarget::DockerTar(path.into_std_path_buf()), vec![reference]))
        }
        ExportTo::DockerEngine(reference) => {
            ExportTarget::Image(image(ImageTarget::DockerEngine(docker_socket()), vec![reference]))
        }
        // Layers of eStargz need annotations, which Docker's manifests do not have.
        ExportTo::Registry { reference, stargz } => ExportTarget::Image(ImageExport {
            oci_types: stargz,
            stargz,
            ..image(ImageTarget::Registry, vec![reference])
        }),
    }
}

/// Whether what is said of a result can go with it.
///
/// # Errors
/// If that is for Docker, which keeps images one by one.
pub(crate) fn holds(to: &ExportTo, attestations: &Attestations) -> Result<(), SolveError> {
    match to {
        ExportTo::DockerTar { .. } | ExportTo::DockerEngine(_) if !attestations.is_empty() => {
            Err(SolveError::refusal(format!("{HOLDS_NONE}: write an OCI archive, or push the image")))
        }
        _ => Ok(()),
    }
}

/// Where an index of images goes.
///
/// # Errors
/// If only files go there.
pub(crate) fn index_target(to: ExportTo) -> Result<IndexExport, SolveError> {
    let index = |to: ImageTarget, names: Vec<String>, stargz: bool| IndexExport { to, names, oci_types: true, stargz };
    let files = |place: &str| {
        SolveError::refusal(format!(
            "{place} takes the files of one filesystem, and not an image for several platforms"
        ))
    };
    Ok(match to {
        ExportTo::Directory(_) => return Err(files("a directory")),
        ExportTo::Tar(_) => return Err(files("a tar file")),
        ExportTo::OciTar(path) => index(ImageTarget::OciTar(path.into_std_path_buf()), Vec::new(), false),
        ExportTo::DockerTar { path, reference } => {
            index(ImageTarget::DockerTar(path.into_std_path_buf()), vec![reference], false)
        }
        ExportTo::DockerEngine(reference) => index(ImageTarget::DockerEngine(docker_socket()), vec![reference], false),
        ExportTo::Registry { reference, stargz } => index(ImageTarget::Registry, vec![reference], stargz),
    })
}

/// What an image of an index runs on.
pub(crate) fn platform(variant: &Variant) -> Platform {
    let hlb_compiler::Platform { os, architecture, variant } = &variant.platform;
    Platform::new(os, architecture, variant)
}

fn lent(socket: &Socket) -> Lent {
    match socket {
        Socket::Agent(paths) => match paths.as_slice() {
            [] => Lent::Agent(std::env::var_os("SSH_AUTH_SOCK").map(PathBuf::from).unwrap_or_default()),
            [path] if is_socket(path) => Lent::Agent(path.as_std_path().to_owned()),
            paths => Lent::Keys(paths.iter().map(|path| path.as_std_path().to_owned()).collect()),
        },
        Socket::Unix(path) => Lent::Unix(path.as_std_path().to_owned()),
        Socket::Tcp(address) => Lent::Tcp(address.clone()),
    }
}

fn is_socket(path: &Utf8PathBuf) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|found| found.file_type().is_socket())
}

/// The socket of the Docker engine: that of `DOCKER_HOST` if it names one. What is no socket there is taken as one all the same:
/// an error that names it is better than an image in another engine.
fn docker_socket() -> PathBuf {
    let named = std::env::var_os("DOCKER_HOST").filter(|host| !host.is_empty());
    let Some(named) = named else { return "/var/run/docker.sock".into() };
    named.to_str().and_then(|host| host.strip_prefix("unix://")).map_or_else(|| PathBuf::from(&named), PathBuf::from)
}
