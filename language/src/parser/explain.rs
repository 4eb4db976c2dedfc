//! Refusals of the grammar in words.
//!
//! Owns the message for a failure that no known slip explains. Knows the grammar's names of its terminals.

use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::parser::pieces::{Failure, Piece};
use crate::parser::symbols::Builder;
use crate::span::Span;
use crate::token::TokenKind;

/// "expected …, found …" at the piece that the grammar refused.
pub(crate) fn unexpected(builder: &Builder<'_>, row: &[Piece], failure: &Failure) -> Diagnostic {
    let (span, found) = match row.get(failure.at) {
        Some(piece) => (first_line(builder, piece.span), found(builder, piece)),
        None => {
            let end = row.last().map_or(Span::default(), |piece| Span::at(piece.span.end as usize));
            (end, found_behind(builder, end))
        }
    };
    let message = match expected(&failure.expected) {
        Some(expected) => format!("expected {expected}, found {found}"),
        None => format!("{found} is not expected here"),
    };
    Diagnostic::error(codes::UNEXPECTED, builder.location(span), message)
}

/// What a piece is called in "found …".
pub(crate) fn found(builder: &Builder<'_>, piece: &Piece) -> String {
    let text = builder.slice(piece.span);
    match piece.kind {
        TokenKind::Ident | TokenKind::Int | TokenKind::Bool | TokenKind::Unknown if !text.is_empty() => {
            format!("`{text}`")
        }
        TokenKind::LBrace if piece.is_block() => "a block".to_owned(),
        kind => kind.describe().to_owned(),
    }
}

/// What stands behind the last piece of a row, in "found …".
fn found_behind(builder: &Builder<'_>, end: Span) -> String {
    let rest = builder.text.get(end.range().end..).unwrap_or("");
    match rest.trim_start_matches([' ', '\t', '\r']).chars().next() {
        None => "the end of the file".to_owned(),
        Some('\n' | '#') => "the end of the line".to_owned(),
        Some(ch) => format!("`{ch}`"),
    }
}

/// The part of a span on its first line: a message about a block points at its `{`.
fn first_line(builder: &Builder<'_>, span: Span) -> Span {
    match builder.slice(span).find('\n') {
        None => span,
        Some(len) => Span::new(span.start as usize, span.start as usize + len),
    }
}

/// The grammar's expectations as a list of alternatives; `None` if nothing more can follow.
fn expected(terminals: &[String]) -> Option<String> {
    let has = |name: &str| terminals.iter().any(|terminal| terminal.trim_matches('"') == name);
    let mut words = Vec::new();
    match (has("name"), has("number")) {
        (true, true) => words.push("a name, a string, a number"),
        (true, false) => words.push("a name"),
        (false, true) => words.push("a string, a number"),
        (false, false) if has("quoted") => words.push("a string in quotes"),
        (false, false) => {}
    }
    let plain = [
        ("block", "a block"),
        ("header block", "a block"),
        ("arms", "the arms in braces"),
        ("fields", "the fields in braces"),
        ("variants", "the variants in braces"),
        ("(", "`(`"),
        (")", "`)`"),
        ("]", "`]`"),
        (".", "`.`"),
        (",", "`,`"),
        ("=>", "`=>`"),
        ("in", "`in`"),
        ("with", "`with`"),
        ("as", "`as`"),
        ("import", "a declaration"),
    ];
    // `from` is a word that the grammar also takes for a name.
    if has("from") && !has("name") {
        words.push("`from`");
    }
    words.extend(plain.iter().filter(|(name, _)| has(name)).map(|(_, word)| *word));
    words.dedup();
    match words.as_slice() {
        [] => None,
        [word] => Some((*word).to_owned()),
        [first @ .., last] => Some(format!("{} or {last}", first.join(", "))),
    }
}
