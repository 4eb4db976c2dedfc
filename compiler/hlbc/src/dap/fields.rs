//! What requests say, field by field.
//!
//! Owns the words for a field that is of another type than the protocol says. One that is missing or null is none.

use serde_json::Value;

/// How much of a wrong value is repeated.
const TOLD: usize = 40;

/// A text.
///
/// # Errors
/// If it is something else.
pub(super) fn text<'v>(of: &'v Value, name: &str) -> Result<Option<&'v str>, String> {
    field(of, name).map(|value| value.as_str().ok_or_else(|| wrong(name, "a text", value))).transpose()
}

/// `true` or `false`; `false` if it is missing.
///
/// # Errors
/// If it is something else.
pub(super) fn flag(of: &Value, name: &str) -> Result<bool, String> {
    let flag = field(of, name).map(|value| value.as_bool().ok_or_else(|| wrong(name, "`true` or `false`", value)));
    flag.transpose().map(Option::unwrap_or_default)
}

/// A number from 0 on.
///
/// # Errors
/// If it is something else.
pub(super) fn number(of: &Value, name: &str) -> Result<Option<usize>, String> {
    let number = |value: &Value| {
        let number = value.as_u64().ok_or_else(|| wrong(name, "a number from 0 on", value))?;
        Ok(usize::try_from(number).unwrap_or(usize::MAX))
    };
    field(of, name).map(number).transpose()
}

/// A list; an empty one if it is missing.
///
/// # Errors
/// If it is something else.
pub(super) fn list<'v>(of: &'v Value, name: &str) -> Result<&'v [Value], String> {
    let Some(value) = field(of, name) else { return Ok(&[]) };
    value.as_array().map(Vec::as_slice).ok_or_else(|| wrong(name, "a list", value))
}

/// A list of texts.
///
/// # Errors
/// If it is something else.
pub(super) fn texts(of: &Value, name: &str) -> Result<Vec<String>, String> {
    let texts: Option<Vec<String>> = list(of, name)?.iter().map(|one| one.as_str().map(str::to_owned)).collect();
    texts.ok_or_else(|| wrong(name, "a list of texts", field(of, name).unwrap_or(&Value::Null)))
}

fn field<'v>(of: &'v Value, name: &str) -> Option<&'v Value> {
    of.get(name).filter(|value| !value.is_null())
}

fn wrong(name: &str, wanted: &str, value: &Value) -> String {
    let text = value.to_string();
    let told = match text.char_indices().nth(TOLD) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    };
    format!("`{name}` is {wanted}, and not `{told}`")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_of_another_type_are_told() {
        let of = json!({"text": "ä", "flag": true, "number": 7, "list": ["a"], "null": null, "less": -1, "long": "x".repeat(99)});
        assert_eq!(text(&of, "text"), Ok(Some("ä")));
        assert_eq!((flag(&of, "flag"), flag(&of, "none")), (Ok(true), Ok(false)));
        assert_eq!((number(&of, "number"), number(&of, "null")), (Ok(Some(7)), Ok(None)));
        assert_eq!((texts(&of, "list"), texts(&of, "none")), (Ok(vec!["a".to_owned()]), Ok(Vec::new())));
        assert_eq!(list(&json!([1]), "list"), Ok(&[][..]), "arguments that are no object have no fields");
        assert_eq!(text(&of, "number").unwrap_err(), "`number` is a text, and not `7`");
        assert_eq!(flag(&of, "text").unwrap_err(), "`text` is `true` or `false`, and not `\"ä\"`");
        assert_eq!(number(&of, "less").unwrap_err(), "`less` is a number from 0 on, and not `-1`");
        assert!(list(&of, "long").unwrap_err().ends_with("xxx…`"));
        assert_eq!(texts(&json!({"a": [1]}), "a").unwrap_err(), "`a` is a list of texts, and not `[1]`");
    }
}
