//! Results as images: written, read by other programs, pulled again.

mod engines;
mod indexes;
mod options;
mod studio;

use std::path::Path;

use hlb_llb::Digest;
use hlb_llb::graph::{Annotations, Output};
use hlb_llb::ops::{FileStep, file};
use hlb_registry::{Images, Platform, Reference, RegistryConfig};
use hlb_runtime::{
    Compression, ErrorKind, ExportTarget, FileOptions, ImageExport, ImageOptions, ImageTarget, Place, Policy, State,
};
use tokio_util::sync::CancellationToken;

use studio::{BASE, Registry, Studio, base, run};

fn mkfile(path: &str, data: &[u8]) -> FileStep {
    FileStep::MkFile {
        path: path.to_owned(),
        mode: 0o640,
        data: data.into(),
        owner: None,
        created: Some(1_000_000_000_000),
    }
}

fn rm(path: &str) -> FileStep {
    FileStep::Rm { path: path.to_owned(), allow_not_found: false, allow_wildcard: false }
}

/// Two layers on the base: deletions, replacements and new files.
fn target() -> Output {
    let big: Vec<u8> = (0..3_000_000_u32).map(|n| (n.wrapping_mul(n) % 251) as u8).collect();
    let first =
        file(Some(base()), vec![rm("/opt"), mkfile("/etc/new", b"1"), rm("/usr/b")], Annotations::default()).unwrap();
    let mkdir = FileStep::MkDir { path: "/opt".to_owned(), mode: 0o711, parents: false, owner: None, created: Some(0) };
    file(Some(first), vec![mkdir, mkfile("/opt/big", &big), rm("/etc/new")], Annotations::default()).unwrap()
}

fn options(names: &[&str]) -> ImageOptions {
    ImageOptions { names: names.iter().map(|name| (*name).to_owned()).collect(), ..ImageOptions::default() }
}

fn oci_tar(path: &Path) -> ImageTarget {
    ImageTarget::OciTar(Place::File(path.to_owned()))
}

fn tree_tar(path: &Path) -> ExportTarget {
    ExportTarget::Tar(Place::File(path.to_owned()), FileOptions::default())
}

fn image(to: ImageTarget, names: &[&str]) -> ImageExport {
    ImageExport {
        options: ImageOptions {
            oci_types: matches!(to, ImageTarget::OciTar(_) | ImageTarget::OciDirectory(_)),
            ..options(names)
        },
        to,
        config: br#"{"os":"linux","architecture":"amd64","config":{"Env":["A=1"]},"history":[{"created_by":"base"}]}"#
            .to_vec(),
    }
}

/// The digests of the files in an archive whose names say them.
fn contents(archive: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    for entry in tar::Archive::new(archive).entries().unwrap() {
        let mut entry = entry.unwrap();
        let name = entry.path().unwrap().display().to_string();
        let mut data = Vec::new();
        std::io::Read::read_to_end(&mut entry, &mut data).unwrap();
        if let Some(hex) = name.strip_prefix("blobs/sha256/").filter(|hex| !hex.is_empty()) {
            assert_eq!(Digest::of(&data).hex(), hex);
        }
        names.push(name);
    }
    names
}

#[test]
fn privileged_other_programs_unpack_what_was_built() {
    let studio = Studio::new();
    let (tar, dir) = (studio.path("image.tar"), studio.path("layout"));
    studio.block_on(async |runtime| {
        let solved = studio.solve(runtime, &target()).await;
        let wanted = ExportTarget::Image(image(oci_tar(&tar), &["example.org/a/tool:v1"]));
        let exported = runtime.export(&solved, &wanted, &CancellationToken::new()).await.unwrap();
        runtime.export(&solved, &tree_tar(&studio.path("tree.tar")), &CancellationToken::new()).await.unwrap();
        let said = run("skopeo", &["inspect", "--raw", &format!("oci-archive:{}", tar.display())]);
        assert_eq!(Some(Digest::of(said)), exported.digest);
    });
    run(
        "skopeo",
        &["copy", "--quiet", &format!("oci-archive:{}:v1", tar.display()), &format!("oci:{}:v1", dir.display())],
    );
    run(
        "umoci",
        &["unpack", "--image", &format!("{}:v1", dir.display()), &studio.path("bundle").display().to_string()],
    );
    std::fs::create_dir(studio.path("tree")).unwrap();
    let (archive, tree) = (studio.path("tree.tar"), studio.path("tree"));
    let unpack = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf"];
    run("tar", &[&unpack[..], &[&archive.display().to_string(), "-C", &tree.display().to_string()]].concat());
    let (ours, theirs) = (studio::list(&tree), studio::list(&studio.path("bundle/rootfs")));
    assert_eq!(ours, theirs);
    for line in ["/opt/big", "/dev/null 1000000000 c 103", "4755", "caf\\xe9", "usr/a =", "[1, 0, 0, 2, 0, 4"] {
        assert!(ours.contains(line), "{line} is not in\n{ours}");
    }
    for gone in ["opt/old", "etc/new", "usr/b"] {
        assert!(!ours.contains(gone), "{gone} is in\n{ours}");
    }
}

