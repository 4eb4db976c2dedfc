//! Modules of others in the state directory.
//!
//! ```text
//!   <state>/modules/git/<commit>/      the files of a commit
//!   <state>/modules/fs/<hex>/          the files of a filesystem, by the digest of its graph
//!   <state>/modules/fs/<hex>-<hex>/    the same, where the graph does not say what is in them
//! ```
//!
//! Owns that a directory is complete when it is there: it appears by rename, and never changes after that.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use camino::Utf8PathBuf;
use hlb_compiler::{ModuleKind, WorldError};

use crate::tree;

/// Where modules are kept.
#[derive(Debug)]
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    pub(crate) fn new(state: &Path) -> Self {
        Self { root: state.join("modules") }
    }

    /// A module that was kept.
    pub(crate) fn find(&self, kind: ModuleKind, id: &str) -> Option<Utf8PathBuf> {
        let place = self.place(kind, hex(id));
        place.is_dir().then_some(place).and_then(|place| Utf8PathBuf::from_path_buf(place).ok())
    }

    /// Keeps what `make` writes into the directory that it is given. If the id does not say what that is, it is kept beside what
    /// other times have given.
    pub(crate) fn keep(
        &self,
        kind: ModuleKind,
        id: &str,
        is_certain: bool,
        make: impl FnOnce(&Path) -> Result<(), WorldError>,
    ) -> Result<Utf8PathBuf, WorldError> {
        let unusable = |error: io::Error| {
            WorldError::Other(format!("modules cannot be kept in `{}`: {error}", self.root.display()))
        };
        fs::create_dir_all(self.root.join(kind.name())).map_err(unusable)?;
        let unfinished = tempfile::Builder::new().prefix(".new-").tempdir_in(&self.root).map_err(unusable)?;
        let made = unfinished.path().join("files");
        fs::create_dir(&made).map_err(unusable)?;
        make(&made)?;
        let name = if is_certain {
            hex(id).to_owned()
        } else {
            let content = tree::digest(&made).map_err(unusable)?;
            format!("{}-{}", hex(id), content.hex())
        };
        let place = self.place(kind, &name);
        match fs::rename(&made, &place) {
            Ok(()) => {}
            // Another command was faster.
            Err(_) if place.is_dir() => {}
            Err(error) => return Err(unusable(error)),
        }
        Utf8PathBuf::from_path_buf(place)
            .map_err(|place| WorldError::Other(format!("the state directory `{}` is not UTF-8", place.display())))
    }

    fn place(&self, kind: ModuleKind, name: &str) -> PathBuf {
        self.root.join(kind.name()).join(name)
    }
}

/// An id as the name of a directory.
pub(crate) fn hex(id: &str) -> &str {
    id.strip_prefix("sha256:").unwrap_or(id)
}
