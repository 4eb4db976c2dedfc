//! Questions about a program in place of a build.
//!
//! Owns the two that are answered: which questions there are, and which targets the program has.

use std::collections::BTreeMap;

use hlb_compiler::{Checked, Type};
use hlb_gateway::Failure;
use serde_json::json;

const DESCRIBE: &str = "frontend.subrequests.describe";
const TARGETS: &str = "frontend.targets";
/// The version of both forms.
const VERSION: &str = "1.0.0";

/// Answers a question.
///
/// # Errors
/// If there is no such question, or the program cannot be read.
pub(crate) fn answer(name: &str, checked: &Checked) -> Result<BTreeMap<String, Vec<u8>>, Failure> {
    let (json, text) = match name {
        DESCRIBE => describe(),
        TARGETS if checked.has_errors() => return Err(super::told(&checked.sources, &checked.diagnostics)),
        TARGETS => targets(checked),
        name => return Err(Failure::unknown_subrequest(name)),
    };
    Ok(BTreeMap::from([
        ("result.json".to_owned(), json.into_bytes()),
        ("result.txt".to_owned(), text.into_bytes()),
        ("version".to_owned(), VERSION.as_bytes().to_vec()),
    ]))
}

fn describe() -> (String, String) {
    let known = [(DESCRIBE, "List the requests that can be made"), (TARGETS, "List all targets that can be built")];
    let metadata = json!([{ "name": "result.json" }, { "name": "result.txt" }]);
    let all = known.map(|(name, description)| {
        json!({
            "name": name,
            "version": VERSION,
            "type": "rpc",
            "description": description,
            "opts": null,
            "inputs": null,
            "metadata": metadata,
            "refs": null,
        })
    });
    let width = known.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    let lines = known.map(|(name, description)| format!("{name:width$}   {description}\n"));
    (json!(all).to_string(), lines.concat())
}

/// The targets that give one file system, and need nothing for that.
fn targets(checked: &Checked) -> (String, String) {
    let all = checked.targets();
    let all: Vec<_> =
        all.iter().filter(|it| it.ty == Type::Fs && it.params.iter().all(|param| param.optional)).collect();
    let first_line =
        |doc: &Option<String>| doc.as_deref().and_then(|doc| doc.lines().next()).unwrap_or_default().trim().to_owned();
    let json: Vec<_> = all
        .iter()
        .map(|target| {
            json!({
                "name": target.name,
                "default": target.name == "default",
                "description": first_line(&target.doc),
            })
        })
        .collect();
    let width = all.iter().map(|target| target.name.len()).max().unwrap_or_default();
    let line =
        |name: &str, doc: &Option<String>| format!("{:width$}   {}", name, first_line(doc)).trim_end().to_owned();
    let text: Vec<String> = all.iter().map(|target| line(&target.name, &target.doc) + "\n").collect();
    (json!({ "targets": json, "sources": [] }).to_string(), text.concat())
}
