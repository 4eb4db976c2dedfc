//! Why steps run: one cause after the other, each by the smallest change that brings it about.

mod fields;

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hlb_llb::graph::{Annotations, Output, marshal};
use hlb_llb::ops::{self, Copy, ExecMount, FileStep, Git, Http, Local, LocalOwner, Owner, UserRef, file, merge};
use hlb_llb::pb;
use hlb_runtime::{ErrorKind, Explanation, Match, Policy, State, StepState, Why};
use hlb_store::{Likeness, Store};

use crate::sources::{layer, layout_of};
use crate::support::{Bench, mkfile, shell};

/// Lines that steps can be written in.
const LINES: i32 = 100;

/// What is said of a step that is written in a line.
pub(super) fn at(line: i32, name: &str) -> Annotations {
    assert!(line <= LINES);
    let place = pb::Position { line, character: 1 };
    let range = pb::Range { start: Some(place), end: Some(place) };
    let name = Some(name.to_owned()).filter(|name| !name.is_empty());
    Annotations {
        name,
        locations: vec![pb::Location { source_index: 0, ranges: range.into() }],
        ..Annotations::default()
    }
}

fn program(target: &Output) -> pb::Definition {
    let text: String = (1..=LINES).map(|line| format!("step {line}\n")).collect();
    let info = pb::SourceInfo { filename: "build.hlb".to_owned(), data: text.into_bytes(), ..Default::default() };
    marshal(Some(target), vec![info])
}

/// Lets files grow old enough for their times to tell whether they change.
fn settle() {
    std::thread::sleep(Duration::from_millis(80));
}

pub(super) fn build(bench: &Bench, target: &Output) -> Why {
    // A failing step is explained, too.
    if let Err(error) = bench.solve_definition(program(target)) {
        assert_eq!(error.kind(), ErrorKind::Step, "{error}");
    }
    bench.state().why(None).unwrap().unwrap()
}

fn explanations(why: &Why) -> Vec<(&str, StepState, &Explanation)> {
    let known = why.steps.iter().filter_map(|(step, why)| Some((step.name.as_str(), step.state, why.as_ref()?)));
    known.collect()
}

/// The steps that ran, each with its cause.
pub(super) fn causes(why: &Why) -> Vec<String> {
    let ran = explanations(why).into_iter().filter(|(_, state, _)| *state != StepState::Cached);
    ran.map(|(name, _, why)| format!("{name}: {}", why.causes.first().expect("there is a cause"))).collect()
}

/// Builds one graph, then another: why steps of that ran.
fn check(bench: &Bench, first: &Output, second: &Output, expected: &[&str]) {
    build(bench, first);
    assert_eq!(causes(&build(bench, second)), expected);
    // And a third time nothing has changed.
    assert_eq!(causes(&build(bench, second)), [""; 0]);
}

/// A root with a shell that is known by its content.
pub(super) fn base(bench: &Bench) -> Output {
    let copy = Copy { contents_only: true, ..Copy::new(Some(bench.root(&[])), "/", "/") };
    let base = file(None, vec![FileStep::Copy(copy)], at(1, "base")).unwrap();
    settle();
    build(bench, &base);
    base
}

pub(super) fn mount(dest: &str, source: Option<Output>) -> ExecMount {
    ExecMount::bind(dest, source)
}

fn src() -> Output {
    ops::local(Local::new("src", LocalOwner::Unique("t".to_owned())), Annotations::default())
}

fn copied(change: impl FnOnce(&mut Copy)) -> Output {
    let mut copy = Copy { contents_only: true, ..Copy::new(Some(src()), "/", "/") };
    change(&mut copy);
    file(None, vec![FileStep::Copy(copy)], at(2, "copy")).unwrap()
}

