//! `hlbc explain`: pages of codes on a terminal, and the line that leads there.

use crate::project::Project;

#[test]
fn a_code_is_explained_however_it_is_written() {
    let explain = |code| Project::empty().hlbc(&["explain", code]);
    insta::assert_snapshot!(explain("E0114"), @r#"
    exit code: 0
    --- stdout
    E0114: an octal number without its prefix

    In many languages a zero at the beginning makes a number octal, in others it means nothing. Here octal numbers
    begin with `0o`, and other numbers do not begin with a zero.

    Wrong:

        fs default() {
            scratch
            mkdir "/data" 0755
        }

    Right:

        fs default() {
            scratch
            mkdir "/data" 0o755
        }

    What to do:

    Write `0o` in place of the zero. `hlbc check --fix` does it.
    "#);
    for code in ["e0114", "E114", "114"] {
        assert_eq!(explain(code), explain("E0114"), "{code}");
    }
}

#[test]
fn several_codes_are_explained_one_after_the_other() {
    let shown = Project::empty().hlbc(&["explain", "E0101", "E0036"]);
    let titles: Vec<&str> = shown.lines().filter(|line| line.starts_with("E0")).collect();
    assert_eq!(titles, ["E0101: a name that is not in scope", "E0036: a block is closed but never opened"]);
}

#[test]
fn all_codes_are_listed() {
    let shown = Project::empty().hlbc(&["explain"]);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(lines[..3], ["exit code: 0", "--- stdout", "E0001  a string is never closed"]);
    assert!(lines.contains(&"E0101  a name that is not in scope"), "{shown}");
}

#[test]
fn nearest_codes_are_named_for_one_that_does_not_exist() {
    insta::assert_snapshot!(Project::empty().hlbc(&["explain", "E0214"]), @r"
    exit code: 2
    --- stderr
    error: there is no code `E0214`
    help: did you mean `E0213`, `E0215` or `E0212`? run `hlbc explain` for a list of all codes
    ");
    insta::assert_snapshot!(Project::empty().hlbc(&["explain", "imagee"]), @r"
    exit code: 2
    --- stderr
    error: there is no code `imagee`
    help: run `hlbc explain` for a list of all codes
    ");
}

#[test]
fn errors_end_with_the_way_to_their_pages() {
    let project = Project::new("fs default() {\n\tmkdir \"/a\" 0755\n\tscratc\n\tscratc\n}\n");
    let shown = project.hlbc(&["check"]);
    assert_eq!(shown.lines().last(), Some("for more about these, run `hlbc explain E0101 E0114`"));
    assert_eq!(shown.matches("hlbc explain").count(), 1);
    let project = Project::new("fs default() {\n\timage \"A\"\n}\n");
    let shown = project.hlbc(&["emit", "--no-resolve"]);
    assert_eq!(shown.lines().last(), Some("for more about E0203, run `hlbc explain E0203`"));
}

#[test]
fn warnings_alone_are_not_an_error_report() {
    let project = Project::new("group default() {\n\tstage fs {}\n}\n");
    assert!(!project.hlbc(&["check"]).contains("hlbc explain"));
}
