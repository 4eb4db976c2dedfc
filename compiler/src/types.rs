//! Types, and which fit where.
//!
//! Owns `Type`, what a place expects, and how types are joined and matched. Knows no names and no program.

mod expected;
mod unify;

use std::fmt;
use std::sync::Arc;

use ecow::EcoString;

pub(crate) use expected::Expected;
pub(crate) use unify::{Bindings, substitute};

use crate::hir::{EnumId, FuncId, RecordId};

/// The type of a value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Type {
    /// A filesystem.
    Fs,
    /// A text.
    String,
    /// A whole number.
    Int,
    /// A truth value.
    Bool,
    /// Work in stages.
    Pipeline,
    /// Options of the builtin with this name, such as `option::run`, or of a function that declares none.
    Option(EcoString),
    /// Options of a function that says in its `with` clause which it takes.
    OwnOption(FuncId, EcoString),
    /// `option` alone: whatever the call in front of `with` takes.
    AnyOption,
    /// Values of one type in order.
    List(Arc<Type>),
    /// Values of one type by name.
    Map(Arc<Type>),
    /// A value or `none`.
    Optional(Arc<Type>),
    /// A record of the program.
    Record(RecordId, EcoString),
    /// An enum of the program or of the builtins.
    Enum(EnumId, EcoString),
    /// A function.
    Func(Arc<FuncType>),
    /// A type parameter of the function around it, or of a function that is called.
    Var(EcoString),
    /// What no value has: the elements of `[]`, what is in `none`. Fits everywhere.
    Never,
    /// The statements of a test.
    Test,
    /// What is not known because it, or its error, has been reported.
    Unknown(EcoString),
}

/// What a function value takes and gives.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct FuncType {
    /// The types of its parameters.
    pub params: Vec<Type>,
    /// The type of its value.
    pub result: Type,
}

/// The words that are types, for suggestions.
pub(crate) const TYPE_WORDS: &[&str] = &["fs", "string", "int", "bool", "pipeline"];

impl Type {
    /// The type that a word names without any program. `group` is the old word for `pipeline`.
    pub(crate) fn of(word: &str) -> Self {
        match word {
            "fs" => Self::Fs,
            "string" => Self::String,
            "int" => Self::Int,
            "bool" => Self::Bool,
            "pipeline" | "group" => Self::Pipeline,
            "option" => Self::AnyOption,
            _ => match word.split_once("::") {
                Some(("option", callee)) => Self::Option(callee.into()),
                _ => Self::Unknown(word.into()),
            },
        }
    }

    /// Values of this type in order.
    pub(crate) fn list(self) -> Self {
        Self::List(Arc::new(self))
    }

    /// Values of this type by name.
    pub(crate) fn map(self) -> Self {
        Self::Map(Arc::new(self))
    }

    /// A value of this type or `none`.
    pub(crate) fn optional(self) -> Self {
        match self {
            Self::Optional(_) => self,
            other => Self::Optional(Arc::new(other)),
        }
    }

    /// What has been reported.
    pub(crate) fn error() -> Self {
        Self::Unknown(EcoString::new())
    }

    /// What is to be found: a type parameter of a call of which nothing is known yet.
    pub(crate) fn open() -> Self {
        Self::Unknown("…".into())
    }

    /// Whether some part of it is to be found.
    pub(crate) fn is_open(&self) -> bool {
        match self {
            Self::Unknown(name) => name == "…",
            Self::List(item) | Self::Map(item) | Self::Optional(item) => item.is_open(),
            Self::Func(func) => func.params.iter().any(Self::is_open) || func.result.is_open(),
            _ => false,
        }
    }

    /// Whether this is a type of options.
    pub fn is_option(&self) -> bool {
        matches!(self, Self::Option(_) | Self::OwnOption(..) | Self::AnyOption)
    }

    /// Whether a block of this type adds each statement's value to what it has, instead of replacing it.
    pub(crate) fn accumulates(&self) -> bool {
        matches!(self, Self::Fs | Self::Pipeline | Self::List(_) | Self::Test) || self.is_option()
    }

