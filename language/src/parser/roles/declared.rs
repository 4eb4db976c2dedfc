//! Words that a file declares as names of its own.
//!
//! Owns the scan for declarations of words that are reserved otherwise: a file that has such a name was written before the
//! word was reserved, or insists on it, and the word is that name in the whole file. Looks at tokens only.

use crate::span::Span;
use crate::token::{Token, TokenKind};

/// The words that are reserved unless a file declares them, and their tokens.
const WORDS: [(&str, TokenKind); 8] = [
    ("let", TokenKind::Let),
    ("if", TokenKind::If),
    ("else", TokenKind::Else),
    ("for", TokenKind::For),
    ("match", TokenKind::Match),
    ("none", TokenKind::None),
    ("fn", TokenKind::Fn),
    ("assert", TokenKind::Assert),
];

/// The token of a word that is reserved unless a file declares it.
pub(crate) fn reserved(word: &str) -> Option<TokenKind> {
    WORDS.iter().find(|(text, _)| *text == word).map(|(_, kind)| *kind)
}

/// The reserved words that a file declares, each with the place of its first declaration.
#[derive(Debug, Default)]
pub(crate) struct Declared {
    words: Vec<(&'static str, Span)>,
}

impl Declared {
    /// Scans tokens as the lexer gives them.
    pub(crate) fn scan(&mut self, text: &str, tokens: &[Token]) {
        Scan { text, tokens, open: Vec::new(), declared: self }.run();
    }

    /// Where a word is declared.
    pub(crate) fn place(&self, word: &str) -> Option<Span> {
        self.words.iter().find(|(text, _)| *text == word).map(|(_, span)| *span)
    }
}

/// What is open around a token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Open {
    Brace,
    /// Parameters; whether a default value is being read.
    Params {
        in_default: bool,
    },
    /// The list behind `as`; how many names the current element has so far.
    Binds {
        names: usize,
    },
    Other,
}

struct Scan<'s> {
    text: &'s str,
    tokens: &'s [Token],
    open: Vec<Open>,
    declared: &'s mut Declared,
}

impl Scan<'_> {
    fn run(&mut self) {
        for at in 0..self.tokens.len() {
            let Some(kind) = self.kind(at) else { continue };
            match kind {
                TokenKind::Ident => self.word(at),
                TokenKind::LBrace => self.open.push(Open::Brace),
                TokenKind::LParen => {
                    let list = self.list(at);
                    self.open.push(list);
                }
                TokenKind::LBracket | TokenKind::InterpolationOpen => self.open.push(Open::Other),
                TokenKind::RParen | TokenKind::RBracket | TokenKind::InterpolationClose => {
                    self.open.pop_if(|open| *open != Open::Brace);
                }
                TokenKind::RBrace => {
                    while self.open.pop_if(|open| *open != Open::Brace).is_some() {}
                    self.open.pop();
                }
                TokenKind::Comma | TokenKind::Newline => match self.open.last_mut() {
                    Some(Open::Params { in_default }) => *in_default = false,
                    Some(Open::Binds { names }) => *names = 0,
                    _ => {}
                },
                TokenKind::Assign => {
                    if let Some(Open::Params { in_default }) = self.open.last_mut() {
                        *in_default = true;
                    }
                }
                _ => {}
            }
        }
    }

    fn kind(&self, at: usize) -> Option<TokenKind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    fn text(&self, at: usize) -> &str {
        self.tokens.get(at).and_then(|token| self.text.get(token.span.range())).unwrap_or("")
    }

    fn before(&self, at: usize, back: usize) -> Option<TokenKind> {
        self.kind(at.checked_sub(back)?)
    }

    /// What a `(` opens.
    fn list(&self, at: usize) -> Open {
        let before = self.before(at, 1);
        if before == Some(TokenKind::As) {
            return Open::Binds { names: 0 };
        }
        let is_head = match before {
            Some(TokenKind::With | TokenKind::Greater) => true,
            Some(TokenKind::Ident) => self.text(at - 1) == "binds" || self.ends_type(at - 1),
            _ => false,
        };
        if is_head && self.open.is_empty() { Open::Params { in_default: false } } else { Open::Other }
    }

    /// Whether a type seems to end before `at`.
    fn ends_type(&self, at: usize) -> bool {
        match self.before(at, 1) {
            // `} else if (x)` is no function `if` of type `else`.
            Some(TokenKind::Ident) => reserved(self.text(at - 1)).is_none() && !self.is_from(at - 1),
            Some(TokenKind::RBracket | TokenKind::Question) => true,
            _ => false,
        }
    }

    /// Whether the word at `at` is the `from` of an import.
    fn is_from(&self, at: usize) -> bool {
        self.text(at) == "from" && self.before(at, 2) == Some(TokenKind::Import)
    }

    fn word(&mut self, at: usize) {
        let declares = match self.open.last() {
            _ if self.before(at, 1) == Some(TokenKind::As) => true,
            None => {
                let is_call = matches!(self.kind(at + 1), Some(TokenKind::LParen | TokenKind::Less));
                self.before(at, 1) == Some(TokenKind::Import) || is_call && self.ends_type(at)
            }
            // Behind `variadic` stands a type, and `fn(` begins one.
            Some(Open::Params { in_default }) => {
                let is_type =
                    self.kind(at + 1) == Some(TokenKind::LParen) || self.text(at.saturating_sub(1)) == "variadic";
                !in_default && !is_type && self.ends_type(at)
            }
            Some(Open::Binds { names }) => names % 2 == 1,
            Some(Open::Brace | Open::Other) => false,
        };
        if let Some(Open::Binds { names }) = self.open.last_mut() {
            *names += 1;
        }
        let word = self.text(at);
        let Some((word, _)) = WORDS.iter().find(|(text, _)| *text == word) else { return };
        let Some(span) = self.tokens.get(at).map(|token| token.span).filter(|_| declares) else { return };
        if self.declared.place(word).is_none() {
            self.declared.words.push((word, span));
        }
    }
}
