//! Where a daemon listens.
//!
//! Owns the forms of addresses and the way to a raw connection, through the Docker engine's API where BuildKit is part of it.
//! Knows nothing of gRPC.

use std::fmt;
use std::io;
use std::path::PathBuf;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use crate::error::BuildkitError;

/// Where a BuildKit daemon listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A unix socket of `buildkitd`: `unix:///run/buildkit/buildkitd.sock`.
    Unix(PathBuf),
    /// The unix socket of a Docker engine, which has BuildKit in it: `docker:///var/run/docker.sock`.
    Docker(PathBuf),
    /// A port, without TLS: `tcp://127.0.0.1:1234`. Holds `host:port`.
    Tcp(String),
}

/// A connection to a daemon.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Send + Unpin {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin> Wire for T {}

/// The answer to an upgrade is not longer than this.
const LONGEST_HEAD: usize = 16 << 10;

impl Address {
    /// Reads an address.
    ///
    /// # Errors
    /// [`BuildkitError::Address`]: the text is none, or of a kind that is not supported.
    pub fn parse(text: &str) -> Result<Self, BuildkitError> {
        let wrong = |problem| BuildkitError::Address { address: text.to_owned(), problem };
        let (scheme, rest) = text.split_once("://").ok_or_else(|| wrong("has no scheme"))?;
        match scheme {
            "unix" | "docker" if !rest.starts_with('/') => Err(wrong("does not name a socket by an absolute path")),
            "unix" => Ok(Self::Unix(rest.into())),
            "docker" => Ok(Self::Docker(rest.into())),
            "tcp" => match rest.rsplit_once(':') {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(Self::Tcp(rest.to_owned())),
                _ => Err(wrong("does not end with `host:port`")),
            },
            "docker-container" | "podman-container" | "nerdctl-container" | "kube-pod" | "ssh" | "fd" | "npipe" => {
                Err(wrong("is of a kind that is not supported yet"))
            }
            _ => Err(wrong("has a scheme that is not known")),
        }
    }

    /// Connects. Nothing was said yet on the connection.
    pub(crate) async fn open(&self) -> io::Result<Box<dyn Wire>> {
        Ok(match self {
            Self::Unix(path) => Box::new(UnixStream::connect(path).await?),
            Self::Docker(path) => Box::new(upgrade(UnixStream::connect(path).await?).await?),
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Box::new(stream)
            }
        })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Docker(path) => write!(f, "docker://{}", path.display()),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

/// Has the Docker engine connect us to its BuildKit.
async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<S> {
    let request =
        "POST /grpc HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == LONGEST_HEAD {
            return Err(io::Error::other("the answer is not that of a Docker engine"));
        }
        // One byte at a time: what follows the head is not ours to take.
        head.push(stream.read_u8().await?);
    }
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let line = String::from_utf8_lossy(line);
    match line.split(' ').nth(1) {
        Some("101") => Ok(stream),
        _ => Err(io::Error::other(format!("the Docker engine answered `{line}` to a request for BuildKit"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_and_written() {
        for text in ["unix:///run/buildkit/buildkitd.sock", "docker:///var/run/docker.sock", "tcp://[::1]:1234"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn other_texts_are_explained() {
        let texts =
            ["/run/x.sock", "unix://run/x", "tcp://host", "tcp://:1", "tcp://h:70000", "ssh://me@host", "http://h:1"];
        let errors = texts.map(|text| Address::parse(text).unwrap_err().to_string());
        insta::assert_snapshot!(errors.join("\n"), @r"
        `/run/x.sock` has no scheme: write `unix:///path`, `docker:///path` or `tcp://host:port`
        `unix://run/x` does not name a socket by an absolute path: write `unix:///path`, `docker:///path` or `tcp://host:port`
        `tcp://host` does not end with `host:port`: write `unix:///path`, `docker:///path` or `tcp://host:port`
        `tcp://:1` does not end with `host:port`: write `unix:///path`, `docker:///path` or `tcp://host:port`
        `tcp://h:70000` does not end with `host:port`: write `unix:///path`, `docker:///path` or `tcp://host:port`
        `ssh://me@host` is of a kind that is not supported yet: write `unix:///path`, `docker:///path` or `tcp://host:port`
        `http://h:1` has a scheme that is not known: write `unix:///path`, `docker:///path` or `tcp://host:port`
        ");
    }

    /// What comes of an upgrade that is answered so.
    async fn check(answer: &str) -> String {
        let (ours, mut theirs) = tokio::io::duplex(1 << 16);
        theirs.write_all(answer.as_bytes()).await.unwrap();
        let upgraded = upgrade(ours).await;
        let mut request = vec![0; 16];
        theirs.read_exact(&mut request).await.unwrap();
        assert_eq!(request, b"POST /grpc HTTP/");
        drop(theirs);
        match upgraded {
            Ok(mut stream) => {
                let mut rest = String::new();
                stream.read_to_string(&mut rest).await.unwrap();
                format!("then {rest}")
            }
            Err(error) => error.to_string(),
        }
    }

    #[tokio::test]
    async fn the_engine_is_asked_for_an_upgrade() {
        let yes = "HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\n\r\nfirst bytes";
        assert_eq!(check(yes).await, "then first bytes");
        let no = "HTTP/1.1 404 Not Found\r\n\r\n";
        assert_eq!(check(no).await, "the Docker engine answered `HTTP/1.1 404 Not Found` to a request for BuildKit");
        assert_eq!(check(&"x".repeat(LONGEST_HEAD)).await, "the answer is not that of a Docker engine");
    }
}
