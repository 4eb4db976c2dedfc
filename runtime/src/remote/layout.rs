//! Shared caches in directories: OCI layouts.
//!
//! Owns how a document and layers are found there, and how they get there: blobs by their digests, then the entry of the index, by
//! rename and one process at a time. Other entries stay.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use rustix::fs::FlockOperation;
use serde_json::{Value, json};

use super::Which;
use super::manifest::Written;

/// The annotation of an entry that names it.
const NAME: &str = "org.opencontainers.image.ref.name";
const VERSION: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;
/// Bytes of a document that is not even looked at.
const MAX_DOCUMENT: u64 = 32 << 20;

/// A layout that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LayoutError {
    #[error("cannot {action} `{}`: {source}", .path.display())]
    Io { action: &'static str, path: PathBuf, source: io::Error },
    #[error("`{}` is no index of an OCI layout: {reason}", .0.display(), reason = .1)]
    Index(PathBuf, String),
    #[error("`{}` has no cache `{wanted}`, it has {}", .directory.display(), .offered.join(", "))]
    Missing { directory: PathBuf, wanted: String, offered: Vec<String> },
    #[error("`{}` is damaged: its content has another digest", .0.display())]
    Damaged(PathBuf),
}

fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LayoutError {
    move |source| LayoutError::Io { action, path: path.to_owned(), source }
}

/// Where a blob is.
pub(crate) fn blob_path(directory: &Path, digest: &Digest) -> PathBuf {
    directory.join("blobs/sha256").join(digest.hex())
}

/// The digest of the manifest of a cache.
pub(crate) fn find(directory: &Path, which: &Which) -> Result<Digest, LayoutError> {
    let path = directory.join("index.json");
    let index = index(&path)?;
    let (mut offered, mut found) = (Vec::new(), None);
    for entry in index.get("manifests").and_then(Value::as_array).into_iter().flatten() {
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        let digest = text(entry.get("digest"));
        let name = text(entry.get("annotations").and_then(|all| all.get(NAME)));
        let is_it = match which {
            Which::Tag(tag) => name.as_ref() == Some(tag),
            Which::Digest(wanted) => digest.as_deref() == Some(wanted.as_str()),
        };
        offered.extend(name.or_else(|| digest.clone()).map(|name| format!("`{name}`")));
        if is_it {
            found = digest.and_then(|digest| digest.parse().ok());
        }
    }
    if offered.is_empty() {
        offered.push("none at all".to_owned());
    }
    let wanted = match which {
        Which::Tag(tag) => tag.clone(),
        Which::Digest(digest) => digest.to_string(),
    };
    found.ok_or_else(|| LayoutError::Missing { directory: directory.to_owned(), wanted, offered })
}

/// A document by its digest, checked.
pub(crate) fn document(directory: &Path, digest: &Digest) -> Result<Vec<u8>, LayoutError> {
    let path = blob_path(directory, digest);
    let size = fs::metadata(&path).map_err(io("read", &path))?.len();
    if size > MAX_DOCUMENT {
        return Err(LayoutError::Index(path, format!("it has {size} bytes")));
    }
    let bytes = fs::read(&path).map_err(io("read", &path))?;
    if Digest::of(&bytes) == *digest { Ok(bytes) } else { Err(LayoutError::Damaged(path)) }
}

/// Makes sure that there is a layout.
pub(crate) fn make(directory: &Path) -> Result<(), LayoutError> {
    let blobs = directory.join("blobs/sha256");
    fs::create_dir_all(&blobs).map_err(io("make", &blobs))?;
    let marker = directory.join("oci-layout");
    if !marker.exists() {
        write(&marker, VERSION.as_bytes())?;
    }
    Ok(())
}

/// Copies a blob from a file, unless it is there.
pub(crate) fn copy_blob(directory: &Path, digest: &Digest, from: &Path) -> Result<(), LayoutError> {
    let path = blob_path(directory, digest);
    if path.is_file() {
        return Ok(());
    }
    let new = beside(&path);
    fs::copy(from, &new).map_err(io("write", &new))?;
    fs::rename(&new, &path).map_err(io("write", &path))
}

/// Writes a blob, unless it is there.
pub(crate) fn write_blob(directory: &Path, digest: &Digest, bytes: &[u8]) -> Result<(), LayoutError> {
    let path = blob_path(directory, digest);
    if path.is_file() { Ok(()) } else { write(&path, bytes) }
}

