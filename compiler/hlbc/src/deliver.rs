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
    Attestations, Build, Compression, DebugRequest, Entitlement, ExportTarget, FileOptions, Hints, ImageExport,
    ImageOptions, ImageTarget, IndexExport, Place, SolveError, SolveRequest,
};

use crate::config::is_offline;
use crate::image;
use crate::output::{HOLDS_NONE, ImagePlace, OutputTo};

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
    /// Seconds since 1970 that nothing of a build is later than.
    pub(crate) epoch: Option<u64>,
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
        hlb_runtime::Outside { secrets: self.secrets, sockets: self.sockets, repositories, offline: is_offline() }
    }

    /// A graph to solve that may use all of this.
    pub(crate) fn request(&self, definition: pb::Definition, terms: &Terms) -> SolveRequest {
        let Self { locals, layouts, secrets, sockets } = self.clone();
        let Terms { allow, build, keep_failed, mut hints, attestations, epoch: _ } = terms.clone();
        hints.trace |= !attestations.is_empty();
        SolveRequest { definition, locals, layouts, secrets, sockets, allow, build, keep_failed, hints }
    }
}

/// Where an export of a program goes. `epoch` is the latest time of all.
pub(crate) fn target(to: ExportTo, config: &ImageConfig, epoch: Option<u64>) -> ExportTarget {
    let files = FileOptions { epoch, ..FileOptions::default() };
    match to {
        ExportTo::Directory(path) => ExportTarget::Directory(path.into_std_path_buf(), files),
        ExportTo::Tar(path) => ExportTarget::Tar(file(path), files),
        to => {
            let is_archive = matches!(to, ExportTo::OciTar(_));
            let (to, options) = image_target(to, epoch);
            let options = ImageOptions { oci_types: is_archive, ..options };
            ExportTarget::Image(ImageExport { to, config: image::to_json(config), options })
        }
    }
}

/// The same with something said of what goes there.
///
/// # Errors
/// If it is Docker's.
pub(crate) fn attested(target: ExportTarget, wanted: &Attestations) -> Result<ExportTarget, SolveError> {
    let files = |options: FileOptions| FileOptions { attestations: wanted.clone().at(options.epoch), ..options };
    Ok(match target {
        ExportTarget::Directory(path, options) => ExportTarget::Directory(path, files(options)),
        ExportTarget::Tar(place, options) => ExportTarget::Tar(place, files(options)),
        ExportTarget::Image(ImageExport { to, config, options }) => {
            let options = attested_image(&to, options, wanted)?;
            ExportTarget::Image(ImageExport { to, config, options })
        }
    })
}

/// What is chosen of an image, and that something is said of it.
///
/// # Errors
/// As [`attested`].
pub(crate) fn attested_image(
    to: &ImageTarget,
    options: ImageOptions,
    wanted: &Attestations,
) -> Result<ImageOptions, SolveError> {
    if let ImageTarget::DockerTar(_) | ImageTarget::DockerEngine(_) = to
        && !wanted.is_empty()
    {
        return Err(SolveError::refusal(format!("{HOLDS_NONE}: write an OCI archive, or push the image")));
    }
    Ok(ImageOptions { attestations: wanted.clone().at(options.epoch), ..options })
}

/// Where an index of images goes.
///
/// # Errors
/// If only files go there.
pub(crate) fn index_target(to: ExportTo, epoch: Option<u64>) -> Result<IndexExport, SolveError> {
    let files = |place: &str| {
        SolveError::refusal(format!(
            "{place} takes the files of one filesystem, and not an image for several platforms"
        ))
    };
    match to {
        ExportTo::Directory(_) => Err(files("a directory")),
        ExportTo::Tar(_) => Err(files("a tar file")),
        to => {
            let (to, options) = image_target(to, epoch);
            Ok(IndexExport { to, options: ImageOptions { oci_types: true, ..options } })
        }
    }
}

fn image_target(to: ExportTo, epoch: Option<u64>) -> (ImageTarget, ImageOptions) {
    let usual = ImageOptions { epoch, rewrite: epoch.is_some(), ..ImageOptions::default() };
    let named = |reference| ImageOptions { names: vec![reference], ..usual.clone() };
    match to {
        ExportTo::OciTar(path) | ExportTo::Directory(path) | ExportTo::Tar(path) => {
            (ImageTarget::OciTar(file(path)), usual)
        }
        ExportTo::DockerTar { path, reference } => (ImageTarget::DockerTar(file(path)), named(reference)),
        ExportTo::DockerEngine(reference) => (ImageTarget::DockerEngine(docker_socket()), named(reference)),
        // All layers, or none can be used before it is there.
        ExportTo::Registry { reference, stargz: true } => {
            let (compression, force) = (Compression::Estargz, true);
            (ImageTarget::Registry, ImageOptions { compression, force, ..named(reference) })
        }
        ExportTo::Registry { reference, stargz: false } => (ImageTarget::Registry, named(reference)),
    }
}

fn file(path: Utf8PathBuf) -> Place {
    Place::File(path.into_std_path_buf())
}

/// Where an output of the command line goes.
pub(crate) fn output(to: OutputTo, config: &ImageConfig) -> ExportTarget {
    let files = |split: bool, options: FileOptions| {
        let folder = split.then(|| folder([&config.os, &config.architecture, &config.variant]));
        FileOptions { folder: folder.filter(|folder| !folder.is_empty()), ..options }
    };
    match to {
        OutputTo::Directory { path, split, options } => ExportTarget::Directory(path, files(split, options)),
        OutputTo::Tar { place, split, options } => ExportTarget::Tar(place, files(split, options)),
        OutputTo::Image { place, options } => {
            let to = match place {
                ImagePlace::OciTar(place) => ImageTarget::OciTar(place),
                ImagePlace::OciDirectory(path) => ImageTarget::OciDirectory(path),
                ImagePlace::DockerTar(place) => ImageTarget::DockerTar(place),
                ImagePlace::DockerEngine => ImageTarget::DockerEngine(docker_socket()),
                ImagePlace::Registry => ImageTarget::Registry,
                ImagePlace::Store => ImageTarget::Store,
            };
            ExportTarget::Image(ImageExport { to, config: image::to_json(config), options })
        }
    }
}

/// The name of the folder for a platform. What is said of it is from the base image, whoever made that: no character leads
/// out of the destination.
fn folder(parts: [&String; 3]) -> String {
    let parts: Vec<&str> = parts.into_iter().map(String::as_str).filter(|part| !part.is_empty()).collect();
    parts.join("_").replace(|it: char| !it.is_ascii_alphanumeric() && it != '_' && it != '-', "-")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_one_plain_name() {
        let of = |parts: [&str; 3]| {
            let [os, architecture, variant] = parts.map(str::to_owned);
            folder([&os, &architecture, &variant])
        };
        assert_eq!(of(["linux", "arm", "v7"]), "linux_arm_v7");
        assert_eq!(of(["linux", "amd64", ""]), "linux_amd64");
        assert_eq!(of(["../..", "/etc", "ä\0"]), "-----_-etc_--");
        assert_eq!(of(["..", "", ""]), "--");
        assert_eq!(of(["", "", ""]), "");
    }
}