#[test]
fn privileged_files_are_others() {
    let check = |change: fn(&Bench), local: &str, expected: &str| {
        let bench = Bench::new();
        bench.write("a", "1");
        bench.write("b", "1");
        std::os::unix::fs::symlink("a", bench.src().join("link")).unwrap();
        settle();
        build(&bench, &copied(|_| {}));
        change(&bench);
        settle();
        let told = causes(&build(&bench, &copied(|_| {})));
        let copy = (!expected.is_empty()).then(|| format!("copy: files that it reads of `local://src`: {expected}"));
        let wanted: Vec<String> = [format!("local://src: {local}")].into_iter().chain(copy).collect();
        assert_eq!(told, wanted);
    };
    let mode = |bench: &Bench| {
        std::fs::set_permissions(bench.src().join("a"), std::fs::Permissions::from_mode(0o600)).unwrap();
    };
    let link = |bench: &Bench| {
        std::fs::remove_file(bench.src().join("link")).unwrap();
        std::os::unix::fs::symlink("b", bench.src().join("link")).unwrap();
    };
    check(|bench| bench.write("a", "2"), "`a` changed", "`a` changed");
    check(|bench| bench.write("c", "1"), "`c` was added", "`c` was added");
    check(|bench| std::fs::remove_file(bench.src().join("b")).unwrap(), "`b` was removed", "`b` was removed");
    check(mode, "`a` changed", "`a` is another in owner, mode or attributes only");
    check(link, "`link` changed", "`link` changed");
    // The same text, written again: it had to be looked at, and nothing else.
    check(|bench| bench.write("a", "1"), "`a` changed", "");
    let both = |bench: &Bench| {
        bench.write("a", "2");
        bench.write("c", "2");
    };
    check(both, "`a` changed, `c` was added", "`a` changed, `c` was added");
}

#[test]
fn privileged_another_selection_of_files() {
    let bench = Bench::new();
    bench.write("a", "1");
    bench.write("b", "1");
    settle();
    let only = |include: &str| copied(|copy| copy.include = vec![include.to_owned()]);
    check(&bench, &only("a"), &only("b"), &["copy: copy to / include patterns 1 was `a`, is `b`"]);
    let local = |include: &str| {
        let local =
            Local { include: vec![include.to_owned()], ..Local::new("src", LocalOwner::Unique("t".to_owned())) };
        ops::local(local, at(3, ""))
    };
    let told = |local: &str| format!("local://src: attribute `local.includepattern` was {local}");
    check(&bench, &local("a"), &local("b"), &[&told("`[\"a\"]`, is `[\"b\"]`")]);
}

#[test]
fn privileged_a_field_of_a_file_operation_is_another() {
    let bench = Bench::new();
    bench.write("a", "1");
    settle();
    let etc = FileStep::MkDir { path: "/etc".to_owned(), mode: 0o755, parents: false, owner: None, created: None };
    let etc = file(None, vec![etc], Annotations::default());
    let passwd = mkfile(etc, "/etc/passwd", "u:x:7:7::/:\nv:x:8:8::/:\n");
    let made = |mode: i32, data: &str, owner: Option<UserRef>| {
        let owner = owner.map(|user| Owner { user: Some(user), group: None });
        let step = FileStep::MkFile { path: "/x".to_owned(), mode, data: data.into(), owner, created: None };
        file(Some(passwd.clone()), vec![step], at(4, "make")).unwrap()
    };
    let named = |name: &str| Some(UserRef::Name(name.to_owned()));
    let directory = |mode: i32| {
        let step = FileStep::MkDir { path: "/d".to_owned(), mode, parents: false, owner: None, created: None };
        file(None, vec![step], at(5, "directory")).unwrap()
    };
    let copy = |dest: &str| copied(|copy| (copy.contents_only, copy.dest) = (false, dest.to_owned()));
    check(&bench, &made(0o644, "1", None), &made(0o644, "2", None), &["make: mkfile /x content was `1`, is `2`"]);
    check(&bench, &made(0o644, "3", None), &made(0o600, "3", None), &["make: mkfile /x mode was `0644`, is `0600`"]);
    check(
        &bench,
        &made(0o644, "4", named("u")),
        &made(0o644, "4", named("v")),
        &["make: mkfile /x owner was `u`, is `v`"],
    );
    check(&bench, &directory(0o755), &directory(0o700), &["directory: mkdir /d mode was `0755`, is `0700`"]);
    check(&bench, &copy("/one"), &copy("/two"), &["copy: copy to /one dest was `/one`, is `/two`"]);
}

