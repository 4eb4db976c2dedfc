//! The namespace `map`.
//!
//! Owns what its functions do. The order of entries is that in which their keys were first given.

use std::rc::Rc;

use ecow::EcoString;
use indexmap::IndexMap;

use super::list::ask;
use super::refusal::Refusal;
use super::{Invocation, Table};
use crate::builtins::argument::Arguments;
use crate::eval::value::Value;
use crate::eval::{Fail, MAX_ITEMS};

pub(super) const TABLE: Table = &[
    ("len", |_, call| Ok(Value::Int(i64::try_from(call.value(0).entries().count()).unwrap_or(i64::MAX)))),
    ("isEmpty", |_, call| Ok(Value::Bool(call.value(0).entries().next().is_none()))),
    ("has", |_, call| Ok(Value::Bool(get(call).is_some()))),
    ("get", |_, call| Ok(get(call).cloned().unwrap_or(Value::None))),
    ("keys", |_, call| Ok(Value::list(call.value(0).entries().map(|(key, _)| Value::Text(key.clone())).collect()))),
    ("values", |_, call| Ok(Value::list(call.value(0).entries().map(|(_, value)| value.clone()).collect()))),
    ("set", |_, call| {
        let mut map = whole(call.value(0));
        Rc::make_mut(&mut map).insert(call.text(1).into(), call.value(2).clone());
        limited(map, call)
    }),
    ("without", |_, call| {
        let mut map = whole(call.value(0));
        let keys = call.texts(1);
        // All at once: each removal alone would move all entries behind it.
        let keys: indexmap::IndexSet<&str> = keys.iter().map(String::as_str).collect();
        Rc::make_mut(&mut map).retain(|key, _| !keys.contains(key.as_str()));
        Ok(Value::Map(map))
    }),
    ("merge", |_, call| {
        let mut map = whole(call.value(0));
        Rc::make_mut(&mut map).extend(call.value(1).entries().map(|(key, value)| (key.clone(), value.clone())));
        limited(map, call)
    }),
    ("filter", |evaluator, call| {
        let mut made = IndexMap::new();
        for (key, value) in call.value(0).entries() {
            if ask(evaluator, call, 1, [&Value::Text(key.clone()), value])?.is_true() {
                made.insert(key.clone(), value.clone());
            }
        }
        Ok(Value::Map(Rc::new(made)))
    }),
    ("mapValues", |evaluator, call| {
        let mut made = IndexMap::new();
        for (key, value) in call.value(0).entries() {
            made.insert(key.clone(), ask(evaluator, call, 1, [value])?);
        }
        Ok(Value::Map(Rc::new(made)))
    }),
];

fn get(call: &Invocation) -> Option<&Value> {
    match call.value(0) {
        Value::Map(map) => map.get(call.text(1)),
        _ => None,
    }
}

fn whole(value: &Value) -> Rc<IndexMap<EcoString, Value>> {
    match value {
        Value::Map(map) => Rc::clone(map),
        _ => Rc::default(),
    }
}

fn limited(map: Rc<IndexMap<EcoString, Value>>, call: &Invocation) -> Result<Value, Fail> {
    if map.len() > MAX_ITEMS {
        let refusal = Refusal::too_much(format!("this would be a map of more than {MAX_ITEMS} entries"));
        return Err(refusal.at(call, 0));
    }
    Ok(Value::Map(map))
}
