//! Shared caches between machines: what is found in them, what of them travels, and that none of them breaks a build.

mod broken;
mod server;

use std::collections::BTreeSet;

use hlb_llb::Digest;
use hlb_llb::graph::{Annotations, Output};
use hlb_llb::ops::{Copy, Exec, ExecMount, FileStep, diff, file, merge};
use hlb_llb::status::Status;
use hlb_runtime::{
    CacheCollector, CacheImports, CacheMode, CachePlace, CacheSource, CacheTarget, ExportTarget, FileOptions, Hints,
    ImageExport, ImageOptions, ImageTarget, Runtime, Solved, Which,
};
use tokio_util::sync::CancellationToken;

use crate::engine::{Heard, block_on, named};
use crate::support::{Bench, mkfile, read, shell};
use server::Registry;

/// What a build did.
#[derive(Debug, Default)]
struct Outcome {
    /// Steps that ran, but for what comes from a directory of the machine.
    ran: Vec<String>,
    cached: BTreeSet<String>,
    warnings: Vec<String>,
}

fn registry(reference: &str) -> CacheSource {
    CacheSource::Registry { reference: reference.to_owned() }
}

fn to_registry(reference: &str, mode: CacheMode) -> CacheTarget {
    let to = CachePlace::Registry { reference: reference.to_owned() };
    CacheTarget { to, mode, image_manifest: true, ignore_error: true }
}

/// Builds on a machine that reads and writes shared caches, and exports the files.
fn build(bench: &Bench, target: &Output, from: &[CacheSource], to: &[CacheTarget]) -> Outcome {
    build_with(bench, target, from, to, false, async |runtime, solved| {
        let out = ExportTarget::Directory(bench.out(), FileOptions::default());
        runtime.export(solved, &out, &CancellationToken::new()).await.unwrap();
    })
}

fn build_with(
    bench: &Bench,
    target: &Output,
    from: &[CacheSource],
    to: &[CacheTarget],
    inline_cache: bool,
    end: impl AsyncFnOnce(&Runtime, &Solved),
) -> Outcome {
    let heard = Heard::default();
    block_on(async {
        let runtime = bench.open(2).await;
        let collector = CacheCollector::default();
        let hints = Hints {
            cache_from: (!from.is_empty()).then(|| CacheImports::new(from.to_vec())),
            cache_to: (!to.is_empty()).then(|| collector.clone()),
            inline_cache,
            ..Hints::default()
        };
        let request = hlb_runtime::SolveRequest { hints, ..bench.request(Some(target)) };
        let cancel = CancellationToken::new();
        let solved = runtime.solve(request, heard.sink(), &cancel).await.unwrap();
        for target in to {
            runtime.export_cache(&collector, target, &heard.sink(), &cancel).await.unwrap();
        }
        end(&runtime, &solved).await;
    });
    let warning = |event: &Status| match event {
        Status::Warning { text } => Some(text.clone()),
        _ => None,
    };
    Outcome {
        ran: heard.started().into_iter().filter(|name| !name.starts_with("local://")).collect(),
        cached: heard.cached().into_iter().collect(),
        warnings: heard.events().iter().filter_map(warning).collect(),
    }
}

/// A step that makes two files, on busybox.
fn first(bench: &Bench) -> Output {
    named("first", shell(bench.busybox(), "echo made >/made; cat /proc/sys/kernel/random/uuid >/unique"))
}

/// What is copied out of the step.
fn copied(from: Output, path: &str) -> Output {
    let annotations = Annotations { name: Some(format!("copy {path}")), ..Annotations::default() };
    file(None, vec![FileStep::Copy(Copy::new(Some(from), path, "/out"))], annotations).unwrap()
}

