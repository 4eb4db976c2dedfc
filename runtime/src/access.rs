//! Looking into results.
//!
//! Owns what callers may see of a solved file system without writing it out: files, directories, metadata. Paths are read as a
//! process would read them that has the result as its root: no link leads out of it.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::OFlags;

use crate::error::{ErrorKind, SolveError};
use crate::runtime::{Runtime, Solved};
use crate::snapshot::View;
use crate::snapshot::whiteout::is_overlay_xattr;
use crate::sys::root::Root;
use crate::sys::xattr;
use hlb_patterns::{Filter, Search, Trails};

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
        // To open a device would be to use it, and a pipe would wait for its other end: looked at first. Nothing changes meanwhile.
        let found = File::from(self.root.open_file(path, OFlags::PATH)?).metadata()?;
        if found.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
        }
        if !found.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
        }
        let mut file = File::from(self.root.open_file(path, OFlags::RDONLY | OFlags::NONBLOCK)?);
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

    /// The paths that a pattern means, absolute and in the order of their bytes: as [`Search`] finds them.
    ///
    /// # Errors
    /// If the pattern is malformed, it means too many paths, or a directory cannot be read.
    pub fn glob(&self, pattern: &str) -> io::Result<Vec<PathBuf>> {
        let mut search = Search::new(pattern).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
        while let Some(directory) = search.next() {
            let listed = self.root.resolve(directory, true).and_then(std::fs::read_dir);
            let listed = match listed {
                Err(error) if is_missing(&error) => continue,
                listed => listed?,
            };
            for entry in listed {
                let entry = entry?;
                search.see(&entry.file_name(), entry.file_type()?.is_dir()).map_err(io::Error::other)?;
            }
        }
        Ok(search.found())
    }

    /// Whether something stands at a path, links followed. One that leads nowhere is nothing.
    ///
    /// # Errors
    /// If it cannot be looked at.
    pub fn exists(&self, path: &Path) -> io::Result<bool> {
        match self.root.open_file(path, OFlags::PATH) {
            Ok(_) => Ok(true),
            Err(error) if is_missing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// What stands at a path, links followed.
    ///
    /// # Errors
    /// If nothing is there.
    pub fn stat(&self, path: &Path) -> io::Result<Entry> {
        Entry::of(&self.root.resolve(path, true)?)
    }
}

/// Whether a path leads nowhere, be it that a directory or a link on its way is none.
fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename)
        || error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error())
}

impl Entry {
    fn of(path: &Path) -> io::Result<Self> {
        let found = std::fs::symlink_metadata(path)?;
        let target = if found.is_symlink() { Some(std::fs::read_link(path)?.into_os_string()) } else { None };
        let kind = rustix::fs::FileType::from_raw_mode(found.mode());
        let is_device = matches!(kind, rustix::fs::FileType::CharacterDevice | rustix::fs::FileType::BlockDevice);
        let number = found.rdev();
        let attributes = xattr::list(path)?;
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
                .filter(|(name, _)| !is_overlay_xattr(name.to_bytes()))
                .map(|(name, value)| (std::ffi::OsStr::from_bytes(name.to_bytes()).to_owned(), value))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use hlb_store::Store;

    use super::*;
    use crate::snapshot::{Snapshot, Snapshots};

    /// A result with the files that `make` makes, and what a test wants beside it.
    fn contents(make: impl FnOnce(&Path)) -> (Contents, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let snapshots = Snapshots::new(Store::open(&dir.path().join("state")).unwrap());
        let mut active = snapshots.prepare(&Snapshot::scratch()).unwrap();
        make(&active.mount().unwrap());
        let view = snapshots.view(&active.commit().unwrap()).unwrap();
        (Contents { root: Root::open(view.path()).unwrap(), _view: view }, dir)
    }

    fn write(root: &Path, files: &[&str]) {
        for file in files {
            let at = root.join(file);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::fs::write(at, file).unwrap();
        }
    }

    #[test]
    fn links_lead_nowhere_outside() {
        let (contents, _dir) = contents(|root| {
            write(root, &["etc/hostname", "dir/f"]);
            for (name, target) in [
                ("absolute", "/etc/hostname"),
                ("up", "../../../../../../etc/hostname"),
                ("root", "/"),
                ("dir/out", "../../../../.."),
                ("missing", "/etc/shadow"),
                ("process", "/proc/self/root/etc/shadow"),
                ("one", "two"),
                ("two", "one"),
            ] {
                symlink(target, root.join(name)).unwrap();
            }
        });
        let read = |path: &str| contents.read_file(Path::new(path), 0, None, 100).ok();
        for path in ["absolute", "/up", "root/root/absolute", "dir/out/etc/hostname", "/../../etc/hostname"] {
            assert_eq!(read(path).as_deref(), Some(&b"etc/hostname"[..]), "{path}");
            assert!(contents.exists(Path::new(path)).unwrap(), "{path}");
        }
        for path in ["missing", "process", "one", "etc/hostname/x", "root/nothing", "dir/out/proc"] {
            assert_eq!(read(path), None, "{path}");
            assert!(!contents.exists(Path::new(path)).unwrap(), "{path}");
        }
        let glob = |pattern: &str| -> Vec<String> {
            contents.glob(pattern).unwrap().iter().map(|path| path.display().to_string()).collect()
        };
        assert_eq!(glob("/dir/out/*"), glob("/*").iter().map(|path| format!("/dir/out{path}")).collect::<Vec<_>>());
        assert_eq!(glob("root/e*/*"), ["/root/etc/hostname"]);
        // A link is found, broken or not, and not followed.
        assert_eq!(glob("**/*o*"), ["/absolute", "/dir/out", "/etc/hostname", "/one", "/process", "/root", "/two"]);
        assert_eq!(glob("/one/*"), Vec::<String>::new());
        assert_eq!(glob("/etc/hostname/*"), Vec::<String>::new());
    }

    #[test]
    fn only_files_have_bytes() {
        let (contents, _dir) = contents(|root| {
            write(root, &["dir/file"]);
            let pipe = root.join("pipe");
            rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
        });
        let read = |path: &str, limit: u64| match contents.read_file(Path::new(path), 0, None, limit) {
            Ok(bytes) => String::from_utf8(bytes).unwrap(),
            Err(error) => error.to_string(),
        };
        assert_eq!(read("dir/file", 8), "dir/file");
        insta::assert_snapshot!(
            [read("dir/file", 7), read("dir", 1), read("/", 1), read("pipe", 1), read("none", 1), read("dir/file/x", 1)].join("\n"),
            @r"
        it has 8 bytes, and only 7 can be read at once
        it is a directory
        it is a directory
        it is no regular file
        No such file or directory (os error 2)
        Not a directory (os error 20)
        "
        );
        let mistake = contents.glob("/[").unwrap_err();
        assert_eq!(mistake.to_string(), "pattern `/[` has a `[` without its `]`");
    }
}
