//! What programs evaluate to.

use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{CommandOutput, ImageConfig, ImageManifest};
use hlb_llb::pb;

use crate::support::{build, build_text, outline, single, solves, vertices};

fn check(source: &str, expected: &str) {
    check_target(source, "default", expected);
}

fn check_target(source: &str, target: &str, expected: &str) {
    let got = build_text(source, target).map(|request| outline(&request)).unwrap_or_else(|message| message);
    assert_eq!(got.trim_end(), expected.trim_end(), "{source}");
}

fn answer(stdout: &str) -> CommandOutput {
    CommandOutput {
        exit_code: 0,
        stdout: stdout.to_owned(),
        stderr: "err\n".to_owned(),
        combined: format!("{stdout}err\n"),
    }
}

#[test]
fn bound_results_are_the_value_at_that_point() {
    let source =
        "fs default() {\n\tscratch\n\trun \"make\" with option { mount scratch \"/out\" as bin }\n\trun \"after\"\n}";
    // Alone, `default` needs nothing of the mount, and `bin` nothing of what follows.
    check(source, "solve: /bin/sh -c make | /bin/sh -c after");
    check_target(source, "bin", "solve: /bin/sh -c make @1");
}

#[test]
fn one_op_serves_all_results() {
    let source = "fs default() {\n\tcopy bin \"/\" \"/\"\n\tcopy log \"/\" \"/\"\n\tcopy build \"/\" \"/\"\n}\nfs build() {\n\trun \"make\" with option {\n\t\tmount scratch \"/out\" as bin\n\t\tmount scratch \"/log\" as log\n\t}\n}";
    check(source, "solve: /bin/sh -c make | copy / / | copy / / | copy / /");
    // Targets of one run share the op as well.
    let world = MemoryWorld::new().file("main.hlb", source);
    let request = build(&world, &["build", "bin", "log"]).unwrap();
    let ops: Vec<&hlb_llb::pb::Bytes> = solves(&request).into_iter().map(|solve| &solve.definition.def[0]).collect();
    assert_eq!(ops.len(), 3);
    assert!(ops.iter().all(|op| *op == ops[0]));
    assert_eq!(
        outline(&request),
        "parallel\n  solve: /bin/sh -c make\n  solve: /bin/sh -c make @2\n  solve: /bin/sh -c make @1\n"
    );
}

#[test]
fn a_bound_name_can_be_used_later_in_its_own_function() {
    check(
        "fs default() {\n\trun \"x\" with option { mount scratch \"/a\" as (target a) }\n\tcopy a \"/\" \"/a\"\n}",
        "solve: /bin/sh -c x | copy / /a",
    );
    check(
        "fs f(string s) {\n\trun s with option { mount scratch \"/a\" as out }\n\tcopy out \"/\" \"/1\"\n\tcopy out(s) \"/\" \"/2\"\n}\nfs default() { f \"x\" }",
        "solve: /bin/sh -c x | copy / /1 | copy / /2",
    );
}

#[test]
fn a_bound_name_has_the_parameters_of_its_function() {
    check(
        "fs f(string s) { run s with option { mount scratch \"/o\" as out } }\nfs default() { merge out(\"a\") out(\"b\") out(\"a\") }",
        "solve: /bin/sh -c a | /bin/sh -c b | merge (/bin/sh -c a, /bin/sh -c b, /bin/sh -c a)",
    );
}

#[test]
fn a_bound_mount_forgets_the_state_and_keeps_the_inputs_config() {
    let source = "fs default() {\n\tout\n\trun \"y\"\n}\nfs b() {\n\timage \"a\"\n\tenv \"A\" \"1\"\n\tdir \"/d\"\n\trun \"x\" with option { mount fs { scratch; user \"u\" } \"/o\" as out }\n}";
    let request = build_text(source, "default").unwrap();
    let exec = last_exec(&single(&request).definition);
    let meta = exec.meta.unwrap();
    assert_eq!((meta.cwd.as_str(), meta.env, meta.user.as_str()), ("/", vec![], "u"));
}

fn last_exec(definition: &pb::Definition) -> pb::ExecOp {
    let graph = hlb_llb::definition::Graph::load(definition).unwrap();
    let mut execs = graph.vertices.iter().rev().filter_map(|vertex| match &vertex.op.op {
        Some(pb::OpKind::Exec(exec)) => Some(exec.clone()),
        _ => None,
    });
    execs.next().expect("there is a command")
}

