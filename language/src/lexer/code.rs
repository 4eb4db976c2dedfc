//! The lexer outside of strings.
//!
//! Owns words, numbers, punctuation, comments and openers. Knows nothing of what stands inside a string.

use logos::Logos;

use super::{Lexer, ModeKind};
use crate::codes;
use crate::lexer::Care;
use crate::span::Span;
use crate::token::TokenKind;

#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
enum Code {
    #[regex(r"[ \t\r]+")]
    Space,
    #[token("\n")]
    Newline,
    #[regex(r"#[^\n]*", allow_greedy = true)]
    Comment,
    #[regex(r"[A-Za-z0-9_]+(::?[A-Za-z0-9_]+)*")]
    Word,
    #[token("\"")]
    Quote,
    #[token("`")]
    Backtick,
    #[regex(r"'[^'\n]*'")]
    SingleQuoted,
    #[regex(r"<<[-~]?[A-Za-z0-9_]+")]
    Heredoc,
    #[regex(r"<<[-~]?`[A-Za-z0-9_]+`")]
    RawHeredoc,
    #[token("{")]
    LBrace,
    #[token("}")]
    RBrace,
    #[token("(")]
    LParen,
    #[token(")")]
    RParen,
    #[token("[")]
    LBracket,
    #[token("]")]
    RBracket,
    #[token(".")]
    Dot,
    #[token(",", |_| TokenKind::Comma)]
    #[token(";", |_| TokenKind::Semicolon)]
    #[token(":", |_| TokenKind::Colon)]
    #[token("=", |_| TokenKind::Assign)]
    #[token("=>", |_| TokenKind::FatArrow)]
    #[token("...", |_| TokenKind::Ellipsis)]
    #[token("?", |_| TokenKind::Question)]
    #[token("??", |_| TokenKind::Coalesce)]
    #[token("||", |_| TokenKind::Or)]
    #[token("&&", |_| TokenKind::And)]
    #[token("!", |_| TokenKind::Not)]
    #[token("==", |_| TokenKind::Equal)]
    #[token("!=", |_| TokenKind::NotEqual)]
    #[token("<", |_| TokenKind::Less)]
    #[token("<=", |_| TokenKind::LessEqual)]
    #[token(">", |_| TokenKind::Greater)]
    #[token(">=", |_| TokenKind::GreaterEqual)]
    #[token("+", |_| TokenKind::Plus)]
    #[token("-", |_| TokenKind::Minus)]
    #[token("*", |_| TokenKind::Star)]
    #[token("/", |_| TokenKind::Slash)]
    #[token("%", |_| TokenKind::Percent)]
    // What people write who come from other languages: read as one, so that it can be told as one.
    #[regex(r"//+", |_| TokenKind::Unknown)]
    #[regex(r"/\*+", |_| TokenKind::Unknown)]
    #[token("->", |_| TokenKind::Unknown)]
    #[token("++", |_| TokenKind::Unknown)]
    #[token("+=", |_| TokenKind::Unknown)]
    #[token(":=", |_| TokenKind::Unknown)]
    #[token("===", |_| TokenKind::Unknown)]
    #[token("!==", |_| TokenKind::Unknown)]
    #[token("&", |_| TokenKind::Unknown)]
    #[token("|", |_| TokenKind::Unknown)]
    Sign(TokenKind),
}

