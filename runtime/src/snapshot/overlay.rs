//! Snapshots on overlayfs: the mounted form, to write or to read.
//!
//! Owns the directories a mount needs and takes them away. A layer is an upper directory as the kernel leaves it:
//! deletions are character devices 0:0, replaced directories carry `trusted.overlay.opaque`; the other attributes of
//! that name space say where a file was copied from, are ignored in a lower directory and stay.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hlb_store::{LayerId, Store};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::{Snapshot, SnapshotError, check_count, io_error};
use crate::sys::mounts::{Mounted, Overlay};

/// A file system that is being written. Dropped without `commit` it leaves nothing.
#[derive(Debug)]
pub(crate) struct Active {
    store: Store,
    base: Snapshot,
    lowers: Vec<PathBuf>,
    /// `…/N/fs`; `N` is ours, and gone once committed.
    upper: PathBuf,
    mounted: Option<Mounted>,
    committed: bool,
}

/// A file system that is only read; there as long as this is.
#[derive(Debug)]
pub(crate) struct View {
    path: PathBuf,
    // In this order: unmounted first, then the directories are removed.
    _mounted: Option<Mounted>,
    _dir: Option<tempfile::TempDir>,
}

impl Active {
    pub(super) fn new(store: &Store, base: &Snapshot, lowers: Vec<PathBuf>) -> Result<Self, SnapshotError> {
        check_count(lowers.len())?;
        let upper = store.layers().new_dir()?;
        let active = Self { store: store.clone(), base: base.clone(), lowers, upper, mounted: None, committed: false };
        if let Some(top) = active.lowers.first() {
            copy_metadata(top, &active.upper).map_err(io_error("set the owner and mode of", &active.upper))?;
        }
        Ok(active)
    }

    /// The tree to write in; the same at each call.
    pub(crate) fn mount(&mut self) -> Result<PathBuf, SnapshotError> {
        if self.lowers.is_empty() {
            return Ok(self.upper.clone());
        }
        if let Some(mounted) = &self.mounted {
            return Ok(mounted.path().to_owned());
        }
        let (work, root) = (self.beside("work"), self.beside("root"));
        for dir in [&work, &root] {
            std::fs::create_dir(dir).map_err(io_error("create", dir))?;
        }
        let overlay = Overlay { lowers: &self.lowers, upper: Some((&self.upper, &work)) };
        let mounted = overlay.mount(&root).map_err(|source| SnapshotError::Mount { path: root.clone(), source })?;
        self.mounted = Some(mounted);
        Ok(root)
    }

    /// The directory that holds only what was written. Complete only while it is not mounted.
    pub(crate) fn upper(&self) -> &Path {
        &self.upper
    }

    /// Makes what was written a layer. If nothing was, the result is the base.
    pub(crate) fn commit(mut self) -> Result<Snapshot, SnapshotError> {
        if let Some(mounted) = self.mounted.take() {
            let path = mounted.path().to_owned();
            mounted.unmount().map_err(io_error("unmount", &path))?;
        }
        if self.is_unchanged().map_err(io_error("read", &self.upper))? {
            return Ok(self.base.clone());
        }
        check_count(self.base.layers.len() + 1)?;
        let id = LayerId::random();
        self.store.layers().commit(&id, &self.upper)?;
        self.committed = true;
        let mut layers = self.base.layers.to_vec();
        layers.push(id);
        Ok(Snapshot::new(layers))
    }

    /// Whether nothing was written. An empty directory is something if it has another owner or mode than the one below.
    fn is_unchanged(&self) -> std::io::Result<bool> {
        if std::fs::read_dir(&self.upper)?.next().is_some() {
            return Ok(false);
        }
        let facts = |path: &Path| std::fs::metadata(path).map(|data| (data.mode(), data.uid(), data.gid()));
        match self.lowers.first() {
            Some(top) => Ok(facts(top)? == facts(&self.upper)?),
            None => Ok(facts(&self.upper)? == (rustix::fs::FileType::Directory.as_raw_mode() | 0o755, 0, 0)),
        }
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.upper.with_file_name(name)
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        drop(self.mounted.take());
        if !self.committed
            && let Some(dir) = self.upper.parent()
        {
            // What stays is removed with the session.
            let _ = hlb_store::remove_tree(dir);
        }
    }
}

impl View {
    pub(super) fn new(store: &Store, lowers: &[PathBuf]) -> Result<Self, SnapshotError> {
        if let [only] = lowers {
            return Ok(Self { path: only.clone(), _mounted: None, _dir: None });
        }
        let session = store.session_dir();
        let make = || tempfile::Builder::new().prefix("view-").tempdir_in(session);
        let dir = make().map_err(io_error("create a directory in", session))?;
        let path = dir.path().join("root");
        std::fs::create_dir(&path).map_err(io_error("create", &path))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(io_error("change", &path))?;
        let mounted = if lowers.is_empty() {
            None
        } else {
            let overlay = Overlay { lowers, upper: None };
            Some(overlay.mount(&path).map_err(|source| SnapshotError::Mount { path: path.clone(), source })?)
        };
        Ok(Self { path, _mounted: mounted, _dir: Some(dir) })
    }

    /// Its root directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// The root directory of an overlay is that of its top layer: a new top has to look like the one below.
fn copy_metadata(from: &Path, to: &Path) -> std::io::Result<()> {
    let data = std::fs::metadata(from)?;
    std::os::unix::fs::chown(to, Some(data.uid()), Some(data.gid()))?;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(data.mode() & 0o7777))?;
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    let times = Timestamps {
        last_access: time(data.atime(), data.atime_nsec()),
        last_modification: time(data.mtime(), data.mtime_nsec()),
    };
    Ok(rustix::fs::utimensat(CWD, to, &times, AtFlags::empty())?)
}
