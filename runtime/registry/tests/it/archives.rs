//! Images from archives: made by `skopeo`, and made here where it would not make them.

use std::path::Path;
use std::process::Command;

use hlb_llb::Digest;
use hlb_registry::{Images, RegistryConfig};
use serde_json::{Value, json};

use crate::support::{LayoutMaker, fetch, message, resolve};

fn images(name: &str, path: &Path) -> Images {
    let mut config = RegistryConfig::empty();
    config.add_layout(name, path).unwrap();
    Images::new(config)
}

/// A layer that unpackers take.
fn layer(name: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(name.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, name, name.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

fn archive(path: &Path, files: &[(&str, &[u8])]) {
    let mut tar = tar::Builder::new(std::fs::File::create(path).unwrap());
    for (name, bytes) in files {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, *bytes).unwrap();
    }
    tar.finish().unwrap();
}

fn config(layers: &[&[u8]]) -> Vec<u8> {
    let diff_ids: Vec<String> = layers.iter().map(|layer| Digest::of(layer).to_string()).collect();
    json!({ "os": "linux", "architecture": "amd64", "rootfs": { "type": "layers", "diff_ids": diff_ids } })
        .to_string()
        .into_bytes()
}

#[tokio::test]
async fn what_skopeo_writes_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let mut layout = LayoutMaker::new(&dir.path().join("layout"));
    let one = String::from_utf8(layer("one")).unwrap();
    let image = layout.image("linux/amd64", &[&one]);
    layout.add(image, Some("1"));
    for (kind, name) in [("oci-archive", "app:1"), ("docker-archive", "docker.io/library/app:1")] {
        let path = dir.path().join(kind);
        let output = Command::new("skopeo")
            .args(["--insecure-policy", "copy", "--quiet"])
            .arg(format!("oci:{}:1", layout.dir.display()))
            .arg(format!("{kind}:{}:{name}", path.display()))
            .output()
            .unwrap_or_else(|error| panic!("`skopeo` cannot be started ({error}): run `cargo xtask setup --tests`"));
        assert!(output.status.success(), "skopeo: {}", String::from_utf8_lossy(&output.stderr));
        let images = images("app", &path);
        for name in ["app:1", "app:other"] {
            let found = resolve(&images, name).await.unwrap();
            assert_eq!(found.config.config.env, ["PLATFORM=linux/amd64"], "{kind}");
            let blob = &found.manifest.layers[0];
            assert_eq!(found.local_blob(blob), None, "it is part of a file");
            let bytes = fetch(&images, &found, blob).await.unwrap();
            // In a layout it is compressed.
            assert!(kind == "oci-archive" || bytes == one.as_bytes(), "{name}");
            assert_eq!(Digest::of(&bytes), blob.digest, "{kind}");
        }
        // By its digest too, and the digest is the same each time.
        let found = resolve(&images, "app:1").await.unwrap();
        let pinned = resolve(&images, &format!("app@{}", found.root_digest)).await.unwrap();
        assert_eq!(pinned.manifest, found.manifest);
    }
}

#[tokio::test]
async fn several_images_and_shared_layers_of_docker_save_are_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("images.tar");
    let (one, two) = (layer("one"), layer("two"));
    let gzipped = b"\x1f\x8bnot really".to_vec();
    let (a, b, c) = (config(&[&one]), config(&[&one, &two]), config(&[&two]));
    let mut tar = tar::Builder::new(std::fs::File::create(&path).unwrap());
    let mut add = |name: &str, bytes: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, bytes).unwrap();
    };
    add("x/layer.tar", b"replaced by a later one of the same name");
    add("./x/layer.tar", &one);
    add("z/layer.tar", &two);
    add("gz", &gzipped);
    for (name, bytes) in [("a.json", &a), ("b.json", &b), ("c.json", &c)] {
        add(name, bytes);
    }
    let manifest = json!([
        { "Config": "a.json", "RepoTags": ["a:1", "a:2"], "Layers": ["x/layer.tar"] },
        { "Config": "b.json", "RepoTags": ["b:1"], "Layers": ["y/layer.tar", "z/layer.tar"] },
        { "Config": "c.json", "RepoTags": null, "Layers": ["gz"] },
    ]);
    add("manifest.json", manifest.to_string().as_bytes());
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "y/layer.tar", "../x/layer.tar").unwrap();
    tar.finish().unwrap();

    let images = images("example.org/any", &path);
    let error = resolve(&images, "example.org/any:1").await.unwrap_err();
    let (c_manifest, shown) = {
        let text = message(&error, &[(path.to_str().unwrap(), "PATH")]);
        let digest = text.split('`').find(|part| part.starts_with("sha256:")).unwrap().to_owned();
        (digest.clone(), text.replace(&digest, "DIGEST"))
    };
    insta::assert_snapshot!(shown, @"cannot get `example.org/any:1`: the archive `PATH` has no image `1`, it has `a:1`, `a:2`, `b:1`, `DIGEST`");
    let platform = crate::support::amd64();
    let find = async |name: &str| {
        let reference = hlb_registry::Reference::parse(name).unwrap();
        images.resolve_in_layout(&path, &reference, &platform).await.unwrap()
    };
    let found = find("a:2").await;
    assert_eq!(fetch(&images, &found, &found.manifest.layers[0]).await.unwrap(), one);
    let found = find("b:1").await;
    assert_eq!(fetch(&images, &found, &found.manifest.layers[0]).await.unwrap(), one);
    assert_eq!(fetch(&images, &found, &found.manifest.layers[1]).await.unwrap(), two);
    let found = find(&format!("c@{c_manifest}")).await;
    assert_eq!(found.manifest.layers[0].media_type, "application/vnd.oci.image.layer.v1.tar+gzip");
    assert_eq!(fetch(&images, &found, &found.manifest.layers[0]).await.unwrap(), gzipped);
}

