//! What a place takes.

use std::fmt;

use smallvec::{SmallVec, smallvec};

use super::Type;

/// The types that a place takes, the preferred one first; no types if it takes anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Expected(SmallVec<[Type; 2]>);

impl Expected {
    /// Exactly this type.
    pub(crate) fn just(ty: Type) -> Self {
        match ty {
            // Of what has been reported nothing is known.
            Type::Unknown(_) => Self::any(),
            ty => Self(smallvec![ty]),
        }
    }

    /// Anything: the type is found from what stands there.
    pub(crate) fn any() -> Self {
        Self(SmallVec::new())
    }

    /// What an argument for a parameter of this type may be: a pipeline takes anything that can be asked for.
    pub(crate) fn argument(ty: &Type) -> Self {
        match ty {
            Type::Pipeline => Self(smallvec![Type::Pipeline, Type::Fs, Type::String, Type::Int, Type::Bool]),
            other => Self::just(other.clone()),
        }
    }

    /// The same, or a list of such values.
    pub(crate) fn or_list(&self) -> Self {
        let mut types = self.0.clone();
        types.extend(self.0.iter().cloned().map(Type::list));
        Self(types)
    }

    /// This type, or none of it.
    pub(crate) fn or_none(ty: Type) -> Self {
        match Self::just(ty) {
            Self(types) if types.iter().any(|ty| matches!(ty, Type::Optional(_))) => Self(types),
            Self(mut types) => {
                types.extend(types.first().cloned().map(Type::optional));
                Self(types)
            }
        }
    }

    /// One of several.
    pub(crate) fn any_of(all: impl IntoIterator<Item = Self>) -> Self {
        let mut types: SmallVec<[Type; 2]> = SmallVec::new();
        for one in all {
            if one.is_any() {
                return one;
            }
            for ty in one.0 {
                if !types.contains(&ty) {
                    types.push(ty);
                }
            }
        }
        Self(types)
    }

    /// The types that messages name: what may be none as well is not told apart.
    pub(crate) fn shown(&self) -> Vec<&Type> {
        let bare = |ty: &&Type| !matches!(ty, Type::Optional(inner) if self.0.contains(inner));
        self.0.iter().filter(bare).collect()
    }

    /// One of two types.
    pub(crate) fn either(first: Type, second: Type) -> Self {
        Self(smallvec![first, second])
    }

    /// What an import may be from.
    pub(crate) fn import() -> Self {
        Self(smallvec![Type::String, Type::Fs])
    }

    /// Whether it takes anything.
    pub(crate) fn is_any(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a value of this type fits.
    pub(crate) fn takes(&self, ty: &Type) -> bool {
        self.0.is_empty() || self.0.iter().any(|own| ty.fits(own))
    }

    /// The types in order of preference.
    pub(crate) fn types(&self) -> &[Type] {
        &self.0
    }

    /// The preferred type.
    pub(crate) fn first(&self) -> Option<&Type> {
        self.0.first()
    }

    /// The first type that is, or may be, of a form.
    pub(crate) fn find<'t, T: 't>(&'t self, form: impl Fn(&'t Type) -> Option<T>) -> Option<T> {
        self.0.iter().find_map(|ty| match ty {
            Type::Optional(inner) => form(ty).or_else(|| form(inner)),
            other => form(other),
        })
    }
}

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("a value");
        }
        let shown = self.shown();
        for (at, ty) in shown.iter().enumerate() {
            if at > 0 {
                f.write_str(if at + 1 == shown.len() { " or " } else { ", " })?;
            }
            write!(f, "`{ty}`")?;
        }
        Ok(())
    }
}
