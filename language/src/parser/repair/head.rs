//! Slips in declarations: imports without a name, missing types and names, reserved words.

use super::{Broken, Outcome};
use crate::codes;
use crate::diagnostic::{Applicability, Diagnostic};
use crate::lexer::is_kind;
use crate::parser::pieces::Piece;
use crate::span::Span;
use crate::token::TokenKind;

/// `import "path"`: goes on with a name made of the path.
pub(super) fn import_without_name(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_string = broken.kind(1).is_some_and(TokenKind::opens_string);
    if broken.kind(0) != Some(TokenKind::Import) || !is_string {
        return Outcome::Unknown;
    }
    let path = broken.text(1).trim_matches(['"', '`', '\'']).to_owned();
    let name = module_name(&path);
    let span = broken.span(1);
    let location = broken.builder.location(span);
    let mut diagnostic = Diagnostic::error(codes::IMPORT_NAME, location, "the import has no name")
        .help("write `import name from \"path\"`");
    if let Some(name) = &name {
        let before = broken.builder.location(Span::at(span.start as usize));
        diagnostic = diagnostic.fix(format!("name it `{name}`"), before, format!("{name} from "));
    }
    broken.insert_name(1, name.as_deref().unwrap_or(""));
    Outcome::Repaired(diagnostic)
}

/// The last part of a path without its extension, if that can be a name.
pub(crate) fn module_name(path: &str) -> Option<String> {
    let last = path.trim_end_matches('/').rsplit('/').next()?;
    let stem = last.split(['.', '@', '#']).next()?;
    let name: String = stem.chars().map(|ch| if ch.is_ascii_alphanumeric() { ch } else { '_' }).collect();
    let reserved = ["import", "export", "with", "as", "true", "false"];
    let fits = name.chars().any(|ch| ch.is_ascii_alphabetic()) && !reserved.contains(&name.as_str());
    fits.then_some(name)
}

/// `import x from image "ref"`: goes on with the arguments in parentheses.
pub(super) fn import_arguments(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_argument = broken.kind(broken.at).is_some_and(TokenKind::opens_string);
    let is_import = broken.kind(0) == Some(TokenKind::Import) && broken.before(1) == Some(TokenKind::Ident);
    if !is_argument || !is_import || broken.at < 4 {
        return Outcome::Unknown;
    }
    let callee = broken.text(broken.at - 1).to_owned();
    let span = broken.span(broken.at).to(Span::at(broken.end() as usize));
    let location = broken.builder.location(span);
    let text = format!("({})", broken.builder.slice(span));
    let paren = |kind, at: u32| Piece { kind, span: Span::at(at as usize), node: None };
    broken.row.insert(broken.at, paren(TokenKind::LParen, span.start));
    broken.row.push(paren(TokenKind::RParen, span.end));
    Outcome::Repaired(
        Diagnostic::error(codes::IMPORT_ARGUMENTS, location, "the call in an import has its arguments in parentheses")
            .help(format!("write `{callee}(…)`"))
            .safe_fix("put the arguments in parentheses", location, text),
    )
}

/// A reserved word as the name of a function or a parameter: goes on as if it were a name.
pub(super) fn keyword_as_name(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let reserved = |kind: &TokenKind| kind.is_keyword() || *kind == TokenKind::Bool;
    if at == 0 || broken.kind(at).filter(reserved).is_none() {
        return Outcome::Unknown;
    }
    let behind_name = matches!(
        broken.before(1),
        Some(TokenKind::Ident | TokenKind::LParen | TokenKind::Comma | TokenKind::Import | TokenKind::Export)
    );
    if !behind_name {
        return Outcome::Unknown;
    }
    let word = broken.text(at).to_owned();
    broken.make_name(at);
    let location = broken.builder.location(broken.span(at));
    Outcome::Repaired(
        Diagnostic::error(
            codes::KEYWORD_AS_NAME,
            location,
            format!("`{word}` is a reserved word and cannot be a name"),
        )
        .help("choose another name"),
    )
}

/// One word where a type and a name must stand: goes on with `fs`, or with an empty name.
pub(super) fn missing_name_or_type(broken: &mut Broken<'_, '_>) -> Outcome {
    let what = if broken.at == 1 { "function" } else { "parameter" };
    missing(broken, what)
}

/// The same in the braces of a record.
pub(super) fn missing_in_field(broken: &mut Broken<'_, '_>) -> Outcome {
    missing(broken, "field")
}

