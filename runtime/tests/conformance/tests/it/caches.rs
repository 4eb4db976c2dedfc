//! Shared caches both ways: what BuildKit has written is found here, and what was written here is found by BuildKit.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test that cannot go on fails"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use hlb_buildkit::{Address, Client, Export, SharedCache};
use hlb_conformance::daemon::Daemon;
use hlb_conformance::namespaces::inside;
use hlb_conformance::{images, registry};
use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{Copy, Exec, ExecMount, FileStep, Image, Local, LocalOwner, diff, file, image, local, merge};
use hlb_llb::pb;
use hlb_llb::status::Status;
use hlb_registry::RegistryConfig;
use hlb_runtime::{
    CacheCollector, CacheImports, CacheMode, CachePlace, CacheSource, CacheTarget, Config, ExportTarget, FileOptions,
    Hints, ImageExport, ImageOptions, ImageTarget, LayerLimits, Network, OciRuntime, Runtime, SolveRequest,
};
use tokio_util::sync::CancellationToken;

/// What one solve did, by the names of vertices.
#[derive(Debug, Default, Clone)]
struct Did {
    ran: BTreeSet<String>,
    cached: BTreeSet<String>,
    warnings: Vec<String>,
}

fn busybox() -> Output {
    let platform = pb::Platform { architecture: "amd64".to_owned(), os: "linux".to_owned(), ..Default::default() };
    image(Image::new(format!("{}/busybox:latest", registry::HOST), platform), Annotations::default())
}

fn named(name: &str) -> Annotations {
    Annotations { name: Some(name.to_owned()), ..Annotations::default() }
}

fn script(root: Output, text: &str) -> Exec {
    let args = vec!["/bin/sh".to_owned(), "-c".to_owned(), text.to_owned()];
    let platform = pb::Platform { architecture: "amd64".to_owned(), os: "linux".to_owned(), ..Default::default() };
    Exec::new(Some(root), args, "/", platform)
}

/// A step that never makes the same twice.
fn unique(root: Output, name: &str, at: &str) -> Output {
    script(root, &format!("cat /proc/sys/kernel/random/uuid >{at}")).build(named(name)).root.unwrap()
}

/// The graphs by name. What steps make that are called `run …` differs each time.
fn graphs() -> Vec<(&'static str, Output)> {
    let first = unique(busybox(), "run first", "/first");
    let second = unique(first.clone(), "run second", "/second");
    let src = local(Local::new("src", LocalOwner::Unique("caches".to_owned())), Annotations::default());
    let with_file =
        file(Some(busybox()), vec![FileStep::Copy(Copy::new(Some(src), "/file", "/taken"))], named("copy file"))
            .unwrap();
    let of_local = unique(with_file, "run on local", "/made");
    let picked = |from: Output, path: &str| {
        file(None, vec![FileStep::Copy(Copy::new(Some(from), path, "/picked"))], named("pick")).unwrap()
    };
    let both = vec![picked(first.clone(), "/first"), unique(busybox(), "run other", "/other")];
    let changed = script(first.clone(), "rm /first; cat /proc/sys/kernel/random/uuid >/new");
    let changed = changed.build(named("run changed")).root.unwrap();
    let difference = diff(Some(first.clone()), Some(changed), named("diff")).unwrap();
    let below = unique(busybox(), "run below", "/first");
    let read = |dest: &str, selector: &str, source: Output| ExecMount {
        selector: selector.to_owned(),
        readonly: true,
        ..ExecMount::bind(dest, Some(source))
    };
    let mounts = vec![read("/one", "/first", first.clone()), read("/two", "/second", second.clone())];
    let two = Exec { mounts, ..script(busybox(), "cat /one /two /proc/sys/kernel/random/uuid >/three") };
    let mounts = vec![ExecMount::bind("/a", None), ExecMount::bind("/b", None)];
    let multi = script(busybox(), "for at in a b; do cat /proc/sys/kernel/random/uuid >/$at/$at; done");
    let multi = Exec { mounts, ..multi }.build(named("run multi"));
    let outputs: Vec<Output> = multi.mounts.into_iter().map(Option::unwrap).collect();
    vec![
        ("exec", second),
        ("local", of_local),
        ("merge", merge(both, named("merge")).unwrap()),
        ("diff", merge(vec![below, difference], named("merge")).unwrap()),
        ("selectors", two.build(named("run two")).root.unwrap()),
        ("outputs", merge(outputs, named("merge")).unwrap()),
    ]
}

