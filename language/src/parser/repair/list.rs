//! Slips in lists and loops: comprehensions in another order, words and signs that lack, arguments that cannot be read.

use super::{Broken, Outcome};
use crate::codes;
use crate::diagnostic::{Applicability, Diagnostic};
use crate::parser::pieces::Piece;
use crate::span::Span;
use crate::token::TokenKind;

/// `[x for x in xs if c]`: goes on as `[for x in xs : x if c]`.
pub(super) fn order(broken: &mut Broken<'_, '_>) -> Outcome {
    match broken.opener(broken.at) {
        Some(open) => reorder(broken, open + 1, broken.closer(open)),
        None => Outcome::Unknown,
    }
}

/// The same in the braces of a map, which are a row of their own.
pub(super) fn order_in_braces(broken: &mut Broken<'_, '_>) -> Outcome {
    match broken.opener(broken.at) {
        Some(_) => order(broken),
        None => reorder(broken, 0, broken.row.len()),
    }
}

fn reorder(broken: &mut Broken<'_, '_>, open: usize, close: usize) -> Outcome {
    let at = broken.at;
    if broken.kind(at) != Some(TokenKind::For) || !broken.follows_operand() {
        return Outcome::Unknown;
    }
    let depths = broken.depths();
    let depth = depths.get(at).copied().unwrap_or(0);
    let is_filter = |at: &usize| depths.get(*at) == Some(&depth) && broken.kind(*at) == Some(TokenKind::If);
    let head = (at..close).find(is_filter).unwrap_or(close);
    let slice = |from: usize, to: usize| {
        let span = broken.span(from).to(broken.span(to.saturating_sub(1)));
        broken.builder.slice(span).to_owned()
    };
    let span = broken.span(open).to(broken.span(close.saturating_sub(1)));
    let filter = if head < close { format!(" {}", slice(head, close)) } else { String::new() };
    let text = format!("{} : {}{filter}", slice(at, head), slice(open, at));
    let location = broken.location(broken.span(at));
    let is_sure = broken.has_no_comment(span);
    let value: Vec<Piece> = broken.row.drain(open..at).collect();
    let head = head - value.len();
    broken.row.splice(head..head, value);
    broken.insert(head, TokenKind::Colon);
    Outcome::Repaired(
        Diagnostic::error(codes::COMPREHENSION_ORDER, location, "a comprehension begins with its `for`")
            .help(format!("write `{text}`"))
            .replace("put the `for` first", broken.location(span), text, Applicability::safe_if(is_sure)),
    )
}

/// `for x xs`, `for x of xs`: goes on with an `in`.
pub(super) fn names(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let is_name = |back: usize| broken.before(back) == Some(TokenKind::Ident);
    let behind_one = is_name(1) && broken.before(2) == Some(TokenKind::For);
    let behind_two = is_name(1)
        && broken.before(2) == Some(TokenKind::Comma)
        && is_name(3)
        && broken.before(4) == Some(TokenKind::For);
    let Some(kind) = broken.kind(at).filter(|_| behind_one || behind_two) else { return Outcome::Unknown };
    if kind == TokenKind::In || kind == TokenKind::Comma && behind_one {
        return Outcome::Unknown;
    }
    if kind == TokenKind::Comma {
        let end = (at..broken.row.len()).find(|at| broken.kind(*at) == Some(TokenKind::In)).unwrap_or(at + 1);
        let location = broken.location(broken.span(at));
        let gap = broken.location(broken.span(at).to(broken.span(end - 1)));
        broken.row.drain(at..end);
        return Outcome::Repaired(
            Diagnostic::error(codes::UNEXPECTED, location, "a `for` has one name or two")
                .help("name the element, or the index and the element, or the key and the value")
                .fix("remove what is behind", gap, ""),
        );
    }
    let behind = broken.behind(at - 1);
    let is_other = matches!(kind, TokenKind::Colon | TokenKind::Assign)
        || broken.text(at) == "of" && broken.is_token(at, TokenKind::Ident);
    let location = broken.location(if is_other { broken.span(at) } else { behind });
    let error = Diagnostic::error(codes::FOR_IN, location, "expected `in` behind the names of the `for`")
        .help("write `for name in …`");
    if is_other {
        let text = broken.spaced(at, "in");
        broken.become_kind(at, TokenKind::In);
        return Outcome::Repaired(error.safe_fix("replace it by `in`", location, text));
    }
    broken.insert(at, TokenKind::In);
    Outcome::Repaired(error.fix("insert `in`", location, " in"))
}

