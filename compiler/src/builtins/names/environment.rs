//! The namespace `env`.
//!
//! Owns what its functions do. Each of them has an effect, for what they give is not in the program.

use super::Table;
use crate::builtins::argument::Arguments;
use crate::eval::value::Value;

pub(super) const TABLE: Table = &[
    ("get", |evaluator, call| {
        let value = evaluator.world.env(call.text(0));
        Ok(value.map_or(Value::None, |value| Value::Text(value.into())))
    }),
    ("or", |evaluator, call| {
        let value = evaluator.world.env(call.text(0)).filter(|value| !value.is_empty());
        Ok(value.map_or_else(|| Value::Text(call.text(1).into()), |value| Value::Text(value.into())))
    }),
    ("has", |evaluator, call| Ok(Value::Bool(evaluator.world.env(call.text(0)).is_some()))),
];
