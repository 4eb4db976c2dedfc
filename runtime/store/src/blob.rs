//! Content by digest.
//!
//! Owns the one way in: bytes are written to scratch space and hashed as they pass, and a rename makes them visible once
//! the digest is known to be right. A blob that is there is whole.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;

use crate::claim::ClaimError;
use crate::lease::{self, Item, Lease, LeaseError};
use crate::store::{Inner, Store, make_dir};

/// The blobs of a store.
#[derive(Debug, Clone, Copy)]
pub struct Blobs<'store> {
    pub(crate) inner: &'store Arc<Inner>,
}

/// A blob that is being written; dropping it unfinished removes it.
pub struct BlobWriter {
    inner: Arc<Inner>,
    file: BufWriter<File>,
    path: PathBuf,
    hasher: Hasher,
    size: u64,
}

/// A blob cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    /// It is not in the store.
    #[error("blob {digest} is not in the store")]
    Missing {
        /// Its digest.
        digest: Digest,
    },
    /// The bytes are not those that were promised.
    #[error("expected content with digest {expected}, got {size} bytes with digest {actual}")]
    Mismatch {
        /// The digest that was promised.
        expected: Box<Digest>,
        /// The digest of the bytes.
        actual: Box<Digest>,
        /// How many bytes came.
        size: u64,
    },
    /// The file system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it did not work.
        #[source]
        source: io::Error,
    },
    /// Its use cannot be noted.
    #[error(transparent)]
    Lease(#[from] LeaseError),
    /// It cannot be told whether somebody brings it.
    #[error(transparent)]
    Claim(ClaimError),
}

impl Blobs<'_> {
    /// Whether a blob is in the store.
    pub fn contains(&self, digest: &Digest) -> bool {
        self.path(digest).is_file()
    }

    /// Where a blob is, or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        place(&self.inner.root, digest)
    }

    /// Opens a blob for reading.
    ///
    /// # Errors
    /// When it is not there or cannot be read.
    pub fn open(&self, digest: &Digest) -> Result<File, BlobError> {
        let path = self.path(digest);
        File::open(&path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => BlobError::Missing { digest: digest.clone() },
            _ => BlobError::Io { action: "open", path, source },
        })
    }

    /// Adds a small blob.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn put(&self, bytes: impl AsRef<[u8]>) -> Result<Digest, BlobError> {
        let bytes = bytes.as_ref();
        let digest = Digest::of(bytes);
        if !self.contains(&digest) {
            let mut writer = self.writer()?;
            writer.write_all(bytes).map_err(|source| writer.error("write", source))?;
            writer.finish(Some(&digest))?;
        }
        Ok(digest)
    }

    /// Starts a blob of which neither size nor digest need be known.
    ///
    /// # Errors
    /// When the scratch file cannot be made.
    pub fn writer(&self) -> Result<BlobWriter, BlobError> {
        let session = &self.inner.session;
        let fail = |path: &Path, source| BlobError::Io { action: "create", path: path.to_owned(), source };
        let path = session.fresh("blobs").map_err(|error| fail(session.dir(), error))?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o444)
            .open(&path)
            .map_err(|error| fail(&path, error))?;
        let file = BufWriter::with_capacity(128 << 10, file);
        Ok(BlobWriter { inner: Arc::clone(self.inner), file, path, hasher: Hasher::default(), size: 0 })
    }

    /// Removes a blob, if it is there. Who has it open keeps reading it.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, digest: &Digest) -> Result<(), BlobError> {
        let path = self.path(digest);
        match std::fs::remove_file(&path) {
            Err(source) if source.kind() != io::ErrorKind::NotFound => {
                Err(BlobError::Io { action: "remove", path, source })
            }
            _ => Ok(()),
        }
    }
}

impl BlobWriter {
    /// How many bytes have come so far.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Ends the blob and makes it visible, in use from the first moment on. Returns its digest and its size in bytes.
    ///
    /// # Errors
    /// When the digest is not the expected one (nothing becomes visible) or the blob cannot be written.
    pub fn finish(mut self, expected: Option<&Digest>) -> Result<(Digest, u64, Lease), BlobError> {
        let digest = std::mem::take(&mut self.hasher).finish();
        if let Some(expected) = expected.filter(|expected| **expected != digest) {
            return Err(BlobError::Mismatch {
                expected: Box::new(expected.clone()),
                actual: Box::new(digest),
                size: self.size,
            });
        }
        self.file.flush().map_err(|source| self.error("write", source))?;
        let held = publish(&self.inner, self.file.get_ref(), &self.path, &digest)?;
        Ok((digest, self.size, held))
    }

    fn error(&self, action: &'static str, source: io::Error) -> BlobError {
        BlobError::Io { action, path: self.path.clone(), source }
    }
}

impl Write for BlobWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..count).unwrap_or(bytes));
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for BlobWriter {
    fn drop(&mut self) {
        // After `finish` there is nothing under this name; what stays goes with the session.
        let _ = std::fs::remove_file(&self.path);
    }
}

impl std::fmt::Debug for BlobWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BlobWriter").field("path", &self.path).field("size", &self.size).finish_non_exhaustive()
    }
}

/// Makes a blob of a file whose content is right, unless it is there already. It is in use from the first moment on.
pub(crate) fn publish(inner: &Arc<Inner>, file: &File, path: &Path, digest: &Digest) -> Result<Lease, BlobError> {
    let items = [Item::Blob(digest.clone())];
    let place = place(&inner.root, digest);
    let known = if place.is_file() { Store { inner: Arc::clone(inner) }.lease(&items)? } else { None };
    if let Some(held) = known {
        return Ok(held);
    }
    // Without this a power cut can leave the name with no content behind it.
    file.sync_all().map_err(|source| BlobError::Io { action: "write", path: path.to_owned(), source })?;
    let using = lease::using(&inner.root)?;
    let held = lease::hold(inner, &items, &using)?;
    let publish = || {
        place.parent().map_or(Ok(()), make_dir)?;
        std::fs::rename(path, &place)
    };
    publish().map_err(|source| BlobError::Io { action: "create", path: place.clone(), source })?;
    Ok(held)
}

fn place(root: &Path, digest: &Digest) -> PathBuf {
    let hex = digest.hex();
    root.join("blobs/sha256").join(hex.get(..2).unwrap_or("")).join(hex)
}
