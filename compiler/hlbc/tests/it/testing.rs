//! Tests that programs have of themselves.

use crate::project::Project;

const PROGRAM: &str = r#"fs made(string text) {
	image "busy"
	run "echo ${text} > /made"
}

test "numbers are numbers" {
	assert 1 + 1 == 2
}

test "what was made can be read" {
	assert read(made("yes"), "/made").trim() == "yes"
}

test "this is wrong" {
	let text = read(made("yes"), "/made")
	assert text == "no", "it says ${text.trim()}"
}

test "a step fails" {
	made "broken; exit 3"
}
"#;

/// Output in which nothing depends on the clock.
fn timeless(shown: &str) -> String {
    let line = |line: &str| match line.rsplit_once(" (") {
        Some((name, time)) if time.ends_with(" s)") => name.to_owned(),
        _ => line.to_owned(),
    };
    shown.lines().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_program_without_tests_passes() {
    insta::assert_snapshot!(Project::new("fs default() {\n\tscratch\n}\n").hlbc(&["test"]), @r#"
    exit code: 0
    --- stderr
    no tests: write `test "…" { assert … }` into the program
    "#);
    let one = Project::new("test \"one\" {\n\tassert true\n}\n");
    insta::assert_snapshot!(one.hlbc(&["test", "two"]), @"
    exit code: 0
    --- stderr
    no tests: `two` is in no name of `one`
    ");
}

#[test]
fn an_exact_name_is_no_part_of_others() {
    let two = Project::new("test \"ab\" {\n\tassert true\n}\n\ntest \"-b\" {\n\tassert true\n}\n");
    insta::assert_snapshot!(two.hlbc(&["test", "--exact", "--", "b"]), @"
    exit code: 0
    --- stderr
    no tests: `b` is none of `ab`, `-b`
    ");
    let shown = two.hlbc(&["test", "--exact"]);
    assert!(shown.contains("exit code: 2") && shown.contains("FILTER"), "{shown}");
}

#[test]
fn mistakes_of_the_program_come_first() {
    insta::assert_snapshot!(Project::new("test \"one\" {\n\tassert nope\n}\n").hlbc(&["test"]), @"
    exit code: 3
    --- stderr
    error[E0101]: `nope` is not defined
      ┌─ build.hlb:2:9
      │
    2 │     assert nope
      │            ^^^^
      │
      = help: declare it in this file, or import the file that has it

    for more about E0101, run `hlbc explain E0101`
    ");
}

#[test]
fn privileged_each_test_stands_by_itself() {
    let project = Project::with_busybox(PROGRAM);
    insta::assert_snapshot!(timeless(&project.hlbc(&["test", "--progress", "quiet"])), @r#"
    exit code: 1
    --- stdout
    ok     numbers are numbers
    ok     what was made can be read
    FAILED this is wrong
    FAILED a step fails
    2 passed, 2 failed
    --- stderr

    the test `this is wrong` failed

    error[E0222]: it says yes
       ┌─ build.hlb:16:9
       │
    16 │     assert text == "no", "it says ${text.trim()}"
       │            ^^^^^^^^^^^^
       │            │
       │            this is "yes\n"

    the test `a step fails` failed

    error: `/bin/sh -c 'echo broken; exit 3 > /made'` ended with exit code 3
       ┌─ build.hlb:3:2
       │
     3 │     run "echo ${text} > /made"
       │     ^^^ this step
       ·
    20 │     made "broken; exit 3"
       │     ---- called here
       │
       = the last it printed:
           broken
       = help: mend what the log shows and run hlbc again; the steps before this one are cached
    "#);
    insta::assert_snapshot!(timeless(&project.hlbc(&["test", "numbers", "--progress", "quiet"])), @"
    exit code: 0
    --- stdout
    ok     numbers are numbers
    1 passed, 0 failed
    ");
    let more = PROGRAM.replace("fs made", "test \"numbers\" {\n\tassert true\n}\n\nfs made");
    let project = Project::with_busybox(&more);
    insta::assert_snapshot!(timeless(&project.hlbc(&["test", "--progress", "quiet", "--exact", "--", "numbers"])), @"
    exit code: 0
    --- stdout
    ok     numbers
    1 passed, 0 failed
    ");
}

#[test]
fn privileged_results_are_told_to_programs() {
    let project = Project::with_busybox(PROGRAM);
    let args = ["test", "--message-format", "json", "--progress", "quiet"];
    let output = project.command(&args).output().unwrap();
    let shown = project.shown(&output);
    let lines = std::str::from_utf8(&output.stdout).unwrap().lines();
    let told: Vec<serde_json::Value> = lines.map(|line| serde_json::from_str(line).expect(&shown)).collect();
    let types: Vec<&str> = told.iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(types, ["test", "test", "test", "test", "diagnostic", "failure", "tests"], "{shown}");
    assert_eq!((&told[2]["name"], &told[2]["passed"]), (&"this is wrong".into(), &false.into()), "{shown}");
    assert_eq!((&told[2]["file"], &told[2]["start"]["line"]), (&"build.hlb".into(), &14.into()), "{shown}");
    assert_eq!(told[6], serde_json::json!({ "type": "tests", "passed": 2, "failed": 2 }));
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn privileged_a_test_is_told_behind_its_steps() {
    let mut program = "fs made(string text) {\n\timage \"busy\"\n\trun \"seq 3000; echo ${text}\"\n}\n".to_owned();
    (0..6).for_each(|it| program.push_str(&format!("\ntest \"{it}\" {{\n\tmade \"{it}\"\n}}\n")));
    let project = Project::with_busybox(&program);
    let (reader, writer) = std::io::pipe().unwrap();
    let mut command = project.command(&["test"]);
    command.stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    // It holds the writing end too.
    drop(command);
    let shown = std::io::read_to_string(reader).unwrap();
    assert!(child.wait().unwrap().success(), "{shown}");
    let ends =
        shown.lines().filter(|line| line.contains("/bin/sh") || line.contains(" DONE ") || line.starts_with("ok "));
    let ends: Vec<&str> = ends.skip_while(|line| !line.contains("/bin/sh")).collect();
    for (number, lines) in ends.chunks(3).enumerate() {
        let [name, done, ok] = lines else { panic!("{ends:?}") };
        let right = name.contains(&format!("echo {number}"))
            && done.contains("DONE")
            && ok.starts_with(&format!("ok     {number} "));
        assert!(right, "{ends:#?}");
    }
}
