//! The standard modules: that they have no mistakes, what they build, and names that are none of theirs.

use camino::Utf8Path;
use hlb_compiler::testing::{MemoryModule, MemoryWorld};
use hlb_compiler::{check, check_text};
use hlb_language::ast::Decl;
use hlb_language::source::SourceId;

use crate::support::{build, outline, render};

/// The graphs of a program that uses standard modules.
fn built(program: &str) -> String {
    let world = MemoryWorld::new().file("main.hlb", program).file("src/main.go", "");
    build(&world, &[]).map_or_else(|said| said, |request| outline(&request))
}

#[test]
fn each_module_is_clean_laid_out_and_described() {
    for (name, text) in hlb_stdlib::MODULES {
        let checked = check_text(&MemoryWorld::new(), Utf8Path::new("it.hlb"), (*text).to_owned());
        assert_eq!(render(&checked.sources, &checked.diagnostics), "", "{name}");
        assert_eq!(hlb_language::format(SourceId(0), text).unwrap(), *text, "{name}");
        for decl in hlb_language::parse(SourceId(0), text).module.decls {
            let (export, name, doc, params) = match decl {
                Decl::Func(it) => (it.export, it.name, it.doc, it.params),
                Decl::Let(it) => (it.export, it.name, it.doc, Vec::new()),
                _ => continue,
            };
            let doc = doc.unwrap_or_default();
            assert!(export.is_none() || !doc.is_empty(), "`{}` has no comment", name.text);
            for param in params.iter().filter(|_| export.is_some()) {
                let told = doc.contains(&format!("@param {} ", param.name.text));
                assert!(told, "`{}` does not tell of `{}`", name.text, param.name.text);
            }
        }
    }
}

#[test]
fn go_builds_and_tests() {
    let program = |block: &str| format!("import go from \"std/go\"\nfs default() {{ {block} }}");
    insta::assert_snapshot!(built(&program("go.build local(\"src\")")), @"solve: docker-image://docker.io/library/golang:1.24 | local://src | go build -buildvcs=false -trimpath -o /out/app . @1");
    insta::assert_snapshot!(
        built(&program("go.build(local(\"src\"), package = \"./cmd/x\", name = \"x\", version = \"1.23\", os = \"windows\") with option { tags \"a\" \"b\"; ldflags \"-s -w\" }")),
        @"solve: docker-image://docker.io/library/golang:1.23 | local://src | go build -buildvcs=false -trimpath -tags=a,b '-ldflags=-s -w' -o /out/x ./cmd/x @1"
    );
    insta::assert_snapshot!(built(&program("go.test(local(\"src\"), version = \"1.23\") with option { race; only \"TestA\" }")), @"solve: docker-image://docker.io/library/golang:1.23 | local://src | go test -race -run=TestA ./...");
    insta::assert_snapshot!(built(&program("go.vet(local(\"src\"), [\"./a\", \"./b\"])")), @"solve: docker-image://docker.io/library/golang:1.24 | local://src | go vet ./a ./b");
}

#[test]
fn apt_installs_packages() {
    let program = "import apt from \"std/apt\"\nfs default() { image \"debian\"; apt.install \"git\" \"curl=7.0\" }";
    insta::assert_snapshot!(built(program), @"solve: docker-image://docker.io/library/debian:latest | mkfile /etc/apt/apt.conf.d/docker-clean | /bin/sh -c 'apt-get update -q && apt-get install -qy --no-install-recommends git curl=7.0'");
}

#[test]
fn a_module_of_others_may_use_them() {
    let mut world = MemoryWorld::new().file(
        "main.hlb",
        "import m from \"git://h/r\"\nimport apt from \"std/apt\"\nfs default() { m.x; apt.upgrade }",
    );
    let text = "import apt from \"std/apt\"\nexport fs x() { image \"debian\"; apt.install \"git\" }";
    world.modules.insert("https://h/r#".to_owned(), MemoryModule::new("c1").file("build.hlb", text));
    assert!(build(&world, &[]).is_ok());
    let files = check(&world, Utf8Path::new("main.hlb")).imports.files;
    let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(paths, ["main.hlb", "build.hlb", "std/apt"]);
}

#[test]
fn a_name_that_is_none_is_told_with_those_that_are() {
    let said = |name: &str| built(&format!("import x from \"{name}\"\nfs default() {{ x.y }}"));
    insta::assert_snapshot!(said("std/got"), @r#"
    error[E0106]: there is no standard module `got`
      main.hlb:1:15
        | import x from "std/got"
        |               ^^^^^^^^^
      help: did you mean `std/go`? There are `std/apt` and `std/go`
      fix: replace `std/got` by `std/go` ["\"std/go\""]
    "#);
    insta::assert_snapshot!(said("std/python"), @r#"
    error[E0106]: there is no standard module `python`
      main.hlb:1:15
        | import x from "std/python"
        |               ^^^^^^^^^^^^
      help: there are `std/apt` and `std/go`; write `./std/python` for a file
    "#);
    // Files of a directory of that name stay files.
    assert!(said("std/go.hlb").contains("no such file or directory: std/go.hlb"));
    assert!(said("./std/go").contains("no such file or directory: std/go"));
}
