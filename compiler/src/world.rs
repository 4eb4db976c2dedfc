//! What the compiler may ask of the world outside.
//!
//! Owns the `World` trait and its plain data. The compiler does no I/O but through this trait: no clock, no environment, no
//! processes. Implemented for the operating system by `hlbc`, for editors by `hlb-ide`, in memory by `testing`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use ecow::EcoString;
use hlb_llb::pb;

use crate::consent::Consent;
use crate::image::ImageConfig;
use crate::remote::{FoundModule, ModuleRequest, Pin, PinRequest};
use crate::request::{LocalDir, Socket, Solve};
use crate::text::Text;

/// The compiler's only way out. Paths are given as the program spells them, relative ones against [`World::cwd`].
pub trait World {
    /// The text of a module.
    ///
    /// # Errors
    /// If there is no such file, it cannot be read, or it is not UTF-8.
    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError>;

    /// The same with its tree, which a world that checks many programs of the same files keeps. Its name is the path.
    ///
    /// # Errors
    /// As [`World::read_text`].
    fn text(&self, path: &Utf8Path) -> Result<Arc<Text>, WorldError> {
        self.read_text(path).map(|text| Arc::new(Text::new(path.as_str(), text)))
    }

    /// The text of a file that lies where `local` takes files from.
    ///
    /// # Errors
    /// As [`World::read_text`].
    fn read_local(&self, path: &Utf8Path) -> Result<String, WorldError> {
        self.read_text(path)
    }

    /// What stands at a path, symbolic links followed.
    ///
    /// # Errors
    /// If nothing is there or it cannot be looked at.
    fn stat(&self, path: &Utf8Path) -> Result<FileKind, WorldError>;

