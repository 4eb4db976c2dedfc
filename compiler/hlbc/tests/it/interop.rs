//! Images go from tool to tool and stay the same tree.
//!
//! Owns the routes: what buildah, podman, skopeo and umoci make is built on here, and what is exported here is read by them; in
//! files, and through registries with and without encryption and passwords. What a tree is made of is in `tree`.

mod listing;
mod tools;
mod tree;

use std::path::{Path, PathBuf};

use listing::{allocated, list};
use tools::{Access, Containers, Registry, copy, run};

use crate::project::Project;

/// A tree in a directory, and the images that buildah has made of it.
struct Theirs {
    containers: Containers,
    /// What the tree is after the second layer.
    expected: String,
    _dir: tempfile::TempDir,
}

impl Theirs {
    /// Makes the tree, and `localhost/two`, an image of two layers that holds it.
    fn make(project: &Project) -> Self {
        let containers = Containers::new(project);
        let dir = tempfile::tempdir_in(project.beside("")).unwrap();
        tree::first(dir.path());
        let tree = dir.path().display().to_string();
        let layer = |from: &str, command: &str, name: &str| {
            let container = containers.buildah(&["from", from]);
            let mounted = containers.buildah(&["mount", &container]);
            run("sh", &["-ec", &command.replace("ROOT", &mounted)]);
            containers.buildah(&["umount", &container]);
            containers.buildah(&["commit", "--quiet", "--rm", &container, name]);
        };
        layer("scratch", &format!("cp -a --sparse=always {tree}/. ROOT/"), "one");
        layer("localhost/one", &format!("cd ROOT && {}", tree::SECOND), "two");
        run("sh", &["-ec", &format!("cd {tree} && {}", tree::SECOND)]);
        Self { containers, expected: list(dir.path()), _dir: dir }
    }

    /// The same image as an OCI layout, for those who read nothing else.
    fn layout(&self, project: &Project) -> PathBuf {
        let layout = project.beside("theirs");
        self.containers.buildah(&["push", "--quiet", "localhost/two", &format!("oci:{}:two", layout.display())]);
        layout
    }
}

fn project() -> Project {
    let project = Project::empty();
    let debian = hlb_conformance::images::debian();
    std::fs::write(project.beside("hlbc.toml"), format!("[layouts]\ndebian = \"{}\"\n", debian.display())).unwrap();
    project
}

/// Adds to the configuration of a project.
fn configure(project: &Project, text: &str) {
    let path = project.beside("hlbc.toml");
    let before = std::fs::read_to_string(&path).unwrap();
    // Tables of one name are one table.
    std::fs::write(path, format!("{text}\n{before}")).unwrap();
}

/// Builds a program with nothing at hand and lists the files of its default target.
fn built(project: &Project, program: &str) -> String {
    project.write("build.hlb", &format!("fs default() {{\n{program}\n\tdownloadTarball \"tree.tar\"\n}}\n"));
    let shown = project.hlbc(&["run", "--progress", "quiet"]);
    assert!(shown.starts_with("exit code: 0"), "{shown}");
    let (archive, dir) = (project.path("tree.tar"), project.beside("built"));
    let listed = unpacked(&archive, &dir);
    std::fs::remove_file(archive).unwrap();
    project.hlbc(&["prune", "--all"]);
    listed
}

/// The listing of a tar file.
fn unpacked(archive: &Path, dir: &Path) -> String {
    std::fs::create_dir(dir).unwrap();
    let (archive, into) = (archive.display().to_string(), dir.display().to_string());
    let keep = ["--xattrs", "--xattrs-include=*", "--numeric-owner", "--same-permissions", "--sparse"];
    run("tar", &[&keep[..], &["-xf", &archive, "-C", &into]].concat());
    let listed = list(dir);
    std::fs::remove_dir_all(dir).unwrap();
    listed
}

/// Fails with the lines in which two listings differ.
fn same(what: &str, expected: &str, found: &str) {
    let only = |of: &str, not: &str, sign: &str| -> String {
        let not: Vec<&str> = not.lines().collect();
        of.lines().filter(|line| !not.contains(line)).map(|line| format!("{sign} {line:.300}\n")).collect()
    };
    let (lost, new) = (only(expected, found, "-"), only(found, expected, "+"));
    assert!(expected == found, "{what}:\n{lost}{new}");
}

