//! The namespace `regex`.
//!
//! Owns the limits of patterns, which patterns are ready for use, and what stands for groups in a replacement. Matching is the
//! `regex` crate's, which takes no longer than pattern and text multiplied.

use std::rc::Rc;

use ::regex::{Regex, RegexBuilder};
use ecow::EcoString;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;

use super::refusal::{self, Growing, Refusal, shown};
use super::{Invocation, Table};
use crate::builtins::argument::Arguments;
use crate::eval::value::Value;
use crate::eval::{Evaluator, Fail, MAX_ITEMS};

pub(super) const TABLE: Table = &[
    ("matches", |evaluator, call| Ok(Value::Bool(ready(evaluator, call)?.is_match(call.text(0))))),
    ("find", |evaluator, call| {
        let found = ready(evaluator, call)?.find(call.text(0));
        Ok(found.map_or(Value::None, |found| Value::Text(found.as_str().into())))
    }),
    ("findAll", |evaluator, call| {
        let pattern = ready(evaluator, call)?;
        let parts = pattern.find_iter(call.text(0)).map(|found| found.as_str());
        refusal::texts(parts).map_err(|error| error.at(call, 0))
    }),
    ("captures", |evaluator, call| {
        let pattern = ready(evaluator, call)?;
        let Some(found) = pattern.captures(call.text(0)) else { return Ok(Value::None) };
        let groups = found.iter().map(|group| group.map_or("", |group| group.as_str()));
        refusal::texts(groups).map_err(|error| error.at(call, 0))
    }),
    ("named", |evaluator, call| {
        let pattern = ready(evaluator, call)?;
        let Some(found) = pattern.captures(call.text(0)) else { return Ok(Value::None) };
        let named = pattern.capture_names().flatten().filter_map(|name| {
            let group = found.name(name)?;
            Some((EcoString::from(name), Value::Text(group.as_str().into())))
        });
        Ok(Value::Map(Rc::new(named.collect::<IndexMap<_, _>>())))
    }),
    ("replace", |evaluator, call| replace(evaluator, call, 1)),
    ("replaceAll", |evaluator, call| replace(evaluator, call, usize::MAX)),
    ("split", |evaluator, call| {
        let pattern = ready(evaluator, call)?;
        refusal::texts(pattern.split(call.text(0))).map_err(|error| error.at(call, 0))
    }),
    ("quote", |_, call| refusal::text(::regex::escape(call.text(0))).map_err(|error| error.at(call, 0))),
];

/// How many bytes a pattern may have.
const MAX_PATTERN: usize = 64 << 10;

/// How many bytes a pattern that is ready for use may take: enough for what people write, and little beside a text.
const MAX_PROGRAM: usize = 1 << 20;

/// How many patterns are kept.
const MAX_KEPT: usize = 128;

/// The patterns of a program that are ready for use.
#[derive(Debug, Default)]
pub(crate) struct Patterns(FxHashMap<EcoString, Rc<Regex>>);

impl Patterns {
    fn get(&mut self, pattern: &str) -> Result<Rc<Regex>, Refusal> {
        if let Some(known) = self.0.get(pattern) {
            return Ok(Rc::clone(known));
        }
        let made = Rc::new(compile(pattern)?);
        if self.0.len() >= MAX_KEPT {
            self.0.clear();
        }
        self.0.insert(pattern.into(), Rc::clone(&made));
        Ok(made)
    }
}

fn ready(evaluator: &mut Evaluator<'_>, call: &Invocation) -> Result<Rc<Regex>, Fail> {
    evaluator.patterns.get(call.text(1)).map_err(|error| error.at(call, 1))
}

fn compile(pattern: &str) -> Result<Regex, Refusal> {
    if pattern.len() > MAX_PATTERN {
        return Err(Refusal::too_much("this pattern is longer than 64 KiB"));
    }
    let made = RegexBuilder::new(pattern).size_limit(MAX_PROGRAM).dfa_size_limit(MAX_PROGRAM).build();
    made.map_err(|error| match error {
        ::regex::Error::Syntax(message) => {
            // The last line says what is wrong, those before it draw where.
            let reason = message.lines().last().unwrap_or_default();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            let refusal = Refusal::new(format!("{} is no regular expression: {reason}", shown(pattern)));
            refusal.help("write a backslash before a character that stands for itself")
        }
        _ => Refusal::too_much(format!("{} is too much for one pattern", shown(pattern))).help("repeat less in it"),
    })
}

/// Whether a text is a pattern.
pub(super) fn check(pattern: &str) -> Result<(), Refusal> {
    compile(pattern).map(|_| ())
}

fn replace(evaluator: &mut Evaluator<'_>, call: &Invocation, most: usize) -> Result<Value, Fail> {
    let pattern = ready(evaluator, call)?;
    let template = template(&pattern, call.text(2)).map_err(|error| error.at(call, 2))?;
    fill(&pattern, call.text(0), &template, most).map_err(|error| error.at(call, 0))
}

