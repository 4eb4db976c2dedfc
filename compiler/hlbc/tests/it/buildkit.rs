//! The command as a frontend of a real BuildKit.
//!
//! Owns the way of `docs/frontend.md` from its start: the image that `examples/frontend` makes of the command, pushed by the command,
//! and the BuildKit of a Docker engine that builds `.hlb` files with it. Engine and registry are those of the conformance suite.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex};

use hlb_buildkit::{Address, Client, Export, Frontend, SolveRequest};
use hlb_conformance::daemon::Daemon;
use hlb_conformance::namespaces::{Server, inside};
use hlb_conformance::{image_listing, images, listing, registry};
use hlb_llb::status::Status;
use tokio_util::sync::CancellationToken;

use crate::project::Project;

/// The name that the programs below give in their first line.
const IMAGE: &str = "127.0.0.1:5000/hlb:1";

const PROGRAM: &str = r#"# syntax=127.0.0.1:5000/hlb:1
import names from "./lib/names.hlb"

fs default() {
	scratch
	copy built "/out" "/"
	names.named
	env "VERSION" localEnv("VERSION")
	entrypoint "/out/greeting" "--all"
}

fs built() {
	image "127.0.0.1:5000/busybox"
	env "VERSION" localEnv("VERSION")
	run "mkdir /out; cat /src/name /run/token > /out/greeting; ls /src > /out/seen; echo $VERSION > /out/version" with option {
		mount fs { local "src" with includePatterns("n*"); } "/src"
		secret "keys/token" "/run/token"
	}
}

fs each() {
	scratch
	copy fs { image "127.0.0.1:5000/multi"; } "/architecture" "/"
}

fs failing() {
	image "127.0.0.1:5000/busybox"
	run "echo on the way; exit 3"
}

fs here() {
	default
	downloadTarball "here.tar"
}
"#;

const NAMES: &str = "export named\n\nfs named() {\n\tlabel \"name\" \"of the module\"\n\tlabel \"by\" \"hlb\"\n}\n";

const MISTAKE: &str = "# One word is wrong.\nfs default() {\n\tscratch\n\tmkfil \"/a\" 0o644 \"a\"\n}\n";

const MISSING: &str = "fs default() {\n\tscratch\n\tcopy fs { local \"none\"; } \"/\" \"/\"\n}\n";

struct Docker {
    tokio: tokio::runtime::Runtime,
    client: Client,
    project: Project,
    _daemon: Daemon,
    _registry: Server,
}

impl Docker {
    /// An engine, a registry that has the image of the frontend, and a project.
    fn start(directory: &Path) -> Self {
        hlb_runtime::isolate().expect("these tests need root: run them with `cargo xtask ci`");
        let daemon = Daemon::start(directory);
        let registry = registry::start(directory);
        images::push_all(directory);
        publish();
        let project = Project::new(PROGRAM)
            .file("lib/names.hlb", NAMES)
            .file("mistake.hlb", MISTAKE)
            .file("missing.hlb", MISSING)
            .file("src/name", "hello ")
            .file("src/other", "")
            .file("keys/token", "sesame\n");
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let address = Address::parse(&format!("docker://{}", daemon.socket.display())).unwrap();
        let client = tokio.block_on(Client::connect(&address)).unwrap();
        Self { tokio, client, project, _daemon: daemon, _registry: registry }
    }

