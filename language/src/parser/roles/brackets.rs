//! The roles of brackets.
//!
//! Owns what a `(`, a `[` and a `{` opens, by what stands before it and a look at what it holds.

use super::Pass;
use super::frame::{Frame, Header, Place};
use crate::lexer::is_kind;
use crate::token::TokenKind;

impl Pass<'_> {
    pub(super) fn paren(&mut self, at: usize) -> TokenKind {
        let before = self.before();
        let is_joined = self.ahead.is_joined(at);
        let is_empty = self.ahead.kind(at + 1) == Some(TokenKind::RParen);
        let raw_before = at.checked_sub(1).and_then(|before| self.ahead.kind(before));
        let is_from = matches!(self.out.as_slice(), [.., import, _, _] if import.kind == TokenKind::Import)
            && self.ahead.text(at.saturating_sub(1)) == "from";
        let frame = self.frame();
        let is_call = match before {
            Some(TokenKind::Fn) => true,
            Some(TokenKind::RParen | TokenKind::RBracket) => is_joined,
            Some(TokenKind::Ident) => {
                let on_line = raw_before != Some(TokenKind::Newline);
                !is_from && (is_joined || on_line && (!frame.head || is_empty || frame.place == Place::Top))
            }
            _ => false,
        };
        if before == Some(TokenKind::Fn) {
            frame.lambda = true;
        }
        let is_list =
            is_call || before == Some(TokenKind::As) || before == Some(TokenKind::With) && frame.place == Place::Top;
        if self.ahead.partner(at).is_some() {
            self.open(Frame::new(if is_list { Place::List } else { Place::Group }, at));
        }
        if is_call { TokenKind::CallParen } else { TokenKind::LParen }
    }

    pub(super) fn bracket(&mut self, at: usize) -> TokenKind {
        let before = self.before();
        let is_index = self.ahead.is_joined(at)
            && matches!(before, Some(TokenKind::Ident | TokenKind::RParen | TokenKind::RBracket));
        let first = self.ahead.significant(at + 1);
        let is_each = self.is_for(first);
        if self.ahead.partner(at).is_some() {
            let mut frame = Frame::new(if is_index { Place::Group } else { Place::List }, at);
            frame.each = is_each && !is_index;
            self.open(frame);
        }
        if is_index { TokenKind::IndexBracket } else { TokenKind::LBracket }
    }

    /// Whether the token at `at` is the word `for`.
    fn is_for(&self, at: usize) -> bool {
        self.ahead.kind(at) == Some(TokenKind::Ident)
            && self.ahead.text(at) == "for"
            && self.ahead.kind(at + 1) != Some(TokenKind::Assign)
            && self.declared.place("for").is_none()
    }

    pub(super) fn brace(&mut self, at: usize) -> TokenKind {
        let (kind, header) = self.brace_role(at);
        let place = match kind {
            TokenKind::MatchBrace => Place::Match,
            TokenKind::MapBrace => Place::Map,
            TokenKind::RecordBrace => Place::Record,
            TokenKind::EnumBrace => Place::Enum,
            _ => Place::Block,
        };
        let mut frame = Frame::new(place, at);
        frame.header = header;
        // Where the closer is missing, all that follows would be joined to one line.
        frame.each =
            place == Place::Map && self.ahead.partner(at).is_some() && self.is_for(self.ahead.significant(at + 1));
        self.settle();
        self.open(frame);
        kind
    }

    fn brace_role(&mut self, at: usize) -> (TokenKind, Option<Header>) {
        let before = self.before();
        let is_empty = self.ahead.kind(self.ahead.significant(at + 1)) == Some(TokenKind::RBrace);
        let is_map = self.ahead.is_map(at);
        let is_member = matches!(self.out.as_slice(), [.., dot, name]
            if dot.kind == TokenKind::Dot && name.kind == TokenKind::Ident);
        let block = (TokenKind::LBrace, None);
        let map_if = |is_map: bool| if is_map { (TokenKind::MapBrace, None) } else { block };
        let is_known = is_kind(self.ahead.text(at.saturating_sub(1)));
        let frame = self.frame();
        if before == Some(TokenKind::Else) {
            return (TokenKind::HeaderBrace, Some(Header::If));
        }
        let ends_operand = before.is_some_and(TokenKind::ends_operand);
        let wants = before.is_some_and(|kind| kind.is_word() || kind.is_infix());
        let lacks_operand = wants && !is_map && !is_empty;
        let is_type = matches!(frame.headers.last(), Some(Header::Record | Header::Enum));
        if !frame.headers.is_empty() && (ends_operand || lacks_operand || is_type) {
            let header = frame.headers.pop();
            frame.awaits_in = false;
            self.pending = self.pending.saturating_sub(1);
            let kind = match header {
                Some(Header::Match) => TokenKind::MatchBrace,
                Some(Header::Record) => TokenKind::RecordBrace,
                Some(Header::Enum) => TokenKind::EnumBrace,
                Some(Header::If | Header::For) | None => TokenKind::HeaderBrace,
            };
            return (kind, header);
        }
        if frame.lambda && (ends_operand || before == Some(TokenKind::Question)) {
            return block;
        }
        match before {
            // A name and its block, as ever; but no block begins with `key =`, except by mistake behind a known type.
            Some(TokenKind::Ident) if !is_member => map_if(is_map && !is_known),
            _ if ends_operand && frame.place == Place::Top => block,
            _ if ends_operand => map_if(is_map || is_empty),
            Some(TokenKind::With | TokenKind::FatArrow | TokenKind::Test) => map_if(is_map),
            None | Some(TokenKind::Newline | TokenKind::Semicolon)
                if matches!(frame.place, Place::Top | Place::Block) =>
            {
                map_if((is_map || is_empty) && frame.place == Place::Block)
            }
            Some(kind) if kind.opens_brace() && frame.place == Place::Block => map_if(is_map || is_empty),
            _ if frame.place == Place::Top && frame.binding.is_none() => map_if(is_map),
            // An opener directly before this whose frame is not here will not close.
            Some(kind)
                if matches!(frame.place, Place::Block | Place::Top)
                    && (kind.opens_paren()
                        || kind.opens_bracket()
                        || matches!(kind, TokenKind::Unknown | TokenKind::As | TokenKind::Comma)) =>
            {
                map_if(is_map)
            }
            _ => (TokenKind::MapBrace, None),
        }
    }
}
