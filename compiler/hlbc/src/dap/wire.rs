//! The protocol's messages on standard input and output.
//!
//! Owns framing, sequence numbers, and the thread that reads: it also ends what is being waited for when the client wants an end.
//! Knows no debugging.

use std::io::{self, BufRead, Read as _, Write};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

/// The longest message that is read.
const LONGEST: u64 = 16 << 20;
/// How long an orderly end may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// What comes in.
pub(super) enum Incoming {
    Request(Request),
    /// Something that is no request, and what is to be said of it.
    Junk(String),
    /// The client is gone.
    End,
}

/// A request.
#[derive(Clone, Debug)]
pub(super) struct Request {
    seq: i64,
    pub(super) command: String,
    pub(super) arguments: Value,
}

impl Request {
    /// Whether it ends what is being waited for.
    pub(super) fn ends_waiting(&self) -> bool {
        matches!(self.command.as_str(), "disconnect" | "terminate" | "restart" | "pause")
    }
}

/// What is being waited for, to end it.
#[derive(Clone, Default)]
pub(super) struct Waiting(Arc<Mutex<Wait>>);

#[derive(Default)]
struct Wait {
    token: CancellationToken,
    /// How many requests that end it were read and not heard yet: what begins meanwhile is ended, too.
    pending: usize,
    /// Whether nobody will want anything any more.
    for_good: bool,
}

impl Waiting {
    /// Ends it because of a request that will be heard.
    fn end(&self) {
        let mut wait = self.lock();
        wait.token.cancel();
        wait.pending += 1;
    }

    fn end_for_good(&self) {
        let mut wait = self.lock();
        wait.token.cancel();
        wait.for_good = true;
    }

    /// A request that has ended waiting is heard now.
    pub(super) fn heard(&self) {
        let mut wait = self.lock();
        wait.pending = wait.pending.saturating_sub(1);
    }

    /// A new wait, which signals end as well.
    pub(super) fn begin(&self, around: &CancellationToken) -> CancellationToken {
        let token = around.child_token();
        let mut wait = self.lock();
        if wait.for_good || wait.pending > 0 {
            token.cancel();
        }
        wait.token = token.clone();
        token
    }

