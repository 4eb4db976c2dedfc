//! Opening a state directory.
//!
//! Owns the directory's shape and format version; the parts are in the other modules.

use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::blob::Blobs;
use crate::cache::Cache;
use crate::facts::Facts;
use crate::layer::{LayerError, LayerId, Layers};
use crate::lease;
use crate::meta::{Meta, MetaError};
use crate::session::{self, Session};
use crate::{claim, durable, spare};

/// The version of the directory's format. It changes when an older program would misread the directory; new tables only
/// change the version of the schema.
pub const FORMAT: u32 = 1;

/// A state directory that is open. Clones are the same opening, and its leases keep it open; the last of them to go takes the
/// session directory with it.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(crate) struct Inner {
    pub(crate) root: PathBuf,
    pub(crate) meta: Meta,
    pub(crate) session: Session,
    /// The id of the running kernel.
    pub(crate) boot: String,
}

/// A state directory cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A file or directory in it cannot be made, read or removed.
    #[error("the state directory `{root}` is not usable: cannot {action} `{path}`")]
    Io {
        /// The state directory.
        root: PathBuf,
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it did not work.
        #[source]
        source: io::Error,
    },
    /// The `version` file holds something else.
    #[error("the state directory `{root}` is not usable: its `version` file holds `{found}`, not a number")]
    NotAVersion {
        /// The state directory.
        root: PathBuf,
        /// What the file holds.
        found: String,
    },
    /// A newer program made it.
    #[error(
        "the state directory `{root}` has format {found}, this program knows {FORMAT}: use the newer program or another directory"
    )]
    Newer {
        /// The state directory.
        root: PathBuf,
        /// Its format.
        found: u32,
    },
    /// The database cannot be opened.
    #[error("the state directory `{root}` is not usable")]
    Meta {
        /// The state directory.
        root: PathBuf,
        /// Why not.
        #[source]
        source: MetaError,
    },
    /// Layers that a crash left cannot be removed.
    #[error("the state directory `{root}` cannot be cleaned")]
    Layers {
        /// The state directory.
        root: PathBuf,
        /// Why not.
        #[source]
        source: LayerError,
    },
}

impl Store {
    /// Opens a state directory, making it if need be.
    ///
    /// # Errors
    /// When it cannot be written or belongs to a newer program.
    pub fn open(root: &Path) -> Result<Self, OpenError> {
        Self::open_with(root, &mut |_| {})
    }

