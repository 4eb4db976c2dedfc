//! Graphs that no program here makes: what other clients of BuildKit send.
//!
//! Owns graphs made with the constructors of `hlb-llb`, or op by op where there are none. Runs nothing.

use std::collections::BTreeMap;

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{Copy, Exec, ExecMount, FileStep, Image, MountKind, Owner, UserRef, diff, file, image, merge};
use hlb_llb::{Digest, encode_definition, encode_op, pb};

use crate::cases::Case;
use crate::registry;

/// A graph and what is expected of it; the case has no program.
#[derive(Debug)]
pub struct Foreign {
    /// Its name in the group `foreign`, and what it shows.
    pub case: Case,
    /// The graph.
    pub definition: pb::Definition,
}

/// All of them.
pub fn all() -> Vec<Foreign> {
    let mut all = vec![
        works("actions", "One op with many actions, each on what the one before left.", &actions()),
        works("symlink", "A link made without a command.", &symlink()),
        works("two-outputs", "Root and mount of one command, both used.", &two_outputs()),
        works("output-of-readonly", "A mount that is read and handed on.", &shared_input()),
        works(
            "merge-twice",
            "The same input twice.",
            &merge(vec![one(), two(), one()], Annotations::default()).unwrap(),
        ),
        works("layer-limit", "The first layers of an image.", &layer_limit()),
        works("environment-by-hand", "A command as a client without a shell says it.", &plain_exec()),
        works("ignore-cache", "An op that must not come from the cache.", &ignored_cache()),
    ];
    all.push(raw("build", "A graph that lies in a file of another.", build(None)));
    all.push(raw("build-file-name", "The same under another name.", build(Some("graph"))));
    all.push(raw("passthrough", "Hands one input on and waits for the other.", passthrough()));
    all.push(raw("diff-of-nothing", "The changes from the empty filesystem, said in full.", diff_of_nothing()));
    all.push(raw("diff-to-nothing", "The changes to the empty filesystem.", diff_to_nothing()));
    all.push(raw("owner-of-another", "Names of users that stand in the accounts of another input.", owners(false)));
    all.push(raw("symlink-owner-of-another", "The same for a link.", owners(true)));
    let mut unknown = raw("unknown-capability", "A feature that nobody has.", marshal(Some(&one()), Vec::new()));
    for metadata in unknown.definition.metadata.values_mut() {
        metadata.caps.insert("file.from.the.future".to_owned(), true);
    }
    unknown.case.fails_here = Some("file.from.the.future".to_owned());
    unknown.case.fails_there = Some("unknown API capability file.from.the.future".to_owned());
    all.push(unknown);
    all
}

fn works(name: &str, shows: &str, output: &Output) -> Foreign {
    raw(name, shows, marshal(Some(output), Vec::new()))
}

fn raw(name: &str, shows: &str, definition: pb::Definition) -> Foreign {
    let case = Case {
        name: format!("foreign/{name}"),
        text: String::new(),
        shows: shows.to_owned(),
        fails_here: None,
        fails_there: None,
    };
    Foreign { case, definition }
}

fn platform() -> pb::Platform {
    pb::Platform { architecture: "amd64".to_owned(), os: "linux".to_owned(), ..Default::default() }
}

fn busybox() -> Output {
    image(Image::new(format!("{}/busybox:latest", registry::HOST), platform()), Annotations::default())
}

fn mkfile(path: &str, data: &str) -> FileStep {
    FileStep::MkFile { path: path.to_owned(), mode: 0o644, data: data.into(), owner: None, created: None }
}

fn mkdir(path: &str, owner: Option<Owner>) -> FileStep {
    FileStep::MkDir { path: path.to_owned(), mode: 0o755, parents: true, owner, created: None }
}

fn rm(path: &str) -> FileStep {
    FileStep::Rm { path: path.to_owned(), allow_not_found: false, allow_wildcard: false }
}

fn made(steps: Vec<FileStep>) -> Output {
    file(None, steps, Annotations::default()).unwrap()
}

fn over(base: Output) -> Output {
    file(Some(base), vec![mkfile("/over", "over\n")], Annotations::default()).unwrap()
}

fn one() -> Output {
    made(vec![mkfile("/one", "1\n")])
}

fn two() -> Output {
    made(vec![mkfile("/two", "2\n"), mkfile("/one", "of two\n")])
}

