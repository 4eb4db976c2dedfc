//! Slips with words: `let`, `if`, `else`, `for`, and names that are reserved words.

use super::{Broken, Outcome};
use crate::ast::Block;
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::parser::pieces::{Finished, Piece};
use crate::parser::roles::reserved;
use crate::span::Span;
use crate::token::TokenKind;

/// A word that the file declares as a name, where it can only be the reserved one.
pub(super) fn clash(broken: &mut Broken<'_, '_>) -> Outcome {
    let builder = broken.builder;
    let has_group = |from: usize| broken.row.iter().skip(from + 1).any(Piece::is_group);
    let found = (0..broken.row.len().min(broken.at + 1)).find_map(|at| {
        let word = broken.text(at);
        let kind = reserved(word).filter(|_| broken.is_token(at, TokenKind::Ident))?;
        let is_meant = match kind {
            TokenKind::Let => broken.row.iter().any(|piece| piece.kind == TokenKind::Assign),
            TokenKind::If | TokenKind::Else | TokenKind::For | TokenKind::Match => has_group(at),
            TokenKind::Fn | TokenKind::Assert => at + 1 < broken.at,
            _ => false,
        };
        Some((at, word.to_owned(), builder.declared.place(word).filter(|_| is_meant)?))
    });
    let Some((at, word, place)) = found else { return Outcome::Unknown };
    let diagnostic = clashes(broken, at, &word, place);
    if word == "let" {
        // The name is there for what comes behind.
        broken.become_kind(at, TokenKind::Let);
        return Outcome::Repaired(diagnostic);
    }
    Outcome::Known(diagnostic)
}

/// The same in the value of a constant, where it can only be `fn`.
pub(super) fn clash_in_value(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_fn = |at: &usize| {
        let begins = at.checked_sub(1).is_some_and(|before| !broken.kind(before).is_some_and(TokenKind::ends_operand));
        begins && broken.is_token(*at, TokenKind::Ident) && broken.text(*at) == "fn"
    };
    let place = broken.builder.declared.place("fn");
    let has_sign = broken.row.iter().take(broken.at).any(|piece| piece.kind == TokenKind::Assign);
    match (place, (0..broken.at).find(is_fn)) {
        (Some(place), Some(at)) if has_sign => Outcome::Known(clashes(broken, at, "fn", place)),
        _ => Outcome::Unknown,
    }
}

/// `=>` in the block of a `match` that the file has for a name.
pub(super) fn clash_of_match(broken: &mut Broken<'_, '_>) -> Outcome {
    let Some(place) = broken.builder.declared.place("match") else { return Outcome::Unknown };
    if broken.kind(broken.at) != Some(TokenKind::FatArrow) {
        return Outcome::Unknown;
    }
    let before = broken.builder.text.get(..broken.span(0).start as usize).unwrap_or("");
    let Some(word) = before.rfind("match").map(|start| Span::new(start, start + "match".len())) else {
        return Outcome::Unknown;
    };
    let diagnostic = Diagnostic::error(codes::WORD_CLASH, broken.location(word), clash_message("match"));
    Outcome::Known(told(broken, diagnostic, "match", place))
}

fn clash_message(word: &str) -> String {
    format!("`{word}` is a name in this file and cannot be the reserved word too")
}

fn told(broken: &Broken<'_, '_>, diagnostic: Diagnostic, word: &str, place: Span) -> Diagnostic {
    diagnostic
        .also(broken.location(place), format!("`{word}` is declared here"))
        .help(format!("rename what is declared as `{word}`"))
}

fn clashes(broken: &Broken<'_, '_>, at: usize, word: &str, place: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error(codes::WORD_CLASH, broken.location(broken.span(at)), clash_message(word));
    told(broken, diagnostic, word, place)
}

/// `name := value`: goes on as `let name = value`.
pub(super) fn short_let(broken: &mut Broken<'_, '_>) -> Outcome {
    if broken.kind(0) != Some(TokenKind::Ident) || broken.text(1) != ":=" {
        return Outcome::Unknown;
    }
    let span = broken.span(0).to(broken.span(1));
    let name = broken.text(0).to_owned();
    broken.become_kind(1, TokenKind::Assign);
    broken.insert(0, TokenKind::Let);
    Outcome::Repaired(
        Diagnostic::error(codes::VALUE_WORD, broken.location(span), "a value gets its name by `let`")
            .help(format!("write `let {name} = …`"))
            .safe_fix("write a `let`", broken.location(span), format!("let {name} =")),
    )
}

