//! A Docker engine of its own, for the BuildKit in it.
//!
//! Owns its configuration and where its files are. It is ended by the namespaces of the test.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::namespaces::{ADVICE, Server, control_group};

/// Where `cargo xtask setup --tests` unpacks engines.
const CACHE: &str = "/var/cache/hlbc";

/// A running Docker engine.
#[derive(Debug)]
pub struct Daemon {
    /// Its socket.
    pub socket: PathBuf,
    /// Its version as numbers, such as 26, 1.
    pub version: (u32, u32),
    _server: Server,
}

impl Daemon {
    /// Starts one with its files in a directory.
    ///
    /// # Panics
    /// If none is unpacked, or it does not answer.
    pub fn start(directory: &Path) -> Self {
        let engine = unpacked();
        let directory = directory.join("dockerd");
        std::fs::create_dir_all(&directory).unwrap();
        let path = |name: &str| directory.join(name).to_string_lossy().into_owned();
        let socket = directory.join("docker.sock");
        let config = json!({
            "features": { "containerd-snapshotter": true },
            "storage-driver": "overlayfs",
            "builder": { "entitlements": { "network-host": true, "security-insecure": true } },
            "iptables": false,
            "ip6tables": false,
            "bip": "10.214.0.1/24",
            "cgroup-parent": control_group(),
            "data-root": path("data"),
            "exec-root": path("exec"),
            "pidfile": path("pid"),
            "hosts": [format!("unix://{}", socket.display())],
        });
        std::fs::write(path("daemon.json"), config.to_string()).unwrap();
        let log = std::fs::File::create(path("log")).unwrap();
        let search = std::env::var("PATH").unwrap_or_default();
        let engine = engine.display();
        let server = Server::start(
            Command::new(format!("{engine}/usr/sbin/dockerd"))
                .args(["--config-file", &path("daemon.json")])
                .env("PATH", format!("{engine}/usr/bin:{engine}/usr/sbin:{search}:/usr/sbin:/sbin"))
                .stdout(log.try_clone().unwrap())
                .stderr(log),
        );
        let started = Instant::now();
        let about = loop {
            match get(&socket, "/version") {
                Ok(text) => break text,
                Err(error) => {
                    let log = || std::fs::read_to_string(directory.join("log")).unwrap_or_default();
                    assert!(started.elapsed() < Duration::from_secs(60), "dockerd: {error}\n{}", log());
                    std::thread::sleep(Duration::from_millis(20));
                }
            }
        };
        let about: Value = serde_json::from_str(&about).unwrap();
        let version = about["Version"].as_str().unwrap();
        let mut numbers = version.split(['.', '+', '~', '-']).map_while(|part| part.parse().ok());
        let version = (numbers.next().unwrap(), numbers.next().unwrap_or(0));
        println!("dockerd {}.{} answered after {:.1} s", version.0, version.1, started.elapsed().as_secs_f64());
        Self { socket, version, _server: server }
    }
}

/// The newest engine that is unpacked.
fn unpacked() -> PathBuf {
    let mut found: Vec<PathBuf> = match std::fs::read_dir(CACHE) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => Vec::new(),
    };
    found.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("dockerd-"));
    found.sort();
    found.pop().unwrap_or_else(|| panic!("no Docker engine in `{CACHE}`: {ADVICE}"))
}

fn get(socket: &Path, path: &str) -> Result<String, String> {
    let mut stream = UnixStream::connect(socket).map_err(|error| error.to_string())?;
    let request = format!("GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n");
    stream.write_all(request.as_bytes()).map_err(|error| error.to_string())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).map_err(|error| error.to_string())?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let (head, body) = answer.split_once("\r\n\r\n").ok_or("no answer")?;
    let status = head.lines().next().unwrap_or_default();
    if status.contains(" 200 ") { Ok(body.to_owned()) } else { Err(format!("{status}: {body}")) }
}