fn actions() -> Output {
    let owner = Owner { user: Some(UserRef::Name("app".to_owned())), group: Some(UserRef::Id(9)) };
    let steps = vec![
        mkdir("/out/a/b", Some(owner)),
        mkfile("/out/a/file", "first\n"),
        FileStep::Copy(Copy::new(Some(two()), "/one", "/out/a/copied")),
        mkfile("/out/a/file", "second\n"),
        rm("/out/a/b"),
        FileStep::Copy(Copy::new(Some(two()), "/", "/out/all")),
    ];
    let changed = file(Some(busybox()), steps, Annotations::default());
    made(vec![FileStep::Copy(Copy::new(changed, "/out", "/"))])
}

fn symlink() -> Output {
    let link = |oldpath: &str, newpath: &str, created: Option<i64>| FileStep::Symlink {
        oldpath: oldpath.to_owned(),
        newpath: newpath.to_owned(),
        owner: Some(Owner { user: Some(UserRef::Id(5)), group: Some(UserRef::Id(6)) }),
        created,
    };
    made(vec![link("../anything", "/link", None), link("/x", "/old", Some(1_000_000_000_000_000_000))])
}

fn shell(root: Output, script: &str) -> Exec {
    let words = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
    Exec { env: vec!["PATH=/bin".to_owned()], ..Exec::new(Some(root), words, "/", platform()) }
}

fn two_outputs() -> Output {
    let mut exec = shell(busybox(), "mkdir /out; echo root > /out/root; echo mount > /mount/mount");
    exec.mounts.push(ExecMount::bind("/mount", Some(one())));
    let outputs = exec.build(Annotations::default());
    let root = made(vec![FileStep::Copy(Copy::new(outputs.root, "/out", "/"))]);
    merge(vec![root, outputs.mounts[0].clone().unwrap()], Annotations::default()).unwrap()
}

fn shared_input() -> Output {
    let mut exec = shell(busybox(), "cat /a/one /b/one > /c/both");
    exec.mounts.push(ExecMount { readonly: true, ..ExecMount::bind("/a", Some(one())) });
    exec.mounts.push(ExecMount { no_output: true, ..ExecMount::bind("/b", Some(one())) });
    exec.mounts.push(ExecMount::bind("/c", Some(one())));
    exec.mounts.push(ExecMount { kind: MountKind::Tmpfs { size: 0 }, ..ExecMount::bind("/d", None) });
    let outputs = exec.build(Annotations::default());
    outputs.mounts[2].clone().unwrap()
}

fn layer_limit() -> Output {
    let limited = Image { layer_limit: Some(1), ..Image::new(format!("{}/layers:latest", registry::HOST), platform()) };
    image(limited, Annotations::default())
}

fn plain_exec() -> Output {
    let words = ["env"].map(str::to_owned).to_vec();
    let mut exec = Exec::new(Some(busybox()), words, "/srv", platform());
    exec.args =
        vec!["sh".to_owned(), "-c".to_owned(), "env | grep -v ^HOSTNAME= | sort > /to/env; pwd > /to/dir".to_owned()];
    exec.mounts.push(ExecMount::bind("/to", None));
    exec.build(Annotations::default()).mounts[0].clone().unwrap()
}

fn ignored_cache() -> Output {
    let annotations = Annotations { ignore_cache: true, ..Annotations::default() };
    file(Some(one()), vec![mkfile("/again", "again\n")], annotations).unwrap()
}

/// An op that reads results, as a definition of its own.
fn reading(inputs: &[Output], cap: Option<&str>, kind: pb::OpKind) -> pb::Definition {
    let mut definition = pb::Definition::default();
    for input in inputs {
        let mut graph = marshal(Some(input), Vec::new());
        graph.def.pop();
        definition.def.extend(graph.def);
        definition.metadata.extend(graph.metadata);
    }
    let op = pb::Op {
        inputs: inputs.iter().map(Output::to_input).collect(),
        op: Some(kind),
        platform: None,
        constraints: Some(pb::WorkerConstraints::default()),
    };
    let bytes = encode_op(&op);
    let digest = Digest::of(&bytes).to_string();
    let terminal =
        encode_op(&pb::Op { inputs: vec![pb::Input { digest: digest.clone(), index: 0 }], ..Default::default() });
    let with = |cap: Option<&str>| {
        let caps = cap.into_iter().map(|cap| (cap.to_owned(), true)).collect();
        pb::OpMetadata { caps, ..Default::default() }
    };
    definition.metadata.insert(digest, with(cap));
    definition.metadata.insert(Digest::of(&terminal).to_string(), with(Some("constraints")));
    definition.def.extend([bytes, terminal].map(pb::Bytes::from));
    definition
}

