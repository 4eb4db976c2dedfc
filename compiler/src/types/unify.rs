//! Type parameters: what they stand for in a call.
//!
//! Owns the matching of a parameter's type with an argument's, and the putting in of what was found.

use std::sync::Arc;

use ecow::EcoString;
use rustc_hash::FxHashMap;

use super::{FuncType, Type};

/// What type parameters stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bindings(FxHashMap<EcoString, Type>);

impl Bindings {
    /// For a call of a function with these type parameters, of which nothing is known yet.
    pub(crate) fn new(params: &[EcoString]) -> Self {
        Self(params.iter().map(|name| (name.clone(), Type::Never)).collect())
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a name is one of them.
    pub(crate) fn has(&self, name: &EcoString) -> bool {
        self.0.contains_key(name)
    }

    /// Learns from an argument of a type where another is wanted. Whether it fits is another question.
    pub(crate) fn learn(&mut self, wanted: &Type, given: &Type) {
        match (wanted, given) {
            (Type::Var(name), given) => {
                if let Some(known) = self.0.get_mut(name)
                    && let Some(joined) = known.join(given)
                {
                    *known = joined;
                }
            }
            (Type::List(wanted), Type::List(given))
            | (Type::Map(wanted), Type::Map(given))
            | (Type::Optional(wanted), Type::Optional(given)) => self.learn(wanted, given),
            (Type::Optional(wanted), given) => self.learn(wanted, given),
            (Type::Func(wanted), Type::Func(given)) => {
                for (wanted, given) in wanted.params.iter().zip(&given.params) {
                    self.learn(wanted, given);
                }
                self.learn(&wanted.result, &given.result);
            }
            _ => {}
        }
    }

    /// A type with what is known put in; what is not known stays a type parameter.
    pub(crate) fn apply(&self, ty: &Type) -> Type {
        substitute(ty, &|name| self.0.get(name).filter(|known| **known != Type::Never).cloned())
    }

    /// A type with what is known put in, and what is not known as nothing in particular.
    pub(crate) fn finish(&self, ty: &Type) -> Type {
        substitute(ty, &|name| self.0.get(name).cloned())
    }

    /// Whether a type holds parameters of the call that are not known.
    pub(crate) fn is_open(&self, ty: &Type) -> bool {
        match ty {
            Type::Var(name) => self.0.get(name).is_some_and(|known| *known == Type::Never),
            Type::List(item) | Type::Map(item) | Type::Optional(item) => self.is_open(item),
            Type::Func(func) => func.params.iter().any(|param| self.is_open(param)) || self.is_open(&func.result),
            _ => false,
        }
    }
}

/// A type with its type parameters replaced where `replace` says by what.
pub(crate) fn substitute(ty: &Type, replace: &dyn Fn(&EcoString) -> Option<Type>) -> Type {
    match ty {
        Type::Var(name) => replace(name).unwrap_or_else(|| ty.clone()),
        Type::List(item) => substitute(item, replace).list(),
        Type::Map(item) => substitute(item, replace).map(),
        Type::Optional(item) => substitute(item, replace).optional(),
        Type::Func(func) => Type::Func(Arc::new(FuncType {
            params: func.params.iter().map(|param| substitute(param, replace)).collect(),
            result: substitute(&func.result, replace),
        })),
        other => other.clone(),
    }
}