#[test]
fn statements_thread_the_filesystem() {
    check(
        "fs default() { image \"a\"; b; run \"x\" }\nfs b() { run \"b\" }",
        "solve: docker-image://docker.io/library/a:latest | /bin/sh -c b | /bin/sh -c x",
    );
    check(
        "fs default() { image \"a\"; nothing; run \"x\" }\nfs nothing()",
        "solve: docker-image://docker.io/library/a:latest | /bin/sh -c x",
    );
    check("fs default() { image \"a\"; image \"b\" }", "solve: docker-image://docker.io/library/b:latest");
    check("fs default() {}", "nil");
    check("fs default() { scratch }", "solve: scratch");
    check("fs default() { diff scratch }", "solve: scratch");
    check("fs default() { image \"a\"; diff scratch }", "solve: docker-image://docker.io/library/a:latest");
    check("fs default() { merge scratch image(\"a\") }", "solve: docker-image://docker.io/library/a:latest");
    check("fs default() { breakpoint \"x\" 1 foo; scratch }", "solve: scratch");
}

#[test]
fn variadic_parameters_pass_on_any_number() {
    check("fs say(variadic string words) { run words }\nfs default() { say \"echo\" \"a\" \"b\" }", "solve: echo a b");
    check("fs say(variadic string words) { run \"echo\" words \"end\" }\nfs default() { say }", "solve: echo end");
    check(
        "fs two(string first, variadic string rest) { say rest first }\nfs say(variadic string words) { run words }\nfs default() { two \"a\" \"b\" \"c\" }",
        "solve: b c a",
    );
    check(
        "fs all(variadic fs xs) { merge xs }\nfs default() { all image(\"a\") image(\"b\") }",
        "solve: docker-image://docker.io/library/a:latest | docker-image://docker.io/library/b:latest | merge (docker-image://docker.io/library/a:latest, docker-image://docker.io/library/b:latest)",
    );
    check(
        "fs r(variadic option::run os) { run \"x\" \"y\" with option { os } }\nfs default() { r option::run { network \"none\" } option::run { shlex } }",
        "solve: x y",
    );
}

#[test]
fn truth_values_and_numbers_are_texts_in_strings() {
    check(
        "fs default() { run \"a\" \"${1} ${0x10} ${true} ${b} ${empty}|\" }\nbool b() { false }\nint empty() {}",
        "solve: a '1 16 true false 0|'",
    );
    check_target("bool b() { true }", "b", "nil");
}

#[test]
fn arguments_are_evaluated_once_and_only_if_needed() {
    let mut world = MemoryWorld::new().file(
        "main.hlb",
        "fs default() {\n\tf string { localRun \"used\" } string { localRun \"unused\" }\n\trun g\n\trun g\n\trun h(\"a\") h(\"a\") h(\"b\")\n}\nfs f(string s, string t) { run \"${s} ${s}\"; run s }\nstring g() { localRun \"g\" }\nstring h(string x) { localRun \"h\" x }",
    );
    for (command, stdout) in [("/bin/sh -c used", "u\n"), ("/bin/sh -c g", "g\n\n"), ("h a", "ha"), ("h b", "hb")] {
        world.commands.insert(command.to_owned(), answer(stdout));
    }
    let request = build(&world, &[]).unwrap();
    assert_eq!(
        vertices(&single(&request).definition),
        "/bin/sh -c 'u u' | /bin/sh -c u | /bin/sh -c g | /bin/sh -c g | ha ha hb"
    );
    assert_eq!(*world.ran.borrow(), [".: /bin/sh -c used", ".: /bin/sh -c g", ".: h a", ".: h b"]);
}

#[test]
fn a_call_on_another_filesystem_is_another_call() {
    check(
        "fs default() { merge fs { image \"a\"; add } fs { image \"b\"; add } }\nfs add() { run \"x\" with option { mount scratch \"/o\" as out } }",
        "solve: docker-image://docker.io/library/a:latest | /bin/sh -c x | docker-image://docker.io/library/b:latest | /bin/sh -c x | merge (/bin/sh -c x, /bin/sh -c x)",
    );
}

