//! HTTP clients and what they send.
//!
//! Owns time limits, proxies, the bodies of uploads and the watch over them. Knows no protocol of registries.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::stream;
use reqwest::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use reqwest::{Method, RequestBuilder, Response, Url};
use tokio::io::AsyncReadExt;

use crate::config::Host;
use crate::failure::{FailureKind, causes};
use crate::patience::Patience;
use crate::trust::{self, Trust};
use crate::warnings::Warnings;

const USER_AGENT: &str = concat!("hlbc/", env!("CARGO_PKG_VERSION"));
/// How often an answer may send a request on to another address.
pub(crate) const MAX_REDIRECTS: u32 = 10;
/// Silence after everything was sent: a registry may have to move a large blob.
const STORE_TIMEOUT: Duration = Duration::from_secs(600);
const PIECE: usize = 256 << 10;

/// The clients, each made at its first use.
pub(crate) struct Clients {
    hosts: BTreeMap<String, Host>,
    patience: Patience,
    made: Mutex<HashMap<Kind, reqwest::Client>>,
}

/// What tells clients apart.
#[derive(PartialEq, Eq, Hash)]
struct Kind {
    trust: Trust,
    connect: Duration,
    /// Silence in the middle of an answer. None for uploads, over which [`send_body`] watches.
    silence: Option<Duration>,
    /// Whether proxies are of no use.
    direct: bool,
}

/// What goes with a request.
#[derive(Clone, Debug)]
pub(crate) enum Body {
    None,
    Bytes { media_type: String, bytes: Vec<u8> },
    File { path: PathBuf, size: u64 },
}

impl Clients {
    pub(crate) fn new(hosts: BTreeMap<String, Host>, patience: Patience) -> Self {
        Self { hosts, patience, made: Mutex::default() }
    }

    pub(crate) fn set_patience(&mut self, patience: Patience) {
        self.patience = patience;
    }

    /// How long the host of an address is waited for.
    pub(crate) fn patience(&self, url: &Url) -> Patience {
        let said = self.host(url).and_then(|(_, host)| host.timeout);
        Patience { silence: said.unwrap_or(self.patience.silence), ..self.patience }
    }

    /// The client for an address, with what the configuration says about its host.
    pub(crate) fn get(&self, url: &Url, upload: bool, warnings: &Warnings) -> Result<reqwest::Client, FailureKind> {
        let patience = self.patience(url);
        let host = self.host(url);
        let kind = Kind {
            trust: host.map(|(_, host)| host.trust.clone()).unwrap_or_default(),
            connect: patience.connect,
            silence: (!upload).then_some(patience.silence),
            direct: is_loopback(url),
        };
        if let Some((name, host)) = host
            && host.trust.insecure
            && url.scheme() == "https"
        {
            warnings.tell(format!(
                "nobody checks who answers for `{name}`: `insecure` is set under `[registries.\"{name}\"]` in `hlbc.toml`"
            ));
        }
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = made.get(&kind) {
            return Ok(client.clone());
        }
        let name = host.map_or("", |(name, _)| name);
        let client = build(&kind).map_err(|reason| match kind.trust == Trust::default() {
            true => FailureKind::Connect { reason },
            false => FailureKind::Local { reason: format!("registry `{name}`: {reason}") },
        })?;
        made.insert(kind, client.clone());
        Ok(client)
    }

    /// Adds to a failure what it often means: who wants to see a certificate first ends the connection without a word.
    pub(crate) fn explained(&self, url: &Url, failure: FailureKind) -> FailureKind {
        let shows = self.host(url).is_some_and(|(_, host)| host.trust.client.is_some());
        match failure {
            FailureKind::Broken { reason }
                if url.scheme() == "https" && !shows && reason.contains("connection closed") =>
            {
                let advice = "does it want a certificate of whoever asks, a `client-cert` in `hlbc.toml`?";
                FailureKind::Broken { reason: format!("{reason}; {advice}") }
            }
            other => other,
        }
    }

