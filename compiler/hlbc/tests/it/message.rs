//! `--message-format json`: diagnostics for other programs.

use crate::project::Project;

const MISTAKES: &str =
    "group default() {\n\tstage fs { scratch; mkdir \"/ä\" 0755; }\n}\n\nfs other() {\n\timagee \"a\"\n}\n";

#[test]
fn each_diagnostic_is_an_object_on_a_line() {
    let shown = Project::new(MISTAKES).hlbc(&["check", "--message-format", "json"]);
    insta::assert_snapshot!(shown, @r#"
    exit code: 3
    --- stdout
    {"code":"E0121","fixes":[{"edits":[{"end":{"byte":5,"column":6,"line":1},"file":"build.hlb","start":{"byte":0,"column":1,"line":1},"text":"pipeline"}],"safe":true,"title":"replace `group` by `pipeline`"}],"help":"write `pipeline`","message":"`group` is the old word for `pipeline`","rendered":"warning[E0121]: `group` is the old word for `pipeline`\n  ┌─ build.hlb:1:1\n  │\n1 │ group default() {\n  │ ^^^^^\n  │\n  = help: write `pipeline`","severity":"warning","spans":[{"end":{"byte":5,"column":6,"line":1},"file":"build.hlb","label":"","primary":true,"start":{"byte":0,"column":1,"line":1}}],"type":"diagnostic"}
    {"code":"E0114","fixes":[{"edits":[{"end":{"byte":55,"column":37,"line":2},"file":"build.hlb","start":{"byte":51,"column":33,"line":2},"text":"0o755"}],"safe":true,"title":"replace `0755` by `0o755`"}],"help":"write octal numbers with `0o`: `0o755`","message":"`0755` is not a number","rendered":"error[E0114]: `0755` is not a number\n  ┌─ build.hlb:2:33\n  │\n2 │     stage fs { scratch; mkdir \"/ä\" 0755; }\n  │                                    ^^^^\n  │\n  = help: write octal numbers with `0o`: `0o755`","severity":"error","spans":[{"end":{"byte":55,"column":37,"line":2},"file":"build.hlb","label":"","primary":true,"start":{"byte":51,"column":33,"line":2}}],"type":"diagnostic"}
    {"code":"E0101","fixes":[{"edits":[{"end":{"byte":82,"column":8,"line":6},"file":"build.hlb","start":{"byte":76,"column":2,"line":6},"text":"image"}],"safe":false,"title":"replace `imagee` by `image`"}],"help":"did you mean `image`?","message":"`imagee` is not defined","rendered":"error[E0101]: `imagee` is not defined\n  ┌─ build.hlb:6:2\n  │\n6 │     imagee \"a\"\n  │     ^^^^^^\n  │\n  = help: did you mean `image`?","severity":"error","spans":[{"end":{"byte":82,"column":8,"line":6},"file":"build.hlb","label":"","primary":true,"start":{"byte":76,"column":2,"line":6}}],"type":"diagnostic"}
    "#);
}

#[test]
fn a_program_without_mistakes_says_nothing() {
    let project = Project::new("fs default() {\n\tscratch\n}\n");
    insta::assert_snapshot!(project.hlbc(&["check", "--message-format", "json"]), @"exit code: 0");
}

#[test]
fn the_result_of_emit_stays_alone_on_standard_output() {
    let project = Project::new("group default() {\n\tstage fs { image \"a\"; }\n}\n");
    let args = ["emit", "--no-resolve", "--format", "json", "--message-format", "json"];
    let output = project.command(&args).output().unwrap();
    let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
    assert!(output.status.success() && out.starts_with("{\"Op\""), "{out}");
    let told: serde_json::Value = serde_json::from_str(&err).unwrap();
    assert_eq!((&told["severity"], &told["code"]), (&"warning".into(), &"E0121".into()));
}

#[test]
fn an_unknown_target_is_a_diagnostic_too() {
    let project = Project::new("fs release() {\n\tscratch\n}\n");
    let output = project.command(&["emit", "relase", "--message-format", "json"]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.as_slice()), (Some(2), b"".as_slice()));
    let told: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!((&told["code"], &told["help"]), (&"E0201".into(), &"did you mean `release`?".into()));
}

#[test]
fn what_is_no_diagnostic_is_told_in_words() {
    insta::assert_snapshot!(Project::empty().hlbc(&["check", "--message-format", "json"]), @r"
    exit code: 2
    --- stderr
    error: there is no `build.hlb` in `[PROJECT]` or above it
    help: name the program with `-f FILE`, or change into its directory
    ");
}

#[test]
fn privileged_a_step_that_fails_is_told_with_its_places() {
    let project = Project::with_busybox("fs default() {\n\timage \"busy\"\n\trun \"echo no; exit 3\"\n}\n");
    let output = project.command(&["run", "--message-format", "json", "--progress", "quiet"]).output().unwrap();
    let shown = project.shown(&output);
    let told: serde_json::Value = serde_json::from_slice(&output.stdout).expect(&shown);
    assert_eq!((output.status.code(), &told["type"]), (Some(1), &"failure".into()), "{shown}");
    assert_eq!(told["message"], "`/bin/sh -c 'echo no; exit 3'` ended with exit code 3");
    let span = &told["spans"][0];
    assert_eq!(
        (&span["file"], &span["primary"], &span["label"]),
        (&"build.hlb".into(), &true.into(), &"this step".into())
    );
    assert_eq!(span["start"], serde_json::json!({ "byte": 30, "line": 3, "column": 2 }));
    assert_eq!(told["notes"][0], "the last it printed:\n  no");
}