fn did(events: &[Status]) -> Did {
    let (mut did, mut names) = (Did::default(), BTreeMap::new());
    for event in events {
        match event {
            Status::Graph(vertices) => {
                names.extend(vertices.iter().map(|vertex| (vertex.digest.clone(), vertex.name.clone())));
            }
            Status::Started { vertex, .. } => drop(did.ran.insert(names[vertex].clone())),
            Status::Cached { vertex, .. } => drop(did.cached.insert(names[vertex].clone())),
            Status::Completed { vertex, error: Some(error), .. } => {
                did.warnings.push(format!("{}: {error}", names[vertex]));
            }
            Status::Warning { text } => did.warnings.push(text.clone()),
            _ => {}
        }
    }
    // A step that is found may be told of as one that begins and ends.
    did.ran.retain(|name| name.starts_with("run ") && !did.cached.contains(name));
    did
}

struct Both<'a> {
    directory: &'a Path,
    tokio: tokio::runtime::Runtime,
    client: Client,
    /// Of the engine.
    version: (u32, u32),
}

type Heard = Arc<Mutex<Vec<Status>>>;

impl Both<'_> {
    /// What of a graph runs in spite of a cache. BuildKit before 0.18, which is in Docker before 28, writes the zeros of mounts into
    /// the JSON that keys are digests of, and later ones do not: so no step with more mounts than its root is found across that.
    fn expected(&self, name: &str) -> BTreeSet<String> {
        let is_old = self.version < (28, 0);
        let runs = match name {
            "selectors" if is_old => Some("run two"),
            "outputs" if is_old => Some("run multi"),
            _ => None,
        };
        runs.into_iter().map(str::to_owned).collect()
    }

    /// Whether a graph was found in the cache as it should be, and so gave the same files.
    fn is_right(&self, name: &str, did: &Did, there: &Path, here: &Path) -> bool {
        let expected = self.expected(name);
        did.ran == expected && did.warnings.is_empty() && (made(there) == made(here)) == expected.is_empty()
    }

    fn src(&self) -> PathBuf {
        self.directory.join("src")
    }

    /// Solves with BuildKit.
    fn there(&self, target: &Output, export: Export, from: &[SharedCache], to: &[SharedCache]) -> Did {
        let request = hlb_buildkit::SolveRequest {
            definition: Some(marshal(Some(target), Vec::new())),
            frontend: None,
            locals: BTreeMap::from([("src".to_owned(), self.src())]),
            secrets: BTreeMap::new(),
            sockets: BTreeMap::new(),
            entitlements: BTreeSet::new(),
            export: Some(export),
            cache_from: from.to_vec(),
            cache_to: to.to_vec(),
        };
        let heard = Heard::default();
        let sink = Arc::clone(&heard);
        let status = Arc::new(move |event| sink.lock().unwrap().push(event));
        let solved = self.tokio.block_on(self.client.solve(request, status, &CancellationToken::new()));
        solved.unwrap_or_else(|error| panic!("BuildKit: {error}: {:?}", std::error::Error::source(&error)));
        did(&heard.lock().unwrap())
    }

    /// Solves here with a state directory of that name, and exports to a directory of that name.
    fn here(
        &self,
        state: &str,
        target: &Output,
        out: &Path,
        from: &[CacheSource],
        to: &[CacheTarget],
        push: Option<&str>,
    ) -> Did {
        let heard = Heard::default();
        let sink = Arc::clone(&heard);
        let status: hlb_runtime::StatusSink = Arc::new(move |event| sink.lock().unwrap().push(event));
        self.tokio.block_on(async {
            let config = Config {
                root: self.directory.join(state),
                oci: OciRuntime { program: "runc".into() },
                registry: RegistryConfig::empty(),
                jobs: 2,
                network: Network::Host,
                limits: LayerLimits::default(),
            };
            let runtime = Runtime::open(config).await.unwrap();
            let collector = CacheCollector::default();
            let request = SolveRequest {
                definition: marshal(Some(target), Vec::new()),
                locals: BTreeMap::from([("src".to_owned(), self.src())]),
                layouts: BTreeMap::new(),
                secrets: BTreeMap::new(),
                sockets: BTreeMap::new(),
                allow: BTreeSet::new(),
                build: None,
                keep_failed: false,
                hints: Hints {
                    cache_from: (!from.is_empty()).then(|| CacheImports::new(from.to_vec())),
                    cache_to: Some(collector.clone()),
                    inline_cache: push.is_some(),
                    ..Hints::default()
                },
            };
            let cancel = CancellationToken::new();
            let solved = runtime.solve(request, Arc::clone(&status), &cancel).await.unwrap();
            for target in to {
                runtime.export_cache(&collector, target, &status, &cancel).await.unwrap();
            }
            if let Some(name) = push {
                let image = ImageExport {
                    to: ImageTarget::Registry,
                    config: br#"{"os":"linux","architecture":"amd64"}"#.to_vec(),
                    options: ImageOptions { names: vec![name.to_owned()], oci_types: true, ..ImageOptions::default() },
                };
                runtime.export(&solved, &ExportTarget::Image(image), &cancel).await.unwrap();
            }
            runtime
                .export(&solved, &ExportTarget::Directory(out.to_owned(), FileOptions::default()), &cancel)
                .await
                .unwrap();
        });
        did(&heard.lock().unwrap())
    }
}

