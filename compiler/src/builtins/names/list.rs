//! The namespace `list`.
//!
//! Owns what its functions do. Those that call a function of the program leave it to evaluation how often that may be.

use std::cmp::Ordering;

use ecow::EcoString;
use indexmap::{IndexMap, IndexSet};
use rustc_hash::FxBuildHasher;

use super::data::{self, Data, Rank};
use super::refusal::{self, Growing, Refusal};
use super::text::between;
use super::{Invocation, Table};
use crate::builtins::argument::Arguments;
use crate::eval::value::Value;
use crate::eval::{Evaluator, Fail, MAX_ITEMS};

pub(super) const TABLE: Table = &[
    ("len", |_, call| Ok(number(call.items(0).len()))),
    ("isEmpty", |_, call| Ok(Value::Bool(call.items(0).is_empty()))),
    ("first", |_, call| Ok(or_none(call.items(0).first()))),
    ("last", |_, call| Ok(or_none(call.items(0).last()))),
    ("get", |_, call| Ok(or_none(get(call.items(0), call.int(1))))),
    ("contains", |_, call| Ok(Value::Bool(position(call)?.is_some()))),
    ("index", |_, call| Ok(position(call)?.map_or(Value::None, number))),
    ("find", |evaluator, call| Ok(or_none(first(evaluator, call, true)?))),
    ("any", |evaluator, call| Ok(Value::Bool(first(evaluator, call, true)?.is_some()))),
    ("all", |evaluator, call| Ok(Value::Bool(first(evaluator, call, false)?.is_none()))),
    ("map", |evaluator, call| {
        let mut made = Vec::with_capacity(call.items(0).len());
        for item in call.items(0) {
            made.push(ask(evaluator, call, 1, [item])?);
        }
        Ok(Value::list(made))
    }),
    ("filter", |evaluator, call| {
        let mut made = Vec::new();
        for item in call.items(0) {
            if ask(evaluator, call, 1, [item])?.is_true() {
                made.push(item.clone());
            }
        }
        Ok(Value::list(made))
    }),
    ("flatMap", |evaluator, call| {
        let mut made = Vec::new();
        for item in call.items(0) {
            extend(&mut made, &ask(evaluator, call, 1, [item])?).map_err(|error| error.at(call, 1))?;
        }
        Ok(Value::list(made))
    }),
    ("fold", |evaluator, call| {
        let mut made = call.value(1).clone();
        for item in call.items(0) {
            made = ask(evaluator, call, 2, [&made, item])?;
        }
        Ok(made)
    }),
    ("zip", |evaluator, call| {
        let mut made = Vec::new();
        for (one, other) in call.items(0).iter().zip(call.items(1)) {
            made.push(ask(evaluator, call, 2, [one, other])?);
        }
        Ok(Value::list(made))
    }),
    ("sort", |_, call| {
        let ranks = call.items(0).iter().map(|item| Ok((Rank::of(item)?, item)));
        ranks.collect::<Result<_, Refusal>>().map(sorted).map_err(|error| error.at(call, 0))
    }),
    ("sortBy", |evaluator, call| {
        let mut ranks = Vec::with_capacity(call.items(0).len());
        for item in call.items(0) {
            let key = ask(evaluator, call, 1, [item])?;
            ranks.push((Rank::of(&key).map_err(|error| error.at(call, 1))?, item));
        }
        Ok(sorted(ranks))
    }),
    ("reverse", |_, call| Ok(Value::list(call.items(0).iter().rev().cloned().collect()))),
    ("unique", |_, call| {
        data::check(call.items(0), "compared").map_err(|error| error.at(call, 0))?;
        let seen: IndexSet<Data<'_>, FxBuildHasher> = call.items(0).iter().map(Data).collect();
        Ok(Value::list(seen.iter().map(|item| item.0.clone()).collect()))
    }),
    ("min", |_, call| extreme(call, Ordering::Less)),
    ("max", |_, call| extreme(call, Ordering::Greater)),
    ("slice", |_, call| Ok(part(call, call.int(1), call.number(2)))),
    ("take", |_, call| Ok(part(call, 0, Some(whole(call, 1)?)))),
    ("drop", |_, call| Ok(part(call, whole(call, 1)?, None))),
    ("chunk", |_, call| match usize::try_from(call.int(1)) {
        Ok(size) if size > 0 => Ok(Value::list(call.items(0).chunks(size).map(listed).collect())),
        _ => Err(Refusal::new("a list of this length holds nothing").help("write 1 or more").at(call, 1)),
    }),
    ("groupBy", |evaluator, call| {
        let mut groups: IndexMap<EcoString, Vec<Value>> = IndexMap::new();
        for item in call.items(0) {
            let key = ask(evaluator, call, 1, [item])?;
            groups.entry(key.text().into()).or_default().push(item.clone());
        }
        Ok(Value::Map(
            groups.into_iter().map(|(key, items)| (key, Value::list(items))).collect::<IndexMap<_, _>>().into(),
        ))
    }),
    ("flatten", |_, call| {
        let mut made = Vec::new();
        for item in call.items(0) {
            extend(&mut made, item).map_err(|error| error.at(call, 0))?;
        }
        Ok(Value::list(made))
    }),
    ("join", |evaluator, call| join(evaluator, call).map_err(|error| error.at(call, 0))),
    ("sum", |_, call| match call.items(0).iter().try_fold(0, |sum: i64, item| sum.checked_add(item.int())) {
        Some(sum) => Ok(Value::Int(sum)),
        None => Err(Refusal::new("the sum is greater than a number can be").at(call, 0)),
    }),
    ("range", |_, call| range(call.int(0), call.int(1), call.int(2)).map_err(|error| error.at(call, 2))),
];

