//! Diagnostics as JSON, for programs that start this one.
//!
//! Owns the form of the lines that docs/cli.md describes. What one says on a terminal is `report`'s business.

use hlb_language::diagnostic::{Applicability, Diagnostic, Edit, Fix, Label, Location};
use hlb_language::source::{Source, SourceMap};
use serde_json::{Map, Value, json};

/// A diagnostic, and how it looks on a terminal.
pub(crate) fn diagnostic(sources: &SourceMap, it: &Diagnostic, rendered: &str) -> Value {
    let secondary = it.secondary.iter().filter_map(|label| span(sources, label, false));
    let spans: Vec<Value> = span(sources, &it.primary, true).into_iter().chain(secondary).collect();
    json!({
        "type": "diagnostic",
        "severity": if it.is_error() { "error" } else { "warning" },
        "code": it.code.0,
        "message": it.message,
        "spans": spans,
        "help": it.help,
        "fixes": it.fixes.iter().map(|it| fix(sources, it)).collect::<Vec<_>>(),
        "rendered": rendered,
    })
}

/// A failed build that has a place in the program. It is nobody's mistake by rule, so it has no code.
pub(crate) fn failure(sources: &SourceMap, message: &str, labels: &[Label], notes: &[String], rendered: &str) -> Value {
    let spans = labels.iter().enumerate().filter_map(|(at, label)| span(sources, label, at == 0));
    json!({
        "type": "failure",
        "severity": "error",
        "message": message,
        "spans": spans.collect::<Vec<_>>(),
        "notes": notes,
        "rendered": rendered,
    })
}

/// A fix that was applied.
pub(crate) fn fixed(it: &hlb_compiler::Applied) -> Value {
    json!({
        "type": "fixed",
        "code": it.code.0,
        "title": it.title,
        "file": it.file,
        "line": it.at.line,
        "column": it.at.column,
    })
}

/// A test that has ended.
pub(crate) fn test(sources: &SourceMap, name: &str, at: Location, passed: bool, seconds: f64) -> Value {
    let mut test = range(sources, at).unwrap_or_default();
    test.insert("type".to_owned(), "test".into());
    test.insert("name".to_owned(), name.into());
    test.insert("passed".to_owned(), passed.into());
    test.insert("seconds".to_owned(), seconds.into());
    test.into()
}

/// The end of all tests.
pub(crate) fn tests(passed: usize, failed: usize) -> Value {
    json!({ "type": "tests", "passed": passed, "failed": failed })
}

fn span(sources: &SourceMap, label: &Label, primary: bool) -> Option<Value> {
    let mut span = range(sources, label.at)?;
    span.insert("primary".to_owned(), primary.into());
    span.insert("label".to_owned(), label.message.as_str().into());
    Some(span.into())
}

fn fix(sources: &SourceMap, fix: &Fix) -> Value {
    let edit = |edit: &Edit| {
        let mut range = range(sources, edit.at)?;
        range.insert("text".to_owned(), edit.text.as_str().into());
        Some(Value::from(range))
    };
    json!({
        "title": fix.title,
        "safe": fix.applicability == Applicability::Safe,
        "edits": fix.edits.iter().filter_map(edit).collect::<Vec<_>>(),
    })
}

fn range(sources: &SourceMap, at: Location) -> Option<Map<String, Value>> {
    let source = sources.get(at.source)?;
    let places = [("start", at.span.start), ("end", at.span.end)];
    let mut range: Map<String, Value> =
        places.into_iter().map(|(name, byte)| (name.to_owned(), place(source, byte as usize))).collect();
    range.insert("file".to_owned(), source.name().into());
    Some(range)
}

fn place(source: &Source, byte: usize) -> Value {
    let place = source.position(byte);
    json!({ "byte": byte, "line": place.line, "column": place.column })
}
