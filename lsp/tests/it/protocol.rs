//! What the protocol asks of every server, whatever its language: the checks that were made of ten servers before this one.

use serde_json::{Value, json};
use std::time::Instant;

use crate::chance::{Chance, Edited};
use crate::client::{Client, everything};

const URI: &str = "file:///work/build.hlb";
const TEXT: &str = "fs default() {\n\timage \"alpine\"\n}\n";

fn asked(client: &mut Client, uri: &str, line: u32, character: u32) -> Value {
    client.ask("textDocument/hover", Client::at(uri, line, character))
}

#[test]
fn a_session_begins_with_initialize() {
    let mut client = Client::start();
    assert_eq!(asked(&mut client, URI, 0, 0)["error"]["code"], -32002);
    let offered = json!({"general": {"positionEncodings": ["utf-8", "utf-16"]}});
    let params = json!({"processId": null, "rootUri": null, "capabilities": offered});
    let result = client.ask("initialize", params.clone());
    let capabilities = &result["result"]["capabilities"];
    assert_eq!(capabilities["positionEncoding"], "utf-8");
    assert_eq!(capabilities["textDocumentSync"]["change"], 2);
    assert_eq!(result["result"]["serverInfo"]["name"], "hlb-lsp");
    assert_eq!(client.ask("initialize", params)["error"]["code"], -32600, "twice");
}

#[test]
fn a_client_without_abilities_is_served_in_utf_16() {
    let (mut client, capabilities) = Client::able(json!({}), &[], Value::Null);
    assert_eq!(capabilities["positionEncoding"], "utf-16");
    client.open(URI, TEXT);
    assert!(asked(&mut client, URI, 1, 2)["result"].is_object());
    // It is asked nothing, since it does not say that it answers.
    let asked: Vec<Value> = client.rest().into_iter().filter(|it| it.get("id").is_some()).collect();
    assert!(asked.is_empty(), "{asked:?}");
}

#[test]
fn what_is_not_understood_is_answered_or_left_alone() {
    let (mut client, _) = Client::able(everything(), &[], Value::Null);
    assert_eq!(client.ask("no/suchMethod", json!({}))["error"]["code"], -32601);
    client.tell("$/whatever", json!({}));
    client.tell("no/suchNotification", json!({}));
    client.tell("textDocument/didOpen", json!({"textDocument": 5}));
    client.open(URI, TEXT);
    assert!(asked(&mut client, URI, 1, 2)["result"].is_object());
    assert_eq!(client.ask("textDocument/hover", json!({"textDocument": 5}))["error"]["code"], -32602);
    for (uri, line, character) in
        [(URI, 99_999, 99_999), ("file:///work/unopened.hlb", 0, 0), ("untitled:Untitled-1", 0, 0), ("x:", 1, 1)]
    {
        let answer = asked(&mut client, uri, line, character);
        assert!(answer["result"].is_null() && answer.get("error").is_none(), "{uri}: {answer}");
    }
}

#[test]
fn a_cancelled_request_is_answered_once() {
    let (mut client, _) = Client::able(everything(), &[], Value::Null);
    client.open(URI, TEXT);
    for method in ["textDocument/hover", "textDocument/references", "textDocument/completion"] {
        let mut params = Client::at(URI, 1, 2);
        params["context"] = json!({"includeDeclaration": true, "triggerKind": 1});
        let id = client.send(method, params);
        client.tell("$/cancelRequest", json!({"id": id}));
        let answer = client.answer(id);
        let code = answer["error"]["code"].as_i64();
        assert!(code.is_none() || code == Some(-32800), "{method}: {answer}");
    }
    client.tell("$/cancelRequest", json!({"id": 4711}));
    assert!(asked(&mut client, URI, 1, 2)["result"].is_object());
}

