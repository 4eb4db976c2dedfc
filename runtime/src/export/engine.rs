//! An image into a Docker engine.
//!
//! Owns the conversation over the engine's socket: an image that it has only gets its name; an engine that can reach this process
//! pulls what it lacks of another one; otherwise all of it is streamed to the engine as an archive. What the engine says about
//! it in its answers is read to the end.

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream;
use hlb_llb::Digest;
use hlb_registry::Reference;
use reqwest::{Client, Response, StatusCode};
use serde_json::Value;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::archive::{self, Form, Image};
use super::image::Packed;
use super::loopback::Loopback;
use super::manifest::Documents;
use super::{ExportError, Stop};
use crate::engine::Engine as Machine;

/// Pieces of the archive that wait for the engine.
const AHEAD: usize = 8;
const PIECE: usize = 256 << 10;
const CONNECT: Duration = Duration::from_secs(15);
/// How long an engine may take to ask for the first thing that it pulls.
const UNHEARD: Duration = Duration::from_secs(5);
/// `{}` in base64.
const NO_LOGIN: &str = "e30=";
/// An answer of the engine, or a message in one, is a few words.
const MAX_MESSAGE: usize = 1 << 20;

/// The engine did not take the image.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    #[error(
        "no Docker engine listens on `{}`: {reason}; start it, or name the socket of another one in `DOCKER_HOST`",
        socket.display()
    )]
    Absent { socket: PathBuf, reason: String },
    #[error("the Docker engine on `{}` did not take the image: {message}", socket.display())]
    Refused { socket: PathBuf, message: String },
    #[error("the connection to the Docker engine on `{}` broke: {reason}", socket.display())]
    Broken { socket: PathBuf, reason: String },
    #[error("the export was cancelled")]
    Cancelled,
    #[error(transparent)]
    Archive(#[from] ExportError),
}

/// A Docker engine.
pub(crate) struct Engine {
    socket: PathBuf,
    client: Client,
}

impl Engine {
    /// The engine that listens on a socket; whether one does is not known yet.
    pub(crate) fn new(socket: &Path) -> Result<Self, EngineError> {
        // Fails only if a provider was installed before, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder().unix_socket(socket).no_proxy().connect_timeout(CONNECT).build();
        let client =
            client.map_err(|error| EngineError::Absent { socket: socket.to_owned(), reason: error.to_string() })?;
        Ok(Self { socket: socket.to_owned(), client })
    }

