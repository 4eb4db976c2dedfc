//! Claims: which steps are being made, so that no two processes make the same.
//!
//! Owns the lock files of claims; a holder that dies gives its claim back. Must not know what a step is.
//!
//! ```text
//! <root>/claims/<hex>    flock: held by whoever makes what goes by that name; there while somebody does
//! ```

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use rustix::fs::FlockOperation;
use rustix::io::Errno;

use crate::store::{Store, make_dir};

/// The folder in the state directory.
const FOLDER: &str = "claims";

/// The right to make something, until it is dropped.
#[derive(Debug)]
pub struct Claim {
    path: PathBuf,
    _lock: File,
}

/// It cannot be told whether something is being made.
#[derive(Debug, thiserror::Error)]
#[error("cannot claim `{path}`")]
pub struct ClaimError {
    /// The lock file.
    pub path: PathBuf,
    /// Why not.
    #[source]
    pub source: io::Error,
}

impl Store {
    /// Claims a name; `None` while another process, or another holder in this one, has it. Never waits.
    ///
    /// # Errors
    /// When the lock file cannot be made.
    pub fn claim(&self, name: &Digest) -> Result<Option<Claim>, ClaimError> {
        let path = self.inner.root.join(FOLDER).join(name.hex());
        match take(&path) {
            Ok(lock) => Ok(lock.map(|lock| Claim { path, _lock: lock })),
            Err(source) => Err(ClaimError { path, source }),
        }
    }
}

impl Drop for Claim {
    /// First the name, then the lock: whoever waits for this file makes one anew.
    fn drop(&mut self) {
        // One that stays is taken by the next who wants the name, or swept.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Removes the files of holders that died.
pub(crate) fn sweep(root: &Path) -> io::Result<()> {
    let entries = match std::fs::read_dir(root.join(FOLDER)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other?,
    };
    for entry in entries {
        let path = entry?.path();
        drop(take(&path)?.map(|lock| Claim { path, _lock: lock }));
    }
    Ok(())
}

/// The lock of a file, made if need be; `None` if somebody has it.
fn take(path: &Path) -> io::Result<Option<File>> {
    loop {
        let lock = match open(path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                path.parent().map_or(Ok(()), make_dir)?;
                open(path)?
            }
            other => other?,
        };
        match rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(None),
            Err(Errno::INTR) => continue,
            other => other?,
        }
        // Given back between opening and locking: that is not the file any more.
        let ours = lock.metadata()?.ino();
        if std::fs::metadata(path).is_ok_and(|now| now.ino() == ours) {
            return Ok(Some(lock));
        }
    }
}

fn open(path: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_has_a_claim_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (name, other) = (Digest::of("a"), Digest::of("b"));
        let claim = store.claim(&name).unwrap();
        assert!(claim.is_some());
        assert!(store.claim(&name).unwrap().is_none());
        assert!(store.claim(&other).unwrap().is_some());
        // Nor does another opening get it, as another process would not.
        assert!(Store::open(dir.path()).unwrap().claim(&name).unwrap().is_none());
        drop(claim);
        assert!(store.claim(&name).unwrap().is_some());
        assert_eq!(std::fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), 0);
    }

    #[test]
    fn many_who_want_one_get_it_one_after_the_other() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let (name, inside) = (Digest::of("a"), std::sync::atomic::AtomicUsize::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut got = 0;
                    while got < 50 {
                        let Some(_claim) = store.claim(&name).unwrap() else { continue };
                        assert_eq!(inside.fetch_add(1, std::sync::atomic::Ordering::SeqCst), 0);
                        inside.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                        got += 1;
                    }
                });
            }
        });
    }

    #[test]
    fn files_of_the_dead_are_swept_and_those_of_the_living_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let held = store.claim(&Digest::of("held")).unwrap();
        std::fs::write(dir.path().join(FOLDER).join(Digest::of("left").hex()), "").unwrap();
        sweep(dir.path()).unwrap();
        let left: Vec<_> = std::fs::read_dir(dir.path().join(FOLDER)).unwrap().map(|it| it.unwrap().path()).collect();
        assert_eq!(left, [held.unwrap().path.clone()]);
    }
}
