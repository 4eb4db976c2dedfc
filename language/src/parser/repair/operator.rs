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
