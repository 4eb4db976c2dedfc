//! Slips in statements: commas, parenthesised calls, options without their word.

use super::{Broken, Outcome};
use crate::codes;
use crate::diagnostic::{Applicability, Diagnostic, Edit, Fix};
use crate::parser::pieces::{Piece, paren_depths};
use crate::span::Span;
use crate::token::TokenKind;

/// A block whose `{` is missing, behind arguments: goes on as if it were the options.
pub(super) fn unopened_block(broken: &mut Broken<'_, '_>) -> Outcome {
    let Some(piece) = broken.row.get(broken.at).filter(|piece| piece.is_unopened(broken.builder)) else {
        return Outcome::Unknown;
    };
    let diagnostic = super::unopened(broken.builder, piece);
    let span = Span::at(piece.span.start as usize);
    broken.insert_name(broken.at, "option");
    if broken.before(1) != Some(TokenKind::With) {
        broken.row.insert(broken.at, Piece { kind: TokenKind::With, span, node: None });
    }
    Outcome::Repaired(diagnostic)
}

/// `with { … }`: goes on as `with option { … }`.
pub(super) fn block_of_options(broken: &mut Broken<'_, '_>) -> Outcome {
    if !broken.is_block(broken.at) || broken.before(1) != Some(TokenKind::With) {
        return Outcome::Unknown;
    }
    let start = broken.span(broken.at).start as usize;
    let location = broken.builder.location(Span::new(start, start + 1));
    let diagnostic =
        Diagnostic::error(codes::WITH_BLOCK, location, "expected the word `option` before the block of options")
            .help("write `with option { … }`")
            .safe_fix("insert `option`", broken.builder.location(Span::at(start)), "option ");
    broken.insert_name(broken.at, "option");
    Outcome::Repaired(diagnostic)
}

/// `with` before the end or before another clause: goes on without it.
pub(super) fn with_nothing(broken: &mut Broken<'_, '_>) -> Outcome {
    let ends = matches!(broken.kind(broken.at), None | Some(TokenKind::As | TokenKind::With));
    if !ends || broken.before(1) != Some(TokenKind::With) {
        return Outcome::Unknown;
    }
    let with = broken.at - 1;
    let location = broken.builder.location(broken.span(with));
    broken.row.remove(with);
    Outcome::Repaired(
        Diagnostic::error(codes::WITH_NOTHING, location, "`with` is followed by no options")
            .help("write `with option { … }` or the name of an option, or remove the `with`"),
    )
}

/// `callee(args)` as a statement: goes on with the arguments side by side.
pub(super) fn parenthesised_call(broken: &mut Broken<'_, '_>) -> Outcome {
    let open = broken.at;
    // In an argument a parenthesis may follow a name, so this name is the callee.
    if broken.kind(open) != Some(TokenKind::LParen) || broken.before(1) != Some(TokenKind::Ident) {
        return Outcome::Unknown;
    }
    let depths = paren_depths(broken.row.iter().map(|piece| piece.kind));
    let outer = depths.get(open).copied().unwrap_or(0);
    let is_close = |(at, depth): &(usize, &usize)| *at > open && **depth == outer;
    let Some((close, _)) = depths.iter().enumerate().find(is_close) else { return Outcome::Unknown };
    let in_list = |at: usize| depths.get(at) == Some(&(outer + 1));
    let goes = |at: usize, kind: TokenKind| {
        at == open || at == close || in_list(at) && matches!(kind, TokenKind::Comma | TokenKind::Newline)
    };
    let mut edits = Vec::new();
    for (at, piece) in broken.row.iter().enumerate().filter(|(at, piece)| goes(*at, piece.kind)) {
        let gap = at != close && (at == open || piece.kind == TokenKind::Newline);
        let text = if gap && at + 1 != close { " " } else { "" };
        edits.push(Edit { at: broken.builder.location(piece.span), text: text.to_owned() });
    }
    let callee = broken.text(open - 1).to_owned();
    let location = broken.builder.location(broken.span(open).to(broken.span(close)));
    let message = format!("the arguments of the statement `{callee}` stand in parentheses");
    let mut diagnostic = Diagnostic::error(codes::PAREN_STATEMENT, location, message)
        .help("write the arguments side by side: parentheses are for calls that are arguments themselves");
    // A comment in the list would take what follows it on the joined line.
    let commented = !broken.builder.trivia.comments_in(location.span).is_empty();
    let applicability = if commented { Applicability::Guess } else { Applicability::Safe };
    diagnostic.fixes.push(Fix { title: "write the arguments side by side".to_owned(), edits, applicability });
    let mut at = 0;
    broken.row.retain(|piece| {
        at += 1;
        !goes(at - 1, piece.kind)
    });
    Outcome::Repaired(diagnostic)
}

