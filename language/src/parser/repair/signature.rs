//! Slips with types: those of languages that write the type behind the name, or with other brackets.

use super::{Broken, Outcome};
use crate::codes;
use crate::diagnostic::{Applicability, Diagnostic, Edit, Fix};
use crate::parser::pieces::Piece;
use crate::span::Span;
use crate::token::TokenKind;

/// `name: type` in parameters or behind `let`: goes on as `type name`.
pub(super) fn type_behind(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_inner = broken.depths().get(broken.at).is_some_and(|depth| *depth > 0);
    let is_let = broken.row.iter().take(2).any(|piece| piece.kind == TokenKind::Let);
    if is_inner || is_let { field_type_behind(broken) } else { Outcome::Unknown }
}

/// The same in the braces of a record.
pub(super) fn field_type_behind(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    if broken.kind(at) != Some(TokenKind::Colon) || broken.before(1) != Some(TokenKind::Ident) {
        return Outcome::Unknown;
    }
    let depths = broken.depths();
    let depth = depths.get(at).copied().unwrap_or(0);
    // Where a name stands behind its type, no expression can begin.
    if broken.expects("number") {
        return Outcome::Unknown;
    }
    let is_type = |kind: TokenKind| {
        let brackets = kind.opens_bracket() || matches!(kind, TokenKind::RBracket | TokenKind::CallParen);
        brackets || matches!(kind, TokenKind::Ident | TokenKind::Dot | TokenKind::Question | TokenKind::Fn)
    };
    let ends = |at: &usize| {
        let inner = depths.get(*at).copied().unwrap_or(0);
        inner < depth || inner == depth && !broken.kind(*at).is_some_and(is_type)
    };
    let end = (at + 1..broken.row.len()).find(ends).unwrap_or(broken.row.len());
    let name = broken.text(at - 1).to_owned();
    let span = broken.span(at - 1).to(broken.span(end - 1));
    let error = Diagnostic::error(codes::TYPE_BEHIND, broken.location(broken.span(at)), "types stand before names");
    if end == at + 1 {
        broken.row.remove(at);
        return Outcome::Repaired(error.help(format!("write `type {name}`")));
    }
    let ty = broken.builder.slice(broken.span(at + 1).to(broken.span(end - 1))).to_owned();
    let text = format!("{ty} {name}");
    let error = error.help(format!("write `{text}`")).replace(
        "put the type first",
        broken.location(span),
        text,
        Applicability::safe_if(broken.has_no_comment(span)),
    );
    if let Some(name) = (at - 1 < broken.row.len()).then(|| broken.row.remove(at - 1)) {
        broken.row.insert(end - 1, name);
        broken.row.remove(at - 1);
    }
    Outcome::Repaired(error)
}

/// `string??`: goes on as `string?`.
pub(super) fn twice_optional(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let behind_type = matches!(broken.before(1), Some(TokenKind::Ident | TokenKind::RBracket));
    if broken.kind(at) != Some(TokenKind::Coalesce) || !behind_type || broken.expects("??") || broken.failure.is_behind
    {
        return Outcome::Unknown;
    }
    let location = broken.location(broken.span(at));
    broken.become_kind(at, TokenKind::Question);
    Outcome::Repaired(
        Diagnostic::error(codes::UNEXPECTED, location, "what may be `none` cannot be so twice")
            .help("write one `?`")
            .fix("write one `?`", location, "?"),
    )
}

/// `list<string> name()`: goes on as `[string] name()`.
pub(super) fn angles(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let words = ["list", "array", "vec", "vector", "slice", "set", "map", "dict", "hashmap"];
    let word = at.checked_sub(1).map_or(String::new(), |name| broken.text(name).to_lowercase());
    if broken.kind(at) != Some(TokenKind::Less) || !words.contains(&word.as_str()) {
        return Outcome::Unknown;
    }
    let depths = broken.depths();
    let is_close =
        |close: &usize| broken.kind(*close) == Some(TokenKind::Greater) && depths.get(*close) == depths.get(at);
    let Some(close) = (at + 1..broken.row.len()).find(is_close).filter(|close| *close > at + 1) else {
        return Outcome::Unknown;
    };
    let is_map = ["map", "dict", "hashmap"].contains(&word.as_str());
    // Of a map's two types the second is that of its values.
    let comma = (at + 1..close).find(|at| broken.kind(*at) == Some(TokenKind::Comma)).filter(|_| is_map);
    let inner = comma.map_or(at + 1, |comma| comma + 1).min(close - 1);
    let text = broken.builder.slice(broken.span(inner).to(broken.span(close - 1))).to_owned();
    let text = if is_map { format!("map[{text}]") } else { format!("[{text}]") };
    let span = broken.span(at - 1).to(broken.span(close));
    let location = broken.location(span);
    broken.become_kind(close, TokenKind::RBracket);
    if is_map {
        let name = super::made_name(broken.span(at - 1), "map");
        let open = Piece { kind: TokenKind::IndexBracket, span: broken.span(at), node: None };
        broken.row.splice(at - 1..inner, [name, open]);
    } else {
        let open = Piece { kind: TokenKind::LBracket, span: broken.span(at - 1), node: None };
        broken.row.splice(at - 1..inner, [open]);
    }
    Outcome::Repaired(
        Diagnostic::error(codes::TYPE_BRACKETS, location, "the types of lists and maps are written with brackets")
            .help(format!("write `{text}`"))
            .fix(format!("write `{text}`"), location, text),
    )
}

