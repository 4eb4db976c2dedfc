//! Images from OCI layout directories.

use hlb_registry::{Images, Platform, Reference, RegistryConfig};

use crate::support::{LayoutMaker, amd64, config, fetch, message, resolve};

fn images(name: &str, dir: &std::path::Path) -> Images {
    let mut config = RegistryConfig::empty();
    config.add_layout(name, dir).unwrap();
    Images::new(config)
}

#[tokio::test]
async fn the_only_image_answers_for_every_tag() {
    let dir = tempfile::tempdir().unwrap();
    let mut layout = LayoutMaker::new(dir.path());
    let image = layout.image("linux/amd64", &["one", "two"]);
    let digest = layout.add(image, Some("bookworm"));
    let images = images("debian", dir.path());
    for name in ["debian", "debian:stable-slim", "docker.io/library/debian:bookworm"] {
        let found = resolve(&images, name).await.unwrap();
        assert_eq!((&found.root_digest, &found.manifest_digest), (&digest, &digest));
        assert_eq!(found.config.config.env, ["PLATFORM=linux/amd64"]);
        assert_eq!(found.config.rootfs.diff_ids.len(), 2);
        assert_eq!(fetch(&images, &found, &found.manifest.layers[1]).await.unwrap(), b"two");
        assert_eq!(std::fs::read(found.local_blob(&found.manifest.layers[0]).unwrap()).unwrap(), b"one");
    }
}

#[tokio::test]
async fn tags_digests_and_platforms_choose() {
    let dir = tempfile::tempdir().unwrap();
    let mut layout = LayoutMaker::new(dir.path());
    let (amd, arm) = (layout.image("linux/amd64", &["amd"]), layout.image("linux/arm64", &["arm"]));
    let arm_digest = arm["digest"].as_str().unwrap().to_owned();
    let index = layout.index(&[amd.clone(), arm]);
    let all = layout.add(index, Some("all"));
    layout.add(amd, Some("docker.io/library/x:named"));
    let images = images("x", dir.path());
    let arm64 = Platform::new("linux", "arm64", "");
    let env = async |name: &str, platform: &Platform| {
        let found = images.resolve(&Reference::parse(name).unwrap(), platform).await.unwrap();
        found.config.config.env.join(" ")
    };
    assert_eq!(env("x:all", &amd64()).await, "PLATFORM=linux/amd64");
    assert_eq!(env("x:all", &arm64).await, "PLATFORM=linux/arm64");
    assert_eq!(env("x:named", &amd64()).await, "PLATFORM=linux/amd64");
    assert_eq!(env(&format!("x@{all}"), &arm64).await, "PLATFORM=linux/arm64");
    assert_eq!(env(&format!("x:any@{arm_digest}"), &amd64()).await, "PLATFORM=linux/arm64", "a digest is one image");
    let found = resolve(&images, "x:all").await.unwrap();
    assert_eq!(found.root_digest, all);
    assert_ne!(found.manifest_digest, all);

    let riscv = Platform::new("linux", "riscv64", "");
    let error = images.resolve(&Reference::parse("x:all").unwrap(), &riscv).await.unwrap_err();
    insta::assert_snapshot!(error, @"`docker.io/library/x:all` has no image for linux/riscv64, it has linux/amd64, linux/arm64");
    let error = resolve(&images, "x:other").await.unwrap_err();
    insta::assert_snapshot!(message(&error, &[(dir.path().to_str().unwrap(), "DIR")]), @"cannot get `docker.io/library/x:other`: the OCI layout `DIR` has no image `other`, it has `all`, `docker.io/library/x:named`");
}

#[tokio::test]
async fn the_platforms_of_one_image_may_be_listed_directly() {
    let dir = tempfile::tempdir().unwrap();
    let mut layout = LayoutMaker::new(dir.path());
    for platform in ["linux/arm64", "linux/amd64"] {
        let image = layout.image(platform, &[platform]);
        layout.add(image, None);
    }
    let found = resolve(&images("x", dir.path()), "x").await.unwrap();
    assert_eq!(found.config.config.env, ["PLATFORM=linux/amd64"]);
}

/// Resolves `x` from a layout that `break_it` has changed; the message.
async fn broken(break_it: impl FnOnce(&mut LayoutMaker, serde_json::Value)) -> String {
    let dir = tempfile::tempdir().unwrap();
    let mut layout = LayoutMaker::new(dir.path());
    let image = layout.image("linux/amd64", &["one"]);
    break_it(&mut layout, image);
    let error = resolve(&images("x", dir.path()), "x").await.unwrap_err();
    message(&error, &[(dir.path().to_str().unwrap(), "DIR")])
}

