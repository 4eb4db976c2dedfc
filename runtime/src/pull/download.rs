//! Blobs as files on this machine.
//!
//! Owns where one comes from: a layout that an image was found in, the store, or a registry; and that one comes once, however many
//! solves and processes want it. What is in it is not known here.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hlb_llb::Digest;
use hlb_registry::{Descriptor, ImageError, Images, Landing, Reference, ResolvedImage};
use hlb_store::{BlobError, Download, Item, Lease, Part, Store};
use tokio_util::task::AbortOnDropHandle;

use super::{Progress, Supply};
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;

/// Between two looks at what somebody else downloads: at first, and at last.
const POLL: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(200));

/// A blob on this machine, and what keeps it there.
pub(crate) struct LocalBlob {
    pub(crate) path: PathBuf,
    /// Its digest, if it has been in the store since an earlier build.
    pub(crate) kept: Option<Digest>,
    /// One of a layout stays as long as the layout does.
    pub(crate) held: Option<Lease>,
}

/// Where blobs come to, and who gets them.
#[derive(Clone, Copy)]
pub(crate) struct Into<'a> {
    pub(crate) store: &'a Store,
    pub(crate) images: &'a Images,
}

fn of(engine: &Engine) -> Into<'_> {
    Into { store: &engine.store, images: &engine.images }
}

/// Who is asked for a blob.
enum Source {
    Image(Arc<ResolvedImage>, Descriptor),
    Repository(Reference),
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
    let source = match from {
        Supply::Image(image) => match image.local_blob(blob) {
            Some(path) => return Ok(LocalBlob { path, kept: None, held: None }),
            None => Source::Image(Arc::clone(image), blob.clone()),
        },
        Supply::Directory(dir) => {
            let path = dir.join("blobs/sha256").join(blob.digest.hex());
            if !path.is_file() {
                let sentence = format!("`{}` has no blob {}", dir.display(), blob.digest);
                return Err(SolveError::say(ErrorKind::Source, sentence));
            }
            return Ok(LocalBlob { path, kept: None, held: None });
        }
        Supply::Repository(reference) => Source::Repository(reference.with_digest(&blob.digest)),
    };
    let (engine, progress) = (Arc::clone(engine), Arc::clone(progress));
    let (digest, size) = (blob.digest.clone(), blob.size);
    // A task of its own: whoever waits for several may be busy with the first, and a download that nobody looks after is taken
    // for one that is too slow.
    let bringing = tokio::spawn(async move { bring(of(&engine), &progress, &source, &digest, Some(size)).await });
    let brought = AbortOnDropHandle::new(bringing).await;
    brought.unwrap_or_else(|error| Err(SolveError::new(ErrorKind::Internal, error)))
}

/// Fetches the blob that a reference names by its digest, unless it is here.
///
/// # Errors
/// As [`download`].
pub(crate) async fn download_single(
    into: Into<'_>,
    progress: &Progress,
    reference: &Reference,
    digest: &Digest,
    size: Option<u64>,
) -> Result<LocalBlob, SolveError> {
    bring(into, progress, &Source::Repository(reference.clone()), digest, size).await
}

/// Fetches a blob of an image into the store, also if the image is in a layout, unless it is there.
///
/// # Errors
/// As [`download`].
pub(crate) async fn download_into_store(
    engine: &Engine,
    image: &Arc<ResolvedImage>,
    blob: &Descriptor,
) -> Result<Option<Lease>, SolveError> {
    let silent: Progress = Arc::new(|_, _, _| {});
    let source = Source::Image(Arc::clone(image), blob.clone());
    Ok(bring(of(engine), &silent, &source, &blob.digest, Some(blob.size)).await?.held)
}

async fn bring(
    Into { store, images }: Into<'_>,
    progress: &Progress,
    source: &Source,
    digest: &Digest,
    size: Option<u64>,
) -> Result<LocalBlob, SolveError> {
    let path = store.blobs().path(digest);
    let here = store.lease(&[Item::Blob(digest.clone())]);
    if let Some(lease) = here.map_err(|error| SolveError::new(ErrorKind::Environment, error))? {
        return Ok(LocalBlob { path, kept: Some(digest.clone()), held: Some(lease) });
    }
    let environment = |error: BlobError| SolveError::new(ErrorKind::Environment, error);
    let name = digest.as_str();
    let mut poll = POLL.0;
    let part = loop {
        let (store, wanted) = (store.clone(), digest.clone());
        // What has come before is read.
        match blocking(move || store.blobs().download(&wanted).map_err(environment)).await? {
            Download::There(lease) => return Ok(LocalBlob { path, kept: None, held: Some(lease) }),
            Download::Mine(part) => break part,
            Download::Busy(current) => progress(name, current, size),
        }
        tokio::time::sleep(poll).await;
        poll = (poll * 2).min(POLL.1);
    };
    let mut landing = InStore(part);
    let mut told = |current: u64| progress(name, current, size);
    let fetched: Result<(), ImageError> = match source {
        Source::Image(image, blob) => images.fetch(image, blob, &mut landing, &mut told).await,
        Source::Repository(reference) => images.fetch_at(reference, size, &mut landing, &mut told).await,
    };
    fetched.map_err(|error| match &error {
        ImageError::Write { .. } => SolveError::new(ErrorKind::Environment, error),
        _ => SolveError::new(ErrorKind::Source, error),
    })?;
    // The disk is waited for.
    let lease = blocking(move || landing.0.finish().map_err(environment)).await?;
    Ok(LocalBlob { path, kept: None, held: Some(lease) })
}

/// The store's side of a download.
struct InStore(Box<Part>);

impl Landing for InStore {
    fn have(&self) -> u64 {
        self.0.have()
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.0.append(bytes)
    }

    fn restart(&mut self) -> io::Result<()> {
        self.0.restart()
    }

    fn digest(&self) -> Digest {
        self.0.digest()
    }
}
