//! The roles of words, brackets and line ends.
//!
//! One pass over the tokens decides what the grammar could not tell with one token of lookahead: whether `if` is a reserved
//! word or a name that the file declares, whether a `(` opens arguments or groups, whether a `{` opens statements or a map,
//! whether the end of a line ends anything. It writes the role over the lexer's kind and leaves out the line ends that end
//! nothing:
//!
//! ```text
//!   lexer    Ident Ident Equal Int  LBrace      Ident RBrace Newline Ident LBrace      …
//!   roles    If    Ident Equal Int  HeaderBrace Ident RBrace         Else  HeaderBrace …
//! ```
//!
//! It looks at what stands before, at the brackets that are open, and a little ahead (`ahead`). The whole-file grammar and
//! recovery both read its result. It reports nothing: text that is wrong gets some role, and the grammar refuses it.

mod ahead;
mod brackets;
mod declared;
mod frame;
#[cfg(test)]
mod tests;
mod words;

use crate::span::Span;
use crate::token::{Token, TokenKind};

use ahead::Ahead;
pub(crate) use declared::{Declared, reserved};
use frame::{Frame, Header, Place};

/// Tokens in their roles.
#[derive(Debug)]
pub(crate) struct Roles {
    /// Without the line ends that end nothing.
    pub(crate) tokens: Vec<Token>,
    /// The first word that would nest conditions or types beyond the limit; it has been left a name.
    pub(crate) too_deep: Option<Span>,
}

/// Decides the roles of tokens.
pub(crate) fn assign(text: &str, tokens: &[Token], declared: &Declared) -> Roles {
    let mut pass = Pass {
        ahead: Ahead::new(text, tokens),
        declared,
        out: Vec::with_capacity(tokens.len()),
        frames: Vec::new(),
        top: Frame::new(Place::Top, 0),
        pending: 0,
        too_deep: None,
    };
    for (at, token) in tokens.iter().enumerate() {
        if let Some(kind) = pass.role(at, *token) {
            pass.put(Token { kind, span: token.span });
        }
    }
    Roles { tokens: pass.out, too_deep: pass.too_deep }
}

struct Pass<'t> {
    ahead: Ahead<'t>,
    declared: &'t Declared,
    out: Vec<Token>,
    frames: Vec<Frame>,
    /// What is around all brackets.
    top: Frame,
    /// How many headers and results are awaited in all frames.
    pending: usize,
    too_deep: Option<Span>,
}

impl Pass<'_> {
    fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().unwrap_or(&mut self.top)
    }

    /// The token put last.
    fn before(&self) -> Option<TokenKind> {
        self.out.last().map(|token| token.kind)
    }

    /// The role of a token; `None` for a line end that ends nothing.
    fn role(&mut self, at: usize, token: Token) -> Option<TokenKind> {
        Some(match token.kind {
            TokenKind::Newline if self.is_joining(at) => return None,
            TokenKind::Newline | TokenKind::Semicolon => {
                self.end();
                token.kind
            }
            TokenKind::Comma => self.comma(),
            TokenKind::Ident => self.word(at, token.span),
            TokenKind::Export if self.is_prefix(at) => TokenKind::ExportPrefix,
            TokenKind::Minus if !self.before().is_some_and(TokenKind::ends_operand) => TokenKind::Negative,
            TokenKind::Assign => {
                self.settle();
                let frame = self.frame();
                frame.binding = frame.binding.map(|_| false);
                token.kind
            }
            TokenKind::LParen => self.paren(at),
            TokenKind::LBracket => self.bracket(at),
            TokenKind::LBrace => self.brace(at),
            TokenKind::InterpolationOpen => {
                self.open(Frame::new(Place::Interpolation, at));
                token.kind
            }
            TokenKind::RParen | TokenKind::RBracket | TokenKind::RBrace | TokenKind::InterpolationClose => {
                self.close(at);
                token.kind
            }
            kind => kind,
        })
    }

    /// Puts a token and notes what it says of the statement in which it stands.
    fn put(&mut self, token: Token) {
        let before = self.before();
        let kind = token.kind;
        self.out.push(token);
        if matches!(kind, TokenKind::Text | TokenKind::Escape | TokenKind::Newline | TokenKind::Semicolon) {
            return;
        }
        let opens = kind.opens_brace() || kind.opens_paren() || kind.opens_bracket();
        if opens || kind == TokenKind::InterpolationOpen {
            // What it says of the statement around it has been noted by `open`.
            return;
        }
        let is_arrow = kind == TokenKind::FatArrow;
        let frame = self.frame();
        let goes_on = frame.head && (kind == TokenKind::Dot || before == Some(TokenKind::Dot));
        frame.head = goes_on || frame.fresh && kind == TokenKind::Ident;
        frame.fresh = is_arrow && frame.place == Place::Match || kind == TokenKind::ExportPrefix;
        if kind != TokenKind::RBrace {
            frame.closed = None;
        }
    }

    /// Whether a newline ends nothing.
    fn is_joining(&mut self, at: usize) -> bool {
        let before = self.before();
        let next = self.ahead.significant(at);
        let next_kind = self.ahead.kind(next);
        let word = reserved(self.ahead.text(next)).filter(|_| self.declared.place(self.ahead.text(next)).is_none());
        let begins = matches!(word, Some(TokenKind::Let | TokenKind::For | TokenKind::Assert));
        let frame = self.frame();
        if frame.place == Place::Group || frame.each {
            return true;
        }
        // The `>` behind type parameters is no operator.
        let has_operators = frame.place != Place::Top || frame.binding.is_some();
        let goes_on = before.is_some_and(|kind| {
            kind.is_infix() && has_operators
                || matches!(kind, TokenKind::Assign | TokenKind::FatArrow | TokenKind::Colon | TokenKind::Dot)
                || kind == TokenKind::Comma && frame.assert && !begins
        });
        let is_infix = next_kind.is_some_and(|kind| kind.is_infix() && kind != TokenKind::Minus);
        goes_on
            || frame.place == Place::List && is_infix
            || frame.closed == Some(Header::If) && next_kind == Some(TokenKind::Ident) && word == Some(TokenKind::Else)
    }

    fn end(&mut self) {
        let pending = self.frame().pending();
        self.pending = self.pending.saturating_sub(pending);
        self.frame().end();
    }

    /// The types before this are complete.
    fn settle(&mut self) {
        let frame = self.frame();
        frame.lambda = false;
        let results = std::mem::take(&mut frame.results);
        self.pending = self.pending.saturating_sub(results);
    }

    fn comma(&mut self) -> TokenKind {
        let frame = self.frame();
        match frame.place {
            // Between the names of a `for`.
            _ if frame.awaits_in => {}
            Place::Match | Place::List | Place::Map | Place::Record | Place::Enum => self.end(),
            Place::Top | Place::Block | Place::Group | Place::Interpolation => {}
        }
        TokenKind::Comma
    }

    fn open(&mut self, frame: Frame) {
        let around = self.frame();
        around.fresh = false;
        around.head = false;
        around.closed = None;
        self.frames.push(frame);
    }

    /// Leaves the frames down to the one that the counterpart of this closer opened.
    fn close(&mut self, at: usize) {
        let Some(opener) = self.ahead.partner(at) else { return };
        let mut header = None;
        while let Some(frame) = self.frames.pop_if(|frame| frame.opener >= opener) {
            self.pending = self.pending.saturating_sub(frame.pending());
            header = frame.header;
        }
        self.frame().closed = header;
    }
}
