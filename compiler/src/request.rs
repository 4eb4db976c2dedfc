//! What a program asks for: solves, beside or after one another.
//!
//! Owns the data that a backend runs. Knows nothing of evaluation.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_llb::pb;

use crate::codes;
use crate::image::ImageConfig;
use crate::world::Platform;

/// Work to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// Nothing.
    Nil,
    /// One graph to solve.
    Solve(Box<Solve>),
    /// All at once; the first failure ends the others.
    Parallel(Vec<Request>),
    /// One after the other.
    Sequential(Vec<Request>),
}

/// One graph to solve, with what it needs from the client.
#[derive(Clone, Debug, PartialEq)]
pub struct Solve {
    /// The graph; without ops if the result is the empty filesystem.
    pub definition: pb::Definition,
    /// What to write out, in this order, before this solve counts as done.
    pub exports: Vec<Export>,
    /// Directories of the client by the name that `local://` sources use.
    pub locals: BTreeMap<String, LocalDir>,
    /// Files of the client by the id that secret mounts use.
    pub secrets: BTreeMap<String, Utf8PathBuf>,
    /// Connections of the client by the id that SSH mounts use.
    pub sockets: BTreeMap<String, Socket>,
    /// Directories of the client with OCI layouts in them, by the name that `oci.store` of `oci-layout://` sources has.
    pub layouts: BTreeMap<String, Utf8PathBuf>,
    /// The config of the result, were it an image.
    pub image: ImageConfig,
    /// The target that asked for it.
    pub name: String,
}

impl Solve {
    /// What is wrong if this is to answer a client that writes results out itself, as those of a frontend do.
    pub fn writes(&self) -> Option<Diagnostic> {
        let export = self.exports.first()?;
        let message = "a frontend writes nothing out: that is up to the client";
        let help = "use `--output` or `--tag` of the client, and build a target without this call";
        Some(Diagnostic::error(codes::FRONTEND_EXPORT, export.at, message).help(help))
    }
}

/// A directory that the client serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDir {
    /// Where it is, as the program spells it, relative to the working directory.
    pub path: Utf8PathBuf,
}

/// A connection that the client lends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Socket {
    /// An SSH agent: the running one (of `SSH_AUTH_SOCK`) if there are no paths, else that behind the one socket, or one that
    /// holds the keys of the files.
    Agent(Vec<Utf8PathBuf>),
    /// A unix socket of the client.
    Unix(Utf8PathBuf),
    /// A port, as `host:port`, that the client can reach.
    Tcp(String),
}

/// Filesystems to write out. What they need of the client is in the [`Solve`] that carries them.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// What is written.
    pub content: Content,
    /// Where it goes.
    pub to: ExportTo,
    /// The call that asked for it.
    pub at: Location,
}

/// What an export writes.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// One filesystem, or the image that it is.
    One(Box<Variant>),
    /// One image for several platforms, in this order: an index of the images of each, also where there is but one. Each platform
    /// is there once. Only images can be written so, and not for Docker's own archives and engine.
    Index(Vec<Variant>),
}

/// A filesystem, and the image that it becomes where it becomes one.
#[derive(Clone, Debug, PartialEq)]
pub struct Variant {
    /// The graph; without ops if the filesystem is empty.
    pub definition: pb::Definition,
    /// The config of the image; its platform is filled in.
    pub image: ImageConfig,
    /// What it runs on, as an index says it.
    pub platform: Platform,
}

/// Where an export goes; paths are relative to the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportTo {
    /// Files into a directory.
    Directory(Utf8PathBuf),
    /// A tar file.
    Tar(Utf8PathBuf),
    /// An image as a tar file with an OCI layout in it.
    OciTar(Utf8PathBuf),
    /// An image as a tar file that `docker load` takes.
    DockerTar {
        /// Where it goes.
        path: Utf8PathBuf,
        /// The normalised name of the image.
        reference: String,
    },
    /// An image in the Docker engine of the client, by its normalised name.
    DockerEngine(String),
    /// An image in a registry.
    Registry {
        /// The normalised name of the image.
        reference: String,
        /// Layers that can be used before all of them are there (eStargz).
        stargz: bool,
    },
}

impl Export {
    /// The filesystems, in order.
    pub fn variants(&self) -> &[Variant] {
        match &self.content {
            Content::One(one) => std::slice::from_ref(one),
            Content::Index(all) => all,
        }
    }
}

impl Request {
    pub(crate) fn parallel(parts: Vec<Request>) -> Self {
        Self::join(
            parts,
            |request| match request {
                Request::Parallel(parts) => Ok(parts),
                other => Err(other),
            },
            Request::Parallel,
        )
    }

    pub(crate) fn sequential(parts: Vec<Request>) -> Self {
        Self::join(
            parts,
            |request| match request {
                Request::Sequential(parts) => Ok(parts),
                other => Err(other),
            },
            Request::Sequential,
        )
    }

    /// Drops what is nil, dissolves parts of the same form, and unwraps a single part.
    fn join(
        parts: Vec<Request>,
        dissolve: impl Fn(Request) -> Result<Vec<Request>, Request>,
        wrap: impl Fn(Vec<Request>) -> Request,
    ) -> Self {
        let mut joined = Vec::new();
        for part in parts {
            match dissolve(part) {
                Ok(inner) => joined.extend(inner),
                Err(Request::Nil) => {}
                Err(other) => joined.push(other),
            }
        }
        if joined.len() > 1 { wrap(joined) } else { joined.pop().unwrap_or(Request::Nil) }
    }
}
