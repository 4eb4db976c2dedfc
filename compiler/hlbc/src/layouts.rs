//! Images in directories with OCI layouts, by the names that programs give them.
//!
//! Owns what such a name may mean. How layouts are read is the registry's business.

use std::path::Path;
use std::sync::Arc;

use hlb_compiler::WorldError;
use hlb_registry::{Images, Platform, Reference, RegistryConfig, ResolvedImage};

use crate::world::chain;

/// A repository that stands for "whatever is there"; references need one.
const ANY: &str = "docker.io/library/layout";

/// The image that a layout has under a tag, a digest or a whole name; the only one for the empty text.
pub(crate) async fn resolve(dir: &Path, name: &str, platform: &Platform) -> Result<Arc<ResolvedImage>, WorldError> {
    let mut missing = None;
    for reference in references(name) {
        let mut config = RegistryConfig::empty();
        // What is added is the repository of a reference, which is one.
        if config.add_layout(&reference.repository(), dir).is_err() {
            continue;
        }
        match Images::new(config).resolve(&reference, platform).await {
            Ok(found) => return Ok(found),
            Err(error) => missing = missing.or(Some(error)),
        }
    }
    Err(WorldError::Other(match missing {
        Some(error) => chain(&error),
        None => format!("`{name}` is neither a tag nor a digest nor the name of an image"),
    }))
}

/// What a name may mean, the likeliest first.
fn references(name: &str) -> Vec<Reference> {
    let texts = match name {
        "" => vec![ANY.to_owned()],
        _ if name.starts_with("sha256:") => vec![format!("{ANY}@{name}")],
        _ if name.contains(['/', ':']) => vec![name.to_owned()],
        // A tag by itself, as `skopeo copy oci:DIR:TAG` writes it, or a short name.
        _ => vec![format!("{ANY}:{name}"), name.to_owned()],
    };
    texts.iter().filter_map(|text| Reference::parse(text).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_tags_digests_or_whole_names() {
        let check = |name: &str, expected: &[&str]| {
            let found: Vec<String> = references(name).iter().map(ToString::to_string).collect();
            assert_eq!(found, expected, "{name}");
        };
        let digest = format!("sha256:{}", "a".repeat(64));
        check("", &["docker.io/library/layout:latest"]);
        check(&digest, &[&format!("docker.io/library/layout@{digest}")]);
        check("app:1", &["docker.io/library/app:1"]);
        check("ghcr.io/a/b", &["ghcr.io/a/b:latest"]);
        check("1.0", &["docker.io/library/layout:1.0", "docker.io/library/1.0:latest"]);
        check("A B", &[]);
    }
}
