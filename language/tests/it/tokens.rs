//! The lexer's boundaries, as the reference draws them, and the doc comments that the tree takes from trivia.

use hlb_language::ast::{Decl, Stmt};
use hlb_language::lexer::{Care, lex};
use hlb_language::source::SourceId;

use crate::show::parsed;

/// The tokens of a text as `Kind‹text›`.
fn tokens(text: &str) -> String {
    let lexed = lex(SourceId(0), text, Care::Strict);
    let tokens = lexed.tokens.iter().map(|token| format!("{:?}‹{}›", token.kind, &text[token.span.range()]));
    tokens.collect::<Vec<_>>().join(" ").replace('\n', "⏎").replace('\r', "␍").replace('\t', "⇥")
}

fn check(text: &str, expected: &str) {
    assert_eq!(tokens(text), expected, "of {text:?}");
}

#[test]
fn words_end_where_the_reference_ends_them() {
    check("option::run", "Ident‹option::run›");
    check("1abc 007 1_000 0xZZ", "Ident‹1abc› Ident‹007› Ident‹1_000› Ident‹0xZZ›");
    check("0 12 0b1 0O7 0xfF", "Int‹0› Int‹12› Int‹0b1› Int‹0O7› Int‹0xfF›");
    check("as:y with::x", "As‹as› Colon‹:› Ident‹y› With‹with› Colon‹:› Colon‹:› Ident‹x›");
    check("12:a true:b :as", "Int‹12› Colon‹:› Ident‹a› Bool‹true› Colon‹:› Ident‹b› Colon‹:› As‹as›");
    check("a:b::c a: a::: b:", "Ident‹a:b::c› Ident‹a› Colon‹:› Ident‹a› Colon‹:› Colon‹:› Colon‹:› Ident‹b› Colon‹:›");
    check("import export asx", "Import‹import› Export‹export› Ident‹asx›");
    check("from binds variadic", "Ident‹from› Ident‹binds› Ident‹variadic›");
}

#[test]
fn a_dot_stands_directly_behind_a_name() {
    check("a.b", "Ident‹a› Dot‹.› Ident‹b›");
    check("m.with m.as", "Ident‹m› Dot‹.› Ident‹with› Ident‹m› Dot‹.› Ident‹as›");
    check("a. with", "Ident‹a› Dot‹.› With‹with›");
    check("a .b", "Ident‹a› Unknown‹.› Ident‹b›");
    check("1.5", "Int‹1› Unknown‹.› Int‹5›");
    check("a..b", "Ident‹a› Dot‹.› Dot‹.› Ident‹b›");
    check(
        "f().b x[0].c",
        "Ident‹f› LParen‹(› RParen‹)› Dot‹.› Ident‹b› Ident‹x› LBracket‹[› Int‹0› RBracket‹]› Dot‹.› Ident‹c›",
    );
    check("f() .b", "Ident‹f› LParen‹(› RParen‹)› Unknown‹.› Ident‹b›");
}

#[test]
fn the_longest_sign_wins() {
    check(
        "= == => != ! < <= > >=",
        "Assign‹=› Equal‹==› FatArrow‹=>› NotEqual‹!=› Not‹!› Less‹<› LessEqual‹<=› Greater‹>› GreaterEqual‹>=›",
    );
    check(
        "&& || ?? ? + - * / %",
        "And‹&&› Or‹||› Coalesce‹??› Question‹?› Plus‹+› Minus‹-› Star‹*› Slash‹/› Percent‹%›",
    );
    check("...a a.b ,;:", "Ellipsis‹...› Ident‹a› Ident‹a› Dot‹.› Ident‹b› Comma‹,› Semicolon‹;› Colon‹:›");
    check(
        "a<b a<<b b a << b",
        "Ident‹a› Less‹<› Ident‹b› Ident‹a› HeredocOpen‹<<b› Text‹ › HeredocClose‹b› Ident‹a› Less‹<› Less‹<› Ident‹b›",
    );
    check("a // b", "Ident‹a› Unknown‹//› Ident‹b›");
    check(
        "-> ++ & | := += === !==",
        "Unknown‹->› Unknown‹++› Unknown‹&› Unknown‹|› Unknown‹:=› Unknown‹+=› Unknown‹===› Unknown‹!==›",
    );
}

