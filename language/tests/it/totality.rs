//! Any text at all: no panic, every byte accounted for, spans inside, and errors exactly where the grammar refuses.

use hlb_language::lexer::{Care, lex};
use hlb_language::parser::{MAX_DEPTH, parse_broken};
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use hlb_language::token::TokenKind;
use proptest::prelude::*;

use crate::programs;
use crate::show::parsed;
use crate::walk;

fn check(text: &str) {
    covers(text, Care::Strict);
    covers(text, Care::Guessing);
    let parsed = parsed(text);
    let inside = |span: Span| {
        assert!(span.start <= span.end && text.get(span.range()).is_some(), "{span:?} in {text:?}");
    };
    for diagnostic in &parsed.diagnostics {
        inside(diagnostic.primary.at.span);
        diagnostic.secondary.iter().for_each(|label| inside(label.at.span));
        diagnostic.fixes.iter().flat_map(|fix| &fix.edits).for_each(|edit| inside(edit.at.span));
        assert!(!diagnostic.message.is_empty() && !diagnostic.message.ends_with('.'), "{}", diagnostic.message);
    }
    for decl in &parsed.module.decls {
        inside(decl.span());
        parts(walk::decl(decl), decl.span(), &inside);
    }
    // A guess may be wrong about a valid text; it is made for broken ones only. It takes a word at the margin for the beginning of
    // a declaration, which inside a block it need not be.
    let tokens = |care| lex(SourceId(0), text, care).tokens;
    let strict = tokens(Care::Strict);
    let at_margin = strict.iter().any(|token| {
        let (start, word) = (token.span.start, token.kind == TokenKind::Ident || token.kind.is_keyword());
        let inner = parsed.module.decls.iter().any(|decl| decl.span().start < start && start < decl.span().end);
        word && inner && text[..start as usize].ends_with('\n')
    });
    if parsed.diagnostics.is_empty() && !at_margin && strict == tokens(Care::Guessing) {
        let pieces = parse_broken(SourceId(0), text);
        assert_eq!(pieces.diagnostics, [], "{text:?}");
        assert_eq!(pieces.module, parsed.module, "{text:?}");
    }
}

/// Each part lies in its whole, down to the leaves.
fn parts(parts_of: walk::Parts<'_>, outer: Span, inside: &impl Fn(Span)) {
    let within = |span: Span| {
        inside(span);
        assert!(outer.start <= span.start && span.end <= outer.end, "{span:?} in {outer:?}");
    };
    parts_of.spans.into_iter().for_each(&within);
    for block in parts_of.blocks {
        within(block.span);
        for stmt in &block.stmts {
            within(stmt.span());
            parts(walk::stmt(stmt), stmt.span(), inside);
        }
    }
    for expr in parts_of.exprs {
        within(expr.span());
        parts(walk::expr(expr), expr.span(), inside);
    }
}

/// Tokens and comments come in order, do not overlap, and leave only white space; strings are well formed.
fn covers(text: &str, care: Care) {
    let lexed = lex(SourceId(0), text, care);
    let mut spans: Vec<Span> = lexed.tokens.iter().map(|token| token.span).collect();
    assert!(spans.is_sorted_by_key(|span| (span.start, span.end)), "{text:?}");
    spans.extend(lexed.trivia.comments().iter().map(|comment| comment.span));
    spans.sort();
    let mut at = 0;
    for span in spans.into_iter().chain([Span::at(text.len())]) {
        assert!(at <= span.start as usize, "overlap at {at} in {text:?}");
        let gap = &text[at..span.start as usize];
        let gap = if at == 0 { gap.trim_start_matches('\u{feff}') } else { gap };
        assert!(gap.chars().all(|ch| matches!(ch, ' ' | '\t' | '\r')), "{gap:?} in {text:?}");
        at = span.end as usize;
    }
    let mut open = Vec::new();
    for token in &lexed.tokens {
        match token.kind {
            kind if kind.opens_string() || kind == TokenKind::InterpolationOpen => open.push(kind),
            kind if kind.closes_string() => assert!(open.pop().is_some_and(TokenKind::opens_string), "{text:?}"),
            TokenKind::InterpolationClose => {
                assert_eq!(open.pop(), Some(TokenKind::InterpolationOpen), "{text:?}");
            }
            _ => {}
        }
    }
    assert!(open.is_empty(), "{text:?}");
}

