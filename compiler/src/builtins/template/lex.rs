//! A template cut into text and actions, and actions into tokens.
//!
//! Owns delimiters, trim markers, comments and the forms of literals.

use super::TemplateError;

/// A piece of a template.
#[derive(Debug)]
pub(super) enum Piece {
    Text(String),
    /// The tokens of an action and the line where it begins.
    Action(Vec<Token>, usize),
}

/// A token of an action.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Token {
    /// A name: keyword or function.
    Word(String),
    /// `.a` directly behind what it is a field of, or on its own.
    Field(String),
    /// `.`
    Dot,
    /// `$` and `$x`, without the sign.
    Variable(String),
    Text(String),
    Int(i64),
    Open,
    Close,
    Pipe,
    Comma,
    Declare,
    Assign,
    /// Separates operands.
    Space,
}

/// The pieces of a template in order.
pub(super) fn pieces(text: &str) -> Result<Vec<Piece>, TemplateError> {
    let mut pieces = Vec::new();
    let mut rest = text;
    let mut line = 1;
    let mut trim_next = false;
    loop {
        let (before, action) = match rest.find("{{") {
            Some(at) => (rest.get(..at).unwrap_or(""), rest.get(at + 2..)),
            None => (rest, None),
        };
        let shown = if trim_next { before.trim_start() } else { before };
        let Some(action) = action else {
            pieces.push(Piece::Text(shown.to_owned()));
            return Ok(pieces);
        };
        line += before.matches('\n').count();
        let trim_before =
            action.starts_with('-') && action.get(1..).is_some_and(|rest| rest.starts_with(char::is_whitespace));
        pieces.push(Piece::Text(if trim_before { shown.trim_end() } else { shown }.to_owned()));
        let body = if trim_before { action.get(1..).unwrap_or("") } else { action };
        let (consumed, trims, tokens) = if body.trim_start().starts_with("/*") {
            let (consumed, trims) = comment(body, line)?;
            (consumed, trims, None)
        } else {
            let (consumed, trims, tokens) = tokens(body, line)?;
            (consumed, trims, Some(tokens))
        };
        pieces.extend(tokens.map(|tokens| Piece::Action(tokens, line)));
        line += body.get(..consumed).unwrap_or("").matches('\n').count();
        trim_next = trims;
        rest = body.get(consumed..).unwrap_or("");
    }
}

/// Where a comment ends, its delimiter included, and whether it trims what follows.
fn comment(body: &str, line: usize) -> Result<(usize, bool), TemplateError> {
    let unclosed = || TemplateError::new(line, "a comment is not closed");
    let end = body.find("*/").ok_or_else(unclosed)? + 2;
    let rest = body.get(end..).unwrap_or("");
    if rest.starts_with("}}") {
        return Ok((end + 2, false));
    }
    let spaces = rest.len() - rest.trim_start().len();
    if spaces > 0 && rest.trim_start().starts_with("-}}") {
        return Ok((end + spaces + 3, true));
    }
    Err(unclosed())
}

