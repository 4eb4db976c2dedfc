//! Messages as bytes.
//!
//! Owns the frames (`Content-Length: N`, an empty line, N bytes of JSON) and how to find the next one behind a broken one.
//! Knows nothing of what messages mean.

use std::io::{self, BufRead, Read};

use serde_json::Value;
use tower_lsp::jsonrpc::{Error, ErrorCode, Id, Request, Response};

/// A message that says it is longer is broken.
const LONGEST: usize = 1 << 30;

/// Of a line that should be a header, only so much of its end is looked at.
const HEADER: usize = 8 << 10;

const LENGTH: &[u8] = b"content-length:";

/// What came in.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A request or a notification.
    Request(Request),
    /// The client's answer to a request of ours.
    Response(Response),
    /// Nothing that could be understood, with the answer to it.
    Broken(Response),
}

/// A stream of messages.
pub(crate) struct Frames<R> {
    /// What has been taken from `from` and is to be read again.
    again: Vec<u8>,
    /// How much of it has been read.
    read: usize,
    from: R,
    /// Whether the last thing that came was broken, so that what follows up to a header is part of it.
    lost: bool,
}

impl<R: BufRead> Frames<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { again: Vec::new(), read: 0, from, lost: false }
    }

    /// The next message; `None` at the end of the input, be it within a message.
    ///
    /// # Errors
    /// If the input cannot be read.
    pub(crate) fn next(&mut self) -> io::Result<Option<Incoming>> {
        let length = match self.header()? {
            Header::End => return Ok(None),
            Header::Broken => return Ok(Some(broken(Id::Null, ErrorCode::ParseError))),
            Header::Length(length) => length,
        };
        let mut body = Vec::new();
        // Grows with what comes, not with what was announced.
        Read::by_ref(self).take(length as u64).read_to_end(&mut body)?;
        if body.len() < length {
            return Ok(None);
        }
        let Ok(value) = serde_json::from_slice(&body) else {
            // Perhaps it was shorter than it said, and holds the beginning of the next one.
            let next = find(&body).or_else(|| begun(&body));
            self.put_back(next.and_then(|at| body.get(at..)).unwrap_or_default());
            self.lost = true;
            return Ok(Some(broken(Id::Null, ErrorCode::ParseError)));
        };
        self.lost = false;
        Ok(Some(understood(value)))
    }

    fn header(&mut self) -> io::Result<Header> {
        let mut length = None;
        loop {
            let Some(line) = self.line()? else { return Ok(Header::End) };
            let line = line.trim_ascii();
            let good = match find(line) {
                Some(at) if at > 0 && !self.lost => {
                    self.put_back(&[line.get(at..).unwrap_or_default(), b"\n"].concat());
                    false
                }
                Some(at) => {
                    let number = line.get(at + LENGTH.len()..).and_then(|it| std::str::from_utf8(it).ok());
                    length = number.and_then(|it| it.trim().parse().ok()).filter(|length| *length <= LONGEST);
                    length.is_some()
                }
                None if line.is_empty() => match length {
                    Some(length) => return Ok(Header::Length(length)),
                    None => true,
                },
                None => line.starts_with(b"Content-Type:") || line.starts_with(b"content-type:"),
            };
            if !good && !std::mem::replace(&mut self.lost, true) {
                return Ok(Header::Broken);
            }
        }
    }

    /// The end of the next line; `None` at the end of the input.
    fn line(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut line = Vec::new();
        loop {
            let some = self.fill_buf()?;
            if some.is_empty() {
                return Ok(None);
            }
            let end = some.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(some.len(), |end| end + 1);
            line.extend_from_slice(some.get(..taken).unwrap_or_default());
            self.consume(taken);
            if line.len() > 2 * HEADER {
                line.drain(..line.len() - HEADER);
            }
            if end.is_some() {
                return Ok(Some(line));
            }
        }
    }

    /// Makes the end of what was read last, as it was or shorter, the next that is read. What follows it is not moved: who sends
    /// many broken messages in one waits for each of them only once.
    fn put_back(&mut self, bytes: &[u8]) {
        let start = self.read.checked_sub(bytes.len());
        match start.and_then(|start| Some((start, self.again.get_mut(start..self.read)?))) {
            Some((start, room)) => {
                room.copy_from_slice(bytes);
                self.read = start;
            }
            // All of `again` was read, and more behind it.
            None => (self.again, self.read) = (bytes.to_vec(), 0),
        }
    }
}

enum Header {
    End,
    Broken,
    Length(usize),
}

impl<R: BufRead> Read for Frames<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = self.fill_buf()?.read(into)?;
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Frames<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        match self.again.get(self.read..) {
            Some(rest) if !rest.is_empty() => Ok(self.again.get(self.read..).unwrap_or_default()),
            _ => self.from.fill_buf(),
        }
    }

    fn consume(&mut self, count: usize) {
        if self.read < self.again.len() {
            self.read += count;
            if self.read >= self.again.len() {
                (self.again, self.read) = (Vec::new(), 0);
            }
        } else {
            self.from.consume(count);
        }
    }
}