#[test]
fn exports_follow_what_is_made_from_them() {
    check(
        "fs default() { image \"a\"; download \"out\"; run \"x\" }",
        "export to directory out: docker-image://docker.io/library/a:latest\nsolve: docker-image://docker.io/library/a:latest | /bin/sh -c x",
    );
    // A new source does not lose them.
    check(
        "fs default() { image \"a\"; download \"out\"; scratch }",
        "export to directory out: docker-image://docker.io/library/a:latest\nsolve: scratch",
    );
    check(
        "fs default() { d; b }\nfs d() { image \"a\"; downloadTarball \"d/x.tar\" }\nfs b() { image \"b\" }",
        "export to tar d/x.tar: docker-image://docker.io/library/a:latest\nsolve: docker-image://docker.io/library/b:latest",
    );
    check(
        "fs d(string n) { image n; download n }\nfs default() { copy d(\"a\") \"/\" \"/\"; merge d(\"b\"); diff d(\"c\"); run \"x\" with option { mount d(\"d\") \"/d\" } }",
        "export to directory a: docker-image://docker.io/library/a:latest\nexport to directory b: docker-image://docker.io/library/b:latest\nexport to directory c: docker-image://docker.io/library/c:latest\nexport to directory d: docker-image://docker.io/library/d:latest\nsolve: docker-image://docker.io/library/c:latest | docker-image://docker.io/library/a:latest | copy / / | docker-image://docker.io/library/b:latest | merge (copy / /, docker-image://docker.io/library/b:latest) | diff (docker-image://docker.io/library/c:latest) -> (merge (copy / /, docker-image://docker.io/library/b:latest)) | docker-image://docker.io/library/d:latest | /bin/sh -c x",
    );
    // Once, however often the value is used.
    check(
        "fs d() { image \"a\"; download \"o\" }\npipeline default() { stage d; stage fs { d; run \"x\" } }",
        "sequential\n  export to directory o: docker-image://docker.io/library/a:latest\n  solve: docker-image://docker.io/library/a:latest\n  solve: docker-image://docker.io/library/a:latest | /bin/sh -c x",
    );
}

#[test]
fn stages_run_after_one_another() {
    let a = "docker-image://docker.io/library/a:latest";
    check("pipeline default() { stage image(\"a\") }", &format!("solve: {a}"));
    check("pipeline default() { stage fs { image \"a\" } \"text\" 5 }", &format!("solve: {a}"));
    check(
        "pipeline default() { stage p; stage f(image(\"a\")) }\npipeline p() { stage scratch; stage scratch }\npipeline f(pipeline x) { x; stage x scratch }",
        &format!(
            "sequential\n  solve: scratch\n  solve: scratch\n  solve: {a}\n  parallel\n    solve: {a}\n    solve: scratch"
        ),
    );
    check("pipeline default() {}", "nil");
}

#[test]
fn image_configs_reach_commands_and_the_result() {
    let config = ImageConfig {
        env: vec!["PATH=/bin".to_owned(), "A=1".to_owned()],
        working_dir: "/w".to_owned(),
        user: "web".to_owned(),
        architecture: "amd64".to_owned(),
        os: "linux".to_owned(),
        ..ImageConfig::default()
    };
    let mut world = MemoryWorld::new().file(
        "main.hlb",
        "fs default() {\n\timage \"a\"\n\tenv \"PATH\" \"/x\"\n\tdir \"sub\"\n\tmkfile \"f\" 0o644 \"\"\n\trun \"x\" with option { dir \"y\"; env \"Z\" \"z\" }\n\tentrypoint \"e\" \"f\"\n\tcmd \"c\"\n\tlabel \"k\" \"v\"\n\tlabel \"l\" \"w\"\n\texpose \"80/tcp\"\n\tvolumes \"/v\"\n\tstopSignal \"9\"\n}\nfs other() { image \"b\" }",
    );
    world.images = Some([("docker.io/library/a:latest".to_owned(), config)].into());
    let request = build(&world, &[]).unwrap();
    let solve = single(&request);
    assert_eq!(
        vertices(&solve.definition),
        "docker-image://docker.io/library/a:latest | mkfile /w/sub/f | /bin/sh -c x"
    );
    let meta = last_exec(&solve.definition).meta.unwrap();
    assert_eq!((meta.cwd.as_str(), meta.user.as_str()), ("/w/sub/y", "web"));
    assert_eq!(meta.env, ["A=1", "PATH=/x", "Z=z"]);
    insta::assert_debug_snapshot!(solve.image);
    let error = build(&world, &["other"]).unwrap_err();
    assert!(
        error.starts_with("error[E0207]: cannot look up the image `docker.io/library/b:latest`: no such image"),
        "{error}"
    );
}

