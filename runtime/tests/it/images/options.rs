//! Images as options want them.

use std::collections::BTreeMap;

use hlb_llb::Digest;
use hlb_registry::Platform;
use hlb_runtime::{
    Annotations, Compression, ErrorKind, ExportTarget, ImageExport, ImageOptions, ImageTarget, PlatformAnnotation,
    Runtime, Solved,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::studio::{self, Registry, Studio, run};
use super::{image, oci_tar, target, tree_tar};

async fn export(runtime: &Runtime, solved: &Solved, wanted: ImageExport) -> hlb_runtime::Exported {
    runtime.export(solved, &ExportTarget::Image(wanted), &CancellationToken::new()).await.unwrap()
}

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).unwrap()
}

/// The manifest of an archive.
fn manifest(archive: &std::path::Path) -> Value {
    json(&run("skopeo", &["inspect", "--raw", &format!("oci-archive:{}", archive.display())]))
}

/// The ends of the media types of its layers.
fn types(manifest: &Value) -> Vec<String> {
    let layers = manifest["layers"].as_array().unwrap().iter();
    layers.map(|layer| layer["mediaType"].as_str().unwrap().rsplit('.').next().unwrap().to_owned()).collect()
}

#[test]
fn privileged_every_compression_is_pulled_again() {
    let (studio, registry) = (Studio::new(), Registry::start());
    let before = studio.path("before.tar");
    let name = |tag: &str| format!("{}/tool:{tag}", registry.host);
    let choices = [
        ("plain", Compression::None, None, false),
        ("gzip", Compression::Gzip, Some(9), false),
        ("zstd", Compression::Zstd, Some(19), false),
        ("all-zstd", Compression::Zstd, None, true),
        ("all-plain", Compression::None, None, true),
    ];
    let diff_ids = studio.block_on(async |runtime| {
        let solved = studio.solve(runtime, &target()).await;
        runtime.export(&solved, &tree_tar(&before), &CancellationToken::new()).await.unwrap();
        let mut seen = Vec::new();
        for (tag, compression, level, force) in choices {
            let mut wanted = image(ImageTarget::Registry, &[&name(tag)]);
            wanted.options = ImageOptions { compression, level, force, oci_types: true, ..wanted.options };
            let made = export(runtime, &solved, wanted.clone()).await;
            assert_eq!(export(runtime, &solved, wanted).await, made);
            let from = format!("docker://{}", name(tag));
            let manifest = json(&run("skopeo", &["inspect", "--raw", "--tls-verify=false", &from]));
            let config = json(&run("skopeo", &["inspect", "--config", "--raw", "--tls-verify=false", &from]));
            assert_eq!(made.descriptor.unwrap()["mediaType"], manifest["mediaType"]);
            assert_eq!(
                Some(manifest["config"]["digest"].as_str().unwrap()),
                made.config_digest.as_ref().map(Digest::as_str)
            );
            seen.push((types(&manifest), config["rootfs"]["diff_ids"].clone()));
        }
        let types: Vec<String> = seen.iter().map(|(types, _)| types.join(" ")).collect();
        // The layer of the base stays as it came unless all of them are meant.
        assert_eq!(
            types,
            [
                "tar+gzip tar tar",
                "tar+gzip tar+gzip tar+gzip",
                "tar+gzip tar+zstd tar+zstd",
                "tar+zstd tar+zstd tar+zstd",
                "tar tar tar"
            ]
        );
        seen.into_iter().map(|(_, diff_ids)| diff_ids).collect::<Vec<_>>()
    });
    assert!(diff_ids.iter().all(|ids| *ids == diff_ids[0]), "{diff_ids:?}");
    // On other machines.
    for (tag, ..) in choices {
        let (other, after) = (Studio::new(), studio.path("after.tar"));
        other.block_on(async |runtime| {
            let solved = other.solve(runtime, &studio::image(&name(tag))).await;
            runtime.export(&solved, &tree_tar(&after), &CancellationToken::new()).await.unwrap();
        });
        assert!(std::fs::read(&before).unwrap() == std::fs::read(&after).unwrap(), "{tag}");
    }
}

#[test]
fn privileged_a_form_does_not_depend_on_what_was_made_before() {
    let studios = [Studio::new(), Studio::new()];
    let made = [0, 1].map(|first| {
        let studio = &studios[first];
        studio.block_on(async |runtime| {
            let solved = studio.solve(runtime, &target()).await;
            let mut made = BTreeMap::new();
            let order = if first == 0 {
                [Compression::Gzip, Compression::Zstd]
            } else {
                [Compression::Zstd, Compression::Gzip]
            };
            for compression in order {
                let mut wanted = image(oci_tar(&studio.path("image.tar")), &[]);
                wanted.options.compression = compression;
                made.insert(compression.name(), export(runtime, &solved, wanted).await.digest);
            }
            made
        })
    });
    assert!(made.iter().all(|made| made.len() == 2 && made["gzip"] != made["zstd"]), "{made:?}");
    assert_eq!(types(&manifest(&studios[0].path("image.tar"))), ["tar+gzip", "tar+zstd", "tar+zstd"]);
    assert_eq!(types(&manifest(&studios[1].path("image.tar"))), ["tar+gzip", "tar+gzip", "tar+gzip"]);
}