    /// Opens a state directory. `on_dead` is called with the directory of each session whose process died, before it is
    /// removed: what that process left elsewhere (control groups, containers) can be found from it.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn open_with(root: &Path, on_dead: &mut dyn FnMut(&Path)) -> Result<Self, OpenError> {
        let opened = match Self::open_once(root, on_dead) {
            Err(error) if spare::spend(root, &error) => Self::open_once(root, on_dead),
            other => other,
        };
        opened.inspect(|store| spare::keep(store.root()))
    }

    fn open_once(root: &Path, on_dead: &mut dyn FnMut(&Path)) -> Result<Self, OpenError> {
        let fail = |action, path: &Path, source| OpenError::Io {
            root: root.to_owned(),
            action,
            path: path.to_owned(),
            source,
        };
        make_dir(root).map_err(|error| fail("create", root, error))?;
        // A relative root would change its meaning with the working directory.
        let root = &root.canonicalize().map_err(|error| fail("find", root, error))?;
        let lock = session::lock_store(root).map_err(|error| fail("lock", &root.join("lock"), error))?;
        check_version(root)?;
        for folder in ["blobs/sha256", "layers", "cache-mounts", "sessions"] {
            let path = root.join(folder);
            make_dir(&path).map_err(|error| fail("create", &path, error))?;
        }
        let meta =
            Meta::open(&root.join("meta.db")).map_err(|source| OpenError::Meta { root: root.clone(), source })?;
        let sessions = root.join("sessions");
        let dead = session::dead(root).map_err(|error| fail("look through", &sessions, error))?;
        let session = Session::create(root, LayerId::random().as_str())
            .map_err(|error| fail("create a session in", &sessions, error))?;
        drop(lock);
        let store = Self { inner: Arc::new(Inner { root: root.clone(), meta, session, boot: durable::boot_id() }) };
        if !dead.is_empty() {
            claim::sweep(root).map_err(|error| fail("clean", &root.join("claims"), error))?;
        }
        let unsynced = store.forget_unsynced().map_err(|source| OpenError::Meta { root: root.clone(), source })?;
        for session in &dead {
            // Its lock is ours now, so it looks alive to whoever asks who uses what.
            lease::forget(&session.dir).map_err(|error| fail("clean", &session.dir, error))?;
        }
        // Before the dead sessions go: if this process dies meanwhile, they tell the next one to look again.
        let anyway = unsynced || !dead.is_empty();
        store.sweep(anyway).map_err(|source| OpenError::Layers { root: root.clone(), source })?;
        for session in dead {
            on_dead(&session.dir);
            session::remove(root, &session.dir).map_err(|error| fail("remove", &session.dir, error))?;
        }
        Ok(store)
    }

    /// Puts a database aside that is damaged, and begins an empty one, unless somebody has done that. What is in use stays; the
    /// rest is removed when the directory is opened the next time.
    ///
    /// # Errors
    /// When it cannot be put aside.
    pub fn heal(&self) -> Result<(), OpenError> {
        let root = || self.root().to_owned();
        let path = self.root().join("lock");
        let _lock = session::lock_store(self.root()).map_err(|source| OpenError::Io {
            root: root(),
            action: "lock",
            path,
            source,
        })?;
        self.inner.meta.heal().map_err(|source| OpenError::Meta { root: root(), source })
    }

    /// Where a database was put that was found damaged since the store was opened, if one was.
    pub fn damaged(&self) -> Option<PathBuf> {
        self.inner.meta.aside()
    }

    /// The state directory, as an absolute path without links.
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    /// Scratch space of this opening, on the same file system as everything else. The names `lock`, `leases`, `leases.new`,
    /// `blobs`, `layers` and `trash` in it are taken.
    pub fn session_dir(&self) -> &Path {
        self.inner.session.dir()
    }

    /// Where cache mounts live; whoever uses one locks it.
    pub fn cache_mounts_dir(&self) -> PathBuf {
        self.inner.root.join("cache-mounts")
    }

    /// Content by digest.
    pub fn blobs(&self) -> Blobs<'_> {
        Blobs { inner: &self.inner }
    }

    /// Layers of snapshots.
    pub fn layers(&self) -> Layers<'_> {
        Layers { inner: &self.inner }
    }

    /// The graph of cache keys and their results.
    pub fn cache(&self) -> Cache<'_> {
        Cache { inner: &self.inner }
    }

    /// Small values by name.
    pub fn facts(&self) -> Facts<'_> {
        Facts { inner: &self.inner }
    }
}

pub(crate) fn make_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).recursive(true).create(path)
}

/// Reads the format version, or writes it to a new directory.
fn check_version(root: &Path) -> Result<(), OpenError> {
    let path = root.join("version");
    let fail = |action, source| OpenError::Io { root: root.to_owned(), action, path: path.clone(), source };
    match std::fs::read_to_string(&path) {
        Ok(text) => match text.trim().parse::<u32>() {
            Ok(found) if found > FORMAT => Err(OpenError::Newer { root: root.to_owned(), found }),
            Ok(_) => Ok(()),
            Err(_) => {
                Err(OpenError::NotAVersion { root: root.to_owned(), found: text.trim().chars().take(40).collect() })
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let new = root.join("version.new");
            let write = || -> io::Result<()> {
                let mut file = std::fs::File::create(&new)?;
                writeln!(file, "{FORMAT}")?;
                file.sync_all()?;
                std::fs::rename(&new, &path)
            };
            write().map_err(|error| fail("write", error))
        }
        Err(error) => Err(fail("read", error)),
    }
}
