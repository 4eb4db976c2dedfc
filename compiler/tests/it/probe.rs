//! What the checker tells of a place that somebody types at, in statements that can be read and in those that cannot yet.

use std::fmt::Write;
use std::sync::Arc;

use hlb_compiler::Text;
use hlb_compiler::probe::{self, PROBE, Place, Receiver};
use hlb_compiler::testing::MemoryWorld;

const LIB: &str = "export fs tool(string a) {\n\tscratch\n\tenv a a\n}\n";

/// What is known at the `$0` of a text, in a line.
fn told(marked: &str) -> String {
    let world = MemoryWorld::new().file("lib.hlb", LIB);
    let at = marked.find("$0").expect("a cursor");
    let text = Arc::new(Text::new("build.hlb", marked.replacen("$0", PROBE, 1)));
    let (_, place) = probe::look(&world, &text, at as u32 + 1);
    place.map_or_else(|| "nothing".to_owned(), |place| shown(&place))
}

fn shown(place: &Place) -> String {
    let mut line = String::new();
    if place.statement {
        line.push_str("statement ");
    }
    if place.string.is_some() {
        line.push_str("string ");
    }
    let expected: Vec<String> = place.expected.iter().map(ToString::to_string).collect();
    write!(line, "<{}>", expected.join("|")).unwrap();
    match &place.receiver {
        None => {}
        Some(Receiver::Module(_)) => line.push_str(" file."),
        Some(Receiver::Namespace(name)) => write!(line, " {name}.").unwrap(),
        Some(Receiver::Enum(_)) => line.push_str(" enum."),
        Some(Receiver::Func(_)) => line.push_str(" function."),
        Some(Receiver::Value(ty)) => write!(line, " {ty}.").unwrap(),
    }
    for call in &place.calls {
        write!(line, " {}#{}", call.name, call.argument).unwrap();
        if !call.given.is_empty() {
            write!(line, "({})", call.given.join(",")).unwrap();
        }
    }
    let names: Vec<&str> = place.names.iter().map(|(name, _)| name.as_str()).collect();
    write!(line, " names={}", names.join(",")).unwrap();
    line
}

/// Statements in a function with a parameter, each with what is known at its cursor.
fn table(statements: &[&str]) -> String {
    let line = |stmt: &&str| {
        let text = format!(
            "import lib from \"./lib.hlb\"\n\nenum Mode {{ debug release }}\n\nfs f(string s) {{\n\t{stmt}\n}}\n\nfs after() {{\n\tscratch\n}}\n"
        );
        format!("{stmt} -> {}\n", told(&text))
    };
    statements.iter().map(line).collect()
}

#[test]
fn places_in_statements_that_can_be_read_know_what_fits() {
    insta::assert_snapshot!(table(&[
        "$0",
        "mkfile $0 0o644 \"x\"",
        "mkfile \"/x\" $0 \"x\"",
        "mkfile(\"/x\", content = $0)",
        "copy(image($0), \"a\", \"b\")",
        "copy fs { $0 } \"a\" \"b\"",
        "run \"x\" with option { $0 }",
        "lib.$0",
        "env \"a\" s.$0",
        "env \"a\" str.$0",
        "if Mode.debug == Mode.$0 { scratch; }",
        "run \"a$0\"",
        "run \"a ${$0}\"",
    ]), @r#"
    $0 -> statement <fs> names=s
    mkfile $0 0o644 "x" -> <string> mkfile#0 names=s
    mkfile "/x" $0 "x" -> <int> mkfile#1 names=s
    mkfile("/x", content = $0) -> <string> mkfile#2(content) names=s
    copy(image($0), "a", "b") -> <string> copy#0 image#0 names=s
    copy fs { $0 } "a" "b" -> statement <fs> names=s
    run "x" with option { $0 } -> statement <option::run|[option::run]> names=s
    lib.$0 -> <fs> file. names=s
    env "a" s.$0 -> <string> string. env#1 names=s
    env "a" str.$0 -> <string> str. env#1 names=s
    if Mode.debug == Mode.$0 { scratch; } -> <Mode|Mode?> enum. names=s
    run "a$0" -> string <string|[string]> run#0 names=s
    run "a ${$0}" -> <> run#0 names=s
    "#);
}

#[test]
fn places_in_half_typed_statements_count_their_words() {
    insta::assert_snapshot!(table(&[
        "mkfile \"/x\" ($0",
        "mkfile(\"/x\", $0",
        "mkfile \"/x\" 0o644 $0 with",
        "mkfile \"/x\" $0 as",
        "run \"x\" with option { mount $0",
        "if $0",
        "for x in $0",
        "let x = $0",
    ]), @r#"
    mkfile "/x" ($0 -> <int> mkfile#1 names=s
    mkfile("/x", $0 -> <int> mkfile#1 names=s
    mkfile "/x" 0o644 $0 with -> <string> mkfile#2 names=s
    mkfile "/x" $0 as -> <int> mkfile#1 names=s
    run "x" with option { mount $0 -> <fs> mount#0 names=s
    if $0 -> <bool> names=s
    for x in $0 -> <> names=s
    let x = $0 -> <> names=s
    "#);
}

#[test]
fn only_the_declaration_around_is_looked_into() {
    assert_eq!(told("fs a() {\n\tscratch\n}\n\n# $0\nfs b() {\n\tscratch\n}\n"), "nothing");
    let text = Arc::new(Text::new("build.hlb", "fs a() {\n\tnone\n}\n\nfs b() {\n\tnone\n}\n"));
    let (checked, place) = probe::look(&MemoryWorld::new(), &text, 11);
    assert!(place.is_none());
    // The same mistake is in both.
    assert_eq!(checked.diagnostics.len(), 1);
}
