//! What the tests share: images made on the spot, a real registry, a registry that does as it is told.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hlb_llb::Digest;
use hlb_registry::{
    Descriptor, ImageError, Images, Memory, Patience, Platform, Reference, RegistryConfig, ResolvedImage,
};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// An OCI layout directory that is being made.
pub(crate) struct LayoutMaker {
    pub(crate) dir: PathBuf,
    entries: Vec<Value>,
}

impl LayoutMaker {
    pub(crate) fn new(dir: &Path) -> Self {
        std::fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
        std::fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).unwrap();
        let maker = Self { dir: dir.to_owned(), entries: Vec::new() };
        maker.write_index();
        maker
    }

    pub(crate) fn blob(&self, bytes: &[u8]) -> Digest {
        let digest = Digest::of(bytes);
        std::fs::write(self.path(&digest), bytes).unwrap();
        digest
    }

    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs/sha256").join(digest.hex())
    }

    /// A manifest with one layer per text. Its descriptor, for `name` or an index.
    pub(crate) fn image(&self, platform: &str, layers: &[&str]) -> Value {
        let (os, architecture) = platform.split_once('/').unwrap();
        let digests: Vec<Digest> = layers.iter().map(|layer| self.blob(layer.as_bytes())).collect();
        let config = json!({
            "os": os, "architecture": architecture,
            "config": { "Env": [format!("PLATFORM={platform}")] },
            "rootfs": { "type": "layers", "diff_ids": digests.iter().map(Digest::as_str).collect::<Vec<_>>() },
        });
        let config = config.to_string();
        let layer = |(digest, text): (&Digest, &&str)| {
            json!({
                "mediaType": "application/vnd.oci.image.layer.v1.tar", "digest": digest.as_str(), "size": text.len(),
            })
        };
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": self.blob(config.as_bytes()).as_str(), "size": config.len(),
            },
            "layers": digests.iter().zip(layers).map(layer).collect::<Vec<_>>(),
        });
        self.document(MANIFEST, &manifest, json!({ "os": os, "architecture": architecture }))
    }

    /// An index of images.
    pub(crate) fn index(&self, images: &[Value]) -> Value {
        self.document(INDEX, &json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": images }), Value::Null)
    }

    pub(crate) fn document(&self, media_type: &str, document: &Value, platform: Value) -> Value {
        let text = document.to_string();
        let mut entry =
            json!({ "mediaType": media_type, "digest": self.blob(text.as_bytes()).as_str(), "size": text.len() });
        if !platform.is_null() {
            entry["platform"] = platform;
        }
        entry
    }

    /// Lists an image in the layout, under a name or without one.
    pub(crate) fn add(&mut self, mut entry: Value, name: Option<&str>) -> Digest {
        if let Some(name) = name {
            entry["annotations"] = json!({ "org.opencontainers.image.ref.name": name });
        }
        let digest = entry["digest"].as_str().unwrap().parse().unwrap();
        self.entries.push(entry);
        self.write_index();
        digest
    }

    fn write_index(&self) {
        let index = json!({ "schemaVersion": 2, "manifests": self.entries });
        std::fs::write(self.dir.join("index.json"), index.to_string()).unwrap();
    }
}

pub(crate) fn config(text: &str) -> RegistryConfig {
    toml::from_str(text).unwrap()
}

pub(crate) fn amd64() -> Platform {
    Platform::new("linux", "amd64", "")
}

pub(crate) async fn resolve(images: &Images, name: &str) -> Result<Arc<ResolvedImage>, ImageError> {
    images.resolve(&Reference::parse(name).unwrap(), &amd64()).await
}

pub(crate) async fn fetch(images: &Images, image: &ResolvedImage, blob: &Descriptor) -> Result<Vec<u8>, ImageError> {
    let mut memory = Memory::default();
    let mut seen = 0;
    images.fetch(image, blob, &mut memory, &mut |count| seen = count).await?;
    let bytes = memory.into_bytes();
    assert_eq!(seen, bytes.len() as u64, "progress");
    Ok(bytes)
}

/// The patience of a test.
pub(crate) fn quick() -> Patience {
    let silence = Duration::from_millis(400);
    Patience { first_pause: Duration::from_millis(1), silence, connect: Duration::from_secs(5), ..Patience::USUAL }
}

/// The message, with what differs from run to run replaced.
pub(crate) fn message(error: &ImageError, replace: &[(&str, &str)]) -> String {
    replace.iter().fold(error.to_string(), |text, (from, to)| text.replace(from, to))
}

/// A real registry on a free port of the loopback address.
pub(crate) struct Registry {
    child: Child,
    pub(crate) host: String,
    _dir: tempfile::TempDir,
}

impl Registry {
    /// Starts one; with `users` (a htpasswd file's text) it wants a password.
    pub(crate) fn start(users: Option<&str>) -> Self {
        Self::start_with(users, "")
    }

    /// Starts one with a certificate; with `clients` it wants one of that authority from whoever asks.
    pub(crate) fn start_tls(cert: &Path, key: &Path, clients: Option<&Path>) -> Self {
        let clients = clients.map_or_else(String::new, |path| format!(", clientcas: ['{}']", path.display()));
        let tls = format!(", tls: {{certificate: '{}', key: '{}'{clients}}}", cert.display(), key.display());
        Self::start_with(None, &tls)
    }

