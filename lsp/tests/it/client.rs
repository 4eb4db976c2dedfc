//! A client that says what it is told to and remembers what it hears.
//!
//! Owns framing and waiting, with a limit on it: a server that does not answer fails the test.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Client {
    process: Child,
    stdin: Option<ChildStdin>,
    heard: Receiver<Value>,
    notes: VecDeque<Value>,
    next: i64,
    /// The answer to `workspace/configuration`.
    pub(crate) wanted: Value,
    /// Where the server finds what it keeps on a machine.
    pub(crate) home: tempfile::TempDir,
}

/// All that a client of today can do, but for asking for diagnostics.
pub(crate) fn everything() -> Value {
    json!({
        "general": {"positionEncodings": ["utf-16"]},
        "window": {"workDoneProgress": true},
        "workspace": {
            "configuration": true, "workspaceFolders": true, "workspaceEdit": {"documentChanges": true},
            "didChangeWatchedFiles": {"dynamicRegistration": true}, "fileOperations": {"willRename": true},
            "codeLens": {"refreshSupport": true}, "inlayHint": {"refreshSupport": true},
            "semanticTokens": {"refreshSupport": true}, "diagnostics": {"refreshSupport": true},
        },
        "textDocument": {
            "publishDiagnostics": {"relatedInformation": true, "tagSupport": {"valueSet": [1, 2]}, "dataSupport": true},
            "completion": {"completionItem": {
                "snippetSupport": true, "insertReplaceSupport": true, "documentationFormat": ["markdown"],
                "tagSupport": {"valueSet": [1]},
            }},
            "hover": {"contentFormat": ["markdown", "plaintext"]},
            "signatureHelp": {"signatureInformation": {
                "documentationFormat": ["markdown"], "parameterInformation": {"labelOffsetSupport": true},
            }},
            "definition": {"linkSupport": true}, "declaration": {"linkSupport": true},
            "typeDefinition": {"linkSupport": true}, "implementation": {"linkSupport": true},
            "documentSymbol": {"hierarchicalDocumentSymbolSupport": true},
            "codeAction": {
                "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["", "quickfix", "refactor", "source"]}},
                "isPreferredSupport": true,
                "disabledSupport": true,
            },
            "rename": {"prepareSupport": true},
            "foldingRange": {"lineFoldingOnly": true},
            "documentLink": {"tooltipSupport": true},
            "semanticTokens": {
                "requests": {"full": {"delta": true}, "range": true},
                "tokenTypes": [], "tokenModifiers": [], "formats": ["relative"],
            },
        },
    })
}

