//! A web server on the loopback interface: files, and git over HTTP.
//!
//! ```text
//!  /NAME          a file of `www`, with time, entity tag and ranges left out
//!  /named         the same, with a name of its own in Content-Disposition
//!  /private       only with the header `Authorization: Bearer open sesame`
//!  /told          what the request's `Accept` and `User-Agent` said
//!  /git/NAME      git's own server; /git-private/NAME wants a token as GitHub does
//! ```
//!
//! Owns just so much of HTTP as its two clients speak.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use crate::namespaces::ADVICE;

/// Where it listens.
pub const HOST: &str = "127.0.0.1:8080";

/// `x-access-token:sesame` in base64: how a token is sent for git.
const TOKEN: &str = "basic eC1hY2Nlc3MtdG9rZW46c2VzYW1l";

/// Starts the server; it ends with the process. Serves `www` and `repositories` of a directory.
///
/// # Panics
/// If it cannot listen.
pub fn start(directory: &Path) {
    let listener = TcpListener::bind(HOST).unwrap();
    let directory: Arc<Path> = directory.into();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let directory = Arc::clone(&directory);
            std::thread::spawn(move || {
                // A client that goes away is no failure of ours.
                let _ = serve(&stream, &directory);
            });
        }
    });
}

struct Request {
    method: String,
    path: String,
    query: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Request {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map(String::as_str).unwrap_or_default()
    }

    fn read(stream: &TcpStream) -> std::io::Result<Self> {
        let mut reader = BufReader::new(stream);
        let mut line = || {
            let mut line = String::new();
            reader.read_line(&mut line).map(|_| line.trim_end().to_owned())
        };
        let first = line()?;
        let mut words = first.split(' ');
        let method = words.next().unwrap_or_default().to_owned();
        let target = words.next().unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let mut headers = BTreeMap::new();
        loop {
            let line = line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            headers.insert(name.to_lowercase(), value.trim().to_owned());
        }
        let mut request = Self { method, path: path.to_owned(), query: query.to_owned(), headers, body: Vec::new() };
        let length = request.header("content-length").parse().unwrap_or(0);
        reader.take(length).read_to_end(&mut request.body)?;
        Ok(request)
    }
}

fn serve(stream: &TcpStream, directory: &Path) -> std::io::Result<()> {
    let request = Request::read(stream)?;
    let told;
    match request.path.trim_start_matches('/').split_once('/') {
        Some(("git", rest)) => git(stream, &request, directory, rest),
        Some(("git-private", _)) if !request.header("authorization").eq_ignore_ascii_case(TOKEN) => {
            answer(stream, "401 Unauthorized", &[("WWW-Authenticate", "Basic realm=\"git\"")], b"")
        }
        Some(("git-private", rest)) => git(stream, &request, directory, rest),
        _ if request.path == "/private" && request.header("authorization") != "Bearer open sesame" => {
            answer(stream, "401 Unauthorized", &[], b"")
        }
        _ if request.path == "/told" => {
            told = format!("accept: {}\nagent: {}\n", request.header("accept"), request.header("user-agent"));
            content(stream, &request, &[], told.as_bytes())
        }
        _ => match std::fs::read(directory.join("www").join(request.path.trim_start_matches('/'))) {
            Ok(bytes) if request.path == "/named" => {
                content(stream, &request, &[("Content-Disposition", "attachment; filename=\"other-name\"")], &bytes)
            }
            Ok(bytes) => content(stream, &request, &[], &bytes),
            Err(_) => answer(stream, "404 Not Found", &[], b""),
        },
    }
}

/// A document that has a time and a tag.
fn content(stream: &TcpStream, request: &Request, more: &[(&str, &str)], bytes: &[u8]) -> std::io::Result<()> {
    let tag = format!("\"{}\"", hlb_llb::Digest::of(bytes).hex());
    let mut headers = vec![("ETag", tag.as_str()), ("Last-Modified", "Fri, 14 Jul 2017 02:40:00 GMT")];
    headers.extend(more);
    if request.header("if-none-match") == tag {
        return answer(stream, "304 Not Modified", &headers, b"");
    }
    let length = bytes.len().to_string();
    if request.method == "HEAD" {
        headers.push(("Content-Length", &length));
        return head(stream, "200 OK", &headers);
    }
    answer(stream, "200 OK", &headers, bytes)
}

fn head(mut stream: &TcpStream, status: &str, headers: &[(&str, &str)]) -> std::io::Result<()> {
    let mut head = format!("HTTP/1.1 {status}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())
}

fn answer(mut stream: &TcpStream, status: &str, headers: &[(&str, &str)], body: &[u8]) -> std::io::Result<()> {
    let length = body.len().to_string();
    let all: Vec<(&str, &str)> = headers.iter().copied().chain([("Content-Length", length.as_str())]).collect();
    head(stream, status, &all)?;
    stream.write_all(body)
}

/// Hands a request to git's own server, which speaks CGI.
fn git(mut stream: &TcpStream, request: &Request, directory: &Path, rest: &str) -> std::io::Result<()> {
    let mut command = Command::new("git");
    command
        .arg("http-backend")
        .env("GIT_PROJECT_ROOT", PathBuf::from(directory).join("repositories"))
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("PATH_INFO", format!("/{rest}"))
        .env("QUERY_STRING", &request.query)
        .env("REQUEST_METHOD", &request.method)
        .env("CONTENT_TYPE", request.header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", request.header("content-encoding"))
        .env("GIT_PROTOCOL", request.header("git-protocol"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let mut child =
        command.spawn().unwrap_or_else(|error| panic!("`git http-backend` cannot be started ({error}): {ADVICE}"));
    // What it reads is small, and it reads all before it answers.
    let written = child.stdin.take().unwrap().write_all(&request.body);
    let output = child.wait_with_output()?.stdout;
    written?;
    let end = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(output.len());
    let text = String::from_utf8_lossy(&output[..end]).into_owned();
    let headers: Vec<(&str, &str)> = text.lines().filter_map(|line| line.split_once(": ")).collect();
    let status = headers.iter().find(|(name, _)| *name == "Status").map_or("200 OK", |(_, status)| status);
    let others: Vec<(&str, &str)> = headers.iter().copied().filter(|(name, _)| *name != "Status").collect();
    head(stream, status, &others)?;
    stream.write_all(output.get(end + 4..).unwrap_or_default())
}
