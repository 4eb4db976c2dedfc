//! A registry for one image, one reader and one moment.
//!
//! Owns what a Docker engine of this machine is answered that pulls an image from here: the manifest, the configuration and those
//! layers that it asks for, which are fetched or opened only then. It listens on the loopback address, and only who knows its
//! random name is answered. What is said to the engine is `engine`'s.

use std::io::{self, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hlb_llb::Digest;
use hlb_store::LayerId;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::task::AbortOnDropHandle;

use super::image::Packed;
use super::layers::fetch;
use super::manifest::Documents;
use crate::engine::Engine;
use crate::layer_blob::LayerBlob;

/// All that a request may be.
const MAX_HEAD: usize = 16 << 10;
/// How long a reader may think before it asks.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long nobody is let in after that has failed once.
const PAUSE: Duration = Duration::from_millis(50);

/// A registry that listens until it is dropped.
pub(super) struct Loopback {
    /// The name of the image, without tag or digest.
    pub(super) repository: String,
    /// Whether anybody has asked for anything.
    pub(super) asked: watch::Receiver<bool>,
    shelf: Arc<Shelf>,
    _listening: AbortOnDropHandle<()>,
}

/// What is given out.
struct Shelf {
    engine: Arc<Engine>,
    /// Behind the address.
    name: String,
    documents: Documents,
    blobs: Vec<LayerBlob>,
    given: Mutex<Vec<Digest>>,
    asked: watch::Sender<bool>,
}

/// An answer.
struct Answer {
    status: &'static str,
    media_type: &'static str,
    digest: Option<Digest>,
    /// Of the whole.
    size: u64,
    /// The first byte, if not all of it is sent.
    from: Option<u64>,
    body: Body,
}

enum Body {
    Bytes(Vec<u8>),
    File(File),
}

impl Loopback {
    /// Begins to listen.
    pub(super) async fn serve(engine: &Arc<Engine>, image: &Packed) -> io::Result<Self> {
        let listener = TcpListener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await?;
        let random = Digest::of(format!("{}{}", LayerId::random().as_str(), LayerId::random().as_str()));
        let name = format!("hlbc-{}/image", random.hex().get(..32).unwrap_or_default());
        let repository = format!("{}/{name}", listener.local_addr()?);
        let (told, asked) = watch::channel(false);
        let shelf = Arc::new(Shelf {
            engine: Arc::clone(engine),
            name,
            documents: image.documents.clone(),
            blobs: image.blobs.clone(),
            given: Mutex::default(),
            asked: told,
        });
        let serving = Arc::clone(&shelf);
        let listening = AbortOnDropHandle::new(tokio::spawn(async move {
            let mut readers = tokio::task::JoinSet::new();
            loop {
                let Ok((stream, _)) = listener.accept().await else {
                    // The reader has gone, or too many files are open right now: the next one may get in.
                    tokio::time::sleep(PAUSE).await;
                    continue;
                };
                while readers.try_join_next().is_some() {}
                let shelf = Arc::clone(&serving);
                readers.spawn(async move {
                    // A reader that has gone is not to be told.
                    let _ = shelf.answer(stream).await;
                });
            }
        }));
        Ok(Self { repository, asked, shelf, _listening: listening })
    }

    /// The layers that were given out.
    pub(super) fn given(&self) -> Vec<Digest> {
        self.shelf.given.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Shelf {
    /// Answers one request.
    async fn answer(&self, stream: TcpStream) -> io::Result<()> {
        let mut stream = BufReader::new(stream);
        let head = tokio::time::timeout(PATIENCE, head(&mut stream)).await??;
        let answer = match &head {
            Some(head) => self.find(head).await,
            // An engine tries TLS first, and goes on without when it hears that there is none.
            None => Answer::nothing("400 Bad Request"),
        };
        let is_head = head.is_some_and(|head| head.starts_with("HEAD "));
        answer.write(stream.into_inner(), is_head).await
    }

    async fn find(&self, head: &str) -> Answer {
        let mut words = head.split_whitespace();
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        if method != "GET" && method != "HEAD" {
            return Answer::nothing("405 Method Not Allowed");
        }
        if path == "/v2/" || path == "/v2" {
            return Answer::bytes("application/json", b"{}".to_vec(), None);
        }
        let what = path.strip_prefix("/v2/").and_then(|path| path.strip_prefix(&self.name));
        let Some(what) = what else { return Answer::nothing("404 Not Found") };
        self.asked.send_replace(true);
        let Documents { config, config_digest, manifest, manifest_digest, media_type } = &self.documents;
        if what.strip_prefix("/manifests/") == Some(manifest_digest.as_str()) {
            return Answer::bytes(media_type, manifest.clone(), Some(manifest_digest.clone()));
        }
        let Some(digest) = what.strip_prefix("/blobs/") else { return Answer::nothing("404 Not Found") };
        if digest == config_digest.as_str() {
            return Answer::bytes("application/octet-stream", config.clone(), Some(config_digest.clone()));
        }
        let Some(blob) = self.blobs.iter().find(|blob| blob.digest.as_str() == digest) else {
            return Answer::nothing("404 Not Found");
        };
        match self.layer(blob, range(head)).await {
            Ok(answer) => {
                if method == "GET" {
                    let mut given = self.given.lock().unwrap_or_else(PoisonError::into_inner);
                    // An engine asks again for what broke off.
                    if !given.contains(&blob.digest) {
                        given.push(blob.digest.clone());
                    }
                }
                answer
            }
            Err(_) => Answer::nothing("500 Internal Server Error"),
        }
    }

    async fn layer(&self, blob: &LayerBlob, from: Option<u64>) -> io::Result<Answer> {
        let layer = fetch(&self.engine, blob).await.map_err(io::Error::other)?;
        let mut file = File::open(&layer.path).await?;
        let from = from.filter(|from| *from < layer.size);
        if let Some(from) = from {
            file.seek(SeekFrom::Start(from)).await?;
        }
        let status = if from.is_some() { "206 Partial Content" } else { "200 OK" };
        let (media_type, digest) = ("application/octet-stream", Some(layer.digest.clone()));
        Ok(Answer { status, media_type, digest, size: layer.size, from, body: Body::File(file) })
    }
}

impl Answer {
    fn nothing(status: &'static str) -> Self {
        Self { status, ..Self::bytes("text/plain", Vec::new(), None) }
    }

    fn bytes(media_type: &'static str, bytes: Vec<u8>, digest: Option<Digest>) -> Self {
        Self { status: "200 OK", media_type, digest, size: bytes.len() as u64, from: None, body: Body::Bytes(bytes) }
    }

    async fn write(self, mut stream: TcpStream, is_head: bool) -> io::Result<()> {
        let length = self.size - self.from.unwrap_or_default();
        let mut head = format!(
            "HTTP/1.1 {}\r\nConnection: close\r\nDocker-Distribution-Api-Version: registry/2.0\r\nAccept-Ranges: bytes\r\n\
             Content-Type: {}\r\nContent-Length: {length}\r\n",
            self.status, self.media_type
        );
        if let Some(from) = self.from {
            head += &format!("Content-Range: bytes {from}-{}/{}\r\n", self.size - 1, self.size);
        }
        if let Some(digest) = &self.digest {
            head += &format!("Docker-Content-Digest: {digest}\r\n");
        }
        stream.write_all(head.as_bytes()).await?;
        stream.write_all(b"\r\n").await?;
        if !is_head {
            match self.body {
                Body::Bytes(bytes) => stream.write_all(&bytes).await?,
                Body::File(mut file) => drop(tokio::io::copy(&mut file, &mut stream).await?),
            }
        }
        stream.shutdown().await
    }
}

/// The head of a request; none if what comes is no HTTP.
async fn head(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let byte = stream.read_u8().await?;
        head.push(byte);
        // A method is a word in capitals.
        if head.len() == 1 && !byte.is_ascii_uppercase() || head.len() > MAX_HEAD {
            return Ok(None);
        }
    }
    Ok(Some(String::from_utf8_lossy(&head).into_owned()))
}

/// The first byte that a request wants. Ranges with an end, which nobody needs for layers, are answered with all of it.
fn range(head: &str) -> Option<u64> {
    let mut lines = head.lines().filter_map(|line| line.split_once(':'));
    let (_, range) = lines.find(|(name, _)| name.eq_ignore_ascii_case("range"))?;
    range.trim().strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_to_the_end_are_understood() {
        let of = |line: &str| range(&format!("GET / HTTP/1.1\r\nHost: x\r\n{line}\r\n\r\n"));
        assert_eq!([of("Range: bytes=5-"), of("range:bytes=0-")], [Some(5), Some(0)]);
        assert_eq!([of("Range: bytes=5-9"), of("Range: bytes=-5"), of("X: y")], [None; 3]);
    }
}