fn build(name: Option<&str>) -> pb::Definition {
    let nested = encode_definition(&marshal(Some(&over(one())), Vec::new()));
    let path = format!("/{}", name.unwrap_or("buildkit.llb.definition"));
    let holder = made(vec![FileStep::MkFile { path, mode: 0o644, data: nested, owner: None, created: None }]);
    let attrs = name.map(|name| ("llbbuild.filename".to_owned(), name.to_owned()));
    let op = pb::BuildOp {
        builder: -1,
        inputs: BTreeMap::from([("buildkit.llb.definition".to_owned(), pb::BuildInput { input: 0 })]),
        def: None,
        attrs: attrs.into_iter().collect(),
    };
    reading(&[holder], name.map(|_| "source.buildop.llbfilename"), pb::OpKind::Build(op))
}

fn passthrough() -> pb::Definition {
    let op = pb::PassthroughOp { id: "both".to_owned(), outputs: vec![1] };
    reading(&[two(), one()], Some("passthroughop"), pb::OpKind::Passthrough(op))
}

/// What belongs to users of the image `user`, on an empty filesystem.
fn owners(link: bool) -> pb::Definition {
    let user = image(Image::new(format!("{}/user:latest", registry::HOST), platform()), Annotations::default());
    let named =
        |name: &str| pb::UserOpt { user: Some(pb::User::ByName(pb::NamedUserOpt { name: name.to_owned(), input: 1 })) };
    let owner = || Some(pb::ChownOpt { user: Some(named("app")), group: Some(named("staff")) });
    let mixed = || {
        let group = pb::UserOpt { user: Some(pb::User::ById(9)) };
        Some(pb::ChownOpt { user: Some(named("app")), group: Some(group) })
    };
    let time = -1;
    let copy = |dest: &str, owner: Option<pb::ChownOpt>| {
        let (src, dest, mode, timestamp) = ("/one".to_owned(), dest.to_owned(), -1, time);
        pb::FileActionKind::Copy(pb::FileActionCopy { src, dest, owner, mode, timestamp, ..Default::default() })
    };
    let kinds = if link {
        let (oldpath, newpath) = ("one".to_owned(), "/link".to_owned());
        vec![pb::FileActionKind::Symlink(pb::FileActionSymlink { oldpath, newpath, owner: owner(), timestamp: time })]
    } else {
        let (file, dir) = ("/file".to_owned(), "/dir".to_owned());
        let data = b"owned".to_vec();
        vec![
            pb::FileActionKind::Mkfile(pb::FileActionMkFile {
                path: file,
                mode: 0o640,
                data,
                owner: owner(),
                timestamp: time,
            }),
            pb::FileActionKind::Mkdir(pb::FileActionMkDir {
                path: dir,
                mode: 0o750,
                make_parents: false,
                owner: owner(),
                timestamp: time,
            }),
            copy("/copied", owner()),
            copy("/mixed", mixed()),
        ]
    };
    let last = kinds.len() - 1;
    let actions = kinds.into_iter().enumerate().map(|(at, action)| {
        let copies = matches!(action, pb::FileActionKind::Copy(_));
        pb::FileAction {
            // Each works on what the one before has made; behind the inputs come the actions.
            input: if at == 0 { -1 } else { 1 + at as i64 },
            secondary_input: if copies { 0 } else { -1 },
            output: if at == last { 0 } else { -1 },
            action: Some(action),
        }
    });
    reading(&[one(), user], Some("file.base"), pb::OpKind::File(pb::FileOp { actions: actions.collect() }))
}

fn diff_of_nothing() -> pb::Definition {
    let op = pb::DiffOp { lower: Some(pb::LowerDiffInput { input: -1 }), upper: Some(pb::UpperDiffInput { input: 0 }) };
    reading(&[two()], Some("diffop"), pb::OpKind::Diff(op))
}

fn diff_to_nothing() -> pb::Definition {
    let nothing = diff(Some(one()), None, Annotations::default());
    let merged = merge(vec![one(), two(), nothing.unwrap()], Annotations::default());
    marshal(merged.as_ref(), Vec::new())
}