#[tokio::test]
async fn what_is_wrong_with_a_layout_is_said() {
    insta::assert_snapshot!(broken(|_, _| {}).await, @"cannot get `docker.io/library/x:latest`: the OCI layout `DIR` has no image `latest`, it has none at all");
    insta::assert_snapshot!(broken(|layout, _| std::fs::remove_file(layout.dir.join("oci-layout")).unwrap()).await, @"cannot get `docker.io/library/x:latest`: `DIR` is not an OCI layout: its `oci-layout` cannot be read: No such file or directory (os error 2)");
    insta::assert_snapshot!(broken(|layout, _| std::fs::write(layout.dir.join("oci-layout"), "{}").unwrap()).await, @"cannot get `docker.io/library/x:latest`: `DIR` is not an OCI layout: its `oci-layout` says {}, version 1 is known");
    insta::assert_snapshot!(broken(|layout, _| std::fs::write(layout.dir.join("index.json"), "[").unwrap()).await, @"cannot get `docker.io/library/x:latest`: `DIR` is not an OCI layout: its `index.json` is no image index: invalid type: sequence, expected struct Index at line 1 column 0");
    insta::assert_snapshot!(broken(|layout, image| {
        let digest = layout.add(image, None);
        std::fs::write(layout.path(&digest), "{}").unwrap();
    }).await, @"cannot get `docker.io/library/x:latest`: `DIR/blobs/sha256/96da28ff2c28e6f2e039b27f6ea6c24dc379fa6a866ad166246a25cf9d5059b6` is damaged: its content has digest sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a");
    insta::assert_snapshot!(broken(|layout, image| {
        let digest = layout.add(image, None);
        std::fs::remove_file(layout.path(&digest)).unwrap();
    }).await, @"cannot get `docker.io/library/x:latest`: cannot read `DIR/blobs/sha256/96da28ff2c28e6f2e039b27f6ea6c24dc379fa6a866ad166246a25cf9d5059b6`: No such file or directory (os error 2)");
    insta::assert_snapshot!(broken(|layout, _| {
        let config = layout.image("linux/amd64", &["one", "two"]);
        let bytes = std::fs::read(layout.path(&config["digest"].as_str().unwrap().parse().unwrap())).unwrap();
        let mut manifest: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
        manifest["layers"].as_array_mut().unwrap().pop();
        let entry = layout.document("", &manifest, serde_json::Value::Null);
        layout.add(entry, None);
    }).await, @"`docker.io/library/x:latest` is not usable: its manifest and its configuration differ in the number of layers: 1 and 2");
}

#[tokio::test]
async fn a_damaged_layer_is_not_delivered() {
    let dir = tempfile::tempdir().unwrap();
    let mut layout = LayoutMaker::new(dir.path());
    let image = layout.image("linux/amd64", &["one"]);
    layout.add(image, None);
    let images = images("x", dir.path());
    let found = resolve(&images, "x").await.unwrap();
    let blob = &found.manifest.layers[0];
    let path = found.local_blob(blob).unwrap();
    let clean = |error: &hlb_registry::ImageError| message(error, &[(dir.path().to_str().unwrap(), "DIR")]);
    std::fs::write(&path, "eno").unwrap();
    insta::assert_snapshot!(clean(&fetch(&images, &found, blob).await.unwrap_err()), @"cannot get `docker.io/library/x:latest`: cannot read `DIR/blobs/sha256/7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed`: digest sha256:863613c4458cb474d3cf9dd4cad2664bc0a523e0de13247ceb1177ee98340f39 instead of sha256:7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
    std::fs::write(&path, "on").unwrap();
    insta::assert_snapshot!(clean(&fetch(&images, &found, blob).await.unwrap_err()), @"cannot get `docker.io/library/x:latest`: cannot read `DIR/blobs/sha256/7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed`: 2 bytes instead of the 3 that the manifest says");
    std::fs::write(&path, "one more").unwrap();
    insta::assert_snapshot!(clean(&fetch(&images, &found, blob).await.unwrap_err()), @"cannot get `docker.io/library/x:latest`: cannot read `DIR/blobs/sha256/7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed`: more than the 3 bytes that the manifest says");
    std::fs::remove_file(&path).unwrap();
    insta::assert_snapshot!(clean(&fetch(&images, &found, blob).await.unwrap_err()), @"cannot get `docker.io/library/x:latest`: cannot read `DIR/blobs/sha256/7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed`: No such file or directory (os error 2)");
}

#[tokio::test]
async fn relative_directories_start_at_the_configuration() {
    let dir = tempfile::tempdir().unwrap();
    let mut layout = LayoutMaker::new(&dir.path().join("images/x"));
    let image = layout.image("linux/amd64", &[]);
    layout.add(image, None);
    let mut config = config("[layouts]\nx = 'images/x'");
    config.relative_to(dir.path());
    assert!(resolve(&Images::new(config), "x:1").await.unwrap().manifest.layers.is_empty());
}