#[test]
fn privileged_what_a_step_reads_is_another() {
    let bench = Bench::new();
    let step = |on: Output, line, name: &str, data: &str| {
        let step =
            FileStep::MkFile { path: format!("/{name}"), mode: 0o644, data: data.into(), owner: None, created: None };
        file(Some(on), vec![step], at(line, name)).unwrap()
    };
    let first = |data: &str| step(mkfile(None, "/base", ""), 10, "first", data);
    let chain = |data: &str| step(step(first(data), 11, "second", ""), 12, "third", "");
    build(&bench, &chain("1"));
    let why = build(&bench, &chain("2"));
    assert_eq!(
        causes(&why),
        [
            "first: mkfile /first content was `1`, is `2`",
            "second: it reads `first`, which ran",
            "third: it reads `second`, which ran",
        ]
    );
    // All of it began in one step.
    let begun: Vec<_> = why.steps.iter().filter_map(|(_, why)| why.as_ref()?.root.as_deref()).collect();
    let first_vertex = why.steps.iter().find(|(step, _)| step.name == "first").unwrap().0.vertex.as_str();
    assert_eq!(begun, [first_vertex; 2]);

    // A step that was found reads as well another.
    let on = |below: Output| step(below, 20, "top", "");
    build(&bench, &on(chain("1")));
    assert_eq!(causes(&build(&bench, &on(first("1")))), ["top: it reads `first` where it read `third`"]);
    // Of two that differ as little, the last that was used is the one that it became.
    build(&bench, &on(chain("1")));
    assert_eq!(
        causes(&build(&bench, &on(chain("2")))),
        ["top: it reads another `third` than before: of `first`, mkfile /first content was `1`, is `2`"]
    );

    // Which of several layers it is.
    let merged = |data: &str| merge(vec![first("1"), mkfile(None, "/m", data)], at(30, "merge")).unwrap();
    build(&bench, &mkfile(None, "/m", "2"));
    check(
        &bench,
        &merged("1"),
        &merged("2"),
        &["merge: it reads another `mkfile /m` than before: mkfile /m content was `1`, is `2`"],
    );
}

#[test]
fn privileged_the_cache_is_ignored() {
    let bench = Bench::new();
    let step = |on: Option<Output>, ignore_cache: bool, name: &str| {
        let step =
            FileStep::MkFile { path: format!("/{name}"), mode: 0o644, data: Vec::new(), owner: None, created: None };
        file(on, vec![step], Annotations { ignore_cache, ..at(10, name) }).unwrap()
    };
    // What reads nothing has a key of its own, by which its readers are found.
    let chain = |ignore| step(Some(step(Some(mkfile(None, "/base", "")), ignore, "below")), false, "above");
    build(&bench, &chain(false));
    assert_eq!(
        causes(&build(&bench, &chain(true))),
        ["below: it is told to ignore the cache", "above: it reads `below`, which ran",]
    );
    assert_eq!(causes(&build(&bench, &chain(false))), [""; 0]);
    build(&bench, &step(None, true, "other"));
    assert_eq!(
        causes(&build(&bench, &step(None, false, "other"))),
        ["other: build 4 ignored the cache for it, and kept no result"]
    );
}

#[test]
fn privileged_what_is_read_counts_by_its_definition() {
    let bench = Bench::new();
    bench.write("a", "1");
    settle();
    let merged = merge(vec![src(), mkfile(None, "/m", "")], at(10, "merge")).unwrap();
    let told = "merge: it reads `local://src` as a whole, which is good for one build only";
    build(&bench, &merged);
    assert_eq!(causes(&build(&bench, &merged)), [told]);
}

#[test]
fn privileged_results_come_and_go() {
    let bench = Bench::new();
    let target = mkfile(None, "/a", "1");
    let store = || Store::open(&bench.path("state")).unwrap();
    let kept = |store: &Store| {
        let likeness = Likeness { place: "", map: "", name: "mkfile /a", kind: "file" };
        let found = store.structures().like(likeness, 10).unwrap();
        found[0].structure.key.clone().unwrap()
    };
    let remove = |store: &Store| {
        for record in store.cache().records(&kept(store)).unwrap() {
            for layer in &record.layers {
                store.layers().remove(layer).unwrap();
            }
        }
    };
    assert_eq!(causes(&build(&bench, &target)), ["mkfile /a: nothing like it was built before"]);
    assert_eq!(causes(&build(&bench, &target)), [""; 0]);
    let all = Policy { all: true, ..Policy::default() };
    State::open(&bench.path("state")).unwrap().collect(&all, &|| false).unwrap();
    assert_eq!(causes(&build(&bench, &target)), ["mkfile /a: its result was removed by a prune"]);
    // It is there again.
    assert_eq!(causes(&build(&bench, &target)), [""; 0]);
    remove(&store());
    assert_eq!(causes(&build(&bench, &target)), ["mkfile /a: its result was damaged and dropped"]);
    // By a program that says nothing of it.
    let db = rusqlite::Connection::open(bench.path("state/meta.db")).unwrap();
    db.execute("PRAGMA foreign_keys = on", []).unwrap();
    db.execute("DELETE FROM results", []).unwrap();
    assert_eq!(causes(&build(&bench, &target)), ["mkfile /a: its result is gone"]);
    // Its files are taken away behind the back of the store.
    {
        let store = store();
        for record in store.cache().records(&kept(&store)).unwrap() {
            std::fs::remove_dir_all(store.layers().path(&record.layers[0])).unwrap();
        }
    }
    assert_eq!(causes(&build(&bench, &target)), ["mkfile /a: its result was damaged and dropped"]);
}