#[test]
fn privileged_what_others_make_is_built_on() {
    let project = project();
    let theirs = Theirs::make(&project);
    let layout = theirs.layout(&project);
    let oci = format!("oci:{}:two", layout.display());
    let check = |what: &str, source: &str| {
        let found = built(&project, &format!("\t{source}"));
        same(what, &theirs.expected, &found);
    };
    let beside = |name: &str| project.beside(name).display().to_string();
    check("buildah, OCI layout", &format!("ociLayout \"{}\" \"two\"", layout.display()));
    copy(&["--dest-compress-format=zstd".to_owned()], &oci, &format!("oci:{}:two", beside("zstd")));
    check("skopeo, zstd", &format!("ociLayout \"{}\" \"two\"", beside("zstd")));
    copy(&["--dest-decompress=true".to_owned()], &oci, &format!("oci:{}:two", beside("plain")));
    check("skopeo, not compressed", &format!("ociLayout \"{}\" \"two\"", beside("plain")));
    for (format, name) in [("oci-archive", "save-oci.tar"), ("docker-archive", "save-docker.tar")] {
        theirs.containers.podman(&["save", "--quiet", "--format", format, "--output", &beside(name), "localhost/two"]);
        check(&format!("podman, {format}"), &format!("ociLayout \"{}\" \"\"", beside(name)));
        std::fs::remove_file(beside(name)).unwrap();
    }
    // umoci unpacks the image, changes a file, and packs that as a layer of its own.
    let image = format!("{}:two", layout.display());
    run("umoci", &["unpack", "--image", &image, &beside("bundle")]);
    std::fs::remove_file(project.beside("bundle/rootfs/large")).unwrap();
    run("touch", &["-d", "@1000000000", &beside("bundle/rootfs/hard/three")]);
    run("umoci", &["repack", "--image", &format!("{}:three", layout.display()), &beside("bundle")]);
    let found = built(&project, &format!("\tociLayout \"{}\" \"three\"", layout.display()));
    let without: String =
        theirs.expected.lines().filter(|line| !line.starts_with("\"large\"")).map(|line| format!("{line}\n")).collect();
    same("umoci", &without, &found);
}

#[test]
fn privileged_trees_cross_registries_both_ways() {
    let project = project();
    let theirs = Theirs::make(&project);
    for access in [Access::Plain, Access::Tls, Access::TlsAndPassword] {
        let registry = Registry::start(&project, access);
        configure(&project, &registry.settings(&project));
        let (there, here) = (format!("{}/theirs:1", registry.address), format!("{}/ours/again:1", registry.address));
        let options = registry.options("");
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let to = format!("docker://{there}");
        theirs.containers.buildah(&[&["push", "--quiet"], &options[..], &["localhost/two", &to]].concat());
        let source = format!(
            "\timage \"{there}\"\n\tmkfile \"/ours\" 0o600 \"o\" with createdTime(\"2001-09-09T01:46:40Z\")\n\tdockerPush \"{here}\""
        );
        let found = built(&project, &source);
        let expected = with(&theirs.expected, "\"ours\" 0:0 100600 1 ", &found);
        same(&format!("{access:?}, in"), &expected, &found);
        let container =
            theirs.containers.buildah(&[&["from", "--quiet"], &options[..], &[&format!("docker://{here}")]].concat());
        let mounted = theirs.containers.buildah(&["mount", &container]);
        same(&format!("{access:?}, out"), &as_podman_reads(&expected), &list(Path::new(&mounted)));
        theirs.containers.buildah(&["rm", &container]);
    }
}

/// A listing of what podman and buildah have read: they take times before 1970 for its beginning.
fn as_podman_reads(listing: &str) -> String {
    listing.replace(&format!("@{}", tree::EARLY), "@0")
}

/// A listing with one more line, which begins like one of another listing and is taken from there.
fn with(listing: &str, begun: &str, other: &str) -> String {
    let line = other.lines().find(|line| line.starts_with(begun)).unwrap_or(begun);
    listing::sorted(listing.lines().chain([line]).map(str::to_owned).collect())
}

