//! `hlbc check`: where the program is found, and how mistakes look.

use std::os::unix::fs::PermissionsExt;

use crate::project::Project;

#[test]
fn a_program_without_mistakes_says_nothing() {
    insta::assert_snapshot!(Project::new("fs default() {\n\tscratch\n}\n").hlbc(&["check"]), @"exit code: 0");
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_the_text() {
    let project = Project::new(
        "\
fs default() {
	imagee \"alpine\"
	run \"make\" with option {
		mount lcoal(\".\") \"/src\" with readonly
	}
	copy scratch 5 \"/x\"
}

fs other() {
	mkdir \"/a\" 0755
}
",
    );
    insta::assert_snapshot!(project.hlbc(&["check"]), @r#"
    exit code: 3
    --- stderr
    error[E0101]: `imagee` is not defined
      ┌─ build.hlb:2:2
      │
    2 │     imagee "alpine"
      │     ^^^^^^
      │
      = help: did you mean `image`?

    error[E0101]: `lcoal` is not defined
      ┌─ build.hlb:4:9
      │
    4 │         mount lcoal(".") "/src" with readonly
      │               ^^^^^
      │
      = help: did you mean `local`?

    error[E0102]: expected `string`, found `int`
      ┌─ build.hlb:6:15
      │
    6 │     copy scratch 5 "/x"
      │                  ^
      │
      = help: write it in quotes, or as `${…}` in a string for a value
      = help: put it in quotes: `"5"`

    error[E0114]: `0755` is not a number
       ┌─ build.hlb:10:13
       │
    10 │     mkdir "/a" 0755
       │                ^^^^
       │
       = help: write octal numbers with `0o`: `0o755`

    for more about these, run `hlbc explain E0101 E0102 E0114`
    "#);
}

#[test]
fn mistakes_of_an_imported_file_are_told_there() {
    let project = Project::new("import lib from \"./lib/lib.hlb\"\n\nfs default() {\n\tlib.tool\n}\n")
        .file("lib/lib.hlb", "export tool\n\nfs tool() {\n\tscrtach\n}\n");
    insta::assert_snapshot!(project.hlbc(&["check"]), @r"
    exit code: 3
    --- stderr
    error[E0101]: `scrtach` is not defined
      ┌─ lib/lib.hlb:4:2
      │
    4 │     scrtach
      │     ^^^^^^^
      │
      = help: did you mean `scratch`?

    for more about E0101, run `hlbc explain E0101`
    ");
}

#[test]
fn the_program_is_found_above() {
    let project = Project::new("fs default() {\n\tscratc\n}\n").file("a/b/c.txt", "");
    let output = project.command(&["check"]).current_dir(project.path("a/b")).output().unwrap();
    insta::assert_snapshot!(project.shown(&output), @r"
    exit code: 3
    --- stderr
    error[E0101]: `scratc` is not defined
      ┌─ build.hlb:2:2
      │
    2 │     scratc
      │     ^^^^^^
      │
      = help: did you mean `scratch`?

    for more about E0101, run `hlbc explain E0101`
    ");
}

#[test]
fn another_program_is_named() {
    let project = Project::empty().file("other.hlb", "fs default() {\n\tscratch\n");
    insta::assert_snapshot!(project.hlbc(&["check", "-f", "other.hlb"]), @r"
    exit code: 3
    --- stderr
    error[E0012]: this block is never closed
      ┌─ other.hlb:1:14
      │
    1 │ fs default() {
      │              ^ opened here
      │
      = help: close it with `}`

    for more about E0012, run `hlbc explain E0012`
    ");
}

#[test]
fn nothing_is_run_for_a_check() {
    let project = Project::new(
        "string made() {\n\tlocalRun \"touch made\"\n}\n\nfs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 made\n}\n",
    );
    insta::assert_snapshot!(project.hlbc(&["check"]), @"exit code: 0");
    assert!(!project.path("made").exists());
}

#[test]
fn colour_is_for_terminals() {
    let project = Project::new("fs default() {\n\tscratc\n}\n");
    assert!(!project.hlbc(&["check"]).contains('\u{1b}'));
}

#[test]
fn sure_fixes_are_applied_and_the_rest_is_told() {
    let project =
        Project::new("import lib \"./lib.hlb\"\n\ngroup default() {\n\tparallel lib.tools\n\timagee \"a\"\n}\n")
            .file("lib.hlb", "export tools\n\nfs tools() {\n\tscratch\n\tmkdir '/a' 0755\n}\n");
    let mode = std::fs::Permissions::from_mode(0o640);
    std::fs::set_permissions(project.path("lib.hlb"), mode).unwrap();
    insta::assert_snapshot!(project.hlbc(&["check", "--fix"]), @r#"
    exit code: 3
    --- stderr
    fixed E0121: build.hlb:1:12: insert `from`
    fixed E0121: build.hlb:3:1: replace `group` by `pipeline`
    fixed E0121: build.hlb:4:2: replace `parallel` by `stage`
    fixed E0004: lib.hlb:5:8: use double quotes
    fixed E0114: lib.hlb:5:13: replace `0755` by `0o755`
    error[E0101]: `imagee` is not defined
      ┌─ build.hlb:5:2
      │
    5 │     imagee "a"
      │     ^^^^^^
      │
      = help: declare it in this file, or import the file that has it

    for more about E0101, run `hlbc explain E0101`
    "#);
    assert_eq!(
        project.read("build.hlb"),
        "import lib from \"./lib.hlb\"\n\npipeline default() {\n\tstage lib.tools\n\timagee \"a\"\n}\n"
    );
    assert_eq!(project.read("lib.hlb"), "export tools\n\nfs tools() {\n\tscratch\n\tmkdir \"/a\" 0o755\n}\n");
    assert_eq!(project.path("lib.hlb").metadata().unwrap().permissions().mode() & 0o777, 0o640);
    let names: Vec<_> = std::fs::read_dir(project.path("")).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "{names:?}");
}

#[test]
fn a_program_that_is_mended_has_no_mistakes() {
    let project = Project::new("fs default() {\n\tmkdir '/a' 0755 // here\n}\n");
    insta::assert_snapshot!(project.hlbc(&["check", "--fix"]), @r"
    exit code: 0
    --- stderr
    fixed E0004: build.hlb:2:8: use double quotes
    fixed E0114: build.hlb:2:13: replace `0755` by `0o755`
    fixed E0035: build.hlb:2:18: replace `//` by `#`
    ");
    insta::assert_snapshot!(project.hlbc(&["check", "--fix"]), @"exit code: 0");
    let project = Project::new("fs default() {\n\tmkdir '/a' 0o755\n}\n");
    insta::assert_snapshot!(project.hlbc(&["check", "--fix", "--message-format", "json"]), @r#"
    exit code: 0
    --- stdout
    {"code":"E0004","column":8,"file":"build.hlb","line":2,"title":"use double quotes","type":"fixed"}
    "#);
}

#[test]
fn guesses_are_left_to_people() {
    let program = "fs default() {\n\timagee \"a\"\n}\n";
    let project = Project::new(program);
    assert!(project.hlbc(&["check", "--fix"]).contains("did you mean `image`?"));
    assert_eq!(project.read("build.hlb"), program);
}

#[test]
fn strictness_and_denied_warnings_are_options() {
    let text = "fs default() {\n\timage \"debian\"\n\trun \"apt-get install -y gcc\"\n}\n";
    let project = Project::new(text);
    insta::assert_snapshot!(project.hlbc(&["check", "--deny-warnings"]), @"exit code: 0");
    insta::assert_snapshot!(project.hlbc(&["check", "--strict"]), @r#"
    exit code: 0
    --- stderr
    warning[E0307]: `debian` may be another image tomorrow
      ┌─ build.hlb:2:8
      │
    2 │     image "debian"
      │           ^^^^^^^^
      │
      = help: write its digest behind it: `…@sha256:…`, or keep `hlb.lock` with the program and build with `--locked`

    warning[E0308]: what `apt-get` downloads is downloaded again whenever this step runs
      ┌─ build.hlb:3:6
      │
    3 │     run "apt-get install -y gcc"
      │         ^^^^^^^^^^^^^^^^^^^^^^^^
      │
      = help: keep it: `mount scratch "/var/cache/apt" with cache("apt-get", "locked")` in the step's options
    "#);
    assert!(project.hlbc(&["check", "--strict", "--deny-warnings"]).starts_with("exit code: 3\n"));
}