fn missing(broken: &mut Broken<'_, '_>, what: &str) -> Outcome {
    let at = broken.at;
    let lone = |broken: &Broken<'_, '_>| match at.checked_sub(2) {
        None => at == 1,
        Some(before) => matches!(
            broken.kind(before),
            Some(TokenKind::LParen | TokenKind::CallParen | TokenKind::Comma | TokenKind::Newline | TokenKind::LBrace)
        ),
    };
    let ends = matches!(
        broken.kind(at),
        None | Some(
            TokenKind::LParen
                | TokenKind::CallParen
                | TokenKind::RParen
                | TokenKind::Comma
                | TokenKind::Newline
                | TokenKind::Semicolon
                | TokenKind::Assign
        )
    );
    if !ends || broken.before(1) != Some(TokenKind::Ident) || !lone(broken) {
        return Outcome::Unknown;
    }
    let span = broken.span(at - 1);
    let word = broken.text(at - 1).to_owned();
    let location = broken.builder.location(span);
    if is_kind(&word) {
        broken.insert_name(at, "");
        let message = format!("the {what} of type `{word}` has no name");
        let help = format!("write a name behind the type: `{word} name`");
        return Outcome::Repaired(Diagnostic::error(codes::MISSING_NAME, location, message).help(help));
    }
    let kind = if what == "function" { "fs" } else { "string" };
    // Of what type a parameter was meant to be is not known.
    broken.insert_name(at - 1, if what == "function" { kind } else { "" });
    let before = broken.builder.location(Span::at(span.start as usize));
    Outcome::Repaired(
        Diagnostic::error(codes::MISSING_TYPE, location, format!("the {what} `{word}` has no type"))
            .help(format!("write its type before its name: `{kind} {word}`"))
            .fix(format!("insert `{kind}`"), before, format!("{kind} ")),
    )
}

/// `fs a { … }` or `fs a string x) { … }`: goes on with the parentheses that lack.
pub(super) fn parameter_list(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_head = (broken.kind(0), broken.kind(1)) == (Some(TokenKind::Ident), Some(TokenKind::Ident));
    if broken.at != 2 || !is_head || broken.kind(2).is_none() {
        return Outcome::Unknown;
    }
    let closes = broken.row.iter().any(|piece| piece.kind == TokenKind::RParen);
    if !closes && !broken.is_block(2) {
        return Outcome::Unknown;
    }
    let behind = Span::at(broken.span(1).end as usize);
    let text = if closes { "(" } else { "()" };
    let kinds: &[TokenKind] = if closes { &[TokenKind::LParen] } else { &[TokenKind::LParen, TokenKind::RParen] };
    let name = broken.text(1).to_owned();
    let location = broken.builder.location(broken.span(1));
    broken.row.splice(2..2, kinds.iter().map(|kind| Piece { kind: *kind, span: behind, node: None }));
    Outcome::Repaired(
        Diagnostic::error(
            codes::UNEXPECTED,
            location,
            format!("expected `(` behind the name of the function `{name}`"),
        )
        .help("write the parameters in parentheses, `()` if there are none")
        .replace(
            format!("insert `{text}`"),
            broken.builder.location(behind),
            text,
            Applicability::safe_if(!closes),
        ),
    )
}

/// `fs go-version()`: goes on with one name.
pub(super) fn hyphens(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let is_sign = |at: usize| matches!(broken.kind(at), Some(TokenKind::Minus | TokenKind::Negative));
    let is_joined = |at: usize| broken.span(at - 1).end == broken.span(at).start;
    let is_part = |at: usize| matches!(broken.kind(at), Some(TokenKind::Ident | TokenKind::Int | TokenKind::Bool));
    if !is_sign(at) || at < 2 || broken.before(1) != Some(TokenKind::Ident) {
        return Outcome::Unknown;
    }
    let mut end = at;
    while is_sign(end) && is_joined(end) && is_part(end + 1) && is_joined(end + 1) {
        end += 2;
    }
    if end == at || !broken.kind(end).is_some_and(|kind| kind.opens_paren() || kind == TokenKind::Assign) {
        return Outcome::Unknown;
    }
    let span = broken.span(at - 1).to(broken.span(end - 1));
    let written = broken.builder.slice(span).to_owned();
    let name = written.replace('-', "_");
    broken.row.splice(at - 1..end, [super::made_name(span, &name)]);
    let location = broken.location(span);
    Outcome::Repaired(
        Diagnostic::error(codes::UNEXPECTED, location, format!("`{written}` is no name: names have no hyphens"))
            .help(format!("write `{name}`"))
            .fix(format!("write `{name}`"), location, name),
    )
}

