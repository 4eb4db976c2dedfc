//! From text to tokens, for any text at all.
//!
//! A regular lexer cannot read HLB: in `"a ${ f("b") } c"` the quote before `b` opens a string although one is open, and
//! the `}` ends an interpolation although a `}` elsewhere ends a block. So the lexer keeps a stack of modes. Each mode has
//! its own logos table (`code`, `string`); the stack says which table reads on:
//!
//! ```text
//!   text   "a ${ f("b") } c"
//!   stack  Q─ QI── QI( QI(Q QI( QI Q──     Q string, I interpolation, ( parenthesis
//! ```
//!
//! Every byte of the text is in a token, in a comment, or is white space. A text that does not parse is read a second
//! time with [`Care::Guessing`], where a string that seems to lack its closer ends with its line (`guess`).
//!
//! Owns the token stream and the errors of malformed literals. Knows no grammar: a stray `}` is a token like any other.

mod code;
mod guess;
mod string;

pub(crate) use code::int_value;
pub(crate) use guess::is_kind;

use std::collections::HashMap;

use crate::codes;
use crate::diagnostic::{Code, Diagnostic, Location};
use crate::source::SourceId;
use crate::span::Span;
use crate::token::{Token, TokenKind};
use crate::trivia::{Comment, Trivia};

/// What lexing gives.
#[derive(Clone, PartialEq, Debug)]
pub struct Lexed {
    /// The tokens in the order of the text.
    pub tokens: Vec<Token>,
    /// Comments and blank lines.
    pub trivia: Trivia,
    /// Malformed literals.
    pub diagnostics: Vec<Diagnostic>,
    /// How deeply blocks, parentheses and interpolations are nested at most.
    pub depth: usize,
}

/// How the end of a string is found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Care {
    /// By the language's rules alone.
    Strict,
    /// By the rules, unless the string seems to lack its closer; for texts that are known to be broken.
    Guessing,
}

/// Reads a text.
pub fn lex(source: SourceId, text: &str, care: Care) -> Lexed {
    let mut lexer = Lexer::new(source, text, care);
    while lexer.at < text.len() {
        match lexer.modes.last() {
            Some(Mode { kind: ModeKind::Quoted, .. }) => lexer.quoted(),
            Some(Mode { kind: ModeKind::Raw, .. }) => lexer.raw(),
            Some(Mode { kind: ModeKind::Heredoc { word, raw }, .. }) => lexer.heredoc(word, *raw),
            Some(Mode {
                kind: ModeKind::Block | ModeKind::Paren | ModeKind::Bracket | ModeKind::Interpolation,
                ..
            })
            | None => lexer.code(),
        }
    }
    lexer.close_modes(0);
    Lexed { tokens: lexer.tokens, trivia: lexer.trivia, diagnostics: lexer.diagnostics, depth: lexer.depth }
}

/// A construct that is open, and where it was opened.
#[derive(Clone, Copy, Debug)]
struct Mode<'a> {
    kind: ModeKind<'a>,
    open: Span,
    level: usize,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum ModeKind<'a> {
    Block,
    Paren,
    Bracket,
    Interpolation,
    Quoted,
    Raw,
    Heredoc { word: &'a str, raw: bool },
}

struct Lexer<'a> {
    source: SourceId,
    text: &'a str,
    care: Care,
    at: usize,
    modes: Vec<Mode<'a>>,
    tokens: Vec<Token>,
    trivia: Trivia,
    diagnostics: Vec<Diagnostic>,
    depth: usize,
    /// Where the current line begins if nothing but white space was seen on it.
    fresh_line: Option<usize>,
    /// Up to where the text of open strings has been found plausible.
    plausible_to: usize,
    /// The last place of each word of the text; filled when a heredoc is guessed at.
    last_words: Option<HashMap<&'a str, usize>>,
}

impl<'a> Lexer<'a> {
    fn new(source: SourceId, text: &'a str, care: Care) -> Self {
        Self {
            source,
            text,
            care,
            at: 0,
            modes: Vec::new(),
            tokens: Vec::new(),
            trivia: Trivia::new(text),
            diagnostics: Vec::new(),
            depth: 0,
            fresh_line: Some(0),
            plausible_to: 0,
            last_words: None,
        }
    }