/// What is said of an archive of these files.
async fn refused(files: &[(&str, &[u8])]) -> String {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    archive(&path, files);
    said(&path).await
}

async fn said(path: &Path) -> String {
    let images = images("x", path);
    let found = match resolve(&images, "x").await {
        Ok(found) => found,
        Err(error) => return shown(&error, path),
    };
    shown(&fetch(&images, &found, &found.manifest.layers[0]).await.unwrap_err(), path)
}

fn shown(error: &hlb_registry::ImageError, path: &Path) -> String {
    message(error, &[(path.to_str().unwrap(), "PATH"), ("cannot get `docker.io/library/x:latest`: ", "")])
}

#[tokio::test]
async fn what_is_wrong_with_an_archive_is_said() {
    let one = layer("one");
    let config = config(&[&one]);
    let manifest = |layers: Value| json!([{ "Config": "c", "RepoTags": ["x:1"], "Layers": layers }]).to_string();
    let saved = manifest(json!(["l"]));
    let mut lines = vec![
        refused(&[("file", b"x")]).await,
        refused(&[("index.json", b"{}")]).await,
        refused(&[("index.json", b"{}"), ("oci-layout", br#"{"imageLayoutVersion":"2.0.0"}"#)]).await,
        refused(&[("index.json", b"{}"), ("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)]).await,
        refused(&[("manifest.json", b"{}")]).await,
        refused(&[("manifest.json", b"[]")]).await,
        refused(&[("manifest.json", saved.as_bytes())]).await,
        refused(&[("manifest.json", saved.as_bytes()), ("c", b"[")]).await,
        refused(&[("manifest.json", saved.as_bytes()), ("c", &config)]).await,
        refused(&[("manifest.json", manifest(json!([])).as_bytes()), ("c", &config)]).await,
        // A layer that is not the one of the configuration.
        refused(&[("manifest.json", saved.as_bytes()), ("c", &config), ("l", &layer("two"))]).await,
    ];
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.tar");
    for bytes in [b"\x1f\x8b".as_slice(), b"\x28\xb5\x2f\xfd", b"", b"nonsense", &[b'x'; 2048]] {
        std::fs::write(&path, bytes).unwrap();
        lines.push(said(&path).await);
    }
    // Cut off in the middle of a layer.
    archive(&path, &[("manifest.json", saved.as_bytes()), ("c", &config), ("l", &one)]);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 2048]).unwrap();
    lines.push(said(&path).await);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    the archive `PATH` cannot be used: it is neither an OCI layout nor what `docker save` writes: it has neither `index.json` nor `manifest.json`
    the archive `PATH` cannot be used: it has no `oci-layout`
    the archive `PATH` cannot be used: its `oci-layout` says {"imageLayoutVersion":"2.0.0"}, version 1 is known
    the archive `PATH` cannot be used: its `index.json` is no image index: missing field `schemaVersion` at line 1 column 2
    the archive `PATH` cannot be used: its `manifest.json` is not that of `docker save`: invalid type: map, expected a sequence at line 1 column 0
    the archive `PATH` has no image `latest`, it has none at all
    the archive `PATH` cannot be used: it has no `c`
    the archive `PATH` cannot be used: its `c` is no configuration: invalid type: sequence, expected struct ImageConfig at line 1 column 0
    the archive `PATH` cannot be used: it has no `l`, a layer
    the archive `PATH` cannot be used: its `manifest.json` and its `c` differ in the number of layers: 0 and 1
    cannot read `PATH/blobs/sha256/90ca189f6dba4448e7ae111395badae04d1b6d9f12bce92630b03af74322d8db`: digest sha256:ea0490f8d11f8a5279d8f39a35b24b07fc0eef5d1c5fc59a1de221479f557797 instead of sha256:90ca189f6dba4448e7ae111395badae04d1b6d9f12bce92630b03af74322d8db
    the archive `PATH` cannot be used: it is compressed: unpack it with `gunzip` first
    the archive `PATH` cannot be used: it is compressed: unpack it with `unzstd` first
    the archive `PATH` cannot be used: it is neither an OCI layout nor what `docker save` writes: it has neither `index.json` nor `manifest.json`
    the archive `PATH` cannot be used: it cannot be read: failed to read entire block
    the archive `PATH` cannot be used: it cannot be read: numeric field was not a number: xxxxxxxx when getting cksum for xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
    cannot read `PATH/blobs/sha256/90ca189f6dba4448e7ae111395badae04d1b6d9f12bce92630b03af74322d8db`: 1024 bytes instead of the 2048 that the manifest says
    "#);
}
