//! Layers of images: unpacked side by side, each once whoever wants it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use hlb_llb::Digest;
use hlb_llb::graph::{Annotations, Output};
use hlb_llb::ops::{Image, ResolveMode, merge};
use hlb_llb::pb;
use tokio_util::sync::CancellationToken;

use crate::engine::{Heard, block_on};
use crate::sources::{from_layout, layer, layout_of, serve_heard};
use crate::support::{Bench, read};

/// Archives one after the other, without the ends of those before.
fn joined(parts: &[Vec<u8>]) -> Vec<u8> {
    let (last, first) = parts.split_last().unwrap();
    let mut out: Vec<u8> = first.iter().flat_map(|part| part[..part.len() - 1024].to_vec()).collect();
    out.extend_from_slice(last);
    out
}

/// An archive with one entry without data.
fn one(kind: tar::EntryType, name: &str, link: &str, mode: u32) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_size(0);
    header.set_path(name).unwrap();
    if !link.is_empty() {
        header.set_link_name(link).unwrap();
    }
    header.set_cksum();
    builder.append(&header, &b""[..]).unwrap();
    builder.into_inner().unwrap()
}

/// Layers of which some can be unpacked alone, and some cannot.
fn layers() -> Vec<Vec<u8>> {
    use tar::EntryType as Type;
    let dir = |name: &str, mode| one(Type::Directory, name, "", mode);
    vec![
        joined(&[dir("usr", 0o711), dir("usr/lib", 0o700), layer("usr/lib/low", "low"), layer("gone", "x")]),
        joined(&[one(Type::Symlink, "lib", "usr/lib", 0o777), layer("usr/lib/second", "second")]),
        // Through the link of the layer below.
        layer("lib/through", "through"),
        joined(&[layer(".wh.gone", ""), layer("usr/lib/.wh.low", ""), layer("usr/lib/high", "high")]),
        // A link to what another layer has.
        one(Type::Link, "again", "usr/lib/second", 0o644),
        layer("last", "last"),
    ]
}

#[test]
fn privileged_layers_are_unpacked_as_if_in_order() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut bench = Bench::new();
    let digest = layout_of(&bench.path("layout"), &layers(), "nobody");
    bench.layouts.insert("image".to_owned(), bench.path("layout"));
    bench.solve(Some(&from_layout(format!("image@{digest}"), "", None))).unwrap();
    let out = bench.out();
    for (name, text) in [
        ("usr/lib/second", "second"),
        ("usr/lib/through", "through"),
        ("usr/lib/high", "high"),
        ("again", "second"),
        ("last", "last"),
    ] {
        assert_eq!(read(&out, name), text);
    }
    assert!(!out.join("gone").exists() && !out.join("usr/lib/low").exists());
    assert!(std::fs::symlink_metadata(out.join("lib")).unwrap().is_symlink());
    let mode = |name: &str| std::fs::metadata(out.join(name)).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode("usr"), mode("usr/lib")), (0o711, 0o700));
    assert_eq!(std::fs::read_dir(bench.path("state/claims")).unwrap().count(), 0, "a claim is left");
}

/// What a registry has of an image with these layers.
fn repository(name: &str, layers: &[Vec<u8>], author: &str) -> BTreeMap<String, Vec<u8>> {
    let dir = tempfile::tempdir().unwrap();
    let root = layout_of(dir.path(), layers, author);
    let mut files = BTreeMap::new();
    for blob in std::fs::read_dir(dir.path().join("blobs/sha256")).unwrap() {
        let bytes = std::fs::read(blob.unwrap().path()).unwrap();
        let digest = Digest::of(&bytes);
        if digest == root {
            files.insert(format!("/v2/{name}/manifests/1"), bytes.clone());
            files.insert(format!("/v2/{name}/manifests/{digest}"), bytes);
        } else {
            files.insert(format!("/v2/{name}/blobs/{digest}"), bytes);
        }
    }
    files
}

fn image(reference: String) -> Output {
    let platform = pb::Platform { os: "linux".into(), architecture: "amd64".into(), ..Default::default() };
    let (resolve_mode, record_type, checksum) = (ResolveMode::Default, String::new(), String::new());
    let image = Image { reference, platform, resolve_mode, record_type, layer_limit: None, checksum };
    hlb_llb::ops::image(image, Annotations::default())
}

#[test]
fn privileged_a_layer_is_pulled_once_by_all_who_want_it() {
    let bench = Bench::new();
    // Two images with layers in common, from below.
    let common = layers();
    let (mut left, mut right) = (common.clone(), common.clone());
    left.push(layer("left", "left"));
    right.push(layer("right", "right"));
    let mut files = repository("left", &left, "left");
    files.extend(repository("right", &right, "right"));
    // By another name it would be fetched again.
    files.extend(repository("same", &left, "left"));
    let heard = Arc::new(Mutex::new(Vec::new()));
    let address = serve_heard(files, None, Arc::clone(&heard));
    let both = |one: &str, other: &str| {
        let images = vec![image(format!("{address}/{one}:1")), image(format!("{address}/{other}:1"))];
        merge(images, Annotations::default()).unwrap()
    };
    block_on(async {
        // As two processes.
        let (first, second) = (bench.open(4).await, bench.open(4).await);
        let cancel = CancellationToken::new();
        let (wanted, others) = (both("left", "right"), both("same", "right"));
        let (one, other) = (Heard::default(), Heard::default());
        let (one, other) = tokio::join!(
            first.solve(bench.request(Some(&wanted)), one.sink(), &cancel),
            second.solve(bench.request(Some(&others)), other.sink(), &cancel)
        );
        one.unwrap();
        other.unwrap();
    });
    let heard = heard.lock().unwrap();
    for bytes in left.iter().chain(&right[common.len()..]) {
        let digest = Digest::of(bytes);
        let times = heard.iter().filter(|path| path.ends_with(&format!("/blobs/{digest}"))).count();
        assert_eq!(times, 1, "{digest} in {heard:#?}");
    }
    assert_eq!(std::fs::read_dir(bench.path("state/claims")).unwrap().count(), 0, "a claim is left");
}
