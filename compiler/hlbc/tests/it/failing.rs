//! Builds that fail: the step, its log, its place in the program, and the exit code.

use crate::project::Project;

/// The output with times made equal.
fn check(program: &str) -> String {
    let shown = Project::with_busybox(program).hlbc(&["run", "--progress", "quiet"]);
    assert!(!shown.contains('\u{1b}'));
    shown
}

#[test]
fn privileged_a_failing_step_is_told_with_its_log_and_its_callers() {
    insta::assert_snapshot!(check("\
fs compile(string flags) {
	image \"busy\"
	run \"seq 100; sleep 0.3; echo 'no such flag ${flags}' >&2; exit 3\"
}

fs default() {
	compile \"-O9\"
}
"), @r#"
    exit code: 1
    --- stderr
    error: `/bin/sh -c 'seq 100; sleep 0.3; echo '\''no such flag -O9'\'' >&2; exit 3'` ended with exit code 3
      ┌─ build.hlb:3:2
      │
    3 │     run "seq 100; sleep 0.3; echo 'no such flag ${flags}' >&2; exit 3"
      │     ^^^ this step
      ·
    7 │     compile "-O9"
      │     ------- called here
      │
      = the last it printed:
          82
          83
          84
          85
          86
          87
          88
          89
          90
          91
          92
          93
          94
          95
          96
          97
          98
          99
          100
          no such flag -O9
      = help: mend what the log shows and run hlbc again; the steps before this one are cached
    "#);
}

#[test]
fn privileged_a_command_that_is_not_in_the_image() {
    insta::assert_snapshot!(check("fs default() {\n\timage \"busy\"\n\trun \"frobnicate\"\n}\n"), @r#"
    exit code: 1
    --- stderr
    error: `/bin/sh -c frobnicate` ended with exit code 127
      ┌─ build.hlb:3:2
      │
    3 │     run "frobnicate"
      │     ^^^ this step
      │
      = the last it printed:
          /bin/sh: frobnicate: not found
      = help: install the command in the image: it was not found there
    "#);
    insta::assert_snapshot!(check("fs default() {\n\timage \"busy\"\n\trun \"frobnicate\" \"now\"\n}\n"), @r#"
    exit code: 1
    --- stderr
    error: process "frobnicate now" cannot be started: exec: "frobnicate": executable file not found in $PATH
      ┌─ build.hlb:3:2
      │
    3 │     run "frobnicate" "now"
      │     ^^^ this step
    "#);
}

#[test]
fn privileged_a_file_operation_that_fails() {
    insta::assert_snapshot!(check("fs default() {\n\tscratch\n\tcopy scratch \"/nope\" \"/x\"\n}\n"), @r#"
    exit code: 1
    --- stderr
    error: copy `/nope` to `/x`: `/nope` not found
      ┌─ build.hlb:3:2
      │
    3 │     copy scratch "/nope" "/x"
      │     ^^^^ this step
    "#);
}

#[test]
fn privileged_an_image_that_cannot_be_had() {
    insta::assert_snapshot!(check("fs default() {\n\timage \"localhost:1/none\"\n\trun \"true\"\n}\n"), @r#"
    exit code: 5
    --- stderr
    error[E0207]: cannot get `localhost:1/none:latest`: http://localhost:1: cannot connect: client error (Connect): tcp connect error: Connection refused
      ┌─ build.hlb:2:8
      │
    2 │     image "localhost:1/none"
      │           ^^^^^^^^^^^^^^^^^^
      │
      = help: check the network, or name a mirror or an OCI layout in `hlbc.toml`

    for more about E0207, run `hlbc explain E0207`
    "#);
}

#[test]
fn privileged_sources_that_cannot_be_had() {
    let code = |program: &str| check(program).lines().next().unwrap().to_owned();
    assert_eq!(code("fs default() {\n\thttp \"http://localhost:1/x\"\n}\n"), "exit code: 5");
    assert_eq!(code("fs default() {\n\tgit \"http://localhost:1/x.git\" \"main\"\n}\n"), "exit code: 5");
    assert_eq!(code("fs default() {\n\tlocal \"nope\"\n}\n"), "exit code: 5");
}

#[test]
fn privileged_an_export_that_cannot_be_written() {
    let project =
        Project::new("fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 \"hi\"\n\tdownload \"taken/out\"\n}\n")
            .file("taken", "");
    insta::assert_snapshot!(project.hlbc(&["run", "--progress", "quiet"]), @r#"
    exit code: 1
    --- stderr
    error: `taken/out` exists and is not a directory
      ┌─ build.hlb:4:2
      │
    4 │     download "taken/out"
      │     ^^^^^^^^ this export
    "#);
}

#[test]
fn privileged_the_first_failure_ends_what_runs_beside_it() {
    let project = Project::with_busybox(
        "\
fs slow() {
	image \"busy\"
	run \"sleep 100\"
}

fs quick() {
	image \"busy\"
	run \"sleep 1; exit 7\"
}
",
    );
    let begun = std::time::Instant::now();
    let shown = project.hlbc(&["run", "slow", "quick"]);
    assert!(begun.elapsed().as_secs() < 30, "the failure did not end the other step");
    assert!(shown.starts_with("exit code: 1\n") && shown.contains("ended with exit code 7"), "{shown}");
}
