//! The namespace `str`.
//!
//! Owns what its functions do. A text may have 16 MiB, so each goes through it a fixed number of times.

use std::ops::Range;

use rustc_hash::FxHashSet;

use super::refusal::{Growing, Refusal};
use super::{Table, data, refusal};
use crate::builtins::argument::Arguments;
use crate::builtins::{Invocation, shell};
use crate::eval::value::Value;
use crate::eval::{Evaluator, Fail, MAX_TEXT};

pub(super) const TABLE: Table = &[
    ("len", |_, call| Ok(Value::Int(count(call.text(0))))),
    ("isEmpty", |_, call| Ok(Value::Bool(call.text(0).is_empty()))),
    ("contains", |_, call| Ok(Value::Bool(call.text(0).contains(call.text(1))))),
    ("hasPrefix", |_, call| Ok(Value::Bool(call.text(0).starts_with(call.text(1))))),
    ("hasSuffix", |_, call| Ok(Value::Bool(call.text(0).ends_with(call.text(1))))),
    ("index", |_, call| Ok(index(call.text(0), call.text(1)))),
    ("upper", |_, call| refusal::text(call.text(0).to_uppercase()).map_err(|error| error.at(call, 0))),
    ("lower", |_, call| refusal::text(call.text(0).to_lowercase()).map_err(|error| error.at(call, 0))),
    ("trim", |_, call| Ok(Value::Text(call.text(0).trim_matches(unwanted(call)).into()))),
    ("trimStart", |_, call| Ok(Value::Text(call.text(0).trim_start_matches(unwanted(call)).into()))),
    ("trimEnd", |_, call| Ok(Value::Text(call.text(0).trim_end_matches(unwanted(call)).into()))),
    ("trimPrefix", |_, call| {
        let text = call.text(0);
        Ok(Value::Text(text.strip_prefix(call.text(1)).unwrap_or(text).into()))
    }),
    ("trimSuffix", |_, call| {
        let text = call.text(0);
        Ok(Value::Text(text.strip_suffix(call.text(1)).unwrap_or(text).into()))
    }),
    ("replace", |_, call| {
        if call.text(1).is_empty() {
            return Err(Refusal::new("an empty text cannot be replaced: it is everywhere").at(call, 1));
        }
        replace(call.text(0), call.text(1), call.text(2)).map_err(|error| error.at(call, 0))
    }),
    ("repeat", |_, call| repeat(call.text(0), call.int(1)).map_err(|error| error.at(call, 1))),
    ("padStart", |_, call| Ok(Value::Text(format!("{}{}", padding(call)?, call.text(0)).into()))),
    ("padEnd", |_, call| Ok(Value::Text(format!("{}{}", call.text(0), padding(call)?).into()))),
    ("indent", |_, call| indent(call.text(0), call.text(1)).map_err(|error| error.at(call, 0))),
    ("slice", |_, call| Ok(Value::Text(slice(call.text(0), call.int(1), call.number(2)).into()))),
    ("split", split),
    ("lines", |_, call| refusal::texts(call.text(0).lines()).map_err(|error| error.at(call, 0))),
    ("fields", |_, call| refusal::texts(call.text(0).split_whitespace()).map_err(|error| error.at(call, 0))),
    ("quote", |_, call| refusal::text(shell::join(&[call.text(0).to_owned()])).map_err(|error| error.at(call, 0))),
    ("toInt", |_, call| Ok(call.text(0).parse().map_or(Value::None, Value::Int))),
    ("of", |evaluator, call| of(evaluator, call).map_err(|error| error.at(call, 0))),
];

fn count(text: &str) -> i64 {
    i64::try_from(text.chars().count()).unwrap_or(i64::MAX)
}

fn index(text: &str, part: &str) -> Value {
    let before = text.split_once(part).map(|(before, _)| before);
    before.map_or(Value::None, |before| Value::Int(count(before)))
}

/// Whether a character is to be removed.
fn unwanted(call: &Invocation) -> impl Fn(char) -> bool + use<> {
    // A set, because there may be as many characters to remove as there are in the text.
    let chars: FxHashSet<char> = call.text(1).chars().collect();
    move |ch| chars.contains(&ch)
}

fn replace(text: &str, old: &str, new: &str) -> Result<Value, Refusal> {
    let places = text.matches(old).count();
    let longer = places.saturating_mul(new.len().saturating_sub(old.len()));
    if text.len().saturating_add(longer) > MAX_TEXT {
        return Err(Refusal::long_text());
    }
    refusal::text(text.replace(old, new))
}

fn repeat(text: &str, count: i64) -> Result<Value, Refusal> {
    let Ok(count) = usize::try_from(count) else {
        return Err(Refusal::new(format!("a text cannot be repeated {count} times")).help("write 0 or more"));
    };
    if text.len().saturating_mul(count) > MAX_TEXT {
        return Err(Refusal::long_text());
    }
    refusal::text(if text.is_empty() { String::new() } else { text.repeat(count) })
}

