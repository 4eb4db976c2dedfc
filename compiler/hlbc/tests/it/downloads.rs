//! Images on their way: runs that are killed, two runs at once, mirrors that lie, and no network at all.
//!
//! Owns a registry that counts what it sends, and sends as fast as it is told.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hlb_llb::Digest;

use crate::project::{Project, seen};

const PATIENCE: Duration = Duration::from_secs(30);
const PIECE: usize = 64 << 10;

/// A registry that has one image, whatever its name is.
struct Server {
    host: String,
    inner: Arc<Inner>,
}

struct Inner {
    manifest: Vec<u8>,
    blobs: BTreeMap<String, Vec<u8>>,
    layer: String,
    /// Whether a blob stops in its middle until this is false.
    stops: AtomicBool,
    /// Whether other bytes are sent for layers.
    lies: AtomicBool,
    /// The first byte of the layer that each request asked for.
    asked: Mutex<Vec<usize>>,
    requests: Mutex<usize>,
}

impl Server {
    /// Serves the image of an OCI layout directory.
    fn start(layout: &Path) -> Self {
        let index: serde_json::Value =
            serde_json::from_slice(&std::fs::read(layout.join("index.json")).unwrap()).unwrap();
        let read = |digest: &str| std::fs::read(layout.join("blobs").join(digest.replace(':', "/"))).unwrap();
        let manifest = read(index["manifests"][0]["digest"].as_str().unwrap());
        let parsed: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let layer = parsed["layers"][0]["digest"].as_str().unwrap().to_owned();
        let config = parsed["config"]["digest"].as_str().unwrap().to_owned();
        let blobs = [&layer, &config].map(|digest| (digest.clone(), read(digest))).into();
        let inner = Arc::new(Inner {
            manifest,
            blobs,
            layer,
            stops: AtomicBool::new(false),
            lies: AtomicBool::new(false),
            asked: Mutex::default(),
            requests: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let host = listener.local_addr().unwrap().to_string();
        let served = Arc::clone(&inner);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let inner = Arc::clone(&served);
                // Who goes away early gets nothing.
                std::thread::spawn(move || drop(inner.answer(connection)));
            }
        });
        Self { host, inner }
    }

    fn asked(&self) -> Vec<usize> {
        self.inner.asked.lock().unwrap().clone()
    }

    fn requests(&self) -> usize {
        *self.inner.requests.lock().unwrap()
    }

    fn layer_size(&self) -> usize {
        self.inner.blobs[&self.inner.layer].len()
    }

    fn manifest_digest(&self) -> Digest {
        Digest::of(&self.inner.manifest)
    }
}

impl Inner {
    fn answer(&self, mut connection: TcpStream) -> std::io::Result<()> {
        let mut lines = BufReader::new(connection.try_clone()?).lines();
        let request = lines.next().transpose()?.unwrap_or_default();
        let mut from = 0;
        while let Some(line) = lines.next().transpose()?.filter(|line| !line.is_empty()) {
            if let Some(range) = line.strip_prefix("range: bytes=") {
                from = range.trim_end_matches('-').parse().unwrap();
            }
        }
        *self.requests.lock().unwrap() += 1;
        let path = request.split(' ').nth(1).unwrap_or("/").to_owned();
        let digest = path.rsplit('/').next().unwrap_or_default();
        let body = match self.blobs.get(digest) {
            _ if path.contains("/manifests/") => &self.manifest,
            Some(body) => body,
            None => return write!(connection, "HTTP/1.1 404 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
        };
        let is_layer = digest == self.layer;
        if is_layer {
            self.asked.lock().unwrap().push(from);
        }
        let status = match from {
            0 => "200 OK".to_owned(),
            from => format!("206 X\r\nContent-Range: bytes {from}-{}/{}", body.len() - 1, body.len()),
        };
        let rest = &body[from..];
        write!(connection, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", rest.len())?;
        if is_layer && self.lies.load(Ordering::Relaxed) {
            return connection.write_all(&vec![b'x'; rest.len()]);
        }
        for (at, piece) in rest.chunks(PIECE).enumerate() {
            while is_layer && (from + at * PIECE) * 2 > body.len() && self.stops.load(Ordering::Relaxed) {
                std::thread::sleep(Duration::from_millis(5));
            }
            connection.write_all(piece)?;
        }
        Ok(())
    }
}

/// A project whose program is in an image of a registry.
fn project() -> (Project, Server) {
    let project = Project::empty();
    crate::image::layout(&project.beside("busybox"));
    let server = Server::start(&project.beside("busybox"));
    write(&project, &format!("{}/app:1", server.host));
    (project, server)
}

fn write(project: &Project, image: &str) {
    project.write("build.hlb", &format!("fs default() {{\n\timage \"{image}\"\n\trun \"echo it works\"\n}}\n"));
}

fn start(project: &Project) -> Child {
    project.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
}

fn succeeded(project: &Project, child: Child) {
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&output));
    assert!(seen(&String::from_utf8(output.stderr).unwrap()).shown.contains("it works\n"));
}

