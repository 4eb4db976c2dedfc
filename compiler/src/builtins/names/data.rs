//! Values as data: which are the same, which comes first, and how they are written.
//!
//! Owns what is said of filesystems and functions, which are no data. A value that holds others by reference may be small in
//! memory and endless to walk through, so [`check`] comes before everything else here, and counts.

use std::cmp::Ordering;
use std::hash::{BuildHasher, Hash, Hasher};

use ecow::EcoString;
use rustc_hash::FxBuildHasher;

use super::refusal::{Growing, Refusal};
use crate::eval::operator::equal;
use crate::eval::show;
use crate::eval::value::Value;
use crate::hir::Program;

/// How deep values may be in one another. Each level takes a little of the stack.
const MAX_NESTING: usize = 128;

/// How many values one may hold in all, those that are there several times counted several times.
const MAX_PARTS: usize = 4_000_000;

/// Whether values are data, and not too much of it. `done` says what cannot be done with others, as `compared`.
pub(super) fn check<'v>(values: impl IntoIterator<Item = &'v Value>, done: &str) -> Result<(), Refusal> {
    let mut left = MAX_PARTS;
    values.into_iter().try_for_each(|value| walk(value, done, 0, &mut left))
}

fn walk(value: &Value, done: &str, depth: usize, left: &mut usize) -> Result<(), Refusal> {
    if depth > MAX_NESTING {
        return Err(Refusal::too_much(format!("values that are nested more than {MAX_NESTING} deep cannot be {done}")));
    }
    *left = left
        .checked_sub(1)
        .ok_or_else(|| Refusal::too_much(format!("more than {MAX_PARTS} values cannot be {done} at once")))?;
    match value {
        Value::Nil | Value::None | Value::Text(_) | Value::Int(_) | Value::Bool(_) | Value::Variant(..) => Ok(()),
        Value::List(items) => items.iter().try_for_each(|item| walk(item, done, depth + 1, left)),
        Value::Record(_, items) => items.iter().try_for_each(|item| walk(item, done, depth + 1, left)),
        Value::Map(map) => map.values().try_for_each(|item| walk(item, done, depth + 1, left)),
        Value::Fs(_) | Value::Func(_) | Value::Options(_) | Value::Plan(_) => {
            let what = match value {
                Value::Fs(_) => "filesystems",
                Value::Func(_) => "functions",
                Value::Options(_) => "options",
                _ => "pipelines",
            };
            Err(Refusal::new(format!("{what} cannot be {done}"))
                .help("use texts, numbers, truth values, enums, and lists, maps and records of these"))
        }
    }
}

/// A checked value, which can be a key. The empty value of a type is the same as none written out.
#[derive(Clone, Copy, Debug)]
pub(super) struct Data<'v>(pub(super) &'v Value);

impl PartialEq for Data<'_> {
    fn eq(&self, other: &Self) -> bool {
        equal(self.0, other.0)
    }
}

impl Eq for Data<'_> {}

impl Hash for Data<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.0 {
            value if is_empty(value) => state.write_u8(0),
            Value::Text(text) => text.hash(state),
            Value::Int(number) => number.hash(state),
            Value::Bool(truth) => truth.hash(state),
            Value::Variant(_, index) => index.hash(state),
            Value::List(items) => hash_all(items, state),
            Value::Record(_, items) => hash_all(items, state),
            Value::Map(map) => {
                // Maps with the same entries in another order are the same.
                let entry = |(key, value)| FxBuildHasher.hash_one((key, Data(value)));
                state.write_u64(map.iter().map(entry).fold(0, u64::wrapping_add));
            }
            _ => {}
        }
    }
}

fn hash_all<H: Hasher>(items: &[Value], state: &mut H) {
    state.write_usize(items.len());
    items.iter().for_each(|item| Data(item).hash(state));
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Nil | Value::None | Value::Int(0) | Value::Bool(false) => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

/// What values that have an order are ordered by.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    /// The empty value of its type: less than each other one but negative numbers.
    Number(i64),
    Text(EcoString),
}

impl Rank {
    pub(super) fn of(value: &Value) -> Result<Self, Refusal> {
        match value {
            Value::Int(number) => Ok(Self::Number(*number)),
            Value::Bool(truth) => Ok(Self::Number((*truth).into())),
            Value::Text(text) if text.is_empty() => Ok(Self::Number(0)),
            Value::Text(text) => Ok(Self::Text(text.clone())),
            Value::Variant(_, index) => Ok(Self::Number(i64::try_from(*index).unwrap_or(i64::MAX))),
            Value::Nil => Ok(Self::Number(0)),
            _ => Err(Refusal::new("only texts, numbers, truth values and enums have an order")
                .help("use `list.sortBy` with a function that makes a text or a number of each value")),
        }
    }
}

/// The first value of the wanted order among some, for `min` and `max`.
pub(super) fn extreme(values: &[Value], wanted: Ordering) -> Result<Option<&Value>, Refusal> {
    let mut best: Option<(Rank, &Value)> = None;
    for value in values {
        let rank = Rank::of(value)?;
        if best.as_ref().is_none_or(|(known, _)| rank.cmp(known) == wanted) {
            best = Some((rank, value));
        }
    }
    Ok(best.map(|(_, value)| value))
}