/// `fs test "name" { … }`: goes on without the type.
pub(super) fn typed_test(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_test = broken.kind(0) == Some(TokenKind::Ident)
        && (broken.text(1) == "test" || broken.kind(1) == Some(TokenKind::Test))
        && broken.kind(2).is_some_and(TokenKind::opens_string)
        && broken.is_block(3);
    if !is_test {
        return Outcome::Unknown;
    }
    let location = broken.location(broken.span(0));
    let gap = broken.location(Span { start: broken.span(0).start, end: broken.span(1).start });
    broken.become_kind(1, TokenKind::Test);
    broken.row.remove(0);
    Outcome::Repaired(Diagnostic::error(codes::UNEXPECTED, location, "a test has no type").help("remove it").fix(
        "remove it",
        gap,
        "",
    ))
}

/// `fs a() = …`: goes on without the `=` if a block is behind it.
pub(super) fn value_of_function(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    if broken.kind(at) != Some(TokenKind::Assign) || broken.before(1) != Some(TokenKind::RParen) {
        return Outcome::Unknown;
    }
    let location = broken.location(broken.span(at));
    let error = Diagnostic::error(codes::EQUALS_SIGN, location, "`=` has no meaning here")
        .help("write the value in a block, `string version() { \"1.2\"; }`, or a constant, `let version = \"1.2\"`");
    if broken.is_block(at + 1) {
        broken.row.remove(at);
        return Outcome::Repaired(error);
    }
    Outcome::Known(error)
}

/// `name = value`, `const name = value`: goes on as `let name = value`.
pub(super) fn constant(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    if broken.kind(at) != Some(TokenKind::Assign) || !(1..=2).contains(&at) || broken.kind(0) != Some(TokenKind::Ident)
    {
        return Outcome::Unknown;
    }
    let word = broken.text(0).to_owned();
    let start = Span::at(broken.span(0).start as usize);
    let location = broken.location(broken.span(at));
    if at == 2 && ["const", "var", "val", "set", "define"].contains(&word.as_str()) {
        let place = broken.location(broken.span(0));
        broken.become_kind(0, TokenKind::Let);
        return Outcome::Repaired(
            Diagnostic::error(codes::VALUE_WORD, place, format!("a constant is declared by `let`, not by `{word}`"))
                .help("write `let`")
                .safe_fix(format!("replace `{word}` by `let`"), place, "let"),
        );
    }
    broken.insert(0, TokenKind::Let);
    Outcome::Repaired(
        Diagnostic::error(codes::EQUALS_SIGN, location, "`=` has no meaning here")
            .help("write `let name = …` for a constant, or a function with a block")
            .fix("insert `let`", broken.location(start), "let "),
    )
}

/// `type { … }`, `enum { … }`, `test { … }`: goes on with an empty name.
pub(super) fn type_name(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let what = match broken.before(1) {
        Some(TokenKind::Type) => "record",
        Some(TokenKind::Enum) => "enum",
        _ => return Outcome::Unknown,
    };
    if !broken.row.get(at).is_some_and(Piece::is_group) {
        return Outcome::Unknown;
    }
    let word = broken.text(at - 1).to_owned();
    let location = broken.location(broken.span(at - 1));
    broken.insert_name(at, "");
    let message = format!("the {what} has no name");
    let error = Diagnostic::error(codes::MISSING_NAME, location, message);
    Outcome::Repaired(error.help(format!("write `{word} Name {{ … }}`")))
}

/// A parameter that cannot be read: goes on without it.
pub(super) fn parameter(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let Some(open) = broken.opener(at).filter(|open| broken.depths().get(*open) == Some(&0)) else {
        return Outcome::Unknown;
    };
    let close = broken.closer(open);
    let is_value =
        broken.row.iter().take(open).any(|piece| matches!(piece.kind, TokenKind::Assign | TokenKind::Import));
    let depths = broken.depths();
    let separates = |at: &usize| {
        depths.get(*at) == Some(&1) && matches!(broken.kind(*at), Some(TokenKind::Comma | TokenKind::Newline))
    };
    let first = (open + 1..at.min(close)).rev().find(separates).map_or(open + 1, |at| at + 1);
    let last = (at..close).find(separates).map_or(close, |at| at + 1);
    if is_value || close >= broken.row.len() || first >= last {
        return Outcome::Unknown;
    }
    broken.row.drain(first..last);
    Outcome::Cut
}
