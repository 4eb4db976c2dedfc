//! The image that steps of these tests run in: busybox, and nothing else.
//!
//! Owns the OCI layout, made from the machine's static busybox.

use std::path::Path;

use hlb_llb::Digest;

const COMMANDS: [&str; 12] =
    ["sh", "cat", "sleep", "echo", "mkdir", "ls", "cp", "seq", "touch", "true", "test", "date"];

/// Writes a layout with one image, tagged `latest`.
pub(crate) fn layout(dir: &Path) {
    let layer = layer();
    let diff_id = Digest::of(&layer);
    let config = format!(
        r#"{{"architecture":"{}","os":"linux","config":{{"Env":["PATH=/bin"],"WorkingDir":"/"}},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#,
        hlb_registry::Platform::host().architecture,
    );
    let blobs = dir.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |media_type: &str, bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        format!(r#"{{"mediaType":"{media_type}","digest":"{digest}","size":{}}}"#, bytes.len())
    };
    let manifest = format!(
        r#"{{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{},"layers":[{}]}}"#,
        put("application/vnd.oci.image.config.v1+json", config.as_bytes()),
        put("application/vnd.oci.image.layer.v1.tar", &layer),
    );
    let descriptor = put("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
    let tagged = descriptor.replace('}', r#","annotations":{"org.opencontainers.image.ref.name":"latest"}}"#);
    std::fs::write(dir.join("index.json"), format!(r#"{{"schemaVersion":2,"manifests":[{tagged}]}}"#)).unwrap();
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

fn layer() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |kind, path: &str, mode, data: &[u8], link: Option<&str>| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(data.len() as u64);
        match link {
            Some(link) => tar.append_link(&mut header, path, link).unwrap(),
            None => tar.append_data(&mut header, path, data).unwrap(),
        }
    };
    for dir in ["bin/", "etc/", "tmp/"] {
        add(tar::EntryType::Directory, dir, 0o755, &[], None);
    }
    let busybox = std::fs::read("/bin/busybox").expect("these tests need busybox-static: `cargo xtask ci` installs it");
    add(tar::EntryType::Regular, "bin/busybox", 0o755, &busybox, None);
    for command in COMMANDS {
        add(tar::EntryType::Symlink, &format!("bin/{command}"), 0o777, &[], Some("busybox"));
    }
    tar.into_inner().unwrap()
}
