//! Kinds: the types of the language.
//!
//! Owns `Kind` and which kinds fit where. Knows no names and no program.

use std::fmt;

use ecow::EcoString;

/// The type of a value.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
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
    /// Options of the function with this name, such as `option::run`.
    Option(EcoString),
    /// `option` alone: whatever the call in front of `with` takes.
    AnyOption,
    /// A word that is no kind; its error has been reported.
    Unknown(EcoString),
}

/// The words that are kinds, for suggestions.
pub(crate) const KIND_WORDS: &[&str] = &["fs", "string", "int", "bool", "pipeline"];

impl Kind {
    /// The kind that a word names. `group` is the old word for `pipeline`.
    pub fn of(word: &str) -> Self {
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

    /// Whether this is a kind of options.
    pub fn is_option(&self) -> bool {
        matches!(self, Self::Option(_) | Self::AnyOption)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fs => f.write_str("fs"),
            Self::String => f.write_str("string"),
            Self::Int => f.write_str("int"),
            Self::Bool => f.write_str("bool"),
            Self::Pipeline => f.write_str("pipeline"),
            Self::Option(callee) => write!(f, "option::{callee}"),
            Self::AnyOption => f.write_str("option"),
            Self::Unknown(word) => f.write_str(word),
        }
    }
}

/// The kinds that a place takes, the preferred one first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Expected(Vec<Kind>);

impl Expected {
    /// Exactly this kind.
    pub(crate) fn just(kind: Kind) -> Self {
        Self(vec![kind])
    }

    /// What an argument for a parameter of this kind may be: a pipeline takes anything that can be asked for.
    pub(crate) fn argument(kind: &Kind) -> Self {
        match kind {
            Kind::Pipeline => Self(vec![Kind::Pipeline, Kind::Fs, Kind::String, Kind::Int, Kind::Bool]),
            other => Self::just(other.clone()),
        }
    }

    /// What may stand in `${…}`.
    pub(crate) fn interpolation() -> Self {
        Self(vec![Kind::String, Kind::Int, Kind::Bool])
    }

    /// What an import may be from.
    pub(crate) fn import() -> Self {
        Self(vec![Kind::String, Kind::Fs])
    }

    /// Whether a value of this kind fits. What has been reported already fits everywhere.
    pub(crate) fn takes(&self, kind: &Kind) -> bool {
        matches!(kind, Kind::Unknown(_)) || self.0.iter().any(|own| own == kind || matches!(own, Kind::Unknown(_)))
    }

    /// The kinds in order of preference.
    pub(crate) fn kinds(&self) -> &[Kind] {
        &self.0
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, kind) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(if at + 1 == self.0.len() { " or " } else { ", " })?;
            }
            write!(f, "`{kind}`")?;
        }
        Ok(())
    }
}