#[test]
fn local_paths_are_seen_from_the_module() {
    let world = MemoryWorld::new()
        .file("main.hlb", "fs default() { local \"src\" with option { includePatterns \"*.c\"; includePatterns \"*.h\"; excludePatterns \"x*\" }; copy local(\"src/a.c\") \"a.c\" \"/\"; run \"x\" with option { secret \"src\" \"/s\" with option { includePatterns \"*.c\"; mode 0o444 }; secret \"~/key\" \"/k\" } }")
        .file("src/a.c", "a")
        .file("src/b.h", "b")
        .file("/home/user/key", "k");
    let request = build(&world, &[]).unwrap();
    let solve = single(&request);
    assert_eq!(vertices(&solve.definition), "local://src | local://src/a.c | copy /a.c / | /bin/sh -c x");
    let locals: Vec<(&str, &str)> = solve.locals.iter().map(|(name, dir)| (name.as_str(), dir.path.as_str())).collect();
    assert_eq!(locals, [("src", "src"), ("src/a.c", "src")]);
    let mut secrets: Vec<&str> = solve.secrets.values().map(|path| path.as_str()).collect();
    secrets.sort_unstable();
    assert_eq!(secrets, ["/home/user/key", "src/a.c"]);
    let mounts: Vec<(String, u32)> = last_exec(&solve.definition)
        .mounts
        .iter()
        .filter_map(|mount| Some((mount.dest.clone(), mount.secret_opt.as_ref()?.mode)))
        .collect();
    assert_eq!(mounts, [("/s/a.c".to_owned(), 0o444), ("/k".to_owned(), 0o400)]);
    let attrs = |name: &str| {
        let graph = hlb_llb::definition::Graph::load(&solve.definition).unwrap();
        let found = graph.vertices.iter().find_map(|vertex| match &vertex.op.op {
            Some(pb::OpKind::Source(source)) if source.identifier == name => Some(source.attrs.clone()),
            _ => None,
        });
        found.unwrap()
    };
    assert_eq!(attrs("local://src")["local.includepattern"], "[\"*.h\"]");
    assert_eq!(attrs("local://src/a.c")["local.includepattern"], "[\"a.c\"]");
}

