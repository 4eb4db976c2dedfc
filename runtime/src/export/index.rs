//! The index of one image for several platforms.
//!
//! Owns its bytes, which depend on nothing but the images and their order. What is in the images is `manifest`'s.

use std::collections::BTreeMap;

use hlb_llb::Digest;
use hlb_registry::Platform;
use serde::Serialize;

use super::manifest::ConfigError;

const OCI: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// An index.
#[derive(Clone, Debug)]
pub(crate) struct Index {
    pub(crate) bytes: Vec<u8>,
    pub(crate) digest: Digest,
    pub(crate) media_type: &'static str,
}

// The fields of these are in the order of Go's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Document<'a> {
    schema_version: u32,
    media_type: &'a str,
    manifests: &'a [Entry<'a>],
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

/// What leads to one of the manifests.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Entry<'a> {
    pub(crate) media_type: &'a str,
    pub(crate) digest: &'a str,
    pub(crate) size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
    #[serde(serialize_with = "shown")]
    pub(crate) platform: &'a Platform,
}

#[derive(Serialize)]
struct Shown<'a> {
    architecture: &'a str,
    os: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    variant: &'a str,
}

fn shown<S: serde::Serializer>(platform: &&Platform, to: S) -> Result<S::Ok, S::Error> {
    let Platform { os, architecture, variant } = platform;
    Shown { architecture, os, variant }.serialize(to)
}

/// Makes the index of manifests, in their order.
pub(crate) fn index(
    manifests: &[Entry<'_>],
    annotations: &BTreeMap<String, String>,
    oci: bool,
) -> Result<Index, ConfigError> {
    let media_type = if oci { OCI } else { DOCKER };
    let bytes = serde_json::to_vec_pretty(&Document { schema_version: 2, media_type, manifests, annotations })?;
    Ok(Index { digest: Digest::of(&bytes), bytes, media_type })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::manifest::{Style, documents};

    fn check(oci: bool, annotations: &BTreeMap<String, String>) -> String {
        let platforms = [Platform::new("linux", "arm", "v7"), Platform::new("linux", "amd64", "")];
        let style = Style { oci, ..Style::default() };
        let images: Vec<_> =
            platforms.iter().map(|platform| (platform, documents(b"{}", &[], &style, platform).unwrap())).collect();
        let entries: Vec<Entry<'_>> = images
            .iter()
            .map(|(platform, documents)| Entry {
                media_type: documents.media_type,
                digest: documents.manifest_digest.as_str(),
                size: documents.manifest.len() as u64,
                annotations: annotations.clone(),
                platform,
            })
            .collect();
        let index = index(&entries, annotations, oci).unwrap();
        assert_eq!(index.digest, Digest::of(&index.bytes));
        String::from_utf8(index.bytes).unwrap()
    }

    #[test]
    fn indexes_name_manifests_of_their_family() {
        insta::assert_snapshot!(check(true, &BTreeMap::new()), @r#"
        {
          "schemaVersion": 2,
          "mediaType": "application/vnd.oci.image.index.v1+json",
          "manifests": [
            {
              "mediaType": "application/vnd.oci.image.manifest.v1+json",
              "digest": "sha256:574d898e93b767a253916567682bfced701260c5d2c53816c8ebc04b9fd7f9e8",
              "size": 286,
              "platform": {
                "architecture": "arm",
                "os": "linux",
                "variant": "v7"
              }
            },
            {
              "mediaType": "application/vnd.oci.image.manifest.v1+json",
              "digest": "sha256:7fb69a0713658f2f6e90900172067cb78300d48836196a47c327c42d98449068",
              "size": 286,
              "platform": {
                "architecture": "amd64",
                "os": "linux"
              }
            }
          ]
        }
        "#);
        let docker = check(false, &BTreeMap::new());
        assert!(docker.contains(DOCKER) && docker.matches("distribution.manifest.v2+json").count() == 2, "{docker}");
    }

    #[test]
    fn indexes_and_their_entries_have_annotations() {
        let text = check(true, &[("a".to_owned(), "1".to_owned())].into());
        assert_eq!(text.matches("\"a\": \"1\"").count(), 3, "{text}");
        assert!(text.contains("\"size\": 286,\n      \"annotations\": {"), "{text}");
        assert!(text.ends_with("],\n  \"annotations\": {\n    \"a\": \"1\"\n  }\n}"), "{text}");
    }
}
