//! `hlbc dump`: what is printed, and what is no LLB.

use hlb_llb::{Digest, encode_definition, encode_op, pb};

use crate::project::Project;

const PROGRAM: &str = "fs default() {\n\tscratch\n\tmkfile \"/a\" 0o644 \"a\"\n}\n";

fn fed(args: &[&str], input: &[u8]) -> String {
    let project = Project::empty();
    project.shown(&project.fed(args, input))
}

#[test]
fn what_emit_prints_is_dumped() {
    let project = Project::new(PROGRAM);
    let pb = project.definition("default");
    std::fs::write(project.path("a.pb"), &pb).unwrap();
    let json = project.hlbc(&["emit", "--format", "json"]);
    assert_eq!(fed(&["dump"], &pb), json);
    assert_eq!(fed(&["dump", "-"], &pb), json);
    assert_eq!(project.hlbc(&["dump", "a.pb"]), json);
    insta::assert_snapshot!(json, @r#"
    exit code: 0
    --- stdout
    {"Op":{"Op":{"file":{"actions":[{"input":-1,"secondaryInput":-1,"output":0,"Action":{"mkfile":{"path":"/a","mode":420,"data":"YQ==","timestamp":-1}}}]}},"constraints":{}},"Digest":"sha256:74ee2dc745b5bbd2e4d2c38f99d9bc79e96f002bd3e4bfeac824b54f9b15e859","OpMetadata":{"caps":{"file.base":true}}}
    {"Op":{"inputs":[{"digest":"sha256:74ee2dc745b5bbd2e4d2c38f99d9bc79e96f002bd3e4bfeac824b54f9b15e859"}],"Op":{}},"Digest":"sha256:5afa3173a2f9b04fe2acb4c03ef804ae713dd4fd2d0f8244f3022f0ebbd3c775","OpMetadata":{"caps":{"constraints":true,"platform":true}}}
    "#);
    insta::assert_snapshot!(fed(&["dump", "--format", "text"], &pb), @r"
    exit code: 0
    --- stdout
    #1 mkfile /a, mode 0644, 1 byte
       on  scratch
       at  build.hlb:3:2

    1 step
    result: #1
    ");
    for format in ["dot", "mermaid"] {
        let dumped = fed(&["dump", "--format", format], &pb);
        let emitted = project.hlbc(&["emit", "--format", format]);
        assert_eq!(dumped.lines().count(), emitted.lines().count(), "{dumped}\n{emitted}");
    }
}

#[test]
fn what_is_no_definition_is_refused() {
    insta::assert_snapshot!(fed(&["dump"], b""), @r"
    exit code: 2
    --- stderr
    error: standard input is empty
    help: make one with `hlbc emit --format pb > FILE`
    ");
    insta::assert_snapshot!(fed(&["dump"], b"fs default() {}"), @r"
    exit code: 3
    --- stderr
    error: standard input cannot be used
    ╰─▶ the definition is no protobuf message of LLB: failed to decode Protobuf message: invalid wire type value: 6
    help: make one with `hlbc emit --format pb > FILE`
    ");
    insta::assert_snapshot!(fed(&["dump", "none.pb"], b""), @r"
    exit code: 2
    --- stderr
    error: cannot read `none.pb`
    ╰─▶ no such file or directory
    help: check the name
    ");
}

#[test]
fn a_graph_that_no_solver_takes_is_dumped_as_json_alone() {
    let op = encode_op(&pb::Op { op: Some(pb::OpKind::Exec(pb::ExecOp::default())), ..Default::default() });
    let input = pb::Input { digest: Digest::of(&op).to_string(), index: 0 };
    let terminal = encode_op(&pb::Op { inputs: vec![input], ..Default::default() });
    let bytes = encode_definition(&pb::Definition { def: [op, terminal].map(Into::into).into(), ..Default::default() });
    assert!(fed(&["dump"], &bytes).starts_with("exit code: 0\n"));
    insta::assert_snapshot!(fed(&["dump", "--format", "text"], &bytes), @r"
    exit code: 3
    --- stderr
    error: standard input cannot be used
    ╰─▶ op sha256:08da7c45cb204377e7e42249cda5713fa865116ddbb4cb5a1949b2e5b438a6ab: exec.meta is missing
    help: see the op with `hlbc dump`, and mend what made it
    ");
    let damaged = encode_definition(&pb::Definition { def: vec![vec![0xff; 3].into()], ..Default::default() });
    insta::assert_snapshot!(fed(&["dump"], &damaged), @r"
    exit code: 3
    --- stderr
    error: standard input cannot be used
    ╰─▶ op sha256:5ae7e6a42304dc6e4176210b83c43024f99a0bce9a870c3b6d2c95fc8ebfb74c is no protobuf message of LLB: failed to decode Protobuf message: invalid varint
    help: make it again: the file is damaged
    ");
}
