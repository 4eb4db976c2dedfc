//! The manifest that brings statements into an index.
//!
//! Owns its bytes and those of its config, which are BuildKit's: an image for no platform, whose layers are the statements.

use hlb_llb::Digest;
use serde::Serialize;

use super::Statement;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const STATEMENT: &str = "application/vnd.in-toto+json";
/// The manifest that brings statements into an index. Its platform there is `unknown/unknown`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttestationManifest {
    /// Of OCI's media type.
    pub(crate) manifest: Vec<u8>,
    pub(crate) manifest_digest: Digest,
    pub(crate) config: Vec<u8>,
    pub(crate) config_digest: Digest,
}

// The fields of these are in the order of Go's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Descriptor<'a>,
    layers: Vec<Descriptor<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor<'a> {
    media_type: &'a str,
    digest: &'a str,
    size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    annotations: Option<Annotations<'a>>,
}

#[derive(Serialize)]
struct Annotations<'a> {
    #[serde(rename = "in-toto.io/predicate-type")]
    predicate_type: &'a str,
}

#[derive(Serialize)]
struct Config<'a> {
    architecture: &'a str,
    os: &'a str,
    config: Empty,
    rootfs: RootFs<'a>,
}

#[derive(Serialize)]
struct Empty {}

#[derive(Serialize)]
struct RootFs<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    diff_ids: Vec<&'a str>,
}

/// Makes the manifest for statements about an image. Which image that is, the index says, and each statement. It is itself an
/// image, which every registry takes, and no artifact.
pub(crate) fn manifest(statements: &[Statement]) -> Result<AttestationManifest, serde_json::Error> {
    let digests: Vec<Digest> = statements.iter().map(|statement| Digest::of(&statement.bytes)).collect();
    let config = config(&digests)?;
    let config_digest = Digest::of(&config);
    let layers = statements.iter().zip(&digests).map(|(statement, digest)| Descriptor {
        media_type: STATEMENT,
        digest: digest.as_str(),
        size: statement.bytes.len() as u64,
        annotations: Some(Annotations { predicate_type: statement.predicate_type }),
    });
    let manifest = serde_json::to_vec_pretty(&Manifest {
        schema_version: 2,
        media_type: MANIFEST,
        config: Descriptor {
            media_type: CONFIG,
            digest: config_digest.as_str(),
            size: config.len() as u64,
            annotations: None,
        },
        layers: layers.collect(),
    })?;
    Ok(AttestationManifest { manifest_digest: Digest::of(&manifest), manifest, config, config_digest })
}

fn config(statements: &[Digest]) -> Result<Vec<u8>, serde_json::Error> {
    let diff_ids = statements.iter().map(Digest::as_str).collect();
    let rootfs = RootFs { kind: "layers", diff_ids };
    serde_json::to_vec(&Config { architecture: "unknown", os: "unknown", config: Empty {}, rootfs })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_manifest_has_the_statements_as_layers() {
        let statement = |predicate_type, bytes: &str| Statement {
            predicate_type,
            bytes: bytes.as_bytes().to_vec(),
            file_name: String::new(),
        };
        let statements =
            [statement("https://spdx.dev/Document", "one"), statement("https://slsa.dev/provenance/v1", "two")];
        let made = manifest(&statements).unwrap();
        assert_eq!((made.manifest_digest, made.config_digest), (Digest::of(&made.manifest), Digest::of(&made.config)));
        insta::assert_snapshot!(String::from_utf8(made.config).unwrap(), @r#"{"architecture":"unknown","os":"unknown","config":{},"rootfs":{"type":"layers","diff_ids":["sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed","sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"]}}"#);
        insta::assert_snapshot!(String::from_utf8(made.manifest).unwrap(), @r#"
        {
          "schemaVersion": 2,
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": "sha256:67b93a65012df5cc7d534ba5ade213c776fab27ac85443c001ed40af0708ceb3",
            "size": 241
          },
          "layers": [
            {
              "mediaType": "application/vnd.in-toto+json",
              "digest": "sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
              "size": 3,
              "annotations": {
                "in-toto.io/predicate-type": "https://spdx.dev/Document"
              }
            },
            {
              "mediaType": "application/vnd.in-toto+json",
              "digest": "sha256:3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3",
              "size": 3,
              "annotations": {
                "in-toto.io/predicate-type": "https://slsa.dev/provenance/v1"
              }
            }
          ]
        }
        "#);
    }
}
