//! What a program asks for: solves, beside or after one another.
//!
//! Owns the data that a backend runs. Knows nothing of evaluation.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use hlb_language::diagnostic::Location;
use hlb_llb::pb;

use crate::image::ImageConfig;

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
    /// What to write to the client's disk, in this order, before this solve counts as done.
    pub exports: Vec<Export>,
    /// Directories of the client by the name that `local://` sources use.
    pub locals: BTreeMap<String, LocalDir>,
    /// Files of the client by the id that secret mounts use.
    pub secrets: BTreeMap<String, Utf8PathBuf>,
    /// The config of the result, were it an image.
    pub image: ImageConfig,
    /// The target that asked for it.
    pub name: String,
}

/// A directory that the client serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LocalDir {
    /// Where it is, as the program spells it, relative to the working directory.
    pub path: Utf8PathBuf,
}

/// A filesystem to write to the client's disk.
#[derive(Clone, Debug, PartialEq)]
pub struct Export {
    /// The graph of the filesystem; without ops if it is empty. Its locals and secrets are in the [`Solve`] that carries it.
    pub definition: pb::Definition,
    /// Where it goes.
    pub to: ExportTo,
    /// The call that asked for it.
    pub at: Location,
}

/// Where an export goes, relative to the working directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExportTo {
    /// Files into a directory.
    Directory(Utf8PathBuf),
    /// A tar file.
    Tar(Utf8PathBuf),
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
