//! What each builtin and option becomes in LLB, and what it refuses: each snapshot shows programs with their ops.

use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{FrontendResult, ImageConfig, LayoutImage, Socket};
use hlb_llb::Digest;

use crate::support::{build, outline, render, single, vertices};

/// A machine with files, keys and an OCI layout.
fn world(source: &str) -> MemoryWorld {
    let mut world = MemoryWorld::new()
        .file("main.hlb", source)
        .file("token", "t")
        .file("keys/id_a", "a")
        .file("keys/id_b", "b")
        .file("run/agent.sock", "")
        .file("layout/oci-layout", "{}")
        .file("src/a.c", "a");
    let config = ImageConfig { env: vec!["A=1".to_owned()], working_dir: "/w".to_owned(), ..ImageConfig::default() };
    let image = LayoutImage { digest: format!("sha256:{}", "1".repeat(64)), config: Some(config) };
    world.layouts = Some([("layout app:1".to_owned(), image)].into());
    world
}

/// The ops of a program, one a line as JSON, without the last, which only names the result.
fn ops(world: &MemoryWorld) -> String {
    match build(world, &["default"]) {
        Err(message) => message,
        Ok(request) => {
            let lines = hlb_llb::dump::dump(&single(&request).definition).unwrap();
            let mut lines: Vec<&str> = lines.lines().collect();
            lines.pop();
            let mut shown = String::new();
            for line in lines {
                let mut line: serde_json::Value = serde_json::from_str(line).unwrap();
                line.as_object_mut().unwrap().remove("Digest");
                line["Op"].as_object_mut().unwrap().remove("constraints");
                shown.push_str(&format!("{line}\n"));
            }
            shown
        }
    }
}

/// Compares the ops of the programs with the snapshot of this name. Each is the body of `default`.
#[track_caller]
fn emitted(bodies: &[&str], name: &str) {
    let mut shown = String::new();
    for body in bodies {
        let source = format!("fs default() {{ {body} }}");
        shown.push_str(&format!("{body}\n\n{}\n-----\n", ops(&world(&source))));
    }
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!(name, shown) });
}

#[test]
fn sources() {
    let digest = format!("sha256:{}", "0".repeat(64));
    emitted(
        &[
            "image \"a\" with option { platform \"linux\" \"arm/v7\"; resolveMode \"pull\"; layerLimit 2 }",
            &format!("image \"a\" with option {{ resolveMode \"local\"; checksum \"{digest}\" }}"),
            "ociLayout \"layout\" \"app:1\" with layerLimit(3)\nmkfile \"f\" 0o644 \"\"",
            "http \"https://x/y\" with option { uid 1; gid 2; header \"Accept\" \"a/b\"; header \"User-Agent\" \"me\"; authHeaderSecret \"token\" }",
            "git \"https://h/r.git\" \"main\" with option { subdir \"a/b\"; checksum \"0123abc\"; skipSubmodules; mtime \"commit\"; authTokenSecret \"token\"; authHeaderSecret \"token\" }",
            "git \"git@h:r.git\" \"v1\" with option { ssh with option { localPaths \"keys/id_a\" }; knownHosts \"h ssh-ed25519 AAAA\" }",
            "local \"src\" with option { followPaths \"a.c\" \"b/*\"; differ \"none\" }",
        ],
        "builtins_sources",
    );
}

#[test]
fn files() {
    emitted(
        &[
            "dir \"/d\"\nsymlink \"../x\" \"y\" with option { chown \"1:2\"; createdTime \"1970-01-01T00:00:01Z\" }",
            "copy scratch \"/\" \"/\" with option { chmodSymbolic \"u+rwX,go-w\"; requiredPaths \"a\" \"b\"; requiredPaths \"c\"; alwaysReplace }",
        ],
        "builtins_files",
    );
}