#[test]
fn privileged_a_step_was_not_finished() {
    let bench = Bench::new();
    let base = base(&bench);
    let failing = |script: &str| shell(base.clone(), script).build(at(10, "step")).root.unwrap();
    let why = build(&bench, &failing("exit 3"));
    assert_eq!(causes(&why), ["step: nothing like it was built before"]);
    assert_eq!(why.steps.last().unwrap().0.state, StepState::Failed);
    assert_eq!(causes(&build(&bench, &failing("exit 3"))), ["step: it failed in build 2"]);
    assert_eq!(causes(&build(&bench, &failing("exit 4"))), ["step: argument 3 was `exit 3`, is `exit 4`"]);
}

#[test]
fn privileged_another_output_is_wanted() {
    let bench = Bench::new();
    let mut exec = shell(base(&bench), "echo > /out/x");
    exec.mounts.push(mount("/out", None));
    let outputs = exec.build(at(10, "step"));
    build(&bench, outputs.root.as_ref().unwrap());
    let why = build(&bench, outputs.mounts[0].as_ref().unwrap());
    assert_eq!(causes(&why), ["step: another output of it was made before, and not this one"]);
}

#[test]
fn privileged_images_move() {
    let mut bench = Bench::new();
    bench.images.insert("example.org/base".to_owned(), bench.path("layout"));
    let image = || {
        let platform = pb::Platform { os: "linux".into(), architecture: "amd64".into(), ..Default::default() };
        ops::image(ops::Image::new("example.org/base:1", platform), at(10, "image"))
    };
    let target = mkfile(Some(image()), "/a", "1");
    let push = |text: &str, author: &str| {
        let _ = std::fs::remove_dir_all(bench.path("layout"));
        layout_of(&bench.path("layout"), &[layer("f", text)], author)
    };
    let short = |digest: hlb_llb::Digest| format!("sha256:{}…", &digest.hex()[..12]);
    let first = short(push("1", "a"));
    build(&bench, &target);
    let second = short(push("2", "a"));
    assert_eq!(
        causes(&build(&bench, &target)),
        [
            format!("image: image `example.org/base:1` was {first}, is {second}"),
            "mkfile /a: it reads `image`, which ran".to_owned(),
        ]
    );
    // The same layers in another image.
    push("2", "b");
    let why = build(&bench, &target);
    assert_eq!(causes(&why), [""; 0]);
    let found: Vec<_> = explanations(&why).into_iter().map(|(name, _, why)| (name, why.found.clone())).collect();
    assert_eq!(found, [("image", Some(Match::ImageLayers)), ("mkfile /a", Some(Match::Definition))]);
    // One that is known already, but new to its reader.
    push("1", "a");
    assert_eq!(causes(&build(&bench, &target)), [""; 0]);
    let other = mkfile(Some(image()), "/b", "1");
    build(&bench, &other);
    push("2", "a");
    assert_eq!(
        causes(&build(&bench, &other)),
        [format!(
            "mkfile /b: it reads another `image` than before: image `example.org/base:1` was {first}, is {second}"
        )]
    );
}

#[test]
fn privileged_repositories_move() {
    let bench = Bench::new();
    let remote = bench.path("remote");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command
            .args(["-C", remote.to_str().unwrap(), "-c", "user.name=n", "-c", "user.email=e@example.org"])
            .args(args);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    std::fs::create_dir(&remote).unwrap();
    git(&["init", "--quiet", "--initial-branch", "main"]);
    let commit = |text: &str| {
        std::fs::write(remote.join("f"), text).unwrap();
        git(&["add", "f"]);
        git(&["commit", "--quiet", "--message", text]);
        format!("{}…", &git(&["rev-parse", "HEAD"])[..12])
    };
    let target = ops::git(Git::new(format!("file://{}", remote.display()), "main"), at(10, "git"));
    let first = commit("1");
    build(&bench, &target);
    let second = commit("2");
    let told = causes(&build(&bench, &target));
    assert_eq!(told, [format!("git: commit of `refs/heads/main` was {first}, is {second}")]);
    assert_eq!(causes(&build(&bench, &target)), [""; 0]);
}

