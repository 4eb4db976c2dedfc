//! The document that a shared cache is: BuildKit's `application/vnd.buildkit.cacheconfig.v0`.
//!
//! Owns its form, byte for byte, and no meaning of it: what follows from what is for `graph` to read and for `draft` to write.
//! Layers and records name one another by their numbers.

use std::time::SystemTime;

use hlb_llb::Digest;
use serde::{Deserialize, Serialize};

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct CacheConfig {
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub(crate) layers: Vec<CacheLayer>,
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub(crate) records: Vec<CacheRecord>,
}

/// One layer of results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CacheLayer {
    #[serde(with = "digest_text")]
    pub(crate) blob: Digest,
    /// The layer that it lies on; -1 for none. Left out, it is layer 0.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub(crate) parent: i64,
}

/// One key, and what is known under it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CacheRecord {
    /// Results by their topmost layer.
    #[serde(rename = "layers", default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub(crate) results: Vec<CacheResult>,
    /// Results by all of their layers.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub(crate) chains: Vec<CacheChain>,
    /// The digest of what the step does and of the number of the output.
    #[serde(with = "digest_text")]
    pub(crate) digest: Digest,
    /// For each input of the step, every key that stands for it.
    #[serde(default, deserialize_with = "nullable", skip_serializing_if = "Vec::is_empty")]
    pub(crate) inputs: Vec<Vec<CacheInput>>,
}

/// A result: a layer with all that it lies on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CacheResult {
    pub(crate) layer: usize,
    #[serde(rename = "createdAt", with = "time_text", default = "no_time")]
    pub(crate) created_at: SystemTime,
}

/// A result: layers, bottom first.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CacheChain {
    pub(crate) layers: Vec<usize>,
    #[serde(rename = "createdAt", with = "time_text", default = "no_time")]
    pub(crate) created_at: SystemTime,
}

/// A key that stands for an input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct CacheInput {
    /// What of the input counts; empty for everything.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) selector: String,
    /// The record of the key.
    pub(crate) link: usize,
}

fn is_zero(number: &i64) -> bool {
    *number == 0
}

fn no_time() -> SystemTime {
    SystemTime::UNIX_EPOCH
}

/// Go writes `null` for what is empty.
fn nullable<'de, D: serde::Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

mod digest_text {
    use hlb_llb::Digest;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(digest.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Digest, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

mod time_text {
    use std::time::SystemTime;

    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::super::time;

    pub(super) fn serialize<S: Serializer>(at: &SystemTime, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&time::write(*at))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SystemTime, D::Error> {
        let text = String::deserialize(deserializer)?;
        time::read(&text).ok_or_else(|| de::Error::custom(format!("`{text}` is no time")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_buildkit_wrote_is_written_as_it_was() {
        for name in ["t1", "t2"] {
            let path = format!("{}/tests/cache-keys/{name}.cacheconfig.json", env!("CARGO_MANIFEST_DIR"));
            let text = std::fs::read_to_string(path).unwrap();
            let config: CacheConfig = serde_json::from_str(&text).unwrap();
            // The file is laid out for people, the document is not.
            let compact: String = text.lines().map(|line| line.trim_start().replacen("\": ", "\":", 1)).collect();
            assert_eq!(serde_json::to_string(&config).unwrap(), compact, "{name}");
        }
    }

    #[test]
    fn what_is_left_out_has_a_meaning() {
        let digest = Digest::of("x");
        let check = |text: String, again: Option<&str>| {
            let config: CacheConfig = serde_json::from_str(&text).unwrap();
            let written = serde_json::to_string(&config).unwrap();
            assert_eq!(written, again.map_or(text, str::to_owned));
        };
        check("{}".to_owned(), None);
        check(r#"{"layers":null,"records":null}"#.to_owned(), Some("{}"));
        check(format!(r#"{{"layers":[{{"blob":"{digest}"}},{{"blob":"{digest}","parent":-1}}]}}"#), None);
        let chains = r#""chains":[{"layers":[0,1],"createdAt":"2024-01-01T00:00:00Z"}]"#;
        check(format!(r#"{{"records":[{{{chains},"digest":"{digest}","inputs":[[{{"link":0}}]]}}]}}"#), None);
    }

    #[test]
    fn what_is_no_such_document_is_told() {
        let check = |text: &str| serde_json::from_str::<CacheConfig>(text).unwrap_err().to_string();
        insta::assert_snapshot!(check("5"), @"invalid type: integer `5`, expected struct CacheConfig at line 1 column 1");
        insta::assert_snapshot!(check(r#"{"records":[{"digest":"random:1"}]}"#), @"`random:1` is not a digest of the form sha256:<64 hexadecimal digits> at line 1 column 33");
    }
}
