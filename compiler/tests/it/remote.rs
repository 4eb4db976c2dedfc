//! Modules of others: what their paths mean, and what they may not do.

use camino::Utf8Path;
use hlb_compiler::testing::{MemoryModule, MemoryWorld};
use hlb_compiler::{Checked, CommandOutput, Consent, Effect, Options, Request, check, compile};

use crate::support::{options, outline, render, solves};

/// A program that uses `x` of a module whose `build.hlb` has this text.
fn world(module: &str) -> MemoryWorld {
    let mut world = MemoryWorld::new()
        .file("main.hlb", "import m from \"git://h/r@v1\"\nfs default() { m.x }")
        .file("data/client", "")
        .file("/etc/passwd", "");
    let files = MemoryModule::new("c1").file("build.hlb", module).file("data/own", "").file("lib/l.hlb", LIB);
    world.modules.insert("https://h/r#v1".to_owned(), files);
    // The memory world has one set of files; those of the module stand where it says.
    world.files.insert("/modules/c1/data/own".into(), String::new());
    world.commands.insert("/bin/sh -c id".to_owned(), output("root"));
    world
}

const LIB: &str = "export data\nfs data() { local \"../data\" }";

fn output(text: &str) -> CommandOutput {
    CommandOutput { exit_code: 0, stdout: text.to_owned(), stderr: String::new(), combined: String::new() }
}

fn checked(world: &MemoryWorld) -> Checked {
    check(world, Utf8Path::new("main.hlb"))
}

fn build(world: &mut MemoryWorld, consent: &[&str]) -> Result<Request, String> {
    let mut given = Consent::none();
    for rule in consent {
        given.add(rule).unwrap();
    }
    world.consent = given.clone();
    let (checked, options) = (checked(world), Options { consent: given, ..options() });
    compile(world, &checked, &["default".into()], &options).map_err(|errors| render(&checked.sources, &errors.0))
}

/// Why evaluation refuses the program, whose check would let the module do everything.
fn refused_late(world: &mut MemoryWorld) -> String {
    world.consent.add("git://h/r=all").unwrap();
    let checked = checked(world);
    let errors = compile(world, &checked, &["default".into()], &options()).unwrap_err();
    render(&checked.sources, &errors.0)
}

#[test]
fn local_is_about_the_modules_own_files() {
    let program = "import l from \"lib/l.hlb\"\nexport x\nfs x() { local \"data\"; copy l.data \"/\" \"/\" }";
    let request = build(&mut world(program), &[]).unwrap();
    insta::assert_snapshot!(outline(&request), @"solve: local://git:c1/data | copy / /");
    let offered: Vec<_> = solves(&request)[0].locals.values().map(|dir| dir.path.to_string()).collect();
    assert_eq!(offered, ["/modules/c1/data"]);
}

#[test]
fn no_local_path_leads_out_of_a_module() {
    for path in ["..", "../data", "/etc", "~", "data/../../x"] {
        let said =
            build(&mut world(&format!("export x\nfs x() {{ local \"{path}\" }}")), &["git://h/r=all"]).unwrap_err();
        assert!(said.starts_with("error[E0152]: "), "{path}: {said}");
    }
}

