//! Slips that occur in every kind of row: unknown characters, dots, parentheses, commas at line starts.

use super::{Broken, Outcome};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::parser::pieces::{Piece, paren_depths};
use crate::parser::symbols::Builder;
use crate::span::Span;
use crate::token::TokenKind;

/// Characters that begin no token; goes on without them.
pub(super) fn unknown_character(broken: &mut Broken<'_, '_>) -> Outcome {
    let Some(at) = broken.row.iter().position(|piece| piece.kind == TokenKind::Unknown) else {
        return Outcome::Unknown;
    };
    let Some(diagnostic) = explain_unknown(broken.builder, broken.row) else { return Outcome::Unknown };
    if diagnostic.code == codes::WRONG_COMMENT {
        broken.row.truncate(at);
    } else {
        broken.row.retain(|piece| piece.kind != TokenKind::Unknown);
    }
    Outcome::Repaired(diagnostic)
}

/// Whether there is white space before a place; what follows a word directly may be a part of it, as in a URL without quotes.
fn stands_apart(builder: &Builder<'_>, span: Span) -> bool {
    let before = span.start.checked_sub(1).map(|start| builder.slice(Span { start, end: span.start }));
    before.is_none_or(|text| text.trim().is_empty() && !text.is_empty())
}

/// The error of the first unknown characters of a row.
pub(super) fn explain_unknown(builder: &Builder<'_>, row: &[Piece]) -> Option<Diagnostic> {
    let at = row.iter().position(|piece| piece.kind == TokenKind::Unknown)?;
    let span = row.get(at)?.span;
    let next = row.get(at + 1).map(|piece| piece.kind);
    let location = builder.location(span);
    let error = |code, message: String| Diagnostic::error(code, location, message);
    Some(match builder.slice(span) {
        "//" => {
            let error = error(codes::WRONG_COMMENT, "a comment begins with `#`, not with `//`".to_owned())
                .help("write `#` instead");
            let title = "replace `//` by `#`";
            if stands_apart(builder, span) {
                error.safe_fix(title, location, "#")
            } else {
                error.fix(title, location, "#")
            }
        }
        text if text.starts_with("//") || text.starts_with("/*") => {
            let message = format!("a comment begins with `#`, not with `{}`", text.get(..2).unwrap_or(""));
            error(codes::WRONG_COMMENT, message).help("write `#` before each line instead")
        }
        "=" => error(codes::EQUALS_SIGN, "`=` has no meaning here".to_owned())
            .help("write a function with a block, `string version() { \"1.2\"; }`, or arguments side by side"),
        "\\" if next.is_none() => error(codes::LINE_CONTINUATION, "a line is not continued by a backslash".to_owned())
            .help("put the whole statement on one line, or write a long argument as a heredoc"),
        "-" if next == Some(TokenKind::Int) => {
            error(codes::UNKNOWN_CHARACTER, "numbers have no sign".to_owned()).help("use a number from 0 up")
        }
        "." => error(codes::UNKNOWN_CHARACTER, "a `.` stands only directly behind the name of a module".to_owned())
            .help("write `module.name` without white space, and fractions as strings"),
        text if !text.is_ascii() => {
            error(codes::UNKNOWN_CHARACTER, format!("`{text}` has no meaning outside of a string"))
                .help("use the letters a to z, digits, `_` and `:` in names")
        }
        text => error(codes::UNKNOWN_CHARACTER, format!("`{text}` has no meaning here"))
            .help("remove it, or put it in a string"),
    })
}

/// `a.b.c`: goes on as `a.b`.
pub(super) fn two_dots(broken: &mut Broken<'_, '_>) -> Outcome {
    if broken.kind(broken.at) != Some(TokenKind::Dot) || broken.before(2) != Some(TokenKind::Dot) {
        return Outcome::Unknown;
    }
    let behind = usize::from(broken.kind(broken.at + 1) == Some(TokenKind::Ident));
    let span = broken.span(broken.at).to(broken.span(broken.at + behind));
    let diagnostic = Diagnostic::error(codes::TWO_DOTS, broken.builder.location(span), "a name has at most one dot")
        .help("export what you need from the module that is imported here");
    broken.row.drain(broken.at..=broken.at + behind);
    Outcome::Repaired(diagnostic)
}

