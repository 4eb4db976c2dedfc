//! Images into a real Docker engine.
//!
//! Owns the question how much of an image travels there.

use std::path::Path;
use std::sync::Arc;

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{FileStep, file};
use hlb_runtime::{
    Config, ExportTarget, Exported, Hints, ImageExport, ImageOptions, ImageTarget, LayerLimits, Network, OciRuntime,
    Runtime, SolveRequest,
};
use tokio_util::sync::CancellationToken;

use crate::daemon::Daemon;

/// Loads an image, the same one again, and one with a layer more.
///
/// # Panics
/// If more travels than must.
pub fn one_layer_more(directory: &Path) {
    hlb_runtime::isolate().expect("these tests need root: run them with `cargo xtask ci`");
    let daemon = Daemon::start(directory);
    let tokio = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    tokio.block_on(async {
        let config = Config {
            root: directory.join("state"),
            oci: OciRuntime { program: "runc".into() },
            registry: hlb_registry::RegistryConfig::empty(),
            jobs: 4,
            network: Network::Host,
            limits: LayerLimits::default(),
        };
        let runtime = Runtime::open(config).await.unwrap();
        let two = layer(Some(layer(None, "one")), "two");
        let load =
            async |target: &Output, name: &str| load(&runtime, &daemon, target, name).await.sent.map(|sent| sent.len());
        assert_eq!(load(&two, "docker.io/library/small:1").await, Some(2));
        assert_eq!(load(&two, "docker.io/library/small:2").await, None, "it has that image");
        assert_eq!(load(&layer(Some(two), "three"), "docker.io/library/large:1").await, Some(1));
    });
    for (name, files) in [("small:1", "one two"), ("small:2", "one two"), ("large:1", "one two three")] {
        let archive = directory.join("saved.tar");
        daemon.save(name, &archive).unwrap();
        let saved = std::fs::read(&archive).unwrap();
        let mut archive = tar::Archive::new(saved.as_slice());
        let paths = archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().into_owned());
        let blobs = paths.filter(|path| path.parent() == Some(Path::new("blobs/sha256")));
        // Manifest, configuration and layers; an index where the engine keeps one.
        let extra = blobs.count() - files.split(' ').count();
        assert!((2..=3).contains(&extra), "{name}: {extra}");
    }
}

fn layer(on: Option<Output>, name: &str) -> Output {
    let step = FileStep::MkFile {
        path: format!("/{name}"),
        mode: 0o644,
        data: name.as_bytes().into(),
        owner: None,
        created: Some(0),
    };
    file(on, vec![step], Annotations::default()).unwrap()
}

async fn load(runtime: &Runtime, daemon: &Daemon, target: &Output, name: &str) -> Exported {
    let request = SolveRequest {
        definition: marshal(Some(target), Vec::new()),
        locals: Default::default(),
        layouts: Default::default(),
        secrets: Default::default(),
        sockets: Default::default(),
        allow: Default::default(),
        build: None,
        keep_failed: false,
        hints: Hints::default(),
    };
    let cancel = CancellationToken::new();
    let solved = runtime.solve(request, Arc::new(|_| ()), &cancel).await.unwrap();
    let options = ImageOptions { names: vec![name.to_owned()], ..ImageOptions::default() };
    let to = ImageTarget::DockerEngine(daemon.socket.clone());
    let wanted = ImageExport { to, config: br#"{"config":{"Cmd":["/none"]}}"#.to_vec(), options };
    runtime.export(&solved, &ExportTarget::Image(wanted), &cancel).await.unwrap()
}
