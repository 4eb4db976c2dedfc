//! A web server for the files of a directory.
//!
//! Owns the fixture: one request a connection, as much of HTTP as git and we need.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};

pub(crate) struct Web {
    pub(crate) address: String,
}

impl Web {
    /// Serves a directory until the test ends.
    pub(crate) fn serve(dir: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let dir = dir.to_owned();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                // Who goes away early gets nothing.
                let _ = answer(&dir, connection);
            }
        });
        Self { address }
    }
}

fn answer(dir: &Path, connection: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(connection.try_clone()?).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    while lines.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let path = request.split(' ').nth(1).unwrap_or("/").split('?').next().unwrap_or("/");
    let file: PathBuf = dir.join(path.trim_start_matches('/'));
    let (status, body) = match std::fs::read(file) {
        Ok(body) => ("200 OK", body),
        Err(_) => ("404 Not Found", Vec::new()),
    };
    let mut connection = connection;
    write!(connection, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len())?;
    connection.write_all(&body)
}