/// A `(` without its `)`: goes on as if it closed before the next clause or at the end.
pub(super) fn open_paren(broken: &mut Broken<'_, '_>) -> Outcome {
    let mut open = Vec::new();
    for (at, piece) in broken.row.iter().enumerate() {
        match piece.kind {
            TokenKind::LParen => open.push(at),
            TokenKind::RParen => drop(open.pop()),
            _ => {}
        }
    }
    let Some(paren) = open.first().copied() else { return Outcome::Unknown };
    let ends = |piece: &Piece| matches!(piece.kind, TokenKind::With | TokenKind::As | TokenKind::Newline);
    let opener_of_body = |piece: &Piece| broken.row.first().is_some_and(|_| piece.is_block() && is_head(broken.row));
    let end = broken.row.iter().enumerate().skip(paren + 1).find(|(_, piece)| ends(piece) || opener_of_body(piece));
    let end = end.map_or(broken.row.len(), |(at, _)| at);
    let behind = Span::at(end.checked_sub(1).map_or(0, |at| broken.span(at).end) as usize);
    let location = broken.builder.location(broken.span(paren));
    let diagnostic = Diagnostic::error(codes::OPEN_PAREN, location, "this parenthesis is never closed")
        .label("opened here")
        .help("close it with `)`")
        .fix("insert `)`", broken.builder.location(behind), ")");
    let closer = || Piece { kind: TokenKind::RParen, span: behind, node: None };
    broken.row.splice(end..end, open.iter().map(|_| closer()));
    Outcome::Repaired(diagnostic)
}

/// Whether a row is a function's head: a kind, a name, a parenthesis.
fn is_head(row: &[Piece]) -> bool {
    let kinds: Vec<TokenKind> = row.iter().take(3).map(|piece| piece.kind).collect();
    kinds == [TokenKind::Ident, TokenKind::Ident, TokenKind::LParen]
}

/// A `)` without its `(`: goes on without it.
pub(super) fn stray_paren(broken: &mut Broken<'_, '_>) -> Outcome {
    let mut open = 0_usize;
    let stray = broken.row.iter().position(|piece| match piece.kind {
        TokenKind::LParen => {
            open += 1;
            false
        }
        TokenKind::RParen => match open.checked_sub(1) {
            Some(less) => {
                open = less;
                false
            }
            None => true,
        },
        _ => false,
    });
    let Some(at) = stray else { return Outcome::Unknown };
    let location = broken.builder.location(broken.span(at));
    broken.row.remove(at);
    Outcome::Repaired(
        Diagnostic::error(codes::STRAY_PAREN, location, "this `)` closes nothing")
            .help("remove it, or open its list with `(`")
            .fix("remove the `)`", location, ""),
    )
}

/// A comma before its element's line, or two in a row: goes on without it.
pub(super) fn leading_comma(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let inside = paren_depths(broken.row.iter().map(|piece| piece.kind)).get(at).is_some_and(|depth| *depth > 0);
    if broken.kind(at) != Some(TokenKind::Comma) || !inside {
        return Outcome::Unknown;
    }
    let location = broken.builder.location(broken.span(at));
    let (code, message) = match broken.before(1) {
        Some(TokenKind::Newline) => (codes::LEADING_COMMA, "a comma cannot begin a line"),
        _ => (codes::UNEXPECTED, "this comma follows no element"),
    };
    broken.row.remove(at);
    let diagnostic =
        Diagnostic::error(code, location, message).help("put commas directly behind their elements, or leave them out");
    Outcome::Repaired(match code {
        codes::LEADING_COMMA => diagnostic.safe_fix("remove the comma", location, ""),
        _ => diagnostic.fix("remove the comma", location, ""),
    })
}

/// The end of a line directly in `${ }`: goes on without it.
pub(super) fn line_in_interpolation(broken: &mut Broken<'_, '_>) -> Outcome {
    if broken.kind(broken.at) != Some(TokenKind::Newline) {
        return Outcome::Unknown;
    }
    let location = broken.builder.location(broken.span(broken.at));
    broken.row.retain(|piece| piece.kind != TokenKind::Newline);
    Outcome::Repaired(
        Diagnostic::error(
            codes::LINE_IN_INTERPOLATION,
            location,
            "an interpolation stands on one line, without comments",
        )
        .help("write `${expression}` on one line, or move the expression into a function"),
    )
}
