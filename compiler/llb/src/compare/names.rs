//! Fields that no word is known for, by their names in LLB.
//!
//! Owns the way from a message to its scalars, and from their paths to something that can be read.

use serde_json::Value as Json;

use super::fields::Item;
use crate::draw::printable;
use crate::json::ToJson;

/// Further fields by their names in LLB, without what these begin with.
pub(super) fn others(message: &impl ToJson, prefixes: &[&str], items: &mut Vec<Item>) {
    let mut rest = Vec::new();
    flatten(&json(message), "", &mut rest);
    // What is left of a message of which all has been said.
    rest.retain(|(key, _)| !prefixes.iter().any(|prefix| prefix.strip_suffix('.') == Some(key)));
    let short = |key: String| prefixes.iter().find_map(|prefix| key.strip_prefix(prefix)).unwrap_or(&key).to_owned();
    items.extend(rest.into_iter().map(|(key, text)| Item::plain(in_words(&short(key)), text)));
}

pub(super) fn json(message: &impl ToJson) -> Json {
    serde_json::from_str(&message.to_json()).unwrap_or_default()
}

/// The scalars in a value with the way to them. The value comes from `json`, whose parser bounds its depth.
pub(super) fn flatten(value: &Json, path: &str, into: &mut Vec<(String, String)>) {
    match value {
        Json::Object(fields) if fields.is_empty() && !path.is_empty() => {
            into.push((path.to_owned(), "there".to_owned()));
        }
        Json::Object(fields) => {
            for (name, value) in fields {
                let name = printable(name);
                let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                flatten(value, &path, into);
            }
        }
        Json::Array(items) => {
            for (position, item) in items.iter().enumerate() {
                flatten(item, &format!("{path}[{position}]"), into);
            }
        }
        Json::Null => {}
        Json::String(text) => into.push((path.to_owned(), printable(text))),
        Json::Bool(true) => into.push((path.to_owned(), "yes".to_owned())),
        other => into.push((path.to_owned(), other.to_string())),
    }
}

/// The name of a field in LLB, such as `validExitCodes[0]`, as words.
pub(super) fn in_words(path: &str) -> String {
    let mut words = String::with_capacity(path.len());
    let mut chars = path.chars().peekable();
    let mut before = ' ';
    while let Some(c) = chars.next() {
        match c {
            '.' | '_' => words.push(' '),
            '[' => {
                let mut number = String::new();
                while let Some(digit) = chars.next_if(char::is_ascii_digit) {
                    number.push(digit);
                }
                let counted = number.parse::<u64>().map_or(number, |number| number.saturating_add(1).to_string());
                words.push(' ');
                words.push_str(&counted);
            }
            ']' => {}
            c if c.is_ascii_uppercase() && before.is_ascii_lowercase() => {
                words.push(' ');
                words.push(c.to_ascii_lowercase());
            }
            c => words.push(c),
        }
        before = c;
    }
    words
}

/// A member of an enumeration.
pub(super) fn word(words: &[&str], number: i32) -> String {
    let word = usize::try_from(number).ok().and_then(|at| words.get(at));
    word.map_or_else(|| number.to_string(), |word| (*word).to_owned())
}