    fn start_with(users: Option<&str>, http: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let host = format!("127.0.0.1:{port}");
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{host}'{http}}}\n\
             storage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
            dir.path().join("data").display()
        );
        if let Some(users) = users {
            let path = dir.path().join("users");
            std::fs::write(&path, users).unwrap();
            config.push_str(&format!("auth: {{htpasswd: {{realm: test, path: '{}'}}}}\n", path.display()));
        }
        let file = dir.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("`docker-registry` cannot be started ({error}): run `cargo xtask setup --tests`")
            });
        let started = Instant::now();
        while std::net::TcpStream::connect(&host).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "the registry does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        Self { child, host, _dir: dir }
    }

    /// Pushes an image of a layout, all its platforms.
    pub(crate) fn push(&self, layout: &Path, tag: &str, to: &str, extra: &[&str]) {
        let output = Command::new("skopeo")
            .args(["copy", "--quiet", "--all", "--preserve-digests", "--dest-tls-verify=false"])
            .args(extra)
            .arg(format!("oci:{}:{tag}", layout.display()))
            .arg(format!("docker://{}/{to}", self.host))
            .output()
            .unwrap_or_else(|error| panic!("`skopeo` cannot be started ({error}): run `cargo xtask setup --tests`"));
        assert!(output.status.success(), "skopeo: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One request to the scripted registry.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
}

/// Its answer.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Vec<u8>,
    /// Closes the connection after so many bytes of the body.
    pub(crate) cut: Option<usize>,
    /// Sends so many bytes of the whole answer, and then nothing for ever.
    pub(crate) hang: Option<usize>,
    /// Sends a byte of the body in such a time.
    pub(crate) trickle: Option<Duration>,
    /// Whether it says how long the body is.
    pub(crate) says_length: bool,
}

impl Answer {
    pub(crate) fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        let (headers, body, says_length) = (Vec::new(), body.into(), true);
        Self { status, headers, body, cut: None, hang: None, trickle: None, says_length }
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}

/// A registry that answers what a function says, and remembers what it was asked.
pub(crate) struct Scripted {
    pub(crate) host: String,
    pub(crate) seen: Arc<Mutex<Vec<Request>>>,
}

impl Scripted {
    /// `answer` gets the request and how many of the same method came for the same path before it.
    pub(crate) async fn start(answer: impl Fn(&Request, usize, &str) -> Answer + Send + Sync + 'static) -> Self {
        let listener = tokio::net::TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen: Arc<Mutex<Vec<Request>>> = Arc::default();
        let (log, name, answer) = (Arc::clone(&seen), host.clone(), Arc::new(answer));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (log, name, answer) = (Arc::clone(&log), name.clone(), Arc::clone(&answer));
                tokio::spawn(async move {
                    let _ = serve(stream, &log, &|request, before| answer(request, before, &name)).await;
                });
            }
        });
        Self { host, seen }
    }

    pub(crate) fn count(&self, part: &str) -> usize {
        self.seen.lock().unwrap().iter().filter(|request| request.path.contains(part)).count()
    }
}

async fn serve(
    mut stream: tokio::net::TcpStream,
    log: &Mutex<Vec<Request>>,
    answer: &(dyn Fn(&Request, usize) -> Answer + Send + Sync),
) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut lines = head.lines();
    let mut words = lines.next().unwrap().split(' ').map(ToOwned::to_owned);
    let (method, path) = (words.next().unwrap(), words.next().unwrap());
    let header = |line: &str| line.split_once(": ").map(|(name, value)| (name.to_lowercase(), value.to_owned()));
    let headers: BTreeMap<String, String> = lines.filter_map(header).collect();
    let mut body = vec![0; headers.get("content-length").map_or(0, |length| length.parse().unwrap())];
    stream.read_exact(&mut body).await?;
    let request = Request { method, path, headers, body };
    let before = {
        let mut log = log.lock().unwrap();
        log.push(request.clone());
        log.iter().filter(|earlier| earlier.path == request.path && earlier.method == request.method).count() - 1
    };
    let answer = answer(&request, before);
    let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", answer.status);
    if answer.says_length {
        head.push_str(&format!("Content-Length: {}\r\n", answer.body.len()));
    }
    for (name, value) in &answer.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    if let Some(end) = answer.hang {
        let whole = [head.as_bytes(), &answer.body].concat();
        stream.write_all(&whole[..end.min(whole.len())]).await?;
        // Until the other side has had enough.
        return stream.read_u8().await.map(drop);
    }
    stream.write_all(head.as_bytes()).await?;
    if request.method == "HEAD" {
        return stream.shutdown().await;
    }
    let end = answer.cut.unwrap_or(usize::MAX).min(answer.body.len());
    match answer.trickle {
        None => stream.write_all(&answer.body[..end]).await?,
        Some(pause) => {
            for byte in &answer.body[..end] {
                stream.write_u8(*byte).await?;
                tokio::time::sleep(pause).await;
            }
        }
    }
    stream.shutdown().await
}
