//! `hlbc emit`: both forms, and what is looked up for them.

use hlb_llb::{Digest, pb};
use prost::Message;

use crate::project::Project;

const HELLO: &str = "fs default() {
	scratch
	mkfile \"/hello.txt\" 0o644 \"hi\\n\"
	download \"out\"
}
";

#[test]
fn json_has_one_op_a_line() {
    insta::assert_snapshot!(Project::new(HELLO).hlbc(&["emit", "--format", "json"]), @r#"
    exit code: 0
    --- stdout
    {"Digest":"sha256:5f51250c5b3f41f2ee71ef99a62a5a736fb20a0d70d3da2fe791ebe2c105b014","Op":{"Op":{"file":{"actions":[{"input":-1,"secondaryInput":-1,"output":0,"Action":{"mkfile":{"path":"/hello.txt","mode":420,"data":"aGkK","timestamp":-1}}}]}},"constraints":{}}}
    {"Digest":"sha256:b1ff81ac1a2966ec6b461b5a0107184c5c0604852da88d2ee46871b1990c80bb","Op":{"inputs":[{"digest":"sha256:5f51250c5b3f41f2ee71ef99a62a5a736fb20a0d70d3da2fe791ebe2c105b014"}],"Op":{}}}
    "#);
}

#[test]
fn pb_is_a_definition_with_its_source() {
    let output = Project::new(HELLO).command(&["emit", "--format", "pb"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let definition = pb::Definition::decode(output.stdout.as_slice()).unwrap();
    let digests: Vec<Digest> = definition.def.iter().map(Digest::of).collect();
    assert_eq!(digests.len(), 2);
    let terminal = pb::Op::decode(definition.def[1].as_slice()).unwrap();
    assert_eq!(terminal.inputs[0].digest, digests[0].as_str());
    let source = definition.source.unwrap();
    assert_eq!(source.infos[0].filename, "build.hlb");
    assert_eq!(source.infos[0].data, HELLO.as_bytes());
    assert!(source.locations.contains_key(digests[0].as_str()));
}

#[test]
fn where_one_stands_does_not_change_the_graph() {
    let project = Project::new("fs default() {\n\tlocal \"src\"\n}\n").file("src/a.txt", "a");
    let here = project.command(&["emit", "--format", "pb"]).output().unwrap();
    let below = project.command(&["emit", "--format", "pb"]).current_dir(project.path("src")).output().unwrap();
    assert!(here.status.success());
    assert_eq!(here.stdout, below.stdout);
}

#[test]
fn a_comment_does_not_change_the_ops() {
    let ops = |text: &str| Project::new(text).hlbc(&["emit", "--format", "json"]);
    assert_eq!(ops(HELLO), ops(&HELLO.replace("\tscratch", "\t# A comment.\n\tscratch")));
}

#[test]
fn images_are_not_looked_up_when_told_so() {
    let project = Project::new("fs default() {\n\timage \"localhost:1/none\"\n\trun \"true\"\n}\n");
    let shown = project.hlbc(&["emit", "--no-resolve", "--format", "json"]);
    assert!(shown.starts_with("exit code: 0\n") && shown.contains("docker-image://localhost:1/none:latest"), "{shown}");
}

#[test]
fn an_image_that_cannot_be_had_is_told_with_its_place() {
    let project = Project::new("fs default() {\n\timage \"localhost:1/none\"\n}\n");
    insta::assert_snapshot!(project.hlbc(&["emit", "--format", "json"]), @r#"
    exit code: 5
    --- stderr
    error[E0207]: cannot get `localhost:1/none:latest`: http://localhost:1: cannot connect: client error (Connect): tcp connect error: Connection refused
      ┌─ build.hlb:2:8
      │
    2 │     image "localhost:1/none"
      │           ^^^^^^^^^^^^^^^^^^
      │
      = help: check the network, or name a mirror or an OCI layout in `hlbc.toml`
    "#);
}

#[test]
fn pb_holds_one_graph() {
    let project = Project::new(
        "fs a() {\n\tscratch\n\tmkfile \"/a\" 0o644 \"a\"\n\tdownload \"out\"\n\tmkfile \"/b\" 0o644 \"b\"\n}\n",
    );
    insta::assert_snapshot!(project.hlbc(&["emit", "--format", "pb", "a"]), @r"
    exit code: 2
    --- stderr
    error: `a` asks for 2 graphs, and `pb` holds one
    help: name one of the targets that it calls, or use `--format json`
    ");
}

#[test]
fn the_platform_can_be_chosen() {
    let project = Project::new("fs default() {\n\timage \"localhost:1/none\"\n}\n");
    let shown = project.hlbc(&["emit", "--no-resolve", "--platform", "linux/arm64", "--format", "json"]);
    assert!(shown.contains(r#""platform":{"Architecture":"arm64","OS":"linux"}"#), "{shown}");
}

/// What `mkfile` writes, taken from the emitted op.
fn content(program: &str) -> String {
    let output = Project::new(program).command(&["emit", "--format", "pb"]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let definition = pb::Definition::decode(output.stdout.as_slice()).unwrap();
    let Some(pb::OpKind::File(file)) = pb::Op::decode(definition.def[0].as_slice()).unwrap().op else {
        panic!("no file op")
    };
    let Some(pb::FileActionKind::Mkfile(made)) = &file.actions[0].action else { panic!("no file is made") };
    String::from_utf8(made.data.clone()).unwrap()
}

#[test]
fn commands_on_this_machine_are_run_where_the_program_is() {
    let with = |text: &str| {
        content(&format!(
            "string text() {{\n\t{text}\n}}\n\nfs default() {{\n\tscratch\n\tmkfile \"/a\" 0o644 text\n}}\n"
        ))
    };
    assert_eq!(with("localRun \"cat build.hlb | head -n 1\""), "string text() {");
    assert_eq!(with("localRun \"echo out; sleep 0.2; echo err >&2\" with includeStderr"), "out\nerr");
    assert_eq!(
        with("localRun \"echo out; echo err >&2; exit 3\" with option {\n\t\tignoreError\n\t\tonlyStderr\n\t}"),
        "err"
    );
    assert_eq!(with("localEnv \"HLBC_RUNC\""), "");
}

#[test]
fn a_command_on_this_machine_that_fails_is_told() {
    let project = Project::new(
        "string text() {\n\tlocalRun \"echo no >&2; exit 3\"\n}\n\nfs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 text\n}\n",
    );
    insta::assert_snapshot!(project.hlbc(&["emit", "--format", "json"]), @r#"
    exit code: 3
    --- stderr
    error[E0206]: `/bin/sh -c 'echo no >&2; exit 3'` failed on this machine with exit code 3: no
      ┌─ build.hlb:2:2
      │
    2 │     localRun "echo no >&2; exit 3"
      │     ^^^^^^^^
      ·
    7 │     mkfile "/a" 0o644 text
      │     ------            ---- in this call
      │     │
      │     in this call
    "#);
}
