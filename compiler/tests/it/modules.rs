//! Programs of several files.

use camino::Utf8Path;
use hlb_compiler::testing::MemoryWorld;
use hlb_compiler::{check, check_text};

use crate::support::{build, outline, render};

fn said(world: &MemoryWorld) -> String {
    let checked = check(world, Utf8Path::new("main.hlb"));
    render(&checked.sources, &checked.diagnostics)
}

#[test]
fn imports_are_found_beside_the_file_that_names_them() {
    let world = MemoryWorld::new()
        .file("main.hlb", "import a from \"./lib/a.hlb\"\nimport b from \"file://lib/b.hlb\"\nfs default() { a.src; copy b.one \"/\" \"/\" }")
        .file("lib/a.hlb", "import b from \"b.hlb\"\nexport src\nfs src() { local \"data\"; copy b.one \"/\" \"/b\" }")
        .file("lib/b.hlb", "export one\nfs one() { image \"one\" }")
        .file("lib/data/x", "");
    assert_eq!(said(&world), "");
    let request = build(&world, &[]).unwrap();
    insta::assert_snapshot!(outline(&request), @"solve: local://lib/data | docker-image://docker.io/library/one:latest | copy / /b | copy / /");
}

#[test]
fn paths_of_imports_can_be_absolute_or_at_home() {
    let world = MemoryWorld::new()
        .file("main.hlb", "import a from \"/opt/a.hlb\"\nimport b from \"~/b.hlb\"\nfs default() { a.x; b.y }")
        .file("/opt/a.hlb", "export x\nfs x() { image \"x\" }")
        .file("/home/user/b.hlb", "export y\nfs y() { run \"y\" }");
    assert_eq!(
        outline(&build(&world, &[]).unwrap()),
        "solve: docker-image://docker.io/library/x:latest | /bin/sh -c y\n"
    );
}

#[test]
fn an_import_that_nothing_uses_is_not_read() {
    let world = MemoryWorld::new().file("main.hlb", "import a from \"./nope.hlb\"\nfs default() { scratch }");
    insta::assert_snapshot!(said(&world));
    assert_eq!(outline(&build(&world, &[]).unwrap()), "solve: scratch\n");
}

#[test]
fn mistakes_across_files_are_told() {
    let mut out = String::new();
    for (main, lib) in [
        ("import a from \"./nope.hlb\"\nfs default() { a.x }", ""),
        ("import a from \"./lib.hlb\"\nfs default() { a.hidden }", "fs hidden() {}"),
        ("import a from \"./lib.hlb\"\nfs default() { a.opne }", "export open\nfs open() {}"),
        ("import a from \"./lib.hlb\"\nfs default() { a }", "export open\nfs open() {}"),
        ("import a from \"./lib.hlb\"\nfs default() { a.image \"x\" }", ""),
        ("import a from \"./lib.hlb\"\nfs default() { a.f }", "export f\nfs f() { nope }"),
        ("import a from \"./lib.hlb\"\nfs default() { a.f }", "export f\nstring f() { \"x\" }"),
        (
            "import a from \"./lib.hlb\"\nexport f\nfs f() { a.g }\nfs default() { f }",
            "import m from \"./main.hlb\"\nexport g\nfs g() { m.f }",
        ),
        ("import a from \"./main.hlb\"\nexport f\nfs f() { scratch }\nfs default() { a.f }", ""),
        ("import a \"./lib.hlb\"\nfs default() { a.f }", "export f\nfs f() { scratch }"),
        (
            "import a from \"./lib.hlb\"\nimport a from \"./lib.hlb\"\nfs default() { a.f }",
            "export f\nfs f() { scratch }",
        ),
    ] {
        let world = MemoryWorld::new().file("main.hlb", main).file("lib.hlb", lib);
        out.push_str(&format!("{main}\n-- lib.hlb\n{lib}\n\n{}\n-----\n", said(&world)));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn a_missing_program_is_an_error_and_a_buffer_needs_no_file() {
    let world = MemoryWorld::new();
    let missing = check(&world, Utf8Path::new("main.hlb"));
    insta::assert_snapshot!(render(&missing.sources, &missing.diagnostics));
    assert!(missing.targets().is_empty());
    let buffer = check_text(&world, Utf8Path::new("main.hlb"), "fs default() { scratch }".to_owned());
    assert_eq!(buffer.diagnostics, []);
    assert_eq!(buffer.targets().len(), 1);
}
