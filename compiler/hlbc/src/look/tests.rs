//! What evaluation gets from the embedded runtime, without a program that asks for it.

use std::collections::BTreeMap;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use hlb_compiler::{Content, Export, ExportTo, ImageConfig, Platform, ReadRequest, Solve, Variant, World};
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{FileStep, Http, file, http};
use hlb_llb::pb;
use hlb_llb::status::Status;
use hlb_registry::RegistryConfig;
use hlb_runtime::{Config, LayerLimits, Network, OciRuntime, Runtime};
use tokio_util::sync::CancellationToken;

use super::*;
use crate::deliver::Terms;
use crate::execute::Executor;
use crate::world::{OsWorld, Outside};

struct Bench {
    dir: tempfile::TempDir,
    tokio: tokio::runtime::Runtime,
    cancel: CancellationToken,
    executor: Arc<Executor>,
    /// How many graphs were solved.
    solved: Arc<Mutex<usize>>,
}

impl Bench {
    fn new() -> Self {
        hlb_runtime::isolate().expect("these tests need root: run them with `cargo xtask ci`");
        let dir = tempfile::tempdir().unwrap();
        let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (root, registry) = (dir.path().join("state"), RegistryConfig::empty());
        let oci = OciRuntime { program: "runc".into() };
        let limits = LayerLimits::default();
        let config = Config { root, oci, registry, jobs: 2, network: Network::Host, limits };
        let runtime = tokio.block_on(Runtime::open(config)).unwrap();
        let solved = Arc::<Mutex<usize>>::default();
        let count = Arc::clone(&solved);
        let status = Arc::new(move |status| {
            if matches!(status, Status::Graph(_)) {
                *count.lock().unwrap() += 1;
            }
        });
        let executor = Arc::new(Executor::new(runtime, status, Terms::default()));
        Self { dir, tokio, cancel: CancellationToken::new(), executor, solved }
    }

    fn world(&self) -> OsWorld<'_> {
        OsWorld::open(Outside {
            handle: self.tokio.handle().clone(),
            cancel: self.cancel.clone().into(),
            images: None,
            executor: Some(Arc::clone(&self.executor)),
            runs: true,
            repositories: None,
        })
    }

    fn ask(&self, output: Option<&Output>, what: Reading) -> Result<ReadAnswer, WorldError> {
        self.world().read_result(&ReadRequest { solve: solve(definition(output), Vec::new()), what })
    }

    /// What a question comes to, in words.
    fn said(&self, output: Option<&Output>, what: Reading) -> String {
        match self.ask(output, what) {
            Ok(ReadAnswer::Text(text)) => format!("{text:?}"),
            Ok(ReadAnswer::Paths(paths)) => format!("{paths:?}"),
            Ok(ReadAnswer::Exists(exists)) => exists.to_string(),
            Err(error) => error.to_string(),
        }
    }

    fn solved(&self) -> usize {
        *self.solved.lock().unwrap()
    }
}

fn definition(output: Option<&Output>) -> pb::Definition {
    marshal(output, Vec::new())
}

fn solve(definition: pb::Definition, exports: Vec<Export>) -> Solve {
    Solve {
        definition,
        exports,
        locals: BTreeMap::new(),
        secrets: BTreeMap::new(),
        sockets: BTreeMap::new(),
        layouts: BTreeMap::new(),
        image: ImageConfig::default(),
        name: "default".to_owned(),
    }
}

fn mkfile(path: &str, data: &[u8]) -> FileStep {
    FileStep::MkFile { path: path.to_owned(), mode: 0o644, data: data.into(), owner: None, created: None }
}

fn files(steps: Vec<FileStep>) -> Output {
    file(None, steps, Annotations::default()).unwrap()
}

fn read(path: &str) -> Reading {
    Reading::Read { path: path.to_owned() }
}

fn glob(pattern: &str) -> Reading {
    Reading::Glob { pattern: pattern.to_owned() }
}

fn exists(path: &str) -> Reading {
    Reading::Exists { path: path.to_owned() }
}

