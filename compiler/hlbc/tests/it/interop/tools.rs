//! Programs of others that make and read images, and registries for them to meet in.
//!
//! Owns how they are called: each with a store of its own below the project, and nothing of this machine's configuration.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::project::Project;

/// buildah and podman, with one store.
pub(crate) struct Containers {
    dir: PathBuf,
}

/// How a registry is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    Plain,
    Tls,
    TlsAndPassword,
}

/// Debian's registry, with a directory of its own.
pub(crate) struct Registry {
    process: Child,
    access: Access,
    dir: PathBuf,
    pub(crate) address: String,
}

impl Containers {
    pub(crate) fn new(project: &Project) -> Self {
        let dir = project.beside("containers");
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("policy.json"), r#"{"default":[{"type":"insecureAcceptAnything"}]}"#).unwrap();
        std::fs::write(dir.join("registries.conf"), "").unwrap();
        let store = |name: &str| dir.join(name).display().to_string();
        let storage = format!(
            "[storage]\ndriver = \"overlay\"\nrunroot = \"{}\"\ngraphroot = \"{}\"\n",
            store("run"),
            store("graph")
        );
        std::fs::write(dir.join("storage.conf"), storage).unwrap();
        Self { dir }
    }

    /// What buildah prints.
    pub(crate) fn buildah(&self, args: &[&str]) -> String {
        self.run("buildah", args)
    }

    /// What podman prints.
    pub(crate) fn podman(&self, args: &[&str]) -> String {
        let events = ["--events-backend=none", "--cgroup-manager=cgroupfs"];
        self.run("podman", &[&events[..], args].concat())
    }

    fn run(&self, program: &str, args: &[&str]) -> String {
        let mut command = Command::new(program);
        command.env("CONTAINERS_STORAGE_CONF", self.dir.join("storage.conf"));
        command.env("CONTAINERS_REGISTRIES_CONF", self.dir.join("registries.conf"));
        command.env("CONTAINERS_POLICY", self.dir.join("policy.json"));
        command.env("TMPDIR", &self.dir).env("HOME", &self.dir).env("BUILDAH_ISOLATION", "chroot");
        output(command.args(args))
    }
}

impl Drop for Containers {
    /// Takes away what is still mounted, so that the directory can be removed.
    fn drop(&mut self) {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
        let below = self.dir.display().to_string();
        let points: Vec<&str> = mounts.lines().filter_map(|line| line.split(' ').nth(1)).collect();
        for point in points.into_iter().rev().filter(|point| point.starts_with(&below)) {
            let _ = Command::new("umount").args(["--lazy", point]).status();
        }
    }
}

