//! The roles of tokens, each rule with the texts that it tells apart.

use super::{Declared, assign};
use crate::lexer::{Care, lex};
use crate::source::SourceId;
use crate::token::TokenKind;

/// The tokens of a text in their roles: words and brackets whose role has a name are marked by it.
fn roles(text: &str) -> String {
    let lexed = lex(SourceId(0), text, Care::Strict);
    let mut declared = Declared::default();
    declared.scan(text, &lexed.tokens);
    let tokens = assign(text, &lexed.tokens, &declared).tokens;
    let shown = tokens.iter().map(|token| {
        let text = text.get(token.span.range()).unwrap_or("");
        let role = match token.kind {
            kind if kind.is_word() => "!",
            TokenKind::ExportPrefix => "+",
            TokenKind::Negative => "neg",
            TokenKind::CallParen => "call",
            TokenKind::IndexBracket => "index",
            TokenKind::HeaderBrace => "header",
            TokenKind::MatchBrace => "match",
            TokenKind::MapBrace => "map",
            TokenKind::RecordBrace => "record",
            TokenKind::EnumBrace => "enum",
            TokenKind::Newline => return "⏎".to_owned(),
            _ => "",
        };
        format!("{text}{role}")
    });
    shown.collect::<Vec<_>>().join(" ")
}

/// The roles in the body of a function.
fn body(text: &str) -> String {
    let roles = roles(&format!("fs f() {{ {text} }}"));
    roles.strip_prefix("fs f (call ) { ").and_then(|roles| roles.strip_suffix(" }")).unwrap_or(&roles).to_owned()
}

#[test]
fn words_are_reserved_in_statements() {
    assert_eq!(body("if a { b } else { c }"), "if! a {header b } else! {header c }");
    assert_eq!(body("for in in xs { }"), "for! in in! xs {header }");
    assert_eq!(body("let type = test; enum in"), "let! type = test ; enum in");
    assert_eq!(body("f match = 1 none"), "f match = 1 none!");
    assert_eq!(body("a.if b.none"), "a . if b . none");
    assert_eq!(body("match x { if => 1; none => 2 }"), "match! x {match if => 1 ; none! => 2 }");
}

#[test]
fn a_declared_word_is_a_name() {
    assert_eq!(roles("fs if() { if a { b } }"), "fs if (call ) { if a { b } }");
    assert_eq!(roles("import for from \"x\"\nfs a() { for }"), "import for from \" x \" ⏎ fs a (call ) { for }");
    assert_eq!(roles("fs a(string none) { b none }"), "fs a (call string none ) { b none }");
    assert_eq!(roles("fs a() { b as match; match }"), "fs a (call ) { b as match ; match }");
    assert_eq!(roles("fs a() { b as (c let); let d }"), "fs a (call ) { b as ( c let ) ; let d }");
    assert_eq!(
        roles("let x = if (a) { b } else if (c) { d }"),
        "let! x = if! ( a ) {header b } else! if! ( c ) {header d }"
    );
    assert_eq!(
        roles("fs a(bool x = none, variadic fn(T) T y) {}"),
        "fs a (call bool x = none! , variadic fn! (call T ) T y ) { }"
    );
}

#[test]
fn declarations_are_told_by_what_follows() {
    assert_eq!(roles("type A { string let }"), "type! A {record string let }");
    assert_eq!(roles("type A() {}\nenum type() {}"), "type A (call ) { } ⏎ enum type (call ) { }");
    assert_eq!(roles("enum A { none test }"), "enum! A {enum none test }");
    assert_eq!(roles("test \"a\" { b }\ntest b() {}"), "test! \" a \" { b } ⏎ test b (call ) { }");
    assert_eq!(roles("let fn(T) T f = a\nlet f() {}"), "let! fn! (call T ) T f = a ⏎ let f (call ) { }");
    assert_eq!(
        roles("export a\nexport fs b() {}\nexport let c = 1"),
        "export a ⏎ export+ fs b (call ) { } ⏎ export+ let! c = 1"
    );
    assert_eq!(roles("export fs\nf() {}"), "export fs ⏎ f (call ) { }");
    assert_eq!(roles("export [fs] f() {}\nexport type"), "export+ [ fs ] f (call ) { } ⏎ export type");
}

