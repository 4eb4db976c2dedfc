//! The functions in namespaces: `str.upper`, `list.map` and the like.
//!
//! Owns which there are and what they reach outside. Each namespace is declared in `stdlib/modules` and has a file here. All
//! of them look at values alone, but for a few that look at the environment: nothing here changes anything.

mod data;
mod environment;
mod hash;
mod json;
mod list;
mod map;
mod path;
mod refusal;
mod regex;
mod semver;
mod text;
mod time;

use super::{Implementation, Invocation, Rule};
use crate::effects::{Effect, Effects};
use crate::eval::value::Value;
use crate::eval::{Evaluator, Fail};

pub(crate) use refusal::Refusal;
pub(crate) use regex::Patterns;

/// How a function makes its value.
type Function = fn(&mut Evaluator<'_>, &Invocation) -> Result<Value, Fail>;

/// The functions of a namespace by name.
type Table = &'static [(&'static str, Function)];

/// The names of all namespaces.
pub(crate) const NAMESPACES: &[&str] =
    &["str", "list", "map", "path", "json", "regex", "semver", "hash", "env", "time", "image"];

const TABLES: &[(&str, Table)] = &[
    ("str", text::TABLE),
    ("list", list::TABLE),
    ("map", map::TABLE),
    ("path", path::TABLE),
    ("json", json::TABLE),
    ("regex", regex::TABLE),
    ("semver", semver::TABLE),
    ("hash", hash::TABLE),
    ("env", environment::TABLE),
    ("time", time::TABLE),
    ("image", IMAGE),
];

/// What becomes of filesystems that are one image.
const IMAGE: Table = &[("push", super::export::push_index), ("ociArchive", super::export::index_archive)];

/// Rules of arguments that are written out, by namespace, function and parameter. What is only known when the program is
/// evaluated the functions look at themselves.
#[rustfmt::skip]
const RULES: &[(&str, &str, usize, Rule)] = &[
    ("path", "matches", 1, Rule::Written(path::check)),
    ("regex", "matches", 1, Rule::Written(regex::check)),
    ("regex", "find", 1, Rule::Written(regex::check)),
    ("regex", "findAll", 1, Rule::Written(regex::check)),
    ("regex", "captures", 1, Rule::Written(regex::check)),
    ("regex", "named", 1, Rule::Written(regex::check)),
    ("regex", "replace", 1, Rule::Written(regex::check)),
    ("regex", "replaceAll", 1, Rule::Written(regex::check)),
    ("regex", "split", 1, Rule::Written(regex::check)),
    ("semver", "satisfies", 1, Rule::Written(semver::check_range)),
    ("semver", "bump", 1, Rule::Modes("part of a version", semver::PARTS)),
    ("env", "get", 0, Rule::Variable),
    ("env", "or", 0, Rule::Variable),
    ("env", "has", 0, Rule::Variable),
    ("time", "add", 1, Rule::Written(time::check_span)),
    ("time", "format", 1, Rule::Written(time::check_layout)),
    ("time", "seconds", 0, Rule::Written(time::check_span)),
];

/// How a declared function works, and what it does outside of the build. One without code does not exist, and fails the test
/// that pairs the lists.
pub(crate) fn implementation(namespace: &str, name: &str) -> Option<(Implementation, Effects)> {
    let (_, table) = TABLES.iter().find(|(known, _)| *known == namespace)?;
    let (_, function) = table.iter().find(|(known, _)| *known == name)?;
    Some((Implementation::Value(*function), effects(namespace, name)))
}

fn effects(namespace: &str, name: &str) -> Effects {
    match (namespace, name) {
        ("env", _) | ("time", "epoch") => Effects::just(Effect::Env),
        ("image", "push") => Effects::just(Effect::Push),
        ("image", "ociArchive") => Effects::just(Effect::Download),
        _ => Effects::NONE,
    }
}

/// What the arguments of a function must be, by the number of the parameter.
pub(crate) fn rules(namespace: &str, name: &str) -> Vec<(usize, Rule)> {
    RULES.iter().filter(|rule| rule.0 == namespace && rule.1 == name).map(|rule| (rule.2, rule.3)).collect()
}

#[cfg(test)]
mod tests;