impl<'a> Lexer<'a> {
    /// Reads one token or piece of trivia.
    pub(super) fn code(&mut self) {
        let rest = self.rest();
        let mut table = Code::lexer(rest);
        let Some(Ok(code)) = table.next() else { return self.unknown() };
        let text = table.slice();
        match code {
            Code::Space => self.at += text.len(),
            Code::Newline => self.line_end(),
            Code::Comment => self.comment(text.trim_end_matches('\r').len()),
            Code::Word => self.word(text),
            Code::Quote => {
                let open = self.token(TokenKind::QuoteOpen, 1);
                self.push(ModeKind::Quoted, open);
            }
            Code::Backtick => {
                let open = self.token(TokenKind::RawOpen, 1);
                self.push(ModeKind::Raw, open);
                if self.rest().starts_with('`') {
                    let span = Span::new(open.start as usize, self.at + 1);
                    let at = self.location(span);
                    let error = self.error(codes::EMPTY_RAW_STRING, span, "a raw string cannot be empty");
                    let error = error.help("write `\"\"` for the empty string");
                    self.diagnostics.push(error.safe_fix("replace it by `\"\"`", at, "\"\""));
                }
            }
            Code::SingleQuoted => self.single_quoted(text),
            Code::Heredoc => self.open_heredoc(text, false),
            Code::RawHeredoc => self.open_heredoc(text, true),
            Code::LBrace => {
                let open = self.token(TokenKind::LBrace, 1);
                self.push(ModeKind::Block, open);
            }
            Code::RBrace => self.close_brace(),
            Code::LParen => {
                let open = self.token(TokenKind::LParen, 1);
                self.push(ModeKind::Paren, open);
            }
            Code::RParen => {
                if self.modes.last().is_some_and(|mode| mode.kind == ModeKind::Paren) {
                    self.modes.pop();
                }
                self.token(TokenKind::RParen, 1);
            }
            Code::LBracket => {
                let open = self.token(TokenKind::LBracket, 1);
                self.push(ModeKind::Bracket, open);
            }
            Code::RBracket => {
                if self.modes.last().is_some_and(|mode| mode.kind == ModeKind::Bracket) {
                    self.modes.pop();
                }
                self.token(TokenKind::RBracket, 1);
            }
            Code::Dot => {
                let kind = if self.behind_name() { TokenKind::Dot } else { TokenKind::Unknown };
                self.token(kind, 1);
            }
            Code::Sign(kind) => self.put(kind, text.len()),
        }
    }

    fn line_end(&mut self) {
        if self.care == Care::Guessing && !self.modes.is_empty() {
            let in_interpolation = self.modes.last().is_some_and(|mode| mode.kind == ModeKind::Interpolation);
            if in_interpolation && !self.plausible_interpolation() {
                // The closer is missing. The newline is then read in the string's mode.
                return self.close_modes(self.modes.len() - 1);
            }
            if self.declaration_at(self.at + 1) {
                self.close_modes(0);
            }
        }
        self.newline();
    }

    /// `}` ends the innermost block or interpolation; a parenthesis or a bracket in between was never closed.
    fn close_brace(&mut self) {
        let closes = |kind| matches!(kind, ModeKind::Block | ModeKind::Interpolation);
        let mut kind = TokenKind::RBrace;
        // Only parentheses and brackets can be above it: in a string this table does not read.
        if let Some(at) = self.modes.iter().rposition(|mode| !matches!(mode.kind, ModeKind::Paren | ModeKind::Bracket))
            && let Some(mode) = self.modes.get(at).filter(|mode| closes(mode.kind))
        {
            if mode.kind == ModeKind::Interpolation {
                kind = TokenKind::InterpolationClose;
            }
            self.modes.truncate(at);
        }
        self.token(kind, 1);
    }

    /// A word, or words joined by colons. A reserved word, a number or a truth value ends at the first colon; directly
    /// behind the dot of a reference there are only names.
    fn word(&mut self, text: &'a str) {
        if self.behind_dot() {
            self.token(TokenKind::Ident, text.len());
            return;
        }
        let head = text.split(':').next().unwrap_or(text);
        let kind = match head {
            "import" => TokenKind::Import,
            "export" => TokenKind::Export,
            "with" => TokenKind::With,
            "as" => TokenKind::As,
            "true" | "false" => TokenKind::Bool,
            _ if is_number(head) => TokenKind::Int,
            _ => return self.put(TokenKind::Ident, text.len()),
        };
        let span = self.token(kind, head.len());
        if kind == TokenKind::Int && int_value(head).is_none() {
            let (radix, help) = match head.get(..2) {
                Some("0b" | "0B") => (2, "use the digits 0 and 1 behind `0b`, at most 63 of them"),
                Some("0o" | "0O") => (8, "use the digits 0 to 7 behind `0o`, at most 21 of them"),
                Some("0x" | "0X") => (16, "use a number up to `0x7fffffffffffffff`"),
                _ => (10, "use a number up to 9223372036854775807"),
            };
            let wrong = head.chars().skip(2).find(|digit| radix < 10 && !digit.is_digit(radix));
            let message = match wrong {
                Some(digit) => format!("`{digit}` is not a digit of the number `{head}`"),
                None => format!("the number `{head}` is too large"),
            };
            self.diagnostics.push(self.error(codes::BAD_NUMBER, span, message).help(help));
        }
    }