fn cache(kind: &str, attrs: &[(&str, &str)]) -> SharedCache {
    let attrs = attrs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    SharedCache { kind: kind.to_owned(), attrs }
}

/// The files of a directory that steps make.
fn made(dir: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_file() {
            let text = std::fs::read_to_string(entry.path()).unwrap();
            found.insert(entry.file_name().into_string().unwrap(), text);
        }
    }
    found
}

fn both(directory: &Path, body: impl FnOnce(&Both<'_>)) {
    hlb_runtime::isolate().expect("these tests need root: run them with `cargo xtask ci`");
    let daemon = Daemon::start(directory);
    let _registry = registry::start(directory);
    images::push_all(directory);
    std::fs::create_dir(directory.join("src")).unwrap();
    std::fs::write(directory.join("src/file"), "of this machine\n").unwrap();
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let address = Address::parse(&format!("docker://{}", daemon.socket.display())).unwrap();
    let client = tokio.block_on(Client::connect(&address)).unwrap();
    body(&Both { directory, tokio, client, version: daemon.version });
}

#[test]
fn privileged_caches_of_buildkit_are_found_here() {
    inside("caches::privileged_caches_of_buildkit_are_found_here", |directory| {
        both(directory, |both| {
            let mut wrong = Vec::new();
            for (name, target) in graphs() {
                let reference = format!("{}/cache/{name}:max", registry::HOST);
                let (there, here) = (directory.join(format!("there-{name}")), directory.join(format!("here-{name}")));
                let to = cache("registry", &[("ref", &reference), ("mode", "max"), ("image-manifest", "true")]);
                both.there(&target, Export::Directory(there.clone()), &[], &[to]);
                let from = [CacheSource::Registry { reference }];
                let did = both.here(&format!("state-{name}"), &target, &here, &from, &[], None);
                if !both.is_right(name, &did, &there, &here) {
                    wrong.push(format!("{name}: {did:?}\n  {:?}\n  {:?}", made(&there), made(&here)));
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));

            let (_, target) = graphs().remove(0);
            let reference = format!("{}/image/exec:1", registry::HOST);
            let image = BTreeMap::from(
                [("name", reference.as_str()), ("push", "true")].map(|(key, value)| (key.to_owned(), value.to_owned())),
            );
            let there = directory.join("there-exec");
            both.there(&target, Export::Image(image), &[], &[cache("inline", &[])]);
            let here = directory.join("here-inline");
            let did = both.here("state-inline", &target, &here, &[CacheSource::Registry { reference }], &[], None);
            assert!(did.ran.is_empty() && did.warnings.is_empty(), "{did:?}");
            assert_eq!(made(&there), made(&here));
        });
    });
}

#[test]
fn privileged_caches_from_here_are_found_by_buildkit() {
    inside("caches::privileged_caches_from_here_are_found_by_buildkit", |directory| {
        both(directory, |both| {
            let mut wrong = Vec::new();
            for (name, target) in graphs() {
                let (there, here) = (directory.join(format!("there-{name}")), directory.join(format!("here-{name}")));
                let reference = format!("{}/cache/{name}:max", registry::HOST);
                let to = CacheTarget {
                    to: CachePlace::Registry { reference: reference.clone() },
                    mode: CacheMode::Max,
                    image_manifest: true,
                    ignore_error: false,
                };
                let image = format!("{}/image/{name}:1", registry::HOST);
                let first = both.here(&format!("state-{name}"), &target, &here, &[], &[to], Some(&image));
                assert!(!first.ran.is_empty() && first.warnings.is_empty(), "{name}: {first:?}");
                let mut found = vec![("max", reference)];
                if name == "exec" {
                    found.push(("inline", image));
                }
                for (how, reference) in found {
                    both.tokio.block_on(both.client.prune()).unwrap();
                    let _ = std::fs::remove_dir_all(&there);
                    let from = [cache("registry", &[("ref", &reference)])];
                    let did = both.there(&target, Export::Directory(there.clone()), &from, &[]);
                    if !both.is_right(name, &did, &there, &here) {
                        wrong.push(format!("{name} {how}: {did:?}\n  {:?}\n  {:?}", made(&there), made(&here)));
                    }
                }
            }
            assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        });
    });
}
