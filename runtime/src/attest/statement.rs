//! Statements of in-toto: something that is said of something.
//!
//! Owns the envelope, and JSON to the byte as Go's `encoding/json` writes it. What is said is a caller's.

use std::collections::BTreeMap;

use serde::Serialize;

use super::{Statement, Subject};
use crate::error::{ErrorKind, SolveError};

const TYPE: &str = "https://in-toto.io/Statement/v1";

// The fields of these are in the order of Go's.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a, P> {
    #[serde(rename = "_type")]
    kind: &'static str,
    predicate_type: &'static str,
    subject: Vec<Shown<'a>>,
    predicate: &'a P,
}

#[derive(Serialize)]
struct Shown<'a> {
    name: &'a str,
    digest: BTreeMap<&'a str, &'a str>,
}

/// Says something of subjects.
pub(super) fn statement<P: Serialize>(
    predicate_type: &'static str,
    subjects: &[Subject],
    predicate: &P,
    file_name: String,
) -> Result<Statement, SolveError> {
    let subject = subjects.iter().map(|subject| {
        let digest = subject.digest.as_str().split_once(':').unwrap_or(("sha256", subject.digest.as_str()));
        Shown { name: &subject.name, digest: BTreeMap::from([digest]) }
    });
    let envelope = Envelope { kind: TYPE, predicate_type, subject: subject.collect(), predicate };
    let bytes = json(&envelope).map_err(|error| SolveError::new(ErrorKind::Internal, error))?;
    Ok(Statement { predicate_type, bytes, file_name })
}

/// JSON in one line, as Go writes it.
pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_string(value).map(|text| escaped(&text).into_bytes())
}

/// JSON text with what Go escapes in texts beyond what it must: what could end a script in a page. Outside of texts JSON has none
/// of it.
pub(super) fn escaped(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => escaped.push_str("\\u003c"),
            '>' => escaped.push_str("\\u003e"),
            '&' => escaped.push_str("\\u0026"),
            '\u{2028}' => escaped.push_str("\\u2028"),
            '\u{2029}' => escaped.push_str("\\u2029"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;
    use hlb_llb::Digest;
    use serde_json::json;

    #[test]
    fn statements_are_those_of_go() {
        let subjects = [Subject { name: "pkg:docker/a@1?x=1&y".to_owned(), digest: Digest::of("") }];
        let predicate = json!({"b": "<\u{2028}\u{8}\n\"é>", "a": [1, null]});
        let statement = statement("https://spdx.dev/Document", &subjects, &predicate, "sbom".to_owned()).unwrap();
        insta::assert_snapshot!(String::from_utf8(statement.bytes).unwrap(), @r#"{"_type":"https://in-toto.io/Statement/v1","predicateType":"https://spdx.dev/Document","subject":[{"name":"pkg:docker/a@1?x=1\u0026y","digest":{"sha256":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}}],"predicate":{"a":[1,null],"b":"\u003c\u2028\b\n\"é\u003e"}}"#);
    }
}