/// `for x in xs run x`: a loop without braces.
pub(super) fn block_of_loop(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let has_in = broken.row.iter().take(at).any(|piece| piece.kind == TokenKind::In);
    let begins =
        broken.kind(at).is_some_and(|kind| matches!(kind, TokenKind::Ident | TokenKind::Int) || kind.opens_string());
    if broken.kind(0) != Some(TokenKind::For) || broken.opener(at).is_some() || !has_in || !begins {
        return Outcome::Unknown;
    }
    let span = broken.span(at);
    let found = crate::parser::explain::found(broken.builder, broken.row.get(at).unwrap_or(&Piece::error(span)));
    Outcome::Known(
        Diagnostic::error(codes::UNEXPECTED, broken.location(span), format!("expected a block, found {found}"))
            .help("write `for name in … { … }`"),
    )
}

/// `[for x in xs x]`: goes on with a `:`.
pub(super) fn colon(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let first = broken.opener(at).map_or(0, |open| open + 1);
    let is_each = broken.kind(first) == Some(TokenKind::For);
    let mut inner = broken.row.iter().zip(broken.depths()).take(at).skip(first);
    let depth = broken.depths().get(first).copied().unwrap_or(0);
    let has_in = inner.clone().any(|(piece, inner)| inner == depth && piece.kind == TokenKind::In);
    let has_colon = inner.any(|(piece, inner)| inner == depth && piece.kind == TokenKind::Colon);
    let is_block =
        broken.kind(at).is_some_and(TokenKind::opens_brace) || broken.opener(at).is_none() && at == broken.row.len();
    if !is_each || !has_in || has_colon || is_block || !broken.follows_operand() {
        return Outcome::Unknown;
    }
    let behind = broken.behind(at - 1);
    let error = |broken: &Broken<'_, '_>| {
        Diagnostic::error(codes::COMPREHENSION_COLON, broken.location(behind), "expected `:` before the element")
    };
    // `xs:x` is one name.
    let joined = broken.text(at - 1).rsplit_once(':').map(|(items, value)| (items.len(), value.len()));
    if let Some((items, value)) = joined.filter(|_| broken.is_token(at - 1, TokenKind::Ident)) {
        let span = broken.span(at - 1);
        let (start, end) = (span.start as usize, span.end as usize);
        let colon = Span::new(start + items, end - value);
        let parts = [
            (TokenKind::Ident, Span::new(start, start + items)),
            (TokenKind::Colon, colon),
            (TokenKind::Ident, Span::new(end - value, end)),
        ];
        broken.row.splice(at - 1..at, parts.map(|(kind, span)| Piece { kind, span, node: None }));
        let error = error(broken).help("put white space behind the `:`: names joined by one are one name");
        return Outcome::Repaired(error.fix("put white space round the `:`", broken.location(colon), " : "));
    }
    let error = error(broken).help("write `for name in items : element`");
    broken.insert(at, TokenKind::Colon);
    Outcome::Repaired(error.fix("insert `:`", broken.location(behind), " :"))
}

/// An argument or an element that cannot be read: goes on as if it were some expression.
pub(super) fn argument(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let Some(open) = broken.opener(at) else { return Outcome::Unknown };
    let close = broken.closer(open);
    let depths = broken.depths();
    let depth = depths.get(open).map_or(0, |outer| outer + 1);
    let is_list = matches!(broken.kind(open), Some(TokenKind::CallParen | TokenKind::LBracket))
        && broken.kind(open + 1) != Some(TokenKind::For);
    let separates = |at: usize| {
        let kind = broken.kind(at);
        is_list && depths.get(at) == Some(&depth) && matches!(kind, Some(TokenKind::Comma | TokenKind::Newline))
    };
    let first = (open + 1..at.min(close)).rev().find(|at| separates(*at)).map_or(open + 1, |at| at + 1);
    let last = (at..close).find(|at| separates(*at)).unwrap_or(close);
    let has_blocks = broken.row.iter().take(last).skip(first).any(Piece::is_group);
    if close >= broken.row.len() || first >= last || has_blocks {
        return Outcome::Unknown;
    }
    // A repair may have put pieces in another order than that of the text.
    let span = Span { start: broken.span(open).end, end: broken.span(close).start };
    let found = broken.span(first).to(broken.span(last - 1));
    let span = Span { start: found.start.max(span.start).min(span.end), end: found.end.min(span.end).max(span.start) };
    broken.row.splice(first..last, [Piece::error(span)]);
    Outcome::Cut
}