    /// Builds as `docker build` does, with these options. An error comes after what steps have printed.
    fn solve(&self, frontend: &str, opts: &[(&str, &str)], export: Export) -> Result<(), String> {
        let mut attrs = BTreeMap::from([("filename", "build.hlb")]);
        if frontend == "gateway.v0" {
            attrs.insert("source", IMAGE);
        }
        attrs.extend(opts.iter().copied());
        let attrs = attrs.into_iter().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
        let request = SolveRequest {
            definition: None,
            frontend: Some(Frontend { name: frontend.to_owned(), attrs, inputs: BTreeMap::new() }),
            locals: ["context", "dockerfile"].map(|name| (name.to_owned(), self.project.path(""))).into(),
            secrets: BTreeMap::from([("keys/token".to_owned(), self.project.path("keys/token"))]),
            sockets: BTreeMap::new(),
            entitlements: BTreeSet::new(),
            export: Some(export),
            cache_from: Vec::new(),
            cache_to: Vec::new(),
        };
        let printed = Arc::new(Mutex::new(String::new()));
        let log = Arc::clone(&printed);
        let status = Arc::new(move |status| {
            if let Status::Log { data, .. } = status {
                log.lock().unwrap().push_str(&String::from_utf8_lossy(&data));
            }
        });
        let solved = self.tokio.block_on(self.client.solve(request, status, &CancellationToken::new()));
        solved.map(drop).map_err(|error| format!("{}{error}", printed.lock().unwrap()))
    }

    /// The files that come out.
    fn tree(&self, frontend: &str, opts: &[(&str, &str)]) -> String {
        let archive = self.project.beside("tree.tar");
        self.solve(frontend, opts, Export::Tar(archive.clone())).unwrap();
        list(&archive)
    }

    /// The image that comes out.
    fn image(&self, opts: &[(&str, &str)]) -> String {
        let archive = self.project.beside("image.tar");
        self.solve("gateway.v0", opts, Export::Oci(archive.clone(), BTreeMap::new())).unwrap();
        trimmed(&image_listing::list_archive(&archive).unwrap())
    }

    /// What a build says that must fail.
    fn error(&self, opts: &[(&str, &str)]) -> String {
        trimmed(&self.solve("gateway.v0", opts, Export::Tar(self.project.beside("none.tar"))).unwrap_err())
    }
}

/// Without white space at the ends of lines, which nobody sees.
fn trimmed(text: &str) -> String {
    text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n")
}

fn list(archive: &Path) -> String {
    listing::list(std::fs::File::open(archive).unwrap()).unwrap()
}

/// Runs the example that makes the image, as it stands, with the command under test in the place of the released one.
fn publish() {
    let project = Project::empty()
        .file("examples/frontend/build.hlb", include_str!("../../../../examples/frontend/build.hlb"))
        .file("target/release/README", "");
    std::fs::copy(env!("CARGO_BIN_EXE_hlbc"), project.path("target/release/hlbc")).unwrap();
    let config = format!("[layouts]\n\"debian:bookworm-slim\" = \"{}\"\n", images::debian().display());
    std::fs::write(project.beside("hlbc.toml"), config).unwrap();
    let mut command = project.command(&["run", "-f", "examples/frontend/build.hlb", "publish"]);
    let output = command.env("IMAGE", IMAGE).output().unwrap();
    assert!(output.status.success(), "{}", project.shown(&output));
}

#[test]
fn privileged_a_docker_engine_builds_programs() {
    inside("buildkit::privileged_a_docker_engine_builds_programs", |directory| {
        let docker = Docker::start(directory);
        results(&docker);
        errors(&docker);
    });
}

