//! Who calls whom.

use hlb_ide::CallItem;
use hlb_language::span::Span;

use crate::fixture::{Fixture, place};

fn check(text: &str) -> String {
    let fixture = Fixture::new(text);
    let project = fixture.project();
    let Some(item) = project.call_item(&fixture.path, fixture.offset) else { return "no function".to_owned() };
    let mut out = format!("{}\n", place(&item.place));
    let mut show = |word: &str, found: Vec<(CallItem, Vec<Span>)>| {
        for (item, spans) in found {
            out.push_str(&format!("{word} {} x{}\n", place(&item.place), spans.len()));
        }
    };
    show("from", project.incoming_calls(&fixture.path, fixture.offset));
    show("to", project.outgoing_calls(&fixture.path, fixture.offset));
    out
}

const PROGRAM: &str = "import lib from \"./lib.hlb\"\n\nfs default() {\n\tmiddle\n\tmiddle\n}\n\nfs middle() {\n\tlib.tool\n\tleaf \"ä𝄞\"\n}\n\nfs leaf(string s) {\n\tscratch\n}\n\
    //- /work/lib.hlb\nexport fs tool() {\n\tinner\n}\n\nfs inner() {\n\tscratch\n}\n";

#[test]
fn callers_and_called_are_found_in_all_files() {
    let at = |name: &str| check(&PROGRAM.replacen(name, &name.replacen("fs ", "fs $0", 1), 1));
    insta::assert_snapshot!(at("fs middle()"), @"
    build.hlb:8:4 [middle]
    from build.hlb:3:4 [default] x2
    to build.hlb:13:4 [leaf] x1
    to lib.hlb:1:11 [tool] x1
    ");
    insta::assert_snapshot!(at("fs default()"), @"
    build.hlb:3:4 [default]
    to build.hlb:8:4 [middle] x2
    ");
    insta::assert_snapshot!(at("fs leaf("), @"
    build.hlb:13:4 [leaf]
    from build.hlb:8:4 [middle] x1
    ");
}

#[test]
fn a_call_stands_for_what_it_calls() {
    insta::assert_snapshot!(check(&PROGRAM.replacen("lib.tool", "lib.to$0ol", 1)), @"
    lib.hlb:1:11 [tool]
    from build.hlb:8:4 [middle] x1
    to lib.hlb:5:4 [inner] x1
    ");
}

#[test]
fn what_is_no_function_of_the_project_has_no_calls() {
    for text in [
        "fs a() {\n\t$0scratch\n}\n",
        "let $0x = 1\n",
        "fs a(string $0s) {\n\tscratch\n}\n",
        "fs a() {\n\tnope$0\n}\n",
        "$0",
        "fs a( {\n\trun \"$0${\n",
    ] {
        assert_eq!(check(text), "no function", "{text}");
    }
}

#[test]
fn exports_are_no_callers() {
    insta::assert_snapshot!(check("export a\n\nfs $0a() {\n\tscratch\n}\n"), @"build.hlb:3:4 [a]");
}

#[test]
fn calls_are_found_while_a_text_has_mistakes() {
    insta::assert_snapshot!(check("fs $0a() {\n\tscratch\n}\n\nfs b() {\n\ta\n\trun \"\n}\n\nfs c( {\n\ta\n"), @"
    build.hlb:1:4 [a]
    from build.hlb:5:4 [b] x1
    from build.hlb:10:4 [c] x1
    ");
}

#[test]
fn tests_and_constants_call_too() {
    let text = "string $0name() {\n\t\"a\"\n}\n\nlet all = \"${name}ä𝄞\"\n\ntest \"it is right\" {\n\tassert name == \"a\"\n}\n";
    insta::assert_snapshot!(check(text), @"
    build.hlb:1:8 [name]
    from build.hlb:5:5 [all] x1
    from build.hlb:7:6 [\"it is right\"] x1
    ");
}