#[test]
fn privileged_annotations_get_where_they_are_meant_for() {
    let studio = Studio::new();
    let tar = studio.path("image.tar");
    let on = |platform: Option<Platform>, key: &str, value: &str| PlatformAnnotation {
        platform,
        key: key.to_owned(),
        value: value.to_owned(),
    };
    let annotations = Annotations {
        manifest: vec![
            on(None, "all", "1"),
            on(Some(Platform::new("linux", "amd64", "")), "one", "2"),
            on(Some(Platform::new("linux", "arm64", "")), "other", "3"),
        ],
        manifest_descriptor: vec![on(None, "way", "4")],
        ..Annotations::default()
    };
    let refused = studio.block_on(async |runtime| {
        let solved = studio.solve(runtime, &target()).await;
        let wanted = |annotations: Annotations| {
            let mut wanted = image(oci_tar(&tar), &["example.org/tool:v1"]);
            wanted.options = ImageOptions { annotations, epoch: Some(1_000_000_000), ..wanted.options };
            wanted
        };
        let made = export(runtime, &solved, wanted(annotations)).await;
        insta::assert_snapshot!(made.descriptor.unwrap()["annotations"].to_string(), @r#"{"way":"4"}"#);
        let index = Annotations { index: vec![("a".to_owned(), "b".to_owned())], ..Annotations::default() };
        let error =
            runtime.export(&solved, &ExportTarget::Image(wanted(index)), &CancellationToken::new()).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Definition);
        error.to_string()
    });
    insta::assert_snapshot!(refused, @"there is no index to annotate: the image is for one platform, and nothing is said about it");
    insta::assert_snapshot!(manifest(&tar)["annotations"].to_string(), @r#"{"all":"1","one":"2"}"#);
    let mut index = tar::Archive::new(std::fs::File::open(&tar).unwrap());
    let index =
        index.entries().unwrap().map(Result::unwrap).find(|entry| entry.path().unwrap().ends_with("index.json"));
    let index: Value = serde_json::from_reader(index.unwrap()).unwrap();
    insta::assert_snapshot!(index["manifests"][0]["annotations"].to_string(), @r#"{"io.containerd.image.name":"example.org/tool:v1","org.opencontainers.image.created":"2001-09-09T01:46:40Z","org.opencontainers.image.ref.name":"v1","way":"4"}"#);
}

#[test]
fn privileged_a_layout_takes_one_image_after_another() {
    let studio = Studio::new();
    let dir = studio.path("layout");
    let names = ["example.org/a:v1", "example.org/b:v2", "example.org/a:v1"];
    let digests = studio.block_on(async |runtime| {
        let mut digests = Vec::new();
        for (at, name) in names.into_iter().enumerate() {
            let solved = if at == 2 {
                studio.solve(runtime, &studio::base()).await
            } else {
                studio.solve(runtime, &target()).await
            };
            let wanted = image(ImageTarget::OciDirectory(dir.clone()), &[name]);
            digests.push(export(runtime, &solved, wanted).await.digest.unwrap().to_string());
        }
        digests
    });
    let index: Value = serde_json::from_slice(&std::fs::read(dir.join("index.json")).unwrap()).unwrap();
    let entries: Vec<(&str, &str)> = index["manifests"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| {
            (entry["annotations"]["io.containerd.image.name"].as_str().unwrap(), entry["digest"].as_str().unwrap())
        })
        .collect();
    assert_eq!(entries, [(names[1], digests[1].as_str()), (names[2], digests[2].as_str())]);
    let said = run("skopeo", &["inspect", "--raw", &format!("oci:{}:v2", dir.display())]);
    assert_eq!(Digest::of(said).as_str(), digests[1]);
    // Whole blobs, each named by its digest.
    for blob in std::fs::read_dir(dir.join("blobs/sha256")).unwrap() {
        let blob = blob.unwrap().path();
        assert_eq!(Digest::of(std::fs::read(&blob).unwrap()).hex(), blob.file_name().unwrap().to_str().unwrap());
    }
    assert_eq!(studio.leftovers(), Vec::<String>::new());
}

#[test]
fn privileged_an_image_can_stay_here_or_have_no_tag() {
    let (studio, registry) = (Studio::new(), Registry::start());
    let name = format!("{}/tool:latest", registry.host);
    studio.block_on(async |runtime| {
        let solved = studio.solve(runtime, &target()).await;
        let kept = export(runtime, &solved, image(ImageTarget::Store, &[&name])).await;
        let folder = studio.path("state/blobs/sha256");
        let is_there = |digest: &Digest| {
            let hex = digest.hex();
            [folder.join(hex), folder.join(&hex[..2]).join(hex)].iter().any(|path| path.exists())
        };
        assert!(is_there(kept.digest.as_ref().unwrap()) && is_there(kept.config_digest.as_ref().unwrap()));
        let mut wanted = image(ImageTarget::Registry, &[&name]);
        wanted.options.push_by_digest = true;
        let pushed = export(runtime, &solved, wanted).await;
        assert_eq!(pushed.digest, kept.digest);
        let by_digest = format!("docker://{}/tool@{}", registry.host, pushed.digest.unwrap());
        run("skopeo", &["inspect", "--raw", "--tls-verify=false", &by_digest]);
    });
    let tags = std::process::Command::new("skopeo")
        .args(["list-tags", "--tls-verify=false", &format!("docker://{}/tool", registry.host)])
        .output()
        .unwrap();
    assert!(!String::from_utf8_lossy(&tags.stdout).contains("latest"));
}