impl Client {
    /// A server that has been started and nothing more.
    pub(crate) fn start() -> Self {
        // Nothing that lies on this machine is to be seen.
        let home = tempfile::tempdir().unwrap();
        let mut process = Command::new(env!("CARGO_BIN_EXE_hlb-lsp"))
            .env("HLBC_ROOT", home.path().join("state"))
            .env("XDG_CACHE_HOME", home.path().join("cache"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut stdout = BufReader::new(process.stdout.take().unwrap());
        let (say, heard) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut stdout) {
                if say.send(message).is_err() {
                    return;
                }
            }
        });
        let stdin = process.stdin.take();
        Self { process, stdin, heard, notes: VecDeque::new(), next: 0, wanted: json!([null]), home }
    }

    /// A server for a client that can some things, has some folders and wants something.
    pub(crate) fn able(capabilities: Value, folders: &[&str], wanted: Value) -> (Self, Value) {
        let mut client = Self::start();
        client.wanted = json!([wanted]);
        let folders: Vec<Value> = folders.iter().map(|uri| json!({"uri": uri, "name": "work"})).collect();
        let params = json!({
            "processId": null, "rootUri": null, "capabilities": capabilities, "workspaceFolders": folders,
            "initializationOptions": {"commands": ["hlb.rename", "hlb.debug"]},
        });
        let result = client.ask("initialize", params);
        client.tell("initialized", json!({}));
        (client, result["result"]["capabilities"].clone())
    }

    /// A server that has agreed on an encoding; gives what it can do.
    pub(crate) fn greeted(encodings: &[&str]) -> (Self, Value) {
        let mut client = Self::start();
        let result = client.ask(
            "initialize",
            json!({
                "processId": null, "rootUri": null,
                "capabilities": {
                    "general": {"positionEncodings": encodings},
                    "textDocument": {"documentSymbol": {"hierarchicalDocumentSymbolSupport": true}},
                },
            }),
        );
        client.tell("initialized", json!({}));
        (client, result["result"]["capabilities"].clone())
    }

    pub(crate) fn tell(&mut self, method: &str, params: Value) {
        self.write(&json!({"jsonrpc": "2.0", "method": method, "params": params}));
    }

    /// Sends a request and gives its number.
    pub(crate) fn send(&mut self, method: &str, params: Value) -> i64 {
        self.next += 1;
        let id = self.next;
        self.write(&match params {
            Value::Null => json!({"jsonrpc": "2.0", "id": id, "method": method}),
            params => json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}),
        });
        id
    }

    /// The answer to a request, which may have come before that to an earlier one.
    pub(crate) fn answer(&mut self, id: i64) -> Value {
        let until = Instant::now() + PATIENCE;
        let known = self.notes.iter().position(|it| it["id"] == id && it.get("method").is_none());
        if let Some(message) = known.and_then(|at| self.notes.remove(at)) {
            return message;
        }
        loop {
            let message = self.hear(until, &format!("no answer to request {id}"));
            if message["id"] == id && message.get("method").is_none() {
                return message;
            }
            self.notes.push_back(message);
        }
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.send(method, params);
        self.answer(id)
    }

    /// The next diagnostics for a version of a document, with those of older versions skipped.
    pub(crate) fn diagnostics(&mut self, uri: &str, version: Option<i64>) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            let message = match self.notes.pop_front() {
                Some(message) => message,
                None => self.hear(until, "no diagnostics"),
            };
            let params = &message["params"];
            if message["method"] == "textDocument/publishDiagnostics"
                && params["uri"] == uri
                && params.get("version").and_then(Value::as_i64) == version
            {
                return params["diagnostics"].clone();
            }
        }
    }

    /// The next message of a method, with all others kept.
    pub(crate) fn note(&mut self, method: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(at) = self.notes.iter().position(|it| it["method"] == method) {
                return self.notes.remove(at).unwrap();
            }
            let message = self.hear(until, &format!("no {method}"));
            self.notes.push_back(message);
        }
    }

    /// Waits until all files have been looked at since the last change, and gives the diagnostics that the document then shows.
    pub(crate) fn settled(&mut self, uri: &str) -> Value {
        let until = Instant::now() + PATIENCE;
        while self.ask("hlb/status", json!({}))["result"]["milliseconds"].is_null() {
            assert!(Instant::now() < until, "the server never looks at all files");
            std::thread::sleep(Duration::from_millis(10));
        }
        // What was found is told by another task than the one that answers.
        self.ask("hlb/status", json!({}));
        let published = |it: &&Value| it["method"] == "textDocument/publishDiagnostics" && it["params"]["uri"] == uri;
        let last = self.notes.iter().rfind(published);
        last.map_or(Value::Null, |it| it["params"]["diagnostics"].clone())
    }

    /// Waits for a message; those before it are forgotten.
    pub(crate) fn wait_for(&mut self, complaint: &str, fits: impl Fn(&Value) -> bool) {
        let until = Instant::now() + PATIENCE;
        loop {
            let next = self.notes.pop_front();
            let message = next.unwrap_or_else(|| self.hear(until, complaint));
            if fits(&message) {
                return;
            }
        }
    }

    /// All that has come so far and was not looked at.
    pub(crate) fn rest(&mut self) -> Vec<Value> {
        while let Ok(message) = self.heard.try_recv() {
            self.reply(&message);
            self.notes.push_back(message);
        }
        self.notes.drain(..).collect()
    }

    pub(crate) fn process_id(&self) -> u32 {
        self.process.id()
    }

    /// Sends bytes as they are.
    pub(crate) fn raw(&mut self, bytes: &[u8]) {
        let stdin = self.stdin.as_mut().unwrap();
        // A server that has ended is noticed elsewhere.
        let _ = stdin.write_all(bytes).and_then(|()| stdin.flush());
    }

    /// Waits for the process to end by itself, with its input left open.
    pub(crate) fn ended(&mut self) -> ExitStatus {
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// All versions for which diagnostics have come so far.
    pub(crate) fn versions_heard(&mut self) -> Vec<i64> {
        let rest = self.rest();
        rest.iter().filter_map(|note| note["params"]["version"].as_i64()).collect()
    }

    pub(crate) fn open(&mut self, uri: &str, text: &str) {
        let item = json!({"uri": uri, "languageId": "hlb", "version": 1, "text": text});
        self.tell("textDocument/didOpen", json!({"textDocument": item}));
    }

    /// Replaces a range, given as line and column of start and end.
    pub(crate) fn edit(&mut self, uri: &str, version: i64, range: [u32; 4], text: &str) {
        let range = json!({
            "start": {"line": range[0], "character": range[1]},
            "end": {"line": range[2], "character": range[3]},
        });
        let document = json!({"uri": uri, "version": version});
        let changes = json!([{"range": range, "text": text}]);
        self.tell("textDocument/didChange", json!({"textDocument": document, "contentChanges": changes}));
    }

    pub(crate) fn at(uri: &str, line: u32, character: u32) -> Value {
        json!({"textDocument": {"uri": uri}, "position": {"line": line, "character": character}})
    }

    /// Ends standard input and waits for the process to end.
    pub(crate) fn end(mut self) -> ExitStatus {
        self.stdin = None;
        self.ended()
    }

    pub(crate) fn write(&mut self, message: &Value) {
        let body = message.to_string();
        self.raw(format!("Content-Length: {}\r\n\r\n{body}", body.len()).as_bytes());
    }

    fn hear(&mut self, until: Instant, complaint: &str) -> Value {
        let left = until.saturating_duration_since(Instant::now());
        let message = self.heard.recv_timeout(left).unwrap_or_else(|error| panic!("{complaint}: {error}"));
        self.reply(&message);
        message
    }

    /// Answers what the server asks.
    fn reply(&mut self, message: &Value) {
        if message.get("method").is_some() && message.get("id").is_some() {
            let result = if message["method"] == "workspace/configuration" { self.wanted.clone() } else { Value::Null };
            self.write(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}));
        }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read(from: &mut impl BufRead) -> Option<Value> {
    let mut length = None;
    loop {
        let mut line = String::new();
        if from.read_line(&mut line).ok()? == 0 {
            return None;
        }
        if line == "\r\n" {
            break;
        }
        let number = line.strip_prefix("Content-Length: ");
        length = Some(number.unwrap_or_else(|| panic!("no header: {line:?}")).trim().parse().unwrap());
    }
    let mut body = vec![0; length?];
    from.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
