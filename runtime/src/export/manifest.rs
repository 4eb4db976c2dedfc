//! The documents of an image: its configuration and its manifest.
//!
//! Owns their bytes, which depend on nothing but what they say: no clock, keys in order. What the caller's configuration says
//! beyond what is needed here is kept as it is.

use std::collections::BTreeMap;

use hlb_llb::Digest;
use hlb_registry::Platform;
use serde::Serialize;
use serde_json::{Map, Value, json};

use super::options::Compression;
use crate::layer_blob::LayerBlob;

/// The time of what has no time.
const NO_TIME: &str = "1970-01-01T00:00:00Z";

/// An image but for its layers.
#[derive(Clone, Debug)]
pub(crate) struct Documents {
    pub(crate) config: Vec<u8>,
    pub(crate) config_digest: Digest,
    pub(crate) manifest: Vec<u8>,
    pub(crate) manifest_digest: Digest,
    /// Of the manifest.
    pub(crate) media_type: &'static str,
}

/// A configuration that no image can have.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConfigError {
    #[error("the configuration of the image is not JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the configuration of the image is not a JSON object")]
    NotAnObject,
}

/// Media types of one family.
struct Types {
    manifest: &'static str,
    config: &'static str,
    layers: [(Compression, &'static str); 4],
}

const OCI: Types = Types {
    manifest: "application/vnd.oci.image.manifest.v1+json",
    config: "application/vnd.oci.image.config.v1+json",
    layers: [
        (Compression::Gzip, "application/vnd.oci.image.layer.v1.tar+gzip"),
        (Compression::Estargz, "application/vnd.oci.image.layer.v1.tar+gzip"),
        (Compression::Zstd, "application/vnd.oci.image.layer.v1.tar+zstd"),
        (Compression::None, "application/vnd.oci.image.layer.v1.tar"),
    ],
};

const DOCKER: Types = Types {
    manifest: "application/vnd.docker.distribution.manifest.v2+json",
    config: "application/vnd.docker.container.image.v1+json",
    layers: [
        (Compression::Gzip, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        (Compression::Estargz, "application/vnd.docker.image.rootfs.diff.tar.gzip"),
        (Compression::Zstd, "application/vnd.docker.image.rootfs.diff.tar.zstd"),
        (Compression::None, "application/vnd.docker.image.rootfs.diff.tar"),
    ],
};

impl Types {
    fn layer(&self, compression: Compression) -> &'static str {
        self.layers.iter().find(|(it, _)| *it == compression).map_or("", |(_, name)| name)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    schema_version: u32,
    media_type: &'a str,
    config: Target<'a>,
    layers: Vec<Target<'a>>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    annotations: &'a BTreeMap<String, String>,
}

/// What leads to a blob or a document.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Target<'a> {
    pub(crate) media_type: &'a str,
    pub(crate) digest: &'a str,
    /// In bytes.
    pub(crate) size: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<&'a str, &'a str>,
}

/// What documents say beyond what they are about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Style {
    /// Media types of OCI in place of Docker's.
    pub(crate) oci: bool,
    /// Of the manifest.
    pub(crate) annotations: BTreeMap<String, String>,
    /// The time of what has no time, and of the image, in seconds since 1970.
    pub(crate) epoch: Option<u64>,
}

/// The media type of the archive of a layer, as OCI says it.
pub(crate) fn layer_type(compression: Compression) -> &'static str {
    OCI.layer(compression)
}

/// Makes the documents of an image of these layers. `platform` is that of a configuration that says none.
pub(crate) fn documents(
    config: &[u8],
    layers: &[LayerBlob],
    style: &Style,
    platform: &Platform,
) -> Result<Documents, ConfigError> {
    let oci = style.oci;
    let types = if oci { &OCI } else { &DOCKER };
    let config = complete(config, layers, platform, style.epoch)?;
    let config_digest = Digest::of(&config);
    let target = |layer| {
        let LayerBlob { digest, size, compression, annotations, .. }: &LayerBlob = layer;
        let media_type = types.layer(*compression);
        // Docker's manifests have no annotations.
        let kept = annotations.iter().filter(|(key, _)| oci && !is_passing(key));
        Target {
            media_type,
            digest: digest.as_str(),
            size: *size,
            annotations: kept.map(|(key, value)| (key.as_str(), value.as_str())).collect(),
        }
    };
    let manifest = Manifest {
        schema_version: 2,
        media_type: types.manifest,
        config: Target {
            media_type: types.config,
            digest: config_digest.as_str(),
            size: config.len() as u64,
            annotations: BTreeMap::new(),
        },
        layers: layers.iter().map(target).collect(),
        annotations: &style.annotations,
    };
    let manifest = serde_json::to_vec_pretty(&manifest)?;
    let manifest_digest = Digest::of(&manifest);
    Ok(Documents { config, config_digest, manifest, manifest_digest, media_type: types.manifest })
}

