//! HTTP clients and what they send.
//!
//! Owns time limits, proxies, the bodies of uploads and the watch over them. Knows no protocol of registries.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response, Url};
use tokio::io::AsyncReadExt;

use crate::failure::{FailureKind, causes};

const USER_AGENT: &str = concat!("hlbc/", env!("CARGO_PKG_VERSION"));
const CONNECT_TIMEOUT: Duration = Duration::from_secs(15);
/// Silence in the middle of an answer.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Silence after everything was sent: a registry may have to move a large blob.
const STORE_TIMEOUT: Duration = Duration::from_secs(600);
const PIECE: usize = 256 << 10;

/// The clients, each made at its first use.
#[derive(Default)]
pub(crate) struct Clients {
    /// For answers and for uploads, through a proxy or not.
    made: [OnceLock<Result<reqwest::Client, String>>; 4],
}

/// What goes with a request.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    None,
    Bytes { media_type: String, bytes: Vec<u8> },
    File { path: PathBuf, size: u64 },
}

impl Clients {
    /// The client for an address. One for uploads has no limit on the time to the answer; [`send_body`] watches.
    pub(crate) fn get(&self, url: &Url, upload: bool) -> Result<&reqwest::Client, FailureKind> {
        let loopback = is_loopback(url);
        let [plain, direct, plain_upload, direct_upload] = &self.made;
        let cell = match (upload, loopback) {
            (false, false) => plain,
            (false, true) => direct,
            (true, false) => plain_upload,
            (true, true) => direct_upload,
        };
        cell.get_or_init(|| {
            // An error says that there is a provider already, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
            let mut builder = reqwest::Client::builder().user_agent(USER_AGENT).connect_timeout(CONNECT_TIMEOUT);
            if !upload {
                builder = builder.read_timeout(READ_TIMEOUT);
            }
            if loopback {
                builder = builder.no_proxy();
            }
            builder.build().map_err(|error| causes(&error))
        })
        .as_ref()
        .map_err(|reason| FailureKind::Connect { reason: reason.clone() })
    }
}

impl Body {
    pub(crate) fn is_large(&self) -> bool {
        matches!(self, Self::File { .. })
    }
}

/// Sends a request with a body. A body from a file may take as long as it needs, as long as it moves.
pub(crate) async fn send_body(request: RequestBuilder, body: &Body) -> Result<Response, FailureKind> {
    match body {
        Body::None => send(request).await,
        Body::Bytes { media_type, bytes } => send(request.header(CONTENT_TYPE, media_type).body(bytes.clone())).await,
        Body::File { path, size } => {
            let unreadable =
                |error: io::Error| FailureKind::Local { reason: format!("cannot read `{}`: {error}", path.display()) };
            let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
            let sent = Arc::new(AtomicU64::new(0));
            let count = Arc::clone(&sent);
            let pieces = stream::try_unfold((file, *size), move |(mut file, left)| {
                let count = Arc::clone(&count);
                async move {
                    let wanted = usize::try_from(left).unwrap_or(PIECE).min(PIECE);
                    if wanted == 0 {
                        return Ok::<_, io::Error>(None);
                    }
                    let mut piece = vec![0; wanted];
                    file.read_exact(&mut piece).await?;
                    count.fetch_add(wanted as u64, Ordering::Relaxed);
                    Ok(Some((piece, (file, left - wanted as u64))))
                }
            });
            let request = request
                .header(CONTENT_TYPE, "application/octet-stream")
                .header(CONTENT_LENGTH, *size)
                .body(reqwest::Body::wrap_stream(pieces));
            tokio::select! {
                answer = send(request) => answer,
                failure = stalled(&sent, *size) => Err(failure),
            }
        }
    }
}

/// Returns when an upload does not move any more.
async fn stalled(sent: &AtomicU64, size: u64) -> FailureKind {
    let mut before = 0;
    loop {
        let limit = if before < size { READ_TIMEOUT } else { STORE_TIMEOUT };
        tokio::time::sleep(limit).await;
        let now = sent.load(Ordering::Relaxed);
        if now == before {
            let reason = format!("{now} of {size} bytes were sent, then nothing moved for {} s", limit.as_secs());
            return FailureKind::Broken { reason };
        }
        before = now;
    }
}

/// Sends a request.
pub(crate) async fn send(request: RequestBuilder) -> Result<Response, FailureKind> {
    request.send().await.map_err(|error| broken(&error))
}

pub(crate) fn broken(error: &reqwest::Error) -> FailureKind {
    // The address is said already, and a redirection's may hold a token.
    let source = std::error::Error::source(error);
    let reason = source.map_or_else(|| error.to_string(), causes);
    if error.is_connect() { FailureKind::Connect { reason } } else { FailureKind::Broken { reason } }
}

/// Whether an address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
