//! Blobs that are on their way from elsewhere.
//!
//! Owns their files until they are blobs, and that one at a time brings each. What a process that died has brought is continued by
//! the next one; nothing becomes a blob that is not right. Where the bytes come from is not known here.
//!
//! ```text
//! <root>/downloads/<hex>    what has come so far of the blob with that digest
//! ```

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;

use crate::blob::{self, BlobError, Blobs};
use crate::claim::Claim;
use crate::gc::GcError;
use crate::lease::{Item, Lease};
use crate::store::{Inner, Store, make_dir};

/// The folder in the state directory.
const FOLDER: &str = "downloads";
/// What nobody has continued for so long is given up.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 60 * 60);
const PIECE: usize = 256 << 10;

/// Who brings a blob.
#[derive(Debug)]
pub enum Download {
    /// It is here already, and in use.
    There(Lease),
    /// Somebody else does, and has so many bytes.
    Busy(u64),
    /// The caller does.
    Mine(Box<Part>),
}

/// A blob of which a part is here. What is there when it is dropped stays, for whoever wants the blob next.
pub struct Part {
    inner: Arc<Inner>,
    digest: Digest,
    path: PathBuf,
    file: File,
    hasher: Hasher,
    size: u64,
    _claim: Claim,
}

impl Blobs<'_> {
    /// Begins to bring a blob, or continues what somebody has begun. Waits for nobody, but reads what has come before.
    ///
    /// # Errors
    /// When what is there cannot be read.
    pub fn download(&self, digest: &Digest) -> Result<Download, BlobError> {
        let store = Store { inner: Arc::clone(self.inner) };
        let here = || store.lease(&[Item::Blob(digest.clone())]);
        if let Some(lease) = here()? {
            return Ok(Download::There(lease));
        }
        let path = self.inner.root.join(FOLDER).join(digest.hex());
        let Some(claim) = store.claim(&claim_name(digest)).map_err(BlobError::Claim)? else {
            return Ok(Download::Busy(std::fs::metadata(&path).map_or(0, |data| data.len())));
        };
        // Whoever had the claim before may just have finished.
        if let Some(lease) = here()? {
            return Ok(Download::There(lease));
        }
        let fail = |source| BlobError::Io { action: "open", path: path.clone(), source };
        let (file, hasher, size) = open(&path).map_err(fail)?;
        let inner = Arc::clone(self.inner);
        let part = Part { inner, digest: digest.clone(), path, file, hasher, size, _claim: claim };
        Ok(Download::Mine(Box::new(part)))
    }
}

impl Part {
    /// How many bytes are there.
    pub fn have(&self) -> u64 {
        self.size
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// When they cannot be written. What is there by then is whole.
    pub fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if let Err(error) = self.file.write_all(bytes) {
            self.file.set_len(self.size)?;
            return Err(error);
        }
        self.hasher.update(bytes);
        self.size += bytes.len() as u64;
        Ok(())
    }

    /// Throws away what is there.
    ///
    /// # Errors
    /// When that cannot be done.
    pub fn restart(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        (self.hasher, self.size) = (Hasher::default(), 0);
        Ok(())
    }

    /// The digest of what is there.
    pub fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }

    /// Where it is while it is no blob.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes a blob of it, in use from the first moment on.
    ///
    /// # Errors
    /// When it is not the blob that was wanted, and then it is thrown away; or when it cannot be kept.
    pub fn finish(mut self) -> Result<Lease, BlobError> {
        let (actual, size) = (self.digest(), self.size);
        let fail = |path: &Path, source| BlobError::Io { action: "write", path: path.to_owned(), source };
        if actual != self.digest {
            self.restart().map_err(|source| fail(&self.path, source))?;
            let (expected, actual) = (Box::new(self.digest.clone()), Box::new(actual));
            return Err(BlobError::Mismatch { expected, actual, size });
        }
        let mode = std::fs::Permissions::from_mode(0o444);
        self.file.set_permissions(mode).map_err(|source| fail(&self.path, source))?;
        let lease = blob::publish(&self.inner, &self.file, &self.path, &self.digest)?;
        // Unless the blob was made in another way meanwhile, nothing has this name any more.
        let _ = std::fs::remove_file(&self.path);
        Ok(lease)
    }
}

impl std::fmt::Debug for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Part").field("path", &self.path).field("size", &self.size).finish_non_exhaustive()
    }
}

