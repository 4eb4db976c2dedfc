//! A directory that somebody else fills through us.
//!
//! Owns every write below it. The kernel resolves each path without links and without leaving the directory, so no entry, and
//! no link that lies there already, can lead a write elsewhere.

use std::ffi::{CString, OsStr};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, ResolveFlags, Timespec, Timestamps, XattrFlags};
use rustix::io::Errno;

/// Set-id bits speak of the owner in the tree, who is not the owner here.
const KEPT_MODE: u32 = 0o1777;

/// A directory that is filled.
#[derive(Debug)]
pub(super) struct Root {
    dir: OwnedFd,
    path: PathBuf,
}

/// A file that has no name yet, or one of its own.
#[derive(Debug)]
pub(super) struct Part {
    file: std::fs::File,
    /// The directory where it will be.
    parent: OwnedFd,
    name: PathBuf,
    /// Its name until then, where a file must have one.
    temporary: Option<String>,
}

/// What is said of a file besides its content.
#[derive(Debug)]
pub(super) struct Dress {
    /// The lower twelve bits.
    pub(super) mode: u32,
    /// Modification time in nanoseconds since 1970.
    pub(super) modified: i64,
    pub(super) attributes: Vec<(String, Vec<u8>)>,
}

impl Root {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let dir = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { dir, path: path.to_owned() })
    }

    /// Where something is on this machine, for messages.
    pub(super) fn host(&self, path: &str) -> PathBuf {
        self.path.join(path)
    }

    /// Makes sure of a directory. A file or link in its place gives way.
    pub(super) fn directory(&self, path: &str) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        // It gets its mode once everything in it is there.
        let make = || rustix::fs::mkdirat(&parent, name, Mode::RWXU);
        match make() {
            Err(Errno::EXIST) => {
                let found = rustix::fs::statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
                if FileType::from_raw_mode(found.st_mode) == FileType::Directory {
                    return Ok(());
                }
                rustix::fs::unlinkat(&parent, name, AtFlags::empty())?;
                Ok(make()?)
            }
            other => Ok(other?),
        }
    }

    /// Gives a directory its mode and time.
    pub(super) fn finish_directory(&self, path: &str, dress: &Dress) -> io::Result<()> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY;
        dress.put_on(&self.resolve(Path::new(path), flags)?)
    }

    /// Makes a symbolic link.
    pub(super) fn symlink(&self, path: &str, target: &str, modified: i64) -> io::Result<()> {
        let (parent, name) = self.parent(path)?;
        let temporary = fresh_name();
        rustix::fs::symlinkat(target, &parent, &temporary)?;
        let placed = rustix::fs::utimensat(&parent, &temporary, &times(modified), AtFlags::SYMLINK_NOFOLLOW)
            .and_then(|()| rustix::fs::renameat(&parent, &temporary, &parent, name));
        remove_unless(placed, &parent, &temporary)
    }

    /// Makes another name for a file that is there.
    pub(super) fn link(&self, path: &str, first: &str) -> io::Result<()> {
        let (from, first) = self.parent(first)?;
        let (parent, name) = self.parent(path)?;
        let temporary = fresh_name();
        rustix::fs::linkat(&from, first, &parent, &temporary, AtFlags::empty())?;
        let placed = rustix::fs::renameat(&parent, &temporary, &parent, name);
        let placed = remove_unless(placed, &parent, &temporary);
        // Renaming a name of a file onto another name of it does nothing at all.
        let _ = rustix::fs::unlinkat(&parent, &temporary, AtFlags::empty());
        placed
    }

    /// Begins a file.
    pub(super) fn file(&self, path: &str) -> io::Result<Part> {
        let (parent, name) = self.parent(path)?;
        let private = Mode::RUSR | Mode::WUSR;
        let flags = OFlags::WRONLY | OFlags::CLOEXEC;
        // A file without a name until it is complete: if this process is killed meanwhile, nothing is left.
        let (file, temporary) = match rustix::fs::openat(&parent, ".", flags | OFlags::TMPFILE, private) {
            Ok(file) => (file, None),
            // Not every file system has such.
            Err(_) => {
                let temporary = fresh_name();
                let flags = flags | OFlags::CREATE | OFlags::EXCL;
                (rustix::fs::openat(&parent, &temporary, flags, private)?, Some(temporary))
            }
        };
        Ok(Part { file: file.into(), parent, name: name.into(), temporary })
    }

    /// The directory of a path, and the name in it.
    fn parent<'a>(&self, path: &'a str) -> io::Result<(OwnedFd, &'a OsStr)> {
        let path = Path::new(path);
        let name = path.file_name().ok_or(Errno::INVAL)?;
        let parent = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        Ok((self.resolve(parent, OFlags::PATH | OFlags::DIRECTORY)?, name))
    }

    fn resolve(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        loop {
            match rustix::fs::openat2(&self.dir, path, flags | OFlags::CLOEXEC, Mode::empty(), how) {
                // A rename elsewhere raced with the resolution; the kernel asks to try again.
                Err(Errno::AGAIN | Errno::INTR) => continue,
                other => return Ok(other?),
            }
        }
    }
}

impl Part {
    /// Adds bytes.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// Gives the file its mode, times and name. What had the name is replaced in one step.
    pub(super) fn finish(mut self, dress: &Dress) -> io::Result<()> {
        dress.put_on(&self.file)?;
        if self.temporary.is_none() {
            let open = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            let link = |name: &Path| rustix::fs::linkat(CWD, &open, &self.parent, name, AtFlags::SYMLINK_FOLLOW);
            match link(&self.name) {
                Err(Errno::EXIST) => {}
                other => return Ok(other?),
            }
            let temporary = fresh_name();
            link(Path::new(&temporary))?;
            self.temporary = Some(temporary);
        }
        if let Some(temporary) = &self.temporary {
            rustix::fs::renameat(&self.parent, temporary, &self.parent, &self.name)?;
            self.temporary = None;
        }
        Ok(())
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary {
            let _ = rustix::fs::unlinkat(&self.parent, temporary, AtFlags::empty());
        }
    }
}

impl Dress {
    fn put_on(&self, file: &impl std::os::fd::AsFd) -> io::Result<()> {
        rustix::fs::fchmod(file, Mode::from_raw_mode(self.mode & KEPT_MODE))?;
        for (name, value) in self.attributes.iter().filter(|(name, _)| name.starts_with("user.")) {
            if let Ok(name) = CString::new(name.as_str()) {
                // Not every file system of a user's has them.
                let _ = rustix::fs::fsetxattr(file, &name, value, XattrFlags::empty());
            }
        }
        Ok(rustix::fs::futimens(file, &times(self.modified))?)
    }
}

fn times(nanos: i64) -> Timestamps {
    const SECOND: i64 = 1_000_000_000;
    let time = Timespec { tv_sec: nanos.div_euclid(SECOND), tv_nsec: nanos.rem_euclid(SECOND) };
    Timestamps { last_access: time, last_modification: time }
}

fn remove_unless(placed: rustix::io::Result<()>, parent: &OwnedFd, temporary: &str) -> io::Result<()> {
    if placed.is_err() {
        let _ = rustix::fs::unlinkat(parent, temporary, AtFlags::empty());
    }
    Ok(placed?)
}

/// A name that no other file of this process has.
fn fresh_name() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!(".hlbc-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}
