//! What a place takes.

use std::fmt;

use super::Type;

/// The types that a place takes, the preferred one first; no types if it takes anything.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Expected(Vec<Type>);

impl Expected {
    /// Exactly this type.
    pub(crate) fn just(ty: Type) -> Self {
        match ty {
            // Of what has been reported nothing is known.
            Type::Unknown(_) => Self::any(),
            ty => Self(vec![ty]),
        }
    }

    /// Anything: the type is found from what stands there.
    pub(crate) fn any() -> Self {
        Self(Vec::new())
    }

    /// What an argument for a parameter of this type may be: a pipeline takes anything that can be asked for.
    pub(crate) fn argument(ty: &Type) -> Self {
        match ty {
            Type::Pipeline => Self(vec![Type::Pipeline, Type::Fs, Type::String, Type::Int, Type::Bool]),
            other => Self::just(other.clone()),
        }
    }

    /// The same, or a list of such values.
    pub(crate) fn or_list(&self) -> Self {
        let mut types = self.0.clone();
        types.extend(self.0.iter().cloned().map(Type::list));
        Self(types)
    }

    /// One of two types.
    pub(crate) fn either(first: Type, second: Type) -> Self {
        Self(vec![first, second])
    }

    /// Anything, preferably what reads as text.
    pub(crate) fn text() -> Self {
        Self::any()
    }

    /// What an import may be from.
    pub(crate) fn import() -> Self {
        Self(vec![Type::String, Type::Fs])
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
        for (at, ty) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str(if at + 1 == self.0.len() { " or " } else { ", " })?;
            }
            write!(f, "`{ty}`")?;
        }
        Ok(())
    }
}
