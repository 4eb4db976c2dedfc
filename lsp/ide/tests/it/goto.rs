//! Where names lead.

use camino::Utf8Path;
use hlb_ide::{Host, Settings};

use crate::fixture::{Fixture, place};

/// Which way is gone.
type Ask = fn(&hlb_ide::Analysis, usize) -> Vec<hlb_ide::Jump>;

/// The places, each with what is declared there where that is more than the name.
fn ask(question: Ask, text: &str) -> String {
    let mut fixture = Fixture::new(text);
    fixture.host.configure(Settings { stdlib: Some("/stdlib".into()), ..Settings::default() });
    let jumps = question(&fixture.analysis(), fixture.offset);
    let one = |jump: &hlb_ide::Jump| {
        let whole = jump.to.source.slice(jump.whole).lines().next().unwrap_or_default();
        let from = fixture.slice(jump.from);
        format!("{from} -> {} in {whole}{}", place(&jump.to), if jump.to.writable { "" } else { " (read only)" })
    };
    let found: Vec<String> = jumps.iter().map(one).collect();
    if found.is_empty() { "nowhere".to_owned() } else { found.join("\n") }
}

fn definition(text: &str) -> String {
    let fixture = Fixture::new(text);
    let jumps = fixture.analysis().definition(fixture.offset);
    let found: Vec<String> = jumps.iter().map(|jump| place(&jump.to)).collect();
    if found.is_empty() { "nowhere".to_owned() } else { found.join("\n") }
}

#[test]
fn definitions_are_found_in_the_text() {
    let check = definition;
    insta::assert_snapshot!(check("fs a() {\n\tscratch\n}\n\nfs b() {\n\t$0a\n}\n"), @"build.hlb:1:4 [a]");
    insta::assert_snapshot!(check("fs a(string x) {\n\tscratch\n\tmkfile \"/x\" 0o644 x$0\n}\n"), @"build.hlb:1:13 [x]");
    insta::assert_snapshot!(check("fs a() {\n\tnope$0\n}\n"), @"nowhere");
}

#[test]
fn definitions_are_found_in_other_files_and_unsaved_buffers() {
    let dir = tempfile::tempdir().unwrap();
    let root = Utf8Path::from_path(dir.path()).unwrap();
    std::fs::write(root.join("lib.hlb"), "export tool\n\nfs tool() {\n\tscratch\n}\n").unwrap();
    let mut host = Host::new(Settings::default(), vec![root.to_owned()]);
    let text = "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool\n}\n";
    host.edit(root.join("build.hlb"), text.to_owned());
    let found = |host: &Host| {
        let analysis = host.snapshot().analysis(&root.join("build.hlb")).unwrap();
        let jumps = analysis.definition(text.find("ool\n").unwrap());
        jumps.iter().map(|jump| place(&jump.to).replace(root.as_str(), "[DIR]")).collect::<String>()
    };
    insta::assert_snapshot!(found(&host), @"[DIR]/lib.hlb:3:4 [tool]");
    host.edit(root.join("lib.hlb"), "export tool\n\n\n\n\nfs tool() {\n\tscratch\n}\n".to_owned());
    insta::assert_snapshot!(found(&host), @"[DIR]/lib.hlb:6:4 [tool]");
    host.close(&root.join("lib.hlb"));
    insta::assert_snapshot!(found(&host), @"[DIR]/lib.hlb:3:4 [tool]");
}

