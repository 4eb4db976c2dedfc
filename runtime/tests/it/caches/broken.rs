//! Caches that are of no use: each is told of once, and the build goes on.

use std::net::TcpListener;
use std::path::Path;

use hlb_llb::Digest;
use hlb_runtime::{CacheMode, CachePlace, CacheSource, CacheTarget, Which};
use serde_json::{Value, json};

use super::server::Registry;
use super::{build, copied, first, registry, to_registry};
use crate::support::{Bench, mkfile, read};

fn local(directory: &Path) -> CacheSource {
    CacheSource::Local { directory: directory.to_owned(), which: Which::Tag("latest".to_owned()) }
}

/// Builds with a cache that cannot be used. What is told of it.
fn told(source: CacheSource, replace: &str) -> String {
    let bench = Bench::new();
    let built = build(&bench, &mkfile(None, "/a", "x"), &[source], &[]);
    assert_eq!(read(&bench.out(), "a"), "x");
    assert_eq!((built.ran.len(), built.warnings.len()), (1, 1), "{built:?}");
    built.warnings[0].replace(replace, "PLACE")
}

#[test]
fn privileged_caches_that_cannot_be_read_are_warnings() {
    let server = Registry::start();
    insta::assert_snapshot!(told(registry(&server.name("no/such:cache")), &server.host), @"the cache `PLACE/no/such:cache` cannot be read: cannot get `PLACE/no/such:cache`: http://PLACE: not found (404); check the name and the tag; building without it");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let text = told(registry(&format!("{closed}/a:b")), &closed);
    assert!(
        text.starts_with("the cache `PLACE/a:b` cannot be read: ") && text.ends_with("; building without it"),
        "{text}"
    );
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().display().to_string();
    insta::assert_snapshot!(told(local(dir.path()), &place), @"the cache `PLACE` cannot be read: cannot read `PLACE/index.json`: No such file or directory (os error 2); building without it");
}

/// A layout with a document as its cache.
fn put(dir: &Path, document: &str, manifest: impl Fn(&Digest) -> Value) {
    let blob = |text: &str| {
        let digest = Digest::of(text);
        std::fs::create_dir_all(dir.join("blobs/sha256")).unwrap();
        std::fs::write(dir.join("blobs/sha256").join(digest.hex()), text).unwrap();
        digest
    };
    let manifest = blob(&manifest(&blob(document)).to_string());
    let entry = json!({
        "digest": manifest.as_str(), "size": 1, "annotations": { "org.opencontainers.image.ref.name": "latest" },
    });
    std::fs::write(dir.join("index.json"), json!({ "schemaVersion": 2, "manifests": [entry] }).to_string()).unwrap();
}

fn cache(config: &Digest) -> Value {
    let config =
        json!({ "mediaType": "application/vnd.buildkit.cacheconfig.v0", "digest": config.as_str(), "size": 1 });
    json!({ "schemaVersion": 2, "config": config, "layers": [] })
}

