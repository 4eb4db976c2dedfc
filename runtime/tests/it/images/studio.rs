//! What the tests of images share: a base image of every kind of file, a runtime that knows it, a real registry.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{Image, ResolveMode};
use hlb_llb::{Digest, pb};
use hlb_registry::RegistryConfig;
use hlb_runtime::{Config, Hints, LayerLimits, Network, OciRuntime, Runtime, SolveRequest, Solved};
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// The name of the base image.
pub(super) const BASE: &str = "example.org/base:1";

/// A directory with a base image, and room for state and results.
pub(super) struct Studio {
    dir: tempfile::TempDir,
    /// The digest of the only layer of the base.
    pub(super) base_layer: Digest,
}

impl Studio {
    pub(super) fn new() -> Self {
        hlb_runtime::isolate().expect("these tests need root: run them with `cargo xtask ci`");
        let dir = tempfile::tempdir().unwrap();
        let base_layer = make_base(&dir.path().join("base"));
        Self { dir, base_layer }
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// Runs with a runtime of its own, as each run of the command does.
    pub(super) fn block_on<T>(&self, work: impl AsyncFnOnce(&Runtime) -> T) -> T {
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        tokio.block_on(async {
            let mut registry = RegistryConfig::empty();
            registry.add_layout("example.org/base", self.path("base")).unwrap();
            let config = Config {
                root: self.path("state"),
                oci: OciRuntime { program: "runc".into() },
                registry,
                jobs: 2,
                network: Network::Host,
                limits: LayerLimits::default(),
            };
            work(&Runtime::open(config).await.unwrap()).await
        })
    }

    pub(super) async fn solve(&self, runtime: &Runtime, target: &Output) -> Solved {
        solve(runtime, marshal(Some(target), Vec::new())).await
    }

    pub(super) async fn solve_nothing(&self, runtime: &Runtime) -> Solved {
        solve(runtime, marshal(None, Vec::new())).await
    }

    /// Files that something forgot: unfinished results and scratch of sessions.
    pub(super) fn leftovers(&self) -> Vec<String> {
        let mut left: Vec<String> =
            names(self.dir.path()).into_iter().filter(|name| name.starts_with(".hlbc")).collect();
        left.extend(names(&self.path("state/sessions")));
        left
    }
}

fn names(dir: &Path) -> Vec<String> {
    std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

async fn solve(runtime: &Runtime, definition: pb::Definition) -> Solved {
    let request = SolveRequest {
        definition,
        locals: BTreeMap::new(),
        layouts: BTreeMap::new(),
        secrets: BTreeMap::new(),
        sockets: BTreeMap::new(),
        allow: BTreeSet::new(),
        build: None,
        keep_failed: false,
        hints: Hints::default(),
    };
    runtime.solve(request, Arc::new(|_| {}), &CancellationToken::new()).await.unwrap()
}

/// The base image as a source.
pub(super) fn base() -> Output {
    image(BASE)
}

pub(super) fn image(reference: &str) -> Output {
    let platform = pb::Platform { os: "linux".to_owned(), architecture: "amd64".to_owned(), ..Default::default() };
    let image = Image {
        reference: reference.to_owned(),
        platform,
        resolve_mode: ResolveMode::Default,
        record_type: String::new(),
        layer_limit: None,
        checksum: String::new(),
    };
    hlb_llb::ops::image(image, Annotations::default())
}

/// A layout with one image of one layer.
fn make_base(dir: &Path) -> Digest {
    std::fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
    let blob = |bytes: &[u8]| {
        let digest = Digest::of(bytes);
        std::fs::write(dir.join("blobs/sha256").join(digest.hex()), bytes).unwrap();
        json!({ "digest": digest.as_str(), "size": bytes.len() })
    };
    let typed = |mut descriptor: serde_json::Value, kind: &str| {
        descriptor["mediaType"] = format!("application/vnd.oci.image.{kind}").into();
        descriptor
    };
    let archive = make_archive();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&archive).unwrap();
    let packed = gzip.finish().unwrap();
    let layer = typed(blob(&packed), "layer.v1.tar+gzip");
    let config = json!({
        "os": "linux", "architecture": "amd64",
        "rootfs": { "type": "layers", "diff_ids": [Digest::of(&archive).as_str()] },
    });
    let config = typed(blob(config.to_string().as_bytes()), "config.v1+json");
    let manifest = json!({ "schemaVersion": 2, "config": config, "layers": [layer] });
    let manifest = typed(blob(manifest.to_string().as_bytes()), "manifest.v1+json");
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    std::fs::write(dir.join("index.json"), index.to_string()).unwrap();
    std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
    Digest::of(&packed)
}

/// Files of every kind, with names of every kind.
fn make_archive() -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let long = "n".repeat(180);
    let deep = ["p".repeat(90).as_str(); 3].join("/");
    let mut add = |kind: tar::EntryType, name: &[u8], link: &str, mode: u32, data: &[u8], pax: &[(&str, &[u8])]| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_uid(if mode == 0o600 { 3_000 } else { 0 });
        header.set_gid(0);
        header.set_mtime(1_000_000_000);
        header.set_size(data.len() as u64);
        let mut records = pax.to_vec();
        if name.len() > 100 {
            records.push(("path", name));
        }
        if kind == tar::EntryType::Char {
            header.set_device_major(1).unwrap();
            header.set_device_minor(3).unwrap();
        }
        let field = &mut header.as_old_mut().name;
        let length = name.len().min(100);
        field[..length].copy_from_slice(&name[..length]);
        if !link.is_empty() {
            header.set_link_name(link).unwrap();
        }
        header.set_cksum();
        if !records.is_empty() {
            builder.append_pax_extensions(records).unwrap();
        }
        builder.append(&header, data).unwrap();
    };
    use tar::EntryType as Type;
    let capability: &[u8] = &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    for name in ["etc/", "usr/", "opt/", "dev/", "tmp/", "tmp/empty/"] {
        add(Type::Directory, name.as_bytes(), "", if name == "tmp/" { 0o1777 } else { 0o755 }, b"", &[]);
    }
    add(Type::Regular, b"etc/passwd", "", 0o644, b"root:x:0:0:root:/:/bin/sh\n", &[]);
    add(Type::Regular, b"etc/secret", "", 0o600, b"x", &[]);
    add(Type::Regular, b"usr/a", "", 0o4755, b"set-id", &[]);
    add(Type::Link, b"usr/hard", "usr/a", 0o4755, b"", &[]);
    add(Type::Regular, b"usr/b", "", 0o755, b"goes away", &[]);
    add(Type::Regular, b"usr/able", "", 0o755, b"ping", &[("SCHILY.xattr.security.capability", capability)]);
    add(Type::Regular, b"opt/old", "", 0o644, b"goes away with its directory", &[]);
    add(Type::Symlink, b"usr/link", "../etc/passwd", 0o777, b"", &[]);
    add(Type::Char, b"dev/null", "", 0o666, b"", &[]);
    add(Type::Fifo, b"dev/pipe", "", 0o644, b"", &[]);
    add(Type::Regular, b"usr/caf\xe9", "", 0o644, b"latin", &[]);
    add(Type::Regular, "usr/grün".as_bytes(), "", 0o644, b"unicode", &[]);
    add(Type::Regular, format!("usr/{long}").as_bytes(), "", 0o644, b"long", &[]);
    add(Type::Regular, format!("usr/{deep}/f").as_bytes(), "", 0o644, b"deep", &[]);
    builder.into_inner().unwrap()
}