    /// What the configuration says about the host of an address, with its name there.
    fn host(&self, url: &Url) -> Option<(&str, &Host)> {
        let host = match url.host_str()? {
            "registry-1.docker.io" => "docker.io",
            host => host,
        };
        let found = |name: &str| self.hosts.get_key_value(name).map(|(name, host)| (name.as_str(), host));
        match url.port() {
            Some(port) => found(&format!("{host}:{port}")),
            None => {
                let spelled = || url.port_or_known_default().and_then(|port| found(&format!("{host}:{port}")));
                found(host).or_else(spelled)
            }
        }
    }
}

fn build(kind: &Kind) -> Result<reqwest::Client, String> {
    // An error says that there is a provider already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(kind.connect)
        .redirect(reqwest::redirect::Policy::none());
    if let Some(silence) = kind.silence {
        builder = builder.read_timeout(silence);
    }
    if kind.direct {
        builder = builder.no_proxy();
    }
    trust::apply(&kind.trust, builder)?.build().map_err(|error| causes(&error))
}

/// Where an answer sends a request on to, if it does.
pub(crate) fn redirected(method: &Method, at: &Url, answer: &Response) -> Result<Option<Url>, FailureKind> {
    let follows = match answer.status().as_u16() {
        301..=303 => matches!(*method, Method::GET | Method::HEAD),
        307 | 308 => true,
        _ => false,
    };
    let location = answer.headers().get(LOCATION).filter(|_| follows);
    let Some(location) = location else { return Ok(None) };
    let wrong = |reason: String| FailureKind::Content { reason };
    let next = location.to_str().ok().and_then(|text| at.join(text).ok());
    let next = next.ok_or_else(|| wrong("it sends on to what is no address".to_owned()))?;
    // The rest of an address may be a key to what is there.
    let shown = next.origin().ascii_serialization();
    match next.scheme() {
        "http" if at.scheme() == "https" => {
            Err(wrong(format!("it sends on to an address without encryption: {shown}")))
        }
        "http" | "https" if !next.username().is_empty() || next.password().is_some() => {
            Err(wrong(format!("it sends on to an address with a user in it: {shown}")))
        }
        "http" | "https" => Ok(Some(next)),
        scheme => Err(wrong(format!("it sends on to an address that begins with `{scheme}:`"))),
    }
}

impl Body {
    pub(crate) fn is_large(&self) -> bool {
        matches!(self, Self::File { .. })
    }
}

/// Sends a request with a body. A body from a file may take as long as it needs, as long as it moves: it is given up after
/// a `silence`.
pub(crate) async fn send_body(
    request: RequestBuilder,
    body: &Body,
    silence: Duration,
) -> Result<Response, FailureKind> {
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
                failure = stalled(&sent, *size, silence) => Err(failure),
            }
        }
    }
}

/// Returns when an upload does not move any more.
async fn stalled(sent: &AtomicU64, size: u64, silence: Duration) -> FailureKind {
    let mut before = 0;
    loop {
        let limit = if before < size { silence } else { STORE_TIMEOUT };
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
async fn send(request: RequestBuilder) -> Result<Response, FailureKind> {
    request.send().await.map_err(|error| broken(&error))
}

pub(crate) fn broken(error: &reqwest::Error) -> FailureKind {
    // The address is said already, and a redirection's may hold a token.
    let source = std::error::Error::source(error);
    let reason = match source {
        _ if error.is_timeout() && !error.is_connect() => "nothing came any more".to_owned(),
        Some(source) => causes(source),
        None => error.to_string(),
    };
    // A connection that is shared between requests has no more than the text of its error.
    let alert = || reason.find("received fatal alert").and_then(|at| reason.get(at..)).map(ToOwned::to_owned);
    if let Some(reason) = trust::refused(error).or_else(alert) {
        FailureKind::Tls { reason }
    } else if error.is_connect() {
        FailureKind::Connect { reason }
    } else {
        FailureKind::Broken { reason }
    }
}

/// Whether an address is on this machine.
pub(crate) fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}
