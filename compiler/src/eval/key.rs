//! Which arguments are the same.
//!
//! Owns keys of expressions: two with one key have one value, so a call is evaluated once for equal arguments without
//! evaluating the arguments first.

use ecow::EcoString;
use hlb_language::diagnostic::Location;
use rustc_hash::FxHashMap;

use super::value::InstanceId;
use crate::hir::{BindId, FuncId};

/// Names a key of [`Keys`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct KeyId(usize);

/// What an expression is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Key {
    Text(EcoString),
    Int(i64),
    Bool(bool),
    Func(FuncId, Vec<KeyId>),
    Bind(BindId, Vec<KeyId>),
    /// Anything else, by its place and the arguments, or the call, of the function around it.
    Site(Location, Option<KeyId>, Option<InstanceId>),
    /// The arguments of a call; a variadic parameter may take several.
    Arguments(Vec<Vec<KeyId>>),
}

/// All keys of an evaluation.
#[derive(Debug, Default)]
pub(crate) struct Keys(FxHashMap<Key, KeyId>);

impl Keys {
    pub(crate) fn intern(&mut self, key: Key) -> KeyId {
        let next = KeyId(self.0.len());
        *self.0.entry(key).or_insert(next)
    }
}