/// A tree, one file a line. Of directories no times: programs differ in what they give to those that they make in passing.
pub(super) fn list(root: &Path) -> String {
    let mut left = vec![root.to_owned()];
    let mut lines = Vec::new();
    let mut inodes: BTreeMap<(u64, u64), Vec<String>> = BTreeMap::new();
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let data = std::fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(root).unwrap().as_os_str().as_bytes().escape_ascii().to_string();
            let mut line = format!("/{name}");
            let kind = data.file_type();
            if kind.is_dir() {
                left.push(path.clone());
            } else {
                inodes.entry((data.dev(), data.ino())).or_default().push(name);
                let _ = write!(line, " {}", data.mtime());
            }
            if kind.is_char_device() {
                let _ = write!(line, " c {:x}", data.rdev());
            } else if kind.is_symlink() {
                let _ = write!(line, " -> {}", std::fs::read_link(&path).unwrap().display());
            } else if kind.is_file() {
                let mut capability = [0; 64];
                let length = rustix::fs::lgetxattr(&path, "security.capability", &mut capability[..]).unwrap_or(0);
                let _ =
                    write!(line, " {} {:?}", Digest::of(std::fs::read(&path).unwrap()).hex(), &capability[..length]);
            }
            lines.push(format!("{line} {:o} {}:{}", data.mode(), data.uid(), data.gid()));
        }
    }
    for mut names in inodes.into_values().filter(|names| names.len() > 1) {
        names.sort();
        lines.push(names.join(" = "));
    }
    lines.sort();
    lines.join("\n")
}

/// Runs a program to its end. What it printed.
pub(super) fn run(program: &str, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new(program).args(arguments).output();
    let output = output
        .unwrap_or_else(|error| panic!("`{program}` cannot be started ({error}): run `cargo xtask setup --tests`"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// A real registry on a free port of the loopback address.
pub(super) struct Registry {
    child: Child,
    pub(super) host: String,
    dir: tempfile::TempDir,
}

impl Registry {
    pub(super) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{host}'}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
            dir.path().join("data").display()
        );
        let file = dir.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let log = std::fs::File::create(dir.path().join("log")).unwrap();
        let command = Command::new("docker-registry").arg("serve").arg(&file).stdout(log).stderr(Stdio::null()).spawn();
        let child = command.unwrap_or_else(|error| {
            panic!("`docker-registry` cannot be started ({error}): run `cargo xtask setup --tests`")
        });
        let started = Instant::now();
        while std::net::TcpStream::connect(&host).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "the registry does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, host, dir }
    }

    /// The requests that it has answered, as `METHOD /path`.
    pub(super) fn requests(&self) -> Vec<String> {
        let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap();
        let asked = log.lines().filter_map(|line| line.split('"').nth(1));
        asked.map(|asked| asked.rsplit_once(' ').unwrap().0.to_owned()).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
