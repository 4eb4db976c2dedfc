//! The words of a text by what they mean, for colours.
//!
//! Owns the kinds of words.

use hlb_language::span::Span;

use crate::analysis::Analysis;

/// What a word is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaintKind {
    /// A word of the language.
    Keyword,
    /// A type.
    Type,
    /// An enum.
    Enum,
    /// A variant of an enum.
    EnumMember,
    /// A record.
    Struct,
    /// A field, an option of a function, a named argument.
    Property,
    /// A function.
    Function,
    /// A builtin option.
    Option,
    /// A parameter.
    Parameter,
    /// A name inside of a function, a constant, a name bound with `as`.
    Variable,
    /// A module or a namespace of builtins.
    Namespace,
    /// A text.
    String,
    /// A number.
    Number,
    /// A comment.
    Comment,
    /// An operator.
    Operator,
}

/// What more is to be said of a word.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PaintModifiers {
    /// It is defined here.
    pub declaration: bool,
    /// It never changes.
    pub readonly: bool,
    /// It comes with the language.
    pub default_library: bool,
    /// There is a newer way.
    pub deprecated: bool,
    /// It does something outside of the build.
    pub effectful: bool,
}

/// A word with its colour; never longer than a line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Paint {
    /// The word.
    pub span: Span,
    /// What it is.
    pub kind: PaintKind,
    /// What more is to be said.
    pub modifiers: PaintModifiers,
}

impl Analysis {
    /// The words that touch a range, or all, in the order of the text.
    pub fn tokens(&self, range: Option<Span>) -> Vec<Paint> {
        let _ = range;
        Vec::new()
    }
}