fn results(docker: &Docker) {
    let version = ("build-arg:VERSION", "1.2");
    let tree = docker.tree("gateway.v0", &[version]);
    insta::assert_snapshot!(tree, @r#"
    /out dir 755 0:0
    /out/greeting file 644 0:0 "hello sesame\n"
    /out/seen file 644 0:0 "name\n"
    /out/version file 644 0:0 "1.2\n"
    "#);
    // As `docker build` asks: the frontend for Dockerfiles reads the first line and hands on.
    assert_eq!(docker.tree("dockerfile.v0", &[version]), tree);
    // As the embedded runtime makes it.
    let output = docker.project.command(&["run", "here"]).env("VERSION", "1.2").output().unwrap();
    assert!(output.status.success(), "{}", docker.project.shown(&output));
    assert_eq!(list(&docker.project.path("here.tar")), tree);

    insta::assert_snapshot!(docker.image(&[("build-arg:VERSION", "2"), ("label:by", "the client")]), @r#"
    manifest: "application/vnd.oci.image.manifest.v1+json"
    config: "application/vnd.oci.image.config.v1+json"
    .architecture: "amd64"
    .config.Entrypoint: ["/out/greeting","--all"]
    .config.Env: ["VERSION=2"]
    .config.Labels.by: "the client"
    .config.Labels.name: "of the module"
    .history.0.comment: "hlb.v0"
    .history.0.created_by: "COPY /out /"
    .history.1.comment: "hlb.v0"
    .history.1.created_by: "LABEL name=of the module by=hlb"
    .history.1.empty_layer: true
    .history.2.comment: "hlb.v0"
    .history.2.created_by: "ENTRYPOINT [\"/out/greeting\" \"--all\"]"
    .history.2.empty_layer: true
    .os: "linux"
    layer: "application/vnd.oci.image.layer.v1.tar+gzip"
      /out dir 755 0:0
      /out/greeting file 644 0:0 "hello sesame\n"
      /out/seen file 644 0:0 "name\n"
      /out/version file 644 0:0 "2\n"
    "#);
    insta::assert_snapshot!(docker.tree("gateway.v0", &[("target", "each"), ("platform", "linux/amd64,linux/arm64")]), @r#"
    /linux_amd64 dir 755 0:0 @0
    /linux_amd64/architecture file 644 0:0 "amd64" @1600000000
    /linux_arm64 dir 755 0:0 @0
    /linux_arm64/architecture file 644 0:0 "arm64" @1600000000
    "#);
}

fn errors(docker: &Docker) {
    insta::assert_snapshot!(docker.error(&[("filename", "mistake.hlb")]), @r#"
    BuildKit refused the build: error[E0101]: `mkfil` is not defined
      ┌─ mistake.hlb:4:2
      │
    4 │     mkfil "/a" 0o644 "a"
      │     ^^^^^
      │
      = help: did you mean `mkfile`?
    "#);
    insta::assert_snapshot!(docker.error(&[("filename", "missing.hlb")]), @r#"
    BuildKit refused the build: error[E0205]: cannot use `none` of the build context: no such file or directory: none
      ┌─ missing.hlb:3:18
      │
    3 │     copy fs { local "none"; } "/" "/"
      │     ----            ^^^^^^
      │     │
      │     in this call
      │
      = help: check the path: it is relative to the directory of the file that names it
    "#);
    insta::assert_snapshot!(docker.error(&[("filename", "none.hlb")]), @"BuildKit refused the build: InvalidArgument: there is no program `none.hlb` in what the client sent: name it with `--file`");
    insta::assert_snapshot!(docker.error(&[("target", "none")]), @r"
    BuildKit refused the build: error[E0201]: there is no target `none` in `build.hlb`
      ┌─ build.hlb:1:1
      │
    1 │ # syntax=127.0.0.1:5000/hlb:1
      │ ^
      │
      = help: choose one of default, built, each, failing, here
    ");
    insta::assert_snapshot!(docker.error(&[("target", "here"), ("build-arg:VERSION", "1.2")]), @r#"
    BuildKit refused the build: error[E0212]: a frontend writes nothing out: that is up to the client
       ┌─ build.hlb:33:2
       │
    33 │     downloadTarball "here.tar"
       │     ^^^^^^^^^^^^^^^
       │
       = help: use `--output` or `--tag` of the client, and build a target without this call
    "#);
    insta::assert_snapshot!(docker.error(&[("ulimit", "nofile=10")]), @"BuildKit refused the build: InvalidArgument: the option `ulimit`, limits for steps from outside of the program, is not supported yet for HLB");
    insta::assert_snapshot!(docker.error(&[("target", "failing")]), @r#"
    on the way
    process "/bin/sh -c echo on the way; exit 3" did not complete successfully: exit code: 3
    "#);
}
