//! The images of these tests: busybox and nothing else, and the command itself as a frontend.
//!
//! Owns the OCI layouts, made from what is on the machine.

use std::path::Path;
use std::process::Command;

use hlb_llb::Digest;

const COMMANDS: [&str; 12] =
    ["sh", "cat", "sleep", "echo", "mkdir", "ls", "cp", "seq", "touch", "true", "test", "date"];

/// Writes a layout with busybox, tagged `latest`.
pub(crate) fn layout(dir: &Path) {
    write(dir, &layer(), r#"{"Env":["PATH=/bin"],"WorkingDir":"/"}"#);
}

/// Writes a layout with busybox, files of other users than root, and a device.
pub(crate) fn owned_layout(dir: &Path) {
    let mut tar = tar::Builder::new(Vec::new());
    fill(&mut tar);
    let mut add = |kind, path: &str, mode, (uid, gid)| {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(0);
        header.set_uid(uid);
        header.set_gid(gid);
        header.set_device_major(5).unwrap();
        header.set_device_minor(1).unwrap();
        tar.append_data(&mut header, path, std::io::empty()).unwrap();
    };
    add(tar::EntryType::Char, "tmp/device", 0o600, (0, 0));
    add(tar::EntryType::Directory, "var/mail/", 0o2775, (0, 8));
    add(tar::EntryType::Regular, "etc/shadow", 0o640, (0, 42));
    write(dir, &tar.into_inner().unwrap(), r#"{"Env":["PATH=/bin"],"WorkingDir":"/"}"#);
}

/// Writes a layout for a RISC-V machine whose only program is the beginning of one.
pub(crate) fn foreign_layout(dir: &Path) {
    let mut program = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 243, 0, 1, 0, 0, 0];
    program.resize(128, 0);
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_mode(0o755);
    header.set_size(program.len() as u64);
    tar.append_data(&mut header, "bin/sh", program.as_slice()).unwrap();
    write_for(dir, "riscv64", &tar.into_inner().unwrap(), r#"{"Env":["PATH=/bin"],"WorkingDir":"/"}"#);
}

/// Writes a layout with busybox and another directory to work in, tagged `latest`.
pub(crate) fn other_layout(dir: &Path) {
    write(dir, &layer(), r#"{"Env":["PATH=/bin"],"WorkingDir":"/other"}"#);
}

/// Writes a layout with a program that runs by itself as a frontend, tagged `latest`.
pub(crate) fn frontend_layout(dir: &Path, program: &Path, args: &[&str]) {
    let mut tar = tar::Builder::new(Vec::new());
    tar.sparse(false);
    let libraries = Command::new("ldd").arg(program).output().unwrap();
    let libraries = String::from_utf8(libraries.stdout).unwrap();
    let paths = libraries.split_whitespace().filter(|word| word.starts_with('/'));
    let place = format!("bin/{}", program.file_name().unwrap().display());
    tar.append_path_with_name(program, &place).unwrap();
    for path in paths {
        let file = std::fs::canonicalize(path).unwrap();
        tar.append_path_with_name(file, path.trim_start_matches('/')).unwrap();
    }
    let words: Vec<String> =
        [format!("/{place}").as_str()].iter().chain(args).map(|word| format!("{word:?}")).collect();
    let config =
        format!(r#"{{"Entrypoint":[{}],"Labels":{{"moby.buildkit.frontend.network.none":"true"}}}}"#, words.join(","));
    write(dir, &tar.into_inner().unwrap(), &config);
}

/// Writes a layout with one image of one layer.
fn write(dir: &Path, layer: &[u8], config: &str) {
    write_for(dir, &hlb_registry::Platform::host().architecture, layer, config);
}

/// The same for a machine.
fn write_for(dir: &Path, architecture: &str, layer: &[u8], config: &str) {
    let diff_id = Digest::of(layer);
    let config = format!(
        r#"{{"architecture":"{architecture}","os":"linux","config":{config},"rootfs":{{"type":"layers","diff_ids":["{diff_id}"]}}}}"#,
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
        put("application/vnd.oci.image.layer.v1.tar", layer),
    );
    let descriptor = put("application/vnd.oci.image.manifest.v1+json", manifest.as_bytes());
    let tagged = descriptor.replace('}', r#","annotations":{"org.opencontainers.image.ref.name":"latest"}}"#);
    std::fs::write(dir.join("index.json"), format!(r#"{{"schemaVersion":2,"manifests":[{tagged}]}}"#)).unwrap();
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
}

fn layer() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    fill(&mut tar);
    tar.into_inner().unwrap()
}

fn fill(tar: &mut tar::Builder<Vec<u8>>) {
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
}
