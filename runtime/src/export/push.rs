//! Images into a registry.
//!
//! Owns the order in which the parts of an image get there, and that none travels that is there already, also under another of
//! the names of the image. The requests are `hlb-registry`'s.

use std::collections::HashSet;
use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hlb_llb::Digest;
use hlb_registry::{Pusher, Reference};

use super::image::{ImageError, Made, OCI_MANIFEST, Packed, TRANSFERS};
use super::index::Index;
use super::layers::fetch;
use crate::engine::Engine;
use crate::layer_blob::LayerBlob;

/// Questions that are asked at a time: they are small, and mostly waiting.
const QUESTIONS: usize = 8;

/// Pushes an image to its first name, then to all others side by side, which take from the first what they can. With `untagged`
/// nothing leads to it but its digest.
pub(super) async fn all(
    engine: &Arc<Engine>,
    names: &[Reference],
    made: &Made,
    untagged: bool,
) -> Result<(), ImageError> {
    let Some((first, others)) = names.split_first() else { return Err(ImageError::NoName) };
    push(engine, first, None, made, untagged).await?;
    let pushing: Vec<BoxFuture<'_, Result<(), ImageError>>> =
        others.iter().map(|name| push(engine, name, Some(first), made, untagged).boxed()).collect();
    future::try_join_all(pushing).await.map(drop)
}

async fn push(
    engine: &Arc<Engine>,
    name: &Reference,
    from: Option<&Reference>,
    made: &Made,
    untagged: bool,
) -> Result<(), ImageError> {
    let way = Way { engine, pusher: engine.images.pusher(name)?, from, untagged };
    match made {
        Made::One(image) => way.one(image).await,
        Made::Several(index, images) => way.several(index, images).await,
    }
}

/// How one name is pushed to.
struct Way<'a> {
    engine: &'a Arc<Engine>,
    pusher: Pusher<'a>,
    /// Where all of it is by now.
    from: Option<&'a Reference>,
    untagged: bool,
}

impl Way<'_> {
    /// Blobs first, the manifest last, so that nobody pulls half an image.
    async fn one(&self, image: &Packed) -> Result<(), ImageError> {
        let documents = &image.documents;
        if self.is_there(&documents.manifest_digest, documents.media_type).await? {
            return Ok(());
        }
        self.upload_all(&[image]).await?;
        self.end(&documents.manifest, documents.media_type).await
    }

    /// Blobs first, then the manifests, the index last.
    async fn several(&self, index: &Index, images: &[Packed]) -> Result<(), ImageError> {
        if self.is_there(&index.digest, index.media_type).await? {
            return Ok(());
        }
        let asking = images.iter().map(|image| async move {
            let documents = &image.documents;
            let there = self.pusher.has_part(&documents.manifest_digest, documents.media_type).await?;
            Ok::<_, ImageError>(if there { None } else { Some(image) })
        });
        let asking: Vec<BoxFuture<'_, _>> = asking.map(FutureExt::boxed).collect();
        let missing: Vec<Option<&Packed>> = stream::iter(asking).buffered(QUESTIONS).try_collect().await?;
        let missing: Vec<&Packed> = missing.into_iter().flatten().collect();
        self.upload_all(&missing).await?;
        let documents = missing.iter().map(|image| &image.documents);
        let documents = documents.map(|it| self.pusher.put_part(&it.manifest, it.media_type).boxed());
        future::try_join_all(documents.collect::<Vec<_>>()).await?;
        for said in images.iter().filter_map(|image| image.said.as_ref()) {
            if self.pusher.has_part(&said.manifest.manifest_digest, OCI_MANIFEST).await? {
                continue;
            }
            for (digest, bytes) in said.blobs() {
                self.upload_bytes(&digest, bytes).await?;
            }
            self.pusher.put_part(&said.manifest.manifest, OCI_MANIFEST).await?;
        }
        self.end(&index.bytes, index.media_type).await
    }

    async fn is_there(&self, digest: &Digest, media_type: &str) -> Result<bool, ImageError> {
        Ok(match self.untagged {
            true => self.pusher.has_part(digest, media_type).await?,
            false => self.pusher.has_manifest(digest, media_type).await?,
        })
    }

    async fn end(&self, bytes: &[u8], media_type: &str) -> Result<(), ImageError> {
        match self.untagged {
            true => self.pusher.put_part(bytes, media_type).await?,
            false => self.pusher.put_manifest(bytes, media_type).await?,
        }
        Ok(())
    }

    /// All that manifests name, each once.
    async fn upload_all(&self, images: &[&Packed]) -> Result<(), ImageError> {
        let mut seen = HashSet::new();
        let blobs = images.iter().flat_map(|image| &image.blobs).filter(|blob| seen.insert(&blob.digest));
        let asking = blobs.map(|blob| async move {
            Ok::<_, ImageError>(if self.pusher.has_blob(&blob.digest).await? { None } else { Some(blob) })
        });
        let asking: Vec<BoxFuture<'_, _>> = asking.map(FutureExt::boxed).collect();
        let missing: Vec<Option<&LayerBlob>> = stream::iter(asking).buffered(QUESTIONS).try_collect().await?;
        let uploads: Vec<_> = missing.into_iter().flatten().map(|blob| self.upload(blob).boxed()).collect();
        stream::iter(uploads).buffer_unordered(TRANSFERS).try_collect::<()>().await?;
        for Packed { documents, .. } in images {
            self.upload_bytes(&documents.config_digest, &documents.config).await?;
        }
        Ok(())
    }

    async fn upload(&self, blob: &LayerBlob) -> Result<(), ImageError> {
        let origin = blob.origin.as_ref().and_then(|origin| Reference::parse(&origin.reference).ok());
        for from in self.from.into_iter().chain(&origin) {
            if self.pusher.mount_blob(&blob.digest, from).await {
                return Ok(());
            }
        }
        let layer = fetch(self.engine, blob).await?;
        Ok(self.pusher.upload_file(&layer.digest, &layer.path, layer.size).await?)
    }

    async fn upload_bytes(&self, digest: &Digest, bytes: &[u8]) -> Result<(), ImageError> {
        if self.pusher.has_blob(digest).await? {
            return Ok(());
        }
        Ok(self.pusher.upload_bytes(digest, bytes).await?)
    }
}
