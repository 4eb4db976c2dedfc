//! Texts without what says nothing of a place.
//!
//! Owns which bodies those are. It is told by tokens alone, since whoever types waits for less than a parse of the whole text;
//! where braces are missing, more of the text stays than need be.

use hlb_language::lexer::{Care, lex};
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use hlb_language::token::{Token, TokenKind};

use crate::text::has_word;

/// A text with spaces in the place of the bodies of functions that neither hold a place nor bind names, which can be used in all
/// others. Of those functions only the heads count, and all places stay where they are.
pub fn sparse(text: &str, place: Span) -> String {
    let mut sparse = String::with_capacity(text.len());
    for body in bodies(text, &lex(SourceId(0), text, Care::Guessing).tokens) {
        let holds = body.start <= place.end && place.start <= body.end;
        let Some(inner) = text.get(body.start as usize..body.end as usize) else { continue };
        if !holds && !has_word(inner, "as") {
            sparse.push_str(text.get(sparse.len()..body.start as usize).unwrap_or_default());
            sparse.extend(std::iter::repeat_n(' ', inner.len()));
        }
    }
    sparse.push_str(text.get(sparse.len()..).unwrap_or_default());
    sparse
}

/// What stands between the braces of functions: those outside of all brackets whose `{` is behind a `)`.
fn bodies(text: &str, tokens: &[Token]) -> Vec<Span> {
    let mut bodies = Vec::new();
    let (mut depth, mut open) = (0_usize, None);
    let (mut first, mut before) = ("", TokenKind::Newline);
    for token in tokens {
        if depth == 0 && before == TokenKind::Newline {
            first = text.get(token.span.range()).unwrap_or_default();
        }
        match token.kind {
            kind if kind.opens_brace() => {
                if depth == 0 {
                    // Behind `let` and `import` it is part of an expression.
                    let is_body = before == TokenKind::RParen && !matches!(first, "let" | "import");
                    open = is_body.then_some(token.span.end);
                }
                depth += 1;
            }
            kind if kind.opens_paren() || kind.opens_bracket() || kind == TokenKind::InterpolationOpen => depth += 1,
            TokenKind::RBrace => {
                depth = depth.saturating_sub(1);
                if let (0, Some(start)) = (depth, open.filter(|_| depth == 0)) {
                    bodies.push(Span { start, end: token.span.start });
                    open = None;
                }
            }
            TokenKind::RParen | TokenKind::RBracket | TokenKind::InterpolationClose => depth = depth.saturating_sub(1),
            _ => {}
        }
        before = token.kind;
    }
    bodies
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Holds the text without what does not count for the place of `$0` against what is expected, where spaces show as dots.
    fn check(text: &str, expected: &str) {
        let at = text.find("$0").unwrap();
        let text = text.replace("$0", "");
        let sparse = sparse(&text, Span::at(at));
        assert_eq!(sparse.len(), text.len());
        assert_eq!(sparse.replace(' ', "."), expected.replace(' ', "."));
    }

    #[test]
    fn bodies_elsewhere_are_spaces() {
        check("fs a() { b; }\nfs c() { $0d }", "fs a() {....}\nfs c() { d }");
        check("fs a(int b = (1)) {\n\tc \"${d}\"\n}\n$0", "fs a(int b = (1)) {           }\n");
        check("export fs a() { \"ä𝄞\" }\n$0", "export fs a() {          }\n");
        check("fs a() { b { c() { d } } }\n$0", "fs a() {                 }\n");
    }

    #[test]
    fn what_may_be_used_elsewhere_stays() {
        check("fs a() { b as c }\n$0", "fs a() { b as c }\n");
        check("let a = b() { c }\n$0", "let a = b() { c }\n");
        check("type a {\n\tint b\n}\nenum c {\n\td\n}\n$0", "type a {\n\tint b\n}\nenum c {\n\td\n}\n");
        check("import a from b(1) { c }\n$0", "import a from b(1) { c }\n");
    }

    #[test]
    fn what_is_broken_is_no_harm() {
        check("fs a() { b\nfs c() { d }\n$0", "fs a() { b\nfs c() { d }\n");
        check("fs a() { b } }\nfs c() { d }\n$0", "fs a() {   } }\nfs c() {   }\n");
        check("} ) ]\nfs c() { d }\n$0", "} ) ]\nfs c() {   }\n");
        check("fs c() { \"d }\n$0", "fs c() { \"d }\n");
        check("$0", "");
    }
}