#[test]
fn commands() {
    emitted(
        &[
            "run \"x\" with option { hostname \"box\"; ulimit \"nofile\" 10 20; validExitCodes 0 3; cgroupParent \"/g\" }",
            "run \"x\" with option { customName \"build it\"; progressGroup \"g\" \"group\" }",
            "run \"x\" with option { memory 1; memorySwap 2; cpuShares 3; cpuPeriod 1000; cpuQuota 5000; cpusetCpus \"0-1\"; cpusetMems \"0\" }",
            "run \"x\" with option { httpProxy \"http://p\"; httpsProxy \"http://q\"; ftpProxy \"f\"; allProxy \"a\"; noProxy \"h\" \"i\" }",
            "run \"x\" with option { secretEnv \"T\" \"token\"; secretEnv \"U\" \"nope\" with optional; secret \"nope\" \"/s\" with optional }",
            "run \"x\" with option { mount scratch \"/t\" with tmpfsSize(4096) }",
            "run \"x\" with option { mount scratch \"/c\" with option { cache \"id\" \"locked\"; uid 5; gid 6; mode 0o700 } }",
            "run \"x\" with option { mount image(\"a\") \"/m\" with option { readonly; contentCache \"off\" } }",
            "shell \"/bin/bash\" \"-ec\"\nrun \"x y\"\nrun \"x\" \"y\"\nrun \"x y\" with shlex\nshell\nrun \"z\"",
        ],
        "builtins_commands",
    );
}

#[test]
fn sockets() {
    emitted(
        &[
            "run \"x\" with ssh",
            "run \"x\" with option { mount scratch \"/m\"; ssh with option { localPaths \"keys/id_b\" \"keys/id_a\"; target \"/a\"; uid 1; gid 2; mode 0o660; optional }; secret \"token\" \"/t\"; ssh }",
            "run \"x\" with option { forward \"unix://run/docker.sock\" \"/var/run/docker.sock\" with mode(0o666); forward \"tcp://localhost:80\" \"/p\" with optional }",
        ],
        "builtins_sockets",
    );
}

#[test]
fn sockets_are_lent_by_their_ids() {
    let source = "fs default() { run \"x\" with option {\n ssh\n ssh with option { localPaths \"keys/id_b\"; localPaths \"keys/id_a\" }\n forward \"unix://run/s.sock\" \"/s\"\n forward \"tcp://h:80\" \"/p\"\n} }";
    let request = build(&world(source), &["default"]).unwrap();
    let id = |text: &str| Digest::of(text).to_string();
    let lent: Vec<(String, Socket)> =
        single(&request).sockets.iter().map(|(id, socket)| (id.clone(), socket.clone())).collect();
    let mut expected = vec![
        (id(""), Socket::Agent(vec![])),
        (id("keys/id_akeys/id_b"), Socket::Agent(vec!["keys/id_a".into(), "keys/id_b".into()])),
        (id("run/s.sock"), Socket::Unix("run/s.sock".into())),
        (id("tcp://h:80"), Socket::Tcp("h:80".to_owned())),
    ];
    expected.sort_by(|(left, _), (right, _)| left.cmp(right));
    assert_eq!(lent, expected);
}

#[test]
fn what_sources_need_is_lent() {
    let source =
        "fs default() { merge http(\"http://x\") git(\"https://h/r\", \"\") ociLayout(\"layout\", \"app:1\") }";
    let source = source.replace("http(\"http://x\")", "fs { http \"http://x\" with authHeaderSecret(\"token\") }");
    let source = source.replace(
        "git(\"https://h/r\", \"\")",
        "fs { git \"ssh://h/r\" \"\" with option { ssh; authTokenSecret \"token\" } }",
    );
    let request = build(&world(&source), &["default"]).unwrap();
    let solve = single(&request);
    assert_eq!(solve.secrets[&Digest::of("token").to_string()], "token");
    assert_eq!(solve.sockets[&Digest::of("").to_string()], Socket::Agent(vec![]));
    assert_eq!(solve.layouts[&format!("sha256-{}", "1".repeat(64))], "layout");
}

#[test]
fn image_configs_hold_what_is_said() {
    let source = "fs default() {\n shell \"/bin/bash\" \"-c\"\n healthcheck \"curl localhost\" with option { interval \"1m30s\"; timeout \"3s\"; startPeriod \"5s\"; startInterval \"500ms\"; retries 4 }\n onBuild \"RUN a\" \"RUN b\"\n author \"me\"\n}\nfs words() { healthcheck \"a\" \"b\" }\nfs none() { healthcheck \"a\"; noHealthcheck }";
    let world = world(source);
    let image = |target: &str| single(&build(&world, &[target]).unwrap()).image.clone();
    insta::assert_debug_snapshot!("builtins_image", image("default"));
    assert_eq!(image("words").healthcheck.unwrap().test, ["CMD", "a", "b"]);
    assert_eq!(image("none").healthcheck.unwrap().test, ["NONE"]);
}