impl Registry {
    pub(crate) fn start(project: &Project, access: Access) -> Self {
        let dir = project.beside(&format!("registry-{access:?}"));
        std::fs::create_dir_all(dir.join("certs")).unwrap();
        // The port is free now; if somebody takes it before the registry does, the test fails and says so.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let mut config = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp:\n  addr: {address}\n",
            dir.join("data").display()
        );
        if access != Access::Plain {
            certify(&dir);
            let place = |name: &str| dir.join(name).display().to_string();
            config += &format!("  tls: {{certificate: {}, key: {}}}\n", place("server.pem"), place("server.key"));
        }
        if access == Access::TlsAndPassword {
            std::fs::write(dir.join("users"), USERS).unwrap();
            config += &format!("auth: {{htpasswd: {{realm: test, path: {}}}}}\n", dir.join("users").display());
        }
        std::fs::write(dir.join("config.yml"), config).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(dir.join("config.yml"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs docker-registry: `cargo xtask ci` installs it");
        let registry = Self { process, access, dir, address };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&registry.address).is_err() {
            assert!(Instant::now() < until, "the registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// What skopeo, buildah and podman want to hear before they speak to it; skopeo as to the one side that is meant, `--src-` or
    /// `--dest-`.
    pub(crate) fn options(&self, side: &str) -> Vec<String> {
        let word = |name: &str| if side.is_empty() { format!("--{name}") } else { format!("--{side}-{name}") };
        let mut options = match self.access {
            Access::Plain => vec![format!("{}=false", word("tls-verify"))],
            _ => vec![format!("{}={}", word("cert-dir"), self.dir.join("certs").display())],
        };
        if self.access == Access::TlsAndPassword {
            options.push(format!("{}={USER}:{PASSWORD}", word("creds")));
        }
        options
    }

    /// What `hlbc.toml` has to say of it; the password is put where Docker keeps it.
    pub(crate) fn settings(&self, project: &Project) -> String {
        if self.access == Access::TlsAndPassword {
            let dir = project.beside("home/.docker");
            std::fs::create_dir_all(&dir).unwrap();
            // `user:password` in base64.
            let text = format!(r#"{{"auths":{{"{}":{{"auth":"dXNlcjpwYXNzd29yZA=="}}}}}}"#, self.address);
            std::fs::write(dir.join("config.json"), text).unwrap();
        }
        match self.access {
            Access::Plain => String::new(),
            _ => format!(
                "[registries.\"{}\"]\nplain-http = false\nca = [\"{}\"]\n",
                self.address,
                self.dir.join("ca.pem").display()
            ),
        }
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

const BUILDX: &str = "usr/libexec/docker/cli-plugins/docker-buildx";
const USER: &str = "user";
const PASSWORD: &str = "password";
/// The same for the registry: bcrypt of the password.
const USERS: &str = "user:$2y$05$3d5KByntOiY4LCBFq5odKO0E.fPwMnWMNqykO6NeY9XsFa33AKw/a\n";

/// Makes an authority, and a certificate of it for this machine.
fn certify(dir: &Path) {
    let openssl = |args: &[&str]| drop(output(Command::new("openssl").args(args).current_dir(dir)));
    let key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
    openssl(
        &[
            &["req", "-x509", "-days", "2", "-subj", "/CN=hlbc test authority", "-keyout", "ca.key", "-out", "ca.pem"],
            &key[..],
        ]
        .concat(),
    );
    openssl(&[&["req", "-subj", "/CN=127.0.0.1", "-keyout", "server.key", "-out", "server.csr"], &key[..]].concat());
    std::fs::write(dir.join("server.ext"), "subjectAltName=IP:127.0.0.1\n").unwrap();
    let signed =
        ["x509", "-req", "-days", "2", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"];
    openssl(&[&signed[..], &["-extfile", "server.ext", "-out", "server.pem"]].concat());
    std::fs::copy(dir.join("ca.pem"), dir.join("certs/ca.crt")).unwrap();
}

/// Runs a program that must succeed, and gives what it prints.
pub(crate) fn run(program: &str, args: &[&str]) -> String {
    output(Command::new(program).args(args))
}

/// What buildx prints, which tells what registries hold.
pub(crate) fn buildx(project: &Project, args: &[&str]) -> String {
    let engines = std::fs::read_dir("/var/cache/hlbc").into_iter().flatten().flatten();
    let engine = engines.map(|entry| entry.path()).find(|path| path.join(BUILDX).exists());
    let engine = engine.expect("this test needs a Docker engine: `cargo xtask ci` unpacks one");
    output(Command::new(engine.join(BUILDX)).args(args).env("HOME", project.beside("home")))
}

/// skopeo, which copies an image from one place to another.
pub(crate) fn copy(options: &[String], from: &str, to: &str) {
    let mut command = Command::new("skopeo");
    output(command.args(["--insecure-policy", "copy", "--quiet"]).args(options).args([from, to]));
}

fn output(command: &mut Command) -> String {
    let shown = format!("{command:?}");
    let output = command.stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{shown}: {error}: `cargo xtask ci` installs what tests need"));
    assert!(output.status.success(), "{shown}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}
