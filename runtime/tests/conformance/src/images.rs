//! The images that cases start from.
//!
//! Owns their content: the same bytes each time, but for the programs of this machine's busybox. Pushes them into the
//! registry.

use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use serde_json::{Value, json};
use tar::{EntryType, Header};

use crate::registry;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// The program of the image `busybox`; another one on each machine.
pub(crate) const BUSYBOX: &str = "/bin/busybox";

/// The time of all files in images.
const TIME: u64 = 1_600_000_000;

/// The programs of the image `busybox`, links to the one.
const APPLETS: &str = "sh ash cat chmod chown chroot cp cut date dd df dirname du echo env false find grep gunzip gzip head hostname \
                       id ip kill ln ls mkdir mkfifo mknod mktemp mount mountpoint mv nc nproc od printenv printf ps pwd readlink \
                       realpath rm rmdir sed seq sha256sum sleep sort stat sync tail tar tee test touch tr true umount uname \
                       uniq wc whoami xargs";

/// Makes all images and pushes them.
///
/// # Panics
/// If busybox is not installed or the registry does not take them.
pub fn push_all(directory: &Path) {
    let mut layout = Layout::new(directory.join("images"));
    let platform = || json!({ "os": "linux", "architecture": "amd64" });
    let busybox = json!({ "Env": ["PATH=/bin", "GREETING=hello there"], "WorkingDir": "/srv" });
    let entry = layout.image(platform(), &busybox, &[busybox_layer()]);
    layout.add(entry, "busybox");
    let user = json!({ "Env": ["PATH=/bin", "HOME=/home/app"], "User": "app", "WorkingDir": "/home/app",
        "Entrypoint": ["/bin/sh", "-c"], "Cmd": ["true"], "Labels": { "from": "base" }, "ExposedPorts": { "80/tcp": {} } });
    let entry = layout.image(platform(), &user, &[busybox_layer()]);
    layout.add(entry, "user");
    let entry = layout.image(platform(), &json!({}), &[first_layer(), second_layer()]);
    layout.add(entry, "layers");
    let of = |layout: &mut Layout, architecture: &str| {
        let mut files = Layer::default();
        files.file("architecture", 0o644, architecture.as_bytes());
        let config = json!({ "Env": [format!("ARCHITECTURE={architecture}")] });
        layout.image(json!({ "os": "linux", "architecture": architecture }), &config, &[files.bytes()])
    };
    let platforms = [of(&mut layout, "amd64"), of(&mut layout, "arm64")];
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": platforms });
    let entry = layout.document(INDEX, &index, None);
    layout.add(entry, "multi");
    for name in ["busybox", "user", "layers", "multi"] {
        registry::push(&layout.directory, name, &format!("{name}:latest"));
    }
}

/// The layout with the Debian base image that `cargo xtask base-image` has made.
///
/// # Panics
/// If it is not there.
pub fn debian() -> PathBuf {
    let state = std::env::var_os("HLBC_ROOT").map_or_else(|| PathBuf::from("/var/lib/hlbc"), PathBuf::from);
    let layout = state.join("base/debian");
    assert!(
        layout.join("index.json").exists(),
        "no base image in `{}`: run `cargo xtask base-image`",
        layout.display()
    );
    layout
}

/// Pushes the Debian base image as `debian`.
///
/// # Panics
/// If it is not there.
pub fn push_debian() {
    let layout = debian();
    let index: Value = serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
    let tag = index["manifests"][0]["annotations"]["org.opencontainers.image.ref.name"].as_str().unwrap();
    registry::push(&layout, tag, "debian:latest");
}

fn busybox_layer() -> Vec<u8> {
    let program = std::fs::read(BUSYBOX)
        .unwrap_or_else(|error| panic!("`{BUSYBOX}` cannot be read ({error}): {}", crate::namespaces::ADVICE));
    let mut layer = Layer::default();
    layer.directory("bin", 0o755);
    layer.file("bin/busybox", 0o755, &program);
    for applet in APPLETS.split_whitespace() {
        layer.symlink(&format!("bin/{applet}"), "busybox");
    }
    layer.directory("etc", 0o755);
    let passwd =
        "root:x:0:0:root:/root:/bin/sh\napp:x:1000:1001:app:/home/app:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
    layer.file("etc/passwd", 0o644, passwd.as_bytes());
    layer.file("etc/group", 0o644, b"root:x:0:\napp:x:1001:\nstaff:x:50:app\nlogs:x:51:app,nobody\n");
    layer.directory("home", 0o755);
    layer.owned("home/app", EntryType::Directory, 0o755, (1000, 1001));
    layer.directory("root", 0o700);
    layer.directory("srv", 0o755);
    layer.file("srv/readme", 0o644, b"where things are served from\n");
    layer.directory("tmp", 0o1777);
    layer.bytes()
}

/// Files that the next layer hides, replaces or adds to.
fn first_layer() -> Vec<u8> {
    let mut layer = Layer::default();
    layer.directory("dir", 0o750);
    layer.file("dir/gone", 0o644, b"hidden by a whiteout\n");
    layer.file("dir/kept", 0o640, b"kept\n");
    layer.directory("hidden", 0o755);
    layer.file("hidden/below", 0o644, b"hidden with its directory\n");
    layer.directory("opaque", 0o755);
    layer.file("opaque/old", 0o644, b"hidden by an opaque directory\n");
    layer.file("replaced", 0o644, b"a file that becomes a directory\n");
    layer.directory("was-directory", 0o755);
    layer.file("was-directory/below", 0o644, b"x");
    layer.bytes()
}

