//! Slips that occur in every kind of row: unknown characters, dots, brackets, commas at line starts.

use super::{Broken, Outcome};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::parser::pieces::{Piece, closes_list, opens_list, partners};
use crate::parser::symbols::Builder;
use crate::span::Span;
use crate::token::TokenKind;

/// Characters that begin no token; goes on without them.
pub(super) fn unknown_character(broken: &mut Broken<'_, '_>) -> Outcome {
    let Some(at) = broken.row.iter().position(|piece| piece.kind == TokenKind::Unknown) else {
        return Outcome::Unknown;
    };
    let Some(diagnostic) = explain_unknown(broken.builder, broken.row) else { return Outcome::Unknown };
    if broken.text(at) == "+=" {
        // Whatever the name stands for, it is no call with what is behind the sign.
        return Outcome::Known(diagnostic);
    }
    if let Some((_, kind)) = meant(broken.text(at)) {
        broken.become_kind(at, kind);
    } else if diagnostic.code == codes::WRONG_COMMENT {
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

/// What a sign of another language means here.
fn meant(sign: &str) -> Option<(&'static str, TokenKind)> {
    Some(match sign {
        "&" => ("&&", TokenKind::And),
        "|" => ("||", TokenKind::Or),
        "===" => ("==", TokenKind::Equal),
        "!==" => ("!=", TokenKind::NotEqual),
        "++" => ("+", TokenKind::Plus),
        _ => return None,
    })
}

/// The error of the first unknown characters of a row.
pub(super) fn explain_unknown(builder: &Builder<'_>, row: &[Piece]) -> Option<Diagnostic> {
    let at = row.iter().position(|piece| piece.kind == TokenKind::Unknown)?;
    let span = row.get(at)?.span;
    let next = row.get(at + 1).map(|piece| piece.kind);
    let location = builder.location(span);
    let error = |code, message: String| Diagnostic::error(code, location, message);
    if let Some((sign, _)) = meant(builder.slice(span)) {
        let text = builder.slice(span);
        return Some(
            error(codes::FOREIGN_SIGN, format!("there is no operator `{text}`"))
                .help(format!("write `{sign}`"))
                .safe_fix(format!("replace `{text}` by `{sign}`"), location, sign),
        );
    }
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
        text @ ("+=" | ":=") => error(codes::FOREIGN_SIGN, format!("there is no operator `{text}`"))
            .help("write `let name = value`: a name has one value, which does not change"),
        "->" => error(codes::FOREIGN_SIGN, "`->` has no meaning here".to_owned())
            .help("write types before names, `fs name()`, and `=>` behind the patterns of a `match`"),
        "\\" if next.is_none() => error(codes::LINE_CONTINUATION, "a line is not continued by a backslash".to_owned())
            .help("put the arguments in parentheses, which may go on over lines, or write a long one as a heredoc"),
        "." => error(
            codes::UNKNOWN_CHARACTER,
            "a `.` stands only directly behind a name, a string, a `)`, a `]` or a `}`".to_owned(),
        )
        .help("write `value.name` without white space, and fractions and paths in quotes"),
        text if !text.is_ascii() => {
            error(codes::UNKNOWN_CHARACTER, format!("`{text}` has no meaning outside of a string"))
                .help("use the letters a to z, digits, `_` and `:` in names")
        }
        text => error(codes::UNKNOWN_CHARACTER, format!("`{text}` has no meaning here"))
            .help("remove it, or put it in a string"),
    })
}

/// `a.b.c` as what is called, or as a type: goes on as `a.b`.
pub(super) fn two_dots(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_dotted = |broken: &Broken<'_, '_>, at: usize| {
        let kinds = [TokenKind::Ident, TokenKind::Dot];
        at >= 5 && (0..at).zip(kinds.iter().cycle()).all(|(at, kind)| broken.kind(at) == Some(*kind))
    };
    let (first, last) = match broken.kind(broken.at) {
        Some(TokenKind::Dot) if broken.before(2) == Some(TokenKind::Dot) => {
            (broken.at, broken.at + usize::from(broken.kind(broken.at + 1) == Some(TokenKind::Ident)))
        }
        _ if is_dotted(broken, broken.at) && broken.at % 2 == 1 => (3, broken.at - 1),
        _ => return Outcome::Unknown,
    };
    let span = broken.span(first).to(broken.span(last));
    let message = "the name of what is called has at most one dot";
    let diagnostic = Diagnostic::error(codes::TWO_DOTS, broken.location(span), message)
        .help("export what you need from the module that is imported here");
    broken.row.drain(first..=last);
    Outcome::Repaired(diagnostic)
}

