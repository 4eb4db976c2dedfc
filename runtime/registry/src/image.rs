//! The metadata of images: index, manifest, configuration.
//!
//! Owns their shape in JSON, for OCI and for docker's media types alike. Fields that are not named here are kept, so that
//! an image that is changed and written again loses nothing.

use std::collections::BTreeMap;

use hlb_llb::Digest;
use serde::{Deserialize, Deserializer, Serialize};

use crate::digest_text;
use crate::platform::Platform;

/// Fields that this program does not know.
pub(crate) type Rest = BTreeMap<String, serde_json::Value>;

pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
pub(crate) const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
pub(crate) const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";

/// Points at a blob or a manifest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Descriptor {
    /// What the content is.
    #[serde(default)]
    pub media_type: String,
    /// The digest of the content.
    #[serde(with = "digest_text")]
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// What it runs on, for a manifest in an index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub platform: Option<Platform>,
    /// Free text by name.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// One name for the images of several platforms.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Index {
    /// 2.
    pub schema_version: u32,
    /// The index's own type.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// The images.
    #[serde(default, deserialize_with = "nullable")]
    pub manifests: Vec<Descriptor>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// One image: its configuration and its layers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Manifest {
    /// 2.
    pub schema_version: u32,
    /// The manifest's own type.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub media_type: String,
    /// The image's configuration.
    pub config: Descriptor,
    /// The layers, bottom first.
    #[serde(default, deserialize_with = "nullable")]
    pub layers: Vec<Descriptor>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// An image's configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ImageConfig {
    /// What the image runs on.
    #[serde(flatten)]
    pub platform: Platform,
    /// How processes are started in it.
    #[serde(default, deserialize_with = "nullable")]
    pub config: RunConfig,
    /// Its layers.
    #[serde(default)]
    pub rootfs: RootFs,
    /// How each layer was made.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<History>,
    /// Everything else, `created` and `author` among it.
    #[serde(flatten)]
    pub rest: Rest,
}

/// How processes are started in an image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct RunConfig {
    /// User and group, by name or number; empty is root.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub user: String,
    /// `NAME=value`.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub env: Vec<String>,
    /// What always comes first.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub entrypoint: Vec<String>,
    /// What comes next unless something else is asked for.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub cmd: Vec<String>,
    /// Empty is the root directory.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub working_dir: String,
    /// Free text by name.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

/// The layers of an image by what they contain.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RootFs {
    /// `layers`.
    #[serde(rename = "type")]
    pub kind: String,
    /// The digests of the uncompressed layers, bottom first.
    #[serde(default, with = "digest_text::list")]
    pub diff_ids: Vec<Digest>,
}

/// How one layer was made.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// The command or description.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "String::is_empty")]
    pub created_by: String,
    /// Whether it only changed the configuration.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub empty_layer: bool,
    /// Everything else.
    #[serde(flatten)]
    pub rest: Rest,
}

impl Default for RootFs {
    fn default() -> Self {
        Self { kind: "layers".to_owned(), diff_ids: Vec::new() }
    }
}

/// What a reference can lead to.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Root {
    Index(Index),
    Manifest(Box<Manifest>),
}

impl Root {
    /// Reads an index or a manifest. The type is what the document says of itself, else `media_type` (a descriptor's or a
    /// server's word), else what the document looks like.
    pub(crate) fn read(bytes: &[u8], media_type: &str) -> Result<Self, String> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Sight {
            #[serde(default)]
            media_type: String,
            #[serde(default)]
            schema_version: u32,
            manifests: Option<serde_json::Value>,
        }
        let sight: Sight = serde_json::from_slice(bytes).map_err(|error| format!("it is no manifest: {error}"))?;
        if sight.schema_version == 1 {
            return Err("it is a docker schema 1 manifest, which is not supported: push the image again".to_owned());
        }
        let said = if sight.media_type.is_empty() { media_type } else { &sight.media_type };
        let index = match said {
            OCI_INDEX | DOCKER_LIST => true,
            OCI_MANIFEST | DOCKER_MANIFEST => false,
            _ => sight.manifests.is_some(),
        };
        if index {
            serde_json::from_slice(bytes).map(Self::Index).map_err(|error| format!("it is no image index: {error}"))
        } else {
            serde_json::from_slice(bytes)
                .map(Self::Manifest)
                .map_err(|error| format!("it is no image manifest: {error}"))
        }
    }
}

impl Index {
    /// The image that suits a platform best; none if none does. Of equals the first.
    pub fn select(&self, platform: &Platform) -> Option<&Descriptor> {
        self.manifests
            .iter()
            .filter_map(|descriptor| Some((platform.rank(descriptor.platform.as_ref()?)?, descriptor)))
            .min_by_key(|(rank, _)| *rank)
            .map(|(_, descriptor)| descriptor)
    }

    /// The platforms that the index has images for.
    pub(crate) fn offered(&self) -> Vec<String> {
        let known = |platform: &&Platform| platform.os != "unknown";
        self.manifests.iter().filter_map(|it| it.platform.as_ref()).filter(known).map(ToString::to_string).collect()
    }
}

/// Go writes `null` for what is empty.
fn nullable<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn unknown_fields_survive() {
        let text = r#"{"architecture":"amd64","os":"linux","os.version":"1","author":"me","config":{"Env":["A=b"],
            "Cmd":null,"ExposedPorts":{"80/tcp":{}}},"history":[{"created_by":"x","comment":"y"}],
            "rootfs":{"type":"layers","diff_ids":["HEX"]}}"#
            .replace("HEX", HEX);
        let config: ImageConfig = serde_json::from_str(&text).unwrap();
        assert_eq!(config.config.env, ["A=b"]);
        assert!(config.config.cmd.is_empty());
        assert_eq!(config.rootfs.diff_ids.len(), 1);
        let mut before: serde_json::Value = serde_json::from_str(&text).unwrap();
        before["config"].as_object_mut().unwrap().remove("Cmd");
        assert_eq!(serde_json::to_value(&config).unwrap(), before);
    }

    fn root(text: &str, media_type: &str) -> String {
        match Root::read(text.replace("HEX", HEX).as_bytes(), media_type) {
            Ok(Root::Index(index)) => format!("index of {}", index.manifests.len()),
            Ok(Root::Manifest(manifest)) => format!("manifest with {} layers", manifest.layers.len()),
            Err(error) => error,
        }
    }

    #[test]
    fn documents_are_told_apart() {
        let image = r#"{"schemaVersion":2,"config":{"digest":"HEX","size":1},"layers":null}"#;
        insta::assert_snapshot!(root(image, ""), @"manifest with 0 layers");
        insta::assert_snapshot!(root(r#"{"schemaVersion":2,"manifests":[{"digest":"HEX","size":1}]}"#, ""), @"index of 1");
        insta::assert_snapshot!(root(r#"{"schemaVersion":2}"#, OCI_INDEX), @"index of 0");
        insta::assert_snapshot!(root(r#"{"schemaVersion":1}"#, ""), @"it is a docker schema 1 manifest, which is not supported: push the image again");
        insta::assert_snapshot!(root(r#"{"schemaVersion":2}"#, ""), @"it is no image manifest: missing field `config` at line 1 column 19");
        insta::assert_snapshot!(root("<html>", ""), @"it is no manifest: expected value at line 1 column 1");
        insta::assert_snapshot!(root(r#"{"manifests":[{"digest":"sha512:00","size":1}],"schemaVersion":2}"#, ""), @"it is no image index: `sha512:00` is not a digest of the form sha256:<64 hexadecimal digits> at line 1 column 35");
    }
}