#[test]
fn ignore_files_of_a_module_are_its_own() {
    let mut own = world(
        "export x\nexport o\nfs x() { local \"data\" with ignoreFile(\"data/own\") }\noption::local o() { ignoreFile \"../../etc/passwd\" }",
    );
    own.files.insert("/modules/c1/data/own".into(), "*.o\n".to_owned());
    let request = build(&mut own, &[]).unwrap();
    let graph = hlb_llb::definition::Graph::load(&solves(&request)[0].definition).unwrap();
    assert!(format!("{graph:?}").contains(r#""local.excludepatterns": "[\"*.o\"]""#), "{graph:?}");
    // Nor does it read files of this machine where somebody else uses its options.
    own.files.insert(
        "main.hlb".into(),
        "import m from \"git://h/r@v1\"\nfs default() { local \"data\" with m.o }".to_owned(),
    );
    let said = build(&mut own, &["git://h/r=all"]).unwrap_err();
    assert!(said.starts_with("error[E0152]: `../../etc/passwd` leads out of the module"), "{said}");
}

#[test]
fn what_reaches_this_machine_needs_consent() {
    let program = "export x\nfs x() { scratch; mkfile \"/a\" 0o644 localRun(\"id\") }";
    let mut refused = world(program);
    insta::assert_snapshot!(build(&mut refused, &["git://h/r=env", "git://h/other=all"]).unwrap_err(), @r#"
    error[E0153]: the module `git://h/r` wants to run commands on this machine, and nobody has said that it may
      main.hlb:2:18
        | fs default() { m.x }
        |                  ^
      h/r@v1/build.hlb:2:4
        | fs x() { scratch; mkfile "/a" 0o644 localRun("id") }
        |    - it does so here
      help: if it may, say so with `--trust git://h/r=run`
    "#);
    insta::assert_snapshot!(refused_late(&mut refused), @r#"
    error[E0153]: the module `git://h/r` wants to run commands on this machine, and nobody has said that it may
      h/r@v1/build.hlb:2:37
        | fs x() { scratch; mkfile "/a" 0o644 localRun("id") }
        |                                     ^^^^^^^^
      h/r@v1/build.hlb:2:19
        | fs x() { scratch; mkfile "/a" 0o644 localRun("id") }
        |                   ------ in this call
      main.hlb:2:16
        | fs default() { m.x }
        |                --- in this call
      help: if it may, say so with `--trust git://h/r=run`
    "#);
    assert!(refused.ran.borrow().is_empty());
    let mut allowed = world(program);
    build(&mut allowed, &["git://h/r=run"]).unwrap();
    assert_eq!(*allowed.ran.borrow(), ["/modules/c1: /bin/sh -c id"]);
}

#[test]
fn each_way_out_is_guarded() {
    for (statement, effect) in [
        ("run localEnv(\"X\")", Effect::Env),
        ("run localCwd", Effect::Env),
        ("run \"x\" with secret(\"/etc/passwd\", \"/x\")", Effect::Secret),
        ("run \"x\" with ssh", Effect::Ssh),
        ("run \"x\" with forward(\"tcp://h:1\", \"/x\")", Effect::Forward),
        ("download \"out\"", Effect::Download),
        ("downloadTarball \"out\"", Effect::Download),
        ("dockerPush \"h.example/x\"", Effect::Push),
        ("dockerLoad \"x\"", Effect::Load),
        ("ociLayout \"/etc\" \"x\"", Effect::Local),
        ("mkfile \"/a\" 0o644 read(scratch, \"/b\")", Effect::Build),
        ("mkfile \"/a\" 0o644 (env.get(\"X\") ?? \"\")", Effect::Env),
        ("http \"https://h/x\" with authHeaderSecret(\"/etc/passwd\")", Effect::Secret),
    ] {
        let mut world = world(&format!("export x\nfs x() {{ scratch; {statement} }}"));
        for said in [build(&mut world, &[]).unwrap_err(), refused_late(&mut world)] {
            assert!(said.contains(&format!("--trust git://h/r={effect}")), "{statement}: {said}");
        }
    }
}

#[test]
fn what_the_client_hands_over_is_the_clients() {
    let mut world = world("export x\nfs x(string text) { scratch; mkfile \"/a\" 0o644 text }");
    world
        .files
        .insert("main.hlb".into(), "import m from \"git://h/r@v1\"\nfs default() { m.x localRun(\"id\") }".to_owned());
    build(&mut world, &[]).unwrap();
}

#[test]
fn an_expression_gives_a_module() {
    let mut world = MemoryWorld::new()
        .file(
            "main.hlb",
            "import a from \"./a.hlb\"\nimport b from a.where\nimport c from image(b.name)\nimport d from fs { c.mod }\n\
             fs default() { d.x }",
        )
        .file("a.hlb", "export where\nstring where() { \"./b.hlb\" }")
        .file("b.hlb", "export name\nstring name() { \"o/c\" }");
    world.modules.insert(
        "an import".to_owned(),
        MemoryModule::new("f1")
            .file("module.hlb", "export mod\nexport x\nfs mod() { image \"o/d\" }\nfs x() { scratch }"),
    );
    assert_eq!(render(&checked(&world).sources, &checked(&world).diagnostics), "");
    assert_eq!(outline(&build(&mut world, &[]).unwrap()), "solve: scratch\n");
}

#[test]
fn an_expression_that_is_no_module_is_told() {
    let said = |main: &str| {
        let checked = checked(&MemoryWorld::new().file("main.hlb", main));
        render(&checked.sources, &checked.diagnostics)
    };
    insta::assert_snapshot!(said("import a from imag(\"x\")\nfs default() { a.x }"), @r#"
    error[E0101]: `imag` is not defined
      main.hlb:1:15
        | import a from imag("x")
        |               ^^^^
      help: did you mean `image`?
      fix: replace `imag` by `image` ["image"]
    "#);
    insta::assert_snapshot!(said("import a from image(\"x\")\nfs default() { a.x }"), @r#"
    warning[E0151]: the module `image("x")` is not at hand, so what is used of it is not checked
      main.hlb:1:15
        | import a from image("x")
        |               ^^^^^^^^^^
      help: get it with `hlbc run` or `hlbc vendor`
    "#);
}

#[test]
fn imports_of_a_module_reach_this_machine_only_with_consent() {
    let program = "import z from image(localEnv(\"NAME\"))\nexport x\nfs x() { z.x }";
    let mut world = world(program);
    world.fetches = true;
    world
        .modules
        .insert("an import".to_owned(), MemoryModule::new("f1").file("module.hlb", "export x\nfs x() { scratch }"));
    world.env.insert("NAME".to_owned(), "o/z".to_owned());
    let said = render(&checked(&world).sources, &checked(&world).diagnostics);
    assert!(said.starts_with("error[E0153]") && said.contains("--trust git://h/r=env"), "{said}");
    world.consent.add("git://h/r=env").unwrap();
    assert_eq!(render(&checked(&world).sources, &checked(&world).diagnostics), "");
    // What the module has imported is not trusted with it.
    assert!(!world.consent.allows("image(localEnv(\"NAME\"))", Effect::Env));
}

#[test]
fn each_use_is_told_by_the_check_whatever_leads_to_it() {
    let mut world = MemoryWorld::new().file(
        "main.hlb",
        "import m from \"git://h/r\"\nimport n from \"./n.hlb\"\nstring name() { \"x\" }\nlet who = m.who\n\
         fs default() { scratch; run name who n.late }\nfs other() { m.clean }\nfs nested() { m.nested }",
    );
    world.files.insert(
        "n.hlb".into(),
        "import m from \"git://h/r\"\nexport string late() { [\"a\"].map(m.each).join(\"\") }".to_owned(),
    );
    let module = "import z from \"git://h/z\"\nexport let who = localEnv(\"USER\")\nexport string each(string s) { inner(s) }\n\
                  string inner(string s) { localRun(s) }\nexport fs clean() { local \".\" }\nexport fs nested() { z.key }";
    world.modules.insert("https://h/r#".to_owned(), MemoryModule::new("c1").file("build.hlb", module));
    let key = "export fs key() { scratch; run \"x\" with ssh }";
    world.modules.insert("https://h/z#".to_owned(), MemoryModule::new("c2").file("build.hlb", key));
    insta::assert_snapshot!(render(&checked(&world).sources, &checked(&world).diagnostics), @r#"
    error[E0153]: the module `git://h/r` wants to read the environment of this machine, and nobody has said that it may
      main.hlb:4:13
        | let who = m.who
        |             ^^^
      h/r/build.hlb:2:12
        | export let who = localEnv("USER")
        |            --- it does so here
      help: if it may, say so with `--trust git://h/r=env`
    error[E0153]: the module `git://h/z` wants to use the SSH agent of this machine, and nobody has said that it may
      main.hlb:7:17
        | fs nested() { m.nested }
        |                 ^^^^^^
      h/z/build.hlb:1:11
        | export fs key() { scratch; run "x" with ssh }
        |           --- it does so here
      help: if it may, say so with `--trust git://h/z=ssh`
    error[E0153]: the module `git://h/r` wants to run commands on this machine, and nobody has said that it may
      n.hlb:2:36
        | export string late() { ["a"].map(m.each).join("") }
        |                                    ^^^^
      h/r/build.hlb:4:8
        | string inner(string s) { localRun(s) }
        |        ----- it does so here
      help: if it may, say so with `--trust git://h/r=run`
    "#);
    // Trust is not passed on.
    world.consent.add("git://h/r=all").unwrap();
    insta::assert_snapshot!(render(&checked(&world).sources, &checked(&world).diagnostics), @r#"
    error[E0153]: the module `git://h/z` wants to use the SSH agent of this machine, and nobody has said that it may
      main.hlb:7:17
        | fs nested() { m.nested }
        |                 ^^^^^^
      h/z/build.hlb:1:11
        | export fs key() { scratch; run "x" with ssh }
        |           --- it does so here
      help: if it may, say so with `--trust git://h/z=ssh`
    "#);
    assert!(!checked(&world).unjudged().has_errors());
    world.consent.add("git://h/z=ssh").unwrap();
    assert_eq!(render(&checked(&world).sources, &checked(&world).diagnostics), "");
}
