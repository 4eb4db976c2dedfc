//! Cache mounts: directories that live on from step to step.
//!
//! Owns which directory a mount gets and who else may use it meanwhile, in this process or another: that is what the
//! locks say, and nothing else does. A cache with content to begin with is made by copying it.
//!
//! ```text
//! <root>/cache-mounts/<key>.<n>/lock   held while the directory is in use: shared or exclusively
//! <root>/cache-mounts/<key>.<n>/fs     the directory; there only when it is complete
//! <root>/cache-mounts/<key>.<n>/id     what the op calls it, for people
//! ```

use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use hlb_llb::digest::Hasher;
use hlb_llb::pb::{self, CacheSharingOpt};
use hlb_store::Store;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::ops::file::{self, FileError};
use crate::snapshot::{Snapshot, SnapshotError, Snapshots};
use crate::sys::root::Root;

/// Between two looks at a lock somebody else holds.
const PAUSE: Duration = Duration::from_millis(50);

/// A cache a step wants.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub(super) id: String,
    pub(super) sharing: CacheSharingOpt,
    /// What is in it at first.
    pub(super) base: Snapshot,
}

/// A cache in use; dropping it lets others have it.
#[derive(Debug)]
pub(super) struct Cache {
    pub(super) path: PathBuf,
    _lock: File,
}

/// A cache mount cannot be had.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CacheError {
    /// The file system refused.
    #[error("cannot {action} cache mount `{id}` in `{path}`: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The id of the mount.
        id: String,
        /// Its directory.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What is to be in it at first cannot be read.
    #[error(transparent)]
    Base(#[from] SnapshotError),
    /// What is to be in it at first cannot be copied.
    #[error("cannot fill cache mount `{id}`: {source}")]
    Fill {
        /// The id of the mount.
        id: String,
        /// Why.
        source: FileError,
    },
    /// The caller cancelled while another step had it.
    #[error("cancelled")]
    Cancelled,
}

impl Wanted {
    /// What tells this cache from others. Locks are taken in the order of keys, so that steps never wait in a circle.
    pub(super) fn key(&self) -> String {
        let mut hasher = Hasher::default();
        hasher.update(format!("{}:{}", self.id.len(), self.id));
        for layer in self.base.layers() {
            hasher.update(format!("/{layer}"));
        }
        hasher.finish().hex().to_owned()
    }

    /// Takes the cache, waiting for others where that is how it is shared.
    pub(super) fn take(
        &self,
        store: &Store,
        snapshots: &Snapshots,
        cancelled: &dyn Fn() -> bool,
    ) -> Result<Cache, CacheError> {
        let key = self.key();
        let folder = store.cache_mounts_dir();
        let mut number = 0;
        loop {
            if cancelled() {
                return Err(CacheError::Cancelled);
            }
            let dir = folder.join(format!("{key}.{number}"));
            let fail = |action| {
                let (id, path) = (self.id.clone(), dir.clone());
                move |source: io::Error| CacheError::Io { action, id, path, source }
            };
            if let Some(lock) = self.lock(&dir).map_err(fail("lock"))? {
                let path = dir.join("fs");
                if path.is_dir() {
                    return Ok(Cache { path, _lock: lock });
                }
                // Made under the exclusive lock, which a shared one has to become first: look again afterwards.
                if let Some(_alone) = exclusively(lock).map_err(fail("lock"))? {
                    self.make(&dir, snapshots, &fail)?;
                    continue;
                }
            } else if self.sharing == CacheSharingOpt::Private {
                number += 1;
                continue;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// Locks a directory, made if need be; `None` while others have it.
    fn lock(&self, dir: &Path) -> io::Result<Option<File>> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join("lock");
        let file = match File::options().read(true).write(true).create(true).truncate(false).open(&path) {
            // Somebody removed the directory just now.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let how = match self.sharing {
            CacheSharingOpt::Shared => FlockOperation::NonBlockingLockShared,
            CacheSharingOpt::Private | CacheSharingOpt::Locked => FlockOperation::NonBlockingLockExclusive,
        };
        match rustix::fs::flock(&file, how) {
            Err(Errno::WOULDBLOCK | Errno::INTR) => return Ok(None),
            other => other?,
        }
        // Its time says when the directory was used last; that it cannot be set costs a worse guess.
        let _ = file.set_modified(std::time::SystemTime::now());
        // Removed, and made anew by another, between opening and locking: that is not the lock any more.
        let same = std::fs::metadata(&path).is_ok_and(|now| file.metadata().is_ok_and(|ours| now.ino() == ours.ino()));
        Ok(same.then_some(file))
    }

    fn make<F: FnOnce(io::Error) -> CacheError>(
        &self,
        dir: &Path,
        snapshots: &Snapshots,
        fail: &dyn Fn(&'static str) -> F,
    ) -> Result<(), CacheError> {
        let (done, new) = (dir.join("fs"), dir.join("new"));
        if done.is_dir() {
            return Ok(());
        }
        // What a killed process left.
        if new.exists() {
            hlb_store::remove_tree(&new).map_err(fail("clean"))?;
        }
        std::fs::create_dir(&new).map_err(fail("create"))?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755)).map_err(fail("create"))?;
        if !self.base.is_scratch() {
            let view = snapshots.view(&self.base)?;
            let root = |path: &Path| Root::open(path).map_err(fail("open"));
            let copied = file::apply(&copy_all(), &root(&new)?, Some(&root(view.path())?), |_| None);
            copied.map_err(|source| CacheError::Fill { id: self.id.clone(), source })?;
            let top = std::fs::metadata(view.path()).map_err(fail("read"))?;
            std::os::unix::fs::chown(&new, Some(top.uid()), Some(top.gid())).map_err(fail("create"))?;
            std::fs::set_permissions(&new, top.permissions()).map_err(fail("create"))?;
        }
        std::fs::write(dir.join("id"), &self.id).map_err(fail("name"))?;
        std::fs::rename(&new, &done).map_err(fail("create"))
    }
}

/// Turns a lock into an exclusive one; `None` if others share it.
fn exclusively(lock: File) -> io::Result<Option<File>> {
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Err(Errno::WOULDBLOCK | Errno::INTR) => Ok(None),
        other => Ok(other.map(|()| Some(lock))?),
    }
}

/// The action that copies all of one tree to another as it is.
fn copy_all() -> pb::FileAction {
    let copy = pb::FileActionCopy {
        src: "/".into(),
        dest: "/".into(),
        mode: -1,
        timestamp: -1,
        dir_copy_contents: true,
        ..Default::default()
    };
    pb::FileAction { action: Some(pb::FileActionKind::Copy(copy)), ..Default::default() }
}
