//! Which values are the same.
//!
//! Owns keys: two expressions or values with one key have one value, so a call is evaluated once for equal arguments, mostly without
//! evaluating the arguments first.

use ecow::EcoString;
use hlb_language::diagnostic::Location;
use rustc_hash::FxHashMap;

use super::value::{FuncValue, Value};
use crate::hir::{BindId, ConstantId, EnumId, FuncId, RecordId};

/// Names a key of [`Keys`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct KeyId(usize);

/// What an expression or a value is.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Key {
    Nil,
    None,
    Text(EcoString),
    Int(i64),
    Bool(bool),
    Variant(EnumId, usize),
    List(Vec<KeyId>),
    Map(Vec<(EcoString, KeyId)>),
    Record(RecordId, Vec<KeyId>),
    FuncValue(FuncValue),
    /// A filesystem, by its number.
    Fs(u64),
    Constant(ConstantId),
    Call(FuncId, KeyId),
    Bind(BindId, KeyId),
    /// Anything else, by its place and what the names around it are.
    Site(Location, KeyId),
    /// The arguments of a call.
    Arguments(Vec<KeyId>),
    /// The values of a variadic parameter.
    Many(Vec<KeyId>),
    /// A parameter that a call leaves to the function.
    Default,
    /// The names of a scope inside of another.
    Scope(Location, KeyId, Vec<KeyId>),
    /// What is only equal to itself.
    Unique(u64),
}

/// Collections from this size on are known by where they lie, so that their elements are gone through once.
const SHARED: usize = 16;

/// All keys of an evaluation.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    known: FxHashMap<Key, KeyId>,
    /// Keys of large collections by their place in memory; the values are held, so the places stay theirs.
    shared: FxHashMap<usize, (Value, KeyId)>,
    unique: u64,
}

impl Keys {
    pub(crate) fn intern(&mut self, key: Key) -> KeyId {
        let next = KeyId(self.known.len());
        *self.known.entry(key).or_insert(next)
    }

    /// A key that nothing else has.
    pub(crate) fn unique(&mut self) -> KeyId {
        self.unique += 1;
        self.intern(Key::Unique(self.unique))
    }

    /// The key of a value.
    pub(crate) fn of(&mut self, value: &Value) -> KeyId {
        let (place, size) = match value {
            Value::List(items) => (std::rc::Rc::as_ptr(items).addr(), items.len()),
            Value::Map(map) => (std::rc::Rc::as_ptr(map).addr(), map.len()),
            Value::Options(options) => (std::rc::Rc::as_ptr(options).addr(), SHARED),
            Value::Plan(plan) => (std::rc::Rc::as_ptr(plan).addr(), SHARED),
            _ => (0, 0),
        };
        if size < SHARED {
            return self.key(value);
        }
        if let Some((_, known)) = self.shared.get(&place) {
            return *known;
        }
        let key = self.key(value);
        self.shared.insert(place, (value.clone(), key));
        key
    }

    fn key(&mut self, value: &Value) -> KeyId {
        let key = match value {
            Value::Nil => Key::Nil,
            Value::None => Key::None,
            Value::Text(text) => Key::Text(text.clone()),
            Value::Int(value) => Key::Int(*value),
            Value::Bool(value) => Key::Bool(*value),
            Value::Variant(id, index) => Key::Variant(*id, *index),
            Value::List(items) => Key::List(items.iter().map(|item| self.of(item)).collect()),
            Value::Map(map) => Key::Map(map.iter().map(|(name, value)| (name.clone(), self.of(value))).collect()),
            Value::Record(id, fields) => Key::Record(*id, fields.iter().map(|field| self.of(field)).collect()),
            Value::Func(func) => Key::FuncValue(*func),
            Value::Fs(fs) => Key::Fs(fs.id),
            Value::Options(_) | Value::Plan(_) => return self.unique(),
        };
        self.intern(key)
    }
}