#[test]
fn privileged_web_pages_change() {
    let bench = Bench::new();
    let page = Arc::new(Mutex::new("one".to_owned()));
    let served = Arc::clone(&page);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/f", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let lines = BufReader::new(stream.try_clone().unwrap()).lines();
            lines.map_while(Result::ok).take_while(|line| !line.is_empty()).for_each(drop);
            let body = served.lock().unwrap().clone();
            let _ =
                write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}", body.len());
        }
    });
    let target = ops::http(Http::new(&url), at(10, "page"));
    build(&bench, &target);
    "two".clone_into(&mut page.lock().unwrap());
    let short = |text: &str| format!("sha256:{}…", &hlb_llb::Digest::of(text).hex()[..12]);
    let told = causes(&build(&bench, &target));
    assert_eq!(told, [format!("page: the file at the URL was {}, is {}", short("one"), short("two"))]);
    // This server sends everything each time.
    let told = causes(&build(&bench, &target));
    assert_eq!(told, ["page: it was fetched to see whether it had changed, and it had not"]);
}

#[test]
fn privileged_what_was_found_is_told_with_how_and_by_whom() {
    let bench = Bench::new();
    bench.write("a", "1");
    settle();
    let target = mkfile(Some(copied(|_| {})), "/made", "");
    build(&bench, &target);
    let why = build(&bench, &target);
    let told: Vec<_> =
        explanations(&why).into_iter().map(|(name, _, why)| (name, why.found.clone(), why.made_by)).collect();
    assert_eq!(
        told,
        [
            ("local://src", Some(Match::Unchanged), None),
            ("copy", Some(Match::Content { inputs: vec![0] }), Some(1)),
            ("mkfile /made", Some(Match::Definition), Some(1)),
        ]
    );
    assert!(bench.state().why(Some(99)).unwrap().is_none());
}

#[test]
fn privileged_steps_of_one_line_are_told_apart_by_who_calls() {
    let bench = Bench::new();
    let called = |line: i32, data: &str| {
        let step =
            FileStep::MkFile { path: "/x".to_owned(), mode: 0o644, data: data.into(), owner: None, created: None };
        let mut annotations = at(10, "same name");
        annotations.locations.extend(at(line, "").locations);
        file(None, vec![step], annotations).unwrap()
    };
    let both = |one: &str, other: &str| merge(vec![called(20, one), called(30, other)], at(11, "merge")).unwrap();
    build(&bench, &both("a1", "b1"));
    let mut told = causes(&build(&bench, &both("b2", "a2")));
    told.sort();
    assert_eq!(
        told[1..],
        ["same name: mkfile /x content was `a1`, is `b2`", "same name: mkfile /x content was `b1`, is `a2`",]
    );
}

#[test]
fn privileged_old_lists_of_files_are_forgotten() {
    let bench = Bench::new();
    let names = || Store::open(&bench.path("state")).unwrap().facts().names("content-list-1").unwrap();
    bench.write("a", "1");
    settle();
    build(&bench, &copied(|_| {}));
    let kept = names();
    assert_eq!(kept.len(), 1);
    Store::open(&bench.path("state")).unwrap().facts().put("content-list-1", "nobody", b"").unwrap();
    for number in 0..16 {
        build(&bench, &mkfile(None, "/a", &number.to_string()));
    }
    assert_eq!(names(), kept);
}

#[test]
fn privileged_a_new_step_is_not_taken_for_a_change_of_one_that_is_still_there() {
    let bench = Bench::new();
    let step = |data: &str| {
        let step =
            FileStep::MkFile { path: "/x".to_owned(), mode: 0o644, data: data.into(), owner: None, created: None };
        file(None, vec![step], at(10, "same name")).unwrap()
    };
    build(&bench, &step("1"));
    let both = merge(vec![step("1"), step("2")], at(11, "merge")).unwrap();
    assert_eq!(
        causes(&build(&bench, &both)),
        ["same name: nothing like it was built before", "merge: nothing like it was built before",]
    );
}