/// Waits until so many bytes of a download are in the state directory.
fn wait_for(project: &Project, bytes: usize) {
    let begun = Instant::now();
    let size = || files(&project.beside("state/downloads")).iter().map(|(_, size)| *size).sum::<u64>();
    while size() < bytes as u64 {
        assert!(begun.elapsed() < PATIENCE, "the download does not get on: {} of {bytes} bytes", size());
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The files of a directory and those below it, with their sizes.
fn files(dir: &Path) -> Vec<(String, u64)> {
    let Ok(entries) = std::fs::read_dir(dir) else { return Vec::new() };
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        match path.symlink_metadata() {
            Ok(data) if data.is_dir() => found.extend(files(&path)),
            Ok(data) => found.push((path.file_name().unwrap().to_string_lossy().into_owned(), data.len())),
            Err(_) => {}
        }
    }
    found
}

#[test]
fn privileged_a_killed_download_is_continued() {
    let (project, server) = project();
    server.inner.stops.store(true, Ordering::Relaxed);
    let half = server.layer_size() / 2;
    let mut first = start(&project);
    wait_for(&project, half);
    first.kill().unwrap();
    first.wait().unwrap();
    server.inner.stops.store(false, Ordering::Relaxed);
    let kept = files(&project.beside("state/downloads"));
    succeeded(&project, start(&project));
    assert_eq!(server.asked(), [0, usize::try_from(kept[0].1).unwrap()]);
    assert!(server.asked()[1] >= half);
    assert_eq!(files(&project.beside("state/downloads")), []);
}

#[test]
fn privileged_two_processes_download_once() {
    let (project, server) = project();
    server.inner.stops.store(true, Ordering::Relaxed);
    let first = start(&project);
    wait_for(&project, server.layer_size() / 2);
    let mut second = start(&project);
    let mut lines = BufReader::new(second.stderr.take().unwrap()).lines().map_while(Result::ok);
    assert!(lines.any(|line| line.contains(" docker-image://")), "the second run does not begin");
    std::thread::sleep(Duration::from_millis(300));
    server.inner.stops.store(false, Ordering::Relaxed);
    succeeded(&project, first);
    assert!(lines.any(|line| line.contains("it works")));
    assert!(second.wait().unwrap().success());
    assert_eq!(server.asked(), [0]);
}

#[test]
fn privileged_a_mirror_that_lies_is_passed_over_and_leaves_nothing() {
    let (project, mirror) = project();
    let origin = Server::start(&project.beside("busybox"));
    mirror.inner.lies.store(true, Ordering::Relaxed);
    // Alone it gives nothing, and nothing of it is kept but the documents of the image, which are right.
    let shown = project.hlbc(&["run"]);
    assert!(shown.starts_with("exit code: 5\n") && shown.contains("wrong content: digest sha256:"), "{shown}");
    let layer = mirror.inner.layer.trim_start_matches("sha256:");
    let blobs = files(&project.beside("state/blobs"));
    assert!(blobs.len() == 2 && blobs.iter().all(|(name, _)| name != layer), "{blobs:?}");
    assert_eq!(files(&project.beside("state/layers")), []);
    assert!(files(&project.beside("state/downloads")).iter().all(|(_, size)| *size == 0));

    write(&project, &format!("{}/app:1", origin.host));
    let config = format!("[registries.\"{}\"]\nmirrors = [\"http://{}\"]\n", origin.host, mirror.host);
    std::fs::write(project.beside("hlbc.toml"), config).unwrap();
    succeeded(&project, start(&project));
    assert_eq!((mirror.asked().len(), origin.asked().len()), (2, 1));
}

#[test]
fn privileged_a_pinned_program_asks_nobody_again() {
    let (project, server) = project();
    let pinned = format!("{}/app@{}", server.host, server.manifest_digest());
    write(&project, &pinned);
    succeeded(&project, start(&project));
    let requests = server.requests();
    assert_eq!(project.run(&[]).ran, Vec::<String>::new());
    assert_eq!(server.requests(), requests);
}

#[test]
fn privileged_what_is_here_is_built_offline() {
    let (project, server) = project();
    let tagged = format!("{}/app:1", server.host);
    let offline = |args: &[&str]| {
        let output = project.command(args).env("HLBC_OFFLINE", "1").output().unwrap();
        project.shown(&output).replace(&server.host, "HOST")
    };
    let shown = offline(&["run"]);
    assert!(shown.starts_with("exit code: 5\n"), "{shown}");
    assert!(shown.contains("`HOST/app:1` is not here as a whole, and `--offline` forbids to ask for it"), "{shown}");
    assert_eq!(server.requests(), 0);
    succeeded(&project, start(&project));
    let (requests, program) = (server.requests(), project.read("build.hlb"));

    // With the option too, and where there is no network at all. The first has no hlb.lock to go by.
    for (unshared, option) in [(false, "--offline"), (true, "--offline")] {
        if !unshared {
            std::fs::remove_file(project.path("hlb.lock")).unwrap();
        }
        project.write("build.hlb", &program.replace("it works", &format!("it works {unshared}")));
        let mut command = project.command(&["run", option]);
        if unshared {
            let inner = command.get_args().map(ToOwned::to_owned).collect::<Vec<_>>();
            let mut alone = std::process::Command::new("unshare");
            alone.args(["--net", "--", env!("CARGO_BIN_EXE_hlbc")]).args(inner);
            alone.current_dir(project.path("")).env_clear();
            alone.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
            command = alone;
        }
        let output = command.output().unwrap();
        let shown = project.shown(&output).replace(&server.host, "HOST");
        assert!(shown.starts_with("exit code: 0\n") && shown.contains(&format!("it works {unshared}\n")), "{shown}");
        let told = shown.matches("warning: offline: `HOST/app:1` is taken as it was on 20").count();
        assert_eq!((told, shown.matches("warning: ").count()), if unshared { (0, 0) } else { (1, 1) }, "{shown}");
    }
    assert_eq!(server.requests(), requests);

    // Another name is not known, though it would lead to the same.
    write(&project, &tagged.replace(":1", ":2"));
    assert!(offline(&["run"]).contains("`HOST/app:2` is not here as a whole"));
    assert_eq!(server.requests(), requests);
}

/// Git's own server, until the value is dropped.
struct Daemon(Child);

impl Daemon {
    fn start(base: &Path, port: u16) -> Self {
        let path = std::process::Command::new("git").arg("--exec-path").output().unwrap().stdout;
        let program = Path::new(String::from_utf8(path).unwrap().trim()).join("git-daemon");
        let child = std::process::Command::new(program)
            .args(["--export-all", "--reuseaddr", "--listen=127.0.0.1"])
            .arg(format!("--port={port}"))
            .arg(format!("--base-path={}", base.display()))
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs git: `cargo xtask ci` installs it");
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < PATIENCE, "git does not answer");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self(child)
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn privileged_files_and_repositories_are_taken_as_they_were() {
    let project = Project::empty();
    std::fs::create_dir(project.beside("web")).unwrap();
    let web = crate::web::Web::serve(&project.beside("web"));
    let repository = crate::repository::Repository::new(&project, "it", &[("tracked", "in git")]);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let daemon = Daemon::start(&project.beside(""), port);
    std::fs::write(project.beside("web/file"), "what it was").unwrap();
    let file = format!("fs default() {{\n\thttp \"http://{}/file\"\n}}\n", web.address);
    let git = format!("fs default() {{\n\tgit \"git://127.0.0.1:{port}/it\" \"main\"\n}}\n");
    let solve = |program: &str, args: &[&str]| {
        // Without the names of hlb.lock, which need not be looked up.
        project.write("build.hlb", program);
        std::fs::write(project.path("llb"), project.definition("default")).unwrap();
        let output = project.command(&["solve", "llb", "-o", "out"]).args(args).output().unwrap();
        project.shown(&output).replace(&web.address, "HOST").replace(&port.to_string(), "PORT")
    };
    for (program, missing) in [(&file, "http://HOST/file is not here"), (&git, "git://127.0.0.1:PORT/it is not here")] {
        let shown = solve(program, &["--offline"]);
        assert!(shown.starts_with("exit code: 5\n"), "{shown}");
        assert!(shown.contains(missing) && shown.contains("`--offline` forbids"), "{shown}");
        let shown = solve(program, &[]);
        assert!(shown.starts_with("exit code: 0\n"), "{shown}");
    }
    std::fs::remove_file(project.beside("web/file")).unwrap();
    repository.commit(&[("tracked", "changed")]);
    drop(daemon);
    std::fs::remove_dir_all(project.path("out")).unwrap();
    for (program, told) in [
        (&file, "warning: offline: `http://HOST/file` is taken as it was on 20"),
        (&git, "warning: offline: `refs/heads/main` of git://127.0.0.1:PORT/it is taken as it was on 20"),
    ] {
        let shown = solve(program, &["--offline"]);
        assert!(shown.starts_with("exit code: 0\n") && shown.contains(told), "{shown}");
        assert_eq!(shown.matches("warning: ").count(), 1, "{shown}");
    }
    assert_eq!((project.read("out/file").as_str(), project.read("out/tracked").as_str()), ("what it was", "in git"));
}

#[test]
fn privileged_images_come_from_archives() {
    let project = Project::with_busybox("fs default() {\n\timage \"busy\"\n\trun \"echo it works\"\n}\n");
    let output = std::process::Command::new("skopeo")
        .args(["--insecure-policy", "copy", "--quiet"])
        .arg(format!("oci:{}:latest", project.beside("busybox").display()))
        .arg(format!("docker-archive:{}:busy:latest", project.beside("busy.tar").display()))
        .output()
        .expect("this test needs skopeo: `cargo xtask ci` installs it");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    std::fs::write(project.beside("hlbc.toml"), "[layouts]\nbusy = \"busy.tar\"\n").unwrap();
    assert!(project.run(&[]).shown.contains("it works\n"));
    assert_eq!(project.run(&[]).ran, Vec::<String>::new());
    let program = "fs default() {\n\tociLayout \"../busy.tar\" \"\"\n\trun \"echo it works, too\"\n}\n";
    project.write("build.hlb", program);
    assert!(project.run(&[]).shown.contains("it works, too\n"));
    std::fs::write(project.beside("busy.tar"), "nonsense").unwrap();
    let shown = project.hlbc(&["run"]);
    assert!(shown.contains("it cannot be read: failed to read entire block"), "{shown}");
}
