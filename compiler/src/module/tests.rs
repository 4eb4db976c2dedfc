//! Loading with modules of others, whose expressions a fake evaluates.

use std::collections::BTreeMap;

use hlb_language::ast::Expr;

use super::*;
use crate::image::ImageConfig;
use crate::testing::{MemoryModule, MemoryWorld};

/// A solve that is known by its name.
fn solve(name: &str) -> Box<Solve> {
    Box::new(Solve {
        definition: hlb_llb::pb::Definition::default(),
        exports: Vec::new(),
        locals: BTreeMap::new(),
        secrets: BTreeMap::new(),
        sockets: BTreeMap::new(),
        layouts: BTreeMap::new(),
        image: ImageConfig::default(),
        name: name.to_owned(),
    })
}

/// Loads `main.hlb` with an evaluator that knows what each text of an expression gives; `fs NAME` is a filesystem. Shows the tree
/// of imports, the order of evaluation and what is said.
fn load(world: &MemoryWorld, made: &[(&str, &str)]) -> String {
    let mut diagnostics = Vec::new();
    let mut asked = Vec::new();
    let mut evaluate = |loaded: &Loaded, module: ModuleId, expr: &Expr| {
        let source = loaded.sources.get(loaded.files[module.0].source).unwrap();
        let text = source.slice(expr.span());
        asked.push(text.to_owned());
        let given = made.iter().find(|(expr, _)| *expr == text).unwrap_or_else(|| panic!("no answer to {text}")).1;
        Ok(match given.strip_prefix("fs ") {
            Some(name) => Imported::Fs(solve(name)),
            None => Imported::Text(given.to_owned()),
        })
    };
    let entry = world.text(Utf8Path::new("main.hlb")).unwrap();
    let loaded = super::load(world, Ok(&[entry]), crate::Depth::All, &mut evaluate, &mut diagnostics);
    let mut out = String::new();
    for file in loaded.tree().files {
        let whose = file.origin.remote().map_or("client".to_owned(), |it| format!("{} {}", it.source, it.id));
        let imports: Vec<String> = file.imports.iter().map(|(name, to)| format!(" {name}={to:?}")).collect();
        out.push_str(&format!("{} of {whose}:{}\n", file.path, imports.concat()));
    }
    if !asked.is_empty() {
        out.push_str(&format!("evaluated: {}\n", asked.join(", ")));
    }
    for it in diagnostics {
        let at = loaded.sources.get(it.primary.at.source).unwrap();
        let place = format!("{}:{}", at.name(), at.position(it.primary.at.span.start as usize).line);
        out.push_str(&format!("{} {place}: {}\n", it.code.0, it.message));
    }
    out
}

fn world(main: &str) -> MemoryWorld {
    MemoryWorld::new().file("main.hlb", main)
}

