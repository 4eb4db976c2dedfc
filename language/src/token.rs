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
/// The lexer tells words and brackets by their text alone. What else they are is said by the place in which they stand, and
/// `parser::roles` writes that over the lexer's kind: the kinds in the second half of this list come from there only.
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
    /// The dot directly behind a name, a `)` or a `]`.
    Dot,
    /// `{`; as a role, the one that opens statements.
    LBrace,
    /// `}`
    RBrace,
    /// `(`; as a role, the one round an expression or behind a reserved word.
    LParen,
    /// `)`
    RParen,
    /// `[`; as a role, the one that opens a list.
    LBracket,
    /// `]`
    RBracket,
    /// `,`
    Comma,
    /// `;`
    Semicolon,
    /// `:` that is not inside of a name.
    Colon,
    /// `=`
    Assign,
    /// `=>`
    FatArrow,
    /// `...`
    Ellipsis,
    /// `?`
    Question,
    /// `??`
    Coalesce,
    /// `||`
    Or,
    /// `&&`
    And,
    /// `!`
    Not,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterEqual,
    /// `+`
    Plus,
    /// `-`; as a role, the one between operands.
    Minus,
    /// `*`
    Star,
    /// `/`
    Slash,
    /// `%`
    Percent,
    /// The end of a line.
    Newline,
    /// `"` that opens a string.
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

    /// `export` in front of a whole declaration.
    ExportPrefix,
    /// `let`
    Let,
    /// `if`
    If,
    /// `else`
    Else,
    /// `for`
    For,
    /// `in` of a `for`.
    In,
    /// `match`
    Match,
    /// `type` that begins a declaration.
    Type,
    /// `enum` that begins a declaration.
    Enum,
    /// `test` that begins a declaration.
    Test,
    /// `none`
    None,
    /// `fn`
    Fn,
    /// `assert`
    Assert,
    /// `-` in front of an operand.
    Negative,
    /// `(` that opens arguments or parameters.
    CallParen,
    /// `[` that opens an index, or the type in `map[type]`.
    IndexBracket,
    /// `{` of an `if`, an `else` or a `for`.
    HeaderBrace,
    /// `{` of a `match`.
    MatchBrace,
    /// `{` of a map.
    MapBrace,
    /// `{` of the fields of a record.
    RecordBrace,
    /// `{` of the variants of an enum.
    EnumBrace,
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

    /// Whether the token is a word that is reserved everywhere.
    pub fn is_keyword(self) -> bool {
        matches!(
            self,
            TokenKind::Import | TokenKind::Export | TokenKind::ExportPrefix | TokenKind::With | TokenKind::As
        )
    }

    /// Whether the token is a word that is reserved where it stands, but is a name elsewhere.
    pub fn is_word(self) -> bool {
        matches!(
            self,
            TokenKind::Let
                | TokenKind::If
                | TokenKind::Else
                | TokenKind::For
                | TokenKind::In
                | TokenKind::Match
                | TokenKind::Type
                | TokenKind::Enum
                | TokenKind::Test
                | TokenKind::None
                | TokenKind::Fn
                | TokenKind::Assert
        )
    }

    /// Whether the token is a `{`, in whatever role.
    pub fn opens_brace(self) -> bool {
        matches!(
            self,
            TokenKind::LBrace
                | TokenKind::HeaderBrace
                | TokenKind::MatchBrace
                | TokenKind::MapBrace
                | TokenKind::RecordBrace
                | TokenKind::EnumBrace
        )
    }

    /// Whether the token is a `(`, in whatever role.
    pub fn opens_paren(self) -> bool {
        matches!(self, TokenKind::LParen | TokenKind::CallParen)
    }

    /// Whether the token is a `[`, in whatever role.
    pub fn opens_bracket(self) -> bool {
        matches!(self, TokenKind::LBracket | TokenKind::IndexBracket)
    }

    /// Whether the token is an operator between operands. A `-` in front of an operand is none.
    pub fn is_infix(self) -> bool {
        matches!(
            self,
            TokenKind::Or
                | TokenKind::And
                | TokenKind::Equal
                | TokenKind::NotEqual
                | TokenKind::Less
                | TokenKind::LessEqual
                | TokenKind::Greater
                | TokenKind::GreaterEqual
                | TokenKind::Coalesce
                | TokenKind::Plus
                | TokenKind::Minus
                | TokenKind::Star
                | TokenKind::Slash
                | TokenKind::Percent
        )
    }

    /// Whether an operand can end with the token.
    pub fn ends_operand(self) -> bool {
        matches!(
            self,
            TokenKind::Ident
                | TokenKind::Int
                | TokenKind::Bool
                | TokenKind::None
                | TokenKind::RParen
                | TokenKind::RBracket
                | TokenKind::RBrace
        ) || self.closes_string()
    }

    /// The name of the token in a message, with its article where it is a class of texts.
    pub fn describe(self) -> &'static str {
        match self {
            TokenKind::Import => "`import`",
            TokenKind::Export | TokenKind::ExportPrefix => "`export`",
            TokenKind::With => "`with`",
            TokenKind::As => "`as`",
            TokenKind::Let => "`let`",
            TokenKind::If => "`if`",
            TokenKind::Else => "`else`",
            TokenKind::For => "`for`",
            TokenKind::In => "`in`",
            TokenKind::Match => "`match`",
            TokenKind::Type => "`type`",
            TokenKind::Enum => "`enum`",
            TokenKind::Test => "`test`",
            TokenKind::None => "`none`",
            TokenKind::Fn => "`fn`",
            TokenKind::Assert => "`assert`",
            TokenKind::Ident => "a name",
            TokenKind::Int => "a number",
            TokenKind::Bool => "a truth value",
            TokenKind::Dot => "`.`",
            TokenKind::LBrace
            | TokenKind::HeaderBrace
            | TokenKind::MatchBrace
            | TokenKind::MapBrace
            | TokenKind::RecordBrace
            | TokenKind::EnumBrace => "`{`",
            TokenKind::RBrace => "`}`",
            TokenKind::LParen | TokenKind::CallParen => "`(`",
            TokenKind::RParen => "`)`",
            TokenKind::LBracket | TokenKind::IndexBracket => "`[`",
            TokenKind::RBracket => "`]`",
            TokenKind::Comma => "`,`",
            TokenKind::Semicolon => "`;`",
            TokenKind::Colon => "`:`",
            TokenKind::Assign => "`=`",
            TokenKind::FatArrow => "`=>`",
            TokenKind::Ellipsis => "`...`",
            TokenKind::Question => "`?`",
            TokenKind::Coalesce => "`??`",
            TokenKind::Or => "`||`",
            TokenKind::And => "`&&`",
            TokenKind::Not => "`!`",
            TokenKind::Equal => "`==`",
            TokenKind::NotEqual => "`!=`",
            TokenKind::Less => "`<`",
            TokenKind::LessEqual => "`<=`",
            TokenKind::Greater => "`>`",
            TokenKind::GreaterEqual => "`>=`",
            TokenKind::Plus => "`+`",
            TokenKind::Minus | TokenKind::Negative => "`-`",
            TokenKind::Star => "`*`",
            TokenKind::Slash => "`/`",
            TokenKind::Percent => "`%`",
            TokenKind::Newline => "the end of the line",
            TokenKind::QuoteOpen => "a string",
            TokenKind::RawOpen => "a string in backticks",
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