/// Pieces of HLB in any order: closer to real mistakes than random characters.
fn soup() -> impl Strategy<Value = String> {
    let pieces = [
        "fs ",
        "string ",
        "option::run ",
        "a",
        "b ",
        "default",
        "image ",
        "run ",
        "x.y",
        ".",
        "::",
        "as ",
        "with ",
        "import ",
        "export ",
        "from ",
        "binds ",
        "variadic ",
        "{",
        "}",
        " { ",
        " } ",
        "(",
        ")",
        "()",
        "( ",
        ",",
        ";",
        "\n",
        "\n\t",
        "\n\n",
        "\r\n",
        "\"",
        "\"a\"",
        "\"\"",
        "`",
        "`r`",
        "'",
        "'s'",
        "${",
        "}",
        "\\",
        "\\n",
        "$",
        "<<EOM",
        "<<-EOM\n",
        "<<~`EOM`",
        "EOM",
        "\nEOM\n",
        "# c\n",
        "#",
        "0",
        "12",
        "0o644",
        "0x",
        "-1",
        "1.5",
        "true",
        "= ",
        "é",
        "let ",
        "let x = ",
        "if ",
        " else ",
        "else if ",
        "for ",
        "for x in ",
        " in ",
        "match ",
        "match x { ",
        "type ",
        "type R { ",
        "enum E { ",
        "test \"t\" { ",
        "none ",
        "fn",
        "fn(string a) fs { ",
        "assert ",
        "[",
        "]",
        "x[",
        "[for x in y : ",
        "{for x in y : ",
        "{\"k\" = ",
        " + ",
        "-",
        " == ",
        " && ",
        "??",
        "?",
        "!",
        "...",
        "..",
        " => ",
        ":",
        " : ",
        "a => ",
        "_ => ",
        "<T>",
        " < ",
        "fs match(",
        "as if",
        "->",
        "++",
        "✓",
        "@",
        "fs f() {\n",
        "\n}\n",
        "option { ",
        "\tmount x \"/\"\n",
    ];
    prop::collection::vec(prop::sample::select(pieces.to_vec()), 0..40).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(programs::config(1500))]

    #[test]
    fn any_characters(text in "\\PC{0,60}") {
        check(&text);
    }

    #[test]
    fn any_bytes(text in prop::collection::vec(any::<u8>(), 0..80)) {
        check(&String::from_utf8_lossy(&text));
    }

    #[test]
    fn any_pieces(text in soup()) {
        check(&text);
    }

    #[test]
    fn any_cut_of_a_real_file(start in 0_usize..1400, len in 0_usize..1400, piece in soup()) {
        let sample = include_str!("../corpus/sample.hlb");
        let start = start.min(sample.len());
        let end = (start + len).min(sample.len());
        check(&format!("{}{piece}{}", &sample[..start], &sample[end..]));
    }
}

proptest! {
    #![proptest_config(programs::config(programs::CASES))]

    #[test]
    fn any_program(text in programs::program()) {
        check(&text);
    }

    #[test]
    fn any_cut_of_a_program(text in programs::program(), start in 0_usize..200, len in 0_usize..40, piece in soup()) {
        let bound = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (start, end) = (bound(start), bound(start + len));
        check(&format!("{}{piece}{}", &text[..start], &text[end..]));
    }
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let many = 20_000;
    let deep = [
        format!("fs a() {{ {}", "x fs { ".repeat(many)),
        format!("fs a() {{ {}{}", "x fs { ".repeat(many), "} ".repeat(many)),
        format!("fs a() {{ x {}", "f(".repeat(many)),
        format!("fs a() {{ x {}{} }}", "f(".repeat(many), ")".repeat(many)),
        format!("fs a() {{ x {}{} }}", "f(fs { x ".repeat(many), "})".repeat(many)),
        format!("fs a() {{ x {}\"\"{} }}", "\"${".repeat(many), "}\"".repeat(many)),
        format!("fs a() {{ x {}", "\"${".repeat(many)),
        format!("fs a() {{ x {}", "\"${f(fs { x ".repeat(many)),
        "a {\n  }\n".repeat(many),
        "a(b {\n  })\n".repeat(many),
        "(".repeat(many),
        "{".repeat(many),
        "}".repeat(many),
    ];
    for text in deep {
        let parsed = parsed(&text);
        assert!(!parsed.diagnostics.is_empty(), "{}", &text[..40]);
    }
    let inside = MAX_DEPTH - 1;
    for text in [
        format!("fs a() {{ x {}\"\"{} }}", "f(".repeat(inside), ")".repeat(inside)),
        format!("fs a() {{ x {}\"\"{} }}", "fs { x ".repeat(inside), "} ".repeat(inside)),
    ] {
        assert_eq!(parsed(&text).diagnostics, [], "{}", &text[..40]);
        check(&text);
        let beyond = text.replacen("x ", "x f(f(", 1).replace(" }", ")) }");
        assert!(!parsed(&beyond).diagnostics.is_empty());
    }
}