#[test]
fn strings_have_escapes_and_interpolations() {
    check(r#""a\"b$c\$""#, "QuoteOpen‹\"› Text‹a› Escape‹\\\"› Text‹b$c› Escape‹\\$› QuoteClose‹\"›");
    check("\"a\nb\"", "QuoteOpen‹\"› Text‹a⏎b› QuoteClose‹\"›");
    check("`\\${\n`", "RawOpen‹`› Text‹\\${⏎› RawClose‹`›");
    check(
        r#""${f("b")}""#,
        "QuoteOpen‹\"› InterpolationOpen‹${› Ident‹f› LParen‹(› QuoteOpen‹\"› Text‹b› QuoteClose‹\"› RParen‹)› \
         InterpolationClose‹}› QuoteClose‹\"›",
    );
    check(
        r#""${s{x}}""#,
        "QuoteOpen‹\"› InterpolationOpen‹${› Ident‹s› LBrace‹{› Ident‹x› RBrace‹}› InterpolationClose‹}› QuoteClose‹\"›",
    );
}

#[test]
fn a_heredoc_ends_at_its_word_at_the_start_of_a_chunk() {
    check("<<EOM\na\nEOM", "HeredocOpen‹<<EOM› Text‹⏎a⏎› HeredocClose‹EOM›");
    check("<<EOM\necho EOM done", "HeredocOpen‹<<EOM› Text‹⏎echo › HeredocClose‹EOM› Ident‹done›");
    check("<<EOM foo-EOM EOMx EOM", "HeredocOpen‹<<EOM› Text‹ foo-EOM EOMx › HeredocClose‹EOM›");
    check("<<EOM EOM-x", "HeredocOpen‹<<EOM› Text‹ › HeredocClose‹EOM› Minus‹-› Ident‹x›");
    check("<<-EOM$EOM", "HeredocOpen‹<<-EOM› Text‹$› HeredocClose‹EOM›");
    check("<<~`EOM` ${a} \\$ EOM", "HeredocOpen‹<<~`EOM`› Text‹ ${a} \\$ › HeredocClose‹EOM›");
    check("<<EOM\r\na\r\nEOM\r\n", "HeredocOpen‹<<EOM› Text‹␍⏎a␍⏎› HeredocClose‹EOM› Newline‹⏎›");
}

#[test]
fn a_heredoc_has_escapes_at_the_start_of_a_chunk_only() {
    check("<<E \\$ E", "HeredocOpen‹<<E› Text‹ › Escape‹\\$› Text‹ › HeredocClose‹E›");
    check(
        "<<E P=\\${H} E",
        "HeredocOpen‹<<E› Text‹ P=\\› InterpolationOpen‹${› Ident‹H› InterpolationClose‹}› Text‹ › HeredocClose‹E›",
    );
    check("<<E a \\\nE", "HeredocOpen‹<<E› Text‹ a \\⏎› HeredocClose‹E›");
    check("<<E ${a}E", "HeredocOpen‹<<E› Text‹ › InterpolationOpen‹${› Ident‹a› InterpolationClose‹}› HeredocClose‹E›");
}

#[test]
fn comments_and_blank_lines_are_beside_the_tokens() {
    let text = "a # b\r\n\n  \n# c\n\"\n\n\"";
    let lexed = lex(SourceId(0), text, Care::Strict);
    let comments: Vec<_> =
        lexed.trivia.comments().iter().map(|comment| (&text[comment.span.range()], comment.own_line)).collect();
    assert_eq!(comments, [("# b", false), ("# c", true)]);
    let whole = hlb_language::span::Span::new(0, text.len());
    assert!(lexed.trivia.has_blank_line(whole));
    // The blank line in the string is text.
    assert!(!lexed.trivia.has_blank_line(hlb_language::span::Span::new(11, text.len())));
}

#[test]
fn a_doc_comment_ends_on_the_line_above() {
    let text = "# far\n\n# one\n#  two\n#\nfs a() {\n\t# doc\n\trun \"x\" # not\n\trun \"y\"\n\n\t# far\n\n\trun \"z\"; run \"w\"\n}\n";
    let parsed = parsed(text);
    assert_eq!(parsed.diagnostics, []);
    let Decl::Func(func) = &parsed.module.decls[0] else { panic!("a function") };
    assert_eq!(func.doc.as_deref(), Some("one\n two\n"));
    let docs = func.body.as_ref().unwrap().stmts.iter().map(|stmt| match stmt {
        Stmt::Call(call) => call.doc.as_deref(),
        _ => panic!("a call"),
    });
    assert_eq!(docs.collect::<Vec<_>>(), [Some("doc"), None, None, None]);
}