#[test]
fn parentheses_call_or_group() {
    assert_eq!(body("f(a) (b)"), "f (call a ) ( b )");
    assert_eq!(body("f (a)"), "f ( a )");
    assert_eq!(body("f ()"), "f (call )");
    assert_eq!(body("f a (b) m.g (c)"), "f a (call b ) m . g (call c )");
    assert_eq!(body("m.f (a)"), "m . f ( a )");
    assert_eq!(body("let x = f (a)"), "let! x = f (call a )");
    assert_eq!(body("f [a\n(b)]"), "f [ a ⏎ ( b ) ]");
    assert_eq!(body("a()(b)[c](d)"), "a (call ) (call b ) [index c ] (call d )");
    assert_eq!(body("if (a) { b }"), "if! ( a ) {header b }");
}

#[test]
fn brackets_index_or_list() {
    assert_eq!(body("f a[0] [1] b [2]"), "f a [index 0 ] [ 1 ] b [ 2 ]");
    assert_eq!(roles("map[[fs]] f() {}"), "map [index [ fs ] ] f (call ) { }");
}

#[test]
fn braces_hold_statements_or_entries() {
    assert_eq!(body("f fs { a } {\"a\" = 1} {}"), "f fs { a } {map \" a \" = 1 } {map }");
    assert_eq!(body("f fs {} m {a = 1}"), "f fs { } m {map a = 1 }");
    assert_eq!(body("f m {a.b(c)[0] = 1}"), "f m {map a . b (call c ) [index 0 ] = 1 }");
    assert_eq!(body("f x {...y} x {for a in b : a = a}"), "f x {map ... y } x {map for! a in! b : a = a }");
    assert_eq!(body("f x {for a in b { c }}"), "f x { for! a in! b {header c } }");
    assert_eq!(body("f with option { a = 1 }"), "f with option { a = 1 }");
    assert_eq!(body("let x = {}; f({}, [{}])"), "let! x = {map } ; f (call {map } , [ {map } ] )");
    assert_eq!(body("with { a }; f with { a }"), "with { a } ; f with { a }");
    assert_eq!(body("if a == {} { b }"), "if! a == {map } {header b }");
    assert_eq!(body("if match a { b => c } { d }"), "if! match! a {match b => c } {header d }");
    assert_eq!(body("match a { b => {}; c => {d = 1} }"), "match! a {match b => { } ; c => {map d = 1 } }");
    assert_eq!(body("f fn(fs a) [fs]? { b }"), "f fn! (call fs a ) [ fs ] ? { b }");
    assert_eq!(body("for a in {} { b }"), "for! a in! {map } {header b }");
}

#[test]
fn line_ends_that_end_nothing_are_left_out() {
    assert_eq!(body("a +\nb\n- c"), "a + b ⏎ -neg c");
    assert_eq!(body("let a =\n\n1\nb.\nc"), "let! a = 1 ⏎ b . c");
    assert_eq!(body("f(a\n+ b\n-c\n)"), "f (call a + b ⏎ -neg c ⏎ )");
    assert_eq!(body("f (\na\n)"), "f ( a )");
    assert_eq!(body("if a { b }\nelse { c }\nd"), "if! a {header b } else! {header c } ⏎ d");
    assert_eq!(body("f fs { b }\nelse { c }"), "f fs { b } ⏎ else! {header c }");
    assert_eq!(body("[\nfor a\nin b\n: c\n]"), "[ for! a in! b : c ]");
    assert_eq!(body("assert a,\nb\nf a,\nb"), "assert! a , b ⏎ f a , ⏎ b");
    assert_eq!(body("match a {\nb =>\nc\n}"), "match! a {match ⏎ b => c ⏎ }");
    // What is never closed joins no lines.
    assert_eq!(body("let x = [for a in b : c\nd"), "let! x = [ for! a in! b : c ⏎ d");
}

#[test]
fn a_minus_behind_an_operand_is_between_operands() {
    assert_eq!(body("f a -1 [-1 -2] !-b"), "f a - 1 [ -neg 1 - 2 ] ! -neg b");
}