/// Writes the documents of a cache whose layers are there, and has a name stand for it.
pub(crate) fn publish(directory: &Path, tag: &str, written: &Written) -> Result<(), LayoutError> {
    write_blob(directory, &written.config_digest, &written.config)?;
    write_blob(directory, &written.manifest_digest, &written.manifest)?;
    let entry = json!({
        "mediaType": written.media_type, "digest": written.manifest_digest.as_str(), "size": written.manifest.len(),
        "annotations": { NAME: tag },
    });
    name(directory, tag, entry)
}

/// Has a name stand for a manifest.
pub(crate) fn name(directory: &Path, tag: &str, entry: Value) -> Result<(), LayoutError> {
    let (path, lock) = (directory.join("index.json"), directory.join("index.json.lock"));
    let held = File::options().create(true).truncate(false).write(true).open(&lock).map_err(io("lock", &lock))?;
    rustix::fs::flock(&held, FlockOperation::LockExclusive).map_err(|error| io("lock", &lock)(error.into()))?;
    let mut index = match index(&path) {
        Err(LayoutError::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [],
        }),
        other => other?,
    };
    let wrong = || LayoutError::Index(path.clone(), "it has no list of manifests".to_owned());
    let entries = index.get_mut("manifests").and_then(Value::as_array_mut).ok_or_else(wrong)?;
    entries.retain(|known| known.get("annotations").and_then(|all| all.get(NAME)).and_then(Value::as_str) != Some(tag));
    entries.push(entry);
    write(&path, index.to_string().as_bytes())
}

fn index(path: &Path) -> Result<Value, LayoutError> {
    let bytes = fs::read(path).map_err(io("read", path))?;
    serde_json::from_slice(&bytes).map_err(|error| LayoutError::Index(path.to_owned(), error.to_string()))
}

/// Writes a file that is there whole or not at all.
fn write(path: &Path, bytes: &[u8]) -> Result<(), LayoutError> {
    let new = beside(path);
    fs::write(&new, bytes).map_err(io("write", &new))?;
    fs::rename(&new, path).map_err(io("write", path))
}

fn beside(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}", std::process::id()))
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::remote::config::CacheConfig;
    use crate::remote::manifest;

    fn written() -> Written {
        manifest::write(&CacheConfig::default(), &HashMap::new(), true).unwrap()
    }

    #[test]
    fn names_lead_to_documents_and_others_stay() {
        let dir = tempfile::tempdir().unwrap();
        let written = written();
        make(dir.path()).unwrap();
        publish(dir.path(), "a", &written).unwrap();
        publish(dir.path(), "b", &written).unwrap();
        publish(dir.path(), "a", &written).unwrap();
        let entries = index(&dir.path().join("index.json")).unwrap()["manifests"].as_array().unwrap().len();
        assert_eq!(entries, 2);
        for which in
            [Which::Tag("a".to_owned()), Which::Tag("b".to_owned()), Which::Digest(written.manifest_digest.clone())]
        {
            assert_eq!(find(dir.path(), &which).unwrap(), written.manifest_digest);
        }
        assert_eq!(document(dir.path(), &written.config_digest).unwrap(), written.config);
        assert_eq!(fs::read_dir(dir.path().join("blobs/sha256")).unwrap().count(), 2);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let check = |which: &str| {
            let error = find(dir.path(), &Which::Tag(which.to_owned())).unwrap_err().to_string();
            error.replace(&dir.path().display().to_string(), "DIR")
        };
        insta::assert_snapshot!(check("a"), @"cannot read `DIR/index.json`: No such file or directory (os error 2)");
        make(dir.path()).unwrap();
        fs::write(dir.path().join("index.json"), "x").unwrap();
        insta::assert_snapshot!(check("a"), @"`DIR/index.json` is no index of an OCI layout: expected value at line 1 column 1");
        fs::write(dir.path().join("index.json"), "{}").unwrap();
        insta::assert_snapshot!(check("a"), @"`DIR` has no cache `a`, it has none at all");
        fs::remove_file(dir.path().join("index.json")).unwrap();
        let written = written();
        publish(dir.path(), "b", &written).unwrap();
        insta::assert_snapshot!(check("a"), @"`DIR` has no cache `a`, it has `b`");
        fs::write(blob_path(dir.path(), &written.config_digest), "y").unwrap();
        assert!(matches!(document(dir.path(), &written.config_digest), Err(LayoutError::Damaged(_))));
    }
}