fn number(number: usize) -> Value {
    Value::Int(i64::try_from(number).unwrap_or(i64::MAX))
}

fn or_none(value: Option<&Value>) -> Value {
    value.cloned().unwrap_or(Value::None)
}

fn listed(items: &[Value]) -> Value {
    Value::list(items.to_vec())
}

/// What the function in an argument makes of some values.
pub(super) fn ask<const N: usize>(
    evaluator: &mut Evaluator<'_>,
    call: &Invocation,
    function: usize,
    values: [&Value; N],
) -> Result<Value, Fail> {
    evaluator.apply(call.value(function), values.into_iter().cloned().collect(), &call.site)
}

fn get(items: &[Value], index: i64) -> Option<&Value> {
    let distance = usize::try_from(index.unsigned_abs()).ok()?;
    if index < 0 { items.get(items.len().checked_sub(distance)?) } else { items.get(distance) }
}

fn position(call: &Invocation) -> Result<Option<usize>, Fail> {
    let wanted = call.value(1);
    data::check([wanted], "compared").map_err(|error| error.at(call, 1))?;
    data::check(call.items(0), "compared").map_err(|error| error.at(call, 0))?;
    Ok(call.items(0).iter().position(|item| Data(item) == Data(wanted)))
}

/// The first value for which the function says this.
fn first<'v>(evaluator: &mut Evaluator<'_>, call: &'v Invocation, wanted: bool) -> Result<Option<&'v Value>, Fail> {
    for item in call.items(0) {
        if ask(evaluator, call, 1, [item])?.is_true() == wanted {
            return Ok(Some(item));
        }
    }
    Ok(None)
}

fn sorted(mut ranks: Vec<(Rank, &Value)>) -> Value {
    ranks.sort_by(|(one, _), (other, _)| one.cmp(other));
    Value::list(ranks.into_iter().map(|(_, item)| item.clone()).collect())
}

fn extreme(call: &Invocation, wanted: Ordering) -> Result<Value, Fail> {
    data::extreme(call.items(0), wanted).map(or_none).map_err(|error| error.at(call, 0))
}

fn part(call: &Invocation, from: i64, to: Option<i64>) -> Value {
    let items = call.items(0);
    listed(items.get(between(items.len(), from, to)).unwrap_or_default())
}

/// A number of values, which is not negative.
fn whole(call: &Invocation, index: usize) -> Result<i64, Fail> {
    let count = call.int(index);
    if count < 0 {
        let refusal = Refusal::new(format!("there are no {count} values")).help("use `slice` to count from the end");
        return Err(refusal.at(call, index));
    }
    Ok(count)
}

fn extend(all: &mut Vec<Value>, more: &Value) -> Result<(), Refusal> {
    if all.len().saturating_add(more.items().len()) > MAX_ITEMS {
        return Err(Refusal::long_list());
    }
    all.extend_from_slice(more.items());
    Ok(())
}

fn join(evaluator: &Evaluator<'_>, call: &Invocation) -> Result<Value, Refusal> {
    data::check(call.items(0), "written as text")?;
    let mut out = Growing::default();
    for (at, item) in call.items(0).iter().enumerate() {
        out.push(if at > 0 { call.text(1) } else { "" })?;
        data::write(evaluator.program, item, false, &mut out)?;
    }
    Ok(Value::Text(out.finish()))
}

fn range(from: i64, to: i64, step: i64) -> Result<Value, Refusal> {
    if step == 0 {
        return Err(Refusal::new("with a step of 0 the numbers would never end").help("write 1, or -1 to count down"));
    }
    let inside = |number: &i64| if step > 0 { *number < to } else { *number > to };
    let numbers = std::iter::successors(Some(from), |number| number.checked_add(step));
    refusal::list(numbers.take_while(inside).map(Value::Int))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(made: Result<Value, Refusal>) -> Vec<i64> {
        made.unwrap().items().iter().map(Value::int).collect()
    }

    #[test]
    fn ranges_end_before_their_end() {
        assert_eq!(numbers(range(0, 3, 1)), [0, 1, 2]);
        assert_eq!(numbers(range(3, 0, -2)), [3, 1]);
        assert!(numbers(range(3, 0, 1)).is_empty());
        assert_eq!(numbers(range(i64::MAX - 1, i64::MAX, 5)), [i64::MAX - 1]);
        assert!(range(0, 1, 0).is_err());
        assert!(range(0, i64::MAX, 1).is_err());
        assert!(range(0, i64::MIN, -1).is_err());
    }

    #[test]
    fn positions_may_count_from_the_end() {
        let items = [Value::Int(7), Value::Int(8)];
        let at = |index| get(&items, index).map(Value::int);
        assert_eq!([at(0), at(1), at(2)], [Some(7), Some(8), None]);
        assert_eq!([at(-1), at(-2), at(-3)], [Some(8), Some(7), None]);
        assert_eq!([at(i64::MIN), at(i64::MAX)], [None, None]);
    }

    #[test]
    fn lists_do_not_grow_beyond_the_limit() {
        let many = Value::list(vec![Value::Nil; MAX_ITEMS / 2]);
        let mut all = Vec::new();
        assert!(extend(&mut all, &many).is_ok() && extend(&mut all, &many).is_ok());
        assert_eq!(extend(&mut all, &Value::list(vec![Value::Nil])), Err(Refusal::long_list()));
    }
}