fn names(all: &[&str]) -> BTreeSet<String> {
    all.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn privileged_a_hit_brings_only_what_is_wanted() {
    let server = Registry::start();
    let reference = server.name("app:cache");
    let one = Bench::new();
    let target = copied(first(&one), "/unique");
    let built = build(&one, &target, &[], &[to_registry(&reference, CacheMode::Max)]);
    assert_eq!((built.ran.len(), built.warnings.len()), (3, 0), "{built:?}");
    let unique = read(&one.out(), "out");
    server.asked();

    let other = Bench::new();
    let target = copied(first(&other), "/unique");
    let built = build(&other, &target, &[registry(&reference)], &[]);
    assert_eq!((built.ran.len(), built.warnings.len()), (0, 0), "{built:?}");
    assert!(built.cached.is_superset(&names(&["first", "copy /unique"])), "{built:?}");
    assert_eq!(read(&other.out(), "out"), unique);
    // The document, and the one layer of the result.
    assert_eq!(server.given().len(), 2);

    // The next time nothing but the documents is asked for.
    let again = build(&other, &target, &[registry(&reference)], &[]);
    assert_eq!(again.ran.len(), 0, "{again:?}");
    assert!(server.given().len() <= 1);

    // Another result of the same step: now its layers are wanted, too.
    let built = build(&other, &copied(first(&other), "/made"), &[registry(&reference)], &[]);
    assert_eq!((built.ran, built.warnings), (vec!["copy /made".to_owned()], Vec::new()));
    assert_eq!(read(&other.out(), "out"), "made\n");
}

#[test]
fn privileged_what_was_found_is_known_from_then_on() {
    let server = Registry::start();
    let reference = server.name("app:cache");
    let target = copied(mkfile(Some(mkfile(None, "/a", "1")), "/b", "2"), "/b");
    build(&Bench::new(), &target, &[], &[to_registry(&reference, CacheMode::Min)]);
    let other = Bench::new();
    for from in [&[registry(&reference)][..], &[]] {
        let built = build(&other, &target, from, &[]);
        assert_eq!((built.ran.len(), built.warnings.len()), (0, 0), "{built:?}");
        assert_eq!(read(&other.out(), "out"), "2");
    }
}

#[test]
fn privileged_modes_hold_what_they_say() {
    let server = Registry::start();
    let check = |name: &str, mode: CacheMode, ran: &[&str]| {
        let reference = server.name(name);
        let one = Bench::new();
        build(&one, &copied(first(&one), "/unique"), &[], &[to_registry(&reference, mode)]);
        let other = Bench::new();
        let hit = build(&other, &copied(first(&other), "/unique"), &[registry(&reference)], &[]);
        assert_eq!((hit.ran.len(), hit.warnings.len()), (0, 0), "{name}: {hit:?}");
        let next = build(&other, &copied(first(&other), "/made"), &[registry(&reference)], &[]);
        assert_eq!(next.ran, ran, "{name}");
    };
    check("app:max", CacheMode::Max, &["copy /made"]);
    check("app:min", CacheMode::Min, &["copy / /", "first", "copy /made"]);
}

#[test]
fn privileged_layers_below_the_result_come_with_it() {
    let server = Registry::start();
    let reference = server.name("app:cache");
    let steps = |bench: &Bench| named("second", shell(first(bench), "cat /unique >/copy"));
    let one = Bench::new();
    build(&one, &steps(&one), &[], &[to_registry(&reference, CacheMode::Min)]);
    // What the first step has made is a layer of the result, so another step can be built on it.
    let other = Bench::new();
    let next = named("third", shell(first(&other), "cat /unique >/third"));
    let built = build(&other, &next, &[registry(&reference)], &[]);
    assert_eq!((built.ran, built.warnings), (vec!["third".to_owned()], Vec::new()));
    assert_eq!(read(&other.out(), "third"), read(&one.out(), "copy"));
}

#[test]
fn privileged_caches_lie_in_directories_too() {
    let dir = tempfile::tempdir().unwrap();
    let target = |tag: &str, image_manifest: bool| CacheTarget {
        to: CachePlace::Local { directory: dir.path().to_owned(), tag: tag.to_owned() },
        mode: CacheMode::Max,
        image_manifest,
        ignore_error: true,
    };
    let source = |tag: &str| CacheSource::Local { directory: dir.path().to_owned(), which: Which::Tag(tag.to_owned()) };
    let one = Bench::new();
    build(&one, &copied(first(&one), "/unique"), &[], &[target("a", true), target("b", false)]);
    for tag in ["a", "b"] {
        let other = Bench::new();
        let hit = build(&other, &copied(first(&other), "/unique"), &[source(tag)], &[]);
        assert_eq!((hit.ran.len(), hit.warnings.len()), (0, 0), "{tag}: {hit:?}");
        assert_eq!(read(&other.out(), "out"), read(&one.out(), "out"));
        let next = build(&other, &copied(first(&other), "/made"), &[source(tag)], &[]);
        assert_eq!(next.ran, ["copy /made"], "{tag}");
    }
}

#[test]
fn privileged_images_hold_the_cache_of_their_layers() {
    let server = Registry::start();
    let steps = |bench: &Bench| named("second", shell(first(bench), "cat /unique >/copy"));
    let name = server.name("app:1");
    let one = Bench::new();
    build_with(&one, &steps(&one), &[], &[], true, async |runtime, solved| {
        let image = ImageExport {
            to: ImageTarget::Registry,
            config: br#"{"os":"linux","architecture":"amd64"}"#.to_vec(),
            options: ImageOptions { names: vec![name.clone()], oci_types: true, ..ImageOptions::default() },
        };
        runtime.export(solved, &ExportTarget::Image(image), &CancellationToken::new()).await.unwrap();
        runtime
            .export(solved, &ExportTarget::Directory(one.out(), FileOptions::default()), &CancellationToken::new())
            .await
            .unwrap();
    });
    let other = Bench::new();
    let hit = build(&other, &steps(&other), &[registry(&name)], &[]);
    assert_eq!((hit.ran.len(), hit.warnings.len()), (0, 0), "{hit:?}");
    assert_eq!(read(&other.out(), "copy"), read(&one.out(), "copy"));
    let other = Bench::new();
    let next = build(&other, &named("third", shell(first(&other), "true")), &[registry(&name)], &[]);
    assert_eq!((next.ran, next.warnings), (vec!["third".to_owned()], Vec::new()));
}

#[test]
fn privileged_what_is_there_does_not_travel() {
    let server = Registry::start();
    let to = [to_registry(&server.name("app:cache"), CacheMode::Max)];
    let one = Bench::new();
    let target = copied(first(&one), "/unique");
    build(&one, &target, &[], &to);
    let sent = |asked: &[String]| asked.iter().filter(|it| !it.starts_with("HEAD") && !it.starts_with("GET")).count();
    assert!(sent(&server.asked()) > 0);
    build(&one, &target, &[], &to);
    let asked = server.asked();
    assert_eq!(sent(&asked), 0, "{asked:?}");
    // A step more is its layer, the document and the manifest.
    build(&one, &merge(vec![target, mkfile(None, "/more", "x")], Annotations::default()).unwrap(), &[], &to);
    let asked = server.asked();
    let puts = asked.iter().filter(|it| it.starts_with("PUT")).count();
    assert!(puts <= 4, "{asked:?}");
}

#[test]
fn privileged_what_was_only_looked_up_is_written_again() {
    let server = Registry::start();
    let (old, new) = (server.name("app:old"), server.name("other:new"));
    let one = Bench::new();
    build(&one, &copied(first(&one), "/unique"), &[], &[to_registry(&old, CacheMode::Max)]);
    let dir = tempfile::tempdir().unwrap();
    let (directory, tag) = (dir.path().to_owned(), "latest".to_owned());
    let local = CacheTarget {
        to: CachePlace::Local { directory: directory.clone(), tag: tag.clone() },
        ..to_registry("", CacheMode::Max)
    };
    // It makes nothing and has only the result, but passes on all.
    let second = Bench::new();
    let to = [to_registry(&new, CacheMode::Max), local];
    let hit = build(&second, &copied(first(&second), "/unique"), &[registry(&old)], &to);
    assert_eq!((hit.ran.len(), hit.warnings.len()), (0, 0), "{hit:?}");
    for source in [registry(&new), CacheSource::Local { directory, which: Which::Tag(tag) }] {
        let third = Bench::new();
        let next = build(&third, &copied(first(&third), "/made"), &[source], &[]);
        assert_eq!((next.ran, next.warnings), (vec!["copy /made".to_owned()], Vec::new()));
    }
}

#[test]
fn privileged_graphs_of_every_op_are_found() {
    let server = Registry::start();
    let reference = server.name("app:cache");
    let graphs = |bench: &Bench| -> Vec<(&'static str, Output)> {
        let base = first(bench);
        let changed = named("changed", shell(base.clone(), "rm /made; echo x >/new"));
        let difference = diff(Some(base.clone()), Some(changed), Annotations::default()).unwrap();
        let other = mkfile(Some(mkfile(None, "/made", "by another")), "/kept", "y");
        let read = |target: &str, input: Output| ExecMount { readonly: true, ..ExecMount::bind(target, Some(input)) };
        let part = ExecMount { selector: "/unique".to_owned(), ..read("/part", base.clone()) };
        let two = shell(bench.busybox(), "cat /part /all/kept >/two");
        let two = Exec { mounts: vec![part, read("/all", other.clone())], ..two };
        let multi = shell(bench.busybox(), "echo a >/a/a; echo b >/b/b");
        let multi = Exec { mounts: vec![ExecMount::bind("/a", None), ExecMount::bind("/b", None)], ..multi };
        let built = multi.build(Annotations { name: Some("multi".to_owned()), ..Annotations::default() });
        vec![
            ("merge", merge(vec![other.clone(), difference], Annotations::default()).unwrap()),
            ("selectors", named("two", two)),
            ("second output", built.mounts[0].clone().unwrap()),
            ("third output", built.mounts[1].clone().unwrap()),
        ]
    };
    let one = Bench::new();
    for (name, target) in graphs(&one) {
        let out = one.path("out");
        let _ = std::fs::remove_dir_all(&out);
        build(&one, &target, &[], &[to_registry(&reference, CacheMode::Max)]);
        let wanted = listing(&out);
        let other = Bench::new();
        let (_, target) = graphs(&other).into_iter().find(|(it, _)| *it == name).unwrap();
        let hit = build(&other, &target, &[registry(&reference)], &[]);
        assert_eq!((hit.ran.len(), hit.warnings.len()), (0, 0), "{name}: {hit:?}");
        assert_eq!(listing(&other.out()), wanted, "{name}");
    }
}

/// What follows from what in a cache: its records, but for the one of that digest without a word about results.
fn links(config: &serde_json::Value, difference: &str) -> serde_json::Value {
    let mut records = config["records"].clone();
    for record in records.as_array_mut().unwrap() {
        let has_result = record.as_object_mut().unwrap().remove("layers").is_some();
        if !record["digest"].as_str().unwrap().starts_with(difference) {
            record["result"] = has_result.into();
        }
    }
    records
}

/// The ops of a definition, without what is only said about them.
fn definition(bytes: &[u8]) -> hlb_llb::pb::Definition {
    let mut definition = hlb_llb::pb::Definition::default();
    let mut rest = bytes;
    while let [tag, behind @ ..] = rest {
        let (mut length, mut shift) = (0_usize, 0);
        rest = behind;
        while let [byte, behind @ ..] = rest {
            (length, shift, rest) = (length | (usize::from(byte & 0x7f) << shift), shift + 7, behind);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let (field, behind) = rest.split_at(length);
        if *tag == 0x0a {
            definition.def.push(hlb_llb::pb::Bytes::from(field.to_vec()));
        }
        rest = behind;
    }
    definition
}

#[test]
fn privileged_graphs_are_written_as_buildkit_wrote_them() {
    let folder = format!("{}/tests/cache-keys", env!("CARGO_MANIFEST_DIR"));
    let inputs = tempfile::tempdir().unwrap();
    let mut archive = tar::Archive::new(std::fs::File::open(format!("{folder}/inputs.tar")).unwrap());
    archive.set_preserve_permissions(true);
    archive.unpack(inputs.path()).unwrap();
    // BuildKit keeps the result of a difference, too.
    for (name, difference) in [("t1", "none"), ("t2", "sha256:da0a96236f5dd889")] {
        let bench = Bench::new();
        let (out, collector, cancel) =
            (tempfile::tempdir().unwrap(), CacheCollector::default(), CancellationToken::new());
        let definition = definition(&std::fs::read(format!("{folder}/{name}.llb")).unwrap());
        let mut request = bench.request_for(definition);
        request.hints.cache_to = Some(collector.clone());
        let local = |name: &str| (name.to_owned(), inputs.path().join(name));
        request.locals = ["rootfs", "ctx", "ctx2", "etcs"].map(local).into();
        let target = CacheTarget {
            to: CachePlace::Local { directory: out.path().to_owned(), tag: "t".to_owned() },
            ..to_registry("", CacheMode::Max)
        };
        block_on(async {
            let runtime = bench.open(2).await;
            let heard = Heard::default();
            runtime.solve(request, heard.sink(), &cancel).await.unwrap();
            runtime.export_cache(&collector, &target, &heard.sink(), &cancel).await.unwrap();
        });
        let read = |path: std::path::PathBuf| -> serde_json::Value {
            serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
        };
        let blob = |digest: &serde_json::Value| {
            read(out.path().join("blobs/sha256").join(digest.as_str().unwrap().trim_start_matches("sha256:")))
        };
        let manifest = blob(&read(out.path().join("index.json"))["manifests"][0]["digest"]);
        let written = blob(&manifest["config"]["digest"]);
        let wanted = read(format!("{folder}/{name}.cacheconfig.json").into());
        assert_eq!(links(&written, difference), links(&wanted, difference), "{name}");
    }
}

#[test]
fn privileged_deletions_of_differences_are_not_lost() {
    let server = Registry::start();
    let reference = server.name("app:cache");
    let difference = |bench: &Bench| {
        let base = first(bench);
        let changed = named("changed", shell(base.clone(), "rm /made; echo x >/new"));
        diff(Some(base), Some(changed), Annotations::default()).unwrap()
    };
    let on = |bench: &Bench, text: &str| {
        merge(vec![mkfile(None, "/made", text), difference(bench)], Annotations::default()).unwrap()
    };
    let one = Bench::new();
    build(&one, &on(&one, "1"), &[], &[to_registry(&reference, CacheMode::Max)]);
    let other = Bench::new();
    let built = build(&other, &on(&other, "2"), &[registry(&reference)], &[]);
    assert!(!built.ran.contains(&"changed".to_owned()), "{built:?}");
    assert_eq!(listing(&other.out()), ["new x\n"]);
}

/// All files of a directory.
fn listing(dir: &std::path::Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut left = vec![dir.to_owned()];
    while let Some(at) = left.pop() {
        for entry in std::fs::read_dir(at).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                left.push(entry.path());
            } else if entry.file_type().unwrap().is_file() {
                let bytes = std::fs::read(entry.path()).unwrap();
                let shown =
                    if bytes.len() > 100 { Digest::of(&bytes).to_string() } else { String::from_utf8(bytes).unwrap() };
                lines.push(format!("{} {shown}", entry.path().strip_prefix(dir).unwrap().display()));
            }
        }
    }
    lines.sort();
    lines
}
