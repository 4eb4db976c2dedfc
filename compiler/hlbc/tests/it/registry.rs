//! An image from a real registry.
//!
//! Owns a registry of its own: Debian's `docker-registry`, filled with `skopeo`.

use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::project::Project;

struct Registry {
    process: Child,
    address: String,
}

impl Registry {
    fn start(project: &Project) -> Self {
        // The port is free now; if somebody takes it before the registry does, the test fails and says so.
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let config = project.beside("registry.yml");
        let text = format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: {address}}}\n",
            project.beside("registry").display()
        );
        std::fs::write(&config, text).unwrap();
        let process = Command::new("docker-registry")
            .arg("serve")
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("this test needs docker-registry: `cargo xtask ci` installs it");
        let registry = Self { process, address };
        let until = Instant::now() + Duration::from_secs(20);
        while TcpStream::connect(&registry.address).is_err() {
            assert!(Instant::now() < until, "the registry does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        registry
    }

    /// Pushes another image.
    fn push_other(&self, project: &Project, name: &str) {
        crate::image::other_layout(&project.beside("other"));
        self.copy(&project.beside("other"), name);
    }

    fn push(&self, project: &Project, name: &str) {
        crate::image::layout(&project.beside("busybox"));
        self.copy(&project.beside("busybox"), name);
    }

    fn copy(&self, from: &std::path::Path, name: &str) {
        let from = format!("oci:{}:latest", from.display());
        let to = format!("docker://{}/{name}", self.address);
        let output = Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--dest-tls-verify=false", &from, &to])
            .output()
            .expect("this test needs skopeo: `cargo xtask ci` installs it");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn privileged_an_image_comes_from_a_registry() {
    let project = Project::empty();
    let registry = Registry::start(&project);
    registry.push(&project, "team/busy:1");
    let program =
        format!("fs default() {{\n\timage \"{}/team/busy:1\"\n\trun \"echo from $PATH\"\n}}\n", registry.address);
    project.write("build.hlb", &program);
    let seen = project.run(&[]);
    assert!(seen.shown.contains("from /bin\n"), "{}", seen.shown);
    assert_eq!(project.run(&[]).ran, Vec::<String>::new());

    project.write("build.hlb", &program.replace("busy:1", "busy:2"));
    let shown = project.hlbc(&["run"]);
    assert!(shown.starts_with("exit code: 5\n") && shown.contains("not found (404)"), "{shown}");
}

#[test]
fn privileged_a_mirror_stands_for_a_registry() {
    let project = Project::empty();
    let registry = Registry::start(&project);
    registry.push(&project, "library/busy:latest");
    let config = format!("[registries.\"docker.io\"]\nmirrors = [\"http://{}\"]\n", registry.address);
    project.write("build.hlb", "fs default() {\n\timage \"busy\"\n\trun \"echo mirrored\"\n}\n");
    // The command makes an empty configuration where there is none.
    std::fs::write(project.beside("hlbc.toml"), config).unwrap();
    let seen = project.run(&[]);
    assert!(seen.shown.contains("mirrored\n"), "{}", seen.shown);
}

#[test]
fn privileged_a_push_gives_its_digest_to_the_program() {
    let project = Project::with_busybox("");
    let registry = Registry::start(&project);
    let pushed = format!("{}/team/out", registry.address);
    let program = format!(
        "fs pushed() {{\n\timage \"busy\"\n\trun \"echo hello > /hello\"\n\tdockerPush \"{pushed}:1\" as digest\n}}\n\n\
         fs default() {{\n\tscratch\n\tmkfile \"/digest\" 0o644 digest\n\tdownload \"out\"\n}}\n"
    );
    project.write("build.hlb", &program);
    let seen = project.run(&[]);
    let digest = project.read("out/digest");
    assert!(digest.starts_with("sha256:"), "{digest}: {}", seen.shown);
    // By its digest it comes back.
    let back = format!("fs default() {{\n\timage \"{pushed}@{digest}\"\n\trun \"cat /hello\"\n}}\n");
    project.write("build.hlb", &back);
    let seen = project.run(&[]);
    assert!(seen.shown.contains("hello\n"), "{}", seen.shown);

    project.write("build.hlb", &program.replace("echo hello > /hello", "exit 3"));
    let shown = project.hlbc(&["run"]);
    assert!(shown.contains("did not complete successfully: exit code: 3"), "{shown}");
    // The step that failed is told as any other, with its place.
    assert!(shown.starts_with("exit code: 1\n") && shown.contains("this step"), "{shown}");
}

#[test]
fn a_tag_is_what_it_was_when_it_was_locked() {
    let project = Project::empty();
    let registry = Registry::start(&project);
    registry.push(&project, "team/busy:1");
    let name = format!("{}/team/busy:1", registry.address);
    project.write("build.hlb", &format!("fs default() {{\n\timage \"{name}\"\n}}\n"));
    let refused = project.hlbc(&["emit", "--locked"]);
    assert!(refused.starts_with("exit code: 6\n") && refused.contains("`hlbc update`"), "{refused}");
    assert!(refused.contains(&format!("`{name}` is not in hlb.lock")), "{refused}");
    // Without looking, a name stays as it is, and nothing is written down.
    assert!(project.hlbc(&["emit", "--no-resolve"]).contains(&format!("image {name}\n")));
    assert!(!project.path("hlb.lock").exists());

    let first = project.hlbc(&["emit"]);
    assert!(first.contains(&format!("image {name}@sha256:")), "{first}");
    let lock = project.read("hlb.lock");
    registry.push_other(&project, "team/busy:1");
    assert_eq!(project.hlbc(&["emit", "--locked"]), first);
    let moved = project.hlbc(&["update", "team/none"]);
    assert!(moved.starts_with("exit code: 2\n"), "{moved}");
    let moved = project.hlbc(&["update", &name]);
    assert!(moved.contains(&format!("{name}: sha256:")) && moved.contains(" -> sha256:"), "{moved}");
    assert_ne!(project.read("hlb.lock"), lock);
    let second = project.hlbc(&["emit", "--locked"]);
    assert!(second.starts_with("exit code: 0\n") && second != first, "{second}");
    // Nobody is there to ask, and nobody has to be asked.
    drop(registry);
    let offline = project.hlbc(&["emit", "--locked", "--no-resolve"]);
    assert!(offline.contains(&format!("image {name}@sha256:")), "{offline}");
}

#[test]
fn a_layout_of_this_machine_is_not_pinned() {
    let project = Project::with_busybox("fs default() {\n\timage \"busy\"\n}\n");
    for args in [&["emit"][..], &["emit", "--locked"]] {
        let shown = project.hlbc(args);
        assert!(shown.contains("image docker.io/library/busy:latest\n"), "{shown}");
    }
    assert!(!project.path("hlb.lock").exists());
}

#[test]
fn privileged_a_locked_build_needs_nobody_once_it_was_done() {
    let project = Project::empty();
    let registry = Registry::start(&project);
    registry.push(&project, "team/busy:1");
    project.write(
        "build.hlb",
        &format!("fs default() {{\n\timage \"{}/team/busy:1\"\n\trun \"echo built\"\n}}\n", registry.address),
    );
    assert!(project.run(&[]).shown.contains("built\n"));
    registry.push_other(&project, "team/busy:1");
    let again = project.run(&["--locked"]);
    assert_eq!(again.ran, Vec::<String>::new(), "{}", again.shown);
}
