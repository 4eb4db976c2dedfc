//! What stands ahead of a token.
//!
//! Owns the pairs of brackets and the looks at a few tokens that decide a role. Each look is short, or goes over a stretch of
//! tokens that no other look of its kind goes over again, so that all of them together are linear.

use crate::token::{Token, TokenKind};

/// The mark of a bracket without its counterpart, and of what is no bracket.
const NONE: u32 = u32::MAX;

/// Tokens with the counterpart of each bracket.
pub(super) struct Ahead<'t> {
    text: &'t str,
    tokens: &'t [Token],
    partners: Vec<u32>,
    /// For each token, the first from there on that is no newline.
    significant: Vec<u32>,
}

impl<'t> Ahead<'t> {
    pub(super) fn new(text: &'t str, tokens: &'t [Token]) -> Self {
        let mut significant = vec![0; tokens.len()];
        let mut next = tokens.len();
        for (at, token) in tokens.iter().enumerate().rev() {
            if token.kind != TokenKind::Newline {
                next = at;
            }
            if let Some(slot) = significant.get_mut(at) {
                *slot = next as u32;
            }
        }
        Self { text, tokens, partners: partners(tokens), significant }
    }

    pub(super) fn kind(&self, at: usize) -> Option<TokenKind> {
        self.tokens.get(at).map(|token| token.kind)
    }

    pub(super) fn text(&self, at: usize) -> &'t str {
        self.tokens.get(at).and_then(|token| self.text.get(token.span.range())).unwrap_or("")
    }

    /// Whether a token begins where the one before it ends.
    pub(super) fn is_joined(&self, at: usize) -> bool {
        let before = at.checked_sub(1).and_then(|before| self.tokens.get(before));
        matches!((before, self.tokens.get(at)), (Some(before), Some(token)) if before.span.end == token.span.start)
    }

    /// The counterpart of a bracket, of the quotes of a string, or of the braces of an interpolation.
    pub(super) fn partner(&self, at: usize) -> Option<usize> {
        self.partners.get(at).filter(|partner| **partner != NONE).map(|partner| *partner as usize)
    }

    /// The first token from `at` on that is no newline.
    pub(super) fn significant(&self, at: usize) -> usize {
        self.significant.get(at).map_or(self.tokens.len(), |next| *next as usize)
    }

    fn is_word(&self, at: usize, word: &str) -> bool {
        self.kind(at) == Some(TokenKind::Ident) && self.text(at) == word
    }

    /// Where a type that begins at `at` ends.
    pub(super) fn type_end(&self, mut at: usize) -> Option<usize> {
        while self.is_word(at, "fn") && self.kind(at + 1) == Some(TokenKind::LParen) {
            at = self.partner(at + 1)? + 1;
        }
        let mut end = match self.kind(at)? {
            TokenKind::Ident if self.kind(at + 1) == Some(TokenKind::Dot) => at + 3,
            TokenKind::Ident if self.kind(at + 1) == Some(TokenKind::LBracket) && self.is_joined(at + 1) => {
                self.partner(at + 1)? + 1
            }
            TokenKind::Ident => at + 1,
            TokenKind::LBracket => self.partner(at)? + 1,
            _ => return None,
        };
        if self.kind(end) == Some(TokenKind::Question) {
            end += 1;
        }
        Some(end)
    }

    /// Whether `type name (` or `type name <` begins at `at`.
    pub(super) fn is_function(&self, at: usize) -> bool {
        let Some(end) = self.type_end(at) else { return false };
        self.kind(end) == Some(TokenKind::Ident)
            && matches!(self.kind(end + 1), Some(TokenKind::LParen | TokenKind::Less))
    }

    /// Whether `[type] name =` begins at `at`.
    pub(super) fn is_binding(&self, at: usize) -> bool {
        let is_end = |at| self.kind(at) == Some(TokenKind::Ident) && self.kind(at + 1) == Some(TokenKind::Assign);
        is_end(at) || self.type_end(at).is_some_and(is_end)
    }

    /// Whether what stands in the braces that open at `at` looks like a map: `key =`, `...` or a comprehension.
    pub(super) fn is_map(&self, at: usize) -> bool {
        let first = self.significant(at + 1);
        match self.kind(first) {
            Some(TokenKind::Ellipsis) => true,
            Some(TokenKind::Ident) if self.text(first) == "for" && self.kind(first + 1) != Some(TokenKind::Assign) => {
                self.is_comprehension(first)
            }
            _ => self.operand_end(first).is_some_and(|end| self.kind(end) == Some(TokenKind::Assign)),
        }
    }

    /// Where an operand without operators ends.
    fn operand_end(&self, at: usize) -> Option<usize> {
        let mut end = match self.kind(at)? {
            TokenKind::Ident | TokenKind::Int | TokenKind::Bool => at + 1,
            TokenKind::LParen | TokenKind::LBracket => self.partner(at)? + 1,
            kind if kind.opens_string() => self.partner(at)? + 1,
            _ => return None,
        };
        loop {
            end = match self.kind(end) {
                Some(TokenKind::Dot) if self.kind(end + 1) == Some(TokenKind::Ident) => end + 2,
                Some(TokenKind::LParen | TokenKind::LBracket) if self.is_joined(end) => self.partner(end)? + 1,
                _ => return Some(end),
            };
        }
    }

    /// Whether the `for` at `at` has a `:` where a loop has its block.
    fn is_comprehension(&self, at: usize) -> bool {
        let mut at = at + 1;
        while let Some(kind) = self.kind(at) {
            match kind {
                TokenKind::Colon => return true,
                TokenKind::LBrace if !self.is_word(at.saturating_sub(1), "in") => return false,
                TokenKind::RBrace
                | TokenKind::RParen
                | TokenKind::RBracket
                | TokenKind::Semicolon
                | TokenKind::InterpolationClose => return false,
                TokenKind::LBrace | TokenKind::LParen | TokenKind::LBracket => match self.partner(at) {
                    Some(partner) => at = partner,
                    None => return false,
                },
                kind if kind.opens_string() => at = self.partner(at).unwrap_or(at),
                _ => {}
            }
            at += 1;
        }
        false
    }
}