    /// The regular files under a directory that the patterns select (`.dockerignore` syntax with `**`; no include pattern
    /// selects all), relative to it, in path order.
    ///
    /// # Errors
    /// If the directory cannot be walked or a pattern is malformed.
    fn files(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<Vec<Utf8PathBuf>, WorldError>;

    /// A digest text that stays the same as long as the selected files under a directory do. It goes into `local.unique` and
    /// `local.sharedkeyhint`, so transfers of an unchanged directory are recognised.
    ///
    /// # Errors
    /// If the directory cannot be walked or a pattern is malformed.
    fn local_fingerprint(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<String, WorldError>;

    /// An environment variable.
    fn env(&self, key: &str) -> Option<String>;

    /// The working directory, absolute.
    ///
    /// # Errors
    /// If it is gone or not UTF-8.
    fn cwd(&self) -> Result<Utf8PathBuf, WorldError>;

    /// The user's home directory, for `~`.
    fn home(&self) -> Option<Utf8PathBuf>;

    /// The machine that compiles, in Go's names (`linux`, `amd64`).
    fn host(&self) -> Platform;

    /// A text that no other call has returned, for `ignoreCache`.
    fn unique(&self) -> String;

    /// Runs a command to its end.
    ///
    /// # Errors
    /// If it cannot be started, or this world runs nothing. An exit code other than 0 is no error here.
    fn run(&self, command: &Command) -> Result<CommandOutput, WorldError>;

    /// The config of an image whose reference is normalised (`docker.io/library/alpine:latest`). `None` if this world has no
    /// way to look; the image is then compiled without its environment, directory and user.
    ///
    /// # Errors
    /// If the image does not exist or its registry refuses.
    fn image_config(&self, reference: &str, platform: &Platform) -> Result<Option<ImageConfig>, WorldError>;

    /// The manifest of an image whose reference is normalised, for the platform or linux/amd64. `None` if this world has no way
    /// to look.
    ///
    /// # Errors
    /// If the image does not exist or its registry refuses.
    fn image_manifest(&self, reference: &str, platform: Option<&Platform>)
    -> Result<Option<ImageManifest>, WorldError>;

    /// The image that a directory with an OCI layout in it has under a name, for the platform; the only one, if the name is
    /// empty.
    ///
    /// # Errors
    /// If the directory is no OCI layout or has no such image, or this world looks into none.
    fn layout_image(&self, dir: &Utf8Path, name: &str, platform: &Platform) -> Result<LayoutImage, WorldError> {
        let _ = (dir, name, platform);
        Err(WorldError::Refused { action: "looking into an OCI layout".to_owned() })
    }

    /// Does the one export to a registry of a solve, now, and gives the digest of the image.
    ///
    /// # Errors
    /// If building or pushing fails, or this world builds nothing.
    fn publish(&self, solve: &Solve) -> Result<String, WorldError> {
        let _ = solve;
        Err(WorldError::Refused { action: "pushing an image".to_owned() })
    }

    /// Runs an external BuildKit frontend.
    ///
    /// # Errors
    /// If it cannot be had or fails, or this world builds nothing.
    fn frontend(&self, call: &FrontendCall) -> Result<FrontendResult, WorldError> {
        let _ = call;
        Err(WorldError::Refused { action: "running a frontend".to_owned() })
    }

    /// What a name that may move stands for, as it was written down or from now on is. `None` if this world pins nothing, or
    /// not this: the name is then compiled as it is.
    ///
    /// # Errors
    /// If what the name stands for cannot be told, or may not be looked up.
    fn pin(&self, wanted: &PinRequest) -> Result<Option<Pin>, WorldError> {
        let _ = wanted;
        Ok(None)
    }

    /// The files of a module that is not the client's.
    ///
    /// # Errors
    /// If it cannot be had. [`WorldError::Refused`] if this world fetches none.
    fn module(&self, wanted: &ModuleRequest<'_>) -> Result<FoundModule, WorldError> {
        let _ = wanted;
        Err(WorldError::Refused { action: "fetching a module".to_owned() })
    }

    /// Whether modules that are not at hand are fetched. Where they are not, an import that cannot be evaluated is no mistake.
    fn fetches(&self) -> bool {
        false
    }

    /// What modules of others may do while imports are evaluated. What they may do in a compilation, its `Options` say.
    fn consent(&self) -> Consent {
        Consent::none()
    }

    /// Makes a filesystem, unless it has been made, and tells what is in it.
    ///
    /// # Errors
    /// If building fails, what is asked for is not there or cannot be given, or this world builds nothing.
    fn read_result(&self, request: &ReadRequest) -> Result<ReadAnswer, WorldError> {
        Err(WorldError::Refused { action: request.what.action() })
    }

    /// Where `local` takes files from.
    fn local_origin(&self) -> LocalOrigin {
        LocalOrigin::Client
    }
}

/// Where `local` takes files from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LocalOrigin {
    /// From the machine that compiles: each directory is offered under a name of its own.
    Client,
    /// From the one directory that the client of a frontend offers under this name; paths of the program are relative to it.
    Context(String),
}

/// A call of an external frontend.
#[derive(Clone, PartialEq, Debug)]
pub struct FrontendCall {
    /// The normalised name of its image.
    pub source: String,
    /// Texts for it.
    pub opts: BTreeMap<String, String>,
    /// Filesystems for it; without ops where one is empty.
    pub inputs: BTreeMap<String, pb::Definition>,
    /// Directories of the client that the inputs read.
    pub locals: BTreeMap<String, LocalDir>,
    /// Files of the client that the inputs use as secrets.
    pub secrets: BTreeMap<String, Utf8PathBuf>,
    /// Connections of the client that the inputs use.
    pub sockets: BTreeMap<String, Socket>,
    /// OCI layouts of the client that the inputs read, by the name of their store.
    pub layouts: BTreeMap<String, Utf8PathBuf>,
    /// What the result is built for.
    pub platform: Platform,
}

/// A question about a filesystem that a build makes.
#[derive(Clone, PartialEq, Debug)]
pub struct ReadRequest {
    /// The filesystem, with all that making it needs. Its exports are not done.
    pub solve: Solve,
    /// What is asked.
    pub what: Reading,
}

/// What is asked of a built filesystem. Paths begin at its root, whether they say so or not. Symbolic links are read as a
/// process would read them that has the filesystem as its root: none leads out of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reading {
    /// The text of a regular file, links followed. At most [`MAX_TEXT`] bytes of UTF-8.
    Read {
        /// Where it is.
        path: String,
    },
    /// The paths that a pattern means, be they files, directories or links: `*`, `?`, `[a-z]` and `\` within a part, `**` across
    /// directories. Links in front of the first wildcard are followed, those behind it are found and not followed.
    Glob {
        /// A path with wildcards.
        pattern: String,
    },
    /// Whether something is at a path, links followed.
    Exists {
        /// Which.
        path: String,
    },
}

