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

fn build(world: &MemoryWorld, consent: &[&str]) -> Result<Request, String> {
    let checked = checked(world);
    let mut given = Consent::none();
    for rule in consent {
        given.add(rule).unwrap();
    }
    let options = Options { consent: given, ..options() };
    compile(world, &checked, &["default".into()], &options).map_err(|errors| render(&checked.sources, &errors.0))
}

#[test]
fn local_is_about_the_modules_own_files() {
    let program = "import l from \"lib/l.hlb\"\nexport x\nfs x() { local \"data\"; copy l.data \"/\" \"/\" }";
    let request = build(&world(program), &[]).unwrap();
    insta::assert_snapshot!(outline(&request), @"solve: local://git:c1/data | copy / /");
    let offered: Vec<_> = solves(&request)[0].locals.values().map(|dir| dir.path.to_string()).collect();
    assert_eq!(offered, ["/modules/c1/data"]);
}

#[test]
fn no_local_path_leads_out_of_a_module() {
    for path in ["..", "../data", "/etc", "~", "data/../../x"] {
        let said = build(&world(&format!("export x\nfs x() {{ local \"{path}\" }}")), &["git://h/r=all"]).unwrap_err();
        assert!(said.starts_with("error[E0152]: "), "{path}: {said}");
    }
}

#[test]
fn what_reaches_this_machine_needs_consent() {
    let program = "export x\nfs x() { scratch; mkfile \"/a\" 0o644 localRun(\"id\") }";
    let refused = world(program);
    insta::assert_snapshot!(build(&refused, &["git://h/r=env", "git://h/other=all"]).unwrap_err(), @r#"
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
    let allowed = world(program);
    build(&allowed, &["git://h/r=run"]).unwrap();
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
        ("http \"https://h/x\" with authHeaderSecret(\"/etc/passwd\")", Effect::Secret),
    ] {
        let said = build(&world(&format!("export x\nfs x() {{ scratch; {statement} }}")), &[]).unwrap_err();
        assert!(said.contains(&format!("--trust git://h/r={effect}")), "{statement}: {said}");
    }
}

#[test]
fn what_the_client_hands_over_is_the_clients() {
    let mut world = world("export x\nfs x(string text) { scratch; mkfile \"/a\" 0o644 text }");
    world
        .files
        .insert("main.hlb".into(), "import m from \"git://h/r@v1\"\nfs default() { m.x localRun(\"id\") }".to_owned());
    build(&world, &[]).unwrap();
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
    assert_eq!(outline(&build(&world, &[]).unwrap()), "solve: scratch\n");
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
