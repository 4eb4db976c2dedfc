//! Slips with operators: comparisons that chain, operands that lack.

use super::{Broken, Outcome};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::token::TokenKind;

fn compares(kind: TokenKind) -> bool {
    matches!(
        kind,
        TokenKind::Equal
            | TokenKind::NotEqual
            | TokenKind::Less
            | TokenKind::LessEqual
            | TokenKind::Greater
            | TokenKind::GreaterEqual
    )
}

/// `a < b < c`: goes on as if the second comparison were another condition, of something unknown.
pub(super) fn chained(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    if !broken.kind(at).is_some_and(compares) || !broken.follows_operand() {
        return Outcome::Unknown;
    }
    let depths = broken.depths();
    let depth = depths.get(at).copied().unwrap_or(0);
    let before = broken.row.iter().zip(&depths).take(at).rev().take_while(|(_, inner)| **inner >= depth);
    let first = before.filter(|(_, inner)| **inner == depth).find(|(piece, _)| compares(piece.kind));
    let Some(first) = first.map(|(piece, _)| piece.span) else { return Outcome::Unknown };
    let location = broken.location(broken.span(at));
    broken.insert(at, TokenKind::And);
    broken.insert_error(at + 1);
    Outcome::Repaired(
        Diagnostic::error(codes::CHAINED_COMPARISON, location, "a comparison cannot be compared again")
            .also(broken.location(first), "the first comparison is here")
            .help("join two comparisons by `&&`, or put one in parentheses"),
    )
}

/// `name<type>(…)`: goes on as `name(…)`.
pub(super) fn type_arguments(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let behind_name = broken.before(1) == Some(TokenKind::Ident) && broken.before(3) == Some(TokenKind::Ident);
    if broken.kind(at) != Some(TokenKind::Greater) || broken.before(2) != Some(TokenKind::Less) || !behind_name {
        return Outcome::Unknown;
    }
    let is_joined = |at: usize| broken.span(at - 1).end == broken.span(at).start;
    let is_call = broken.kind(at + 1).is_some_and(TokenKind::opens_paren) && is_joined(at + 1) && is_joined(at - 2);
    if !is_call {
        return Outcome::Unknown;
    }
    let location = broken.location(broken.span(at - 1));
    let gap = broken.location(broken.span(at - 2).to(broken.span(at)));
    broken.become_kind(at + 1, TokenKind::CallParen);
    broken.row.drain(at - 2..=at);
    Outcome::Repaired(
        Diagnostic::error(codes::UNEXPECTED, location, "what a type parameter stands for is not written in a call")
            .help("remove it: the arguments tell")
            .fix("remove it", gap, ""),
    )
}

/// `a and b`, `not a`: goes on with the signs.
pub(super) fn words(broken: &mut Broken<'_, '_>) -> Outcome {
    let sign = |at: usize| {
        let behind = at.checked_sub(1).is_some_and(|before| broken.kind(before).is_some_and(TokenKind::ends_operand));
        let goes_on = broken.kind(at + 1).is_some_and(|kind| {
            kind.opens_string()
                || kind.opens_paren()
                || matches!(
                    kind,
                    TokenKind::Ident | TokenKind::Int | TokenKind::Bool | TokenKind::None | TokenKind::Not
                )
        });
        match broken.text(at) {
            "and" if behind && goes_on => Some(("&&", TokenKind::And)),
            "or" if behind && goes_on => Some(("||", TokenKind::Or)),
            "not" if !behind && goes_on => Some(("!", TokenKind::Not)),
            _ => None,
        }
    };
    let places = (broken.at.saturating_sub(2)..=broken.at).filter(|at| broken.is_token(*at, TokenKind::Ident));
    let Some((at, (sign, kind))) = places.rev().find_map(|at| Some((at, sign(at)?))) else { return Outcome::Unknown };
    let word = broken.text(at).to_owned();
    let location = broken.location(broken.span(at));
    broken.become_kind(at, kind);
    Outcome::Repaired(
        Diagnostic::error(codes::FOREIGN_SIGN, location, format!("there is no operator `{word}`"))
            .help(format!("write `{sign}`"))
            .fix(format!("replace `{word}` by `{sign}`"), location, sign),
    )
}

/// `a ? b : c`
pub(super) fn question(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let is_type =
        broken.kind(0) == Some(TokenKind::Let) && !broken.row.iter().take(at).any(|it| it.kind == TokenKind::Assign);
    let has_colon = broken.row.iter().skip(at).any(|piece| piece.kind == TokenKind::Colon);
    if broken.kind(at) != Some(TokenKind::Question) || !broken.before(1).is_some_and(TokenKind::ends_operand) {
        return Outcome::Unknown;
    }
    if is_type || !has_colon {
        return Outcome::Unknown;
    }
    let location = broken.location(broken.span(at));
    Outcome::Known(
        Diagnostic::error(codes::FOREIGN_SIGN, location, "`?` chooses nothing: it stands behind a type")
            .help("choose with `if` and `else`: `if condition { … } else { … }`"),
    )
}

/// An operator or a word with nothing behind it: goes on as if an expression were there.
pub(super) fn missing_operand(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let Some(before) = broken.before(1) else { return Outcome::Unknown };
    let wants = before.is_infix()
        || matches!(
            before,
            TokenKind::Assign
                | TokenKind::Colon
                | TokenKind::FatArrow
                | TokenKind::Ellipsis
                | TokenKind::Not
                | TokenKind::Negative
                | TokenKind::In
                | TokenKind::If
                | TokenKind::Match
                | TokenKind::Assert
                | TokenKind::IndexBracket
                | TokenKind::LParen
        );
    let wants = wants || before == TokenKind::Comma && broken.kind(0) == Some(TokenKind::Assert);
    let is_expression = broken.expects("number");
    let starts = broken.kind(at).is_some_and(|kind| kind.is_word() || kind == TokenKind::Unknown);
    if !wants || !is_expression || starts {
        return Outcome::Unknown;
    }
    let span = broken.span(at - 1);
    let message = match before {
        TokenKind::If => "the `if` has no condition".to_owned(),
        TokenKind::Assert => "the `assert` has no condition".to_owned(),
        _ => format!("expected an expression behind {}", before.describe()),
    };
    broken.insert_error(at);
    Outcome::Repaired(Diagnostic::error(codes::MISSING_OPERAND, broken.location(span), message))
}
