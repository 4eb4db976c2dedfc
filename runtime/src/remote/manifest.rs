//! What the document of a shared cache stands in: an image manifest or an index, or the configuration of an image.
//!
//! Owns their form. Where the bytes come from is not known here.

use std::collections::{BTreeMap, HashMap};

use base64::Engine as _;
use hlb_llb::Digest;
use hlb_registry::{Descriptor, ImageConfig, Index, Manifest};
use serde::Serialize;
use serde_json::Value;

use super::config::{CacheConfig, CacheLayer, CacheRecord};
use super::graph::RemoteLayer;
use crate::export::manifest::Target;

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The type of the document of a cache.
const CONFIG: &str = "application/vnd.buildkit.cacheconfig.v0";
/// The key of an image's configuration that holds records.
pub(crate) const INLINE: &str = "moby.buildkit.cache.v0";
/// The annotation of a layer that says what its archive is.
const DIFF_ID: &str = "containerd.io/uncompressed";
const CREATED_AT: &str = "buildkit/createdat";

/// What a cache is read from.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Root {
    /// The document by itself, and the layers.
    Cache { config: Box<Descriptor>, layers: Vec<Descriptor> },
    /// An image that may hold records.
    Image(Box<Manifest>),
    /// Such images.
    Images(Vec<Descriptor>),
}

/// A document with the layers that can be had, by digest.
pub(crate) type Read = (CacheConfig, HashMap<Digest, RemoteLayer>);

/// A layer to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) media_type: String,
    pub(crate) digest: Digest,
    pub(crate) size: u64,
    pub(crate) diff_id: Digest,
    /// When it was made, as text.
    pub(crate) created_at: String,
}

/// A cache as it is written: the document, and what names it and the layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Written {
    pub(crate) config: Vec<u8>,
    pub(crate) config_digest: Digest,
    pub(crate) manifest: Vec<u8>,
    pub(crate) manifest_digest: Digest,
    pub(crate) media_type: &'static str,
}

/// Tells what a manifest or an index is.
///
/// # Errors
/// If it is neither; in words.
pub(crate) fn root(bytes: &[u8]) -> Result<Root, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| format!("it is no manifest: {error}"))?;
    if value.get("manifests").is_some() {
        let index: Index = serde_json::from_value(value).map_err(|error| format!("it is no index: {error}"))?;
        let (mut configs, layers): (Vec<_>, Vec<_>) =
            index.manifests.into_iter().partition(|descriptor| descriptor.media_type == CONFIG);
        return Ok(match configs.pop() {
            Some(config) => Root::Cache { config: Box::new(config), layers },
            // What is for no platform speaks of other images.
            None => Root::Images(layers.into_iter().filter(|it| it.platform.as_ref().is_none_or(is_known)).collect()),
        });
    }
    let manifest: Manifest = serde_json::from_value(value).map_err(|error| format!("it is no manifest: {error}"))?;
    Ok(match manifest.config.media_type.as_str() {
        CONFIG => Root::Cache { config: Box::new(manifest.config), layers: manifest.layers },
        _ => Root::Image(Box::new(manifest)),
    })
}

fn is_known(platform: &hlb_registry::Platform) -> bool {
    platform.os != "unknown"
}

/// Reads the document of a cache.
///
/// # Errors
/// If it is none; in words.
pub(crate) fn document(bytes: &[u8], layers: Vec<Descriptor>) -> Result<Read, String> {
    let config = serde_json::from_slice(bytes).map_err(|error| format!("its document cannot be read: {error}"))?;
    let layer = |blob: Descriptor| {
        let diff_id = blob.annotations.get(DIFF_ID)?.parse().ok()?;
        Some((blob.digest.clone(), RemoteLayer { blob, diff_id }))
    };
    Ok((config, layers.into_iter().filter_map(layer).collect()))
}