/// `map[string]int name()`: goes on as `map[int] name()`.
pub(super) fn map_of_two(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let close = at.checked_sub(2).filter(|close| broken.kind(*close) == Some(TokenKind::RBracket));
    let is_type = |close: &usize| broken.span(*close).end == broken.span(close + 1).start;
    let Some(close) = close.filter(is_type).filter(|_| broken.before(1) == Some(TokenKind::Ident)) else {
        return Outcome::Unknown;
    };
    let Some(open) = broken.opener(close).filter(|open| *open > 0 && broken.text(open - 1) == "map") else {
        return Outcome::Unknown;
    };
    let text = format!("map[{}]", broken.text(at - 1));
    let location = broken.location(broken.span(at - 1));
    let whole = broken.location(broken.span(open - 1).to(broken.span(at - 1)));
    let value = broken.row.remove(at - 1);
    broken.row.splice(open + 1..close, [value]);
    Outcome::Repaired(
        Diagnostic::error(codes::TYPE_BRACKETS, location, "the type of a map names that of its values alone")
            .help(format!("write `{text}`: keys are texts"))
            .fix(format!("write `{text}`"), whole, text),
    )
}

/// `T name<>(…)`: goes on as if the type of its value were the parameter.
pub(super) fn no_type_parameters(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    if broken.kind(at) != Some(TokenKind::Greater) || broken.before(1) != Some(TokenKind::Less) || at < 3 {
        return Outcome::Unknown;
    }
    let gap = broken.location(broken.span(at - 1).to(broken.span(at)));
    let location = broken.location(broken.span(at));
    let word = broken.text(at - 3).to_owned();
    if crate::lexer::is_kind(&word) || broken.kind(at - 3) != Some(TokenKind::Ident) {
        broken.row.drain(at - 1..=at);
    } else {
        broken.insert_name(at, &word);
    }
    Outcome::Repaired(
        Diagnostic::error(codes::UNEXPECTED, location, "expected a name between `<` and `>`")
            .help("name what stands for any type, or remove the `<>`")
            .fix("remove the `<>`", gap, ""),
    )
}

/// `fn(int x) { … }`: goes on as if some type stood behind the parameters.
pub(super) fn literal_without_type(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    if !broken.is_block(at) || broken.before(1) != Some(TokenKind::RParen) {
        return Outcome::Unknown;
    }
    let is_literal = broken.opener(at - 1).and_then(|open| broken.kind(open.checked_sub(1)?)) == Some(TokenKind::Fn);
    if !is_literal {
        return Outcome::Unknown;
    }
    let start = broken.span(at).start as usize;
    let location = broken.location(Span::new(start, start + 1));
    broken.insert_name(at, "");
    Outcome::Repaired(
        Diagnostic::error(codes::MISSING_TYPE, location, "the function says nothing of the type of its value")
            .help("write it behind the parameters: `fn(…) string { … }`"),
    )
}

