//! Whole sessions: what is offered, what is answered, and in which order.

use serde_json::{Value, json};

use crate::client::{Client, everything};

const URI: &str = "file:///work/build.hlb";

/// A session that has a document open.
fn with(text: &str) -> Client {
    let (mut client, _) = Client::greeted(&["utf-16"]);
    client.open(URI, text);
    client
}

fn messages(diagnostics: &Value) -> Vec<String> {
    let list = diagnostics.as_array().unwrap().iter();
    list.map(|it| {
        let start = &it["range"]["start"];
        let message = it["message"].as_str().unwrap().lines().next().unwrap();
        format!("{}:{} {} {message}", start["line"], start["character"], it["code"].as_str().unwrap())
    })
    .collect()
}

#[test]
fn what_is_offered_follows_what_the_client_can() {
    let names = |capabilities: &Value| {
        let map = capabilities.as_object().unwrap();
        map.keys().map(|it| it.trim_end_matches("Provider")).collect::<Vec<_>>().join(" ")
    };
    let (_client, little) = Client::greeted(&["utf-16"]);
    insta::assert_snapshot!(names(&little), @"callHierarchy codeLens completion declaration definition documentFormatting documentHighlight documentLink documentOnTypeFormatting documentRangeFormatting documentSymbol foldingRange hover implementation inlayHint linkedEditingRange positionEncoding references rename selectionRange signatureHelp textDocumentSync typeDefinition workspace workspaceSymbol");
    let (_client, all) = Client::able(everything(), &[], Value::Null);
    insta::assert_snapshot!(names(&all), @"callHierarchy codeAction codeLens completion declaration definition documentFormatting documentHighlight documentLink documentOnTypeFormatting documentRangeFormatting documentSymbol foldingRange hover implementation inlayHint linkedEditingRange positionEncoding references rename selectionRange semanticTokens signatureHelp textDocumentSync typeDefinition workspace workspaceSymbol");
    assert_eq!(all["renameProvider"]["prepareProvider"], true);
    assert_eq!(little["renameProvider"], true);
    let (_, capabilities) = Client::greeted(&["utf-16", "utf-8"]);
    assert_eq!(capabilities["positionEncoding"], "utf-8");
    let (_, capabilities) = Client::greeted(&[]);
    assert_eq!(capabilities["positionEncoding"], "utf-16");
}

#[test]
fn mistakes_are_told_when_a_file_is_opened_and_changed() {
    let mut client = with("fs default() {\n\tscratc\n}\n");
    assert_eq!(messages(&client.diagnostics(URI, Some(1))), ["1:1 E0101 `scratc` is not defined"]);
    client.edit(URI, 2, [1, 7, 1, 7], "h");
    assert!(messages(&client.diagnostics(URI, Some(2))).is_empty());
    client.tell("textDocument/didClose", json!({"textDocument": {"uri": URI}}));
    assert!(messages(&client.diagnostics(URI, None)).is_empty());
}

#[test]
fn columns_are_those_that_were_agreed_on() {
    let text = "fs default() {\n\tmkfile \"/𝄞\" 0o644 \"x\"; scratc\n}\n";
    for (encoding, column) in [("utf-16", 25), ("utf-8", 27)] {
        let (mut client, _) = Client::greeted(&[encoding]);
        client.open(URI, text);
        let told = messages(&client.diagnostics(URI, Some(1)));
        assert_eq!(told, [format!("1:{column} E0101 `scratc` is not defined")], "{encoding}");
    }
}

#[test]
fn mistakes_in_an_unsaved_import_reach_its_users() {
    let dir = tempfile::tempdir().unwrap();
    let uri = |name: &str| format!("file://{}/{name}", dir.path().display());
    std::fs::write(dir.path().join("lib.hlb"), "export tool\n\nfs tool() {\n\tscratch\n}\n").unwrap();
    let (mut client, _) = Client::greeted(&["utf-16"]);
    client.open(&uri("build.hlb"), "import lib from \"./lib.hlb\"\n\nfs default() {\n\tlib.tool\n}\n");
    assert!(messages(&client.diagnostics(&uri("build.hlb"), Some(1))).is_empty());
    client.open(&uri("lib.hlb"), "export other\n\nfs other() {\n\tscratch\n}\n");
    let told = messages(&client.diagnostics(&uri("build.hlb"), Some(1)));
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].starts_with("3:5 E0101"), "{told:?}");
}

