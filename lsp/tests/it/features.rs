//! A session for each feature: two files, of which one uses the other, and every request of it. What is answered is shown short;
//! what is right in it is the matter of the tests of `hlb-ide`.

use serde_json::{Value, json};

use crate::client::{Client, everything};

const LIB: &str = "\
# Makes a tool.
#
# @param name what it is called.
export fs tool(string name) {
	scratch
	mkfile \"/${name}\" 0o644 \"x\"
}
";

const BUILD: &str = "\
import lib from \"./lib.hlb\"

enum Mode { fast slow }

# Where all begin.
fs base(Mode mode = fast) { image \"alpine:3.20\"; }

fs default() {
	base
	lib.tool \"one\"
	run \"true\" with option {
		dir \"/\"
	}
}
";

struct Session {
    client: Client,
    directory: tempfile::TempDir,
}

impl Session {
    fn new() -> Self {
        Self::able(everything())
    }

    /// Both files are on disk; the one that uses the other is open.
    fn able(capabilities: Value) -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join("lib.hlb"), LIB).unwrap();
        std::fs::write(directory.path().join("build.hlb"), BUILD).unwrap();
        let folder = format!("file://{}", directory.path().display());
        let (client, _) = Client::able(capabilities, &[&folder], Value::Null);
        let mut session = Self { client, directory };
        let uri = session.uri("build.hlb");
        session.client.open(&uri, BUILD);
        session
    }

    fn uri(&self, name: &str) -> String {
        format!("file://{}/{name}", self.directory.path().display())
    }

    /// Asks about a place behind the start of some words of the open file.
    fn at(&mut self, method: &str, words: &str, behind: usize) -> String {
        self.with(method, words, behind, json!({}))
    }

    /// The same with more parameters.
    fn with(&mut self, method: &str, words: &str, behind: usize, more: Value) -> String {
        let before = &BUILD[..BUILD.find(words).unwrap() + behind];
        let (line, column) = (before.matches('\n').count(), before.rsplit('\n').next().unwrap().len());
        let position = json!({"line": line, "character": column});
        let mut params = json!({"textDocument": {"uri": self.uri("build.hlb")}, "position": position});
        params.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.ask(method, params)
    }

    fn ask(&mut self, method: &str, params: Value) -> String {
        let answer = self.client.ask(method, params);
        let answer = answer.get("result").unwrap_or(&answer["error"]);
        self.shown(answer)
    }

    /// An answer with ranges as `line:column-line:column`, without the directory; a list as lines.
    fn shown(&self, answer: &Value) -> String {
        match short(answer) {
            Value::Array(items) => items.iter().map(Value::to_string).collect::<Vec<_>>().join("\n"),
            other => other.to_string(),
        }
        .replace(&self.uri(""), "")
        .replace(&format!("{}/", self.directory.path().display()), "")
    }
}

fn short(value: &Value) -> Value {
    match value {
        Value::Object(map) => {
            let part = |name: &str| map.get(name).map(|it| it.as_u64().map_or_else(|| text(&short(it)), |it| it.to_string()));
            match (map.len(), part("line"), part("character"), part("start"), part("end")) {
                (2, Some(line), Some(character), _, _) => json!(format!("{line}:{character}")),
                (2, _, _, Some(start), Some(end)) => json!(format!("{start}-{end}")),
                _ => map.iter().map(|(name, value)| (name.clone(), short(value))).collect(),
            }
        }
        Value::Array(items) => items.iter().map(short).collect(),
        other => other.clone(),
    }
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn range(start: (u32, u32), end: (u32, u32)) -> Value {
    let position = |(line, character): (u32, u32)| json!({"line": line, "character": character});
    json!({"start": position(start), "end": position(end)})
}

#[test]
fn completion() {
    let mut session = Session::new();
    let context = json!({"context": {"triggerKind": 1}});
    let list = session.with("textDocument/completion", "dir \"/\"", 2, context.clone());
    let list: Value = serde_json::from_str(&list).unwrap();
    let item = list["items"].as_array().unwrap().iter().find(|it| it["label"] == "dir").unwrap().clone();
    insta::assert_snapshot!(item, @"");
    let item = raw_item(&mut session, "dir \"/\"", "dir");
    let item = session.client.ask("completionItem/resolve", item);
    let doc = item["result"]["documentation"]["value"].as_str().unwrap();
    insta::assert_snapshot!(doc.lines().next().unwrap(), @"");
    // A member of a module, as a snippet and without.
    let item = raw_item(&mut session, "tool \"one\"", "tool");
    insta::assert_snapshot!(session.shown(&item), @"");
    let mut plain = Session::able(json!({}));
    let item = raw_item(&mut plain, "tool \"one\"", "tool");
    insta::assert_snapshot!(plain.shown(&item), @"");
}

/// An item as the server sent it.
fn raw_item(session: &mut Session, words: &str, label: &str) -> Value {
    let before = &BUILD[..BUILD.find(words).unwrap() + 1];
    let (line, column) = (before.matches('\n').count(), before.rsplit('\n').next().unwrap().len());
    let params = Client::at(&session.uri("build.hlb"), line as u32, column as u32);
    let list = session.client.ask("textDocument/completion", params);
    let items = list["result"]["items"].as_array().unwrap().iter();
    let found: Vec<&Value> = items.filter(|it| it["label"] == label).collect();
    assert_eq!(found.len(), 1, "{label}: {list}");
    found[0].clone()
}

#[test]
fn signature_help() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/signatureHelp", "\"one\"", 0), @"");
    let mut plain = Session::able(json!({}));
    insta::assert_snapshot!(plain.at("textDocument/signatureHelp", "\"one\"", 0), @"");
}