#[test]
fn privileged_others_read_what_is_exported() {
    let project = project();
    let theirs = Theirs::make(&project);
    let layout = theirs.layout(&project);
    // All of the tree is made anew by steps, in two layers.
    let program = format!(
        "fs theirs() {{\n\tociLayout \"{}\" \"two\"\n}}\n\n\
         fs first() {{\n\timage \"debian\"\n\trun \"cp -a --sparse=always /in/. /out/\" with option {{\n\
         \t\tmount theirs \"/in\" with readonly\n\t\tmount scratch \"/out\" as copied\n\t}}\n}}\n\n\
         fs second() {{\n\timage \"debian\"\n\trun \"rm -rf hard/three dir/sub && mkdir -m 1777 dir/sub && echo new > dir/sub/new \
         && touch -d @1200000000 dir/sub/new dir/sub dir hard\" with option {{\n\
         \t\tdir \"/out\"\n\t\tmount copied \"/out\" as changed\n\t}}\n}}\n\n\
         fs default() {{\n\tchanged\n\tdownloadOCITarball \"oci.tar\"\n\tdownloadDockerTarball \"docker.tar\" \"ours:1\"\n\
         \tdownloadTarball \"tree.tar\"\n}}\n",
        layout.display()
    );
    project.write("build.hlb", &program);
    let shown = project.hlbc(&["run", "--progress", "quiet"]);
    assert!(shown.starts_with("exit code: 0"), "{shown}");
    let expected = unpacked(&project.path("tree.tar"), &project.beside("expected"));
    let kept = |line: &&str| {
        ["\"hard/three\"", "\"dir/sub", "\"dir\"", "\"hard\""].iter().all(|start| !line.starts_with(start))
    };
    let kept = |text: &str| text.lines().filter(kept).map(|line| format!("{line}\n")).collect::<String>();
    same("a copy by a step", &kept(&theirs.expected), &kept(&expected));
    for line in ["\"dir/sub\" 0:0 41777 @1200000000", "\"dir/sub/new\" 0:0 100644 4 "] {
        assert!(expected.contains(line), "{line} is not in\n{expected}");
    }

    let beside = |name: &str| project.beside(name).display().to_string();
    let oci = format!("oci-archive:{}", project.path("oci.tar").display());
    copy(&[], &oci, &format!("oci:{}:1", beside("copied")));
    run("umoci", &["unpack", "--image", &format!("{}:1", beside("copied")), &beside("bundle")]);
    same("skopeo and umoci, OCI archive", &expected, &list(&project.beside("bundle/rootfs")));
    let sparse = project.beside("bundle/rootfs/sparse");
    assert_eq!(std::fs::metadata(sparse).unwrap().len(), tree::SPARSE);
    std::fs::remove_dir_all(project.beside("bundle")).unwrap();

    theirs.containers.podman(&["load", "--quiet", "--input", &project.path("docker.tar").display().to_string()]);
    let mounted = theirs.containers.podman(&["image", "mount", "docker.io/library/ours:1"]);
    same("podman, Docker archive", &as_podman_reads(&expected), &list(Path::new(&mounted)));
    theirs.containers.podman(&["image", "umount", "--all"]);

    let container = theirs.containers.buildah(&["from", "--quiet", &oci]);
    let mounted = theirs.containers.buildah(&["mount", &container]);
    same("buildah, OCI archive", &as_podman_reads(&expected), &list(Path::new(&mounted)));

    // And we read it ourselves; holes are holes again in our layers.
    same("hlbc, OCI layout", &expected, &built(&project, &format!("\tociLayout \"{}\" \"1\"", beside("copied"))));
    project.write("build.hlb", &format!("fs default() {{\n\tociLayout \"{}\" \"1\"\n}}\n", beside("copied")));
    project.run(&[]);
    let layers = std::fs::read_dir(project.beside("state/layers")).unwrap().map(|layer| layer.unwrap().path());
    let sparse: Vec<PathBuf> = layers.map(|layer| layer.join("fs/sparse")).filter(|file| file.exists()).collect();
    assert!(!sparse.is_empty() && sparse.iter().all(|file| allocated(file) < tree::SPARSE / 8), "{sparse:?}");
}

#[test]
fn privileged_buildx_reads_what_is_attested() {
    let project = project();
    let registry = Registry::start(&project, Access::Plain);
    project.write("src/a", "a");
    project.write("build.hlb", "fs default() {\n\timage \"debian\"\n\tcopy local(\"src\") \"/\" \"/src\"\n}\n");
    let name = format!("{}/attested:1", registry.address);
    let output = format!("type=image,name={name},push=true");
    // The version of provenance that this buildx knows.
    let attest = ["--attest", "type=provenance,mode=max,version=v0.2", "--attest", "type=sbom"];
    let shown = project.hlbc(&[&["run", "--progress", "quiet", "-o", &output], &attest[..]].concat());
    assert!(shown.starts_with(&format!("exit code: 0\n--- stdout\n{name}@sha256:")), "{shown}");
    let inspect = |what: &str| tools::buildx(&project, &["imagetools", "inspect", &name, "--format", what]);
    let provenance = inspect("{{json .Provenance}}");
    for part in ["\"buildType\": \"https://mobyproject.org/buildkit@v1\"", "\"materials\"", "\"llbDefinition\""] {
        assert!(provenance.contains(part), "{part} is not in {provenance}");
    }
    let sbom = inspect("{{json .SBOM}}");
    for part in ["\"spdxVersion\": \"SPDX-2.3\"", "\"name\": \"dpkg\"", "\"name\": \"libc6\""] {
        assert!(sbom.contains(part), "{part} is not in {sbom:.3000}");
    }
    // The attestations go along when the image is copied whole, and it still is the one image for those who know of none.
    let layout = project.beside("attested").display().to_string();
    copy(
        &["--all".to_owned(), "--src-tls-verify=false".to_owned()],
        &format!("docker://{name}"),
        &format!("oci:{layout}:1"),
    );
    let (first, second) = (format!("\tociLayout \"{layout}\" \"1\""), format!("\timage \"{name}\""));
    same("an attested image", &built(&project, &first), &built(&project, &second));
}
