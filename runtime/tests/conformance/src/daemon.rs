//! A Docker engine of its own, for the BuildKit in it.
//!
//! Owns its configuration and where its files are. It is ended by the namespaces of the test.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::namespaces::{ADVICE, Server, control_group, run};

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
        let version = version(&engine);
        // The store of containerd knows images as OCI describes them; older engines have only their own.
        let (features, driver) = if version >= (24, 0) {
            (json!({ "containerd-snapshotter": true }), "overlayfs")
        } else {
            (json!({}), "overlay2")
        };
        let config = json!({
            "features": features,
            "storage-driver": driver,
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
        while let Err(error) = get(&socket, "/_ping") {
            let log = || std::fs::read_to_string(directory.join("log")).unwrap_or_default();
            assert!(started.elapsed() < Duration::from_secs(60), "dockerd: {error}\n{}", log());
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("dockerd {}.{} answered after {:.1} s", version.0, version.1, started.elapsed().as_secs_f64());
        Self { socket, version, _server: server }
    }

    /// Loads an image from a tar file.
    ///
    /// # Errors
    /// With what the engine answered, unless that is success.
    pub fn load(&self, archive: &Path) -> Result<(), String> {
        let body = std::fs::read(archive).map_err(|error| error.to_string())?;
        let head = format!(
            "POST /images/load?quiet=1 HTTP/1.0\r\nHost: docker\r\nContent-Type: application/x-tar\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let stream = UnixStream::connect(&self.socket).map_err(|error| error.to_string())?;
        let answer = String::from_utf8_lossy(&talk(&stream, &head, &body)?).into_owned();
        if answer.contains("\"error\"") { Err(answer) } else { Ok(()) }
    }

    /// Takes an image out of the engine, into a tar file.
    ///
    /// # Errors
    /// With what the engine answered, unless that is success.
    pub fn save(&self, name: &str, archive: &Path) -> Result<(), String> {
        let image = get(&self.socket, &format!("/images/{}/get", name.replace('/', "%2F")))?;
        std::fs::write(archive, image).map_err(|error| error.to_string())
    }
}

/// What an engine says of itself, such as `Docker version 26.1.5+dfsg1, build 411e817`.
fn version(engine: &Path) -> (u32, u32) {
    let said = run(Command::new(engine.join("usr/sbin/dockerd")).arg("--version"));
    let numbers = said.split_whitespace().nth(2).unwrap_or_default();
    let mut numbers = numbers.split(['.', '+', '~', '-']).map_while(|part| part.parse().ok());
    (numbers.next().unwrap_or_else(|| panic!("dockerd says no version: {said}")), numbers.next().unwrap_or(0))
}

/// The engine that the environment names, else the newest that is unpacked.
fn unpacked() -> PathBuf {
    if let Some(named) = std::env::var_os("HLB_CONFORMANCE_ENGINE") {
        return PathBuf::from(named);
    }
    let mut found: Vec<PathBuf> = match std::fs::read_dir(CACHE) {
        Ok(entries) => entries.map(|entry| entry.unwrap().path()).collect(),
        Err(_) => Vec::new(),
    };
    found.retain(|path| path.file_name().unwrap().to_string_lossy().starts_with("dockerd-"));
    found.sort();
    found.pop().unwrap_or_else(|| panic!("no Docker engine in `{CACHE}`: {ADVICE}"))
}

/// Asks for a document of the API.
fn get(socket: &Path, path: &str) -> Result<Vec<u8>, String> {
    let stream = UnixStream::connect(socket).map_err(|error| error.to_string())?;
    talk(&stream, &format!("GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n"), &[])
}

fn talk(mut stream: &UnixStream, head: &str, body: &[u8]) -> Result<Vec<u8>, String> {
    let mut answer = Vec::new();
    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    sent.and_then(|()| stream.read_to_end(&mut answer)).map_err(|error| error.to_string())?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").ok_or("no answer")?;
    let body = answer.split_off(end + 4);
    let status = String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned();
    if status.contains(" 200 ") { Ok(body) } else { Err(format!("{status}: {}", String::from_utf8_lossy(&body))) }
}