    /// Whether a block of this type without statements has a value: the empty one.
    pub(crate) fn has_empty(&self) -> bool {
        self.accumulates() || matches!(self, Self::String | Self::Int | Self::Bool | Self::Map(_) | Self::Optional(_))
    }

    /// Whether values can be compared with `==`: all that is data. Which records are data the program knows.
    pub(crate) fn is_data(&self, record: &dyn Fn(RecordId) -> bool) -> bool {
        match self {
            Self::String | Self::Int | Self::Bool | Self::Enum(..) | Self::Never | Self::Unknown(_) => true,
            Self::Record(id, _) => record(*id),
            Self::List(item) | Self::Map(item) | Self::Optional(item) => item.is_data(record),
            Self::Fs
            | Self::Pipeline
            | Self::Option(_)
            | Self::OwnOption(..)
            | Self::AnyOption
            | Self::Func(_)
            | Self::Var(_)
            | Self::Test => false,
        }
    }

    /// Whether it has been reported.
    pub(crate) fn is_unknown(&self) -> bool {
        match self {
            Self::Unknown(_) => true,
            Self::List(item) | Self::Map(item) | Self::Optional(item) => item.is_unknown(),
            _ => false,
        }
    }

    /// Whether a value of this type can stand where one of another is wanted.
    pub(crate) fn fits(&self, wanted: &Self) -> bool {
        match (self, wanted) {
            (Self::Unknown(_) | Self::Never, _) | (_, Self::Unknown(_)) => true,
            (Self::Optional(own), Self::Optional(other))
            | (Self::List(own), Self::List(other))
            | (Self::Map(own), Self::Map(other)) => own.fits(other),
            (own, Self::Optional(other)) => own.fits(other),
            (Self::Func(own), Self::Func(other)) => {
                own.params.len() == other.params.len()
                    && own.result.fits(&other.result)
                    && other.params.iter().zip(&own.params).all(|(given, taken)| given.fits(taken))
            }
            (own, other) => own == other,
        }
    }

    /// The type of values of either type, if there is one.
    pub(crate) fn join(&self, other: &Self) -> Option<Self> {
        if self.fits(other) {
            return Some(other.clone());
        }
        if other.fits(self) {
            return Some(self.clone());
        }
        match (self, other) {
            (Self::Optional(own), Self::Optional(other)) => Some(own.join(other)?.optional()),
            (Self::Optional(own), other) | (other, Self::Optional(own)) => Some(own.join(other)?.optional()),
            (Self::List(own), Self::List(other)) => Some(own.join(other)?.list()),
            (Self::Map(own), Self::Map(other)) => Some(own.join(other)?.map()),
            _ => None,
        }
    }
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fs => f.write_str("fs"),
            Self::String => f.write_str("string"),
            Self::Int => f.write_str("int"),
            Self::Bool => f.write_str("bool"),
            Self::Pipeline => f.write_str("pipeline"),
            Self::Option(callee) | Self::OwnOption(_, callee) => write!(f, "option::{callee}"),
            Self::AnyOption => f.write_str("option"),
            Self::List(item) => write!(f, "[{item}]"),
            Self::Map(item) => write!(f, "map[{item}]"),
            Self::Optional(item) if **item == Self::Never => f.write_str("none"),
            Self::Optional(item) => write!(f, "{item}?"),
            Self::Record(_, name) | Self::Enum(_, name) | Self::Var(name) | Self::Unknown(name) => f.write_str(name),
            Self::Func(func) => {
                f.write_str("fn(")?;
                for (at, param) in func.params.iter().enumerate() {
                    write!(f, "{}{param}", if at > 0 { ", " } else { "" })?;
                }
                write!(f, ") {}", func.result)
            }
            Self::Never => f.write_str("nothing"),
            Self::Test => f.write_str("test"),
        }
    }
}
