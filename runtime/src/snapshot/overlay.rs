//! Snapshots on overlayfs: the mounted form, to write or to read.
//!
//! Owns the directories a mount needs and takes them away. A layer is an upper directory as the kernel leaves it:
//! deletions are character devices 0:0, replaced directories carry a mark (`whiteout::Mark`); its other marks say where a
//! file was copied from, are ignored in a lower directory and stay.

use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hlb_store::LayerId;
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use super::whiteout::{self, Mark};
use super::{DamagedLayer, Snapshot, SnapshotError, Snapshots, check_count, io_error};
use crate::sys::mounts::{Mounted, Overlay};

/// File beside the `fs` of a layer that says: this layer was made on others, and some snapshot begins with it.
const PARTIAL: &str = "partial";
/// More directories than that are not compared one by one with what is below.
const FEW: usize = 32;

/// A file system that is being written. Dropped without `commit` it leaves nothing.
#[derive(Debug)]
pub(crate) struct Active {
    snapshots: Snapshots,
    base: Snapshot,
    lowers: Vec<PathBuf>,
    /// `…/N/fs`; `N` is ours, and gone once committed.
    upper: PathBuf,
    mounted: Option<Mounted>,
    touched: Vec<PathBuf>,
    committed: bool,
}

/// A file system that is only read; there as long as this is.
#[derive(Debug)]
pub(crate) struct View {
    path: PathBuf,
    // In this order: unmounted first, then the directories are removed, then the layers may go.
    _mounted: Option<Mounted>,
    _dir: Option<tempfile::TempDir>,
    _snapshot: Snapshot,
}

impl Active {
    pub(super) fn new(snapshots: &Snapshots, base: &Snapshot, lowers: Vec<PathBuf>) -> Result<Self, SnapshotError> {
        check_count(lowers.len())?;
        let upper = snapshots.store.layers().new_dir()?;
        let (snapshots, base) = (snapshots.clone(), base.clone());
        let active = Self { snapshots, base, lowers, upper, mounted: None, touched: Vec::new(), committed: false };
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
        let mounted = overlay.mount(&root).map_err(|source| self.snapshots.unmounted(&self.base, &root, source))?;
        self.mounted = Some(mounted);
        Ok(root)
    }

    /// The directory that holds only what was written. Complete only while it is not mounted.
    pub(crate) fn upper(&self) -> &Path {
        &self.upper
    }

    /// Tells of directories, by their paths in the tree, that were only written to by us, and are as they were again. If
    /// nobody else has written to them either, they will be no part of the layer.
    pub(crate) fn forget(&mut self, touched: Vec<PathBuf>) {
        self.touched.extend(touched);
    }

    /// Makes what was written a layer. If nothing was, the result is the base.
    pub(crate) fn commit(mut self) -> Result<Snapshot, SnapshotError> {
        if let Some(mounted) = self.mounted.take() {
            let path = mounted.path().to_owned();
            mounted.unmount().map_err(io_error("unmount", &path))?;
        }
        self.leave_out_touched().map_err(io_error("read", &self.upper))?;
        if self.is_unchanged().map_err(io_error("read", &self.upper))? {
            return Ok(self.base.clone());
        }
        check_count(self.base.layers.len() + 1)?;
        let id = LayerId::random();
        let (_, _held) = self.snapshots.store.layers().commit(&id, &self.upper)?;
        self.committed = true;
        let mut layers = self.base.layers.to_vec();
        layers.push(id);
        self.snapshots.of(layers)
    }