#[test]
fn privileged_the_second_export_reads_no_layer() {
    let studio = Studio::new();
    let (one, two, three) = (studio.path("1.tar"), studio.path("2.tar"), studio.path("3.tar"));
    studio.block_on(async |runtime| {
        let solved = studio.solve(runtime, &target()).await;
        let write = async |to: std::path::PathBuf| {
            let wanted = ExportTarget::Image(image(oci_tar(&to), &[]));
            runtime.export(&solved, &wanted, &CancellationToken::new()).await
        };
        let first = write(one.clone()).await.unwrap();
        // Without the layers, nothing can be packed.
        std::fs::rename(studio.path("state/layers"), studio.path("hidden")).unwrap();
        assert_eq!(write(two.clone()).await.unwrap(), first);
        std::fs::rename(studio.path("hidden"), studio.path("state/layers")).unwrap();
        // Without the blobs, everything is packed and fetched again, with the same result.
        std::fs::remove_dir_all(studio.path("state/blobs/sha256")).unwrap();
        assert_eq!(write(three.clone()).await.unwrap(), first);
        // The layer of the base is passed on as it came.
        assert!(contents(&std::fs::read(&one).unwrap()).contains(&format!("blobs/sha256/{}", studio.base_layer.hex())));
        // And if it is to be had no more, that is said.
        std::fs::remove_dir_all(studio.path("state/blobs/sha256")).unwrap();
        std::fs::remove_file(studio.path("base/blobs/sha256").join(studio.base_layer.hex())).unwrap();
        let error = write(studio.path("4.tar")).await.unwrap_err();
        let said = error
            .to_string()
            .replace(&studio.path("").display().to_string(), "DIR/")
            .replace(studio.base_layer.hex(), "…");
        assert_eq!(error.kind(), ErrorKind::Source);
        assert!(said.starts_with(&format!("the layer sha256:… of `{BASE}@sha256:")), "{said}");
        assert!(said.contains("cannot read `DIR/base/blobs/sha256/…`"), "{said}");
    });
    let read = |path| std::fs::read(path).unwrap();
    assert!(read(&one) == read(&two) && read(&one) == read(&three));
    assert_eq!(studio.leftovers(), Vec::<String>::new());
}

#[test]
fn privileged_two_machines_make_the_same_image() {
    // Not below a directory: it would have the time of the build.
    let steps = vec![mkfile("/one", b"1"), mkfile("/two", &[2; 100_000])];
    let target = file(Some(base()), steps, Annotations::default()).unwrap();
    let archives = [(); 2].map(|()| {
        let studio = Studio::new();
        studio.block_on(async |runtime| {
            let solved = studio.solve(runtime, &target).await;
            let wanted =
                ExportTarget::Image(image(ImageTarget::DockerTar(Place::File(studio.path("image.tar"))), &["a/b"]));
            runtime.export(&solved, &wanted, &CancellationToken::new()).await.unwrap();
        });
        std::fs::read(studio.path("image.tar")).unwrap()
    });
    assert!(archives[0] == archives[1]);
}

