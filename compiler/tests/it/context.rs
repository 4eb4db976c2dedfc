//! Programs that are compiled for the client of a frontend: what `local` and secrets become.

use hlb_compiler::LocalOrigin;
use hlb_compiler::testing::MemoryWorld;
use hlb_llb::definition::Graph;
use hlb_llb::json::ToJson as _;

use crate::support::{build, single};

/// The ops of `default` as JSON, one a line; the errors if there are any.
fn ops(body: &str) -> String {
    ops_in(MemoryWorld::new(), body)
}

/// The same with more files.
fn ops_in(world: MemoryWorld, body: &str) -> String {
    let mut world =
        world.file("main.hlb", format!("fs default() {{\n{body}\n}}\n")).file("src/a.go", "").file("src/sub/b.txt", "");
    (world.origin, world.home) = (LocalOrigin::Context("context".to_owned()), None);
    let request = match build(&world, &["default"]) {
        Ok(request) => request,
        Err(errors) => return errors,
    };
    let graph = Graph::load(&single(&request).definition).unwrap();
    let ops = graph.vertices.iter().map(|vertex| vertex.op.to_json());
    ops.collect::<Vec<_>>().join("\n")
}

#[test]
fn the_whole_context_is_taken_as_it_is() {
    insta::assert_snapshot!(ops("\tlocal \".\""), @r#"{"Op":{"source":{"identifier":"local://context","attrs":{"local.sharedkeyhint":"context:.","local.unique":"sha256:85e079a697f1a9f7551596be4a7cf0b3a0d64ffc68380257850f5baeb83eba67"}}},"constraints":{}}"#);
    insta::assert_snapshot!(ops("\tlocal \".\" with option {\n\t\tincludePatterns \"*.go\"\n\t\texcludePatterns \"x\"\n\t}"), @r#"{"Op":{"source":{"identifier":"local://context","attrs":{"local.excludepatterns":"[\"x\"]","local.includepattern":"[\"*.go\"]","local.sharedkeyhint":"context:.","local.unique":"sha256:32713d9d444acb94f10b8c7b67fd69894a8f78b6027f5dfdc3b1def6b3fd549a"}}},"constraints":{}}"#);
}

#[test]
fn a_part_of_the_context_is_copied_out_of_it() {
    insta::assert_snapshot!(ops("\tlocal \"src\""), @r#"
    {"Op":{"source":{"identifier":"local://context","attrs":{"local.followpaths":"[\"src\"]","local.sharedkeyhint":"context:src","local.unique":"sha256:b513e7dd5200e7e71336ef93621976eea8d5bbe431a33bf17d20ad8fe2ef39af"}}},"constraints":{}}
    {"inputs":[{"digest":"sha256:20383581550080864ac26010fa90e171b2ebe66b998dd9b659ae090201dfd2ad"}],"Op":{"file":{"actions":[{"input":-1,"secondaryInput":0,"output":0,"Action":{"copy":{"src":"/src","dest":"/","mode":-1,"followSymlink":true,"dirCopyContents":true,"timestamp":-1}}}]}},"constraints":{}}
    "#);
    insta::assert_snapshot!(ops("\tlocal \"./src/sub/b.txt\""), @r#"
    {"Op":{"source":{"identifier":"local://context","attrs":{"local.followpaths":"[\"src/sub/b.txt\"]","local.sharedkeyhint":"context:src/sub/b.txt","local.unique":"sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}},"constraints":{}}
    {"inputs":[{"digest":"sha256:27e5e6f1d694a73cb3bf5746a7daea2969b4c5d242644e50874ef76921f87d4f"}],"Op":{"file":{"actions":[{"input":-1,"secondaryInput":0,"output":0,"Action":{"copy":{"src":"/src/sub/b.txt","dest":"/","mode":-1,"followSymlink":true,"timestamp":-1}}}]}},"constraints":{}}
    "#);
    insta::assert_snapshot!(ops("\tlocal \"src\" with includePatterns(\"*.go\")"), @r#"
    {"Op":{"source":{"identifier":"local://context","attrs":{"local.includepattern":"[\"src/*.go\"]","local.sharedkeyhint":"context:src","local.unique":"sha256:6e4b33a3d1acca68a01ae4a0227cb834aebaa72a5867d4b8d03a5e1fa7210990"}}},"constraints":{}}
    {"inputs":[{"digest":"sha256:bfed5b121309b36c3d89d28f14f1ae9701bedb35ccf325ce04744731616762c4"}],"Op":{"file":{"actions":[{"input":-1,"secondaryInput":0,"output":0,"Action":{"copy":{"src":"/src","dest":"/","mode":-1,"followSymlink":true,"dirCopyContents":true,"allowWildcard":true,"allowEmptyWildcard":true,"timestamp":-1,"include_patterns":["*.go"]}}}]}},"constraints":{}}
    "#);
}

#[test]
fn what_is_not_in_the_context_cannot_be_had() {
    insta::assert_snapshot!(ops("\tlocal \"../x\""), @r#"
    error[E0205]: `../x` is outside of the build context, which is all that a frontend sees
      main.hlb:2:8
        |  local "../x"
        |        ^^^^^^
      help: name a path below the directory that is built
    "#);
    insta::assert_snapshot!(ops("\tlocal \"/etc\""), @r#"
    error[E0205]: `/etc` is outside of the build context, which is all that a frontend sees
      main.hlb:2:8
        |  local "/etc"
        |        ^^^^^^
      help: name a path below the directory that is built
    "#);
    insta::assert_snapshot!(ops("\tlocal \"none\""), @r#"
    error[E0205]: cannot use `none` of the build context: no such file or directory: none
      main.hlb:2:8
        |  local "none"
        |        ^^^^^^
      help: check the path: it is relative to the directory of the file that names it
    "#);
    insta::assert_snapshot!(ops("\tlocal \"~/x\""), @r#"
    error[E0205]: `~/x` needs a home directory, and there is none
      main.hlb:2:8
        |  local "~/x"
        |        ^^^^^
    "#);
}

#[test]
fn ignore_files_are_of_the_context() {
    let world = MemoryWorld::new().file(".dockerignore", "*.o\n");
    let said = ops_in(world, "\tlocal \".\" with ignoreFile(\".dockerignore\")");
    assert!(said.contains(r#""local.excludepatterns":"[\"*.o\"]""#), "{said}");
    insta::assert_snapshot!(ops("\tlocal \".\" with ignoreFile(\"../x\")"), @r#"
    error[E0205]: `../x` is outside of the build context, which is all that a frontend sees
      main.hlb:2:28
        |  local "." with ignoreFile("../x")
        |                            ^^^^^^
      main.hlb:2:2
        |  local "." with ignoreFile("../x")
        |  ----- in this call
      help: name a path below the directory that is built
    "#);
}

#[test]
fn agents_are_known_by_their_path() {
    insta::assert_snapshot!(ops("\tscratch\n\trun \"x\" with ssh"), @r#"{"Op":{"exec":{"meta":{"args":["/bin/sh","-c","x"],"env":["SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0"],"cwd":"/","removeMountStubsRecursive":true},"mounts":[{"input":-1,"dest":"/"},{"dest":"/run/buildkit/ssh_agent.0","mountType":2,"SSHOpt":{"ID":"default","mode":384}}]}},"platform":{"Architecture":"amd64","OS":"linux"},"constraints":{}}"#);
    insta::assert_snapshot!(ops("\tscratch\n\trun \"x\" with option {\n\t\tssh with localPaths(\"./keys/a\")\n\t}"), @r#"{"Op":{"exec":{"meta":{"args":["/bin/sh","-c","x"],"env":["SSH_AUTH_SOCK=/run/buildkit/ssh_agent.0"],"cwd":"/","removeMountStubsRecursive":true},"mounts":[{"input":-1,"dest":"/"},{"dest":"/run/buildkit/ssh_agent.0","mountType":2,"SSHOpt":{"ID":"keys/a","mode":384}}]}},"platform":{"Architecture":"amd64","OS":"linux"},"constraints":{}}"#);
    insta::assert_snapshot!(ops("\tscratch\n\trun \"x\" with option {\n\t\tssh with localPaths(\"a\", \"b\")\n\t}"), @r#"
    error[E0204]: a frontend gets each SSH agent by one id
      main.hlb:4:12
        |   ssh with localPaths("a", "b")
        |            ^^^^^^^^^^
      main.hlb:4:3
        |   ssh with localPaths("a", "b")
        |   --- in this call
      main.hlb:3:2
        |  run "x" with option {
        |  --- in this call
      help: name one path: the client says by this id which keys it stands for
    "#);
    insta::assert_snapshot!(ops("\tscratch\n\trun \"x\" with forward(\"tcp://localhost:1\", \"/s\")"), @r#"
    error[E0204]: a frontend cannot forward connections of the client, which lends SSH agents only
      main.hlb:3:15
        |  run "x" with forward("tcp://localhost:1", "/s")
        |               ^^^^^^^
      main.hlb:3:2
        |  run "x" with forward("tcp://localhost:1", "/s")
        |  --- in this call
    "#);
}

#[test]
fn secrets_are_known_by_their_path() {
    insta::assert_snapshot!(ops("\tscratch\n\trun \"x\" with secret(\"./keys/token\", \"/t\")"), @r#"{"Op":{"exec":{"meta":{"args":["/bin/sh","-c","x"],"cwd":"/","removeMountStubsRecursive":true},"mounts":[{"input":-1,"dest":"/"},{"dest":"/t","mountType":1,"secretOpt":{"ID":"keys/token","mode":256}}]}},"platform":{"Architecture":"amd64","OS":"linux"},"constraints":{}}"#);
    insta::assert_snapshot!(ops("\tscratch\n\trun \"x\" with option {\n\t\tsecret \"keys\" \"/t\" with includePatterns(\"*\")\n\t}"), @r#"
    error[E0204]: `includePatterns` selects files of a directory, and a frontend gets each secret by its id
      main.hlb:4:27
        |   secret "keys" "/t" with includePatterns("*")
        |                           ^^^^^^^^^^^^^^^
      main.hlb:4:3
        |   secret "keys" "/t" with includePatterns("*")
        |   ------ in this call
      main.hlb:3:2
        |  run "x" with option {
        |  --- in this call
      help: name each secret by itself
    "#);
}
