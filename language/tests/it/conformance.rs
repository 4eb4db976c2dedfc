//! What the reference compiler accepts parses without an error, on both paths alike; what it refuses to parse has one.

use hlb_language::parser::parse_broken;
use hlb_language::source::SourceId;

use crate::show::{diagnostic, parsed};

struct Row {
    name: String,
    source: String,
    stage: Option<String>,
}

/// The reference's programs; `stage` says at which stage it refuses one.
fn rows() -> Vec<Row> {
    let text = include_str!("../corpus/reference.jsonl");
    let rows = text.lines().map(|line| {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let field = |name: &str| row.get(name).and_then(|value| value.as_str()).map(str::to_owned);
        Row { name: field("name").unwrap(), source: field("source").unwrap(), stage: field("stage") }
    });
    rows.collect()
}

#[test]
fn what_the_reference_parses_has_no_error() {
    let mut valid = 0;
    for row in rows().iter().filter(|row| row.stage.as_deref() != Some("parse")) {
        let parsed = parsed(&row.source);
        let errors: Vec<String> = parsed.diagnostics.iter().map(|error| diagnostic(&row.source, error)).collect();
        assert!(errors.is_empty(), "{}: {}\n{}", row.name, row.source, errors.concat());
        valid += 1;
    }
    assert_eq!(valid, 193);
}

/// What the reference does not parse and this language does: a statement with parentheses, a field of a field, a block that
/// is a value by itself.
const NEW: &[&str] = &["p17", "p19", "p2"];

#[test]
fn what_the_reference_does_not_parse_has_an_error() {
    let mut broken = 0;
    for row in rows().iter().filter(|row| row.stage.as_deref() == Some("parse")) {
        let parsed = parsed(&row.source);
        let is_new = NEW.contains(&row.name.as_str());
        assert_eq!(parsed.diagnostics.is_empty(), is_new, "{}: {}", row.name, row.source);
        broken += 1;
    }
    assert_eq!(broken, 24);
}

#[test]
fn both_paths_give_the_same_tree() {
    let samples = [include_str!("../corpus/sample.hlb").to_owned(), include_str!("../corpus/whole.hlb").to_owned()];
    let rows = rows().into_iter().filter(|row| row.stage.as_deref() != Some("parse")).map(|row| row.source);
    for source in rows.chain(samples) {
        let whole = parsed(&source);
        let pieces = parse_broken(SourceId(0), &source);
        assert_eq!(whole.diagnostics, [], "{source}");
        assert_eq!(pieces.diagnostics, [], "{source}");
        assert_eq!(whole.module, pieces.module, "{source}");
        assert_eq!(whole.trivia, pieces.trivia, "{source}");
    }
}
