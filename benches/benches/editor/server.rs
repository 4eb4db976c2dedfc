//! A language server behind pipes.
//!
//! Owns framing, and waiting for what it says. Knows no language.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::Result;
use crate::program::{Edit, File};

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Server {
    process: Child,
    stdin: ChildStdin,
    heard: Receiver<Value>,
    /// What came while something else was waited for.
    notes: VecDeque<Value>,
    next: i64,
    versions: BTreeMap<String, i64>,
}

impl Server {
    /// A server that has answered that it is ready, with a directory as its one folder.
    pub(crate) fn start(command: &[PathBuf], folder: &Path) -> Result<Self> {
        let (program, args) = command.split_first().ok_or("no command")?;
        let mut process = Command::new(program)
            .args(args)
            .current_dir(folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        let stdin = process.stdin.take().ok_or("no standard input")?;
        let mut stdout = BufReader::new(process.stdout.take().ok_or("no standard output")?);
        let (say, heard) = channel();
        std::thread::spawn(move || {
            while let Some(message) = read(&mut stdout) {
                if say.send(message).is_err() {
                    return;
                }
            }
        });
        let mut server = Self { process, stdin, heard, notes: VecDeque::new(), next: 0, versions: BTreeMap::new() };
        let uri = format!("file://{}", folder.display());
        let capabilities = json!({
            "general": {"positionEncodings": ["utf-16"]},
            "textDocument": {
                "publishDiagnostics": {"versionSupport": true, "relatedInformation": true},
                "completion": {"completionItem": {"snippetSupport": true}},
                "hover": {"contentFormat": ["markdown"]},
            },
            "workspace": {"workspaceFolders": true},
        });
        server.ask(
            "initialize",
            json!({"processId": std::process::id(), "rootUri": uri, "capabilities": capabilities,
                "workspaceFolders": [{"uri": uri, "name": "bench"}]}),
        )?;
        server.tell("initialized", json!({}))?;
        Ok(server)
    }

    pub(crate) fn open(&mut self, file: &File, language: &str) -> Result<()> {
        let item = json!({"uri": file.uri, "languageId": language, "version": 1, "text": file.text});
        self.versions.insert(file.uri.clone(), 1);
        self.tell("textDocument/didOpen", json!({"textDocument": item}))?;
        self.diagnostics(file, |count| count == 0)
    }

    /// Puts one text of a file in place of another.
    pub(crate) fn replace(&mut self, file: &File, before: &Edit, after: &Edit) -> Result<()> {
        let version = self.versions.entry(file.uri.clone()).and_modify(|version| *version += 1).or_insert(1);
        let document = json!({"uri": file.uri, "version": version});
        let [line, column, end_line, end_column] = before.range;
        let range =
            json!({"start": {"line": line, "character": column}, "end": {"line": end_line, "character": end_column}});
        let changes = json!([{"range": range, "text": after.text}]);
        self.tell("textDocument/didChange", json!({"textDocument": document, "contentChanges": changes}))
    }

    /// Waits for diagnostics of the newest version of a file with as many errors as there should be.
    pub(crate) fn diagnostics(&mut self, file: &File, right: impl Fn(usize) -> bool) -> Result<()> {
        let version = self.versions.get(&file.uri).copied();
        self.published(file, |params| params["version"].as_i64() == version, right)
    }

    /// The same for a file that has not changed itself.
    pub(crate) fn diagnostics_of_any_version(&mut self, file: &File, right: impl Fn(usize) -> bool) -> Result<()> {
        self.published(file, |_| true, right)
    }

    fn published(&mut self, file: &File, wanted: impl Fn(&Value) -> bool, right: impl Fn(usize) -> bool) -> Result<()> {
        let until = Instant::now() + PATIENCE;
        let mut last = Value::Null;
        loop {
            let message = match self.notes.pop_front() {
                Some(message) => message,
                None => self
                    .hear(until)
                    .map_err(|_| format!("no such diagnostics of {}; the last were {last}", file.uri))?,
            };
            let params = &message["params"];
            if message["method"] != "textDocument/publishDiagnostics" || params["uri"] != file.uri || !wanted(params) {
                continue;
            }
            let errors = params["diagnostics"].as_array().into_iter().flatten().filter(|it| it["severity"] == 1);
            if right(errors.count()) {
                return Ok(());
            }
            last = params.clone();
        }
    }

    /// The result of a request.
    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Result<Value> {
        self.next += 1;
        let id = self.next;
        self.write(&json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params}))?;
        let until = Instant::now() + PATIENCE;
        loop {
            let message = self.hear(until)?;
            if message["id"] == id && message.get("method").is_none() {
                let error = &message["error"];
                return if error.is_null() {
                    Ok(message["result"].clone())
                } else {
                    Err(format!("{method}: {error}").into())
                };
            }
            self.notes.push_back(message);
        }
    }

    fn tell(&mut self, method: &str, params: Value) -> Result<()> {
        self.write(&json!({"jsonrpc": "2.0", "method": method, "params": params}))
    }

    /// What it has in memory now.
    pub(crate) fn resident_kilobytes(&self) -> Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).ok_or("no VmRSS")?;
        Ok(line.trim().trim_end_matches(" kB").parse()?)
    }

    pub(crate) fn end(mut self) {
        let _ = self.ask("shutdown", Value::Null);
        let _ = self.tell("exit", Value::Null);
        let _ = self.process.kill();
        let _ = self.process.wait();
    }

    fn write(&mut self, message: &Value) -> Result<()> {
        let body = message.to_string();
        write!(self.stdin, "Content-Length: {}\r\n\r\n{body}", body.len())?;
        Ok(self.stdin.flush()?)
    }

    /// The next message; what the server asks is answered with nothing at once.
    fn hear(&mut self, until: Instant) -> Result<Value> {
        loop {
            let message = self.heard.recv_timeout(until.saturating_duration_since(Instant::now()))?;
            if message.get("method").is_none() || message.get("id").is_none() {
                return Ok(message);
            }
            let result = match message["params"]["items"].as_array() {
                Some(items) => Value::Array(items.iter().map(|_| Value::Null).collect()),
                None => Value::Null,
            };
            self.write(&json!({"jsonrpc": "2.0", "id": message["id"], "result": result}))?;
        }
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