    /// Whether the token directly before is a name, a name with dots behind it, a closer, or the end of a string.
    fn behind_name(&self) -> bool {
        let kinds = [
            TokenKind::Ident,
            TokenKind::Dot,
            TokenKind::RParen,
            TokenKind::RBracket,
            TokenKind::RBrace,
            TokenKind::QuoteClose,
            TokenKind::RawClose,
        ];
        let last = self.tokens.last();
        last.is_some_and(|token| kinds.contains(&token.kind) && token.span.end as usize == self.at)
    }

    fn behind_dot(&self) -> bool {
        self.tokens.last().is_some_and(|token| token.kind == TokenKind::Dot && token.span.end as usize == self.at)
    }

    /// `'text'` is read as the string that was meant.
    fn single_quoted(&mut self, quoted: &'a str) {
        let span = Span::new(self.at, self.at + quoted.len());
        let at = self.location(span);
        let body = quoted.trim_matches('\'');
        let error = self.error(codes::SINGLE_QUOTES, span, "strings are written with double quotes");
        let error = error.help("replace the single quotes by double quotes");
        let text = format!("\"{}\"", body.replace('"', "\\\""));
        // Between double quotes these characters have a meaning that they do not have here.
        let same = !body.contains(['$', '\\']);
        let title = "use double quotes";
        self.diagnostics.push(if same { error.safe_fix(title, at, text) } else { error.fix(title, at, text) });
        self.token(TokenKind::QuoteOpen, 1);
        if !body.is_empty() {
            self.token(TokenKind::Text, body.len());
        }
        self.token(TokenKind::QuoteClose, quoted.len() - body.len() - 1);
    }

    fn open_heredoc(&mut self, text: &'a str, raw: bool) {
        let word = text.trim_start_matches(['<', '-', '~', '`']).trim_end_matches('`');
        let open = self.token(TokenKind::HeredocOpen, text.len());
        self.push(ModeKind::Heredoc { word, raw }, open);
        if self.care == Care::Guessing {
            self.guess_heredoc(word, open);
        }
    }

    /// A byte order mark at the start, or a run of characters without a meaning.
    fn unknown(&mut self) {
        let rest = self.rest();
        if self.at == 0 && rest.starts_with('\u{feff}') {
            self.at += '\u{feff}'.len_utf8();
            return;
        }
        let len = rest.chars().next().map_or(rest.len(), char::len_utf8);
        match self.tokens.last_mut() {
            Some(last) if last.kind == TokenKind::Unknown && last.span.end as usize == self.at => {
                last.span.end = Span::at(self.at + len).end;
                self.at += len;
            }
            _ => self.put(TokenKind::Unknown, len),
        }
    }
}

/// Whether a word is a number by its look: `0`, `12`, `0x1f`; `007` and `1_000` are names.
fn is_number(word: &str) -> bool {
    match word.as_bytes() {
        [b'0'] => true,
        [b'0', b'b' | b'B' | b'o' | b'O' | b'x' | b'X', digits @ ..] => {
            !digits.is_empty() && digits.iter().all(u8::is_ascii_hexdigit)
        }
        [b'1'..=b'9', digits @ ..] => digits.iter().all(u8::is_ascii_digit),
        _ => false,
    }
}

/// The value of a number, unless a digit is wrong or it is too large.
pub(crate) fn int_value(text: &str) -> Option<i64> {
    let (radix, digits) = match text.get(..2) {
        Some("0b" | "0B") => (2, text.get(2..)?),
        Some("0o" | "0O") => (8, text.get(2..)?),
        Some("0x" | "0X") => (16, text.get(2..)?),
        _ => (10, text),
    };
    i64::from_str_radix(digits, radix).ok()
}