/// What a configuration says that the image runs on; `otherwise` where it does not.
pub(crate) fn platform(config: &[u8], otherwise: &Platform) -> Platform {
    let said: Value = serde_json::from_slice(config).unwrap_or_default();
    let text = |key: &str| said.get(key).and_then(Value::as_str).unwrap_or_default();
    match (text("os"), text("architecture")) {
        ("", _) | (_, "") => otherwise.clone(),
        (os, architecture) => Platform::new(os, architecture, text("variant")),
    }
}

/// Whether an annotation speaks of how a layer came here rather than of the layer.
fn is_passing(key: &str) -> bool {
    key == "containerd.io/uncompressed"
        || key == "buildkit/createdat"
        || key.starts_with("containerd.io/distribution.source.")
}

fn complete(
    config: &[u8],
    layers: &[LayerBlob],
    platform: &Platform,
    epoch: Option<u64>,
) -> Result<Vec<u8>, ConfigError> {
    let epoch = epoch.map(rfc3339);
    let Value::Object(mut config) = serde_json::from_slice(config)? else { return Err(ConfigError::NotAnObject) };
    let missing = |config: &Map<String, Value>, key| config.get(key).and_then(Value::as_str).is_none_or(str::is_empty);
    if missing(&config, "architecture") && missing(&config, "variant") && !platform.variant.is_empty() {
        config.insert("variant".to_owned(), platform.variant.clone().into());
    }
    for (key, value) in [("os", &platform.os), ("architecture", &platform.architecture)] {
        if missing(&config, key) {
            config.insert(key.to_owned(), value.clone().into());
        }
    }
    let diff_ids: Vec<&str> = layers.iter().map(|layer| layer.diff_id.as_str()).collect();
    config.insert("rootfs".to_owned(), json!({ "type": "layers", "diff_ids": diff_ids }));
    let entries = config.remove("history").and_then(|history| match history {
        Value::Array(entries) => Some(entries),
        _ => None,
    });
    let entries = history(entries.unwrap_or_default(), layers.len(), epoch.as_deref());
    let said = config.get("created").and_then(Value::as_str);
    let created = match (said, &epoch) {
        (Some(said), Some(epoch)) if instant(said) > instant(epoch) => epoch.clone(),
        (Some(said), _) => said.to_owned(),
        (None, Some(epoch)) => epoch.clone(),
        (None, None) => {
            let times = entries.iter().filter_map(|entry| entry.get("created")?.as_str());
            times.max_by_key(|time| instant(time)).unwrap_or(NO_TIME).to_owned()
        }
    };
    config.insert("created".to_owned(), created.into());
    config.insert("history".to_owned(), entries.into());
    Ok(serde_json::to_vec(&Value::Object(config))?)
}

/// Brings the history into line with the layers: as many entries with a layer as there are layers, each with a time. Entries that
/// have one keep it: they were there before this build.
fn history(entries: Vec<Value>, layers: usize, epoch: Option<&str>) -> Vec<Value> {
    let mut entries: Vec<Map<String, Value>> = entries
        .into_iter()
        .filter_map(|entry| if let Value::Object(entry) = entry { Some(entry) } else { None })
        .collect();
    let mut with_layer = 0;
    for entry in &mut entries {
        if entry.get("empty_layer") == Some(&Value::Bool(true)) {
            continue;
        }
        with_layer += 1;
        if with_layer > layers {
            entry.insert("empty_layer".to_owned(), true.into());
        }
    }
    for _ in with_layer..layers {
        let made = json!({ "created_by": "a build step", "comment": "exported from a build graph" });
        entries.extend(made.as_object().cloned());
    }
    let mut time = NO_TIME.to_owned();
    for entry in &mut entries {
        match entry.get("created").and_then(Value::as_str) {
            Some(known) => known.clone_into(&mut time),
            None => drop(entry.insert("created".to_owned(), epoch.unwrap_or(&time).into())),
        }
    }
    entries.into_iter().map(Value::Object).collect()
}

/// Orders times in RFC 3339 in UTC, as images have them; others by their text.
fn instant(time: &str) -> (&str, &str) {
    let time = time.trim_end_matches('Z');
    time.split_once('.').unwrap_or((time, ""))
}

