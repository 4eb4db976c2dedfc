//! The roles of words.
//!
//! Owns which words are reserved where, and what each of them begins.

use super::Pass;
use super::declared::reserved;
use super::frame::{Header, Place};
use crate::parser::MAX_DEPTH;
use crate::span::Span;
use crate::token::TokenKind;

impl Pass<'_> {
    pub(super) fn word(&mut self, at: usize, span: Span) -> TokenKind {
        let text = self.ahead.text(at);
        let before = self.before();
        if before == Some(TokenKind::Dot) {
            return TokenKind::Ident;
        }
        let frame = self.frame();
        if text == "in" && frame.awaits_in && before == Some(TokenKind::Ident) {
            frame.awaits_in = false;
            return TokenKind::In;
        }
        if frame.place == Place::Top
            && let Some(kind) = self.declaration(at)
        {
            match kind {
                TokenKind::Type => self.await_block(Header::Record, span),
                TokenKind::Enum => self.await_block(Header::Enum, span),
                TokenKind::Let => {
                    self.frame().binding = Some(true);
                    true
                }
                _ => true,
            };
            return kind;
        }
        let Some(kind) = reserved(text).filter(|kind| self.is_reserved(at, *kind)) else { return TokenKind::Ident };
        if self.begin(kind, span) { kind } else { TokenKind::Ident }
    }

    /// Whether a word is reserved in the place in which it stands.
    fn is_reserved(&mut self, at: usize, kind: TokenKind) -> bool {
        if self.declared.place(self.ahead.text(at)).is_some() {
            return false;
        }
        let before = self.before();
        let next = self.ahead.kind(at + 1);
        let frame = self.frame();
        let is_field = frame.place == Place::Record
            && matches!(before, Some(TokenKind::Ident | TokenKind::RBracket | TokenKind::Question));
        let is_variant = frame.place == Place::Enum
            || next == Some(TokenKind::FatArrow) && !matches!(kind, TokenKind::None | TokenKind::Else);
        // The name of an argument is that of somebody's parameter.
        let is_argument = next == Some(TokenKind::Assign) && frame.binding != Some(true) && frame.place != Place::Map;
        let is_declaration = kind == TokenKind::Let && frame.place == Place::Top;
        // Outside of functions a statement is a mistake, but one that begins with its word.
        let is_outside = frame.place == Place::Top && frame.binding.is_none() && !frame.fresh;
        let is_outside = is_outside
            && frame.headers.is_empty()
            && !matches!(before, Some(TokenKind::RBrace | TokenKind::Else | TokenKind::Assert));
        !(is_field || is_variant || is_argument || is_declaration || is_outside && kind != TokenKind::Fn)
    }

    /// Notes what a reserved word begins. Tells whether it may: what has no brackets of its own is limited in depth here.
    fn begin(&mut self, kind: TokenKind, span: Span) -> bool {
        let before = self.before();
        match kind {
            TokenKind::Let => self.frame().binding = Some(true),
            TokenKind::Assert => self.frame().assert = true,
            // The condition of a comprehension.
            TokenKind::If if self.frame().each && before.is_some_and(TokenKind::ends_operand) => {}
            TokenKind::If => return self.await_block(Header::If, span),
            TokenKind::Match => return self.await_block(Header::Match, span),
            TokenKind::For => {
                let frame = self.frame();
                frame.awaits_in = true;
                let opens = matches!(before, Some(TokenKind::LBracket | TokenKind::MapBrace));
                if frame.each && opens {
                    return true;
                }
                return self.await_block(Header::For, span);
            }
            TokenKind::Fn => {
                if before != Some(TokenKind::RParen) {
                    self.settle();
                }
                if !self.may_nest(span) {
                    return false;
                }
                self.pending += 1;
                self.frame().results += 1;
            }
            _ => {}
        }
        true
    }

    fn await_block(&mut self, header: Header, span: Span) -> bool {
        let may = self.may_nest(span);
        if may {
            self.pending += 1;
            self.frame().headers.push(header);
        }
        may
    }

    fn may_nest(&mut self, span: Span) -> bool {
        let may = self.frames.len() + self.pending < MAX_DEPTH;
        if !may {
            self.too_deep.get_or_insert(span);
        }
        may
    }

    /// Which declaration a word begins, by what follows it.
    fn declaration(&mut self, at: usize) -> Option<TokenKind> {
        let before = self.before();
        let is_fresh = self.frame().fresh;
        // Declarations need nothing between them.
        let behind = is_fresh || before.is_some_and(|kind| kind.ends_operand() && kind != TokenKind::Ident);
        if !behind {
            return None;
        }
        let next = self.ahead.kind(at + 1);
        let is_block = self.ahead.kind(at + 2) == Some(TokenKind::LBrace);
        let is_function = matches!(self.ahead.kind(at + 2), Some(TokenKind::LParen | TokenKind::Less));
        // At the start of a line what is not complete yet is taken for what it seems to become.
        let is_named = |is_whole: bool| next == Some(TokenKind::Ident) && (is_whole || is_fresh && !is_function);
        let is_type = next == Some(TokenKind::Ident) && is_block || is_fresh && !self.ahead.is_function(at);
        match self.ahead.text(at) {
            "type" if is_type && next != Some(TokenKind::LParen) => Some(TokenKind::Type),
            "enum" if is_type && next != Some(TokenKind::LParen) => Some(TokenKind::Enum),
            "test" if next.is_some_and(TokenKind::opens_string) => Some(TokenKind::Test),
            "test" if is_fresh && next == Some(TokenKind::LBrace) => Some(TokenKind::Test),
            "let" if self.ahead.is_binding(at + 1) || is_named(false) => Some(TokenKind::Let),
            _ => None,
        }
    }

    /// Whether an `export` stands in front of a whole declaration.
    pub(super) fn is_prefix(&self, at: usize) -> bool {
        let named = self.ahead.kind(at + 2) == Some(TokenKind::Ident);
        let is_function = matches!(self.ahead.kind(at + 3), Some(TokenKind::LParen | TokenKind::Less));
        match self.ahead.text(at + 1) {
            "type" | "enum" if named && !is_function => true,
            "let" if self.ahead.is_binding(at + 2) || named && !is_function => true,
            _ => self.ahead.is_function(at + 1),
        }
    }
}