#[test]
fn privileged_results_are_read() {
    let bench = Bench::new();
    let mkdir = FileStep::MkDir { path: "/d".to_owned(), mode: 0o755, parents: false, owner: None, created: None };
    let tree =
        files(vec![mkfile("/a.txt", "grün\n".as_bytes()), mkdir, mkfile("/d/b.txt", b"b"), mkfile("/bytes", b"\xff")]);
    let all = [
        read("/a.txt"),
        read("d/b.txt"),
        read("/none"),
        read("/d"),
        read("/bytes"),
        read("/a.txt/x"),
        glob("**/*.txt"),
        glob("/none/*"),
        glob("/["),
        exists("/d/b.txt"),
        exists("/d/c"),
    ];
    insta::assert_snapshot!(all.map(|what| bench.said(Some(&tree), what)).join("\n"), @r#"
    "grün\n"
    "b"
    no such file or directory: /none
    /d: it is a directory
    /bytes: it is not UTF-8
    no such file or directory: /a.txt/x
    ["/a.txt", "/d/b.txt"]
    []
    /[: pattern `/[` has a `[` without its `]`
    true
    false
    "#);
    // Once for all questions, and once for another tree.
    assert_eq!(bench.solved(), 1);
    assert_eq!(bench.said(Some(&files(vec![mkfile("/a.txt", b"other")])), read("/a.txt")), "\"other\"");
    assert_eq!(bench.said(None, exists("/")), "true");
    assert_eq!(bench.said(None, glob("/**")), "[]");
    assert_eq!(bench.solved(), 3);
}

#[test]
fn privileged_a_step_that_fails_while_a_program_is_evaluated_is_remembered() {
    let bench = Bench::new();
    let rm = FileStep::Rm { path: "/none".to_owned(), allow_not_found: false, allow_wildcard: false };
    let failing = files(vec![mkfile("/a", b"a"), rm]);
    let said = bench.said(Some(&failing), read("/a"));
    assert!(said.contains("/none"), "{said}");
    let broken = bench.executor.broken().unwrap();
    let digest = hlb_llb::Digest::of(&definition(Some(&failing)).def[0]);
    assert_eq!(broken.error.vertex(), Some(&digest));
    assert!(bench.executor.broken().is_none());
    // What is not there is the program's own mistake.
    bench.said(Some(&files(vec![mkfile("/a", b"a")])), read("/b"));
    assert!(bench.executor.broken().is_none());
}

#[test]
fn privileged_a_look_can_be_cancelled() {
    let bench = Bench::new();
    // Accepts connections, and answers nothing.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/x", silent.local_addr().unwrap());
    let slow = http(Http::new(url), Annotations::default());
    let cancel = bench.cancel.clone();
    let cancelling = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        cancel.cancel();
    });
    let started = Instant::now();
    assert_eq!(bench.said(Some(&slow), exists("/x")), "the build was cancelled");
    assert!(started.elapsed() < Duration::from_secs(10));
    cancelling.join().unwrap();
}

#[test]
fn nothing_is_built_without_a_builder() {
    let request = ReadRequest { solve: solve(pb::Definition::default(), Vec::new()), what: read("/a") };
    let error = OsWorld::quiet().read_result(&request).unwrap_err();
    assert_eq!(error.to_string(), "reading a build's result with `read` is not possible here");
}

/// One image for two platforms.
fn index(to: ExportTo) -> Solve {
    let variant = |architecture: &str| Variant {
        definition: definition(Some(&files(vec![mkfile("/architecture", architecture.as_bytes())]))),
        image: ImageConfig { os: "linux".to_owned(), architecture: architecture.to_owned(), ..ImageConfig::default() },
        platform: Platform::new("linux", architecture),
    };
    let content = Content::Index(vec![variant("amd64"), variant("arm64")]);
    let at = Location { source: SourceId(u32::MAX), span: Span::default() };
    solve(pb::Definition::default(), vec![Export { content, to, at }])
}

#[test]
fn privileged_an_image_for_several_platforms_is_one_export() {
    let bench = Bench::new();
    let publish = |to: ExportTo| match bench.world().publish(&index(to)) {
        Ok(digest) => digest,
        Err(error) => error.to_string(),
    };
    let path = |name: &str| camino::Utf8PathBuf::from_path_buf(bench.dir.path().join(name)).unwrap();
    let refused = [
        publish(ExportTo::Directory(path("out"))),
        publish(ExportTo::Tar(path("out.tar"))),
        publish(ExportTo::DockerTar { path: path("out.tar"), reference: "docker.io/library/a:latest".to_owned() }),
    ];
    insta::assert_snapshot!(refused.join("\n"), @r"
    a directory takes the files of one filesystem, and not an image for several platforms
    a tar file takes the files of one filesystem, and not an image for several platforms
    a Docker archive takes an image for one platform, and not an index of several: write an OCI archive, or push it
    ");
    assert_eq!(bench.solved(), 0, "it is known before anything is built");
    let digest = publish(ExportTo::OciTar(path("out.tar")));
    assert!(digest.starts_with("sha256:"), "{digest}");
    let mut archive = tar::Archive::new(std::fs::File::open(path("out.tar")).unwrap());
    let names = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string());
    let names: Vec<String> = names.collect();
    assert!(names.contains(&digest.replace("sha256:", "blobs/sha256/")), "{names:?}");
    // An index, and for each platform a manifest, a config and a layer.
    assert_eq!(names.len(), 4 + 1 + 2 * 3);
}
