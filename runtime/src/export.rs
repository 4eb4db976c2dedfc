//! What a build leaves outside the store.
//!
//! One module for each form. Those for files read a mounted tree, those for images the layers; what is mounted and where the
//! result shall go is the caller's.

mod archive;
mod destination;
pub(crate) mod early;
mod engine;
pub(crate) mod files;
pub(crate) mod image;
mod index;
pub(crate) mod layers;
pub(crate) mod local;
mod loopback;
pub(crate) mod manifest;
pub(crate) mod options;
pub(crate) mod push;
mod tar;

use std::io;
use std::path::{Component, Path, PathBuf};

use crate::tree::{Entry, Timestamp, TreeError};

/// What was written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Exported {
    /// Files, directories and links.
    pub(crate) entries: usize,
    /// Of the data of regular files.
    pub(crate) bytes: u64,
    /// Files of the tree that have no place in the result, such as devices in a directory of the user's.
    pub(crate) skipped: Vec<PathBuf>,
}

/// How files come to look when they are written out.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Look<'a> {
    /// Seconds since 1970 that all of them are from.
    pub(crate) epoch: Option<u64>,
    /// A directory that all of them are put into.
    pub(crate) folder: Option<&'a str>,
    /// Small files that come to them, with their names.
    pub(crate) more: &'a [(String, Vec<u8>)],
}

impl Look<'_> {
    /// The one time of all.
    fn epoch(&self) -> Option<Timestamp> {
        self.epoch.map(|epoch| Timestamp { seconds: i64::try_from(epoch).unwrap_or(i64::MAX), nanos: 0 })
    }

    fn timestamp(&self, entry: &Entry) -> Timestamp {
        self.epoch().unwrap_or(entry.mtime)
    }

    /// The directory for all of them, which is one in the destination and nowhere else.
    fn folder(&self) -> Result<Option<&str>, ExportError> {
        let Some(folder) = self.folder else { return Ok(None) };
        let mut parts = Path::new(folder).components();
        match (parts.next(), parts.next()) {
            (Some(Component::Normal(name)), None) if name == folder => Ok(Some(folder)),
            _ => Err(ExportError::Folder { folder: folder.to_owned() }),
        }
    }

    fn place(&self, path: &Path) -> PathBuf {
        self.folder.map_or_else(|| path.to_owned(), |folder| Path::new(folder).join(path))
    }
}

/// Tells whether whoever wanted the result still wants it.
pub(crate) type Stop<'a> = &'a (dyn Fn() -> bool + Sync);

/// A result that could not be written. What was begun of a file is gone again.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ExportError {
    #[error("cannot write to `{}`: the disk is full", path.display())]
    Full { path: PathBuf },
    #[error("cannot write to `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
    #[error("`{}` exists and is not a directory", path.display())]
    NotDirectory { path: PathBuf },
    #[error("`{}` is a directory and is not replaced by a file: remove it first", path.display())]
    IsDirectory { path: PathBuf },
    #[error("the folder `{folder}` for the files is not the name of one directory")]
    Folder { folder: String },
    #[error("`{}` is no index of an OCI layout: {reason}", path.display())]
    Index { path: PathBuf, reason: String },
    #[error("the export was cancelled")]
    Cancelled,
    #[error(transparent)]
    Tree(#[from] TreeError),
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> ExportError + '_ {
    move |source| match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ExportError::Full { path: path.to_owned() },
        _ => ExportError::Write { path: path.to_owned(), source },
    }
}