#[test]
fn images_go_where_they_are_sent() {
    let source = "fs default() {\n image \"a\"\n dockerPush \"r\" with stargz\n dockerLoad \"h:5000/l:1\"\n downloadOCITarball \"o.tar\"\n downloadDockerTarball \"d.tar\" \"n\"\n run \"x\"\n}";
    insta::assert_snapshot!(outline(&build(&world(source), &["default"]).unwrap()), @r"
    export to push docker.io/library/r:latest stargz=true: docker-image://docker.io/library/a:latest
    export to load h:5000/l:1: docker-image://docker.io/library/a:latest
    export to oci o.tar: docker-image://docker.io/library/a:latest
    export to docker d.tar docker.io/library/n:latest: docker-image://docker.io/library/a:latest
    solve: docker-image://docker.io/library/a:latest | /bin/sh -c x
    ");
    let request = build(&world(source), &["default"]).unwrap();
    let image = &single(&request).exports[0].variants()[0].image;
    assert_eq!((image.os.as_str(), image.architecture.as_str()), ("linux", "amd64"));
}

#[test]
fn a_digest_that_is_used_pushes_once_and_during_evaluation() {
    let source = "fs push() { image \"a\"; download \"before\"; dockerPush \"r\" as digest }\nfs default() { mkfile \"d\" 0o644 digest; mkfile \"e\" 0o644 digest; copy push \"/\" \"/\" }\nfs unused() { push }";
    let mut world = world(source);
    world.pushed = Ok("sha256:d".to_owned());
    let request = build(&world, &["unused"]).unwrap();
    assert!(world.pushes.borrow().is_empty(), "nobody wants to know the digest");
    insta::assert_snapshot!(outline(&request), @r"
    export to directory before: docker-image://docker.io/library/a:latest
    export to push docker.io/library/r:latest stargz=false: docker-image://docker.io/library/a:latest
    solve: docker-image://docker.io/library/a:latest
    ");
    let request = build(&world, &["default"]).unwrap();
    insta::assert_snapshot!(outline(&request), @r"
    export to directory before: docker-image://docker.io/library/a:latest
    solve: mkfile /d | mkfile /e | docker-image://docker.io/library/a:latest | copy / /
    ");
    let pushes = world.pushes.borrow();
    let [push] = pushes.as_slice() else { panic!("pushed {} times", pushes.len()) };
    assert_eq!((push.exports.len(), push.name.as_str()), (1, "default"));
    assert_eq!(push.exports[0].variants()[0].definition, push.definition);
    assert_eq!(vertices(&push.definition), "docker-image://docker.io/library/a:latest");
}

#[test]
fn frontends_make_graphs_of_graphs() {
    let source = "fs default() {\n made\n run \"after\"\n}\nfs made() {\n frontend \"docker/dockerfile:1\" with option {\n  input \"context\" local(\"src\")\n  input \"empty\" scratch\n  opt \"target\" \"x\"\n }\n}";
    let mut world = world(source);
    // What the frontend returns was made somewhere else, from a file of its own.
    let other = MemoryWorld::new().file("main.hlb", "fs default() { image \"b\"; run \"inside\" }");
    let definition = single(&build(&other, &["default"]).unwrap()).definition.clone();
    let config = ImageConfig { env: vec!["PATH=/p".to_owned()], user: "u".to_owned(), ..ImageConfig::default() };
    world.made = Ok(FrontendResult { definition: definition.clone(), config: Some(config) });
    let request = build(&world, &["default"]).unwrap();
    let solve = single(&request);
    assert_eq!(
        vertices(&solve.definition),
        "docker-image://docker.io/library/b:latest | /bin/sh -c inside | /bin/sh -c after"
    );
    // The ops came through as they were, and the graph may read what the inputs read.
    assert_eq!(solve.definition.def[..2], definition.def[..2]);
    assert!(solve.locals.contains_key("src"));
    let map = solve.definition.source.as_ref().unwrap();
    let infos: Vec<usize> = map.infos.iter().map(|info| info.data.len()).collect();
    assert_eq!(infos, [source.len(), 40]);
    let places = &map.locations[&Digest::of(&solve.definition.def[1]).to_string()].locations;
    let places: Vec<(i32, i32)> =
        places.iter().map(|place| (place.source_index, place.ranges[0].start.unwrap().line)).collect();
    assert_eq!(places, [(1, 1), (0, 6), (0, 2)]);
    let calls = world.calls.borrow();
    let [call] = calls.as_slice() else { panic!("called {} times", calls.len()) };
    assert_eq!(call.source, "docker.io/docker/dockerfile:1");
    assert_eq!(call.opts["target"], "x");
    assert_eq!(vertices(&call.inputs["context"]), "local://src");
    assert_eq!(vertices(&call.inputs["empty"]), "scratch");
    assert_eq!(call.locals["src"].path, "src");
    let after = hlb_llb::definition::Graph::load(&solve.definition).unwrap();
    let Some(hlb_llb::pb::OpKind::Exec(exec)) = &after.vertices[2].op.op else { panic!("a command") };
    let meta = exec.meta.as_ref().unwrap();
    assert_eq!((meta.env.as_slice(), meta.user.as_str()), (["PATH=/p".to_owned()].as_slice(), "u"));
}

#[test]
fn a_frontends_nothing_is_scratch_and_its_rubbish_an_error() {
    let source = "fs default() { frontend \"f\"; mkdir \"/d\" 0o755 }";
    let mut world = world(source);
    let nothing = hlb_llb::pb::Definition::default();
    world.made = Ok(FrontendResult { definition: nothing.clone(), config: None });
    assert_eq!(outline(&build(&world, &["default"]).unwrap()), "solve: mkdir /d\n");
    let rubbish = hlb_llb::pb::Definition { def: vec![vec![0xff]], ..nothing };
    world.made = Ok(FrontendResult { definition: rubbish, config: None });
    let error = build(&world, &["default"]).unwrap_err();
    assert!(
        error.starts_with(
            "error[E0218]: the frontend `docker.io/library/f:latest` returned a graph that cannot be built: "
        ),
        "{error}"
    );
}

#[test]
fn later_builtins_do_not_take_names_from_programs() {
    let source = "fs default() { memory \"a\"; run \"x\" with memory(5) }\nfs memory(string author) { image author }";
    assert_eq!(
        outline(&build(&world(source), &["default"]).unwrap()),
        "solve: docker-image://docker.io/library/a:latest | /bin/sh -c x\n"
    );
}

#[test]
fn mistakes_are_told() {
    let bodies = [
        "image \"a\" with resolveMode(\"local-first\")",
        "image \"a\" with layerLimit(0)",
        "image \"a\" with platform(\"linux\", \"arm/v7/x\")",
        "ociLayout \"src\" \"nope\"",
        "ociLayout \"token\" \"\"",
        "http \"http://x\" with header(\"Cookie\", \"c\")",
        "git \"\" \"main\"",
        "git \"https://h/r\" \"main\" with checksum(\"main\")",
        "git \"ssh://h/r\" \"\" with option { ssh with target(\"/x\") }",
        "git \"https://h/r\" \"\" with authTokenSecret(\"nope\")",
        "frontend \"docker/dockerfile:1\"",
        "run \"x\" with option { ssh with localPaths(\"nope\") }",
        "run \"x\" with option { ssh with localPaths(\"keys\") }",
        "run \"x\" with forward(\"udp://h:1\", \"/s\")",
        "run \"x\" with forward(\"tcp://h\", \"/s\")",
        "run \"x\" with forward(\"unix://nope/s\", \"/s\")",
        "run \"x\" with forward(\"unix://token/s\", \"/s\")",
        "run \"x\" with secretEnv(\"A=B\", \"token\")",
        "run \"x\" with secretEnv(\"A\", \"keys\")",
        "run \"x\" with ulimit(\"nofiles\", 1, 2)",
        "run \"x\" with ulimit(\"nofile\", 3, 2)",
        "run \"x\" with validExitCodes(0, 256)",
        "run \"x\" with hostname(\"a b\")",
        "run \"x\" with memory(0)",
        "run \"x\" with cpusetCpus(\"all\")",
        "run \"x\" with option { mount scratch \"/m\" with tmpfsSize(0) }",
        "run \"x\" with option { mount scratch \"/m\" with option { tmpfsSize 5; cache \"c\" \"shared\" } }",
        "run \"x\" with option { mount scratch \"/m\" with mode(0o700) }",
        "run \"x\" with option { mount image(\"a\") \"/m\" with option { cache \"c\" \"shared\"; uid 1 } }",
        "run \"x\" with option { mount scratch \"\" }",
        "symlink \"\" \"/l\"",
        "copy scratch \"/\" \"/\" with chmodSymbolic(\"755\")",
        "mkdir \"/d\" 755",
        "mkfile \"/f\" 7777 \"\"",
        "healthcheck",
        "healthcheck \"x\" with interval(\"30\")",
        "healthcheck \"x\" with timeout(\"5ns\")",
        "healthcheck \"x\" with retries(0)",
        "expose \"http\"",
        "stopSignal \"SIGFOO\"",
        "dockerPush \"#\"",
        &format!("dockerLoad \"a@sha256:{}\"", "0".repeat(64)),
        "downloadOCITarball \"\"",
        "mkfile \"/d\" 0o644 pushed",
    ];
    let mut shown = String::new();
    for body in bodies {
        let source = format!("fs default() {{ {body} }}\nfs push() {{ dockerPush \"r\" as pushed }}");
        let world = world(&source);
        let checked = hlb_compiler::check(&world, "main.hlb".into());
        let mut said = render(&checked.sources, &checked.diagnostics);
        if !checked.has_errors()
            && let Err(message) = build(&world, &["default"])
        {
            said.push_str(&format!("(evaluation)\n{message}"));
        }
        shown.push_str(&format!("{said}-----\n"));
    }
    insta::with_settings!({ omit_expression => true }, { insta::assert_snapshot!("builtins_mistakes", shown) });
}

#[test]
fn what_fails_outside_is_told_with_what_to_do() {
    use hlb_compiler::WorldError;

    let source = "fs default() { mkfile \"/d\" 0o644 digest }\nfs push() { dockerPush \"r\" as digest }\nfs made() { frontend \"f\" }";
    let mut world = world(source);
    let unavailable = WorldError::Unavailable { reason: "no route".to_owned(), advice: "plug it in".to_owned() };
    (world.pushed, world.made) = (Err(unavailable.clone()), Err(unavailable));
    insta::assert_snapshot!(build(&world, &["default", "made"]).unwrap_err(), @r#"
    error[E0217]: cannot push `docker.io/library/r:latest`: no route
      main.hlb:2:13
        | fs push() { dockerPush "r" as digest }
        |             ^^^^^^^^^^
      main.hlb:1:34
        | fs default() { mkfile "/d" 0o644 digest }
        |                                  ------ in this call
      main.hlb:1:16
        | fs default() { mkfile "/d" 0o644 digest }
        |                ------ in this call
      help: plug it in
    error[E0218]: cannot run the frontend `docker.io/library/f:latest`: no route
      main.hlb:3:13
        | fs made() { frontend "f" }
        |             ^^^^^^^^
      help: plug it in
    "#);
    let other = WorldError::Other("denied".to_owned());
    (world.pushed, world.made) = (Err(other.clone()), Err(other));
    insta::assert_snapshot!(build(&world, &["default", "made"]).unwrap_err(), @r#"
    error[E0217]: cannot push `docker.io/library/r:latest`: denied
      main.hlb:2:13
        | fs push() { dockerPush "r" as digest }
        |             ^^^^^^^^^^
      main.hlb:1:34
        | fs default() { mkfile "/d" 0o644 digest }
        |                                  ------ in this call
      main.hlb:1:16
        | fs default() { mkfile "/d" 0o644 digest }
        |                ------ in this call
    error[E0218]: cannot run the frontend `docker.io/library/f:latest`: denied
      main.hlb:3:13
        | fs made() { frontend "f" }
        |             ^^^^^^^^
    "#);
}
