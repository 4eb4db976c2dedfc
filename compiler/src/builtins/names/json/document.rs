//! JSON documents.
//!
//! Owns their reading, in which fields keep their order and the number of values is limited, and how they are merged.

use std::cell::Cell;
use std::fmt;

use ecow::EcoString;
use indexmap::IndexMap;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, Serializer};
use serde_json::Number;

use crate::builtins::names::refusal::Refusal;
use crate::eval::MAX_ITEMS;

/// A value of a document.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Number(Number),
    Text(EcoString),
    List(Vec<Json>),
    /// In the order of the text; of fields with one name the last counts.
    Object(Box<IndexMap<EcoString, Json>>),
}

/// The document that a text is.
pub(super) fn parse(text: &str) -> Result<Json, Refusal> {
    // A text of 16 MiB could hold so many values that they take a hundred times as much.
    let left = Cell::new(MAX_ITEMS);
    let mut reader = serde_json::Deserializer::from_str(text);
    let made = Reader(&left).deserialize(&mut reader).and_then(|made| reader.end().map(|()| made));
    made.map_err(|error| {
        if left.get() == 0 {
            return Refusal::too_much(format!("this document has more than {MAX_ITEMS} values"));
        }
        Refusal::new(format!("the text is no JSON: {error}"))
            .help("ask `json.isValid` first where it may be something else")
    })
}

impl Json {
    /// The text of a text; anything else as JSON.
    pub(super) fn text(&self) -> EcoString {
        match self {
            Self::Text(text) => text.clone(),
            other => serde_json::to_string(other).unwrap_or_default().into(),
        }
    }

    /// What it is, for messages.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Null => "`null`",
            Self::Bool(_) => "a truth value",
            Self::Number(number) if number.is_f64() => "a number with a fraction",
            Self::Number(_) => "a number",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Object(_) => "an object",
        }
    }

    /// What a merge patch makes of it.
    pub(super) fn merge(self, patch: Json) -> Json {
        let Json::Object(changes) = patch else { return patch };
        let mut fields = match self {
            Json::Object(fields) => fields,
            _ => Box::default(),
        };
        fields.retain(|name, _| changes.get(name) != Some(&Json::Null));
        for (name, change) in changes.into_iter().filter(|(_, change)| *change != Json::Null) {
            let field = fields.entry(name).or_insert(Json::Null);
            *field = std::mem::replace(field, Json::Null).merge(change);
        }
        Json::Object(fields)
    }
}

/// Reads a value as long as values are left.
#[derive(Clone, Copy)]
struct Reader<'c>(&'c Cell<usize>);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Json, D::Error> {
        match self.0.get() {
            0 => Err(D::Error::custom("too many values")),
            left => {
                self.0.set(left - 1);
                deserializer.deserialize_any(self)
            }
        }
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Json, E> {
        Ok(Json::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Json, E> {
        Ok(Number::from_f64(value).map_or(Json::Null, Json::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Json, E> {
        Ok(Json::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Json, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = seq.next_element_seed(self)? {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Json, A::Error> {
        let mut fields = IndexMap::new();
        while let Some(name) = map.next_key::<String>()? {
            fields.insert(name.into(), map.next_value_seed(self)?);
        }
        Ok(Json::Object(Box::new(fields)))
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Number(number) => number.serialize(serializer),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(fields) => serializer.collect_map(fields.iter().map(|(name, field)| (name.as_str(), field))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn merged(text: &str, patch: &str) -> String {
        parse(text).unwrap().merge(parse(patch).unwrap()).text().to_string()
    }

    #[test]
    fn patches_are_merged() {
        for (text, patch, expected) in [
            (r#"{"a":"b"}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":"b"}"#, r#"{"b":"c"}"#, r#"{"a":"b","b":"c"}"#),
            (r#"{"a":"b","b":"c"}"#, r#"{"a":null}"#, r#"{"b":"c"}"#),
            (r#"{"a":["b"]}"#, r#"{"a":"c"}"#, r#"{"a":"c"}"#),
            (r#"{"a":{"b":"c"}}"#, r#"{"a":{"b":"d","c":null}}"#, r#"{"a":{"b":"d"}}"#),
            (r#"["a","b"]"#, r#"["c","d"]"#, r#"["c","d"]"#),
            (r#"{"a":"foo"}"#, "null", "null"),
            (r#"{"e":null}"#, r#"{"a":1}"#, r#"{"e":null,"a":1}"#),
            ("[1,2]", r#"{"a":"b","c":null}"#, r#"{"a":"b"}"#),
            ("{}", r#"{"a":{"bb":{"ccc":null}}}"#, r#"{"a":{"bb":{}}}"#),
        ] {
            assert_eq!(merged(text, patch), expected, "{text} {patch}");
        }
    }

    #[test]
    fn documents_keep_what_they_say() {
        for text in [r#"{"b":1,"a":[true,null,-2,1.5,"x\n\"ä"]}"#, "[]", "{}", "18446744073709551615", r#""""#] {
            let made = parse(text).unwrap();
            assert_eq!(serde_json::to_string(&made).unwrap(), text);
        }
        assert_eq!(parse(r#"{"a":1,"b":2,"a":3}"#).unwrap().text(), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn what_is_no_document_says_where() {
        assert_eq!(parse("{\"a\": 1,}").unwrap_err().message, "the text is no JSON: trailing comma at line 1 column 9");
        assert!(parse("").is_err() && parse("1 2").is_err() && parse("[").is_err() && parse("1e999").is_err());
        assert!(parse(&"[".repeat(10_000)).is_err());
        let many = format!("[{}0]", "0,".repeat(MAX_ITEMS));
        assert!(parse(&many).is_err_and(|error| error.message.contains("more than")));
    }
}