fn padding(call: &Invocation) -> Result<String, Fail> {
    let (text, fill) = (call.text(0), call.text(2));
    let missing = usize::try_from(call.int(1).saturating_sub(count(text))).unwrap_or(0);
    if missing > 0 && fill.is_empty() {
        return Err(Refusal::new("an empty text fills nothing").help("write at least one character").at(call, 2));
    }
    let widest = fill.chars().map(char::len_utf8).max().unwrap_or(1);
    if missing.saturating_mul(widest).saturating_add(text.len()) > MAX_TEXT {
        return Err(Refusal::long_text().at(call, 1));
    }
    Ok(fill.chars().cycle().take(missing).collect())
}

fn indent(text: &str, by: &str) -> Result<Value, Refusal> {
    let mut out = Growing::default();
    for line in text.split_inclusive('\n') {
        if !line.trim_end_matches(['\n', '\r']).is_empty() {
            out.push(by)?;
        }
        out.push(line)?;
    }
    Ok(Value::Text(out.finish()))
}

/// The part between two positions of something with this length; negative ones count from the end, and those that are
/// outside stand for the nearest end.
pub(super) fn between(len: usize, from: i64, to: Option<i64>) -> Range<usize> {
    let place = |position: i64| {
        let distance = usize::try_from(position.unsigned_abs()).unwrap_or(usize::MAX);
        if position < 0 { len.saturating_sub(distance) } else { distance.min(len) }
    };
    let from = place(from);
    from..to.map_or(len, place).max(from)
}

fn slice(text: &str, from: i64, to: Option<i64>) -> &str {
    let range = between(text.chars().count(), from, to);
    let offset = |text: &str, chars: usize| text.char_indices().nth(chars).map_or(text.len(), |(at, _)| at);
    let rest = text.get(offset(text, range.start)..).unwrap_or("");
    rest.get(..offset(rest, range.len())).unwrap_or("")
}

fn split(_: &mut Evaluator<'_>, call: &Invocation) -> Result<Value, Fail> {
    let (text, separator) = (call.text(0), call.text(1));
    let limit = match call.number(2) {
        None => usize::MAX,
        Some(limit) => match usize::try_from(limit) {
            Ok(limit) if limit > 0 => limit,
            _ => return Err(Refusal::new(format!("a text cannot be split into {limit} parts")).at(call, 2)),
        },
    };
    let made = if separator.is_empty() {
        let chars = text.char_indices().take(limit).enumerate();
        refusal::texts(chars.map(|(number, (at, ch))| {
            let end = if number + 1 == limit { text.len() } else { at + ch.len_utf8() };
            text.get(at..end).unwrap_or("")
        }))
    } else {
        refusal::texts(text.splitn(limit, separator))
    };
    made.map_err(|error| error.at(call, 0))
}

fn of(evaluator: &Evaluator<'_>, call: &Invocation) -> Result<Value, Refusal> {
    let value = call.value(0);
    data::check([value], "written as text")?;
    let mut out = Growing::default();
    data::write(evaluator.program, value, false, &mut out)?;
    Ok(Value::Text(out.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slices_are_taken_by_characters() {
        for (from, to, expected) in [
            (0, None, "Grüße"),
            (1, Some(3), "rü"),
            (-2, None, "ße"),
            (0, Some(-1), "Grüß"),
            (-99, Some(99), "Grüße"),
            (3, Some(2), ""),
            (5, None, ""),
            (i64::MIN, Some(i64::MAX), "Grüße"),
        ] {
            assert_eq!(slice("Grüße", from, to), expected, "{from} {to:?}");
        }
    }

    #[test]
    fn growth_is_refused_before_it_happens() {
        assert!(repeat("ab", i64::MAX).is_err());
        assert!(repeat("", i64::MAX).is_ok_and(|made| made.text().is_empty()));
        assert!(repeat("ab", -1).is_err());
        let many = "x".repeat(1 << 20);
        assert!(replace(&many, "x", &many).is_err());
        assert!(replace(&many, "x", "").is_ok_and(|made| made.text().is_empty()));
        assert!(indent(&"x\n".repeat(1 << 20), &many).is_err());
    }

    #[test]
    fn empty_lines_are_not_indented() {
        for (text, expected) in [("a\n\nb\n", "> a\n\n> b\n"), ("", ""), ("a\r\n\r\nb", "> a\r\n\r\n> b")] {
            assert_eq!(indent(text, "> ").map(|made| made.text().to_owned()), Ok(expected.to_owned()));
        }
    }

    #[test]
    fn positions_are_those_of_characters() {
        assert!(matches!(index("für x", "x"), Value::Int(4)));
        assert!(matches!(index("abc", ""), Value::Int(0)));
        assert!(matches!(index("abc", "d"), Value::None));
    }
}