#[test]
fn hover_definition_outline_and_format_are_answered() {
    let mut client = with("# Makes it.\nfs it() {\n\tscratch\n}\n\nfs default() {\n  it\n}\n");
    let hover = client.ask("textDocument/hover", Client::at(URI, 6, 3));
    insta::assert_snapshot!(hover["result"]["contents"]["value"].as_str().unwrap(), @r"
    fs it()

    Makes it.
    ");
    let definition = client.ask("textDocument/definition", Client::at(URI, 6, 2));
    insta::assert_snapshot!(definition["result"].to_string(), @r#"{"range":{"end":{"character":5,"line":1},"start":{"character":3,"line":1}},"uri":"file:///work/build.hlb"}"#);
    let document = json!({"textDocument": {"uri": URI}});
    let outline = client.ask("textDocument/documentSymbol", document.clone());
    let names: Vec<&str> =
        outline["result"].as_array().unwrap().iter().map(|it| it["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["it", "default"]);
    let options = json!({"tabSize": 4, "insertSpaces": false});
    let format = client.ask("textDocument/formatting", json!({"textDocument": {"uri": URI}, "options": options}));
    insta::assert_snapshot!(format["result"].to_string(), @r#"[{"newText":"\tit\n","range":{"end":{"character":0,"line":7},"start":{"character":0,"line":6}}}]"#);
    let nothing = client.ask("textDocument/hover", Client::at("file:///not/open.hlb", 0, 0));
    assert_eq!(nothing["result"], Value::Null);
}

#[test]
fn places_outside_the_text_are_no_reason_to_fail() {
    let mut client = with("fs default() {\n\tscratch\n}\n");
    for (line, column) in [(0, 9999), (9999, 0), (u32::MAX, u32::MAX)] {
        let answer = client.ask("textDocument/hover", Client::at(URI, line, column));
        assert_eq!(answer["result"], Value::Null, "{line}:{column}: {answer}");
    }
    client.edit(URI, 2, [9, 9, 3, 3], "x");
    client.edit(URI, 3, [0, 0, 9999, 0], "fs default() {\n\tnope\n}\n");
    assert_eq!(messages(&client.diagnostics(URI, Some(3))), ["1:1 E0101 `nope` is not defined"]);
}

#[test]
fn two_thousand_edits_are_seen_in_order() {
    let mut client = with("fs default() {\n\tscratch\n}\n\n# ");
    // One letter behind the other: in any other order the name at the end would not come out.
    let name: String = (0..2000).map(|at| char::from(b'a' + (at * 7 % 26) as u8)).collect();
    for (at, letter) in name.chars().enumerate() {
        client.edit(URI, at as i64 + 2, [4, at as u32 + 2, 4, at as u32 + 2], &letter.to_string());
    }
    client.edit(URI, 2002, [4, 0, 4, 2], "fs ");
    client.edit(URI, 2003, [4, 2003, 4, 2003], "() { scratch; }");
    // A question right behind the edits sees all of them.
    let outline = client.ask("textDocument/documentSymbol", json!({"textDocument": {"uri": URI}}));
    assert_eq!(outline["result"][1]["name"], name.as_str());
    assert!(messages(&client.diagnostics(URI, Some(2003))).is_empty());
    let versions = client.versions_heard();
    assert!(versions.is_sorted(), "diagnostics went back in time: {versions:?}");
}

#[test]
fn many_questions_at_once_are_all_answered() {
    let mut client = with("fs default() {\n\tscratch\n}\n");
    let asked: Vec<i64> = (0..500).map(|_| client.send("textDocument/hover", Client::at(URI, 1, 3))).collect();
    for id in asked {
        assert!(client.answer(id)["result"]["contents"]["value"].as_str().unwrap().contains("scratch"));
    }
}

#[test]
fn what_is_unknown_is_answered_with_an_error() {
    let mut client = with("fs default() {\n\tscratch\n}\n");
    assert_eq!(client.ask("textDocument/frobnicate", json!({}))["error"]["code"], -32601);
    assert_eq!(client.ask("textDocument/hover", json!({"nonsense": 1}))["error"]["code"], -32602);
    assert!(client.ask("textDocument/hover", Client::at(URI, 1, 3)).get("error").is_none());
}

#[test]
fn the_exit_code_says_whether_the_end_was_announced() {
    let (mut client, _) = Client::greeted(&[]);
    assert_eq!(client.ask("shutdown", Value::Null)["result"], Value::Null);
    client.tell("exit", Value::Null);
    assert_eq!(client.end().code(), Some(0));
    let (mut client, _) = Client::greeted(&[]);
    client.tell("exit", Value::Null);
    assert_eq!(client.end().code(), Some(1));
    let (client, _) = Client::greeted(&[]);
    assert_eq!(client.end().code(), Some(1), "the client is gone");
}

#[test]
fn arguments_are_few() {
    let run = |argument: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_hlb-lsp")).arg(argument).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    };
    assert_eq!(run("--version"), (Some(0), format!("hlb-lsp {}\n", env!("CARGO_PKG_VERSION"))));
    assert!(run("-h").1.contains("Usage: hlb-lsp"));
    let wrong = "error: `--port` is not an option of hlb-lsp\nhelp: see --help\n".to_owned();
    assert_eq!(run("--port"), (Some(2), wrong));
}
