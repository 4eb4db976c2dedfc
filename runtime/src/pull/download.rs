//! The blob of a layer as a file on this machine.
//!
//! Owns where it comes from: a layout that the image was found in, the store, or a registry. What is in it is not known here.

use std::path::PathBuf;
use std::sync::Arc;

use hlb_llb::Digest;
use hlb_registry::Descriptor;
use hlb_store::{BlobError, Item, Lease};

use super::{Progress, Supply, lease};
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};

/// A blob on this machine, and what keeps it there.
pub(crate) struct LocalBlob {
    pub(crate) path: PathBuf,
    /// Its digest, if it has been in the store since an earlier build.
    pub(crate) kept: Option<Digest>,
    _held: Option<Lease>,
}

/// Fetches a blob, unless it is here.
///
/// # Errors
/// `ErrorKind::Source`: nobody gives it. `ErrorKind::Environment`: the store refuses.
pub(crate) async fn download(
    engine: &Arc<Engine>,
    progress: &Progress,
    from: &Supply,
    blob: &Descriptor,
) -> Result<LocalBlob, SolveError> {
    if let Supply::Image(image) = from
        && let Some(path) = image.local_blob(blob)
    {
        return Ok(LocalBlob { path, kept: None, _held: None });
    }
    if let Supply::Directory(dir) = from {
        let path = dir.join("blobs/sha256").join(blob.digest.hex());
        if !path.is_file() {
            let sentence = format!("`{}` has no blob {}", dir.display(), blob.digest);
            return Err(SolveError::say(ErrorKind::Source, sentence));
        }
        return Ok(LocalBlob { path, kept: None, _held: None });
    }
    let blobs = engine.store.blobs();
    let path = blobs.path(&blob.digest);
    if let Some(lease) = lease(engine, Item::Blob(blob.digest.clone()))? {
        return Ok(LocalBlob { path, kept: Some(blob.digest.clone()), _held: Some(lease) });
    }
    let environment = |error: BlobError| SolveError::new(ErrorKind::Environment, error);
    let mut writer = blobs.writer().map_err(environment)?;
    let name = blob.digest.as_str();
    let mut progress = |current: u64| progress(name, current, Some(blob.size));
    let fetched = match from {
        Supply::Image(image) => engine.images.fetch_blob(image, blob, &mut writer, &mut progress).await,
        Supply::Repository(reference) => {
            let reference = reference.with_digest(&blob.digest);
            engine.images.fetch_single(&reference, &mut writer, &mut progress).await
        }
        // Given above.
        Supply::Directory(_) => Ok(()),
    };
    fetched.map_err(|error| SolveError::new(ErrorKind::Source, error))?;
    let (_, _, lease) = writer.finish(Some(&blob.digest)).map_err(environment)?;
    Ok(LocalBlob { path, kept: None, _held: Some(lease) })
}