#[test]
fn privileged_damaged_documents_are_warnings() {
    let dir = tempfile::tempdir().unwrap();
    let place = dir.path().display().to_string();
    let digest = Digest::of("x");
    let check = |document: &str| {
        put(dir.path(), &document.replace('D', &format!(r#""digest":"{digest}""#)), cache);
        let told = told(local(dir.path()), &place);
        let told = told.strip_prefix("the cache `PLACE` cannot be read: ").unwrap();
        told.strip_suffix("; building without it").unwrap().to_owned()
    };
    insta::assert_snapshot!(check("x"), @"its document cannot be read: expected value at line 1 column 1");
    insta::assert_snapshot!(check(r#"{"records":[{D,"inputs":[[{"link":0}]]}]}"#), @"it is damaged: its record 0 follows from itself");
    insta::assert_snapshot!(check(r#"{"records":[{D,"inputs":[[{"link":9}]]}]}"#), @"it is damaged: its record 0 names record 9, of 1");
    insta::assert_snapshot!(check(r#"{"records":[{D,"layers":[{"layer":2}]}]}"#), @"it is damaged: its record 0 names layer 2, of 0");
    put(
        dir.path(),
        r#"{"os":"linux","architecture":"amd64"}"#,
        |config| json!({ "schemaVersion": 2, "config": { "digest": config.as_str(), "size": 1 }, "layers": [] }),
    );
    insta::assert_snapshot!(told(local(dir.path()), &place), @"the cache `PLACE` cannot be read: it is an image that holds no cache; building without it");
    put(dir.path(), "{}", cache);
    std::fs::write(dir.path().join("blobs/sha256").join(Digest::of("{}").hex()), "{ }").unwrap();
    let text = told(local(dir.path()), &place);
    assert!(text.ends_with("is damaged: its content has another digest; building without it"), "{text}");
}

#[test]
fn privileged_results_that_cannot_be_had_run() {
    let check = |name: &str, spoil: &dyn Fn(&Path)| {
        let server = Registry::start();
        let reference = server.name("app:cache");
        let one = Bench::new();
        build(&one, &copied(first(&one), "/made"), &[], &[to_registry(&reference, CacheMode::Max)]);
        // All layers are spoilt, but the documents are not.
        let seen = server.asked();
        for digest in seen.iter().filter_map(|line| line.strip_prefix("HEAD blobs/")?.parse::<Digest>().ok()) {
            let path = server.blob(&digest);
            if std::fs::read(&path).is_ok_and(|bytes| !bytes.starts_with(b"{")) {
                spoil(&path);
            }
        }
        let other = Bench::new();
        let built = build(&other, &copied(first(&other), "/made"), &[registry(&reference)], &[]);
        assert_eq!(built.ran, ["copy / /", "first", "copy /made"], "{name}");
        assert_eq!(read(&other.out(), "out"), "made\n");
        assert_eq!(built.warnings.len(), 1, "{name}: {built:?}");
        let said = &built.warnings[0];
        assert!(said.starts_with(&format!("a result in the cache `{reference}` cannot be had: ")), "{name}: {said}");
        assert!(said.ends_with("; its step runs"), "{name}: {said}");
    };
    check("gone", &|path| std::fs::remove_file(path).unwrap());
    check("other bytes", &|path| {
        let size = std::fs::metadata(path).unwrap().len();
        std::fs::write(path, vec![7; size as usize]).unwrap();
    });
}

#[test]
fn privileged_layers_without_what_they_are_have_no_results() {
    let dir = tempfile::tempdir().unwrap();
    let one = Bench::new();
    let target = CacheTarget {
        to: CachePlace::Local { directory: dir.path().to_owned(), tag: "latest".to_owned() },
        mode: CacheMode::Max,
        image_manifest: true,
        ignore_error: true,
    };
    build(&one, &copied(first(&one), "/made"), &[], &[target]);
    let index: Value = serde_json::from_slice(&std::fs::read(dir.path().join("index.json")).unwrap()).unwrap();
    let digest: Digest = index["manifests"][0]["digest"].as_str().unwrap().parse().unwrap();
    let path = |digest: &Digest| dir.path().join("blobs/sha256").join(digest.hex());
    let mut manifest: Value = serde_json::from_slice(&std::fs::read(path(&digest)).unwrap()).unwrap();
    for layer in manifest["layers"].as_array_mut().unwrap() {
        layer.as_object_mut().unwrap().remove("annotations");
    }
    let document = manifest["config"]["digest"].as_str().unwrap().parse().unwrap();
    let document = std::fs::read_to_string(path(&document)).unwrap();
    put(dir.path(), &document, |_| manifest.clone());
    let other = Bench::new();
    let built = build(&other, &copied(first(&other), "/made"), &[local(dir.path())], &[]);
    assert_eq!((built.ran.len(), built.warnings.len()), (3, 0), "{built:?}");
}