#[test]
fn a_git_module_sees_its_own_files() {
    let mut world = world("import a from \"git://h/o/r@v1:lib/a.hlb\"\nfs default() { a.x }");
    let module = MemoryModule::new("c1")
        .file("lib/a.hlb", "import b from \"../b.hlb\"\nexport x\nfs x() { b.y }")
        .file("b.hlb", "export y\nfs y() { scratch }");
    world.modules.insert("https://h/o/r#v1".to_owned(), module);
    insta::assert_snapshot!(load(&world, &[]), @"
    main.hlb of client: a=Some(1)
    lib/a.hlb of git://h/o/r c1: b=Some(2)
    b.hlb of git://h/o/r c1:
    ");
}

#[test]
fn no_path_leads_out_of_a_module() {
    for path in ["../x.hlb", "/etc/x.hlb", "~/x.hlb", "file:///x.hlb", "lib/../../x.hlb", "git+file:///x"] {
        let mut world = world("import a from \"git://h/r:a.hlb\"\nfs default() { a.x }")
            .file("x.hlb", "export x\nfs x() { scratch }");
        let text = format!("import b from \"{path}\"\nexport x\nfs x() {{ b.x }}");
        world.modules.insert("https://h/r#".to_owned(), MemoryModule::new("c1").file("a.hlb", text));
        let shown = load(&world, &[]);
        assert!(shown.contains("E0152 h/r/a.hlb:1: "), "{path}: {shown}");
    }
}

#[test]
fn a_filesystem_holds_module_hlb() {
    let mut world = world("import a from image(\"o/m\")\nimport b from image(\"o/none\")\nfs default() { a.x; b.x }");
    let module = MemoryModule::new("d1").file("module.hlb", "import l from \"l.hlb\"\nexport x\nfs x() { l.x }");
    world.modules.insert("m".to_owned(), module.file("l.hlb", "export x\nfs x() { scratch }"));
    world.modules.insert("none".to_owned(), MemoryModule::new("d2"));
    insta::assert_snapshot!(load(&world, &[("image(\"o/m\")", "fs m"), ("image(\"o/none\")", "fs none")]), @r#"
    main.hlb of client: a=Some(1) b=None
    module.hlb of image("o/m") d1: l=Some(2)
    l.hlb of image("o/m") d1:
    evaluated: image("o/m"), image("o/none")
    E0106 main.hlb:2: cannot read the import from the module `image("o/none")`: no such file or directory: module.hlb
    "#);
}

#[test]
fn what_an_expression_uses_is_loaded_before_it() {
    let world = world(
        "import c from where\nimport b from a.place(\"x\")\nimport a from \"./a.hlb\"\nstring where() { b.c }\n\
         fs default() { c.x }",
    )
    .file("a.hlb", "export place\nstring place(string x) { x }")
    .file("b.hlb", "export c\nstring c() { \"./c.hlb\" }")
    .file("c.hlb", "export x\nfs x() { scratch }");
    insta::assert_snapshot!(load(&world, &[("where", "./c.hlb"), ("a.place(\"x\")", "./b.hlb")]), @r#"
    main.hlb of client: c=Some(3) b=Some(2) a=Some(1)
    a.hlb of client:
    b.hlb of client:
    c.hlb of client:
    evaluated: a.place("x"), where
    "#);
}

#[test]
fn an_import_that_needs_itself_is_a_circle() {
    let world = world("import a from b.x\nimport b from a.x\nimport c from c.x\nfs default() { c.x }");
    insta::assert_snapshot!(load(&world, &[]), @"
    main.hlb of client: a=None b=None c=None
    E0107 main.hlb:1: to know where `a` comes from, it would have to be imported already
    ");
}

#[test]
fn modules_that_import_one_another_are_told() {
    let mut world = world("import a from \"git://h/a:a.hlb\"\nfs default() { a.x }");
    let back = |other: &str| format!("import b from \"git://h/{other}:{other}.hlb\"\nexport x\nfs x() {{ b.x }}");
    world.modules.insert("https://h/a#".to_owned(), MemoryModule::new("c1").file("a.hlb", back("b")));
    world.modules.insert("https://h/b#".to_owned(), MemoryModule::new("c2").file("b.hlb", back("a")));
    insta::assert_snapshot!(load(&world, &[]), @"
    main.hlb of client: a=Some(1)
    a.hlb of git://h/a c1: b=Some(2)
    b.hlb of git://h/b c2: b=Some(1)
    E0107 h/a/a.hlb:1: these files import one another: h/a/a.hlb -> h/b/b.hlb -> h/a/a.hlb
    ");
}

#[test]
fn a_module_that_is_not_fetched_is_no_mistake() {
    let world = world("import a from \"git://h/a\"\nfs default() { a.x }");
    insta::assert_snapshot!(load(&world, &[]), @"
    main.hlb of client: a=None
    E0151 main.hlb:1: the module `git://h/a` is not at hand, so what is used of it is not checked
    ");
}