#[test]
fn privileged_docker_archives_are_layouts_too() {
    let studio = Studio::new();
    let tar = studio.path("deep/er/image.tar");
    let names = ["docker.io/library/tool:v1", "example.org/tool:latest"];
    studio.block_on(async |runtime| {
        let solved = studio.solve(runtime, &target()).await;
        let wanted = ExportTarget::Image(image(ImageTarget::DockerTar(Place::File(tar.clone())), &names));
        runtime.export(&solved, &wanted, &CancellationToken::new()).await.unwrap();
    });
    let listed = contents(&std::fs::read(&tar).unwrap());
    assert_eq!(listed[..5], ["blobs/", "blobs/sha256/", "oci-layout", "index.json", "manifest.json"]);
    assert_eq!(listed.len(), 5 + 2 + 3);
    let from = format!("docker-archive:{}:docker.io/library/tool:v1", tar.display());
    let config = run("skopeo", &["inspect", "--config", "--raw", &from]);
    assert!(String::from_utf8_lossy(&config).contains(r#""config":{"Env":["A=1"]}"#));
    // The same image by the other index, under each of its names.
    std::fs::create_dir(studio.path("layout")).unwrap();
    run("tar", &["-xf", &tar.display().to_string(), "-C", &studio.path("layout").display().to_string()]);
    let mut layouts = RegistryConfig::empty();
    layouts.add_layout("docker.io/library/tool", studio.path("layout")).unwrap();
    layouts.add_layout("example.org/tool", studio.path("layout")).unwrap();
    let images = Images::new(layouts);
    studio.block_on(async |_| {
        for name in names {
            let found = images.resolve(&Reference::parse(name).unwrap(), &Platform::host()).await.unwrap();
            assert_eq!((&found.config_bytes, found.manifest.layers.len()), (&config, 3));
        }
    });
}

#[test]
fn privileged_what_is_pushed_is_pulled_again() {
    let (studio, registry) = (Studio::new(), Registry::start());
    let name = format!("{}/group/tool:v1", registry.host);
    let (before, after) = (studio.path("before.tar"), studio.path("after.tar"));
    let pushed = studio.block_on(async |runtime| {
        let solved = studio.solve(runtime, &target()).await;
        runtime.export(&solved, &tree_tar(&before), &CancellationToken::new()).await.unwrap();
        let push = async |names: &[&str]| {
            let wanted = ExportTarget::Image(image(ImageTarget::Registry, names));
            runtime.export(&solved, &wanted, &CancellationToken::new()).await.unwrap().digest.unwrap()
        };
        let pushed = push(&[&name]).await;
        // Again, to a second name and to another repository.
        assert_eq!(
            push(&[&name, &format!("{}/group/tool:v2", registry.host), &format!("{}/other", registry.host)]).await,
            pushed
        );
        pushed
    });
    let inspected =
        run("skopeo", &["inspect", "--raw", "--tls-verify=false", &format!("docker://{}/other:latest", registry.host)]);
    assert_eq!(Digest::of(inspected), pushed);
    // On another machine.
    let other = Studio::new();
    other.block_on(async |runtime| {
        let solved = other.solve(runtime, &studio::image(&format!("{name}@{pushed}"))).await;
        runtime.export(&solved, &tree_tar(&after), &CancellationToken::new()).await.unwrap();
        // What came from a registry goes back as it came, from one repository to another without the bytes.
        let again = format!("{}/again:v1", registry.host);
        std::fs::remove_dir_all(other.path("state/blobs/sha256")).unwrap();
        let wanted = ExportTarget::Image(image(ImageTarget::Registry, &[&again]));
        runtime.export(&solved, &wanted, &CancellationToken::new()).await.unwrap();
        assert!(!other.path("state/blobs/sha256").exists(), "something was fetched or packed");
    });
    assert!(std::fs::read(before).unwrap() == std::fs::read(after).unwrap());
}

#[test]
fn privileged_a_damaged_blob_is_fetched_again() {
    let (studio, registry) = (Studio::new(), Registry::start());
    let name = format!("{}/tool:v1", registry.host);
    studio.block_on(async |runtime| {
        let solved = studio.solve(runtime, &target()).await;
        let wanted = ExportTarget::Image(image(ImageTarget::Registry, &[&name]));
        runtime.export(&solved, &wanted, &CancellationToken::new()).await.unwrap();
    });
    let other = Studio::new();
    let pull = || other.block_on(async |runtime| drop(other.solve(runtime, &studio::image(&name)).await));
    pull();
    let state = State::open(&other.path("state")).unwrap();
    // The layers go, their archives stay, and one of them is damaged.
    state.collect(&Policy::default(), &|| false).unwrap();
    let folders = std::fs::read_dir(other.path("state/blobs/sha256")).unwrap();
    let blobs = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
    let mut blobs: Vec<_> = blobs.map(|blob| blob.unwrap().path()).collect();
    blobs.sort_by_key(|blob| std::fs::metadata(blob).unwrap().len());
    let (damaged, length) = (blobs.last().unwrap(), std::fs::metadata(blobs.last().unwrap()).unwrap().len());
    std::fs::write(damaged, vec![0; length as usize]).unwrap();
    pull();
    let bytes = std::fs::read(damaged).unwrap();
    assert_eq!(Digest::of(bytes).hex(), damaged.file_name().unwrap().to_str().unwrap());
}

/// Annotation keys, diff ids and layers of an image in a registry; each layer is what its diff id says.
fn layers(name: &str) -> Vec<(Vec<String>, String)> {
    let from = format!("docker://{name}");
    let json = |bytes: Vec<u8>| serde_json::from_slice::<serde_json::Value>(&bytes).unwrap();
    let manifest = json(run("skopeo", &["inspect", "--raw", "--tls-verify=false", &from]));
    let config = json(run("skopeo", &["inspect", "--config", "--raw", "--tls-verify=false", &from]));
    assert_eq!(manifest["mediaType"], "application/vnd.oci.image.manifest.v1+json");
    let layers = manifest["layers"].as_array().unwrap().iter().zip(config["rootfs"]["diff_ids"].as_array().unwrap());
    layers
        .map(|(layer, diff_id)| {
            assert_eq!(layer["mediaType"], "application/vnd.oci.image.layer.v1.tar+gzip");
            let keys = layer["annotations"].as_object().into_iter().flatten().map(|(key, _)| key.clone()).collect();
            (keys, diff_id.as_str().unwrap().to_owned())
        })
        .collect()
}

#[test]
fn privileged_what_is_pushed_with_an_index_is_pulled_again() {
    let (studio, registry) = (Studio::new(), Registry::start());
    let (plain, name) = (format!("{}/tool:plain", registry.host), format!("{}/tool:indexed", registry.host));
    let (before, after) = (studio.path("before.tar"), studio.path("after.tar"));
    let stargz = |name: &str| {
        let mut wanted = image(ImageTarget::Registry, &[name]);
        (wanted.options.compression, wanted.options.force) = (Compression::Estargz, true);
        wanted
    };
    studio.block_on(async |runtime| {
        let solved = studio.solve(runtime, &target()).await;
        runtime.export(&solved, &tree_tar(&before), &CancellationToken::new()).await.unwrap();
        let push = async |wanted| {
            let exported = runtime.export(&solved, &ExportTarget::Image(wanted), &CancellationToken::new()).await;
            exported.unwrap().digest.unwrap()
        };
        // One form after the other, and both again.
        let pushed = [push(image(ImageTarget::Registry, &[&plain])).await, push(stargz(&name)).await];
        assert_ne!(pushed[0], pushed[1]);
        assert_eq!([push(image(ImageTarget::Registry, &[&plain])).await, push(stargz(&name)).await], pushed);
        // Without the blobs, the layer of the base is fetched and the rest packed again.
        std::fs::remove_dir_all(studio.path("state/blobs/sha256")).unwrap();
        assert_eq!(push(stargz(&name)).await, pushed[1]);
    });
    let found = layers(&name);
    assert_eq!(found.len(), 3);
    for (keys, _) in &found {
        assert_eq!(
            keys,
            &["containerd.io/snapshot/stargz/toc.digest", "io.containers.estargz.uncompressed-size"],
            "{found:?}"
        );
    }
    // Other programs find in it what they find in any image.
    let dir = studio.path("layout").display().to_string();
    run(
        "skopeo",
        &["copy", "--quiet", "--src-tls-verify=false", &format!("docker://{name}"), &format!("oci:{dir}:v1")],
    );
    let bundle = studio.path("bundle").display().to_string();
    run("umoci", &["unpack", "--image", &format!("{dir}:v1"), &bundle]);
    std::fs::create_dir(studio.path("tree")).unwrap();
    let tree = studio.path("tree").display().to_string();
    let unpack = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "-xpf"];
    run("tar", &[&unpack[..], &[&before.display().to_string(), "-C", &tree]].concat());
    assert_eq!(studio::list(&studio.path("tree")), studio::list(&studio.path("bundle/rootfs")));
    // On another machine: layers that have an index keep it.
    let other = Studio::new();
    other.block_on(async |runtime| {
        let solved = other.solve(runtime, &studio::image(&name)).await;
        runtime.export(&solved, &tree_tar(&after), &CancellationToken::new()).await.unwrap();
        let again = format!("{}/again:v1", registry.host);
        std::fs::remove_dir_all(other.path("state/blobs/sha256")).unwrap();
        runtime.export(&solved, &ExportTarget::Image(stargz(&again)), &CancellationToken::new()).await.unwrap();
        assert!(!other.path("state/blobs/sha256").exists(), "something was fetched or packed");
        assert_eq!(layers(&again), found);
    });
    assert!(std::fs::read(before).unwrap() == std::fs::read(after).unwrap());
    assert_eq!(studio.leftovers(), Vec::<String>::new());
}

#[test]
fn privileged_an_empty_result_is_an_image_without_layers() {
    let studio = Studio::new();
    let tar = studio.path("empty.tar");
    studio.block_on(async |runtime| {
        let solved = studio.solve_nothing(runtime).await;
        let wanted = ExportTarget::Image(image(oci_tar(&tar), &[]));
        runtime.export(&solved, &wanted, &CancellationToken::new()).await.unwrap();
    });
    let config = run("skopeo", &["inspect", "--config", "--raw", &format!("oci-archive:{}", tar.display())]);
    insta::assert_snapshot!(String::from_utf8(config).unwrap(), @r#"{"architecture":"amd64","config":{"Env":["A=1"]},"created":"1970-01-01T00:00:00Z","history":[{"created":"1970-01-01T00:00:00Z","created_by":"base","empty_layer":true}],"os":"linux","rootfs":{"diff_ids":[],"type":"layers"}}"#);
}

#[test]
fn privileged_exports_that_cannot_be_leave_nothing() {
    let studio = Studio::new();
    std::fs::create_dir(studio.path("taken")).unwrap();
    let long = format!("app@{}", Digest::of("x"));
    let refused = |wanted: ImageExport, cancelled: bool| {
        studio.block_on(async |runtime| {
            let solved = studio.solve(runtime, &target()).await;
            let token = CancellationToken::new();
            if cancelled {
                token.cancel();
            }
            let error = runtime.export(&solved, &ExportTarget::Image(wanted), &token).await.unwrap_err();
            let said = error.to_string().replace(&studio.path("").display().to_string(), "DIR/");
            format!("{:?}: {said}", error.kind()).replace(Digest::of("x").hex(), "…")
        })
    };
    let tar = |name: &str| oci_tar(&studio.path(name));
    insta::assert_snapshot!(refused(image(tar("x.tar"), &[]), true), @"Cancelled: the build was cancelled");
    insta::assert_snapshot!(refused(image(tar("taken"), &[]), false), @"Step: `DIR/taken` is a directory and is not replaced by a file: remove it first");
    insta::assert_snapshot!(refused(image(tar("x.tar"), &["No Name"]), false), @"Definition: `No Name` is not an image reference: repository name must be lowercase");
    insta::assert_snapshot!(refused(image(tar("x.tar"), &[&long]), false), @"Definition: an image cannot be given the name `docker.io/library/app@sha256:…`, which has a digest: write a tag in its place");
    insta::assert_snapshot!(refused(image(ImageTarget::Registry, &[]), false), @"Definition: an image for a registry needs a name");
    insta::assert_snapshot!(refused(image(ImageTarget::Registry, &["127.0.0.1:1/x:1"]), false), @"Step: cannot push to `127.0.0.1:1/x:1`: http://127.0.0.1:1: cannot connect: client error (Connect): tcp connect error: Connection refused (os error 111); check the name of the registry and the network");
    insta::assert_snapshot!(refused(ImageExport { config: b"[]".to_vec(), ..image(tar("x.tar"), &[]) }, false), @"Definition: the configuration of the image is not a JSON object");
    assert_eq!(studio.leftovers(), Vec::<String>::new());
    assert!(!studio.path("x.tar").exists());
}

#[test]
fn privileged_a_push_that_hangs_can_be_cancelled() {
    let studio = Studio::new();
    // Accepts connections, and answers nothing.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let name = format!("{}/x:1", silent.local_addr().unwrap());
    studio.block_on(async |runtime| {
        let solved = studio.solve(runtime, &target()).await;
        let token = CancellationToken::new();
        let cancelling = async {
            tokio::time::sleep(std::time::Duration::from_millis(500)).await;
            token.cancel();
        };
        let wanted = ExportTarget::Image(image(ImageTarget::Registry, &[&name]));
        let (exported, ()) = tokio::join!(runtime.export(&solved, &wanted, &token), cancelling);
        assert_eq!(exported.unwrap_err().kind(), ErrorKind::Cancelled);
    });
    assert_eq!(studio.leftovers(), Vec::<String>::new());
}