/// The tokens of an action, how long it is with its delimiter, and whether it trims what follows.
fn tokens(body: &str, line: usize) -> Result<(usize, bool, Vec<Token>), TemplateError> {
    let fail = |message: String| TemplateError::new(line, message);
    let mut tokens = Vec::new();
    let mut at = 0;
    loop {
        let rest = body.get(at..).unwrap_or("");
        let Some(ch) = rest.chars().next() else {
            return Err(fail("an action is not closed".to_owned()));
        };
        if rest.starts_with("}}") {
            return Ok((at + 2, false, tokens));
        }
        if ch.is_whitespace() {
            let spaces = rest.len() - rest.trim_start().len();
            if rest.trim_start().starts_with("-}}") {
                return Ok((at + spaces + 3, true, tokens));
            }
            tokens.push(Token::Space);
            at += spaces;
            continue;
        }
        let (token, length) = match ch {
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '|' => (Token::Pipe, 1),
            ',' => (Token::Comma, 1),
            '=' => (Token::Assign, 1),
            ':' if rest.starts_with(":=") => (Token::Declare, 2),
            '.' => match name(rest.get(1..).unwrap_or("")) {
                "" => (Token::Dot, 1),
                field => (Token::Field(field.to_owned()), 1 + field.len()),
            },
            '$' => {
                let name = name(rest.get(1..).unwrap_or(""));
                (Token::Variable(name.to_owned()), 1 + name.len())
            }
            '`' => {
                let end = rest
                    .get(1..)
                    .and_then(|rest| rest.find('`'))
                    .ok_or_else(|| fail("a string is not closed".into()))?;
                (Token::Text(rest.get(1..=end).unwrap_or("").to_owned()), end + 2)
            }
            '"' | '\'' => {
                let (text, length) = quoted(rest, ch).map_err(|message| fail(message.to_owned()))?;
                if ch == '"' {
                    (Token::Text(text), length)
                } else {
                    let mut chars = text.chars();
                    match (chars.next(), chars.next()) {
                        (Some(only), None) => (Token::Int(i64::from(u32::from(only))), length),
                        _ => return Err(fail(format!("'{text}' is not one character"))),
                    }
                }
            }
            '0'..='9' | '+' | '-' => {
                let length = rest.find(|ch: char| !(ch.is_alphanumeric() || "+-_.".contains(ch))).unwrap_or(rest.len());
                let number = rest.get(..length).unwrap_or("");
                (Token::Int(integer(number).ok_or_else(|| fail(format!("`{number}` is not a whole number")))?), length)
            }
            _ => match name(rest) {
                "" => return Err(fail(format!("`{ch}` has no place in an action"))),
                word => (Token::Word(word.to_owned()), word.len()),
            },
        };
        tokens.push(token);
        at += length;
    }
}

fn name(text: &str) -> &str {
    let end = text.find(|ch: char| !(ch == '_' || ch.is_alphanumeric())).unwrap_or(text.len());
    text.get(..end).unwrap_or("")
}

fn integer(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text.strip_prefix('+').unwrap_or(text)),
    };
    let digits = digits.replace('_', "");
    let prefixed = |prefix: &str| digits.to_ascii_lowercase().strip_prefix(prefix).map(str::to_owned);
    let value = if let Some(hex) = prefixed("0x") {
        i64::from_str_radix(&hex, 16)
    } else if let Some(octal) = prefixed("0o") {
        i64::from_str_radix(&octal, 8)
    } else if let Some(binary) = prefixed("0b") {
        i64::from_str_radix(&binary, 2)
    } else {
        digits.parse()
    };
    value.ok().map(|value| sign * value)
}

/// The text of a quoted literal, and its length with quotes.
fn quoted(text: &str, quote: char) -> Result<(String, usize), &'static str> {
    let mut out = String::new();
    let mut chars = text.char_indices().skip(1);
    while let Some((at, ch)) = chars.next() {
        match ch {
            _ if ch == quote => return Ok((out, at + ch.len_utf8())),
            '\n' => return Err("a string is not closed"),
            '\\' => {
                let Some((_, escape)) = chars.next() else { break };
                let digits = |count: usize, chars: &mut dyn Iterator<Item = (usize, char)>| {
                    let hex: String = chars.take(count).map(|(_, ch)| ch).collect();
                    u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == count).and_then(char::from_u32)
                };
                let decoded = match escape {
                    'a' => Some('\u{7}'),
                    'b' => Some('\u{8}'),
                    'f' => Some('\u{c}'),
                    'n' => Some('\n'),
                    'r' => Some('\r'),
                    't' => Some('\t'),
                    'v' => Some('\u{b}'),
                    '\\' => Some('\\'),
                    'x' => digits(2, &mut chars).filter(char::is_ascii),
                    'u' => digits(4, &mut chars),
                    'U' => digits(8, &mut chars),
                    _ if escape == quote => Some(quote),
                    _ => None,
                };
                out.push(decoded.ok_or("a string has an escape that does not exist")?);
            }
            _ => out.push(ch),
        }
    }
    Err("a string is not closed")
}
