//! The lexer inside of strings, raw strings and heredocs.
//!
//! Owns where a string's text, escapes and interpolations begin and end. What an escape means is decided at evaluation.

use logos::Logos;

use super::{Lexer, ModeKind};
use crate::codes;
use crate::lexer::Care;
use crate::span::Span;
use crate::token::TokenKind;

#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
enum Quoted {
    #[token("\"")]
    Close,
    #[regex(r"\\[^\n]")]
    Escape,
    #[token("${")]
    Interpolation,
    #[token("\n")]
    Newline,
    #[regex(r#"[^"$\\\n]+"#)]
    #[token("$")]
    Text,
}

/// A heredoc is read in chunks: white space, or all that stands between white space. Only at the start of a chunk can an
/// escape or the closing word stand.
#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
enum Heredoc {
    #[regex(r"[ \t\r\n\f]+")]
    Space,
    #[regex(r"\\[^\n]", priority = 9)]
    Escape,
    #[token("${")]
    Interpolation,
    #[regex(r"[^ \t\r\n\f$\\][^ \t\r\n\f$]*")]
    #[token("$")]
    #[token("\\")]
    Text,
}

#[derive(Logos, Clone, Copy, PartialEq, Eq, Debug)]
enum RawHeredoc {
    #[regex(r"[ \t\r\n\f]+")]
    Space,
    #[regex(r"[^ \t\r\n\f]+")]
    Text,
}

impl<'a> Lexer<'a> {
    /// Reads one piece of `"…"`.
    pub(super) fn quoted(&mut self) {
        let mut table = Quoted::lexer(self.rest());
        let piece = table.next();
        let len = table.slice().len();
        match piece {
            Some(Ok(Quoted::Close)) => {
                self.token(TokenKind::QuoteClose, len);
                self.modes.pop();
            }
            Some(Ok(Quoted::Escape)) => self.put(TokenKind::Escape, len),
            Some(Ok(Quoted::Interpolation)) => self.open_interpolation(),
            Some(Ok(Quoted::Newline)) => {
                if self.care == Care::Strict || self.plausible_string(b'"') {
                    self.piece(len);
                } else {
                    self.end_string_with_line();
                }
            }
            Some(Ok(Quoted::Text)) => self.piece(len),
            // What no rule matches is a backslash before the line's end or the text's.
            Some(Err(())) | None => {
                let span = Span::new(self.at, self.at + 1);
                self.piece(1);
                if self.at < self.text.len() {
                    let error =
                        self.error(codes::ESCAPED_NEWLINE, span, "a line in a string cannot end in a backslash");
                    let help = "remove it: a string may go on over lines, and their ends are part of it";
                    self.diagnostics.push(error.help(help));
                }
            }
        }
    }

    /// Reads one piece of `` `…` ``.
    pub(super) fn raw(&mut self) {
        let rest = self.rest();
        match rest.bytes().position(|byte| byte == b'`' || byte == b'\n') {
            Some(0) if rest.starts_with('`') => {
                self.token(TokenKind::RawClose, 1);
                self.modes.pop();
            }
            Some(0) => {
                if self.care == Care::Strict || self.plausible_string(b'`') {
                    self.piece(1);
                } else {
                    self.end_string_with_line();
                }
            }
            Some(len) => self.piece(len),
            None => self.piece(rest.len()),
        }
    }

    /// Reads one chunk of a heredoc.
    pub(super) fn heredoc(&mut self, word: &'a str, raw: bool) {
        let rest = self.rest();
        if self.closes_heredoc(word) {
            self.token(TokenKind::HeredocClose, word.len());
            self.modes.pop();
        } else if raw {
            let mut table = RawHeredoc::lexer(rest);
            table.next();
            self.piece(table.slice().len());
        } else {
            let mut table = Heredoc::lexer(rest);
            let piece = table.next();
            let len = table.slice().len();
            match piece {
                Some(Ok(Heredoc::Escape)) => self.put(TokenKind::Escape, len),
                Some(Ok(Heredoc::Interpolation)) => self.open_interpolation(),
                _ => self.piece(len.max(1)),
            }
        }
    }

    /// Whether the closing word stands here. Called at the start of a chunk, so only what follows matters.
    fn closes_heredoc(&self, word: &str) -> bool {
        let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
        self.rest().strip_prefix(word).is_some_and(|behind| !behind.as_bytes().first().is_some_and(is_word))
    }

    fn open_interpolation(&mut self) {
        let open = self.token(TokenKind::InterpolationOpen, 2);
        self.push(ModeKind::Interpolation, open);
    }
}