/// Reads the records in the configuration of an image; `None` if it has none.
///
/// # Errors
/// If they cannot be read; in words.
pub(crate) fn inline(manifest: &Manifest, config: &[u8]) -> Result<Option<Read>, String> {
    let words = |error: &dyn std::fmt::Display| format!("the cache in its configuration cannot be read: {error}");
    let image: ImageConfig = serde_json::from_slice(config).map_err(|error| words(&error))?;
    let Some(text) = image.rest.get(INLINE) else { return Ok(None) };
    let text = text.as_str().ok_or_else(|| words(&"it is no text"))?;
    let bytes = base64::engine::general_purpose::STANDARD.decode(text).map_err(|error| words(&error))?;
    let records: Option<Vec<CacheRecord>> = serde_json::from_slice(&bytes).map_err(|error| words(&error))?;
    // The image has the layers in order.
    let layer = |(at, blob): (i64, &Descriptor)| CacheLayer { blob: blob.digest.clone(), parent: at - 1 };
    let layers = (0..).zip(&manifest.layers).map(layer).collect();
    let blobs = manifest.layers.iter().zip(image.rootfs.diff_ids);
    let blobs = blobs.map(|(blob, diff_id)| (blob.digest.clone(), RemoteLayer { blob: blob.clone(), diff_id }));
    Ok(Some((CacheConfig { layers, records: records.unwrap_or_default() }, blobs.collect())))
}

/// Records as the value that the configuration of an image has for them.
pub(crate) fn to_inline(records: &[CacheRecord]) -> serde_json::Result<String> {
    Ok(base64::engine::general_purpose::STANDARD.encode(serde_json::to_vec(records)?))
}

/// Writes a cache: layers in the order of the document, each once.
pub(crate) fn write(
    config: &CacheConfig,
    parts: &HashMap<Digest, Part>,
    image_manifest: bool,
) -> serde_json::Result<Written> {
    let bytes = serde_json::to_vec(config)?;
    let config_digest = Digest::of(&bytes);
    let mut seen = std::collections::HashSet::new();
    let layers = config.layers.iter().filter(|layer| seen.insert(&layer.blob));
    let layers = layers.filter_map(|layer| parts.get(&layer.blob)).map(|part| Target {
        media_type: &part.media_type,
        digest: part.digest.as_str(),
        size: part.size,
        annotations: BTreeMap::from([(CREATED_AT, part.created_at.as_str()), (DIFF_ID, part.diff_id.as_str())]),
    });
    let target = Target {
        media_type: CONFIG,
        digest: config_digest.as_str(),
        size: bytes.len() as u64,
        annotations: BTreeMap::new(),
    };
    let media_type = if image_manifest { MANIFEST } else { INDEX };
    let head = Head { schema_version: 2, media_type };
    let manifest = if image_manifest {
        serde_json::to_vec_pretty(&ManifestDocument { head, config: target, layers: layers.collect() })?
    } else {
        serde_json::to_vec_pretty(&IndexDocument { head, manifests: layers.chain([target]).collect() })?
    };
    let manifest_digest = Digest::of(&manifest);
    Ok(Written { config_digest, manifest_digest, media_type, config: bytes, manifest })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    schema_version: u32,
    media_type: &'static str,
}

#[derive(Serialize)]
struct ManifestDocument<'a> {
    #[serde(flatten)]
    head: Head,
    config: Target<'a>,
    layers: Vec<Target<'a>>,
}