#[test]
fn hover() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/hover", "tool \"one\"", 1), @"");
    let mut plain = Session::able(json!({}));
    insta::assert_snapshot!(plain.at("textDocument/hover", "tool \"one\"", 1), @"");
}

#[test]
fn definition_declaration_type_definition_and_implementation() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/definition", "tool \"one\"", 1), @"");
    insta::assert_snapshot!(session.at("textDocument/declaration", "lib.tool", 1), @"");
    insta::assert_snapshot!(session.at("textDocument/typeDefinition", "mode = ", 1), @"");
    insta::assert_snapshot!(session.at("textDocument/implementation", "base\n", 1), @"");
    let mut plain = Session::able(json!({}));
    insta::assert_snapshot!(plain.at("textDocument/definition", "tool \"one\"", 1), @"");
}

#[test]
fn references_and_highlights() {
    let mut session = Session::new();
    let context = json!({"context": {"includeDeclaration": true}});
    insta::assert_snapshot!(session.with("textDocument/references", "tool \"one\"", 1, context), @"");
    insta::assert_snapshot!(session.at("textDocument/documentHighlight", "base\n", 1), @"");
}

#[test]
fn symbols_of_a_document_and_of_all_files() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/documentSymbol", "enum", 0), @"");
    insta::assert_snapshot!(session.ask("workspace/symbol", json!({"query": "too"})), @"");
    let mut plain = Session::able(json!({}));
    insta::assert_snapshot!(plain.at("textDocument/documentSymbol", "enum", 0), @"");
}

#[test]
fn rename_with_its_preparation() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/prepareRename", "tool \"one\"", 1), @"");
    let name = json!({"newName": "gadget"});
    insta::assert_snapshot!(session.with("textDocument/rename", "tool \"one\"", 1, name.clone()), @"");
    insta::assert_snapshot!(session.at("textDocument/prepareRename", "image", 1), @"");
    let mut plain = Session::able(json!({}));
    insta::assert_snapshot!(plain.with("textDocument/rename", "base(", 1, name), @"");
}

#[test]
fn code_actions() {
    let mut session = Session::new();
    let uri = session.uri("build.hlb");
    // A mistake to mend: `base` becomes `bas` where it is used.
    session.client.edit(&uri, 2, [8, 4, 8, 5], "");
    let told = session.client.diagnostics(&uri, Some(2));
    let mut params = json!({
        "textDocument": {"uri": uri}, "range": range((8, 1), (8, 4)),
        "context": {"diagnostics": told, "only": ["quickfix"]},
    });
    insta::assert_snapshot!(session.ask("textDocument/codeAction", params.clone()), @"");
    params["context"]["only"] = json!(["source.unknown"]);
    assert_eq!(session.ask("textDocument/codeAction", params.clone()), "");
    session.client.edit(&uri, 3, [8, 1, 8, 4], "base");
    params["range"] = range((9, 10), (9, 15));
    params["context"] = json!({"diagnostics": [], "only": ["refactor.extract"]});
    insta::assert_snapshot!(session.ask("textDocument/codeAction", params), @"");
}

#[test]
fn lenses() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/codeLens", "enum", 0), @"");
}

#[test]
fn folds_and_selections() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/foldingRange", "enum", 0), @"");
    let positions = json!({"positions": [{"line": 9, "character": 3}, {"line": 99, "character": 0}]});
    insta::assert_snapshot!(session.with("textDocument/selectionRange", "enum", 0, positions), @"");
}

#[test]
fn links() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/documentLink", "enum", 0), @"");
}