/// Not timed: a quadratic scan of any of these would run into the harness's time limit.
#[test]
fn large_files_take_linear_time() {
    let mega = 1 << 20;
    let sample = include_str!("../corpus/sample.hlb");
    let whole = include_str!("../corpus/whole.hlb");
    let valid = sample.repeat(mega / sample.len());
    assert_eq!(parsed(&valid).diagnostics, []);
    assert_eq!(parsed(&whole.repeat(mega / whole.len())).diagnostics, []);
    // Errors cost more than valid text, and these consist of nothing else.
    let mega = mega / 16;
    let valid = sample.repeat(mega / sample.len());
    let broken = [
        format!("{valid}\n}}"),
        "a; ".repeat(mega / 3),
        format!("fs a() {{ {} ", "a; ".repeat(mega / 3)),
        "\"\n".repeat(mega / 2),
        "fs a() { \"x\n".repeat(mega / 12),
        (0..mega / 8).map(|at| format!("<<A{at}\n")).collect(),
        "<<A ".repeat(mega / 4),
        "`\n\n".repeat(mega / 3),
        "\"${\"".repeat(mega / 4),
        "{ ".repeat(mega / 2),
        format!("fs a() {{{}", " ".repeat(mega / 2) + &"{}}".repeat(mega / 8)),
        "fs a(".repeat(mega / 5),
        "x (\n".repeat(mega / 4),
        format!("fs a() {{ x {} }}", "b, ".repeat(mega / 3)),
        format!("fs a() {{ x {} ] }}", "[ ) ".repeat(mega / 4)),
        format!("fs a() {{ x {} }}", "[ ".repeat(mega / 2)),
        format!("fs a() {{ {} }}", "fs { for x in y ".repeat(mega / 16)),
        format!(
            "fs a() {{ {} }}",
            "x {for x in y
"
            .repeat(mega / 16)
        ),
        format!(
            "fs a() {{ {} ; }}",
            "f(
"
            .repeat(mega / 3)
        ),
        format!(
            "fs a() {{ f({}; }}",
            "
"
            .repeat(mega)
        ),
        format!("fs a() {{ let x = {}; }}", "a == ".repeat(mega / 5)),
        format!("fs a() {{ let x = {{{}}}; }}", "a: b, ".repeat(mega / 6)),
        format!("fs a() {{ match x {{{}}} }}", "a: b, ".repeat(mega / 6)),
        format!("fs a() {{ x [{}] }}", "a = b, ".repeat(mega / 7)),
        "let x =
"
        .repeat(mega / 8),
        "type A {
"
        .repeat(mega / 9),
        "fs if(x) {
"
        .repeat(mega / 11),
    ];
    for text in broken {
        assert!(parsed(&text).diagnostics.iter().any(|diagnostic| diagnostic.is_error()), "{}", &text[..20]);
    }
}

#[test]
fn a_statement_at_the_margin_of_a_valid_file_is_no_declaration() {
    assert_eq!(parsed("fs a() {\nb fs\nstring x.y\n}\n").diagnostics, []);
}

/// The body of a function in which something repeats, once for each that may.
fn flat(many: usize) -> Vec<String> {
    vec![
        format!("let x = a{}", " + a".repeat(many)),
        format!("let x = a{}", " || a && a".repeat(many / 2)),
        format!("let x = {}a", "!".repeat(many)),
        format!("let x = {}a", "- ".repeat(many)),
        format!("let x = a{}", ".b".repeat(many)),
        format!("let x = a{}", "()".repeat(many)),
        format!("let x = a{}", "[0]".repeat(many)),
        format!("if a {{}}{}", " else if a {}".repeat(many)),
        format!("a{}", " b".repeat(many)),
        format!("a [{}]", "b, ".repeat(many)),
        format!("match a {{ {} }}", "a => b; ".repeat(many)),
        format!("match a {{ a{} => b }}", ", a".repeat(many)),
        "a; ".repeat(many),
    ]
}

