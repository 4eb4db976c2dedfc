//! What is known of the blobs of layers.
//!
//! Owns how it is kept in the store: for a list of layers the blob that the topmost came with, and one for each form in which it
//! was packed here. Whether a blob is at hand is not noted. What was noted in other ways by older versions is left alone.

use hlb_llb::Digest;
use hlb_registry::{Descriptor, Platform, ResolvedImage};
use hlb_store::{LayerId, MetaError, Store};
use serde_json::{Value, json};

use super::{Form, LayerBlob, Origin, estargz};
use crate::export::options::Compression;

const NAMESPACE: &str = "layer-blob-2";

/// Which blob of a layer is meant.
#[derive(Clone, Copy, Debug)]
pub(super) enum Which {
    /// The one that it came with.
    Pulled,
    /// The one that was made here.
    Made(Form),
}

/// Notes the blobs of the layers of an image that was pulled.
pub(crate) fn remember(
    store: &Store,
    layers: &[LayerId],
    image: &ResolvedImage,
    platform: &Platform,
) -> Result<(), MetaError> {
    let name = match image.reference.tag() {
        Some(tag) => format!("{}:{tag}@{}", image.reference.repository(), image.root_digest),
        None => format!("{}@{}", image.reference.repository(), image.root_digest),
    };
    let descriptors = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids);
    for (at, (descriptor, diff_id)) in descriptors.take(layers.len()).enumerate() {
        let up_to = layers.get(..=at).unwrap_or_default();
        let Some(compression) = compression(descriptor) else { continue };
        // A blob that is at hand is better than one that would have to be fetched.
        if find(store, up_to, Which::Pulled)?
            .is_some_and(|known| store.blobs().contains(&known.digest) || known.digest == descriptor.digest)
        {
            continue;
        }
        let Descriptor { digest, size, annotations, .. } = descriptor.clone();
        let origin = Some(Origin { reference: name.clone(), platform: platform.clone() });
        let diff_id = diff_id.clone();
        let blob = LayerBlob { diff_id, digest, size, compression, annotations, origin, held: None };
        note(store, up_to, Which::Pulled, &blob)?;
    }
    Ok(())
}

fn compression(layer: &Descriptor) -> Option<Compression> {
    let said = of_media_type(&layer.media_type)?;
    let has_index = said == Compression::Gzip && layer.annotations.contains_key(estargz::INDEX_DIGEST);
    Some(if has_index { Compression::Estargz } else { said })
}

/// The compression that a media type of a layer says.
pub(super) fn of_media_type(media_type: &str) -> Option<Compression> {
    match media_type.rsplit_once("tar")?.1 {
        "" => Some(Compression::None),
        "+gzip" | ".gzip" => Some(Compression::Gzip),
        "+zstd" | ".zstd" => Some(Compression::Zstd),
        _ => None,
    }
}

/// What is known of a blob of the topmost of these layers.
pub(super) fn find(store: &Store, layers: &[LayerId], which: Which) -> Result<Option<LayerBlob>, MetaError> {
    let noted = store.facts().get(NAMESPACE, &key(layers, which))?;
    Ok(noted.and_then(|bytes| read(&serde_json::from_slice(&bytes).ok()?)))
}

pub(super) fn note(store: &Store, layers: &[LayerId], which: Which, blob: &LayerBlob) -> Result<(), MetaError> {
    let origin = blob.origin.as_ref().map(|origin| {
        let Platform { os, architecture, variant } = &origin.platform;
        json!({ "reference": origin.reference, "os": os, "architecture": architecture, "variant": variant })
    });
    let value = json!({
        "diff_id": blob.diff_id.as_str(), "digest": blob.digest.as_str(), "size": blob.size,
        "compression": blob.compression.name(), "annotations": blob.annotations, "origin": origin,
    });
    store.facts().put(NAMESPACE, &key(layers, which), value.to_string().as_bytes())
}

fn key(layers: &[LayerId], which: Which) -> String {
    let names: Vec<&str> = layers.iter().map(LayerId::as_str).collect();
    let which = match which {
        Which::Pulled => "pulled".to_owned(),
        Which::Made(form) => form.text(),
    };
    Digest::of([names.join("\n"), which].join("\n\n")).to_string()
}

fn read(value: &Value) -> Option<LayerBlob> {
    let text = |value: &Value, key: &str| value.get(key)?.as_str().map(ToOwned::to_owned);
    let origin = match value.get("origin")? {
        Value::Null => None,
        origin => Some(Origin {
            reference: text(origin, "reference")?,
            platform: Platform {
                os: text(origin, "os")?,
                architecture: text(origin, "architecture")?,
                variant: text(origin, "variant")?,
            },
        }),
    };
    Some(LayerBlob {
        diff_id: text(value, "diff_id")?.parse().ok()?,
        digest: text(value, "digest")?.parse().ok()?,
        size: value.get("size")?.as_u64()?,
        compression: Compression::named(&text(value, "compression")?)?,
        annotations: serde_json::from_value(value.get("annotations")?.clone()).ok()?,
        origin,
        held: None,
    })
}