#[test]
fn edits_in_either_encoding_end_at_the_diagnostics_of_their_text() {
    let broken = format!("{TEXT}\n# héllo 😀\noops\n");
    for encoding in ["utf-8", "utf-16"] {
        let (mut client, _) = Client::greeted(&[encoding]);
        client.open(URI, TEXT);
        let document = json!({"uri": URI, "version": 2});
        let whole = json!({"textDocument": document, "contentChanges": [{"text": broken}]});
        client.tell("textDocument/didChange", whole);
        let told = client.diagnostics(URI, Some(2));
        assert_eq!(told.as_array().unwrap().len(), 1, "{told}");
        let width = |text: &str| if encoding == "utf-8" { text.len() } else { text.encode_utf16().count() } as u32;
        let (mut chance, mut version) = (Chance::new(3), 2);
        let mut lines: Vec<String> = broken.split('\n').map(str::to_owned).collect();
        for _ in 0..300 {
            version += 1;
            let at = chance.below(lines.len());
            let line = &lines[at];
            let start = line.floor_char_boundary(chance.below(line.len() + 1));
            let end = line.ceil_char_boundary((start + chance.below(3)).min(line.len()));
            let new = chance.of(&["é", "😀", "x", " ", "\n", ""]);
            let (from, to) = (width(&line[..start]), width(&line[..end]));
            client.edit(URI, version, [at as u32, from, at as u32, to], new);
            let changed = format!("{}{new}{}", &line[..start], &line[end..]);
            lines.splice(at..=at, changed.split('\n').map(str::to_owned));
        }
        let last = width(lines.last().unwrap());
        client.edit(URI, version + 1, [0, 0, lines.len() as u32 - 1, last], &broken);
        let start = Instant::now();
        assert!(asked(&mut client, URI, 1, 2)["result"].is_object());
        assert!(start.elapsed().as_secs() < 5, "a question behind many edits waits");
        assert_eq!(client.diagnostics(URI, Some(version + 1)), told, "{encoding}");
        let versions = client.versions_heard();
        assert!(versions.is_sorted(), "{versions:?}");
        client.tell("textDocument/didClose", json!({"textDocument": {"uri": URI}}));
        assert_eq!(client.diagnostics(URI, None), json!([]));
    }
}

#[test]
fn a_session_ends_as_it_was_announced() {
    let (mut client, _) = Client::able(everything(), &[], Value::Null);
    let answer = client.ask("shutdown", Value::Null);
    assert!(answer.get("result").is_some_and(Value::is_null), "{answer}");
    assert_eq!(asked(&mut client, URI, 0, 0)["error"]["code"], -32600);
    client.tell("exit", Value::Null);
    assert_eq!(client.ended().code(), Some(0), "with its input left open");
    let (mut client, _) = Client::greeted(&[]);
    client.tell("exit", Value::Null);
    assert_eq!(client.ended().code(), Some(1), "without a shutdown");
    let (client, _) = Client::greeted(&[]);
    client.end();
    Client::start().end();
}

#[test]
fn the_whole_text_and_ranges_may_come_in_one_change() {
    let (mut client, _) = Client::greeted(&["utf-16"]);
    client.open(URI, "");
    let range = json!({"start": {"line": 1, "character": 1}, "end": {"line": 1, "character": 2}});
    client.tell(
        "textDocument/didChange",
        json!({"textDocument": {"uri": URI, "version": 2}, "contentChanges": [
            {"text": "fs default() {\n\t𝄞\n}\n"},
            {"range": {"start": {"line": 1, "character": 1}, "end": {"line": 1, "character": 3}}, "text": "x"},
            {"range": range, "text": "scratch"},
        ]}),
    );
    assert_eq!(client.diagnostics(URI, Some(2)), json!([]));
    let mut edited = Edited { uri: URI, text: "fs default() {\n\tscratch\n}\n".to_owned(), version: 2 };
    edited.replace(&mut client, 16, 23, "nope");
    assert_eq!(client.diagnostics(URI, Some(3)).as_array().unwrap().len(), 1);
}
