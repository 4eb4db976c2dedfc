//! Sessions with what no client should send. Each file of `tests/sessions` is one: a line for each step, as JSON.
//!
//! `{"send": M}` sends a message, `{"raw": T}` a text as it is, `{"hex": H}` bytes, `{"fill": [N, T]}` a text N times,
//! `{"frame": T}` a text with its right header, `{"change": {version, head, times, text, tail}}` a whole new text of
//! `file:///work/build.hlb`, `{"hear": M}` waits for a message that has at least what M has (with others skipped), `{"code": N}`
//! for the end of the process. Behind each session that does not end, the server is asked something.

use serde_json::{Value, json};

use crate::client::{Client, everything};

#[test]
fn sessions_with_broken_messages_go_on() {
    let mut played = 0;
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sessions");
    let mut files: Vec<_> = std::fs::read_dir(directory).unwrap().map(|it| it.unwrap().path()).collect();
    files.sort();
    for file in files {
        play(&file.display().to_string(), &std::fs::read_to_string(&file).unwrap());
        played += 1;
    }
    assert!(played >= 12, "{played} sessions");
}

fn play(name: &str, steps: &str) {
    let (mut client, _) = Client::able(everything(), &[], Value::Null);
    for (at, line) in steps.lines().enumerate() {
        let step: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{name}:{}: {error}", at + 1));
        let (verb, what) = step.as_object().unwrap().iter().next().unwrap();
        match verb.as_str() {
            "send" => {
                let mut message = what.clone();
                message["jsonrpc"] = json!("2.0");
                client.write(&message);
            }
            "raw" => client.raw(what.as_str().unwrap().as_bytes()),
            "frame" => {
                let body = what.as_str().unwrap();
                client.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
            }
            "change" => {
                let part = |name: &str| what[name].as_str().unwrap_or_default();
                let many = part("text").repeat(what["times"].as_u64().unwrap() as usize);
                let text = format!("{}{many}{}", part("head"), part("tail"));
                let document = json!({"uri": "file:///work/build.hlb", "version": what["version"]});
                let params = json!({"textDocument": document, "contentChanges": [{"text": text}]});
                client.tell("textDocument/didChange", params);
            }
            "hex" => {
                let bytes = what.as_str().unwrap().split_whitespace();
                client.raw(&bytes.map(|it| u8::from_str_radix(it, 16).unwrap()).collect::<Vec<u8>>());
            }
            "fill" => client.raw(what[1].as_str().unwrap().repeat(what[0].as_u64().unwrap() as usize).as_bytes()),
            "hear" => client.wait_for(&format!("{name}:{}: {what}", at + 1), |message| holds(message, what)),
            "code" => {
                assert_eq!(client.ended().code().map(i64::from), what.as_i64(), "{name}:{}", at + 1);
                return;
            }
            other => panic!("{name}:{}: {other} is no step", at + 1),
        }
    }
    client.open("file:///work/last.hlb", "fs default() {\n\tscratch\n}\n");
    let hover = client.ask("textDocument/hover", Client::at("file:///work/last.hlb", 1, 3));
    assert!(hover["result"].is_object(), "{name}: {hover}");
}

/// Whether a message has all that is expected of it.
fn holds(found: &Value, expected: &Value) -> bool {
    match expected {
        Value::Object(map) => map.iter().all(|(name, value)| found.get(name).is_some_and(|it| holds(it, value))),
        other => found == other,
    }
}
