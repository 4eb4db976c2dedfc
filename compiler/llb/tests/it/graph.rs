//! What the reference rows do not reach: long graphs, equal ops, mounts of every kind, several file steps.

use std::collections::BTreeMap;

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::json::ToJson;
use hlb_llb::ops::{self, Copy, Exec, ExecMount, FileStep, MountKind};
use hlb_llb::{Digest, Graph, pb};
use prost::Message;

pub(crate) fn linux() -> pb::Platform {
    pb::Platform { architecture: "amd64".to_owned(), os: "linux".to_owned(), ..Default::default() }
}

pub(crate) fn image(name: &str) -> Output {
    let reference = format!("docker.io/library/{name}:latest");
    ops::image(ops::Image::new(reference, linux()), Annotations::default())
}

fn rm(path: &str) -> FileStep {
    FileStep::Rm { path: path.to_owned(), allow_not_found: false, allow_wildcard: false }
}

fn exec(root: Option<Output>) -> Exec {
    Exec::new(root, vec!["make".to_owned()], "/", linux())
}

fn named(name: &str) -> Annotations {
    Annotations { name: Some(name.to_owned()), ..Default::default() }
}

/// The last op before the terminal op, as JSON.
fn last_op(output: &Output) -> String {
    let definition = marshal(Some(output), Vec::new());
    let bytes = definition.def.iter().rev().nth(1).unwrap();
    pb::Op::decode(bytes.clone())
        .unwrap()
        .op
        .map(|kind| match kind {
            pb::OpKind::Exec(exec) => exec.to_json(),
            pb::OpKind::File(file) => file.to_json(),
            pb::OpKind::Source(source) => source.to_json(),
            pb::OpKind::Merge(merge) => merge.to_json(),
            pb::OpKind::Diff(diff) => diff.to_json(),
            other => panic!("{other:?}"),
        })
        .unwrap()
}

#[test]
fn long_chains_need_no_stack() {
    let mut output = image("alpine");
    for step in 0..20_000 {
        output = ops::file(Some(output), vec![rm(&format!("/{step}"))], Annotations::default()).unwrap();
    }
    let definition = marshal(Some(&output), Vec::new());
    assert_eq!(definition.def.len(), 20_002);
    assert_eq!(Graph::load(&definition).unwrap().vertices.len(), 20_001);
}

#[test]
fn shared_vertices_are_visited_once() {
    // 2^64 paths lead from the top to the bottom.
    let mut output = image("alpine");
    for _ in 0..64 {
        output = ops::merge(vec![output.clone(), output], Annotations::default()).unwrap();
    }
    let definition = marshal(Some(&output), Vec::new());
    assert_eq!(definition.def.len(), 66);
    let graph = Graph::load(&definition).unwrap();
    assert_eq!(graph.target, Some((64, 0)));
    assert!(graph.vertices.iter().all(|vertex| vertex.name.len() < 1100));
}

#[test]
fn equal_ops_are_one_with_all_that_is_said_about_them() {
    let place = |line| {
        let position = Some(pb::Position { line, character: 0 });
        pb::Location { source_index: 0, ranges: pb::Range { start: position, end: position }.into() }
    };
    let step = |annotations| ops::file(None, vec![rm("/x")], annotations).unwrap();
    let first = step(Annotations { locations: vec![place(1)], ..named("one") });
    let second = step(Annotations { locations: vec![place(2)], ignore_cache: true, ..named("two") });
    let both = ops::merge(vec![first.clone(), second], Annotations::default()).unwrap();
    let info = pb::SourceInfo { filename: "build.hlb".to_owned(), ..Default::default() };
    let definition = marshal(Some(&both), vec![info.clone()]);

    assert_eq!(definition.def.len(), 3);
    let digest = first.vertex.digest().as_str();
    let metadata = &definition.metadata[digest];
    assert!(metadata.ignore_cache);
    assert_eq!(metadata.description["llb.customname"], "two");
    let source = definition.source.unwrap();
    assert_eq!(*source.locations[digest].locations, [place(1), place(2)]);
    assert_eq!(source.infos, [info]);
    let terminal = Digest::of(&definition.def[2]);
    let caps: Vec<&str> = definition.metadata[terminal.as_str()].caps.names().collect();
    assert_eq!(caps, ["constraints", "meta.description", "meta.ignorecache", "platform"]);
}

#[test]
fn the_empty_file_system_has_no_ops() {
    let definition = marshal(None, Vec::new());
    assert!(definition.def.is_empty() && definition.metadata.is_empty());
    assert_eq!(Graph::load(&definition).unwrap().target, None);
}