#[test]
fn ignore_files_add_to_what_is_left_out() {
    let exclude = |options: &str| {
        let world = MemoryWorld::new()
            .file("main.hlb", format!("fs default() {{ local \"src\" with option {{\n{options}\n}} }}"))
            .file("src/a.c", "")
            .file("src/.dockerignore", "\u{feff}# built\n/*.o\r\n\n!keep.o\n")
            .file("other", "x\n");
        let request = match build(&world, &[]) {
            Ok(request) => request,
            Err(errors) => return errors,
        };
        let graph = hlb_llb::definition::Graph::load(&single(&request).definition).unwrap();
        let found = graph.vertices.iter().find_map(|vertex| match &vertex.op.op {
            Some(pb::OpKind::Source(source)) => source.attrs.get("local.excludepatterns").cloned(),
            _ => None,
        });
        found.unwrap_or_default()
    };
    assert_eq!(exclude("ignoreFile \"src/.dockerignore\""), r#"["*.o","!keep.o"]"#);
    assert_eq!(exclude("ignoreFile \"other\"; excludePatterns \"y\""), r#"["y","x"]"#);
    assert_eq!(exclude("ignoreFile \"src/.dockerignore\"; ignoreFile \"other\""), r#"["x"]"#, "the last one counts");
    insta::assert_snapshot!(exclude("ignoreFile \"none\""), @r#"
    error[E0205]: cannot use the ignore file `none`: no such file or directory: none
      main.hlb:2:12
        | ignoreFile "none"
        |            ^^^^^^
      main.hlb:1:16
        | fs default() { local "src" with option {
        |                ----- in this call
      help: check the path: it is relative to the directory of the file that names it
    "#);
}

#[test]
fn read_only_mounts_get_the_mount_points_of_others() {
    check(
        "fs default() { run \"x\" with option {\n\tmount image(\"a\") \"/foo\" with option { readonly; sourcePath \"/sub\" }\n\tmount scratch \"/foobar\"\n\tmount scratch \"/foo/in/ner\"\n} }",
        "solve: docker-image://docker.io/library/a:latest | mkdir /sub/in/ner | /bin/sh -c x",
    );
    let world = MemoryWorld::new()
        .file("main.hlb", "fs default() { run \"x\" with option { mount scratch \"/r\" with readonly; secret \"k\" \"/r/d/k\"; secret \"k\" \"/r/d/l\" } }")
        .file("k", "");
    assert_eq!(outline(&build(&world, &[]).unwrap()), "solve: mkdir /d | mkfile /d/l | mkfile /d/k | /bin/sh -c x\n");
}

#[test]
fn the_world_answers_strings() {
    let mut world = MemoryWorld::new().file(
        "main.hlb",
        "fs default() { run format(\"%s|%s|%s|%s\" localOs localArch localCwd localEnv(\"K\")) localRun(\"c\") localRun(\"c\", \"d\") string { localRun \"c\" with includeStderr } string { localRun \"c\" with onlyStderr } string { localRun \"e f\" with option { shlex; ignoreError } } }",
    );
    world.env.insert("K".to_owned(), "v".to_owned());
    world.commands.insert("/bin/sh -c c".to_owned(), answer("out\n\n"));
    world.commands.insert("c d".to_owned(), answer("cd"));
    world.commands.insert("e f".to_owned(), CommandOutput { exit_code: 1, ..answer("ef") });
    let request = build(&world, &[]).unwrap();
    assert_eq!(vertices(&single(&request).definition), "'linux|amd64|/work|v' out cd 'out\\n\\nerr' err ef");
}

#[test]
fn manifests_bind_their_parts() {
    let manifest =
        ImageManifest { digest: "sha256:d".into(), manifest: "{m}".into(), config: "{c}".into(), index: None };
    let mut world = MemoryWorld::new().file(
        "main.hlb",
        "string m() { manifest \"a\" as (digest d, config c, index i) }\nfs default() { run m d c }\nfs index() { run i }",
    );
    world.manifests = Some([("docker.io/library/a:latest".to_owned(), manifest)].into());
    assert_eq!(outline(&build(&world, &[]).unwrap()), "solve: '{m}' sha256:d '{c}'\n");
    let error = build(&world, &["index"]).unwrap_err();
    assert!(error.contains("has no index: it is for one platform only"), "{error}");
}

#[test]
fn ops_know_the_calls_that_made_them() {
    // The row `loc` of the conformance data.
    let source = "fs default() {\n\touter \"x\"\n}\nfs outer(string s) {\n\timage s\n\tmkfile \"a\" 0o644 s\n\tinner\n}\nfs inner() {\n\tmkdir \"q\" 0o755\n}";
    let request = build_text(source, "default").unwrap();
    let definition = &single(&request).definition;
    let map = definition.source.as_ref().unwrap();
    assert_eq!(map.infos.len(), 1);
    assert_eq!((map.infos[0].filename.as_str(), map.infos[0].language.as_str()), ("main.hlb", "HLB"));
    assert_eq!(map.infos[0].data, source.as_bytes());
    let mut shown = String::new();
    for op in &definition.def {
        let digest = hlb_llb::Digest::of(op).to_string();
        let Some(locations) = map.locations.get(&digest) else { continue };
        let ranges: Vec<String> = locations
            .locations
            .iter()
            .flat_map(|location| &location.ranges)
            .map(|range| {
                let (start, end) = (range.start.unwrap(), range.end.unwrap());
                format!("{}:{}-{}:{}", start.line, start.character, end.line, end.character)
            })
            .collect();
        shown.push_str(&format!("{}\n", ranges.join(" < ")));
    }
    assert_eq!(shown, "5:2-5:7 < 2:2-2:7\n6:2-6:8 < 2:2-2:7\n10:2-10:7 < 7:2-7:7 < 2:2-2:7\n");
}

#[test]
fn deep_and_long_programs_end_in_time_and_stack() {
    let mut chain = String::new();
    for n in 0..5000 {
        chain.push_str(&format!("fs f{n}() {{ f{}; mkdir \"/{n}\" 0o755 }}\n", n + 1));
    }
    let request = build_text(&format!("{chain}fs f5000() {{ scratch }}\nfs default() {{ f0 }}"), "default").unwrap();
    assert_eq!(single(&request).definition.def.len(), 5001);
    let statements: String = (0..20_000).map(|n| format!("\tmkdir \"/{n}\" 0o755\n")).collect();
    let request = build_text(&format!("fs default() {{\n\timage \"a\"\n{statements}}}"), "default").unwrap();
    assert_eq!(single(&request).definition.def.len(), 20_002);
    // As deep as is allowed, in the stack of a test thread.
    let mut nested = String::from("fs default() { f0 }\n");
    for n in 0..48 {
        nested.push_str(&format!(
            "fs f{n}() {{ copy fs {{ run \"a${{string {{ format \"%s\" \"x\"; }}}}\"; f{} }} \"/\" \"/\" }}\n",
            n + 1
        ));
    }
    nested.push_str("fs f48() { scratch }");
    assert!(build_text(&nested, "default").is_ok());
}

#[test]
fn programs_that_would_never_end_are_stopped() {
    let doubling = |head: &str, first: &str, body: &dyn Fn(usize) -> String| {
        let mut source = first.to_owned();
        for n in 1..=40 {
            source.push_str(&format!("\n{head}{n}() {{ {} }}", body(n - 1)));
        }
        source
    };
    for (source, message) in [
        (
            doubling("fs f", "fs f0() { env \"A\" \"b\" }\nfs default() { f40 }", &|n| format!("f{n}; f{n}")),
            "evaluates more than",
        ),
        (
            doubling("string f", "string f0() { \"x\" }\nfs default() { run f40 }", &|n| {
                format!("\"${{f{n}}}${{f{n}}}\"")
            }),
            "longer than 16 MiB",
        ),
        (
            doubling("option::run f", "option::run f0() { shlex }\nfs default() { run \"x\" with f40 }", &|n| {
                format!("f{n}; f{n}")
            }),
            "more than 100000 things",
        ),
        (
            doubling("pipeline f", "pipeline f0() { stage scratch }\npipeline default() { f40 }", &|n| {
                format!("stage f{n} f{n}")
            }),
            "more than 100000 things",
        ),
    ] {
        let error = build_text(&source, "default").unwrap_err();
        assert!(error.starts_with("error[E0213]") && error.contains(message), "{error}");
    }
}

#[test]
fn platforms_stay_with_what_they_were_asked_for() {
    let platforms = |source: &str| -> Vec<String> {
        let request = build_text(source, "default").unwrap();
        let graph = hlb_llb::definition::Graph::load(&single(&request).definition).unwrap();
        let shown = |vertex: &hlb_llb::definition::LoadedVertex| {
            let platform = vertex.op.platform.as_ref().map_or("-", |platform| platform.architecture.as_str());
            format!("{} {platform}", vertex.name)
        };
        graph.vertices.iter().map(shown).collect()
    };
    let arm = "image \"a\" with platform(\"linux\", \"arm64\")";
    assert_eq!(
        platforms(&format!("fs default() {{ image \"b\"; copy fs {{ {arm}; run \"x\" }} \"/\" \"/\"; run \"y\" }}")),
        [
            "docker-image://docker.io/library/b:latest amd64",
            "docker-image://docker.io/library/a:latest arm64",
            "/bin/sh -c x arm64",
            "copy / / -",
            "/bin/sh -c y amd64"
        ]
    );
    // Commands on the empty filesystem run on the platform of what they are built for.
    assert_eq!(
        platforms(&format!("fs default() {{ {arm}; copy fs {{ run \"x\" }} \"/\" \"/\" }}")),
        ["docker-image://docker.io/library/a:latest arm64", "/bin/sh -c x arm64", "copy / / -"]
    );
}

#[test]
fn nesting_as_deep_as_the_parser_allows_is_checked() {
    for levels in [60, 150, 199, 1_000] {
        let source =
            format!("fs default() {{ {}scratch{} }}", "copy fs { ".repeat(levels), " } \"/\" \"/\"".repeat(levels));
        // Either it is built, or some limit is named; what it must not do is overflow the stack.
        if let Err(message) = build_text(&source, "default") {
            assert!(message.contains("nested more than"), "{message}");
        }
        let calls = format!(
            "string f(string s) {{ s }}\nstring default() {{ {}\"x\"{} }}",
            "f ".to_owned() + &"f(".repeat(levels),
            ")".repeat(levels)
        );
        if let Err(message) = build_text(&calls, "default") {
            assert!(message.contains("nested more than"), "{message}");
        }
    }
}
