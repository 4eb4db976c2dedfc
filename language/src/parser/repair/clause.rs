//! Slips in statements: commas, parentheses, options without their word, statements with nothing between them.

use super::{Broken, Outcome};
use crate::codes;
use crate::diagnostic::{Applicability, Diagnostic, Edit, Fix};
use crate::parser::pieces::Piece;
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

/// `callee (a, b)`: goes on as `callee(a, b)`.
pub(super) fn spaced_call(broken: &mut Broken<'_, '_>) -> Outcome {
    let Some(open) = broken.opener(broken.at) else { return Outcome::Unknown };
    let callee = open.checked_sub(1).filter(|callee| broken.is_token(*callee, TokenKind::Ident));
    let Some(callee) = callee.filter(|_| broken.kind(open) == Some(TokenKind::LParen)) else {
        return Outcome::Unknown;
    };
    let gap = Span { start: broken.span(callee).end, end: broken.span(open).start };
    // What a parenthesis groups has no commas.
    let is_sure = callee == 0 && broken.kind(broken.at) == Some(TokenKind::Comma) && broken.has_no_comment(gap);
    let name = broken.text(callee).to_owned();
    let message = format!("the parenthesis with the arguments of `{name}` does not follow it directly");
    let diagnostic = Diagnostic::error(codes::SPLIT_ARGUMENTS, broken.location(broken.span(open)), message)
        .help(format!("write `{name}(…)`: a parenthesis behind white space groups one argument"))
        .replace("remove the white space", broken.location(gap), "", Applicability::safe_if(is_sure));
    broken.become_kind(open, TokenKind::CallParen);
    Outcome::Repaired(diagnostic)
}

/// `callee("x") "y"`: goes on with all arguments in the parentheses.
pub(super) fn split_arguments(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let is_call = broken.failure.is_behind && broken.before(1) == Some(TokenKind::RParen);
    let is_argument = broken.kind(at).is_some_and(|kind| {
        kind.opens_string() || matches!(kind, TokenKind::Int | TokenKind::Bool | TokenKind::LBracket)
    });
    if !is_call || !is_argument || broken.kind(0) != Some(TokenKind::Ident) {
        return Outcome::Unknown;
    }
    let ends = |piece: &Piece| matches!(piece.kind, TokenKind::With | TokenKind::As | TokenKind::Semicolon);
    let end = broken.row.iter().skip(at).position(ends).map_or(broken.row.len(), |len| at + len);
    let close = broken.row.remove(at - 1);
    let behind = broken.behind(end.saturating_sub(2));
    broken.row.insert((end - 1).min(broken.row.len()), Piece { span: behind, ..close });
    let callee = broken.text(0).to_owned();
    let location = broken.location(broken.span(at - 1));
    let message = format!("this argument of `{callee}` stands behind the parentheses");
    let mut diagnostic = Diagnostic::error(codes::SPLIT_ARGUMENTS, location, message)
        .help("write all arguments in the parentheses, or all side by side");
    let edits = vec![
        Edit { at: broken.location(close.span), text: String::new() },
        Edit { at: broken.location(behind), text: ")".to_owned() },
    ];
    diagnostic.fixes.push(Fix {
        title: "write all arguments in the parentheses".to_owned(),
        edits,
        applicability: Applicability::Guess,
    });
    Outcome::Repaired(diagnostic)
}

/// `copy { … } "/a"`: goes on as `copy fs { … } "/a"`.
pub(super) fn typeless_block(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_call = broken.failure.is_behind && broken.is_token(0, TokenKind::Ident) && broken.is_block(1);
    if !is_call || crate::lexer::is_kind(broken.text(0)) || broken.at < 2 {
        return Outcome::Unknown;
    }
    let start = broken.span(1).start as usize;
    let location = broken.location(Span::new(start, start + 1));
    broken.insert_name(1, "fs");
    Outcome::Repaired(
        Diagnostic::error(codes::BLOCK_STATEMENT, location, "a block stands only behind its type")
            .help("write `fs { … }` for a filesystem, or `with option { … }` for options")
            .fix("insert `fs`", broken.location(Span::at(start)), "fs "),
    )
}

/// Something behind a whole statement: goes on as if a `;` stood between them.
pub(super) fn terminator(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let Some(kind) = broken.kind(at) else { return Outcome::Unknown };
    // What a word begins goes on with nothing side by side.
    let is_complete = broken.expects(";")
        && broken.kind(0).is_some_and(TokenKind::is_word)
        && (kind == TokenKind::Ident || kind.is_word() || kind.opens_string());
    if !broken.failure.is_behind && !is_complete || at == 0 {
        return Outcome::Unknown;
    }
    let span = broken.span(at);
    if matches!(kind, TokenKind::With | TokenKind::As) {
        let message = format!("{} stands only behind a call", kind.describe());
        let error = Diagnostic::error(codes::UNEXPECTED, broken.location(span), message);
        return Outcome::Known(error.help("put it behind the call that it belongs to"));
    }
    let behind = broken.behind(at - 1);
    broken.insert(at, TokenKind::Semicolon);
    Outcome::Repaired(
        Diagnostic::error(codes::MISSING_TERMINATOR, broken.location(span), "the statement before this is complete")
            .help("begin a new line, or write `;` between the statements")
            .fix("insert `;`", broken.location(behind), ";"),
    )
}

/// A sign between the arguments of a call, which is no part of any: goes on without it.
pub(super) fn punctuation(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let is_sign = broken.kind(at).is_some_and(|kind| {
        kind.is_infix()
            || matches!(kind, TokenKind::Colon | TokenKind::FatArrow | TokenKind::Question | TokenKind::Assign)
    });
    if !is_sign || at == 0 || broken.kind(0) != Some(TokenKind::Ident) {
        return Outcome::Unknown;
    }
    broken.row.remove(at);
    Outcome::Cut
}

/// `a "x", "y"`: goes on without the commas.
pub(super) fn commas(broken: &mut Broken<'_, '_>) -> Outcome {
    if broken.kind(broken.at) != Some(TokenKind::Comma) || broken.kind(0) != Some(TokenKind::Ident) {
        return Outcome::Unknown;
    }
    let depths = broken.depths();
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

/// A block without its type.
pub(super) fn block_as_statement(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_plain = broken.kind(broken.at) == Some(TokenKind::LBrace) && broken.is_block(broken.at);
    if !is_plain || broken.before(1) == Some(TokenKind::With) {
        return Outcome::Unknown;
    }
    let start = broken.span(broken.at).start as usize;
    let location = broken.location(Span::new(start, start + 1));
    Outcome::Known(
        Diagnostic::error(codes::BLOCK_STATEMENT, location, "a block stands only behind its type")
            .help("write `fs { … }` for a filesystem, or `with option { … }` for options"),
    )
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