/// What repeats without brackets is flat in the tree: parsing, comparing, copying, formatting and dropping it needs no deep stack.
#[test]
fn what_repeats_is_flat() {
    let bodies = flat(100_000);
    for body in &bodies {
        let whole = parsed(&format!("fs a() {{ {body} }}"));
        assert_eq!(whole.diagnostics, [], "{}", &body[..20]);
        assert_eq!(whole.module.clone(), whole.module, "{}", &body[..20]);
    }
}

#[test]
fn what_repeats_is_formatted_and_recovered_alike() {
    for body in flat(5_000) {
        let text = format!("fs a() {{ {body} }}");
        let whole = parsed(&text);
        assert_eq!(whole.module, parse_broken(SourceId(0), &text).module, "{}", &text[..30]);
        assert!(hlb_language::format(SourceId(0), &text).unwrap().len() > 5_000, "{}", &text[..30]);
    }
}

#[test]
fn what_nests_without_brackets_is_limited() {
    let many = 20_000;
    let texts = [
        format!("fs a() {{ {}x {} }}", "if ".repeat(many), "{} ".repeat(many)),
        format!("fs a() {{ {}x {} }}", "match ".repeat(many), "{} ".repeat(many)),
        format!("fs a() {{ let {}fs x = y }}", "fn() ".repeat(many)),
        format!("{}fs x() {{}}", "fn() ".repeat(many)),
        format!("fs a() {{ let x = {}fs {{}} }}", "fn() ".repeat(many)),
        format!("fs a() {{ x {}1{} }}", "[".repeat(many), "]".repeat(many)),
        format!("fs a() {{ x {}1{} }}", "(".repeat(many), ")".repeat(many)),
        format!("fs a() {{ x {}1{} }}", "{a = ".repeat(many), "}".repeat(many)),
        format!("fs a() {{ x {}1{} }}", "[for x in ".repeat(many), " : x]".repeat(many)),
        format!("fs a() {{ x {}1{} }}", "a[".repeat(many), "]".repeat(many)),
        format!("fs a() {{ {}x{} }}", "match x { a => ".repeat(many), "}".repeat(many)),
        format!("fs a() {{ {}x{} }}", "for x in y { ".repeat(many), "}".repeat(many)),
        format!("fs a() {{ {}x{} }}", "if x { } else { ".repeat(many), "}".repeat(many)),
        format!("fs a({} x) {{}}", "[".repeat(many)),
        format!("fs a() {{ x {}", "if x { [".repeat(many)),
    ];
    for text in texts {
        let parsed = parsed(&text);
        assert!(parsed.diagnostics.iter().any(|error| error.is_error()), "{}", &text[..40]);
        assert!(parsed.diagnostics.len() < 20, "{}: {}", &text[..40], parsed.diagnostics.len());
    }
}

/// Texts that random ones once failed on.
#[test]
fn known_texts() {
    for text in [
        "fs src() {[from for x in ()\n\tlocal \".\" with option {\n\t\tincludePatterns \"a\" \"b\"\n\t}\n}\n",
        "fs ()fs match(let fs :?",
        "export string from<T, U>() : else # c\ntype R { fn(fs, option::run fs) option::run a, ) { }\n",
        "fs ;if [image for x in fs ",
        "export fn([m.T], m.T [m.T]) m.T from( # c\nfn(fs, option::run fs) option::run binds, #\n\n#  e \nvariadic [[string]] from =a, ) with \
         ([string]image  a = #\n\n#  e \n[type, ] +  if x ?? y { let fn(T, option::run T) option::run a =a; }; }\n",
        "fn a() string { }",
        "fn a() -> string? { }",
        "fs a(b: string) { }",
        "fs a(string[] b) { }",
        "fs a() { let x: string = 3 }",
        "fs a() { [x for x in b] }",
        "fs a() { x [y for x in b] }",
    ] {
        check(text);
    }
}