/// `string[]`, `list[string]`: goes on as `[string]`.
pub(super) fn brackets(broken: &mut Broken<'_, '_>) -> Outcome {
    let is_empty = broken.before(1) == Some(TokenKind::IndexBracket);
    let open = match broken.kind(broken.at) {
        Some(TokenKind::RBracket) if is_empty => broken.at - 1,
        Some(TokenKind::IndexBracket) => broken.at,
        _ => return Outcome::Unknown,
    };
    let Some(name) = open.checked_sub(1).filter(|name| broken.is_token(*name, TokenKind::Ident)) else {
        return Outcome::Unknown;
    };
    let close = broken.closer(open);
    // Where an expression is an index, this is no type.
    let is_index = is_empty && broken.expects("number");
    if close >= broken.row.len() || is_index || !is_empty && !broken.failure.is_behind {
        return Outcome::Unknown;
    }
    let word = broken.text(name).to_owned();
    let span = broken.span(name).to(broken.span(close));
    let lists = ["list", "array", "slice", "vec", "vector", "sequence"];
    let is_sure = is_empty || lists.contains(&word.to_lowercase().as_str());
    let inner = match is_empty {
        true => word,
        false => broken.builder.slice(broken.span(open + 1).to(broken.span(close - 1))).to_owned(),
    };
    if is_empty {
        let span = broken.span(name);
        broken.make_name(name);
        broken.row.swap(name, open);
        broken.row.splice(
            name..=name,
            [Piece { kind: TokenKind::LBracket, span: Span::at(span.start as usize), node: None }],
        );
    } else {
        broken.become_kind(open, TokenKind::LBracket);
        broken.row.remove(name);
    }
    let message = "the type of a list is written as its element's type in brackets";
    Outcome::Repaired(
        Diagnostic::error(codes::TYPE_BRACKETS, broken.location(span), message)
            .help(format!("write `[{inner}]`, or `map[{inner}]` for a map"))
            .replace(
                format!("write `[{inner}]`"),
                broken.location(span),
                format!("[{inner}]"),
                Applicability::safe_if(is_sure),
            ),
    )
}

/// `func name() type { … }` and its like: goes on with the type first.
pub(super) fn function_word(broken: &mut Broken<'_, '_>) -> Outcome {
    let words = ["func", "def", "function", "fn", "fun", "proc", "sub", "pub"];
    let start =
        usize::from(broken.kind(0) == Some(TokenKind::ExportPrefix) || broken.kind(0) == Some(TokenKind::Export));
    let is_word = words.contains(&broken.text(start)) && broken.kind(start + 1) == Some(TokenKind::Ident);
    if !is_word || !broken.kind(start + 2).is_some_and(TokenKind::opens_paren) {
        return Outcome::Unknown;
    }
    let word = broken.text(start).to_owned();
    let name = broken.text(start + 1).to_owned();
    let location = broken.location(broken.span(start));
    let close = broken.closer(start + 2);
    let block = broken.row.iter().position(Piece::is_group).unwrap_or(broken.row.len());
    let behind = (close + 1).min(block);
    let ty: Vec<Piece> = broken.row.drain(behind..block).collect();
    let mut ty: Vec<Piece> =
        ty.into_iter().filter(|piece| !matches!(piece.kind, TokenKind::Unknown | TokenKind::Colon)).collect();
    let extent = ty.first().zip(ty.last()).map(|(first, last)| first.span.to(last.span));
    let text = extent.map_or("fs", |span| broken.builder.slice(span)).to_owned();
    let mut edits = vec![Edit { at: location, text: text.clone() }];
    let mut is_sure = false;
    if let Some(extent) = extent.filter(|_| close < behind) {
        let gap = Span { start: broken.span(close).end, end: extent.end };
        is_sure = broken.has_no_comment(gap);
        edits.push(Edit { at: broken.location(gap), text: String::new() });
    }
    if ty.is_empty() {
        ty.push(super::made_name(broken.span(start), "fs"));
    }
    broken.row.splice(start..=start, ty);
    let message = format!("a function begins with its type, not with `{word}`");
    let mut diagnostic =
        Diagnostic::error(codes::FUNCTION_WORD, location, message).help(format!("write `{text} {name}(…) {{ … }}`"));
    let (title, applicability) = (format!("begin with `{text}`"), Applicability::safe_if(is_sure));
    diagnostic.fixes.push(Fix { title, edits, applicability });
    Outcome::Repaired(diagnostic)
}

/// `fs name() -> type`: goes on without the type behind.
pub(super) fn result_behind(broken: &mut Broken<'_, '_>) -> Outcome {
    let at = broken.at;
    let is_arrow = broken.text(at) == "->" || broken.kind(at) == Some(TokenKind::Colon);
    if !is_arrow || broken.before(1) != Some(TokenKind::RParen) {
        return Outcome::Unknown;
    }
    let block = broken.row.iter().position(Piece::is_group).unwrap_or(broken.row.len()).max(at + 1);
    let span = broken.span(at).to(broken.span(block - 1));
    let gap = Span { start: broken.span(at - 1).end, end: span.end };
    let location = broken.location(span);
    broken.row.drain(at..block);
    Outcome::Repaired(
        Diagnostic::error(codes::TYPE_BEHIND, location, "the type of a function stands before its name")
            .help("write `fs name(…) { … }`")
            .fix("remove it", broken.location(gap), ""),
    )
}
