//! `hlbc fmt`: which files are laid out, and what `--check` and mistakes do.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

use crate::project::Project;

const UGLY: &str = "fs default() {\nscratch\n      mkfile   \"/a\" 0o644 \"x\"\n}\n";
const GOOD: &str = "fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 \"x\"\n}\n";

#[test]
fn files_are_rewritten_once() {
    let project = Project::new(UGLY).file("lib/deep/b.hlb", UGLY).file(".hidden/c.hlb", UGLY).file("d.txt", UGLY);
    insta::assert_snapshot!(project.hlbc(&["fmt"]), @"exit code: 0");
    assert_eq!(project.read("build.hlb"), GOOD);
    assert_eq!(project.read("lib/deep/b.hlb"), GOOD);
    assert_eq!(project.read(".hidden/c.hlb"), UGLY);
    assert_eq!(project.read("d.txt"), UGLY);
    insta::assert_snapshot!(project.hlbc(&["fmt", "--check"]), @"exit code: 0");
}

#[test]
fn check_names_what_would_change_and_changes_nothing() {
    let project = Project::new(UGLY).file("b.hlb", GOOD).file("sub/c.hlb", UGLY);
    insta::assert_snapshot!(project.hlbc(&["fmt", "--check"]), @r"
    exit code: 1
    --- stdout
    build.hlb
    sub/c.hlb
    ");
    assert_eq!(project.read("build.hlb"), UGLY);
}

#[test]
fn only_the_named_files_are_laid_out() {
    let project = Project::new(UGLY).file("b.hlb", UGLY);
    insta::assert_snapshot!(project.hlbc(&["fmt", "b.hlb"]), @"exit code: 0");
    assert_eq!((project.read("build.hlb").as_str(), project.read("b.hlb").as_str()), (UGLY, GOOD));
}

#[test]
fn a_file_with_mistakes_stays_as_it_is_and_others_do_not() {
    let broken = "fs default( {\n  scratch\n}\n";
    let project = Project::new(broken).file("z.hlb", UGLY);
    let shown = project.hlbc(&["fmt"]);
    assert!(shown.starts_with("exit code: 3\n--- stderr\nerror[E"), "{shown}");
    assert_eq!((project.read("build.hlb").as_str(), project.read("z.hlb").as_str()), (broken, GOOD));
}

#[test]
fn mode_and_link_of_a_file_stay() {
    let project = Project::empty().file("real/a.hlb", UGLY);
    let real = project.path("real/a.hlb");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real/a.hlb", project.path("link.hlb")).unwrap();
    insta::assert_snapshot!(project.hlbc(&["fmt", "link.hlb"]), @"exit code: 0");
    assert_eq!(project.read("real/a.hlb"), GOOD);
    assert!(project.path("link.hlb").is_symlink());
    assert_eq!(real.metadata().unwrap().permissions().mode() & 0o777, 0o640);
    assert_eq!(std::fs::read_dir(project.path("real")).unwrap().count(), 1, "no temporary file is left");
}

fn filter(args: &[&str], text: &str) -> String {
    let project = Project::empty();
    let mut command = project.command(args);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A command that refuses its arguments ends without reading.
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    project.shown(&child.wait_with_output().unwrap())
}

#[test]
fn standard_input_goes_to_standard_output() {
    insta::assert_snapshot!(filter(&["fmt", "-"], UGLY), @r#"
    exit code: 0
    --- stdout
    fs default() {
    	scratch
    	mkfile "/a" 0o644 "x"
    }
    "#);
    insta::assert_snapshot!(filter(&["fmt", "--check", "-"], UGLY), @r"
    exit code: 1
    --- stdout
    <stdin>
    ");
    insta::assert_snapshot!(filter(&["fmt", "--check", "-"], GOOD), @"exit code: 0");
    insta::assert_snapshot!(filter(&["fmt", "-", "x.hlb"], GOOD), @r"
    exit code: 2
    --- stderr
    error: `-` stands alone: standard input is one file
    ");
}

#[test]
fn what_is_not_there_is_told() {
    insta::assert_snapshot!(Project::empty().hlbc(&["fmt", "nope.hlb"]), @r"
    exit code: 2
    --- stderr
    error: cannot read `nope.hlb`
    ╰─▶ no such file or directory
    ");
}
