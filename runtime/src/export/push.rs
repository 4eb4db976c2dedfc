//! Images into a registry.
//!
//! Owns the order in which the parts of an image get there, and that none travels that is there already. The requests are
//! `hlb-registry`'s.

use std::collections::HashSet;

use futures_util::FutureExt;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use hlb_registry::{Pusher, Reference};

use super::image::{ImageError, Packed, TRANSFERS};
use super::index::Index;
use super::layers::fetch;
use crate::engine::Engine;
use crate::layer_blob::LayerBlob;

/// Blobs first, the manifest last, so that nobody pulls half an image.
pub(super) async fn one(engine: &Engine, pusher: &Pusher<'_>, image: &Packed) -> Result<(), ImageError> {
    let documents = &image.documents;
    if pusher.has_manifest(&documents.manifest_digest, documents.media_type).await? {
        return Ok(());
    }
    upload_all(engine, pusher, &[image]).await?;
    Ok(pusher.put_manifest(&documents.manifest, documents.media_type).await?)
}

/// Blobs first, then the manifests, the index last.
pub(super) async fn several(
    engine: &Engine,
    pusher: &Pusher<'_>,
    index: &Index,
    images: &[Packed],
) -> Result<(), ImageError> {
    if pusher.has_manifest(&index.digest, index.media_type).await? {
        return Ok(());
    }
    let mut missing = Vec::new();
    for image in images {
        let documents = &image.documents;
        if !pusher.has_part(&documents.manifest_digest, documents.media_type).await? {
            missing.push(image);
        }
    }
    upload_all(engine, pusher, &missing).await?;
    for Packed { documents, .. } in missing {
        pusher.put_part(&documents.manifest, documents.media_type).await?;
    }
    Ok(pusher.put_manifest(&index.bytes, index.media_type).await?)
}

/// All that manifests name, each once.
async fn upload_all(engine: &Engine, pusher: &Pusher<'_>, images: &[&Packed]) -> Result<(), ImageError> {
    let mut seen = HashSet::new();
    let blobs = images.iter().flat_map(|image| &image.blobs).filter(|blob| seen.insert(&blob.digest));
    let uploads: Vec<_> = blobs.map(|blob| upload(engine, pusher, blob).boxed()).collect();
    stream::iter(uploads).buffer_unordered(TRANSFERS).try_collect::<()>().await?;
    for Packed { documents, .. } in images {
        if !pusher.has_blob(&documents.config_digest).await? {
            pusher.upload_bytes(&documents.config_digest, &documents.config).await?;
        }
    }
    Ok(())
}

pub(crate) async fn upload(engine: &Engine, pusher: &Pusher<'_>, blob: &LayerBlob) -> Result<(), ImageError> {
    if pusher.has_blob(&blob.digest).await? {
        return Ok(());
    }
    if let Some(from) = blob.origin.as_ref().and_then(|origin| Reference::parse(&origin.reference).ok())
        && pusher.mount_blob(&blob.digest, &from).await
    {
        return Ok(());
    }
    let layer = fetch(engine, blob).await?;
    Ok(pusher.upload_file(&layer.digest, &layer.path, layer.size).await?)
}
