//! What a client lends: a unix socket and a port that answer.
//!
//! Owns the answer: the line that was sent, after a few words of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::Path;

/// Starts both: `keys/echo.sock` below a directory, and port 7000 of the loopback interface.
///
/// # Panics
/// If they cannot be made.
pub fn start(directory: &Path) {
    let unix = UnixListener::bind(directory.join("keys/echo.sock")).unwrap();
    let tcp = TcpListener::bind("127.0.0.1:7000").unwrap();
    std::thread::spawn(move || unix.incoming().flatten().for_each(|stream| answer(&stream, &stream)));
    std::thread::spawn(move || tcp.incoming().flatten().for_each(|stream| answer(&stream, &stream)));
}

fn answer(from: impl Read, mut to: impl Write) {
    let mut line = String::new();
    // A client that goes away gets no answer.
    let _ = BufReader::new(from).read_line(&mut line).and_then(|_| to.write_all(format!("you said {line}").as_bytes()));
}