/// A `(` or a `[` without its counterpart: goes on as if it closed before the next clause or at the end.
pub(super) fn open_list(broken: &mut Broken<'_, '_>) -> Outcome {
    let kinds: Vec<TokenKind> = broken.row.iter().map(|piece| piece.kind).collect();
    let partners = partners(&kinds);
    let is_open = |(at, kind): &(usize, &TokenKind)| opens_list(**kind) && partners.get(*at) == Some(&None);
    let open: Vec<usize> = kinds.iter().enumerate().filter(is_open).map(|(at, _)| at).collect();
    let Some(first) = open.first().copied() else { return Outcome::Unknown };
    // Where the opener ends its line, the elements stand on the next ones.
    let is_hanging = kinds.get(first + 1) == Some(&TokenKind::Newline);
    let ends = |piece: &Piece| {
        !is_hanging && piece.kind == TokenKind::Newline
            || matches!(
                piece.kind,
                TokenKind::With | TokenKind::As | TokenKind::Semicolon | TokenKind::HeaderBrace | TokenKind::MatchBrace
            )
    };
    let opener_of_body = |piece: &Piece| piece.is_block() && is_head(broken.row);
    let end = broken.row.iter().enumerate().skip(first + 1).find(|(_, piece)| ends(piece) || opener_of_body(piece));
    let end = end.map_or(broken.row.len(), |(at, _)| at);
    let behind = Span::at(end.checked_sub(1).map_or(0, |at| broken.span(at).end) as usize);
    let is_paren = |at: usize| kinds.get(at).is_some_and(|kind| kind.opens_paren());
    let (code, what, closer) = match is_paren(first) {
        true => (codes::OPEN_PAREN, "parenthesis", ")"),
        false => (codes::OPEN_BRACKET, "bracket", "]"),
    };
    let diagnostic =
        Diagnostic::error(code, broken.location(broken.span(first)), format!("this {what} is never closed"))
            .label("opened here")
            .help(format!("close it with `{closer}`"))
            .fix(format!("insert `{closer}`"), broken.location(behind), closer);
    let closers = open.iter().rev().map(|at| {
        let kind = if is_paren(*at) { TokenKind::RParen } else { TokenKind::RBracket };
        Piece { kind, span: behind, node: None }
    });
    let closers: Vec<Piece> = closers.collect();
    broken.row.splice(end..end, closers);
    Outcome::Repaired(diagnostic)
}

/// Whether a row is a function's head: a type, a name, a parenthesis.
fn is_head(row: &[Piece]) -> bool {
    let kinds = row.iter().map(|piece| piece.kind);
    let mut kinds = kinds.skip_while(|kind| *kind == TokenKind::ExportPrefix);
    kinds.by_ref().take(2).all(|kind| kind == TokenKind::Ident) && kinds.next().is_some_and(TokenKind::opens_paren)
}

/// A `)` or a `]` without its counterpart: goes on without it.
pub(super) fn stray_closer(broken: &mut Broken<'_, '_>) -> Outcome {
    let kinds: Vec<TokenKind> = broken.row.iter().map(|piece| piece.kind).collect();
    let partners = partners(&kinds);
    let is_stray = |(at, kind): &(usize, &TokenKind)| closes_list(**kind) && partners.get(*at) == Some(&None);
    let Some((at, kind)) = kinds.iter().enumerate().find(is_stray) else { return Outcome::Unknown };
    let (code, closer, opener) = match kind {
        TokenKind::RParen => (codes::STRAY_PAREN, ")", "("),
        _ => (codes::STRAY_BRACKET, "]", "["),
    };
    let location = broken.location(broken.span(at));
    broken.row.remove(at);
    Outcome::Repaired(
        Diagnostic::error(code, location, format!("this `{closer}` closes nothing"))
            .help(format!("remove it, or open its list with `{opener}`"))
            .fix(format!("remove the `{closer}`"), location, ""),
    )
}

/// A comma before its element's line, or two in a row: goes on without it.
pub(super) fn leading_comma(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let inside = broken.depths().get(at).is_some_and(|depth| *depth > 0);
    let is_first =
        broken.before(1).is_none_or(|kind| opens_list(kind) || matches!(kind, TokenKind::Newline | TokenKind::Comma));
    if broken.kind(at) != Some(TokenKind::Comma) || !inside || !is_first {
        return Outcome::Unknown;
    }
    let location = broken.location(broken.span(at));
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
    let location = broken.location(broken.span(broken.at));
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