/// A message with its header.
pub(crate) fn framed(message: &impl serde::Serialize) -> Vec<u8> {
    let body = serde_json::to_vec(message).unwrap_or_default();
    let mut frame = format!("Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    frame.extend(body);
    frame
}

fn understood(value: Value) -> Incoming {
    let id = value.get("id").and_then(|id| serde_json::from_value(id.clone()).ok()).unwrap_or(Id::Null);
    if value.get("method").is_some_and(Value::is_string) {
        if let Ok(request) = serde_json::from_value(value) {
            return Incoming::Request(request);
        }
    } else if (value.get("result").is_some() || value.get("error").is_some())
        && let Ok(response) = serde_json::from_value(value)
    {
        return Incoming::Response(response);
    }
    broken(id, ErrorCode::InvalidRequest)
}

fn broken(id: Id, code: ErrorCode) -> Incoming {
    Incoming::Broken(Response::from_error(id, Error::new(code)))
}

/// Where a header with a length starts.
fn find(bytes: &[u8]) -> Option<usize> {
    bytes.windows(LENGTH.len()).position(|it| it.eq_ignore_ascii_case(LENGTH))
}

/// Where a header with a length starts of which the end is cut off.
fn begun(bytes: &[u8]) -> Option<usize> {
    let first = bytes.len().saturating_sub(LENGTH.len() - 1);
    (first..bytes.len()).find(|at| {
        let end = bytes.get(*at..).unwrap_or_default();
        LENGTH.get(..end.len()).is_some_and(|start| start.eq_ignore_ascii_case(end))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(body: &str) -> String {
        format!("Content-Length: {}\r\n\r\n{body}", body.len())
    }

    fn note(method: &str) -> String {
        frame(&format!(r#"{{"jsonrpc":"2.0","method":"{method}"}}"#))
    }

    fn heard(input: impl AsRef<[u8]>) -> Vec<String> {
        let mut frames = Frames::new(input.as_ref());
        let mut heard = Vec::new();
        while let Some(incoming) = frames.next().unwrap() {
            heard.push(match incoming {
                Incoming::Request(request) => request.method().to_owned(),
                Incoming::Response(response) => format!("response {}", response.id()),
                Incoming::Broken(response) => format!("{} for {}", response.error().unwrap().code, response.id()),
            });
        }
        heard
    }

    #[test]
    fn messages_follow_each_other() {
        assert_eq!(heard(note("a") + &note("b")), ["a", "b"]);
        let other = note("abc")
            .replace("Content-Length: 32\r\n\r\n", "content-length:0032\nContent-Type: x; charset=utf-8\n\n");
        assert_eq!(heard(other), ["abc"]);
        assert_eq!(heard(frame(r#"{"jsonrpc":"2.0","id":3,"result":null}"#)), ["response 3"]);
        assert!(heard("").is_empty());
        assert!(heard("Content-Length: 99\r\n\r\n{}").is_empty());
    }

    #[test]
    fn the_message_behind_a_broken_one_is_found() {
        let long = note("cut").replace("{", "{{{{");
        for (broken, said) in [
            (frame("{"), "-32700 for null"),
            (note("short").replace(": 34", ": 9"), "-32700 for null"),
            (note("long").replace(": 33", ": 60"), "-32700 for null"),
            (note("long").replace(": 33", ": 35"), "-32700 for null"),
            (long, "-32700 for null"),
            ("Content-Length: -1\r\n\r\n{}".to_owned(), "-32700 for null"),
            ("Content-Length: 99999999999\r\n\r\n".to_owned(), "-32700 for null"),
            ("Length: 2\r\n\r\n{}".to_owned(), "-32700 for null"),
            ("x".repeat(100_000), "-32700 for null"),
            (frame("[]"), "-32600 for null"),
            (frame(r#"{"jsonrpc":"2.0","id":"a"}"#), "-32600 for \"a\""),
            (frame(r#"{"jsonrpc":"1.0","id":4,"method":"x"}"#), "-32600 for 4"),
            (frame(&"[".repeat(100_000)), "-32700 for null"),
        ] {
            assert_eq!(heard(broken.clone() + &note("next")), [said, "next"], "{:.99}", broken);
        }
        let mut bytes = b"Content-Length: 4\r\n\r\n\"\xff\xfe\"".to_vec();
        bytes.extend(note("next").bytes());
        assert_eq!(heard(bytes), ["-32700 for null", "next"]);
    }

    #[test]
    fn many_broken_messages_in_one_are_read_once() {
        let many = 200_000;
        let start = std::time::Instant::now();
        let said = heard(frame(&"Content-Length: 1\r\n\r\nx".repeat(many)) + &note("next"));
        assert_eq!(said.len(), many + 2);
        assert_eq!(said.last().unwrap(), "next");
        // Minutes, if each of them moved the rest.
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }

    #[test]
    fn no_bytes_are_too_wild() {
        let good = (note("one") + &note("two") + &frame(r#"{"jsonrpc":"2.0","id":3,"result":null}"#)).into_bytes();
        let mut state = 1_u64;
        let mut chance = |limit: usize| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (state >> 33) as usize % limit
        };
        let mut lost = 0;
        for _ in 0..5_000 {
            let mut bytes = good.clone();
            for _ in 0..=chance(3) {
                let at = chance(bytes.len());
                match chance(3) {
                    0 => bytes[at] = chance(256) as u8,
                    1 => drop(bytes.remove(at)),
                    _ => bytes.insert(at, b"\n9{C"[chance(4)]),
                }
            }
            lost += usize::from(!heard(bytes).iter().any(|it| it == "one" || it == "two"));
        }
        assert!(lost < 1500, "of two messages, none was found in {lost} of 5000 broken streams");
    }
}
