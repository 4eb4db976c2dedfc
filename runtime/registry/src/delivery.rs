//! The blobs of images.
//!
//! Owns who is asked for one, and in which order: a layout, or mirrors and the registry.

use std::io::{self, SeekFrom};

use tokio::io::{AsyncReadExt, AsyncSeekExt};

use crate::client::Endpoint;
use crate::failure::FailureKind;
use crate::fetch::{Arrival, Landing, Stop};
use crate::image::Descriptor;
use crate::images::{ImageError, Images, ResolvedImage, Source, boxed, failure};
use crate::layout::{Layout, LayoutError};
use crate::reference::Reference;

impl Images {
    /// Brings a blob of an image to a landing, and checks it against the descriptor's size and digest: if this succeeds,
    /// the landing has the blob, and otherwise nothing that is known to be wrong. `progress` gets the number of bytes that
    /// are there.
    ///
    /// # Errors
    /// When no source gives the blob, or it cannot be kept.
    pub async fn fetch(
        &self,
        image: &ResolvedImage,
        blob: &Descriptor,
        landing: &mut dyn Landing,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), ImageError> {
        let arrival = Arrival { digest: &blob.digest, size: Some(blob.size), landing, progress };
        match &image.source {
            Source::Layout(layout) => {
                let reference = &image.reference;
                copy(layout, arrival).await.map_err(|stop| match stop {
                    Stop::Write(error) => unwritten(reference, &error),
                    Stop::Registry(kind) => ImageError::Layout {
                        reference: boxed(reference),
                        cause: LayoutError::Read {
                            path: layout.path(&blob.digest),
                            reason: match kind {
                                FailureKind::Content { reason } => reason,
                                other => other.to_string(),
                            },
                        },
                    },
                })
            }
            Source::Registry { endpoints } => self.receive(&image.reference, endpoints, arrival).await,
        }
    }

    /// Brings the blob that a reference names by its digest to a landing, as [`Images::fetch`] does. `size` is how large it
    /// is, if that is known.
    ///
    /// # Errors
    /// When the reference has no digest, or nobody gives the blob, or it cannot be kept.
    pub async fn fetch_at(
        &self,
        reference: &Reference,
        size: Option<u64>,
        landing: &mut dyn Landing,
        progress: &mut (dyn FnMut(u64) + Send),
    ) -> Result<(), ImageError> {
        let Some(digest) = reference.digest() else {
            let reason = "a blob is named by its digest".to_owned();
            return Err(ImageError::Unusable { reference: boxed(reference), reason });
        };
        let arrival = Arrival { digest, size, landing, progress };
        self.receive(reference, &self.endpoints(reference), arrival).await
    }

    /// Receives a blob from the first that gives it.
    pub(crate) async fn receive(
        &self,
        reference: &Reference,
        endpoints: &[Endpoint],
        mut arrival: Arrival<'_>,
    ) -> Result<(), ImageError> {
        if self.is_offline() {
            return Err(ImageError::Offline { reference: boxed(reference) });
        }
        let mut failures = Vec::new();
        for endpoint in self.circuit.closed(endpoints) {
            match self.client.blob(endpoint, reference.path(), &mut arrival).await {
                Ok(()) => {
                    self.circuit.note(endpoint, None);
                    return Ok(());
                }
                Err(Stop::Write(error)) => return Err(unwritten(reference, &error)),
                Err(Stop::Registry(kind)) => {
                    self.circuit.note(endpoint, Some(&kind));
                    failures.push(failure(endpoint, kind));
                }
            }
        }
        Err(ImageError::Registry { reference: boxed(reference), failures })
    }
}

fn unwritten(reference: &Reference, error: &io::Error) -> ImageError {
    ImageError::Write { reference: boxed(reference), reason: error.to_string() }
}

async fn copy(layout: &Layout, mut arrival: Arrival<'_>) -> Result<(), Stop> {
    let wrong = |reason: String| Stop::Registry(FailureKind::Content { reason });
    let read = |error: io::Error| wrong(error.to_string());
    let place = layout.place(arrival.digest);
    let (path, range) = place.ok_or_else(|| wrong("the archive does not have it".to_owned()))?;
    let mut file = tokio::fs::File::open(path).await.map_err(read)?;
    file.seek(SeekFrom::Start(range.offset)).await.map_err(read)?;
    let mut file = file.take(range.size);
    // What others began is not worth continuing when the whole is here.
    arrival.restart()?;
    let mut buffer = vec![0; 256 << 10];
    loop {
        let count = file.read(&mut buffer).await.map_err(read)?;
        match buffer.get(..count) {
            None | Some([]) => return arrival.check(),
            Some(bytes) => arrival.append(bytes)?,
        }
    }
}