/// The longest text that [`Reading::Read`] gives, in bytes.
pub const MAX_TEXT: u64 = 16 << 20;

/// What is in a built filesystem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReadAnswer {
    /// To [`Reading::Read`].
    Text(String),
    /// To [`Reading::Glob`]: absolute paths in the order of their bytes.
    Paths(Vec<String>),
    /// To [`Reading::Exists`].
    Exists(bool),
}

impl Reading {
    /// The path or the pattern.
    pub fn place(&self) -> &str {
        match self {
            Self::Read { path } | Self::Exists { path } => path,
            Self::Glob { pattern } => pattern,
        }
    }

    /// The builtin that asks so.
    pub fn call(&self) -> &'static str {
        match self {
            Self::Read { .. } => "read",
            Self::Glob { .. } => "glob",
            Self::Exists { .. } => "exists",
        }
    }

    /// What a world refuses that builds nothing.
    pub fn action(&self) -> String {
        format!("reading a build's result with `{}`", self.call())
    }
}

/// What an external frontend made.
#[derive(Clone, PartialEq, Debug)]
pub struct FrontendResult {
    /// The graph of the filesystem; without ops if it is empty.
    pub definition: pb::Definition,
    /// The config of the image that it is, if the frontend said one.
    pub config: Option<ImageConfig>,
}

/// Why the world did not answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WorldError {
    /// Nothing is at the path.
    #[error("no such file or directory: {path}")]
    NotFound {
        /// The path as it was asked for.
        path: Utf8PathBuf,
    },
    /// Something is there but cannot be used.
    #[error("{path}: {reason}")]
    Unreadable {
        /// The path as it was asked for.
        path: Utf8PathBuf,
        /// Why.
        reason: String,
    },
    /// This world does not do such things (an editor runs no commands).
    #[error("{action} is not possible here")]
    Refused {
        /// What was asked for, as a noun phrase.
        action: String,
    },
    /// Something outside that cannot be had, with what to do about it.
    #[error("{reason}")]
    Unavailable {
        /// What, and why.
        reason: String,
        /// What to do next; starts with a verb.
        advice: String,
    },
    /// A name that the lock file does not hold, where that may not change.
    #[error("`{entry}` is not in hlb.lock, and `--locked` adds nothing")]
    NotLocked {
        /// The name.
        entry: String,
    },
    /// Anything else, in its own words.
    #[error("{0}")]
    Other(String),
}

/// What stands at a path.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A device, a socket, …
    Other,
}

/// A platform in Go's names.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Platform {
    /// `linux`, …
    pub os: EcoString,
    /// `amd64`, `arm64`, …
    pub architecture: EcoString,
    /// `v7`, …; mostly empty.
    pub variant: EcoString,
}

impl Platform {
    /// A platform without a variant.
    pub fn new(os: impl Into<EcoString>, architecture: impl Into<EcoString>) -> Self {
        Self { os: os.into(), architecture: architecture.into(), variant: EcoString::new() }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if self.variant.is_empty() { Ok(()) } else { write!(f, "/{}", self.variant) }
    }
}

/// A command to run on the machine that compiles.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Command {
    /// Program and arguments; never empty.
    pub args: Vec<String>,
    /// Where it runs.
    pub dir: Utf8PathBuf,
}

/// What a command left behind.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CommandOutput {
    /// Its exit code; 128 + n if signal n ended it.
    pub exit_code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
    /// Both in the order in which they arrived.
    pub combined: String,
}

/// An image of an OCI layout.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LayoutImage {
    /// Digest of its index, or of its manifest where there is no index.
    pub digest: String,
    /// Its config for the platform, if it can be read.
    pub config: Option<ImageConfig>,
}

/// An image as its registry describes it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ImageManifest {
    /// Digest of the index, or of the manifest where there is no index.
    pub digest: String,
    /// The manifest for the platform, as JSON.
    pub manifest: String,
    /// The image config, as JSON.
    pub config: String,
    /// The index as JSON, if there is one.
    pub index: Option<String>,
}
