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

    fn push(&self, project: &Project, name: &str) {
        crate::image::layout(&project.beside("busybox"));
        let from = format!("oci:{}:latest", project.beside("busybox").display());
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