#[derive(Serialize)]
struct IndexDocument<'a> {
    #[serde(flatten)]
    head: Head,
    manifests: Vec<Target<'a>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> Part {
        Part {
            media_type: "application/vnd.oci.image.layer.v1.tar+gzip".to_owned(),
            digest: Digest::of(text),
            size: 5,
            diff_id: Digest::of([text, " diff"].concat()),
            created_at: "2024-01-01T00:00:00Z".to_owned(),
        }
    }

    fn config(layers: &[&str]) -> CacheConfig {
        let layer = |text: &&str| CacheLayer { blob: Digest::of(text), parent: -1 };
        CacheConfig { layers: layers.iter().map(layer).collect(), records: Vec::new() }
    }

    #[test]
    fn what_is_written_can_be_read() {
        for image_manifest in [true, false] {
            let config = config(&["a", "b", "a"]);
            let parts = ["a", "b"].map(|text| (Digest::of(text), part(text))).into_iter().collect();
            let written = write(&config, &parts, image_manifest).unwrap();
            let Root::Cache { config: document, layers } = root(&written.manifest).unwrap() else { panic!("no cache") };
            assert_eq!((document.digest, layers.len()), (written.config_digest, 2));
            let (read, blobs) = super::document(&written.config, layers).unwrap();
            assert_eq!((read, blobs.len()), (config, 2));
            assert_eq!(blobs[&Digest::of("b")].diff_id, Digest::of("b diff"));
        }
        // No layers at all are a cache, too.
        let empty = write(&config(&[]), &HashMap::new(), true).unwrap();
        assert_eq!(empty.config, b"{}");
        insta::assert_snapshot!(String::from_utf8(empty.manifest).unwrap(), @r#"
        {
          "schemaVersion": 2,
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "config": {
            "mediaType": "application/vnd.buildkit.cacheconfig.v0",
            "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
            "size": 2
          },
          "layers": []
        }
        "#);
    }

    #[test]
    fn images_hold_records_of_their_layers() {
        let (blob, diff) = (Digest::of("blob"), Digest::of("diff"));
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"digest":"{diff}","size":1}},"layers":[{{"digest":"{blob}","size":1}}]}}"#
        );
        let Root::Image(manifest) = root(manifest.as_bytes()).unwrap() else { panic!("no image") };
        let check = |value: &str| {
            let config = format!(
                r#"{{"os":"linux","architecture":"amd64","rootfs":{{"type":"layers","diff_ids":["{diff}"]}}{value}}}"#
            );
            inline(&manifest, config.as_bytes())
        };
        assert_eq!(check("").unwrap(), None);
        let record = CacheRecord { results: Vec::new(), chains: Vec::new(), digest: diff.clone(), inputs: Vec::new() };
        let text = to_inline(std::slice::from_ref(&record)).unwrap();
        let (config, blobs) = check(&format!(r#","{INLINE}":"{text}""#)).unwrap().unwrap();
        assert_eq!(
            config,
            CacheConfig { layers: vec![CacheLayer { blob: blob.clone(), parent: -1 }], records: vec![record] }
        );
        assert_eq!(blobs[&blob].diff_id, diff);
        let wrong = |value: &str| check(&format!(r#","{INLINE}":{value}"#)).unwrap_err();
        insta::assert_snapshot!(wrong("5"), @"the cache in its configuration cannot be read: it is no text");
        insta::assert_snapshot!(wrong(r#""e30=""#), @"the cache in its configuration cannot be read: invalid type: map, expected a sequence at line 1 column 0");
    }

    #[test]
    fn other_documents_are_told_apart() {
        insta::assert_snapshot!(root(b"x").unwrap_err(), @"it is no manifest: expected value at line 1 column 1");
        insta::assert_snapshot!(root(b"{}").unwrap_err(), @"it is no manifest: missing field `schemaVersion`");
        let digest = Digest::of("x");
        let index = format!(
            r#"{{"schemaVersion":2,"manifests":[{{"digest":"{digest}","size":1,"platform":{{"os":"linux","architecture":"arm64"}}}},
            {{"digest":"{digest}","size":1,"platform":{{"os":"unknown","architecture":"unknown"}}}}]}}"#
        );
        assert!(matches!(root(index.as_bytes()).unwrap(), Root::Images(images) if images.len() == 1));
        let broken = document(b"{\"records\":5}", Vec::new()).unwrap_err();
        insta::assert_snapshot!(broken, @"its document cannot be read: invalid type: integer `5`, expected a sequence at line 1 column 12");
    }
}