fn fill(pattern: &Regex, text: &str, template: &[Piece<'_>], most: usize) -> Result<Value, Refusal> {
    let mut out = Growing::default();
    let mut done = 0;
    for (number, found) in pattern.captures_iter(text).take(most).enumerate() {
        if number >= MAX_ITEMS {
            return Err(Refusal::too_much(format!("more than {MAX_ITEMS} parts of the text fit")));
        }
        let Some(whole) = found.get(0) else { break };
        out.push(text.get(done..whole.start()).unwrap_or(""))?;
        for piece in template {
            match piece {
                Piece::Text(text) => out.push(text)?,
                Piece::Group(index) => out.push(found.get(*index).map_or("", |group| group.as_str()))?,
            }
        }
        done = whole.end();
    }
    out.push(text.get(done..).unwrap_or(""))?;
    Ok(Value::Text(out.finish()))
}

/// What a replacement is made of.
#[derive(Clone, PartialEq, Eq, Debug)]
enum Piece<'t> {
    Text(&'t str),
    Group(usize),
}

/// The pieces of a replacement: texts, and the numbers of groups that the pattern has.
fn template<'t>(pattern: &Regex, text: &'t str) -> Result<Vec<Piece<'t>>, Refusal> {
    let mut pieces = Vec::new();
    let mut rest = text;
    while let Some((plain, behind)) = rest.split_once('$') {
        pieces.push(Piece::Text(plain));
        if let Some(behind) = behind.strip_prefix('$') {
            pieces.push(Piece::Text("$"));
            rest = behind;
            continue;
        }
        let word = |text: &'t str| {
            let end = text.find(|ch: char| !ch.is_ascii_alphanumeric() && ch != '_').unwrap_or(text.len());
            text.split_at_checked(end).unwrap_or((text, ""))
        };
        let (name, after) = match behind.strip_prefix('{') {
            None => word(behind),
            Some(inner) => inner
                .split_once('}')
                .ok_or_else(|| Refusal::new("a `${` is not closed").help("write a `}` behind it"))?,
        };
        if name.is_empty() {
            return Err(Refusal::new("a `$` without the name of a group").help("write `$$` for a dollar sign"));
        }
        let index = match name.parse() {
            Ok(index) => Some(index).filter(|index: &usize| *index < pattern.captures_len()),
            Err(_) => pattern.capture_names().position(|known| known == Some(name)),
        };
        let Some(index) = index else {
            let digits = name.bytes().take_while(u8::is_ascii_digit).count();
            let refusal = Refusal::new(format!("the pattern has no group {}", shown(name)));
            return Err(match name.split_at_checked(digits) {
                Some((number, more)) if !number.is_empty() && !more.is_empty() => {
                    refusal.help(format!("write `${{{number}}}{more}`, in backticks, to put letters behind a group"))
                }
                _ => refusal.help("write `$$` for a dollar sign"),
            });
        };
        pieces.push(Piece::Group(index));
        rest = after;
    }
    pieces.push(Piece::Text(rest));
    Ok(pieces)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replaced(text: &str, pattern: &str, by: &str, most: usize) -> Result<String, String> {
        let pattern = compile(pattern).map_err(|error| error.message)?;
        let template = template(&pattern, by).map_err(|error| error.message)?;
        fill(&pattern, text, &template, most).map(|made| made.text().to_owned()).map_err(|error| error.message)
    }

    #[test]
    fn groups_are_put_in() {
        for (text, pattern, by, most, expected) in [
            ("a1 b2", r"\d", "#", 1, "a# b2"),
            ("a1 b2", r"\d", "#", MAX_ITEMS, "a# b#"),
            ("k=v", r"(\w)=(\w)", "$2=$1", MAX_ITEMS, "v=k"),
            ("k=v", r"(?<key>\w)=(\w)", "${key}x$$$0", MAX_ITEMS, "kx$k=v"),
            ("ab", "", "-", MAX_ITEMS, "-a-b-"),
            ("ab", "x", "-", MAX_ITEMS, "ab"),
            ("ab", "(x)?b", "[$1]", MAX_ITEMS, "a[]"),
        ] {
            assert_eq!(replaced(text, pattern, by, most).as_deref(), Ok(expected), "{pattern:?} {by:?}");
        }
    }

    #[test]
    fn what_is_no_replacement_says_why() {
        for (by, expected) in [
            ("$1x", "the pattern has no group `1x`"),
            ("$3", "the pattern has no group `3`"),
            ("${", "a `${` is not closed"),
            ("a$ b", "a `$` without the name of a group"),
            ("$name", "the pattern has no group `name`"),
        ] {
            assert_eq!(replaced("a", "(a)", by, 1), Err(expected.to_owned()), "{by:?}");
        }
    }

    #[test]
    fn patterns_have_limits() {
        for pattern in ["(", "a{1000}{1000}{1000}", r"(?:(?:\w{50}){50}){50}", r"(a)\1", "[z-a]", &"a".repeat(70_000)] {
            assert!(compile(pattern).is_err(), "{pattern}");
        }
        assert_eq!(
            compile("a(b").map_err(|error| error.message).err().as_deref(),
            Some("`a(b` is no regular expression: unclosed group")
        );
    }

    #[test]
    fn replacements_do_not_grow_beyond_the_limit() {
        let text = "x".repeat(1 << 20);
        assert!(replaced(&text, "x*", &"$0".repeat(100), usize::MAX).is_err());
    }

    #[test]
    fn patterns_are_kept_and_let_go() {
        let mut patterns = Patterns::default();
        for number in 0..300 {
            assert!(patterns.get(&format!("a{number}")).is_ok());
        }
        assert!(patterns.0.len() <= MAX_KEPT);
        let one = patterns.get("x").unwrap();
        assert!(Rc::ptr_eq(&one, &patterns.get("x").unwrap()));
    }
}
