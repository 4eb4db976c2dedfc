//! Slips in the elements of braces: arms of a `match` and entries of a map.

use super::{Broken, Outcome, made_name};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::span::Span;
use crate::token::TokenKind;

/// A pattern without its `=>`: goes on with it.
pub(super) fn arrow(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let wanted = broken.expects("=>");
    if !wanted || !broken.follows_operand() {
        return Outcome::Unknown;
    }
    let behind = broken.behind(at - 1);
    let is_other = matches!(broken.kind(at), Some(TokenKind::Colon | TokenKind::Assign)) || broken.text(at) == "->";
    let location = broken.location(if is_other { broken.span(at) } else { behind });
    let error =
        Diagnostic::error(codes::ARM_ARROW, location, "expected `=>` behind the pattern").help("write `pattern => …`");
    if is_other {
        let text = broken.spaced(at, "=>");
        broken.become_kind(at, TokenKind::FatArrow);
        return Outcome::Repaired(error.safe_fix("replace it by `=>`", location, text));
    }
    broken.insert(at, TokenKind::FatArrow);
    Outcome::Repaired(error.fix("insert `=>`", location, " =>"))
}

/// `else => …`: goes on as `_ => …`.
pub(super) fn else_pattern(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    if broken.kind(at) != Some(TokenKind::Else) || broken.kind(at + 1) != Some(TokenKind::FatArrow) {
        return Outcome::Unknown;
    }
    let location = broken.location(broken.span(at));
    let name = made_name(broken.span(at), "_");
    broken.row.splice(at..=at, [name]);
    Outcome::Repaired(
        Diagnostic::error(codes::UNEXPECTED, location, "`else` is no pattern")
            .help("write `_` for all other values")
            .safe_fix("replace it by `_`", location, "_"),
    )
}

/// `key: value` or `key value` in a map: goes on as `key = value`.
pub(super) fn entry_sign(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let has_sign = broken.row.iter().take(at).any(|piece| piece.kind == TokenKind::Assign);
    let wanted = broken.expects("=");
    let is_outer = broken.depths().get(at).is_none_or(|depth| *depth == 0);
    let is_each = broken.kind(0) == Some(TokenKind::For);
    let is_head = is_each && !broken.row.iter().take(at).any(|piece| piece.kind == TokenKind::Colon);
    if !wanted || !is_outer || is_head || has_sign || !broken.follows_operand() {
        return Outcome::Unknown;
    }
    let is_other = matches!(broken.kind(at), Some(TokenKind::Colon | TokenKind::FatArrow));
    let behind = broken.behind(at - 1);
    let location = broken.location(if is_other { broken.span(at) } else { behind });
    let error =
        Diagnostic::error(codes::FOREIGN_SIGN, location, "an entry of a map is `key = value`").help("write `=`");
    if is_other {
        let (old, text) = (broken.text(at).to_owned(), broken.spaced(at, "="));
        broken.become_kind(at, TokenKind::Assign);
        return Outcome::Repaired(error.safe_fix(format!("replace `{old}` by `=`"), location, text));
    }
    let ends = matches!(broken.kind(at), None | Some(TokenKind::Comma | TokenKind::Newline | TokenKind::Semicolon));
    broken.insert(at, TokenKind::Assign);
    if ends {
        broken.insert_error(at + 1);
        return Outcome::Repaired(error);
    }
    Outcome::Repaired(error.fix("insert `=`", location, " ="))
}

/// `low = 1` in an enum: goes on as `low`.
pub(super) fn variant_value(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    if broken.kind(at) != Some(TokenKind::Assign) || broken.before(1) != Some(TokenKind::Ident) {
        return Outcome::Unknown;
    }
    let depths = broken.depths();
    let ends = |at: &usize| {
        let separates = matches!(broken.kind(*at), Some(TokenKind::Comma | TokenKind::Newline | TokenKind::Semicolon));
        separates && depths.get(*at) == Some(&0)
    };
    let end = (at + 1..broken.row.len()).find(ends).unwrap_or(broken.row.len());
    let location = broken.location(broken.span(at));
    let gap = broken.location(Span { start: broken.span(at - 1).end, end: broken.span(end - 1).end });
    broken.row.drain(at..end);
    Outcome::Repaired(
        Diagnostic::error(codes::EQUALS_SIGN, location, "a variant has no value: it is its name")
            .help("write its name alone; a `match` tells what it stands for")
            .fix("remove the value", gap, ""),
    )
}

/// A comma or a `;` that follows no element: goes on without it.
pub(super) fn stray_comma(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let is_separator = matches!(broken.kind(at), Some(TokenKind::Comma | TokenKind::Semicolon));
    let is_first =
        matches!(broken.before(1), None | Some(TokenKind::Comma | TokenKind::Semicolon | TokenKind::Newline));
    if !is_separator || !is_first {
        return Outcome::Unknown;
    }
    let location = broken.location(broken.span(at));
    let text = broken.text(at).to_owned();
    broken.row.remove(at);
    Outcome::Repaired(
        Diagnostic::error(codes::UNEXPECTED, location, format!("this `{text}` follows no element"))
            .help("remove it")
            .safe_fix(format!("remove the `{text}`"), location, ""),
    )
}

/// A statement that goes on behind a comma, or that makes no value, directly behind `=>`.
pub(super) fn statement_in_arm(broken: &mut Broken<'_, '_>) -> Outcome {
    let Some(kind) = broken.kind(broken.at).filter(|kind| matches!(kind, TokenKind::Let | TokenKind::Assert)) else {
        return Outcome::Unknown;
    };
    if broken.before(1) != Some(TokenKind::FatArrow) {
        return Outcome::Unknown;
    }
    let message = format!("a statement with {} stands in braces here", kind.describe());
    let error = Diagnostic::error(codes::UNEXPECTED, broken.location(broken.span(broken.at)), message);
    Outcome::Known(error.help("write `pattern => { … }`"))
}