/// Removes what nobody brings any more: everything, or what nobody has touched for long.
pub(crate) fn sweep(store: &Store, all: bool) -> Result<(), GcError> {
    let folder = store.root().join(FOLDER);
    let fail = |path: &Path, source| GcError::io("clean", path, source);
    let entries = match std::fs::read_dir(&folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        other => other.map_err(|error| fail(&folder, error))?,
    };
    for entry in entries {
        let entry = entry.map_err(|error| fail(&folder, error))?;
        let touched = entry.metadata().and_then(|data| data.modified());
        let age = touched.map(|at| SystemTime::now().duration_since(at).unwrap_or_default());
        if !all && !age.is_ok_and(|age| age > LIFETIME) {
            continue;
        }
        let digest = entry.file_name().to_str().and_then(|hex| format!("sha256:{hex}").parse().ok());
        let Some(digest) = digest else { continue };
        let claim = store.claim(&claim_name(&digest)).map_err(|error| fail(&error.path, error.source))?;
        // Whoever had the claim may have made a blob of it.
        match claim.map(|_held| std::fs::remove_file(entry.path())) {
            Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => return Err(fail(&entry.path(), error)),
            _ => {}
        }
    }
    Ok(())
}

/// What the one that brings a blob claims.
fn claim_name(digest: &Digest) -> Digest {
    Digest::of(format!("download {digest}"))
}

/// The file of a part at its end, what is in it, and how much that is.
fn open(path: &Path) -> io::Result<(File, Hasher, u64)> {
    let begin = || OpenOptions::new().read(true).append(true).create(true).mode(0o600).open(path);
    let mut file = match begin() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            path.parent().map_or(Ok(()), make_dir)?;
            begin()?
        }
        other => other?,
    };
    let (mut hasher, mut size) = (Hasher::default(), 0);
    let mut piece = vec![0; PIECE];
    loop {
        let count = file.read(&mut piece)?;
        let Some(bytes) = piece.get(..count).filter(|bytes| !bytes.is_empty()) else { break };
        hasher.update(bytes);
        size += count as u64;
    }
    Ok((file, hasher, size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mine(store: &Store, digest: &Digest) -> Box<Part> {
        match store.blobs().download(digest).unwrap() {
            Download::Mine(part) => part,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_one_has_begun_the_next_continues() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let digest = Digest::of("one two");
        let mut part = mine(&store, &digest);
        part.append(b"one").unwrap();
        assert!(matches!(store.blobs().download(&digest).unwrap(), Download::Busy(3)));
        // Nor does another process get it.
        let other = Store::open(dir.path()).unwrap();
        assert!(matches!(other.blobs().download(&digest).unwrap(), Download::Busy(3)));
        drop(part);
        let mut part = mine(&other, &digest);
        assert_eq!((part.have(), part.digest()), (3, Digest::of("one")));
        part.append(b" two").unwrap();
        let lease = part.finish().unwrap();
        assert_eq!(std::fs::read(store.blobs().path(&digest)).unwrap(), b"one two");
        assert_eq!(std::fs::read_dir(dir.path().join(FOLDER)).unwrap().count(), 0);
        assert!(matches!(store.blobs().download(&digest).unwrap(), Download::There(_)));
        drop(lease);
    }

    #[test]
    fn what_is_wrong_becomes_no_blob() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let digest = Digest::of("right");
        let mut part = mine(&store, &digest);
        part.append(b"wrong").unwrap();
        assert!(matches!(part.finish().unwrap_err(), BlobError::Mismatch { size: 5, .. }));
        assert!(!store.blobs().contains(&digest));
        let mut part = mine(&store, &digest);
        assert_eq!(part.have(), 0);
        part.append(b"wrong").unwrap();
        part.restart().unwrap();
        part.append(b"right").unwrap();
        part.finish().unwrap();
        assert!(store.blobs().contains(&digest));
    }

    #[test]
    fn old_parts_are_swept_that_nobody_has() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let begun = |text: &str, age: Duration| {
            let mut part = mine(&store, &Digest::of(text));
            part.append(b"x").unwrap();
            part.file.set_modified(SystemTime::now() - age).unwrap();
            part
        };
        drop((begun("old", 2 * LIFETIME), begun("new", Duration::ZERO)));
        let held = begun("held", 2 * LIFETIME);
        let left = || {
            let is = |text: &&str| dir.path().join(FOLDER).join(Digest::of(text).hex()).exists();
            ["old", "new", "held"].into_iter().filter(is).collect::<Vec<_>>()
        };
        sweep(&store, false).unwrap();
        assert_eq!(left(), ["new", "held"]);
        sweep(&store, true).unwrap();
        assert_eq!(left(), ["held"]);
        drop(held);
    }
}
