//! Packs one root file system, given as a tar archive, into an OCI image layout.
//!
//! Owns the bytes of the layout: the same archive gives the same digests. Must not know where the archive came from.

use crate::{Result, host};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::Path,
    process::Command,
};

/// A stored blob, as OCI documents refer to it.
struct Blob {
    digest: String,
    size: u64,
}

/// Writes the layout of an image with the one layer `archive` into the empty directory `dir`.
///
/// `tag` names the image in the index; `architecture` is Debian's name of it. The archive is used up.
///
/// # Errors
/// When a file cannot be written, or `gzip` or `sha256sum` fails.
pub(crate) fn write(dir: &Path, tag: &str, architecture: &str, archive: &Path) -> Result<()> {
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let diff_id = sha256(archive)?;
    let packed = dir.join("layer.tar.gz");
    // Level 1 without name and time: quick, and the same bytes each time.
    host::run(Command::new("gzip").args(["-n", "-1", "-c"]).arg(archive).stdout(File::create(&packed)?))?;
    fs::remove_file(archive)?;
    let layer = store(&blobs, &packed)?;

    let config = json!({
        "architecture": oci_architecture(architecture),
        "os": "linux",
        "config": {
            "Cmd": ["/bin/bash"],
            "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
        },
        "rootfs": { "type": "layers", "diff_ids": [format!("sha256:{diff_id}")] },
        "history": [{ "created_by": "cargo xtask base-image" }],
    });
    let config = store_json(dir, &blobs, &config)?;
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": descriptor("application/vnd.oci.image.config.v1+json", &config),
        "layers": [descriptor("application/vnd.oci.image.layer.v1.tar+gzip", &layer)],
    });
    let manifest = store_json(dir, &blobs, &manifest)?;
    let mut entry = descriptor("application/vnd.oci.image.manifest.v1+json", &manifest);
    if let Some(entry) = entry.as_object_mut() {
        entry.insert("annotations".to_owned(), json!({ "org.opencontainers.image.ref.name": tag }));
        entry.insert("platform".to_owned(), json!({ "architecture": oci_architecture(architecture), "os": "linux" }));
    }
    let index = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [entry],
    });
    fs::write(dir.join("index.json"), serde_json::to_vec(&index)?)?;
    fs::write(dir.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
    Ok(())
}

fn descriptor(media_type: &str, blob: &Blob) -> Value {
    json!({ "mediaType": media_type, "digest": format!("sha256:{}", blob.digest), "size": blob.size })
}

fn store_json(dir: &Path, blobs: &Path, value: &Value) -> Result<Blob> {
    let file = dir.join("document.json");
    fs::write(&file, serde_json::to_vec(value)?)?;
    store(blobs, &file)
}

/// Moves a file to where its digest says.
fn store(blobs: &Path, file: &Path) -> Result<Blob> {
    let digest = sha256(file)?;
    let size = fs::metadata(file)?.len();
    fs::rename(file, blobs.join(&digest))?;
    Ok(Blob { digest, size })
}

/// The digest in hex, from coreutils: this crate links nothing that could compute it.
fn sha256(file: &Path) -> Result<String> {
    let line = host::read(Command::new("sha256sum").arg("--").arg(file))?;
    let digest = line.split_whitespace().next().unwrap_or_default();
    if digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        Ok(digest.to_owned())
    } else {
        Err(format!("sha256sum gave no digest: {line}").into())
    }
}

/// Debian's name of an architecture, as OCI spells it.
fn oci_architecture(debian: &str) -> &str {
    match debian {
        "i386" => "386",
        "armhf" | "armel" => "arm",
        "ppc64el" => "ppc64le",
        "mips64el" => "mips64le",
        same => same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;

    #[test]
    fn the_same_archive_gives_the_same_layout() {
        let work = env::temp_dir().join(format!("xtask-layout-{}", std::process::id()));
        let mut seen = Vec::new();
        for round in ["a", "b"] {
            let dir = work.join(round);
            fs::create_dir_all(&dir).unwrap();
            let archive = dir.join("root.tar");
            fs::write(&archive, vec![7; 10_240]).unwrap();
            write(&dir, "bookworm", "amd64", &archive).unwrap();
            seen.push(fs::read_to_string(dir.join("index.json")).unwrap());
            let index: Value = serde_json::from_str(&seen[seen.len() - 1]).unwrap();
            let manifest = index["manifests"][0]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
            let manifest = fs::read(dir.join("blobs/sha256").join(manifest)).unwrap();
            let manifest: Value = serde_json::from_slice(&manifest).unwrap();
            for part in [&manifest["config"], &manifest["layers"][0]] {
                let digest = part["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
                let blob = dir.join("blobs/sha256").join(digest);
                assert_eq!(sha256(&blob).unwrap(), digest);
                assert_eq!(fs::metadata(&blob).unwrap().len(), part["size"].as_u64().unwrap());
            }
            let left: Vec<_> = fs::read_dir(&dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
            assert_eq!(left.len(), 3, "only the layout's own entries are left: {left:?}");
        }
        assert_eq!(seen[0], seen[1]);
        fs::remove_dir_all(&work).unwrap();
    }
}
