//! `hlbc check`: where the program is found, and how mistakes look.

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
      = help: write the number in quotes, or `${…}` in a string for a value

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