    /// The wait that was begun last.
    pub(super) fn current(&self) -> CancellationToken {
        self.lock().token.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Wait> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Ends a session as if the client had gone.
#[derive(Clone)]
pub(super) struct Hangup {
    sender: mpsc::Sender<Incoming>,
    waiting: Waiting,
}

impl Hangup {
    pub(super) fn end(&self) {
        self.waiting.end_for_good();
        // Whoever does not receive any more has ended.
        let _ = self.sender.send(Incoming::End);
    }
}

/// The other side.
#[derive(Clone)]
pub(super) struct Client {
    seq: Arc<AtomicI64>,
    out: Arc<Mutex<io::Stdout>>,
}

impl Client {
    fn send(&self, mut message: Value) {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(fields) = message.as_object_mut() {
            fields.insert("seq".to_owned(), self.seq.fetch_add(1, Ordering::Relaxed).into());
        }
        let body = message.to_string();
        // Whoever has gone away hears nothing; the reader sees that.
        let _ = write!(out, "Content-Length: {}\r\n\r\n{body}", body.len()).and_then(|()| out.flush());
    }

    pub(super) fn reply(&self, to: &Request, body: Value) {
        self.send(json!({
            "type": "response", "request_seq": to.seq, "command": to.command, "success": true, "body": body,
        }));
    }

    /// Answers that something cannot be done, with words for the user.
    pub(super) fn refuse(&self, to: &Request, why: &str) {
        // The client puts variables where braces are, and takes those in a variable as they are.
        let error = json!({"id": 1, "format": "{why}", "variables": {"why": why}, "showUser": true});
        self.send(json!({
            "type": "response", "request_seq": to.seq, "command": to.command, "success": false, "message": why,
            "body": {"error": error},
        }));
    }

    pub(super) fn event(&self, event: &str, body: Value) {
        self.send(json!({"type": "event", "event": event, "body": body}));
    }

    /// Asks the client for something; its answer is not waited for.
    pub(super) fn ask(&self, command: &str, arguments: Value) {
        self.send(json!({"type": "request", "command": command, "arguments": arguments}));
    }

    /// Says something in the console.
    pub(super) fn say(&self, category: &str, text: &str) {
        self.event("output", json!({"category": category, "output": format!("{text}\n")}));
    }
}

/// What is written here is shown in the console.
pub(super) struct Console(pub(super) Client, pub(super) Vec<u8>);

impl Write for Console {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.1.extend_from_slice(bytes);
        if let Some(end) = self.1.iter().rposition(|byte| *byte == b'\n') {
            let rest = self.1.split_off(end + 1);
            let lines = std::mem::replace(&mut self.1, rest);
            self.0.event("output", json!({"category": "stdout", "output": String::from_utf8_lossy(&lines)}));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What reading has started.
pub(super) struct Started {
    pub(super) client: Client,
    pub(super) inbox: mpsc::Receiver<Incoming>,
    pub(super) waiting: Waiting,
    pub(super) hangup: Hangup,
}

/// Starts to read.
///
/// # Errors
/// If the system gives no thread.
pub(super) fn start() -> io::Result<Started> {
    let client = Client { seq: Arc::new(AtomicI64::new(1)), out: Arc::new(Mutex::new(io::stdout())) };
    let (sender, inbox) = mpsc::channel();
    let waiting = Waiting::default();
    let ended = waiting.clone();
    let hangup = Hangup { sender: sender.clone(), waiting: waiting.clone() };
    std::thread::Builder::new().name("client".to_owned()).spawn(move || {
        let mut input = io::stdin().lock();
        loop {
            let incoming = read(&mut input);
            let is_end = match &incoming {
                Some(Incoming::Request(request)) => {
                    if request.ends_waiting() {
                        ended.end();
                    }
                    request.command == "disconnect"
                }
                Some(Incoming::Junk(_)) => false,
                Some(Incoming::End) => true,
                None => continue,
            };
            let sent = incoming.map_or(Ok(()), |incoming| sender.send(incoming));
            if is_end || sent.is_err() {
                break;
            }
        }
        ended.end_for_good();
        // What does not listen to that has had its time. Containers and mounts go with the process.
        std::thread::sleep(PATIENCE);
        std::process::exit(1);
    })?;
    Ok(Started { client, inbox, waiting, hangup })
}

/// The next message; none for an answer, which is not waited for, unless it says that something was not done.
fn read(input: &mut impl BufRead) -> Option<Incoming> {
    let mut length: Option<u64> = None;
    loop {
        let mut line = Vec::new();
        match input.take(4096).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return Some(Incoming::End),
            Ok(_) => {}
        }
        let line = String::from_utf8_lossy(&line);
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok(),
            None if line.trim().is_empty() => break,
            _ => {}
        }
    }
    let Some(length) = length else {
        return Some(Incoming::Junk("a message needs a `Content-Length`, which is a number".to_owned()));
    };
    if length > LONGEST {
        // The next message is behind this one.
        return Some(match io::copy(&mut input.take(length), &mut io::sink()) {
            Ok(skipped) if skipped == length => {
                Incoming::Junk("a message is longer than 16 MiB, and left out".to_owned())
            }
            _ => Incoming::End,
        });
    }
    let mut body = Vec::new();
    match input.take(length).read_to_end(&mut body) {
        Ok(read) if read as u64 == length => {}
        _ => return Some(Incoming::End),
    }
    let message: Value = match serde_json::from_slice(&body) {
        Ok(message) => message,
        Err(error) => return Some(Incoming::Junk(format!("a message is no JSON: {error}"))),
    };
    if message.get("type").and_then(Value::as_str) == Some("response") {
        let refused = message.get("success") == Some(&Value::Bool(false));
        let why = message.get("message").and_then(Value::as_str).unwrap_or("it does not say why");
        return refused.then(|| Incoming::Junk(format!("the editor did not do what it was asked for: {why}")));
    }
    let command = message.get("command").and_then(Value::as_str);
    let seq = message.get("seq").and_then(Value::as_i64);
    let (Some(command), Some(seq)) = (command, seq) else {
        return Some(Incoming::Junk("a request needs `seq` and `command`".to_owned()));
    };
    let arguments = message.get("arguments").cloned().unwrap_or_default();
    Some(Incoming::Request(Request { seq, command: command.to_owned(), arguments }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_and_junk_is_told() {
        let text = "Content-Length: 33\r\nX: y\r\n\r\n{\"seq\":1,\"command\":\"next\",\"a\":2}  ";
        let mut input = text.as_bytes();
        let Some(Incoming::Request(request)) = read(&mut input) else { panic!("no request") };
        assert_eq!((request.seq, request.command.as_str()), (1, "next"));
        let long = format!("Content-Length: {}\r\n\r\n{}", LONGEST + 1, " ".repeat(LONGEST as usize + 1));
        let both = format!("{long}{text}");
        let mut input = both.as_bytes();
        assert!(matches!(read(&mut input), Some(Incoming::Junk(_))));
        assert!(matches!(read(&mut input), Some(Incoming::Request(_))), "what is behind it is read");
        for junk in [
            "Content-Length: -1\r\n\r\n",
            "Content-Length: 3\r\n\r\n{a}",
            "X: y\r\n\r\n",
            "Content-Length: 2\r\n\r\n{}",
        ] {
            assert!(matches!(read(&mut junk.as_bytes()), Some(Incoming::Junk(_))), "{junk}");
        }
        for end in ["", "Content-Length: 18446744073709551615\r\n\r\nx", "Content-Length: 9\r\n\r\n{}", "Content-Le"] {
            assert!(matches!(read(&mut end.as_bytes()), Some(Incoming::End)), "{end}");
        }
        let refused = "{\"type\":\"response\",\"success\":false,\"message\":\"no terminal\"}";
        let refused = format!("Content-Length: {}\r\n\r\n{refused}", refused.len());
        let Some(Incoming::Junk(why)) = read(&mut refused.as_bytes()) else { panic!("it is not told") };
        assert!(why.ends_with(": no terminal"), "{why}");
        assert!(read(&mut "Content-Length: 19\r\n\r\n{\"type\":\"response\"}".as_bytes()).is_none());
    }
    #[test]
    fn what_begins_before_an_end_is_heard_is_ended() {
        let (waiting, around) = (Waiting::default(), CancellationToken::new());
        let first = waiting.begin(&around);
        waiting.end();
        assert!(first.is_cancelled() && waiting.begin(&around).is_cancelled());
        waiting.heard();
        let next = waiting.begin(&around);
        assert!(!next.is_cancelled() && !waiting.current().is_cancelled());
        around.cancel();
        assert!(next.is_cancelled());
        waiting.end_for_good();
        waiting.heard();
        assert!(waiting.begin(&CancellationToken::new()).is_cancelled());
    }
}