    /// Gives an image its names if the engine has it. The id of an image is the digest of its configuration, or, in an
    /// engine that keeps images as containerd does, that of its manifest.
    pub(crate) async fn name(
        &self,
        ids: impl Iterator<Item = &Digest>,
        names: &[Reference],
    ) -> Result<bool, EngineError> {
        for id in ids {
            let answer = self.client.get(format!("http://docker/images/{id}/json")).send().await;
            if answer.map_err(|error| self.broken(&error))?.status() != StatusCode::OK {
                continue;
            }
            for name in names {
                let url = format!("http://docker/images/{id}/tag");
                let query = [("repo", name.repository()), ("tag", name.tag().unwrap_or("latest").to_owned())];
                let Ok(url) = reqwest::Url::parse_with_params(&url, query) else { return Ok(false) };
                let answer = self.client.post(url).send().await.map_err(|error| self.broken(&error))?;
                // It may have been removed meanwhile.
                if !answer.status().is_success() {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        Ok(false)
    }

    /// Lets the engine pull an image, of which it asks for the layers that it lacks, and gives it its names. False if it does
    /// not, for whatever reason: it may run elsewhere. Otherwise the layers that it asked for.
    pub(crate) async fn pull(
        &self,
        machine: &Arc<Machine>,
        image: &Packed,
        names: &[Reference],
        cancel: &CancellationToken,
    ) -> Result<Option<Vec<Digest>>, EngineError> {
        let Ok(loopback) = Loopback::serve(machine, image).await else { return Ok(None) };
        let Documents { config_digest, manifest_digest, .. } = &image.documents;
        let (from, tag) = (loopback.repository.as_str(), manifest_digest.as_str());
        let pulled = async {
            let url = "http://docker/images/create";
            let url = reqwest::Url::parse_with_params(url, [("fromImage", from), ("tag", tag)]).ok()?;
            let answer = self.client.post(url).header("X-Registry-Auth", NO_LOGIN).send().await.ok()?;
            self.read(answer).await.ok()
        };
        let mut asked = loopback.asked.clone();
        let unheard = async {
            if tokio::time::timeout(UNHEARD, asked.wait_for(|asked| *asked)).await.is_ok() {
                std::future::pending::<()>().await;
            }
        };
        let pulled = tokio::select! {
            pulled = pulled => pulled,
            () = unheard => None,
            () = cancel.cancelled() => return Err(EngineError::Cancelled),
        };
        if pulled.is_none() {
            return Ok(None);
        }
        let named = self.name([config_digest, manifest_digest].into_iter(), names).await;
        // The name that it was pulled by leads nowhere from now on. That it stays is no reason to fail.
        let _ = self.client.delete(format!("http://docker/images/{from}@{tag}?noprune=true")).send().await;
        Ok(named?.then(|| loopback.given()))
    }

    /// Streams an image to the engine. Returns when it has it.
    pub(crate) async fn load(&self, image: &Image, cancel: &CancellationToken) -> Result<(), EngineError> {
        let (pieces, received) = mpsc::channel(AHEAD);
        let (image, socket, token) = (image.clone(), self.socket.clone(), cancel.clone());
        let writing = tokio::task::spawn_blocking(move || {
            let stop: Stop<'_> = &|| token.is_cancelled();
            let mut out = Pieces { pieces, piece: Vec::with_capacity(PIECE) };
            let written = archive::write(&image, Form::Docker, &mut out, &socket, stop);
            if let Err(error) = &written {
                // An archive that merely ends would be taken for a whole one.
                let _ = out.pieces.blocking_send(Err(io::Error::other(error.to_string())));
            } else {
                let _ = out.flush();
            }
            written
        });
        let body = stream::unfold(received, |mut received| async move {
            let piece: io::Result<Vec<u8>> = received.recv().await?;
            Some((piece, received))
        });
        let request = self.client.post("http://docker/images/load?quiet=1");
        let request = request.header("Content-Type", "application/x-tar").body(reqwest::Body::wrap_stream(body));
        let answered = tokio::select! {
            answered = async { self.read(request.send().await.map_err(|error| self.broken(&error))?).await } => answered,
            () = cancel.cancelled() => Err(EngineError::Cancelled),
        };
        // The connection is gone, so the writer ends too.
        let written = writing.await.unwrap_or_else(|error| Err(failed(&self.socket, &error)));
        match (answered, written) {
            (Err(EngineError::Broken { .. }), Err(error)) if !is_pipe(&error) => Err(error.into()),
            (answered, _) => answered,
        }
    }

    /// Reads what the engine says: JSON, one message after another, of which one may be an error.
    async fn read(&self, mut answer: Response) -> Result<(), EngineError> {
        let status = answer.status();
        let mut said = Vec::new();
        while let Some(bytes) = answer.chunk().await.map_err(|error| self.broken(&error))? {
            if said.len() + bytes.len() <= MAX_MESSAGE {
                said.extend_from_slice(&bytes);
            }
        }
        let messages = serde_json::Deserializer::from_slice(&said).into_iter::<Value>().map_while(Result::ok);
        let complaint = messages.filter_map(|message| complaint(&message)).last();
        match complaint {
            Some(message) => Err(EngineError::Refused { socket: self.socket.clone(), message }),
            None if status.is_success() => Ok(()),
            None => {
                let text = String::from_utf8_lossy(&said);
                let message = match text.trim() {
                    "" => format!("it answered {status}"),
                    text => format!("it answered {status}: {text}"),
                };
                Err(EngineError::Refused { socket: self.socket.clone(), message })
            }
        }
    }

    fn broken(&self, error: &reqwest::Error) -> EngineError {
        let mut reason = error.to_string();
        let mut source = std::error::Error::source(error);
        while let Some(inner) = source {
            reason = inner.to_string();
            source = inner.source();
        }
        let socket = self.socket.clone();
        if error.is_connect() { EngineError::Absent { socket, reason } } else { EngineError::Broken { socket, reason } }
    }
}

/// What a message complains of, if it does.
fn complaint(message: &Value) -> Option<String> {
    let detail = message.get("errorDetail").and_then(|detail| detail.get("message"));
    let text = detail.or_else(|| message.get("error")).or_else(|| message.get("message"))?;
    text.as_str().map(ToOwned::to_owned)
}

fn failed(socket: &Path, error: &tokio::task::JoinError) -> ExportError {
    ExportError::Write { path: socket.to_owned(), source: io::Error::other(error.to_string()) }
}

fn is_pipe(error: &ExportError) -> bool {
    matches!(error, ExportError::Write { source, .. } if source.kind() == io::ErrorKind::BrokenPipe)
}

/// Writes into a channel.
struct Pieces {
    pieces: mpsc::Sender<io::Result<Vec<u8>>>,
    piece: Vec<u8>,
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE));
        self.pieces.blocking_send(Ok(piece)).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }
}