    /// Takes away the copies that the kernel made of directories only because we have put something into them for a while.
    fn leave_out_touched(&self) -> std::io::Result<()> {
        // With those above them, which were copied on the way. The root is no copy.
        let above = |path: &'_ PathBuf| -> Vec<PathBuf> {
            path.ancestors().filter(|dir| !dir.as_os_str().is_empty()).map(Path::to_owned).collect()
        };
        let all: BTreeSet<PathBuf> = self.touched.iter().flat_map(above).collect();
        // A directory comes before what is in it.
        for path in all.iter().rev() {
            // Whoever ran in the tree may have put links into their places.
            let real = |dir: &Path| self.upper.join(dir).symlink_metadata().is_ok_and(|data| data.is_dir());
            let there = path.ancestors().all(real);
            let dir = self.upper.join(path);
            if there && std::fs::read_dir(&dir)?.next().is_none() && self.is_as_below(path)? {
                let above = dir.parent().unwrap_or(&self.upper);
                let before = times(&std::fs::metadata(above)?);
                std::fs::remove_dir(&dir)?;
                rustix::fs::utimensat(CWD, above, &before, AtFlags::empty())?;
            }
        }
        Ok(())
    }

    /// Whether nothing was written. The kernel copies up a directory as soon as somebody touches something in it: so a
    /// few directories with nothing in them that are as they were below are nothing either. The times of the root are
    /// not looked at, as they are those of the mount.
    fn is_unchanged(&self) -> std::io::Result<bool> {
        let Some(top) = self.lowers.first() else {
            let fresh = (rustix::fs::FileType::Directory.as_raw_mode() | 0o755, 0, 0);
            return Ok(std::fs::read_dir(&self.upper)?.next().is_none() && owner_and_mode(&self.upper)? == fresh);
        };
        let mut left = vec![PathBuf::new()];
        let mut seen = 0;
        while let Some(dir) = left.pop() {
            for entry in std::fs::read_dir(self.upper.join(&dir))? {
                let entry = entry?;
                let path = dir.join(entry.file_name());
                seen += 1;
                if seen > FEW || !entry.file_type()?.is_dir() || !self.is_as_below(&path)? {
                    return Ok(false);
                }
                left.push(path);
            }
        }
        Ok(owner_and_mode(top)? == owner_and_mode(&self.upper)?)
    }

    /// Whether a directory of the upper layer looks like the one that was copied.
    fn is_as_below(&self, path: &Path) -> std::io::Result<bool> {
        let ours = self.upper.join(path);
        // The first layer that has it is the one it was copied from, unless a directory on the way was replaced: then
        // this one was not copied, and says so by lacking its origin.
        let below = self.lowers.iter().map(|lower| lower.join(path)).find(|path| path.symlink_metadata().is_ok());
        let Some(below) = below.filter(|_| attributes(&ours).is_ok_and(|all| is_copied(&all))) else {
            return Ok(false);
        };
        let facts = |path: &Path| -> std::io::Result<_> {
            let data = std::fs::symlink_metadata(path)?;
            Ok((data.mode(), data.uid(), data.gid(), data.mtime(), data.mtime_nsec()))
        };
        let plain = !has_own_attributes(&attributes(&ours)?) && !has_own_attributes(&attributes(&below)?);
        Ok(plain && facts(&ours)? == facts(&below)?)
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
    pub(super) fn new(snapshots: &Snapshots, snapshot: &Snapshot, lowers: &[PathBuf]) -> Result<Self, SnapshotError> {
        let snapshot = snapshot.clone();
        // A layer is a file system as it stands, unless it was made on top of others: then it may delete what they have,
        // which only an overlay understands.
        let partial = match lowers {
            [only] if !only.with_file_name(PARTIAL).exists() => {
                return Ok(Self { path: only.clone(), _mounted: None, _dir: None, _snapshot: snapshot });
            }
            [_] => true,
            _ => false,
        };
        let session = snapshots.store.session_dir();
        let make = || tempfile::Builder::new().prefix("view-").tempdir_in(session);
        let dir = make().map_err(io_error("create a directory in", session))?;
        let path = dir.path().join("root");
        std::fs::create_dir(&path).map_err(io_error("create", &path))?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).map_err(io_error("change", &path))?;
        let mounted = if lowers.is_empty() {
            None
        } else {
            let mut lowers = lowers.to_vec();
            if partial {
                let empty = dir.path().join("empty");
                std::fs::create_dir(&empty).map_err(io_error("create", &empty))?;
                lowers.push(empty);
            }
            let overlay = Overlay { lowers: &lowers, upper: None };
            Some(overlay.mount(&path).map_err(|source| snapshots.unmounted(&snapshot, &path, source))?)
        };
        Ok(Self { path, _mounted: mounted, _dir: Some(dir), _snapshot: snapshot })
    }

    /// Its root directory.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Snapshots {
    /// Why a snapshot cannot be mounted: because of a layer, if one cannot be read.
    fn unmounted(&self, snapshot: &Snapshot, path: &Path, source: std::io::Error) -> SnapshotError {
        let tops = snapshot.layers().iter().map(|layer| (layer, self.store.layers().path(layer)));
        for (layer, top) in tops {
            if let Err(source) = std::fs::read_dir(top) {
                return DamagedLayer { layer: layer.clone(), source }.into();
            }
        }
        SnapshotError::Mount { path: path.to_owned(), source }
    }
}

/// Notes that a snapshot begins with a layer that was made on top of others.
pub(super) fn mark_partial(layer: &Path) -> Result<(), SnapshotError> {
    let mark = layer.with_file_name(PARTIAL);
    std::fs::write(&mark, "").map_err(io_error("write", &mark))
}

/// Whether that was noted of a layer.
pub(super) fn is_partial(layer: &Path) -> bool {
    layer.with_file_name(PARTIAL).exists()
}

fn owner_and_mode(path: &Path) -> std::io::Result<(u32, u32, u32)> {
    std::fs::metadata(path).map(|data| (data.mode(), data.uid(), data.gid()))
}

/// The names of the extended attributes of a file, each ended by a zero byte.
fn attributes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut names = vec![0; 64 << 10];
    let length = rustix::fs::llistxattr(path, &mut names)?;
    names.truncate(length);
    Ok(names)
}

fn names(attributes: &[u8]) -> impl Iterator<Item = &[u8]> {
    attributes.split(|byte| *byte == 0).filter(|name| !name.is_empty())
}

/// Whether the kernel made it by copying one below, and everything below still counts.
fn is_copied(attributes: &[u8]) -> bool {
    let has = |mark| names(attributes).any(|name| name == whiteout::own(mark).to_bytes());
    has(Mark::Origin) && !has(Mark::Opaque)
}

fn has_own_attributes(attributes: &[u8]) -> bool {
    names(attributes).any(|name| !whiteout::is_overlay_xattr(name))
}

/// The root directory of an overlay is that of its top layer: a new top has to look like the one below.
fn copy_metadata(from: &Path, to: &Path) -> std::io::Result<()> {
    let data = std::fs::metadata(from)?;
    std::os::unix::fs::chown(to, Some(data.uid()), Some(data.gid()))?;
    std::fs::set_permissions(to, std::fs::Permissions::from_mode(data.mode() & 0o7777))?;
    Ok(rustix::fs::utimensat(CWD, to, &times(&data), AtFlags::empty())?)
}

fn times(data: &std::fs::Metadata) -> Timestamps {
    let time = |seconds, nanoseconds| Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
    Timestamps {
        last_access: time(data.atime(), data.atime_nsec()),
        last_modification: time(data.mtime(), data.mtime_nsec()),
    }
}
