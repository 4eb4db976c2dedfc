//! `hlbc emit`: all forms, and what is looked up for them.

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
    {"Op":{"Op":{"file":{"actions":[{"input":-1,"secondaryInput":-1,"output":0,"Action":{"mkfile":{"path":"/hello.txt","mode":420,"data":"aGkK","timestamp":-1}}}]}},"constraints":{}},"Digest":"sha256:5f51250c5b3f41f2ee71ef99a62a5a736fb20a0d70d3da2fe791ebe2c105b014","OpMetadata":{"caps":{"file.base":true}}}
    {"Op":{"inputs":[{"digest":"sha256:5f51250c5b3f41f2ee71ef99a62a5a736fb20a0d70d3da2fe791ebe2c105b014"}],"Op":{}},"Digest":"sha256:b1ff81ac1a2966ec6b461b5a0107184c5c0604852da88d2ee46871b1990c80bb","OpMetadata":{"caps":{"constraints":true,"platform":true}}}
    "#);
}

#[test]
fn pb_is_a_definition_with_its_source() {
    let output = Project::new(HELLO).command(&["emit", "--format", "pb"]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    let definition = pb::Definition::decode(output.stdout.as_slice()).unwrap();
    let digests: Vec<Digest> = definition.def.iter().map(Digest::of).collect();
    assert_eq!(digests.len(), 2);
    let terminal = pb::Op::decode(definition.def[1].clone()).unwrap();
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

    for more about E0207, run `hlbc explain E0207`
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
    help: name one of the targets that are called, or choose another `--format`
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
    let Some(pb::OpKind::File(file)) = pb::Op::decode(definition.def[0].clone()).unwrap().op else {
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

    for more about E0206, run `hlbc explain E0206`
    "#);
}

const SEVERAL: &str = "fs tools() {
	image \"localhost:1/tools\"
	env \"CC\" \"gcc\"
	dir \"/src\"
}

fs compiled() {
	tools
	run \"make -C /src\" with option {
		mount fs { local \"src\" with includePatterns(\"*.c\"); } \"/src\" with readonly
		mount scratch \"/out\" as objects
		mount scratch \"/cache\" with cache(\"ccache\", \"shared\")
		secret \"token\" \"/run/token\"
	}
}

fs default() {
	scratch
	copy objects \"/\" \"/bin/\"
	download \"out\"
}

fs other() {
	compiled
}
";

/// The emitted form of both targets, without what depends on where the test runs.
fn several(format: &[&str]) -> String {
    let project = Project::new(SEVERAL).file("src/a.c", "a").file("token", "t");
    let args = [&["emit", "--no-resolve", "default", "--target", "other"], format].concat();
    project.hlbc(&args).replace("[PROJECT]", "")
}

#[test]
fn text_tells_what_the_build_will_do() {
    insta::assert_snapshot!(several(&[]), @r"
    exit code: 0
    --- stdout
    #1 image localhost:1/tools:latest
       at  build.hlb:2:2, called at build.hlb:8:2, build.hlb:19:7 and 1 more

    #2 local src
       include  *.c
       at       build.hlb:10:14, called at build.hlb:10:3, build.hlb:9:2 and 2 more

    #3 run /bin/sh -c 'make -C /src'
       /           #1
       /cache      cache `ccache`, shared
       /out        scratch
       /src        #2, read-only
       /run/token  secret `sha256:3c469e9d6c5875d37a43f353d4f88e61fcf812c66eee3457465a40b0da4153e0`, mode 0400
       env         CC=gcc
       dir         /src
       at          build.hlb:9:2, called at build.hlb:19:7, build.hlb:19:2

    #4 copy / from /out of #3 to /bin/
       on  scratch
       at  build.hlb:19:2

    4 steps for linux/amd64
    directory `out`: #4
    result of `other`: #3
    ");
    assert_eq!(several(&[]), several(&["--format", "text"]));
}

#[test]
fn pictures_show_several_targets() {
    let without_digests = |shown: String| {
        let lines = shown.lines().map(|line| match line.split_once(" sha256:") {
            Some((before, digest)) => format!("{before} …{}", &digest[64..]),
            None => line.to_owned(),
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(without_digests(several(&["--format", "dot"])), @r##"
    exit code: 0
    --- stdout
    digraph llb {
      rankdir=TB
      node [style=filled, fontname="sans-serif", fontsize=11, fontcolor="#111827"]
      edge [fontname="sans-serif", fontsize=9, color="#6b7280", fontcolor="#374151"]
      s1 [label="#1 image localhost:1/tools:latest", tooltip="build.hlb:2:2 …", shape=cylinder, fillcolor="#dbeafe", color="#1d4ed8"]
      s2 [label="#2 local src", tooltip="build.hlb:10:14 …", shape=folder, fillcolor="#dcfce7", color="#15803d"]
      s3 [label="#3 run make -C /src", tooltip="build.hlb:9:2 …", shape=box, fillcolor="#fef3c7", color="#b45309"]
      s4 [label="#4 copy / to /bin/", tooltip="build.hlb:19:2 …", shape=note, fillcolor="#f3f4f6", color="#4b5563"]
      s1 -> s3 [label="/"]
      s2 -> s3 [label="/src"]
      s3 -> s4 [label="/out as copied from"]
      r0 [label="directory `out`", shape=doubleoctagon, style=solid]
      s4 -> r0 [label="", style=bold]
      r1 [label="result of `other`", shape=doubleoctagon, style=solid]
      s3 -> r1 [label="", style=bold]
    }
    "##);
    insta::assert_snapshot!(several(&["--format", "mermaid"]), @r##"
    exit code: 0
    --- stdout
    flowchart TB
      s1[("#35;1 image localhost:1/tools:latest")]
      s2[/"#35;2 local src"/]
      s3["#35;3 run make -C /src"]
      s4("#35;4 copy / to /bin/")
      s1 -->|"/"| s3
      s2 -->|"/src"| s3
      s3 -->|"/out as copied from"| s4
      r0[["directory #96;out#96;"]]
      s4 ==> r0
      r1[["result of #96;other#96;"]]
      s3 ==> r1
      classDef imageStep fill:#dbeafe,stroke:#1d4ed8,color:#111827
      class s1 imageStep
      classDef localStep fill:#dcfce7,stroke:#15803d,color:#111827
      class s2 localStep
      classDef runStep fill:#fef3c7,stroke:#b45309,color:#111827
      class s3 runStep
      classDef filesStep fill:#f3f4f6,stroke:#4b5563,color:#111827
      class s4 filesStep
    "##);
}

#[test]
fn several_targets_are_refused_for_pb_alone() {
    insta::assert_snapshot!(several(&["--format", "pb"]), @r"
    exit code: 2
    --- stderr
    error: `default`, `other` ask for 2 graphs, and `pb` holds one
    help: name one of the targets that are called, or choose another `--format`
    ");
    let json = several(&["--format", "json"]);
    assert_eq!(json.lines().filter(|line| line.contains(r#""Op":{}}"#)).count(), 2, "{json}");
}