#[test]
fn semantic_tokens_whole_in_part_and_as_a_difference() {
    let mut session = Session::new();
    let uri = session.uri("build.hlb");
    let document = json!({"textDocument": {"uri": uri}});
    let all = session.client.ask("textDocument/semanticTokens/full", document.clone());
    let numbers = all["result"]["data"].as_array().unwrap().clone();
    assert_eq!(numbers.len() % 5, 0);
    insta::assert_snapshot!(json!(numbers[..15]), @"");
    let part = session.with("textDocument/semanticTokens/range", "enum", 0, json!({"range": range((8, 0), (8, 9))}));
    insta::assert_snapshot!(part, @"");
    session.client.edit(&uri, 2, [2, 0, 2, 0], "# x\n");
    let before = json!({"textDocument": {"uri": uri}, "previousResultId": all["result"]["resultId"]});
    let delta = session.client.ask("textDocument/semanticTokens/full/delta", before.clone());
    insta::assert_snapshot!(delta["result"]["edits"], @"");
    // The same numbers come of the difference and of a new question.
    let mut edited = numbers;
    for edit in delta["result"]["edits"].as_array().unwrap() {
        let start = edit["start"].as_u64().unwrap() as usize;
        let end = start + edit["deleteCount"].as_u64().unwrap() as usize;
        edited.splice(start..end, edit["data"].as_array().unwrap().iter().cloned());
    }
    assert_eq!(session.client.ask("textDocument/semanticTokens/full", document)["result"]["data"], json!(edited));
    let stale = session.client.ask("textDocument/semanticTokens/full/delta", before);
    assert_eq!(stale["result"]["data"], json!(edited), "what is not known any more is answered as a whole");
}

#[test]
fn hints() {
    let mut session = Session::new();
    let all = json!({"range": range((0, 0), (99, 0))});
    insta::assert_snapshot!(session.with("textDocument/inlayHint", "enum", 0, all), @"");
}

#[test]
fn call_hierarchy() {
    let mut session = Session::new();
    insta::assert_snapshot!(session.at("textDocument/prepareCallHierarchy", "tool \"one\"", 1), @"");
    let params = Client::at(&session.uri("build.hlb"), 9, 6);
    let item = session.client.ask("textDocument/prepareCallHierarchy", params)["result"][0].clone();
    insta::assert_snapshot!(session.ask("callHierarchy/incomingCalls", json!({"item": item})), @"");
    let params = Client::at(&session.uri("build.hlb"), 7, 4);
    let item = session.client.ask("textDocument/prepareCallHierarchy", params)["result"][0].clone();
    insta::assert_snapshot!(session.ask("callHierarchy/outgoingCalls", json!({"item": item})), @"");
}

#[test]
fn linked_editing() {
    let mut session = Session::new();
    let uri = session.uri("lib.hlb");
    session.client.open(&uri, LIB);
    let params = Client::at(&uri, 3, 22);
    insta::assert_snapshot!(session.ask("textDocument/linkedEditingRange", params), @"");
}

#[test]
fn formatting_of_all_of_a_range_and_while_typing() {
    let mut session = Session::new();
    let uri = session.uri("build.hlb");
    session.client.edit(&uri, 2, [8, 0, 8, 1], "    ");
    session.client.edit(&uri, 3, [5, 12, 5, 12], "  ");
    let options = json!({"options": {"tabSize": 4, "insertSpaces": false}});
    insta::assert_snapshot!(session.with("textDocument/formatting", "enum", 0, options.clone()), @"");
    let mut params = options;
    params["range"] = range((8, 0), (8, 2));
    insta::assert_snapshot!(session.with("textDocument/rangeFormatting", "enum", 0, params.clone()), @"");
    params["ch"] = json!("}");
    insta::assert_snapshot!(session.with("textDocument/onTypeFormatting", "}\n", 0, params.clone()), @"");
    let place = json!({"position": {"line": 13, "character": 1}});
    params.as_object_mut().unwrap().extend(place.as_object().unwrap().clone());
    insta::assert_snapshot!(session.with("textDocument/onTypeFormatting", "enum", 0, params), @"");
}

#[test]
fn moved_files_take_the_imports_of_others_along() {
    let mut session = Session::new();
    let files = json!([{"oldUri": session.uri("lib.hlb"), "newUri": session.uri("tools/lib.hlb")}]);
    insta::assert_snapshot!(session.ask("workspace/willRenameFiles", json!({"files": files})), @"");
}

#[test]
fn the_graph_of_a_target_and_how_the_server_is() {
    let mut session = Session::new();
    let uri = session.uri("build.hlb");
    insta::assert_snapshot!(session.ask("hlb/graph", json!({"uri": uri, "target": "base"})), @"");
    insta::assert_snapshot!(session.ask("hlb/graph", json!({"uri": uri, "target": "nothing"})), @"");
    session.client.settled(&uri);
    let status = session.client.ask("hlb/status", json!({}))["result"].clone();
    let names: Vec<&String> = status.as_object().unwrap().keys().collect();
    assert_eq!(names, ["files", "folders", "memory", "milliseconds", "open", "version"]);
    assert_eq!(status["open"], 1);
    assert!(status["memory"].as_u64().unwrap() > 1 << 20, "{status}");
}
