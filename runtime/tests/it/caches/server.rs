//! A real registry that tells what it was asked for.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hlb_llb::Digest;

/// A registry on the loopback address, behind something that listens.
pub(super) struct Registry {
    child: Child,
    /// Where it is reached.
    pub(super) host: String,
    dir: tempfile::TempDir,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    pub(super) fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let inner = format!("127.0.0.1:{}", TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port());
        let config = format!(
            "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{inner}'}}\nstorage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
            dir.path().join("data").display()
        );
        let file = dir.path().join("config.yml");
        std::fs::write(&file, config).unwrap();
        let child =
            Command::new("docker-registry").arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let child = child.unwrap_or_else(|error| {
            panic!("`docker-registry` cannot be started ({error}): run `cargo xtask setup --tests`")
        });
        let started = Instant::now();
        while TcpStream::connect(&inner).is_err() {
            assert!(started.elapsed() < Duration::from_secs(20), "the registry does not answer");
            std::thread::sleep(Duration::from_millis(20));
        }
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let seen: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let Ok(server) = TcpStream::connect(&inner) else { break };
                pass_on(client, server, &log);
            }
        });
        Self { child, host, dir, seen }
    }

    /// A name in it.
    pub(super) fn name(&self, name: &str) -> String {
        format!("{}/{name}", self.host)
    }

    /// What it was asked for since the last time, without queries and the names of repositories.
    pub(super) fn asked(&self) -> Vec<String> {
        let asked = std::mem::take(&mut *self.seen.lock().unwrap());
        let short = |line: String| {
            let (method, path) = line.split_once(' ').unwrap_or((&line, ""));
            let path = path.split('?').next().unwrap_or_default();
            let at = ["/blobs/", "/manifests/"].iter().filter_map(|part| path.find(part)).min();
            format!("{method} {}", at.map_or(path, |at| &path[at + 1..]))
        };
        asked.into_iter().map(short).filter(|line| !line.ends_with("/v2/")).collect()
    }

    /// The blobs that it was asked to give since the last time.
    pub(super) fn given(&self) -> Vec<Digest> {
        let asked = self.asked();
        asked.iter().filter_map(|line| line.strip_prefix("GET blobs/")?.parse().ok()).collect()
    }

    /// Where it keeps a blob.
    pub(super) fn blob(&self, digest: &Digest) -> PathBuf {
        let hex = digest.hex();
        self.dir.path().join("data/docker/registry/v2/blobs/sha256").join(&hex[..2]).join(hex).join("data")
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Passes on what two say to each other, and notes the first lines of requests.
fn pass_on(client: TcpStream, server: TcpStream, log: &Arc<Mutex<Vec<String>>>) {
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    let log = Arc::clone(log);
    std::thread::spawn(move || {
        let mut bytes = vec![0; 64 << 10];
        while let Ok(count @ 1..) = from.read(&mut bytes) {
            // A request begins where something is read: the one before was answered first.
            let text = String::from_utf8_lossy(&bytes[..count.min(4096)]).into_owned();
            if let Some((line, _)) = text.split_once(" HTTP/1.1\r\n")
                && line.split(' ').next().is_some_and(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()))
            {
                log.lock().unwrap().push(line.to_owned());
            }
            if to.write_all(&bytes[..count]).is_err() {
                break;
            }
        }
        let _ = to.shutdown(Shutdown::Both);
    });
    let (mut from, mut to) = (server, client);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Both);
    });
}
