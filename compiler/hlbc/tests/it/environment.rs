//! A machine that cannot build: each lack is told before anything is done.

use crate::project::{Project, is_there};

const PROGRAM: &str = "fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 \"a\"\n}\n";

#[test]
fn privileged_without_runc() {
    let project = Project::new(PROGRAM);
    let output = project.command(&["run"]).env("HLBC_RUNC", "no-such-runc").output().unwrap();
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 4
    --- stderr
    error: `no-such-runc` is not installed
    help: install runc with `apt-get install runc`, or put it into a directory of `PATH`
    ");
}

#[test]
fn privileged_with_a_state_directory_that_cannot_be_written() {
    let project = Project::new(PROGRAM);
    insta::assert_snapshot!(project.hlbc(&["run", "--root", "/proc/hlbc"]), @r"
    exit code: 4
    --- stderr
    error: cannot write in the state directory `/proc/hlbc`
    ╰─▶ no such file or directory
    help: choose another directory with `--root DIR`
    ");
}

#[test]
fn privileged_mistakes_of_the_program_come_before_those_of_the_machine() {
    let project = Project::new("fs default() {\n\tscratc\n}\n");
    let output = project.command(&["run"]).env("HLBC_RUNC", "no-such-runc").output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(!is_there(&project.beside("state")), "nothing is made for a program that cannot be built");
}