/// `const name = value`, `var name = value`: goes on with `let`.
pub(super) fn other_let(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_word = broken.is_token(0, TokenKind::Ident) && ["const", "var"].contains(&broken.text(0));
    if !is_word || broken.kind(1) != Some(TokenKind::Ident) || broken.kind(2) != Some(TokenKind::Assign) {
        return Outcome::Unknown;
    }
    let word = broken.text(0).to_owned();
    let location = broken.location(broken.span(0));
    broken.become_kind(0, TokenKind::Let);
    Outcome::Repaired(
        Diagnostic::error(codes::VALUE_WORD, location, format!("a value gets its name by `let`, not by `{word}`"))
            .help("write `let`")
            .fix(format!("replace `{word}` by `let`"), location, "let"),
    )
}

/// `elif` and its like behind a block: goes on as `else if`.
pub(super) fn else_if(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_word = |at: &usize| {
        let is_behind = at.checked_sub(1).is_some_and(|before| broken.kind(before) == Some(TokenKind::HeaderBrace));
        is_behind && broken.is_token(*at, TokenKind::Ident) && ["elif", "elsif", "elseif"].contains(&broken.text(*at))
    };
    let is_first = broken.is_token(0, TokenKind::Ident) && ["elif", "elsif", "elseif"].contains(&broken.text(0));
    let found = (0..=broken.at.min(broken.row.len())).rev().find(is_word).or(is_first.then_some(0));
    let Some(at) = found else { return Outcome::Unknown };
    let span = broken.span(at);
    let word = broken.text(at).to_owned();
    // On a line of its own it goes on as an `if` of its own.
    if at == 0 {
        broken.become_kind(at, TokenKind::If);
    } else {
        broken.become_kind(at, TokenKind::Else);
        broken.insert(at + 1, TokenKind::If);
    }
    let block = broken.row.iter_mut().skip(at).find(|piece| piece.kind == TokenKind::LBrace && piece.is_block());
    if let Some(block) = block {
        block.kind = TokenKind::HeaderBrace;
    }
    Outcome::Repaired(
        Diagnostic::error(codes::ELSE_IF, broken.location(span), format!("there is no word `{word}`"))
            .help("write `else if`")
            .safe_fix("replace it by `else if`", broken.location(span), "else if"),
    )
}

/// An `else` that follows no block of an `if`: goes on as if it had a condition of its own.
pub(super) fn else_without_if(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    if broken.kind(at) != Some(TokenKind::Else) {
        return Outcome::Unknown;
    }
    let diagnostic =
        Diagnostic::error(codes::ELSE_WITHOUT_IF, broken.location(broken.span(at)), "this `else` belongs to no `if`")
            .help("write it behind the `}` that closes the block of the `if`");
    if at != 0 {
        return Outcome::Known(diagnostic);
    }
    if broken.kind(1) == Some(TokenKind::If) {
        broken.row.remove(0);
    } else {
        broken.become_kind(0, TokenKind::If);
        broken.insert_error(1);
    }
    Outcome::Repaired(diagnostic)
}

/// `if x = y`: goes on as `if x == y`.
pub(super) fn equals_in_condition(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    if broken.kind(at) != Some(TokenKind::Assign) {
        return Outcome::Unknown;
    }
    let mut before = broken.row.iter().take(at).rev().map(|piece| piece.kind);
    let word = before.find(|kind| {
        matches!(kind, TokenKind::If | TokenKind::Match | TokenKind::Assert | TokenKind::Let | TokenKind::Else)
            || kind.opens_brace()
    });
    if !matches!(word, Some(TokenKind::If | TokenKind::Assert)) {
        return Outcome::Unknown;
    }
    let location = broken.location(broken.span(at));
    broken.become_kind(at, TokenKind::Equal);
    Outcome::Repaired(
        Diagnostic::error(codes::ASSIGN_IN_CONDITION, location, "a condition compares with `==`, not with `=`")
            .help("write `==`")
            .safe_fix("replace `=` by `==`", location, "=="),
    )
}

/// `name = value` as a statement: goes on as `let name = value`.
pub(super) fn assignment(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_named = broken.failure.is_behind && broken.at == 0 && broken.kind(1) == Some(TokenKind::Assign);
    if is_named && broken.kind(0) == Some(TokenKind::Ident) {
        let location = broken.location(broken.span(1));
        let start = Span::at(broken.span(0).start as usize);
        let name = broken.text(0).to_owned();
        broken.insert(0, TokenKind::Let);
        return Outcome::Repaired(
            Diagnostic::error(codes::EQUALS_SIGN, location, "`=` has no meaning here")
                .help(format!("write `let {name} = …` for a value, or the arguments side by side"))
                .fix("insert `let`", broken.location(start), "let "),
        );
    }
    let outside = broken.depths().get(broken.at) == Some(&0);
    let is_call = broken.kind(0) == Some(TokenKind::Ident);
    if broken.kind(broken.at) != Some(TokenKind::Assign) || !outside || !is_call {
        return Outcome::Unknown;
    }
    let location = broken.location(broken.span(broken.at));
    broken.row.remove(broken.at);
    Outcome::Repaired(
        Diagnostic::error(codes::EQUALS_SIGN, location, "`=` has no meaning here")
            .help("write the name of an argument before it, or `let name = …` for a value"),
    )
}

