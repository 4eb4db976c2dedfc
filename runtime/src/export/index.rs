//! The index of one image for several platforms.
//!
//! Owns its bytes, which depend on nothing but the images and their order. What is in the images is `manifest`'s.

use hlb_llb::Digest;
use hlb_registry::Platform;
use serde::Serialize;

use super::manifest::{ConfigError, Documents};

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
    manifests: Vec<Entry<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Entry<'a> {
    media_type: &'a str,
    digest: &'a str,
    size: u64,
    platform: Shown<'a>,
}

#[derive(Serialize)]
struct Shown<'a> {
    architecture: &'a str,
    os: &'a str,
    #[serde(skip_serializing_if = "str::is_empty")]
    variant: &'a str,
}

/// Makes the index of images, in their order.
pub(crate) fn index<'a>(
    images: impl Iterator<Item = (&'a Platform, &'a Documents)>,
    oci: bool,
) -> Result<Index, ConfigError> {
    let media_type = if oci { OCI } else { DOCKER };
    let manifests = images.map(|(platform, documents)| entry(platform, documents)).collect();
    let bytes = serde_json::to_vec_pretty(&Document { schema_version: 2, media_type, manifests })?;
    Ok(Index { digest: Digest::of(&bytes), bytes, media_type })
}

fn entry<'a>(platform: &'a Platform, documents: &'a Documents) -> Entry<'a> {
    let Platform { os, architecture, variant } = platform;
    Entry {
        media_type: documents.media_type,
        digest: documents.manifest_digest.as_str(),
        size: documents.manifest.len() as u64,
        platform: Shown { architecture, os, variant },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::export::manifest::documents;

    fn check(oci: bool) -> String {
        let platforms = [Platform::new("linux", "arm", "v7"), Platform::new("linux", "amd64", "")];
        let images: Vec<_> =
            platforms.iter().map(|platform| (platform, documents(b"{}", &[], oci, platform).unwrap())).collect();
        let index = index(images.iter().map(|(platform, documents)| (*platform, documents)), oci).unwrap();
        assert_eq!(index.digest, Digest::of(&index.bytes));
        String::from_utf8(index.bytes).unwrap()
    }

    #[test]
    fn indexes_name_manifests_of_their_family() {
        insta::assert_snapshot!(check(true), @r#"
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
        let docker = check(false);
        assert!(docker.contains(DOCKER) && docker.matches("distribution.manifest.v2+json").count() == 2, "{docker}");
    }
}
