//! The namespace `json`.
//!
//! Owns what its functions do: how a path leads through a document, and how values become JSON. Documents are read in
//! `json/document`.

mod document;
mod encode;

use std::rc::Rc;

use ecow::EcoString;
use indexmap::IndexMap;

use super::refusal::{self, Refusal, shown};
use super::{Invocation, Table, data};
use crate::builtins::argument::Arguments;
use crate::eval::Fail;
use crate::eval::value::Value;
use document::Json;

pub(super) const TABLE: Table = &[
    ("isValid", |_, call| match document::parse(call.text(0)) {
        Ok(_) => Ok(Value::Bool(true)),
        Err(error) if error.code == crate::codes::DEPTH => Err(error.at(call, 0)),
        Err(_) => Ok(Value::Bool(false)),
    }),
    ("get", |_, call| Ok(at(call)?.map_or(Value::None, |found| Value::Text(found.text())))),
    ("getInt", |_, call| match at(call)? {
        None => Ok(Value::None),
        Some(Json::Number(number)) if number.as_i64().is_some() => Ok(number.as_i64().map_or(Value::None, Value::Int)),
        Some(other) => Err(mismatch(call, &other, "a whole number")),
    }),
    ("getBool", |_, call| match at(call)? {
        None => Ok(Value::None),
        Some(Json::Bool(truth)) => Ok(Value::Bool(truth)),
        Some(other) => Err(mismatch(call, &other, "a truth value")),
    }),
    ("has", |_, call| {
        let document = read(call, 0)?;
        Ok(Value::Bool(follow(&document, call.text(1)).map_err(|error| error.at(call, 1))?.is_some()))
    }),
    ("list", |_, call| match at(call)? {
        None => Ok(Value::list(Vec::new())),
        Some(Json::List(items)) => Ok(Value::list(items.iter().map(|item| Value::Text(item.text())).collect())),
        Some(other) => Err(mismatch(call, &other, "a list")),
    }),
    ("keys", |_, call| {
        let fields = fields(call)?;
        refusal::texts(fields.into_keys()).map_err(|error| error.at(call, 0))
    }),
    ("object", |_, call| {
        let fields = fields(call)?.into_iter().filter(|(_, value)| *value != Json::Null);
        let fields = fields.map(|(name, value)| (name, Value::Text(value.text())));
        Ok(Value::Map(Rc::new(fields.collect())))
    }),
    ("encode", |evaluator, call| {
        let value = call.value(0);
        data::check([value], "written as JSON").map_err(|error| error.at(call, 0))?;
        let indent = usize::try_from(call.int(1)).ok().filter(|indent| *indent <= 16);
        let indent = indent.ok_or_else(|| Refusal::new("JSON is indented by 0 to 16 spaces").at(call, 1))?;
        encode::encode(&encode::Data { program: evaluator.program, value }, indent).map_err(|error| error.at(call, 0))
    }),
    ("merge", |_, call| {
        let merged = read(call, 0)?.merge(read(call, 1)?);
        encode::encode(&merged, 0).map_err(|error| error.at(call, 0))
    }),
];

fn read(call: &Invocation, index: usize) -> Result<Json, Fail> {
    document::parse(call.text(index)).map_err(|error| error.at(call, index))
}

/// What is at the path of a call; nothing for `null`.
fn at(call: &Invocation) -> Result<Option<Json>, Fail> {
    let document = read(call, 0)?;
    let found = follow(&document, call.text(1)).map_err(|error| error.at(call, 1))?;
    Ok(found.filter(|found| **found != Json::Null).cloned())
}

fn fields(call: &Invocation) -> Result<IndexMap<EcoString, Json>, Fail> {
    match at(call)? {
        None => Ok(IndexMap::new()),
        Some(Json::Object(fields)) => Ok(*fields),
        Some(other) => Err(mismatch(call, &other, "an object")),
    }
}

fn mismatch(call: &Invocation, found: &Json, wanted: &str) -> Fail {
    let place = match call.text(1) {
        "" => "the document".to_owned(),
        path => format!("what is at {}", shown(path)),
    };
    Refusal::new(format!("{place} is {} and not {wanted}", found.word()))
        .help("use `json.get`, which gives everything as text")
        .at(call, 1)
}

/// The value that a path leads to.
fn follow<'j>(document: &'j Json, path: &str) -> Result<Option<&'j Json>, Refusal> {
    let mut names: Box<dyn Iterator<Item = EcoString>> = match path.strip_prefix('/') {
        Some(pointer) => Box::new(pointer.split('/').map(|name| name.replace("~1", "/").replace("~0", "~").into())),
        None if path.is_empty() => Box::new(std::iter::empty()),
        None if path.split('.').any(str::is_empty) => {
            let refusal =
                Refusal::new(format!("{} has two dots with nothing between them, or one at an end", shown(path)));
            return Err(
                refusal.help("begin with `/` and put slashes between names that may be empty or have dots in them")
            );
        }
        None => Box::new(path.split('.').map(EcoString::from)),
    };
    Ok(names.try_fold(document, |at, name| match at {
        Json::Object(fields) => fields.get(&name),
        Json::List(items) => name.parse::<usize>().ok().and_then(|position| items.get(position)),
        _ => None,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lead_through_documents() {
        let document =
            document::parse(r#"{"a": {"b": [1, {"c": "x"}]}, "d.e": 2, "f/g": 3, "": 4, "n": null}"#).unwrap();
        let found = |path: &str| follow(&document, path).map(|found| found.map(|found| found.text().to_string()));
        for (path, expected) in [
            ("a.b.0", Some("1")),
            ("a.b.1.c", Some("x")),
            ("a.b", Some(r#"[1,{"c":"x"}]"#)),
            ("/a/b/1/c", Some("x")),
            ("/d.e", Some("2")),
            ("/f~1g", Some("3")),
            ("/", Some("4")),
            ("n", Some("null")),
            ("a.b.2", None),
            ("a.b.c", None),
            ("a.b.0.x", None),
            ("z", None),
        ] {
            assert_eq!(found(path), Ok(expected.map(str::to_owned)), "{path}");
        }
        assert!(found("a..b").is_err() && found(".a").is_err() && found("a.").is_err());
        assert!(found("").is_ok_and(|whole| whole.is_some_and(|whole| whole.starts_with(r#"{"a":"#))));
    }
}
