//! Tokens, and what they are called in messages.
//!
//! Owns the kinds of tokens. Knows neither how they are found (`lexer`) nor how they combine (`parser`).

use crate::span::Span;

/// A token: a kind and its place. Its text is in the source.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Where it stands; empty for a closer that the text lacks.
    pub span: Span,
}

/// The kinds of tokens.
///
/// Strings come as an opener, pieces, and a closer. Every opener of a string or an interpolation has its closer: where
/// the text lacks one, an empty closer is put and an error reported.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenKind {
    /// `import`
    Import,
    /// `export`
    Export,
    /// `with`
    With,
    /// `as`
    As,
    /// A name, colons included.
    Ident,
    /// A decimal or prefixed number.
    Int,
    /// `true` or `false`
    Bool,
    /// The dot directly behind a name.
    Dot,
    /// `{`
    LBrace,
    /// `}`
    RBrace,
    /// `(`
    LParen,
    /// `)`
    RParen,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// The end of a line.
    Newline,
    /// `"` that opens a string (or a `'` that was meant so).
    QuoteOpen,
    /// `"` that closes a string.
    QuoteClose,
    /// `` ` `` that opens a raw string.
    RawOpen,
    /// `` ` `` that closes a raw string.
    RawClose,
    /// `<<WORD` and its variants.
    HeredocOpen,
    /// The word that closes a heredoc.
    HeredocClose,
    /// Text in a string, as it stands.
    Text,
    /// A backslash and a character in a string.
    Escape,
    /// `${`
    InterpolationOpen,
    /// `}` that closes `${`.
    InterpolationClose,
    /// Characters that begin no token.
    Unknown,
}

impl TokenKind {
    /// Whether the token begins a string of any form.
    pub fn opens_string(self) -> bool {
        matches!(self, TokenKind::QuoteOpen | TokenKind::RawOpen | TokenKind::HeredocOpen)
    }

    /// Whether the token ends a string of any form.
    pub fn closes_string(self) -> bool {
        matches!(self, TokenKind::QuoteClose | TokenKind::RawClose | TokenKind::HeredocClose)
    }

    /// Whether the token ends a statement.
    pub fn ends_statement(self) -> bool {
        matches!(self, TokenKind::Newline | TokenKind::Semicolon)
    }

    /// Whether the token is a reserved word.
    pub fn is_keyword(self) -> bool {
        matches!(self, TokenKind::Import | TokenKind::Export | TokenKind::With | TokenKind::As)
    }

    /// The name of the token in a message, with its article where it is a class of texts.
    pub fn describe(self) -> &'static str {
        match self {
            TokenKind::Import => "`import`",
            TokenKind::Export => "`export`",
            TokenKind::With => "`with`",
            TokenKind::As => "`as`",
            TokenKind::Ident => "a name",
            TokenKind::Int => "a number",
            TokenKind::Bool => "a truth value",
            TokenKind::Dot => "`.`",
            TokenKind::LBrace => "`{`",
            TokenKind::RBrace => "`}`",
            TokenKind::LParen => "`(`",
            TokenKind::RParen => "`)`",
            TokenKind::Comma => "`,`",
            TokenKind::Semicolon => "`;`",
            TokenKind::Newline => "the end of the line",
            TokenKind::QuoteOpen | TokenKind::RawOpen => "a string",
            TokenKind::HeredocOpen => "a heredoc",
            TokenKind::QuoteClose | TokenKind::RawClose => "the end of the string",
            TokenKind::HeredocClose => "the end of the heredoc",
            TokenKind::Text | TokenKind::Escape => "text",
            TokenKind::InterpolationOpen => "`${`",
            TokenKind::InterpolationClose => "`}`",
            TokenKind::Unknown => "an unknown character",
        }
    }
}
