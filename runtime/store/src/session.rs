//! Sessions: the scratch space of one process.
//!
//! Owns who is alive; what a session uses is known to `lease`. A session lives as long as the lock on its `lock` file is held,
//! which the kernel gives back however the process ends. Everything that creates or removes a session directory does so under
//! the store's lock, so nobody takes a session that is just being made for a dead one.

use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::lease::Uses;
use crate::tree::remove_tree;

/// Taken for the short time in which sessions come and go.
const STORE_LOCK: &str = "lock";
/// Held by the process whose session it is.
const SESSION_LOCK: &str = "lock";

/// A session of this process; its directory goes with it.
#[derive(Debug)]
pub(crate) struct Session {
    root: PathBuf,
    dir: PathBuf,
    _lock: File,
    next: AtomicU64,
    uses: Uses,
}

/// A session whose process is gone. Its lock is ours now, so no other process takes it too.
pub(crate) struct Dead {
    pub(crate) dir: PathBuf,
    _lock: Option<File>,
}

impl Session {
    /// Makes a session directory. The caller holds the store's lock.
    pub(crate) fn create(root: &Path, id: &str) -> io::Result<Self> {
        let dir = root.join("sessions").join(id);
        DirBuilder::new().mode(0o700).create(&dir)?;
        let lock = lock_file(&dir.join(SESSION_LOCK))?;
        rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self { root: root.to_owned(), dir, _lock: lock, next: AtomicU64::new(0), uses: Uses::default() })
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What this session uses.
    pub(crate) fn uses(&self) -> &Uses {
        &self.uses
    }

    /// A path in a folder of the session that no other call has got; the folder is made, the path is not.
    pub(crate) fn fresh(&self, folder: &str) -> io::Result<PathBuf> {
        let folder = self.dir.join(folder);
        DirBuilder::new().mode(0o700).recursive(true).create(&folder)?;
        Ok(folder.join(self.next.fetch_add(1, Ordering::Relaxed).to_string()))
    }

    /// Takes a file or directory out of the store, then removes it: nobody sees it half removed.
    pub(crate) fn discard(&self, path: &Path) -> io::Result<()> {
        let trash = self.fresh("trash")?;
        match std::fs::rename(path, &trash) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => remove_tree(&trash),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        // What cannot be removed now is removed by the next process to open the store.
        let _ = remove(&self.root, &self.dir);
    }
}

/// The store's lock; given back on drop.
pub(crate) fn lock_store(root: &Path) -> io::Result<File> {
    lock(&root.join(STORE_LOCK), FlockOperation::LockExclusive)
}

/// A lock file, made if need be; the lock is given back on drop.
pub(crate) fn lock(path: &Path, how: FlockOperation) -> io::Result<File> {
    let file = lock_file(path)?;
    loop {
        match rustix::fs::flock(&file, how) {
            Err(Errno::INTR) => {}
            other => return Ok(other.map(|()| file)?),
        }
    }
}

/// The same without waiting: none while others have it.
pub(crate) fn try_lock(path: &Path, how: FlockOperation) -> io::Result<Option<File>> {
    match lock(path, how) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(None),
        Err(error) => Err(error),
    }
}

/// Whether the process of a session lives. Not to be asked of one that is just being made: the question takes its lock for
/// a moment, if it is free.
pub(crate) fn is_alive(dir: &Path) -> io::Result<bool> {
    let lock = match File::open(dir.join(SESSION_LOCK)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        other => other?,
    };
    match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockShared) {
        Ok(()) => Ok(false),
        Err(Errno::WOULDBLOCK) => Ok(true),
        Err(error) => Err(error.into()),
    }
}

/// The sessions whose process is gone. The caller holds the store's lock.
pub(crate) fn dead(root: &Path) -> io::Result<Vec<Dead>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(root.join("sessions"))? {
        let dir = entry?.path();
        let lock = match File::open(dir.join(SESSION_LOCK)) {
            Ok(lock) => match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => Some(lock),
                Err(Errno::WOULDBLOCK) => continue,
                Err(error) => return Err(error.into()),
            },
            // Sessions are made under the store's lock: one without a lock file was never finished.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        found.push(Dead { dir, _lock: lock });
    }
    found.sort_by(|a, b| a.dir.cmp(&b.dir));
    Ok(found)
}

/// Removes a session directory, its lock file last. The caller holds the session's lock but not the store's: large
/// leftovers take time, and other processes need not wait for it.
pub(crate) fn remove(root: &Path, dir: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        if entry.file_name() != SESSION_LOCK {
            remove_tree(&entry.path())?;
        }
    }
    let _lock = lock_store(root)?;
    remove_tree(dir)
}

fn lock_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}
