//! `hlbc diff`: programs and LLB, and what its exit code says.

use crate::project::Project;

const BEFORE: &str = "fs base() {
	image \"localhost:1/debian:12\"
	env \"CC\" \"gcc\"
}

fs default() {
	base
	run \"make\"
	run \"make install\"
	download \"out\"
}
";

fn check(after: &str, args: &[&str]) -> String {
    let project = Project::empty().file("a.hlb", BEFORE).file("b.hlb", after);
    project.hlbc(&[&["diff", "--no-resolve", "a.hlb", "b.hlb"], args].concat())
}

#[test]
fn equal_programs_end_with_0() {
    insta::assert_snapshot!(check(BEFORE, &[]), @r"
    exit code: 0
    --- stdout
    no difference in 3 steps
    ");
    insta::assert_snapshot!(check(&BEFORE.replace("fs base", "# Written elsewhere.\nfs base"), &[]), @r"
    exit code: 0
    --- stdout
    no difference in 3 steps
    ");
}

#[test]
fn differences_are_told_with_their_places() {
    let after =
        BEFORE.replace("debian:12", "debian:13").replace("\"gcc\"", "\"clang\"").replace("\"make\"", "\"make -j4\"");
    insta::assert_snapshot!(check(&after, &[]), @r"
    exit code: 1
    --- stdout
    changed #1 image localhost:1/debian:13 (at b.hlb:2:2)
      source: `docker-image://localhost:1/debian:12` → `docker-image://localhost:1/debian:13`

    changed #2 run /bin/sh -c 'make -j4' (at b.hlb:8:2)
      argument 3: `make` → `make -j4`
      env `CC`: `gcc` → `clang`

    changed #3 run /bin/sh -c 'make install' (at b.hlb:9:2)
      env `CC`: `gcc` → `clang`

    0 steps unchanged
    ");
    let after = BEFORE.replace("\trun \"make\"\n", "\trun \"configure\"\n\trun \"make\"\n");
    insta::assert_snapshot!(check(&after, &[]), @r"
    exit code: 1
    --- stdout
    changed #3 run /bin/sh -c make (at b.hlb:9:2), was #2
      mount `/` from: `#1 image localhost:1/debian:12` → `#2 run configure`

    added #2 run /bin/sh -c configure (at b.hlb:8:2)

    1 more step follows from these
    1 step unchanged
    ");
    insta::assert_snapshot!(check(&BEFORE.replace("make install", "make dist"), &["--format", "json"]), @r#"
    exit code: 1
    --- stdout
    {"added":[],"changed":[{"after":{"digest":"sha256:7f6dfbf1f8b7057b3069cf2da8cd5d35839fd2f6a32b29628da7cccee598f75e","name":"/bin/sh -c 'make dist'","number":3,"places":["b.hlb:9:2"],"step":"run /bin/sh -c 'make dist'"},"before":{"digest":"sha256:b5303347c18ecd6ee166239e635f4a918f7bc83662c6426e15cb2435531b0e91","name":"/bin/sh -c 'make install'","number":3,"places":["a.hlb:9:2"],"step":"run /bin/sh -c 'make install'"},"fields":[{"after":"make dist","before":"make install","field":"argument 3"}]}],"follow":[],"removed":[],"results":[],"same":false,"unchanged":2}
    "#);
}

#[test]
fn targets_can_be_chosen() {
    let after = BEFORE.replace("\"make\"", "\"make -j4\"");
    assert!(check(&after, &["--target", "base"]).starts_with("exit code: 0\n"));
    assert!(check(&after, &["-t", "base", "-t", "default"]).starts_with("exit code: 1\n"));
    insta::assert_snapshot!(check(&after, &["-t", "nope"]), @r"
    exit code: 2
    --- stderr
    error: there is no target `nope` in `a.hlb`
    help: choose another: the targets are `base`, `default`
    ");
}

#[test]
fn programs_and_llb_are_told_apart() {
    let project = Project::empty().file("a.hlb", BEFORE).file("program", BEFORE).file("build.hlb", BEFORE);
    let definition = project.definition("default");
    std::fs::write(project.path("a.pb"), &definition).unwrap();
    for (a, b) in [("a.hlb", "a.pb"), ("a.pb", "program"), ("program", "a.hlb"), ("a.pb", "a.pb")] {
        let shown = project.hlbc(&["diff", "--no-resolve", a, b]);
        insta::allow_duplicates! { insta::assert_snapshot!(shown, @r"
        exit code: 0
        --- stdout
        no difference in 3 steps
        ") };
    }
    let fed = project.fed(&["diff", "--no-resolve", "a.hlb", "-"], &definition);
    assert_eq!(fed.status.code(), Some(0), "{}", project.shown(&fed));
}

#[test]
fn what_cannot_be_compared_is_told() {
    let project = Project::empty().file("a.hlb", BEFORE).file("b.hlb", "fs default() {\n\tscratc\n}\n");
    std::fs::write(project.path("bytes"), [0xff, 0xfe]).unwrap();
    let check = |a: &str, b: &str| project.hlbc(&["diff", "--no-resolve", a, b]);
    insta::assert_snapshot!(check("a.hlb", "none.hlb"), @r"
    exit code: 2
    --- stderr
    error: cannot read the program `none.hlb`
    ╰─▶ no such file or directory
    help: check the name
    ");
    insta::assert_snapshot!(check("none", "a.hlb"), @r"
    exit code: 2
    --- stderr
    error: cannot read `none`
    ╰─▶ no such file or directory
    help: check the name
    ");
    insta::assert_snapshot!(check("bytes", "a.hlb"), @r"
    exit code: 3
    --- stderr
    error: `bytes` cannot be used
    ╰─▶ the definition is no protobuf message of LLB: failed to decode Protobuf message: invalid varint
    help: make one with `hlbc emit --format pb > FILE`
    ");
    insta::assert_snapshot!(check("-", "-"), @r"
    exit code: 2
    --- stderr
    error: standard input can be only one of both
    help: name a file for the other
    ");
    assert!(check("a.hlb", "b.hlb").starts_with("exit code: 3\n"));
}