/// A time as images say it. Those that no calendar has are the last that one has.
pub(super) fn rfc3339(seconds: u64) -> String {
    // 9999-12-31T23:59:59Z
    let seconds = seconds.min(253_402_300_799);
    let (days, clock) = (seconds / 86_400, seconds % 86_400);
    // Days since March of year 0: leap days come at the end of their years.
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (year, month) = if month < 10 { (0, month + 3) } else { (1, month - 9) };
    let year = year + year_of_era + era * 400;
    let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layer(text: &str, compression: Compression) -> LayerBlob {
        LayerBlob {
            diff_id: Digest::of(text),
            digest: Digest::of([text, "gz"].concat()),
            size: text.len() as u64,
            compression,
            annotations: BTreeMap::new(),
            origin: None,
            held: None,
        }
    }

    fn oci() -> Style {
        Style { oci: true, ..Style::default() }
    }

    /// The configuration, with digests cut short.
    fn config(text: &str, layers: usize) -> String {
        let layers: Vec<_> = (0..layers).map(|at| layer(&at.to_string(), Compression::Gzip)).collect();
        let documents = documents(text.as_bytes(), &layers, &oci(), &Platform::host()).unwrap();
        let text = String::from_utf8(documents.config).unwrap();
        layers.iter().fold(text, |text, layer| text.replace(&layer.diff_id.hex()[4..], "…"))
    }

    const PLATFORM: &str = r#""os":"linux","architecture":"arm64""#;

    #[test]
    fn layers_and_times_are_filled_in() {
        let empty = config(&format!("{{{PLATFORM}}}"), 0);
        insta::assert_snapshot!(empty, @r#"{"architecture":"arm64","created":"1970-01-01T00:00:00Z","history":[],"os":"linux","rootfs":{"diff_ids":[],"type":"layers"}}"#);
        let steps = r#""history":[{"created":"2020-01-02T00:00:00Z","created_by":"base"},{"created_by":"env","empty_layer":true},{"created_by":"run"}]"#;
        insta::assert_snapshot!(config(&format!("{{{PLATFORM},{steps}}}"), 2), @r#"{"architecture":"arm64","created":"2020-01-02T00:00:00Z","history":[{"created":"2020-01-02T00:00:00Z","created_by":"base"},{"created":"2020-01-02T00:00:00Z","created_by":"env","empty_layer":true},{"created":"2020-01-02T00:00:00Z","created_by":"run"}],"os":"linux","rootfs":{"diff_ids":["sha256:5fec…","sha256:6b86…"],"type":"layers"}}"#);
        insta::assert_snapshot!(config(&format!("{{{PLATFORM},{steps}}}"), 3), @r#"{"architecture":"arm64","created":"2020-01-02T00:00:00Z","history":[{"created":"2020-01-02T00:00:00Z","created_by":"base"},{"created":"2020-01-02T00:00:00Z","created_by":"env","empty_layer":true},{"created":"2020-01-02T00:00:00Z","created_by":"run"},{"comment":"exported from a build graph","created":"2020-01-02T00:00:00Z","created_by":"a build step"}],"os":"linux","rootfs":{"diff_ids":["sha256:5fec…","sha256:6b86…","sha256:d473…"],"type":"layers"}}"#);
        insta::assert_snapshot!(config(&format!("{{{PLATFORM},{steps}}}"), 1), @r#"{"architecture":"arm64","created":"2020-01-02T00:00:00Z","history":[{"created":"2020-01-02T00:00:00Z","created_by":"base"},{"created":"2020-01-02T00:00:00Z","created_by":"env","empty_layer":true},{"created":"2020-01-02T00:00:00Z","created_by":"run","empty_layer":true}],"os":"linux","rootfs":{"diff_ids":["sha256:5fec…"],"type":"layers"}}"#);
    }

    #[test]
    fn what_is_said_is_kept() {
        let said = format!(
            r#"{{{PLATFORM},"variant":"v8","created":"2021-01-01T00:00:00Z","x":{{"y":[1]}},"author":"<me>"}}"#
        );
        insta::assert_snapshot!(config(&said, 1), @r#"{"architecture":"arm64","author":"<me>","created":"2021-01-01T00:00:00Z","history":[{"comment":"exported from a build graph","created":"1970-01-01T00:00:00Z","created_by":"a build step"}],"os":"linux","rootfs":{"diff_ids":["sha256:5fec…"],"type":"layers"},"variant":"v8","x":{"y":[1]}}"#);
        let host = config(r#"{"os":""}"#, 0);
        let host: Value = serde_json::from_str(&host).unwrap();
        assert_eq!(
            (&host["os"], &host["architecture"]),
            (&Platform::host().os.into(), &Platform::host().architecture.into())
        );
        let arm = documents(b"{}", &[], &oci(), &Platform::new("linux", "arm", "v6")).unwrap();
        let arm: Value = serde_json::from_slice(&arm.config).unwrap();
        assert_eq!((&arm["architecture"], &arm["variant"]), (&"arm".into(), &"v6".into()));
        for (text, expected) in [
            ("[]", "the configuration of the image is not a JSON object"),
            ("{", "the configuration of the image is not JSON: EOF while parsing an object at line 1 column 1"),
        ] {
            assert_eq!(documents(text.as_bytes(), &[], &oci(), &Platform::host()).unwrap_err().to_string(), expected);
        }
    }

    #[test]
    fn manifests_name_types_of_one_family() {
        let mut plain = layer("a", Compression::None);
        plain.annotations =
            [("kept", "1"), ("containerd.io/uncompressed", "2")].map(|(k, v)| (k.to_owned(), v.to_owned())).into();
        let layers = [plain, layer("b", Compression::Zstd)];
        let manifest = |oci| {
            let style = Style { oci, ..Style::default() };
            String::from_utf8(
                documents(b"{\"os\":\"linux\",\"architecture\":\"amd64\"}", &layers, &style, &Platform::host())
                    .unwrap()
                    .manifest,
            )
            .unwrap()
        };
        insta::assert_snapshot!(manifest(true), @r#"
        {
          "schemaVersion": 2,
          "mediaType": "application/vnd.oci.image.manifest.v1+json",
          "config": {
            "mediaType": "application/vnd.oci.image.config.v1+json",
            "digest": "sha256:99068020570b71e44e3ff66c4ab45c4f531c4b4bc3c6a3a8e607b4f023baa4ed",
            "size": 476
          },
          "layers": [
            {
              "mediaType": "application/vnd.oci.image.layer.v1.tar",
              "digest": "sha256:4ff9ab537c261e3cf7e07eba033eebe32873ce92e38b7e612e0b5732a2602cc6",
              "size": 1,
              "annotations": {
                "kept": "1"
              }
            },
            {
              "mediaType": "application/vnd.oci.image.layer.v1.tar+zstd",
              "digest": "sha256:447c4df244909f565027fba20fb3a32bf6d247592148a7784dbf7843ffb689ba",
              "size": 1
            }
          ]
        }
        "#);
        insta::assert_snapshot!(manifest(false), @r#"
        {
          "schemaVersion": 2,
          "mediaType": "application/vnd.docker.distribution.manifest.v2+json",
          "config": {
            "mediaType": "application/vnd.docker.container.image.v1+json",
            "digest": "sha256:99068020570b71e44e3ff66c4ab45c4f531c4b4bc3c6a3a8e607b4f023baa4ed",
            "size": 476
          },
          "layers": [
            {
              "mediaType": "application/vnd.docker.image.rootfs.diff.tar",
              "digest": "sha256:4ff9ab537c261e3cf7e07eba033eebe32873ce92e38b7e612e0b5732a2602cc6",
              "size": 1
            },
            {
              "mediaType": "application/vnd.docker.image.rootfs.diff.tar.zstd",
              "digest": "sha256:447c4df244909f565027fba20fb3a32bf6d247592148a7784dbf7843ffb689ba",
              "size": 1
            }
          ]
        }
        "#);
    }

    #[test]
    fn with_an_epoch_nothing_of_the_build_is_later() {
        let of = |created: &str| {
            let steps = r#""history":[{"created":"2030-01-02T00:00:00Z","created_by":"base"},{"created_by":"run"}]"#;
            let text = format!("{{{PLATFORM},{created}{steps}}}");
            let style = Style { epoch: Some(1_000_000_000), ..oci() };
            let made = documents(text.as_bytes(), &[], &style, &Platform::host()).unwrap();
            let made: Value = serde_json::from_slice(&made.config).unwrap();
            [&made["created"], &made["history"][0]["created"], &made["history"][1]["created"]]
                .map(Value::to_string)
                .join(" ")
        };
        let base = r#""2030-01-02T00:00:00Z" "2001-09-09T01:46:40Z""#;
        assert_eq!(of(""), format!(r#""2001-09-09T01:46:40Z" {base}"#));
        assert_eq!(of(r#""created":"2031-01-01T00:00:00.5Z","#), format!(r#""2001-09-09T01:46:40Z" {base}"#));
        assert_eq!(of(r#""created":"1999-01-01T00:00:00Z","#), format!(r#""1999-01-01T00:00:00Z" {base}"#));
    }

    #[test]
    fn manifests_have_annotations() {
        let annotations = [("b", "2"), ("a", "1")].map(|(key, value)| (key.to_owned(), value.to_owned())).into();
        let style = Style { annotations, ..oci() };
        let made = documents(b"{}", &[], &style, &Platform::host()).unwrap();
        let text = String::from_utf8(made.manifest).unwrap();
        assert!(
            text.ends_with("\"layers\": [],\n  \"annotations\": {\n    \"a\": \"1\",\n    \"b\": \"2\"\n  }\n}"),
            "{text}"
        );
    }

    #[test]
    fn times_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_799, "2000-02-29T23:59:59Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (1_798_761_599, "2026-12-31T23:59:59Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), expected);
        }
    }
}
