//! What is another of a step.
//!
//! Owns the comparison of fields: by what they are called, arguments by where they stand.

use std::collections::{HashMap, HashSet};

use super::Change;
use super::fields::{Fields, Item, Value};
use crate::draw::quote;

/// What differs, in the order of the fields of `old`, then those that only `new` has.
pub(super) fn differences(old: Fields, new: Fields) -> Vec<Change> {
    let mut changes = arguments(&old.args, &new.args);
    let mut minor = Vec::new();
    let (lost, won) = by_key(&old.items, &new.items, &mut changes, &mut minor);
    became(lost, won, &mut changes);
    if changes.is_empty() { minor } else { changes }
}

/// Compares items with equal keys; gives those that have no counterpart.
fn by_key<'i>(
    old: &'i [Item],
    new: &'i [Item],
    changes: &mut Vec<Change>,
    minor: &mut Vec<Change>,
) -> (Vec<&'i Item>, Vec<&'i Item>) {
    let known: HashMap<&str, &Item> = new.iter().map(|item| (item.key.as_str(), item)).collect();
    let keys: HashSet<&str> = old.iter().map(|item| item.key.as_str()).collect();
    let mut lost = Vec::new();
    for item in old {
        let into = if item.minor { &mut *minor } else { &mut *changes };
        match known.get(item.key.as_str()) {
            Some(other) => compare(item, other, into),
            None if item.minor => into.push(change(&item.key, Some(&item.value), None)),
            None => lost.push(item),
        }
    }
    let mut won = Vec::new();
    for item in new.iter().filter(|item| !keys.contains(item.key.as_str())) {
        if item.minor {
            minor.push(change(&item.key, None, Some(&item.value)));
        } else {
            won.push(item);
        }
    }
    (lost, won)
}

/// Takes items of one class for each other, in order; the rest is gone or new.
fn became(lost: Vec<&Item>, won: Vec<&Item>, changes: &mut Vec<Change>) {
    let mut classes: HashMap<&str, std::collections::VecDeque<&Item>> = HashMap::new();
    let mut new = Vec::new();
    for item in won {
        match item.class {
            Some(class) => classes.entry(class).or_default().push_back(item),
            None => new.push(item),
        }
    }
    for item in lost {
        match item.class.and_then(|class| classes.get_mut(class)?.pop_front()) {
            Some(other) => compare(item, other, changes),
            None => changes.push(change(&item.key, Some(&item.value), None)),
        }
    }
    let mut left: Vec<&Item> = classes.into_values().flatten().collect();
    left.sort_by(|one, other| one.key.cmp(&other.key));
    changes.extend(new.into_iter().chain(left).map(|item| change(&item.key, None, Some(&item.value))));
}

fn compare(old: &Item, new: &Item, changes: &mut Vec<Change>) {
    if old.parts.is_empty() && new.parts.is_empty() {
        if old.value.id != new.value.id {
            changes.push(change(&old.key, Some(&old.value), Some(&new.value)));
        }
        return;
    }
    let known: HashMap<&str, &Value> = new.parts.iter().map(|(name, value)| (name.as_str(), value)).collect();
    let names: HashSet<&str> = old.parts.iter().map(|(name, _)| name.as_str()).collect();
    for (name, value) in &old.parts {
        let other = known.get(name.as_str()).copied();
        if other.is_none_or(|other| other.id != value.id) {
            changes.push(change(&format!("{} {name}", old.key), Some(value), other));
        }
    }
    for (name, value) in new.parts.iter().filter(|(name, _)| !names.contains(name.as_str())) {
        changes.push(change(&format!("{} {name}", old.key), None, Some(value)));
    }
}

/// Arguments are compared from both ends; what is between is the change.
fn arguments(old: &[String], new: &[String]) -> Vec<Change> {
    if old.len() == new.len() {
        let pairs = old.iter().zip(new).enumerate().filter(|(_, (old, new))| old != new);
        let change = |(at, (old, new)): (usize, (&String, &String))| Change {
            field: argument(at),
            before: Some(old.clone()),
            after: Some(new.clone()),
        };
        return pairs.map(change).collect();
    }
    let head = old.iter().zip(new).take_while(|(old, new)| old == new).count();
    let rest = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(rest).take_while(|(old, new)| old == new).count();
    let between = |all: &[String]| {
        let part = all.get(head..all.len() - tail).unwrap_or_default();
        (!part.is_empty()).then(|| part.iter().map(|it| quote(it)).collect::<Vec<_>>().join(" "))
    };
    let longest = old.len().max(new.len()) - tail - head;
    let field = if longest == 1 { argument(head) } else { format!("arguments {} to {}", head + 1, head + longest) };
    vec![Change { field, before: between(old), after: between(new) }]
}

/// Arguments are counted from 1, the program is the first.
fn argument(at: usize) -> String {
    format!("argument {}", at + 1)
}

fn change(field: &str, before: Option<&Value>, after: Option<&Value>) -> Change {
    let shown = |value: Option<&Value>| value.map(|value| value.shown.clone());
    Change { field: field.to_owned(), before: shown(before), after: shown(after) }
}