/// `a "x", "y"`: goes on without the commas.
pub(super) fn commas(broken: &mut Broken<'_, '_>) -> Outcome {
    if broken.kind(broken.at) != Some(TokenKind::Comma) {
        return Outcome::Unknown;
    }
    let depths = paren_depths(broken.row.iter().map(|piece| piece.kind));
    let goes = |at: usize, kind: TokenKind| kind == TokenKind::Comma && depths.get(at) == Some(&0);
    let spans = broken.row.iter().enumerate().filter(|(at, piece)| goes(*at, piece.kind)).map(|(_, piece)| piece.span);
    let edits = spans.map(|span| Edit { at: broken.builder.location(span), text: String::new() }).collect();
    let location = broken.builder.location(broken.span(broken.at));
    let mut diagnostic =
        Diagnostic::error(codes::STRAY_COMMA, location, "arguments that stand side by side take no commas")
            .help("separate the arguments by spaces: commas are for lists in parentheses");
    diagnostic.fixes.push(Fix { title: "remove the commas".to_owned(), edits, applicability: Applicability::Safe });
    let mut at = 0;
    broken.row.retain(|piece| {
        at += 1;
        !goes(at - 1, piece.kind)
    });
    Outcome::Repaired(diagnostic)
}

/// `fs { … }` as a statement.
pub(super) fn block_as_statement(broken: &mut Broken<'_, '_>) -> Outcome {
    if !broken.is_block(broken.at) || broken.before(1) == Some(TokenKind::With) {
        return Outcome::Unknown;
    }
    let start = broken.span(broken.at).start as usize;
    let location = broken.builder.location(Span::new(start, start + 1));
    let error = |message: String| Diagnostic::error(codes::BLOCK_STATEMENT, location, message);
    Outcome::Known(match broken.before(1) {
        Some(TokenKind::Ident) => {
            let kind = broken.text(broken.at - 1);
            error(format!("a block `{kind} {{ … }}` is a value and cannot be a statement"))
                .help("write its statements directly, or pass the block as an argument")
        }
        _ => error("a block stands only behind its type".to_owned())
            .help("write `fs { … }` for a filesystem, or `with option { … }` for options"),
    })
}

/// `with` or `as` where a name must stand.
pub(super) fn keyword_as_name(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let Some(kind) = broken.kind(at).filter(|kind| kind.is_keyword()) else { return Outcome::Unknown };
    let behind_as = broken.before(1) == Some(TokenKind::As);
    if at != 0 && !behind_as {
        return Outcome::Unknown;
    }
    let word = kind.describe();
    let diagnostic = Diagnostic::error(
        codes::KEYWORD_AS_NAME,
        broken.builder.location(broken.span(at)),
        format!("{word} is a reserved word and cannot be a name"),
    );
    if behind_as {
        broken.make_name(at);
        return Outcome::Repaired(diagnostic.help("choose another name"));
    }
    Outcome::Known(diagnostic.help("begin the statement with what it calls, on the same line as its clauses"))
}