/// A checked value as text: as `${}` puts it in, or inside of others as programs write it.
pub(super) fn write(program: &Program, value: &Value, inside: bool, out: &mut Growing) -> Result<(), Refusal> {
    match value {
        Value::Text(text) if inside => out.push(&show::quoted(text)),
        Value::Text(text) => out.push(text),
        Value::Int(number) => out.push(&number.to_string()),
        Value::Bool(truth) => out.push(if *truth { "true" } else { "false" }),
        Value::Variant(id, index) => out.push(program.variant(*id, *index)),
        Value::None => out.push("none"),
        Value::List(items) => {
            out.push("[")?;
            for (at, item) in items.iter().enumerate() {
                out.push(if at > 0 { ", " } else { "" })?;
                write(program, item, true, out)?;
            }
            out.push("]")
        }
        Value::Map(map) => {
            out.push("{")?;
            for (at, (key, item)) in map.iter().enumerate() {
                out.push(if at > 0 { ", " } else { "" })?;
                out.push(&show::quoted(key))?;
                out.push(" = ")?;
                write(program, item, true, out)?;
            }
            out.push("}")
        }
        Value::Record(id, items) => {
            let record = program.record(*id);
            out.push(record.map_or("", |record| record.name.text.as_str()))?;
            out.push("(")?;
            let fields = record.map(|record| record.fields.as_slice()).unwrap_or_default();
            for (at, (field, item)) in fields.iter().zip(items.iter()).enumerate() {
                out.push(if at > 0 { ", " } else { "" })?;
                out.push(&field.name.text)?;
                out.push(" = ")?;
                write(program, item, true, out)?;
            }
            out.push(")")
        }
        Value::Nil | Value::Fs(_) | Value::Func(_) | Value::Options(_) | Value::Plan(_) => {
            if inside {
                out.push("\"\"")
            } else {
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use rustc_hash::FxHashSet;

    use super::*;

    fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    fn map(entries: &[(&str, i64)]) -> Value {
        Value::Map(Rc::new(entries.iter().map(|(key, value)| ((*key).into(), Value::Int(*value))).collect()))
    }

    #[test]
    fn what_is_the_same_has_the_same_hash() {
        let pairs = [
            (text("a"), text("a"), true),
            (text("a"), text("b"), false),
            (Value::Int(1), Value::Int(1), true),
            (Value::Nil, text(""), true),
            (Value::Int(0), Value::Nil, true),
            (Value::Nil, text("a"), false),
            (Value::None, Value::None, true),
            (map(&[("a", 1), ("b", 2)]), map(&[("b", 2), ("a", 1)]), true),
            (map(&[("a", 1)]), map(&[("a", 2)]), false),
            (Value::list(vec![text("a")]), Value::list(vec![text("a")]), true),
            (Value::list(vec![text("a")]), Value::list(vec![]), false),
        ];
        for (one, other, expected) in &pairs {
            assert_eq!(equal(one, other), *expected, "{one:?} {other:?}");
            let both: FxHashSet<Data<'_>> = [Data(one), Data(other)].into_iter().collect();
            assert_eq!(both.len(), if *expected { 1 } else { 2 }, "{one:?} {other:?}");
        }
    }

    #[test]
    fn values_are_written_as_programs_write_them() {
        let program = Program::default();
        let cases = [
            (text("a \"b\""), "a \"b\""),
            (Value::Int(-1), "-1"),
            (Value::None, "none"),
            (
                Value::list(vec![text("a\"\\\n\tä"), text("${x} $y"), Value::Bool(true)]),
                "[\"a\\\"\\\\\\n\\tä\", \"\\${x} $y\", true]",
            ),
            (map(&[("a b", 1), ("c", 2)]), "{\"a b\" = 1, \"c\" = 2}"),
            (Value::list(vec![]), "[]"),
        ];
        for (value, expected) in cases {
            let mut out = Growing::default();
            write(&program, &value, false, &mut out).unwrap();
            assert_eq!(out.finish(), expected);
        }
    }

    #[test]
    fn small_values_that_are_endless_to_walk_through_are_refused() {
        let mut value = Value::list(vec![Value::Int(1), Value::Int(2)]);
        for _ in 0..60 {
            value = Value::list(vec![value.clone(), value]);
        }
        assert!(check([&value], "compared").is_err());
        let mut deep = Value::Int(1);
        for _ in 0..200 {
            deep = Value::list(vec![deep]);
        }
        assert!(check([&deep], "compared").is_err());
        assert!(check([&text("a"), &map(&[("a", 1)])], "compared").is_ok());
    }

    #[test]
    fn extremes_are_found() {
        let numbers = [Value::Int(2), Value::Nil, Value::Int(-1), Value::Int(3)];
        assert!(matches!(extreme(&numbers, Ordering::Less), Ok(Some(Value::Int(-1)))));
        assert!(matches!(extreme(&numbers, Ordering::Greater), Ok(Some(Value::Int(3)))));
        let texts = [text("b"), text(""), text("a")];
        assert!(extreme(&texts, Ordering::Less).is_ok_and(|least| least.is_some_and(|least| least.text().is_empty())));
        assert!(extreme(&[], Ordering::Less).is_ok_and(|least| least.is_none()));
        assert!(extreme(&[Value::list(vec![])], Ordering::Less).is_err());
    }
}