    /// The text that is not read yet.
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    /// Puts a token of `len` bytes and moves behind it.
    fn token(&mut self, kind: TokenKind, len: usize) -> Span {
        let span = Span::new(self.at, self.at + len);
        self.tokens.push(Token { kind, span });
        self.at += len;
        self.fresh_line = None;
        span
    }

    fn put(&mut self, kind: TokenKind, len: usize) {
        self.token(kind, len);
    }

    /// Puts text of `len` bytes, joined to a piece of text directly before it.
    fn piece(&mut self, len: usize) {
        let end = Span::at(self.at + len).end;
        match self.tokens.last_mut() {
            Some(Token { kind: TokenKind::Text, span }) if span.end as usize == self.at => {
                span.end = end;
                self.at += len;
            }
            _ => self.put(TokenKind::Text, len),
        }
    }

    fn comment(&mut self, len: usize) {
        let span = Span::new(self.at, self.at + len);
        self.trivia.add_comment(Comment { span, own_line: self.fresh_line.is_some() });
        self.at += len;
        self.fresh_line = None;
    }

    fn newline(&mut self) {
        if let Some(start) = self.fresh_line {
            self.trivia.add_blank_line(start);
        }
        self.token(TokenKind::Newline, 1);
        self.fresh_line = Some(self.at);
    }

    fn push(&mut self, kind: ModeKind<'a>, open: Span) {
        // Strings are no level: what is nested in one is nested in its interpolation.
        let opens = matches!(kind, ModeKind::Block | ModeKind::Paren | ModeKind::Bracket | ModeKind::Interpolation);
        let level = self.modes.last().map_or(0, |mode| mode.level) + usize::from(opens);
        self.modes.push(Mode { kind, open, level });
        self.depth = self.depth.max(level);
    }

    fn error(&self, code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, self.location(span), message)
    }

    fn location(&self, span: Span) -> Location {
        Location { source: self.source, span }
    }

    /// Leaves all modes from `first` up, here, with empty closers for strings and interpolations. Reports the outermost
    /// interpolation left open, or else the outermost string: the others are open because it is.
    fn close_modes(&mut self, first: usize) {
        let left = self.modes.split_off(first.min(self.modes.len()));
        let blamed = left.iter().find(|mode| mode.kind == ModeKind::Interpolation).or_else(|| {
            let is_string =
                |mode: &&Mode<'_>| !matches!(mode.kind, ModeKind::Block | ModeKind::Paren | ModeKind::Bracket);
            left.iter().find(is_string)
        });
        if let Some(mode) = blamed {
            self.report_open(*mode);
        }
        for mode in left.iter().rev() {
            match mode.kind {
                ModeKind::Block | ModeKind::Paren | ModeKind::Bracket => {}
                ModeKind::Interpolation => self.put(TokenKind::InterpolationClose, 0),
                ModeKind::Quoted => self.put(TokenKind::QuoteClose, 0),
                ModeKind::Raw => self.put(TokenKind::RawClose, 0),
                ModeKind::Heredoc { .. } => self.put(TokenKind::HeredocClose, 0),
            }
        }
    }

    fn report_open(&mut self, mode: Mode<'a>) {
        let end = self.location(Span::at(self.at));
        let error = match mode.kind {
            ModeKind::Block | ModeKind::Paren | ModeKind::Bracket => return,
            ModeKind::Interpolation => self
                .error(codes::OPEN_INTERPOLATION, mode.open, "the interpolation is never closed")
                .help("close it with `}`, or write `\\${` for the two characters themselves"),
            ModeKind::Quoted => self
                .error(codes::OPEN_STRING, mode.open, "the string is never closed")
                .help("close it with `\"`")
                .fix("close the string", end, "\""),
            ModeKind::Raw => self
                .error(codes::OPEN_RAW_STRING, mode.open, "the raw string is never closed")
                .help("close it with a backtick")
                .fix("close the raw string", end, "`"),
            ModeKind::Heredoc { word, .. } => self
                .error(codes::OPEN_HEREDOC, mode.open, format!("the heredoc is never closed by `{word}`"))
                .help(format!("put `{word}` on a line of its own behind the text")),
        };
        self.diagnostics.push(error.label("opened here"));
    }
}
