//! Wrong use of the command line, and targets and paths that are not there.

use crate::project::Project;

const TARGETS: &str = "fs default() {\n\tscratch\n}\n\nfs release() {\n\tdefault\n}\n\nfs tool(string version) {\n\tscratch\n\tmkfile \"/v\" 0o644 version\n}\n";

#[test]
fn without_a_program_there_is_help() {
    // The path is that of a temporary directory's parent chain, which has no program.
    insta::assert_snapshot!(Project::empty().hlbc(&["run"]), @r"
    exit code: 2
    --- stderr
    error: there is no `build.hlb` in `[PROJECT]` or above it
    help: name the program with `-f FILE`, or change into its directory
    ");
    insta::assert_snapshot!(Project::empty().hlbc(&["check", "-f", "nope.hlb"]), @r"
    exit code: 2
    --- stderr
    error: cannot read the program `nope.hlb`
    ╰─▶ no such file or directory
    help: name it with `-f FILE`
    ");
}

#[test]
fn an_unknown_target_is_told_with_those_that_there_are() {
    let emit = |target| Project::new(TARGETS).hlbc(&["emit", "--no-resolve", "--format", "json", target]);
    insta::assert_snapshot!(emit("relase"), @r"
    exit code: 2
    --- stderr
    error: there is no target `relase` in `build.hlb`
    help: did you mean `release`? the targets are `default`, `release`, `tool`
    ");
    insta::assert_snapshot!(emit("everything"), @r"
    exit code: 2
    --- stderr
    error: there is no target `everything` in `build.hlb`
    help: choose another: the targets are `default`, `release`, `tool`
    ");
    insta::assert_snapshot!(emit("version=2"), @r"
    exit code: 2
    --- stderr
    error: there is no target `version=2` in `build.hlb`
    help: what a target is given stands behind it as options: `--version=2`
    ");
    insta::assert_snapshot!(emit("tool"), @r"
    exit code: 2
    --- stderr
    error[E0202]: `tool` needs a value for its parameter `version`
      ┌─ build.hlb:9:16
      │
    9 │ fs tool(string version) {
      │                ^^^^^^^
      │
      = help: give it on the command line: `tool --version STRING`

    for more about E0202, run `hlbc explain E0202`
    ");
}

#[test]
fn a_missing_local_path_is_told_with_its_place() {
    let project = Project::new("fs default() {\n\tlocal \"nope\"\n}\n");
    insta::assert_snapshot!(project.hlbc(&["emit", "--format", "json"]), @r#"
    exit code: 5
    --- stderr
    error[E0205]: cannot use the local path `nope`: no such file or directory: nope
      ┌─ build.hlb:2:8
      │
    2 │     local "nope"
      │           ^^^^^^
      │
      = help: check the path: it is relative to the directory of the file that names it

    for more about E0205, run `hlbc explain E0205`
    "#);
}

#[test]
fn wrong_options_end_with_2() {
    for args in [
        &["frobnicate"][..],
        &["run", "--progress", "fancy"],
        &["emit", "--format", "x"],
        &["run", "--platform", "linux"],
    ] {
        let shown = Project::new(TARGETS).hlbc(args);
        assert!(shown.starts_with("exit code: 2\n--- stderr\nerror: "), "{args:?}: {shown}");
    }
}

#[test]
fn the_version_is_one_line() {
    insta::assert_snapshot!(Project::empty().hlbc(&["version"]), @r"
    exit code: 0
    --- stdout
    hlbc 0.1.0
    ");
}

#[test]
fn a_broken_configuration_is_told_with_its_line() {
    let project = Project::new(TARGETS);
    std::fs::write(project.beside("hlbc.toml"), "[layouts]\ndebian = 5\n").unwrap();
    insta::assert_snapshot!(project.hlbc(&["emit", "--format", "json"]), @r"
    exit code: 4
    --- stderr
    error: `[BESIDE]/hlbc.toml` cannot be used
    ╰─▶ line 2: invalid type: integer `5`, expected path string
    ");
    let output = project.command(&["run"]).env("HLBC_CONFIG", "/no/such/file").output().unwrap();
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 4
    --- stderr
    error: cannot read `/no/such/file`
    ╰─▶ no such file or directory
    help: `HLBC_CONFIG` names this file
    ");
}

#[test]
fn every_exit_code_is_in_the_help() {
    let help = Project::empty().hlbc(&["--help"]);
    for code in ["  0 ", "  1 ", "  2 ", "  3 ", "  4 ", "  5 ", "  130 "] {
        assert!(help.contains(&format!("\n{code}")), "{code}");
    }
}
