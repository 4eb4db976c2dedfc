//! Looking into results.
//!
//! Owns what callers may see of a solved file system without writing it out: files, directories, metadata. Paths are read as a
//! process would read them that has the result as its root: no link leads out of it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::Arc;

use rustix::fs::OFlags;

use crate::error::{ErrorKind, SolveError};
use crate::runtime::{Runtime, Solved};
use crate::snapshot::View;
use crate::sys::root::Root;
use crate::sys::xattr;
use hlb_patterns::{Filter, Trails};

/// The files of a result, to look at. All calls block.
#[derive(Debug)]
pub struct Contents {
    root: Root,
    // Behind the root, which is open in it.
    _view: View,
}

/// What is known of a file without reading it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name in its directory.
    pub name: OsString,
    /// Type and permissions, as the kernel has them.
    pub mode: u32,
    /// The owner.
    pub uid: u32,
    /// The owning group.
    pub gid: u32,
    /// In bytes.
    pub size: u64,
    /// When it was written, in nanoseconds since 1970.
    pub modified: i64,
    /// Where it leads, if it is a symbolic link.
    pub target: Option<OsString>,
    /// Major and minor number, if it is a device.
    pub device: Option<(u32, u32)>,
    /// Extended attributes by name.
    pub attributes: Vec<(OsString, Vec<u8>)>,
}

impl Runtime {
    /// Opens a result to look into it. It can be looked at as long as what is returned is there.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: the result cannot be mounted.
    pub async fn look(&self, solved: &Solved) -> Result<Contents, SolveError> {
        let (engine, snapshot) = (Arc::clone(&self.engine), solved.snapshot.clone());
        let looked = tokio::task::spawn_blocking(move || {
            let environment =
                |error: Box<dyn std::error::Error + Send + Sync>| SolveError::new(ErrorKind::Environment, error);
            let view = engine.snapshots.view(&snapshot).map_err(|error| environment(error.into()))?;
            let root = Root::open(view.path()).map_err(|error| environment(error.into()))?;
            Ok(Contents { root, _view: view })
        });
        looked.await.unwrap_or_else(|error| Err(SolveError::new(ErrorKind::Internal, error)))
    }
}

impl Contents {
    /// Bytes of a regular file from `offset` on: `length` of them, or all there are.
    ///
    /// # Errors
    /// If there is no such regular file, it cannot be read, or it has more than `limit` bytes to give.
    pub fn read_file(&self, path: &Path, offset: u64, length: Option<u64>, limit: u64) -> io::Result<Vec<u8>> {
        // A pipe must not make us wait for its other end.
        let mut file = File::from(self.root.open_file(path, OFlags::RDONLY | OFlags::NONBLOCK)?);
        let found = file.metadata()?;
        if !found.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
        }
        let size = found.len().saturating_sub(offset).min(length.unwrap_or(u64::MAX));
        if size > limit {
            let reason = format!("it has {size} bytes, and only {limit} can be read at once");
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
        }
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = Vec::new();
        file.take(size).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The entries of a directory that a pattern selects by name, all if it is empty, in the order of their names.
    ///
    /// # Errors
    /// If there is no such directory, it cannot be read, or the pattern is malformed.
    pub fn read_dir(&self, path: &Path, pattern: &str) -> io::Result<Vec<Entry>> {
        let include: &[&str] = if pattern.is_empty() { &[] } else { &[pattern] };
        let filter = Filter::new(include, &[])
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(self.root.resolve(path, true)?)? {
            let entry = entry?;
            if filter.judge(entry.file_name().as_bytes(), &Trails::default()).selected {
                entries.push(Entry::of(&entry.path())?);
            }
        }
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(entries)
    }

    /// What stands at a path, links followed.
    ///
    /// # Errors
    /// If nothing is there.
    pub fn stat(&self, path: &Path) -> io::Result<Entry> {
        Entry::of(&self.root.resolve(path, true)?)
    }
}

impl Entry {
    fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(path)?;
        let target = if found.is_symlink() { Some(std::fs::read_link(path)?.into_os_string()) } else { None };
        let kind = rustix::fs::FileType::from_raw_mode(found.mode());
        let is_device = matches!(kind, rustix::fs::FileType::CharacterDevice | rustix::fs::FileType::BlockDevice);
        let number = found.rdev();
        let attributes = xattr::list(path)?;
        let ours = |name: &[u8]| name.starts_with(b"trusted.overlay.");
        Ok(Self {
            name: path.file_name().unwrap_or_default().to_owned(),
            mode: found.mode(),
            uid: found.uid(),
            gid: found.gid(),
            size: found.len(),
            modified: found.mtime().saturating_mul(1_000_000_000).saturating_add(found.mtime_nsec()),
            target,
            device: is_device.then(|| (rustix::fs::major(number), rustix::fs::minor(number))),
            attributes: attributes
                .into_iter()
                .filter(|(name, _)| !ours(name.to_bytes()))
                .map(|(name, value)| (std::ffi::OsStr::from_bytes(name.to_bytes()).to_owned(), value))
                .collect(),
        })
    }
}
