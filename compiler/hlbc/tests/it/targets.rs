//! Arguments of targets, and the list of targets.

use crate::project::Project;

const PROGRAM: &str = r#"enum Profile { debug release }

# Compiles a package.
#
# With all that belongs to it.
export fs build(string package, bool race = false, [string] tags = [], Profile profile = "debug", int level = 1) {
	scratch
	mkfile "/${package},${str.of(race)},${list.join(tags, "+")},${profile},${str.of(level)}" 0o644 ""
}

fs default(variadic string names) {
	build list.join(names, "+")
	download "out"
}

fs packed(fs files, int jobs = 1) {
	files
	mkdir "/${str.of(jobs)}" 0o755
}

test "numbers are numbers" {
	assert 1 + 1 == 2
}
"#;

/// What targets that are given something would make.
fn emit(args: &[&str]) -> String {
    let project = Project::new(PROGRAM).file("src/a", "a");
    let shown = project.hlbc(&[&["emit"], args].concat());
    match shown.strip_prefix("exit code: 0\n--- stdout\n") {
        None => shown,
        Some(steps) => {
            let made = steps.lines().filter(|line| line.starts_with('#'));
            made.collect::<Vec<_>>().join("\n")
        }
    }
}

#[test]
fn arguments_are_read_by_the_types_of_parameters() {
    insta::assert_snapshot!(emit(&["build", "--package", "a"]), @"#1 mkfile /a,false,,debug,1, mode 0644, 0 bytes");
    insta::assert_snapshot!(
        emit(&["build", "--race", "--package=a b", "--tags", "x", "--tags", "y", "--profile", "release", "--level", "-0x10"]),
        @"#1 mkfile /a b,true,x+y,release,-16, mode 0644, 0 bytes"
    );
    insta::assert_snapshot!(emit(&["--names", "x", "--names", "y"]), @"#1 mkfile /x+y,false,,debug,1, mode 0644, 0 bytes");
    insta::assert_snapshot!(emit(&["build", "--package", "a", "build", "--package", "b"]), @"
    #1 mkfile /a,false,,debug,1, mode 0644, 0 bytes
    #2 mkfile /b,false,,debug,1, mode 0644, 0 bytes
    ");
}

#[test]
fn directories_are_lent_and_options_of_hlbc_stay_its_own() {
    insta::assert_snapshot!(emit(&["packed", "--format", "text", "--files", "src", "--", "--jobs", "3"]), @"
    #1 local src
    #2 mkdir /3, mode 0755
    ");
}

#[test]
fn what_a_target_cannot_be_given_is_told() {
    insta::assert_snapshot!(emit(&["build"]), @r#"
    exit code: 2
    --- stderr
    error[E0202]: `build` needs a value for its parameter `package`
      ┌─ build.hlb:6:24
      │
    6 │ export fs build(string package, bool race = false, [string] tags = [], Profile profile = "debug", int level = 1) {
      │                        ^^^^^^^
      │
      = help: give it on the command line: `build --package STRING`

    for more about E0202, run `hlbc explain E0202`
    "#);
    insta::assert_snapshot!(emit(&["build", "--package"]), @"
    exit code: 2
    --- stderr
    error: the parameter `package` of `build` needs a value of type `string`
    help: write one behind it, such as `--package text`
    ");
    insta::assert_snapshot!(emit(&["build", "--package", "a", "--level", "x"]), @r#"
    exit code: 2
    --- stderr
    error[E0202]: `--level` takes a whole number, and `x` is none
      ┌─ build.hlb:6:103
      │
    6 │ export fs build(string package, bool race = false, [string] tags = [], Profile profile = "debug", int level = 1) {
      │                                                                                                       ^^^^^
      │
      = help: write one as in a program: `--level 4`

    for more about E0202, run `hlbc explain E0202`
    "#);
    insta::assert_snapshot!(emit(&["build", "--package", "a", "--race=yes"]), @r#"
    exit code: 2
    --- stderr
    error[E0202]: `--race` takes `true` or `false`, and not `yes`
      ┌─ build.hlb:6:38
      │
    6 │ export fs build(string package, bool race = false, [string] tags = [], Profile profile = "debug", int level = 1) {
      │                                      ^^^^
      │
      = help: `--race` alone is `true`

    for more about E0202, run `hlbc explain E0202`
    "#);
    insta::assert_snapshot!(emit(&["build", "--package", "a", "--profile", "releas"]), @r#"
    exit code: 2
    --- stderr
    error[E0202]: `--profile` takes `debug` or `release`, and not `releas`
      ┌─ build.hlb:6:80
      │
    6 │ export fs build(string package, bool race = false, [string] tags = [], Profile profile = "debug", int level = 1) {
      │                                                                                ^^^^^^^
      │
      = help: did you mean `release`?

    for more about E0202, run `hlbc explain E0202`
    "#);
    insta::assert_snapshot!(emit(&["build", "--package", "a", "--package", "b"]), @r#"
    exit code: 2
    --- stderr
    error[E0202]: `--package` is given 2 times, and takes one value
      ┌─ build.hlb:6:24
      │
    6 │ export fs build(string package, bool race = false, [string] tags = [], Profile profile = "debug", int level = 1) {
      │                        ^^^^^^^

    for more about E0202, run `hlbc explain E0202`
    "#);
    insta::assert_snapshot!(emit(&["build", "--pakage", "a"]), @"
    exit code: 2
    --- stderr
    error: `build` has no parameter `pakage`, and hlbc no option `--pakage`
    help: did you mean `--package`?
    ");
    insta::assert_snapshot!(emit(&["build", "--fromat", "json"]), @"
    exit code: 2
    --- stderr
    error: `build` has no parameter `fromat`, and hlbc no option `--fromat`
    help: did you mean `--format`?
    ");
    insta::assert_snapshot!(emit(&["packed", "--files", "nope"]), @"
    exit code: 5
    --- stderr
    error[E0205]: cannot use the local path `nope`: no such file or directory: nope
       ┌─ build.hlb:16:14
       │
    16 │ fs packed(fs files, int jobs = 1) {
       │              ^^^^^
       │
       = help: check the path: it is relative to the directory of the file that names it

    for more about E0205, run `hlbc explain E0205`
    ");
    insta::assert_snapshot!(emit(&["--name", "x"]), @"
    exit code: 2
    --- stderr
    error: `default` has no parameter `name`, and hlbc no option `--name`
    help: did you mean `--names`?
    ");
    insta::assert_snapshot!(emit(&["biuld", "--package", "a"]), @"
    exit code: 2
    --- stderr
    error: there is no target `biuld` in `build.hlb`
    help: did you mean `build`? the targets are `build`, `default`, `packed`
    ");
}

#[test]
fn the_list_shows_targets_and_tests() {
    let project = Project::new(PROGRAM);
    insta::assert_snapshot!(project.hlbc(&["list"]), @"
    exit code: 0
    --- stdout
    build  fs, exported
      Compiles a package.
      --package TEXT           required
      --race                   optional
      --tags TEXT              optional, may be repeated
      --profile debug|release  optional
      --level NUMBER           optional

    default  fs
      --names TEXT  optional, may be repeated
      writes files on this machine

    packed  fs
      --files DIR    required
      --jobs NUMBER  optional
      write `--` before the flags: hlbc has options of those names

    tests
      numbers are numbers
    ");
    let output = project.command(&["list", "--json"]).output().unwrap();
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(all["tests"], serde_json::json!(["numbers are numbers"]));
    insta::assert_snapshot!(all["targets"][0], @r#"{"bound":false,"doc":"Compiles a package.\n\nWith all that belongs to it.","effects":[],"exported":true,"name":"build","parameters":[{"name":"package","optional":false,"type":"string","words":[]},{"name":"race","optional":true,"type":"bool","words":[]},{"name":"tags","optional":true,"type":"[string]","words":[]},{"name":"profile","optional":true,"type":"Profile","words":["debug","release"]},{"name":"level","optional":true,"type":"int","words":[]}],"type":"fs"}"#);
    insta::assert_snapshot!(Project::new("\n").hlbc(&["list"]), @"
    exit code: 0
    --- stdout
    `build.hlb` has no targets and no tests
    ");
    insta::assert_snapshot!(Project::new("fs default() {\n\tnope\n}\n").hlbc(&["list"]), @"
    exit code: 3
    --- stderr
    error[E0101]: `nope` is not defined
      ┌─ build.hlb:2:2
      │
    2 │     nope
      │     ^^^^
      │
      = help: declare it in this file, or import the file that has it

    for more about E0101, run `hlbc explain E0101`
    ");
}

#[test]
fn privileged_what_targets_are_given_is_built() {
    let project = Project::new(PROGRAM);
    project.run(&["--names", "x"]);
    assert_eq!(project.read("out/x,false,,debug,1"), "");
}