#[test]
fn mounts_are_sorted_and_outputs_numbered_in_that_order() {
    let mut said = exec(Some(image("alpine")));
    let kept = image("kept");
    said.mounts = vec![
        ExecMount::bind("/z", None),
        ExecMount { readonly: true, selector: "/etc".to_owned(), ..ExecMount::bind("/r", Some(kept.clone())) },
        ExecMount { kind: MountKind::Tmpfs { size: 9 }, ..ExecMount::bind("/t", None) },
        ExecMount { no_output: true, ..ExecMount::bind("/n", Some(image("alpine"))) },
        ExecMount::bind("/a", Some(kept.clone())),
    ];
    said.secrets = vec![ops::Secret {
        id: "s".to_owned(),
        target: Some("/0".to_owned()),
        env: Some("S".to_owned()),
        uid: 1,
        gid: 2,
        mode: 0o400,
        optional: true,
    }];
    said.ssh = vec![
        ops::Ssh { id: "a".to_owned(), target: None, uid: 0, gid: 0, mode: 0o600, optional: false },
        ops::Ssh { id: "b".to_owned(), target: None, uid: 0, gid: 0, mode: 0o600, optional: false },
    ];
    said.env = vec!["A=1".to_owned()];
    let built = said.build(Annotations::default());

    let op = last_op(&built.vertex.output(0));
    insta::assert_snapshot!(op.replace("},{", "},\n{"), @r#"
{"meta":{"args":["make"],"env":["A=1","SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0"],"cwd":"/","removeMountStubsRecursive":true},"mounts":[{"dest":"/"},
{"input":1,"dest":"/a","output":1},
{"dest":"/n","output":-1},
{"input":1,"selector":"/etc","dest":"/r","output":-1,"readonly":true},
{"input":-1,"dest":"/t","output":-1,"mountType":4,"TmpfsOpt":{"size":9}},
{"input":-1,"dest":"/z","output":2},
{"dest":"/0","mountType":1,"secretOpt":{"ID":"s","uid":1,"gid":2,"mode":256,"optional":true}},
{"dest":"/run/buildkit/ssh_agent.0","mountType":2,"SSHOpt":{"ID":"a","mode":384}},
{"dest":"/run/buildkit/ssh_agent.1","mountType":2,"SSHOpt":{"ID":"b","mode":384}}],"secretenv":[{"ID":"s","name":"S","optional":true}]}
"#);
    assert_eq!(built.root.as_ref().unwrap().index, 0);
    let outputs: Vec<Option<i64>> =
        built.mounts.iter().map(|output| output.as_ref().map(|output| output.index)).collect();
    assert_eq!(outputs, [Some(2), Some(0), None, None, Some(1)]);
    assert_eq!(built.mounts[1], Some(kept));
    let metadata = built.vertex.metadata();
    let caps: Vec<&str> = metadata.caps.names().collect();
    insta::assert_debug_snapshot!(caps, @r#"
[
    "exec.meta.base",
    "exec.mount.bind",
    "exec.mount.secret",
    "exec.mount.selector",
    "exec.mount.ssh",
    "exec.mount.tmpfs",
    "exec.mount.tmpfs.size",
    "exec.secretenv",
]
"#);
}

#[test]
fn a_root_that_can_only_be_read_stays_what_it_was() {
    let root = image("alpine");
    let built = Exec { readonly_root: true, ..exec(Some(root.clone())) }.build(Annotations::default());
    assert_eq!(built.root, Some(root));
}

#[test]
fn file_steps_build_on_each_other() {
    let owner = ops::Owner { user: Some(ops::UserRef::Name("bob".to_owned())), group: Some(ops::UserRef::Id(7)) };
    let copy =
        |source, path: &str| FileStep::Copy(Copy { owner: Some(owner.clone()), ..Copy::new(source, path, "/d/") });
    let steps = vec![copy(Some(image("a")), "/a"), copy(Some(image("b")), "/b"), copy(Some(image("a")), "/c")];
    let output = ops::file(Some(image("base")), steps, Annotations::default()).unwrap();
    insta::assert_snapshot!(last_op(&output).replace("},{", "},\n{"), @r#"
{"actions":[{"input":0,"secondaryInput":1,"output":-1,"Action":{"copy":{"src":"/a","dest":"/d/","owner":{"user":{"User":{"byName":{"name":"bob"}}},"group":{"User":{"byId":7}}},"mode":-1,"timestamp":-1}}},
{"input":3,"secondaryInput":2,"output":-1,"Action":{"copy":{"src":"/b","dest":"/d/","owner":{"user":{"User":{"byName":{"name":"bob"}}},"group":{"User":{"byId":7}}},"mode":-1,"timestamp":-1}}},
{"input":4,"secondaryInput":1,"output":0,"Action":{"copy":{"src":"/c","dest":"/d/","owner":{"user":{"User":{"byName":{"name":"bob"}}},"group":{"User":{"byId":7}}},"mode":-1,"timestamp":-1}}}]}
"#);

    // The base, then what is copied from, beginning with the last step.
    let graph = Graph::load(&marshal(Some(&output), Vec::new())).unwrap();
    let names: Vec<&str> = graph.vertices.iter().map(|vertex| vertex.name.as_str()).collect();
    insta::assert_snapshot!(names.join("\n"), @"
docker-image://docker.io/library/base:latest
docker-image://docker.io/library/a:latest
docker-image://docker.io/library/b:latest
copy /a /d/, copy /b /d/, copy /c /d/
");
    assert_eq!(graph.vertices[3].inputs, [(0, 0), (1, 0), (2, 0)]);
}

#[test]
fn without_steps_there_is_no_vertex() {
    let base = image("base");
    assert_eq!(ops::file(Some(base.clone()), Vec::new(), Annotations::default()), Some(base.clone()));
    assert_eq!(ops::merge(vec![base.clone()], Annotations::default()), Some(base.clone()));
    assert_eq!(ops::merge(Vec::new(), Annotations::default()), None);
    assert_eq!(ops::diff(None, Some(base.clone()), Annotations::default()), Some(base));
}

#[test]
fn diffs_number_what_is_there() {
    let diff = |upper| ops::diff(Some(image("a")), upper, Annotations::default()).unwrap();
    assert_eq!(last_op(&diff(Some(image("b")))), r#"{"lower":{},"upper":{"input":1}}"#);
    assert_eq!(last_op(&diff(None)), r#"{"lower":{},"upper":{"input":-1}}"#);
}

fn check_git(url: &str, reference: &str, subdir: &str, wanted: &str) {
    let mut git = ops::Git::new(url, reference);
    git.subdir = subdir.to_owned();
    let op = last_op(&ops::git(git, Annotations::default()));
    let op: serde_json::Value = serde_json::from_str(&op).unwrap();
    let attrs: BTreeMap<String, String> = serde_json::from_value(op["attrs"].clone()).unwrap();
    let ssh = if attrs.contains_key("git.mountsshsock") { " ssh" } else { "" };
    let identifier = op["identifier"].as_str().unwrap();
    assert_eq!(format!("{identifier} {}{ssh}", attrs["git.fullurl"]), wanted);
}

#[test]
fn git_addresses_have_one_identifier_for_every_transport() {
    check_git("https://h.org/a/b.git", "", "", "git://h.org/a/b.git https://h.org/a/b.git");
    check_git("HTTP://u:p@h.org:80/a//b.git?q#x", "v1", "", "git://h.org:80/a/b.git#v1 http://u:p@h.org:80/a//b.git?q");
    check_git("ssh://git@h.org/a", "v1", "/s/../t", "git://h.org/a#v1:t ssh://git@h.org/a ssh");
    check_git("git@h.org:a/b.git", "", "t", "git://h.org/a/b.git#:t git@h.org:a/b.git ssh");
    check_git("h.org/a", "", "/", "git://h.org/a https://h.org/a");
    check_git("ftp://h.org/a", "v1", "", "git://ftp://h.org/a ftp://h.org/a");
}

#[test]
fn patterns_are_escaped_as_go_does() {
    let mut local = ops::Local::new("src", ops::LocalOwner::Session("id".to_owned()));
    local.include = vec!["a&b<c>".to_owned(), "\u{2028}\"\\\n\u{1}ü".to_owned()];
    let output = ops::local(local, Annotations::default());
    let definition = marshal(Some(&output), Vec::new());
    let Some(pb::OpKind::Source(source)) = pb::Op::decode(definition.def[0].clone()).unwrap().op else {
        unreachable!()
    };
    assert_eq!(source.attrs["local.session"], "id");
    assert_eq!(source.attrs["local.includepattern"], r#"["a\u0026b\u003cc\u003e","\u2028\"\\\n\u0001ü"]"#);
}

#[test]
fn paths_become_absolute() {
    let cases = [
        ("/w", "a", "/w/a", "/w/a"),
        ("/w", "a/", "/w/a", "/w/a/"),
        ("/w", "a/.", "/w/a", "/w/a/."),
        ("/w", ".", "/w", "/w"),
        ("/w", "", "/w", "/w"),
        ("/w", "../../x", "/x", "/x"),
        ("/w", "/", "/", "/"),
        ("/w", "/.", "/", "/."),
        ("/w", "//b//c/./d/..", "/b/c", "/b/c"),
        ("w", "a", "/w/a", "/w/a"),
    ];
    for (dir, path, plain, slash) in cases {
        assert_eq!(ops::absolute_path(dir, path, false), plain, "{path}");
        assert_eq!(ops::absolute_path(dir, path, true), slash, "{path}");
    }
    assert_eq!(ops::clean_path("../a/../.."), "../..");
    assert_eq!(ops::clean_path(""), ".");
}
