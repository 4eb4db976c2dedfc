//! Types as they are written.
//!
//! Owns their shape. Which types there are is the compiler's business.

use super::{Ident, Path};
use crate::span::Span;

/// A type as it is written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TypeExpr {
    /// `fs`, `option::run`, `Profile`
    Name(Ident),
    /// `module.Profile`
    Member(Box<Path>),
    /// `[type]`
    List(Span, Box<TypeExpr>),
    /// `map[type]`
    Map(Span, Box<TypeExpr>),
    /// `type?`
    Optional(Span, Box<TypeExpr>),
    /// `fn(type, type) type`
    Func(Span, Vec<TypeExpr>, Box<TypeExpr>),
}

impl TypeExpr {
    /// Its extent.
    pub fn span(&self) -> Span {
        match self {
            Self::Name(name) => name.span,
            Self::Member(path) => path.span,
            Self::List(span, _) | Self::Map(span, _) | Self::Optional(span, _) | Self::Func(span, _, _) => *span,
        }
    }

    /// The name, if it is just one.
    pub fn name(&self) -> Option<&Ident> {
        match self {
            Self::Name(name) => Some(name),
            _ => None,
        }
    }
}
