//! The command as a frontend, in a container of the embedded runtime.
//!
//! Owns the other side of `hlbc frontend`: `hlb_gateway::run_frontend` with an image that holds the command.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use hlb_gateway::{FrontendOutcome, FrontendRequest, GatewayError, run_frontend};
use hlb_llb::pb;
use hlb_llb::status::Status;
use hlb_registry::{Platform, RegistryConfig};
use hlb_runtime::{Config, ExportTarget, FileOptions, Hints, Network, OciRuntime, Runtime, SolveRequest};
use tokio_util::sync::CancellationToken;

use crate::image;
use crate::project::Project;

struct Bench {
    dir: tempfile::TempDir,
    tokio: tokio::runtime::Runtime,
    runtime: Runtime,
    cancel: CancellationToken,
    log: Arc<Mutex<Vec<u8>>>,
}

impl Bench {
    /// A runtime whose image `frontend` runs a program, and whose image `busy` is busybox.
    fn new(program: &Path, args: &[&str]) -> Self {
        hlb_runtime::isolate().expect("these tests need root: run them with `cargo xtask ci`");
        let dir = tempfile::tempdir().unwrap();
        image::frontend_layout(&dir.path().join("frontend"), program, args);
        image::layout(&dir.path().join("busy"));
        let mut registry = RegistryConfig::empty();
        for name in ["frontend", "busy"] {
            registry.add_layout(name, dir.path().join(name)).unwrap();
        }
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (root, oci) = (dir.path().join("state"), OciRuntime { program: "runc".into() });
        let config = Config { root, oci, registry, jobs: 2, network: Network::Host };
        let runtime = tokio.block_on(Runtime::open(config)).unwrap();
        std::fs::create_dir(dir.path().join("src")).unwrap();
        Self { dir, tokio, runtime, cancel: CancellationToken::new(), log: Arc::default() }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.src().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn src(&self) -> PathBuf {
        self.dir.path().join("src")
    }

    fn locals(&self) -> BTreeMap<String, PathBuf> {
        ["context", "dockerfile"].map(|name| (name.to_owned(), self.src())).into()
    }

    fn run(&self, opts: &[(&str, &str)]) -> Result<FrontendOutcome, GatewayError> {
        let request = FrontendRequest {
            source: "frontend".to_owned(),
            opts: opts.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect(),
            inputs: BTreeMap::new(),
            locals: self.locals(),
            layouts: BTreeMap::new(),
            secrets: BTreeMap::new(),
            sockets: BTreeMap::new(),
            allow: BTreeSet::new(),
            build: None,
            keep_failed: false,
            hints: Hints::default(),
            platform: Platform::host(),
        };
        let log = Arc::clone(&self.log);
        let status = Arc::new(move |status| {
            if let Status::Log { data, .. } = status {
                log.lock().unwrap().extend(data);
            }
        });
        self.tokio.block_on(run_frontend(&self.runtime, request, status, &self.cancel))
    }

    fn log(&self) -> String {
        String::from_utf8(self.log.lock().unwrap().clone()).unwrap()
    }

    /// Writes the result of a graph into a directory.
    fn export(&self, definition: pb::Definition) -> PathBuf {
        let out = self.dir.path().join("out");
        let request = SolveRequest {
            definition,
            locals: self.locals(),
            layouts: BTreeMap::new(),
            secrets: BTreeMap::new(),
            sockets: BTreeMap::new(),
            allow: BTreeSet::new(),
            build: None,
            keep_failed: false,
            hints: Hints::default(),
        };
        self.tokio.block_on(async {
            let solved = self.runtime.solve(request, Arc::new(drop), &self.cancel).await.unwrap();
            self.runtime
                .export(&solved, &ExportTarget::Directory(out.clone(), FileOptions::default()), &self.cancel)
                .await
                .unwrap();
        });
        out
    }
}

fn command() -> Bench {
    Bench::new(Path::new(env!("CARGO_BIN_EXE_hlbc")), &["frontend"])
}

const PROGRAM: &str = r#"import lib from "./lib.hlb"

fs default() {
	image "busy"
	lib.mark
	run "echo $GREETING > /out; cat /src/file >> /out" with mount(fs { local "part"; }, "/src")
	env "GREETING" "bye"
}

fs other() {
	local "part" with includePatterns("f*")
}
"#;
const LIBRARY: &str = "export mark\n\nfs mark() {\n\tenv \"GREETING\" localEnv(\"GREETING\")\n}\n";

#[test]
fn privileged_a_program_is_built_by_the_command_in_a_container() {
    let bench = command();
    bench.write("build.hlb", PROGRAM);
    bench.write("lib.hlb", LIBRARY);
    bench.write("part/file", "of the context\n");
    bench.write("part/other", "");
    let made = bench.run(&[("build-arg:GREETING", "hello")]).unwrap();
    let config = String::from_utf8(made.config.unwrap()).unwrap();
    assert!(config.contains(r#""Env":["PATH=/bin","GREETING=bye"]"#), "{config}");
    let out = bench.export(made.definition);
    assert_eq!(std::fs::read_to_string(out.join("out")).unwrap(), "hello\nof the context\n");

    let made = bench.run(&[("target", "other")]).unwrap();
    let out = bench.export(made.definition);
    assert!(out.join("file").exists() && !out.join("other").exists());
}

#[test]
fn privileged_mistakes_come_back_from_the_container() {
    let bench = command();
    bench.write("build.hlb", "fs default() {\n\timage \"busy\"\n\tcopy fs { local \"none\"; } \"/\" \"/\"\n}\n");
    let message = bench.run(&[]).unwrap_err().to_string();
    assert!(message.starts_with("the frontend `docker.io/library/frontend:latest` failed: error[E0205]"), "{message}");
    assert!(message.contains("no such file or directory: none"), "{message}");
    bench.write("build.hlb", "fs default() {\n\timage \"missing.invalid/x\"\n}\n");
    let message = bench.run(&[]).unwrap_err().to_string();
    assert!(message.contains("cannot look up the image `missing.invalid/x:latest`"), "{message}");
}

#[test]
fn privileged_a_program_that_is_no_frontend_is_told_so() {
    let bench = Bench::new(Path::new("/bin/busybox"), &["sh", "-c", "echo I am none >&2; exit 7"]);
    assert_eq!(
        bench.run(&[]).unwrap_err().to_string(),
        "the frontend `docker.io/library/frontend:latest` ended with exit code 7 and without a result; \
         the last it printed: I am none"
    );
    assert_eq!(bench.log(), "I am none\n");
}

#[test]
fn privileged_a_frontend_ends_when_it_is_cancelled() {
    let bench = Bench::new(Path::new("/bin/busybox"), &["sleep", "1000"]);
    let (cancel, start) = (bench.cancel.clone(), Instant::now());
    let cancelling = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        cancel.cancel();
    });
    assert!(matches!(bench.run(&[]).unwrap_err(), GatewayError::Cancelled));
    assert!(start.elapsed() < Duration::from_secs(20));
    cancelling.join().unwrap();
}

#[test]
fn privileged_an_image_that_is_not_there_is_named() {
    let bench = command();
    std::fs::remove_dir_all(bench.dir.path().join("frontend")).unwrap();
    let message = bench.run(&[]).unwrap_err().to_string();
    assert!(message.starts_with("cannot run the frontend `docker.io/library/frontend:latest`: "), "{message}");
}

/// A project whose image `frontend` is the command itself, and whose image `busy` is busybox.
fn project(program: &str) -> Project {
    let project = Project::with_busybox(program);
    let command = Path::new(env!("CARGO_BIN_EXE_hlbc"));
    image::frontend_layout(&project.beside("frontend"), command, &["frontend"]);
    std::fs::write(project.beside("hlbc.toml"), "[layouts]\nbusy = \"busybox\"\nfrontend = \"frontend\"\n").unwrap();
    project
}

const OUTER: &str = r#"fs inner() {
	scratch
	mkfile "/build.hlb" 0o644 <<-EOF
		fs default() {
			image "busy"
			run "cat /in/text > /out" with mount(fs { local "part"; }, "/in")
			env "FROM" "inner"
		}
	EOF
}

fs default() {
	frontend "frontend" with option {
		input "dockerfile" inner
		input "context" fs { local "src"; }
		opt "label:k" "v"
	}
	run "echo $FROM >> /out"
	download "result"
}
"#;

#[test]
fn privileged_a_program_builds_with_a_frontend() {
    let project = project(OUTER).file("src/part/text", "of the outer context\n");
    let seen = project.run(&[]);
    assert_eq!(project.read("result/out"), "of the outer context\ninner\n", "{}", seen.shown);
    assert!(seen.ran.iter().any(|step| step == "frontend docker.io/library/frontend:latest"), "{}", seen.shown);
    // The frontend runs each time, what it asks for does not.
    assert_eq!(project.run(&[]).ran, ["frontend docker.io/library/frontend:latest"]);

    project.write("build.hlb", &OUTER.replace("image \"busy\"", "imgae \"busy\""));
    let shown = project.hlbc(&["run"]);
    assert!(shown.contains("cannot run the frontend `docker.io/library/frontend:latest`: error[E0101]"), "{shown}");
    assert!(shown.contains("build.hlb:13:2"), "{shown}");
}