fn second_layer() -> Vec<u8> {
    let mut layer = Layer::default();
    layer.file(".wh.hidden", 0o644, b"");
    layer.directory("dir", 0o750);
    layer.file("dir/.wh.gone", 0o644, b"");
    layer.file("dir/added", 0o4755, b"set user id\n");
    layer.hard_link("dir/linked", "dir/added");
    layer.attribute("user.note", b"\0binary");
    layer.file("dir/noted", 0o644, b"has an attribute\n");
    layer.owned("fifo", EntryType::Fifo, 0o600, (0, 0));
    layer.device("null", 0o666, (1, 3));
    layer.directory("opaque", 0o1777);
    layer.file("opaque/.wh..wh..opq", 0o644, b"");
    layer.file("opaque/new", 0o644, b"new\n");
    layer.directory("replaced", 0o755);
    layer.file("replaced/below", 0o644, b"below\n");
    layer.symlink("link", "dir/kept");
    layer.symlink("to-nowhere", "/nothing/here");
    layer.owned("owned", EntryType::Regular, 0o600, (12, 3_000_000));
    layer.file("was-directory", 0o644, b"a directory that became a file\n");
    layer.directory(&"long".repeat(30), 0o755);
    layer.file(&format!("{}/{}", "long".repeat(30), "name".repeat(30)), 0o644, b"long\n");
    layer.file("name with späce", 0o644, b"odd\n");
    layer.bytes()
}

/// A layer that is being made.
#[derive(Default)]
struct Layer {
    builder: Option<tar::Builder<Vec<u8>>>,
}

impl Layer {
    fn builder(&mut self) -> &mut tar::Builder<Vec<u8>> {
        self.builder.get_or_insert_with(|| tar::Builder::new(Vec::new()))
    }

    fn add(&mut self, path: &str, kind: EntryType, mode: u32, owner: (u64, u64), data: &[u8]) {
        let mut header = header(kind, mode, owner);
        header.set_size(data.len() as u64);
        self.builder().append_data(&mut header, path, data).unwrap();
    }

    fn directory(&mut self, path: &str, mode: u32) {
        self.add(path, EntryType::Directory, mode, (0, 0), &[]);
    }

    fn file(&mut self, path: &str, mode: u32, data: &[u8]) {
        self.add(path, EntryType::Regular, mode, (0, 0), data);
    }

    fn owned(&mut self, path: &str, kind: EntryType, mode: u32, owner: (u64, u64)) {
        self.add(path, kind, mode, owner, &[]);
    }

    fn device(&mut self, path: &str, mode: u32, (major, minor): (u32, u32)) {
        let mut header = header(EntryType::Char, mode, (0, 0));
        header.set_device_major(major).unwrap();
        header.set_device_minor(minor).unwrap();
        self.builder().append_data(&mut header, path, &[][..]).unwrap();
    }

    fn symlink(&mut self, path: &str, target: &str) {
        self.builder().append_link(&mut header(EntryType::Symlink, 0o777, (0, 0)), path, target).unwrap();
    }

    /// Another name of a file whose mode is 4755: engines take the mode from the link too.
    fn hard_link(&mut self, path: &str, target: &str) {
        self.builder().append_link(&mut header(EntryType::Link, 0o4755, (0, 0)), path, target).unwrap();
    }

    /// Gives the next entry an extended attribute.
    fn attribute(&mut self, name: &str, value: &[u8]) {
        let name = format!("SCHILY.xattr.{name}");
        self.builder().append_pax_extensions([(name.as_str(), value)]).unwrap();
    }

    fn bytes(&mut self) -> Vec<u8> {
        self.builder();
        self.builder.take().unwrap().into_inner().unwrap()
    }
}

fn header(kind: EntryType, mode: u32, (uid, gid): (u64, u64)) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(uid);
    header.set_gid(gid);
    header.set_mtime(TIME);
    header.set_size(0);
    header
}

/// An OCI layout that is being made.
struct Layout {
    directory: PathBuf,
    entries: Vec<Value>,
}

impl Layout {
    fn new(directory: PathBuf) -> Self {
        std::fs::create_dir_all(directory.join("blobs/sha256")).unwrap();
        std::fs::write(directory.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        Self { directory, entries: Vec::new() }
    }

    fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        std::fs::write(self.directory.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        digest
    }

    /// An image for one platform; its descriptor.
    fn image(&mut self, platform: Value, config: &Value, layers: &[Vec<u8>]) -> Value {
        let digests: Vec<String> = layers.iter().map(|layer| self.blob(layer).to_string()).collect();
        let text = json!({
            "os": platform["os"], "architecture": platform["architecture"], "config": config,
            "rootfs": { "type": "layers", "diff_ids": digests },
            "history": (0..layers.len()).map(|at| json!({ "created_by": format!("layer {at}") })).collect::<Vec<_>>(),
        });
        let text = text.to_string();
        let layers = layers.iter().zip(&digests).map(|(layer, digest)| {
            json!({ "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest, "size": layer.len() })
        });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": self.blob(text.as_bytes()).to_string(), "size": text.len(),
            },
            "layers": layers.collect::<Vec<_>>(),
        });
        self.document(MANIFEST, &manifest, Some(platform))
    }

    fn document(&self, media_type: &str, document: &Value, platform: Option<Value>) -> Value {
        let text = document.to_string();
        let digest = self.blob(text.as_bytes()).to_string();
        let mut entry = json!({ "mediaType": media_type, "digest": digest, "size": text.len() });
        if let Some(platform) = platform {
            entry["platform"] = platform;
        }
        entry
    }

    fn add(&mut self, mut entry: Value, tag: &str) {
        entry["annotations"] = json!({ "org.opencontainers.image.ref.name": tag });
        self.entries.push(entry);
        let index = json!({ "schemaVersion": 2, "manifests": self.entries });
        std::fs::write(self.directory.join("index.json"), index.to_string()).unwrap();
    }
}
