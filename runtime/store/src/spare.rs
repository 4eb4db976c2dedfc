//! Room for the moment when there is none: a disk that is full must not keep anybody from cleaning it up.
//!
//! Owns a file with nothing in it that takes space, and goes when the state directory cannot be opened for want of some.

use std::error::Error;
use std::fs::OpenOptions;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::FallocateFlags;

const FILE: &str = "spare";
/// Enough for a session and for what SQLite writes to take things away, in bytes.
const SIZE: u64 = 2 << 20;
/// It is made only where so many times its size is free.
const PLENTY: u64 = 16;

/// Makes the file, unless it is there or there is no room for it. It is of use only sometimes, so that it cannot be made is no
/// error.
pub(crate) fn keep(root: &Path) {
    let path = root.join(FILE);
    let free = rustix::fs::statvfs(root).map_or(0, |disk| disk.f_bavail.saturating_mul(disk.f_frsize));
    if free < SIZE * PLENTY || path.exists() {
        return;
    }
    let Ok(file) = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path) else { return };
    if rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, SIZE).is_err() {
        let _ = std::fs::remove_file(&path);
    }
}

/// Gives its space away, if an error is about that; whether it had some.
pub(crate) fn spend(root: &Path, error: &(dyn Error + 'static)) -> bool {
    let is_full = |error: &(dyn Error + 'static)| {
        let kind = error.downcast_ref::<io::Error>().map(io::Error::kind);
        matches!(kind, Some(io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded))
    };
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    causes.any(is_full) && std::fs::remove_file(root.join(FILE)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt as _;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn it_is_spent_on_a_full_disk_alone() {
        let dir = tempfile::tempdir().unwrap();
        keep(dir.path());
        let data = std::fs::metadata(dir.path().join(FILE)).unwrap();
        assert!(data.blocks() * 512 >= SIZE);
        assert!(!spend(dir.path(), &Outer(io::ErrorKind::NotFound.into())));
        assert!(spend(dir.path(), &Outer(io::ErrorKind::StorageFull.into())));
        assert!(!spend(dir.path(), &Outer(io::ErrorKind::StorageFull.into())), "there is no more of it");
        assert!(!dir.path().join(FILE).exists());
    }
}
