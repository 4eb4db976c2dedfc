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
}

impl Client {
    /// A server that has been started and nothing more.
    pub(crate) fn start() -> Self {
        let mut process =
            Command::new(env!("CARGO_BIN_EXE_hlb-lsp")).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
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
        Self { process, stdin, heard, notes: VecDeque::new(), next: 0 }
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
        let known = self.notes.iter().position(|it| it["id"] == id);
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

    /// All versions for which diagnostics have come so far.
    pub(crate) fn versions_heard(&mut self) -> Vec<i64> {
        self.notes.extend(self.heard.try_iter());
        self.notes.iter().filter_map(|note| note["params"]["version"].as_i64()).collect()
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
        let until = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < until, "the server does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    fn write(&mut self, message: &Value) {
        let body = message.to_string();
        let stdin = self.stdin.as_mut().unwrap();
        write!(stdin, "Content-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        stdin.flush().unwrap();
    }

    fn hear(&mut self, until: Instant, complaint: &str) -> Value {
        let left = until.saturating_duration_since(Instant::now());
        self.heard.recv_timeout(left).unwrap_or_else(|error| panic!("{complaint}: {error}"))
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
        if let Some(number) = line.strip_prefix("Content-Length: ") {
            length = number.trim().parse().ok();
        }
    }
    let mut body = vec![0; length?];
    from.read_exact(&mut body).ok()?;
    serde_json::from_slice(&body).ok()
}
