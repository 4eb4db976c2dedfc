//! A real registry on the loopback interface.
//!
//! Owns its process and what is put into it. Must not know what images hold.

use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::namespaces::{Server, run};

/// Where it listens: what image references in cases begin with.
pub const HOST: &str = "127.0.0.1:5000";

/// Starts the registry with its files in a directory.
///
/// # Panics
/// If it is not installed or does not answer.
pub fn start(directory: &Path) -> Server {
    let directory = directory.join("registry");
    std::fs::create_dir_all(&directory).unwrap();
    let config = directory.join("config.yml");
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nhttp: {{addr: '{HOST}'}}\n\
         storage: {{filesystem: {{rootdirectory: '{}'}}}}\n",
        directory.join("data").display()
    );
    std::fs::write(&config, text).unwrap();
    let mut command = Command::new("docker-registry");
    let server = Server::start(command.arg("serve").arg(&config).stdout(Stdio::null()).stderr(Stdio::null()));
    let started = Instant::now();
    while TcpStream::connect(HOST).is_err() {
        assert!(started.elapsed() < Duration::from_secs(20), "the registry does not answer");
        std::thread::sleep(Duration::from_millis(20));
    }
    server
}

/// Pushes an image of an OCI layout, with all its platforms.
///
/// # Panics
/// If the registry does not take it.
pub fn push(layout: &Path, tag: &str, name: &str) {
    run(Command::new("skopeo")
        .args(["copy", "--quiet", "--all", "--preserve-digests", "--dest-tls-verify=false"])
        .arg(format!("oci:{}:{tag}", layout.display()))
        .arg(format!("docker://{HOST}/{name}")));
}

/// Fetches an image into a new OCI layout.
///
/// # Panics
/// If the registry does not have it.
pub fn pull(name: &str, layout: &Path) {
    run(Command::new("skopeo")
        .args(["copy", "--quiet", "--all", "--preserve-digests", "--src-tls-verify=false"])
        .arg(format!("docker://{name}"))
        .arg(format!("oci:{}:pulled", layout.display())));
}