#[test]
fn definitions_of_builtins_and_standard_modules_are_in_their_texts() {
    let check = |text: &str| ask(hlb_ide::Analysis::definition, text).replace(|ch: char| ch.is_ascii_digit(), "N");
    insta::assert_snapshot!(check("fs a() {\n\tmk$0file \"/x\" 0o644 \"\"\n}\n"), @"mkfile -> /stdlib/builtin.hlb:NNN:N [mkfile] in fs mkfile(string path, int filemode, string content) (read only)");
    insta::assert_snapshot!(check("string a() {\n\tstr.upp$0er(\"x\")\n}\n"), @"upper -> /stdlib/str.hlb:NN:N [upper] in string upper(string s) (read only)");
    insta::assert_snapshot!(check("import go from \"std/go\"\n\nfs a() {\n\tgo.bu$0ild scratch\n}\n"), @"build -> /stdlib/std/go.hlb:NN:NN [build] in export fs build( (read only)");
    insta::assert_snapshot!(check("import go from \"std/g$0o\"\n\nfs a() {\n\tgo.build scratch\n}\n"), @r#""std/go" -> /stdlib/std/go.hlb:N:N [] in # Go: programs and tests, from sources with a `go.mod`. (read only)"#);
}

#[test]
fn builtins_have_no_place_where_their_texts_are_not() {
    assert_eq!(definition("fs a() {\n\tscr$0atch\n}\n"), "nowhere");
}

#[test]
fn imports_lead_to_their_files_and_are_declared_where_they_are_named() {
    let files = "import lib from \"./lib.hlb\"\n\nfs a() {\n\tlib.ä\n}\n//- /work/lib.hlb\nexport tool\n\nfs tool() {\n\tscratch\n}\n";
    let files = files.replace("lib.ä", "lib.tool");
    insta::assert_snapshot!(ask(hlb_ide::Analysis::definition, &files.replace("./lib", "./l$0ib")), @r#""./lib.hlb" -> lib.hlb:1:1 [] in export tool"#);
    insta::assert_snapshot!(ask(hlb_ide::Analysis::definition, &files.replace("import lib", "import l$0ib")), @"lib -> lib.hlb:1:1 [] in export tool");
    insta::assert_snapshot!(ask(hlb_ide::Analysis::definition, &files.replace("lib.tool", "l$0ib.tool")), @"lib -> lib.hlb:1:1 [] in export tool");
    insta::assert_snapshot!(ask(hlb_ide::Analysis::declaration, &files.replace("lib.tool", "l$0ib.tool")), @r#"lib -> build.hlb:1:8 [lib] in import lib from "./lib.hlb""#);
    insta::assert_snapshot!(ask(hlb_ide::Analysis::declaration, &files.replace("lib.tool", "lib.t$0ool")), @"tool -> lib.hlb:3:4 [tool] in fs tool() {");
}

#[test]
fn types_lead_to_records_enums_and_takers_of_options() {
    let check = |text: &str| ask(hlb_ide::Analysis::type_definition, text).replace(|ch: char| ch.is_ascii_digit(), "N");
    insta::assert_snapshot!(check("type Pkg { string name }\n\nstring f(Pkg p) {\n\t$0p.name\n}\n"), @"p -> build.hlb:N:N [Pkg] in type Pkg { string name }");
    insta::assert_snapshot!(check("type Pkg { string name }\n\nstring f([Pkg?] $0p) {\n\t\"ä𝄞\"\n}\n"), @"p -> build.hlb:N:N [Pkg] in type Pkg { string name }");
    insta::assert_snapshot!(check("enum K { big small }\n\nK f() {\n\tK.b$0ig\n}\n"), @"big -> build.hlb:N:N [K] in enum K { big small }");
    insta::assert_snapshot!(check("option::run aptCa$0che() {\n\tshlex\n}\n"), @"aptCache -> /stdlib/builtin.hlb:NNN:N [run] in fs run(variadic string arg) (read only)");
    insta::assert_snapshot!(check("fs f() {\n\t$0scratch\n}\n"), @"nowhere");
}

#[test]
fn implementations_are_functions() {
    let check = |text: &str| ask(hlb_ide::Analysis::implementation, text).replace(|ch: char| ch.is_ascii_digit(), "N");
    insta::assert_snapshot!(check("fs f(string x) {\n\tscratch\n\tmkfile $0x 0o644 \"𝄞\"\n}\n"), @"x -> build.hlb:N:N [f] in fs f(string x) {");
    insta::assert_snapshot!(check("fs f() {\n\trun \"x\" with option { mount scratch \"/o\" as out; }\n}\n\nfs g() {\n\t$0out\n}\n"), @"out -> build.hlb:N:N [f] in fs f() {");
    insta::assert_snapshot!(check("fs f() {\n\tscra$0tch\n}\n"), @"scratch -> /stdlib/builtin.hlb:N:N [scratch] in fs scratch() (read only)");
    insta::assert_snapshot!(check("fs f( {\n\t$0g\n}\n\nfs g() {\n"), @"g -> build.hlb:N:N [g] in fs g() {");
    insta::assert_snapshot!(check("fs f() { $0"), @"nowhere");
}