/// A reserved word as the name of a value: goes on as if it were a name.
pub(super) fn reserved_name(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let names = broken.kind(at).is_some_and(|kind| kind.is_word() || kind.is_keyword() || kind == TokenKind::Bool);
    let in_for = matches!((broken.before(1), broken.before(3)), (Some(TokenKind::Comma), Some(TokenKind::For)));
    let in_let = broken.kind(at + 1) == Some(TokenKind::Assign) && broken.row.iter().take(2).any(is_let);
    let is_name = matches!(broken.before(1), Some(TokenKind::Let | TokenKind::For | TokenKind::Type | TokenKind::Enum));
    if !names || !(is_name || in_for || in_let) {
        return Outcome::Unknown;
    }
    let word = broken.text(at).to_owned();
    broken.make_name(at);
    let message = format!("`{word}` is a reserved word and cannot be a name");
    let error = Diagnostic::error(codes::KEYWORD_AS_NAME, broken.location(broken.span(at)), message);
    Outcome::Repaired(error.help("choose another name"))
}

fn is_let(piece: &Piece) -> bool {
    piece.kind == TokenKind::Let
}

/// A `let` without its value, or without the `=` before it.
pub(super) fn value_of_let(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let has_sign = broken.row.iter().take(at).any(|piece| piece.kind == TokenKind::Assign);
    if !broken.row.iter().take(2).any(is_let) || broken.before(1) != Some(TokenKind::Ident) || has_sign {
        return Outcome::Unknown;
    }
    let name = broken.text(at - 1).to_owned();
    let behind = broken.behind(at - 1);
    match broken.kind(at) {
        None => {
            broken.insert(at, TokenKind::Assign);
            broken.insert_error(at + 1);
            let location = broken.location(broken.span(at - 1));
            let message = format!("the `let` of `{name}` has no value");
            let error = Diagnostic::error(codes::LET_VALUE, location, message);
            Outcome::Repaired(error.help(format!("write `let {name} = …`")))
        }
        Some(TokenKind::Colon | TokenKind::Dot | TokenKind::IndexBracket | TokenKind::Comma) => Outcome::Unknown,
        Some(_) => {
            broken.insert(at, TokenKind::Assign);
            let message = format!("expected `=` behind the name `{name}` of the `let`");
            Outcome::Repaired(
                Diagnostic::error(codes::LET_VALUE, broken.location(behind), message)
                    .help(format!("write `let {name} = …`"))
                    .fix("insert `=`", broken.location(behind), " ="),
            )
        }
    }
}

/// The braces of an `if`, a `for`, a `match` or a type that are not there yet: goes on as if they were empty.
pub(super) fn missing_braces(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let span = Span::at(broken.end() as usize);
    let (kind, node) = match broken.kind(at) {
        None if broken.expects("header block") => {
            (TokenKind::HeaderBrace, Finished::Block(Block { span, stmts: Vec::new() }))
        }
        None if broken.expects("arms") => (TokenKind::MatchBrace, Finished::Arms(Vec::new())),
        None if broken.expects("fields") => (TokenKind::RecordBrace, Finished::Fields(Vec::new())),
        None if broken.expects("variants") => (TokenKind::EnumBrace, Finished::Variants(Vec::new())),
        _ => return Outcome::Unknown,
    };
    broken.row.push(Piece { kind, span, node: Some(node) });
    Outcome::Cut
}

/// A `let`, a `for` or a dot without the name behind it: goes on with an empty name.
pub(super) fn missing_name(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let begins = broken.kind(0).is_some_and(|kind| kind.is_word() || kind == TokenKind::ExportPrefix);
    let in_for = broken.before(1) == Some(TokenKind::Comma) && broken.before(3) == Some(TokenKind::For);
    let is_name = matches!(broken.before(1), Some(TokenKind::Let | TokenKind::For | TokenKind::Dot));
    let is_other = broken.kind(at).is_some_and(|kind| {
        // Parentheses round the head of a loop have the name in them.
        kind == TokenKind::Ident || kind.is_word() || kind.is_keyword() || kind.opens_paren()
    });
    if !begins || is_other || !broken.expects("name") || !(is_name || in_for) {
        return Outcome::Unknown;
    }
    let before = broken.before(1).map_or("", TokenKind::describe);
    let span = broken.span(at - 1);
    broken.insert_name(at, "");
    let message = format!("expected a name behind {before}");
    Outcome::Repaired(Diagnostic::error(codes::MISSING_NAME, broken.location(span), message))
}