/// For each bracket the index of its counterpart. A `}` closes what is open in its braces; a `;` stands in no parentheses, so
/// what was opened before it in them will not close.
fn partners(tokens: &[Token]) -> Vec<u32> {
    let mut partners = vec![NONE; tokens.len()];
    let mut open: Vec<(TokenKind, usize)> = Vec::new();
    let is_list = |kind: TokenKind| matches!(kind, TokenKind::LParen | TokenKind::LBracket);
    for (at, token) in tokens.iter().enumerate() {
        let opener = match token.kind {
            TokenKind::LBrace | TokenKind::LParen | TokenKind::LBracket | TokenKind::InterpolationOpen => {
                open.push((token.kind, at));
                continue;
            }
            kind if kind.opens_string() => {
                open.push((kind, at));
                continue;
            }
            TokenKind::Semicolon => {
                while open.pop_if(|(kind, _)| is_list(*kind)).is_some() {}
                continue;
            }
            TokenKind::RParen => close_list(&mut open, TokenKind::LParen),
            TokenKind::RBracket => close_list(&mut open, TokenKind::LBracket),
            TokenKind::RBrace => {
                while open.pop_if(|(kind, _)| is_list(*kind)).is_some() {}
                open.pop_if(|(kind, _)| *kind == TokenKind::LBrace)
            }
            // The lexer pairs these, whatever is open in them.
            TokenKind::InterpolationClose => pop_to(&mut open, |kind| kind == TokenKind::InterpolationOpen),
            kind if kind.closes_string() => pop_to(&mut open, TokenKind::opens_string),
            _ => continue,
        };
        let Some((_, opener)) = opener else { continue };
        for (slot, partner) in [(at, opener), (opener, at)] {
            if let Some(slot) = partners.get_mut(slot) {
                *slot = partner as u32;
            }
        }
    }
    partners
}

/// The innermost list, or the one around it if the innermost is of another kind and so will not close.
fn close_list(open: &mut Vec<(TokenKind, usize)>, wanted: TokenKind) -> Option<(TokenKind, usize)> {
    let other = if wanted == TokenKind::LParen { TokenKind::LBracket } else { TokenKind::LParen };
    if let [.., (outer, _), (inner, _)] = open.as_slice()
        && *outer == wanted
        && *inner == other
    {
        open.pop();
    }
    open.pop_if(|(kind, _)| *kind == wanted)
}

fn pop_to(open: &mut Vec<(TokenKind, usize)>, is_opener: impl Fn(TokenKind) -> bool) -> Option<(TokenKind, usize)> {
    while let Some(last) = open.pop() {
        if is_opener(last.0) {
            return Some(last);
        }
    }
    None
}
