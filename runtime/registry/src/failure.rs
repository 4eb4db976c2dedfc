//! What can go wrong with one registry.
//!
//! Owns the words for it and the advice. Failures hold text and not the errors of the HTTP library: one failure is
//! reported to everybody who waits for the same image.

use std::fmt;
use std::time::Duration;

/// What a registry or mirror answered instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The address that was asked, `https://registry-1.docker.io`.
    pub host: String,
    /// What happened.
    pub kind: FailureKind,
}

/// What happened at one registry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FailureKind {
    /// There is no such image or blob.
    #[error("not found (404)")]
    NotFound,
    /// The registry wants other credentials.
    #[error("access denied ({status}): {message}")]
    Denied {
        /// 401 or 403.
        status: u16,
        /// What it says.
        message: String,
    },
    /// Too many requests.
    #[error("too many requests (429): {message}")]
    Limited {
        /// What it says.
        message: String,
    },
    /// Any other answer that is not the content.
    #[error("answered {status}: {message}")]
    Status {
        /// The HTTP status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// There is nobody there.
    #[error("cannot connect: {reason}")]
    Connect {
        /// Why not.
        reason: String,
    },
    /// One side does not take the other for what it says it is.
    #[error("no secure connection: {reason}")]
    Tls {
        /// Why not.
        reason: String,
    },
    /// The connection broke.
    #[error("the connection broke: {reason}")]
    Broken {
        /// How.
        reason: String,
    },
    /// Too little comes.
    #[error("the connection is too slow: {bytes} bytes in {time:.1?}")]
    Slow {
        /// How much came,
        bytes: u64,
        /// and in what time.
        time: Duration,
    },
    /// The content is not what it should be.
    #[error("wrong content: {reason}")]
    Content {
        /// What is wrong with it.
        reason: String,
    },
    /// The trouble is on this side.
    #[error("{reason}")]
    Local {
        /// What it is.
        reason: String,
    },
}

impl FailureKind {
    /// Whether a connection was there and ended too early.
    pub(crate) fn is_break(&self) -> bool {
        matches!(self, Self::Broken { .. } | Self::Slow { .. })
    }

    /// Whether the same request would get the same answer.
    pub(crate) fn is_lasting(&self) -> bool {
        !self.is_break() && !matches!(self, Self::Connect { .. })
    }

    /// Whether it is of whoever answers, and not of what was asked for.
    pub(crate) fn is_of_the_server(&self) -> bool {
        self.is_break() || matches!(self, Self::Connect { .. } | Self::Tls { .. } | Self::Status { status: 500.., .. })
    }

    /// What the user can do, if it is known.
    fn advice(&self, registry: &str) -> Option<String> {
        Some(match self {
            Self::NotFound => "check the name and the tag".to_owned(),
            Self::Denied { .. } => format!(
                "check the name, or log in with `docker login {registry}`: registries also answer so for what does not exist"
            ),
            Self::Limited { .. } => {
                format!("wait, log in with `docker login {registry}`, or name a mirror in `hlbc.toml`")
            }
            Self::Status { status: 500.., .. } => "the registry has a problem of its own: try again later".to_owned(),
            Self::Connect { .. } => "check the network, or name a mirror or an OCI layout in `hlbc.toml`".to_owned(),
            // What most recipes for a registry of one's own make.
            Self::Tls { reason } if reason.contains("CaUsedAsEndEntity") => format!(
                "it shows the certificate of an authority; have it show one of a server, as `openssl req -x509 … -addext \
                 basicConstraints=critical,CA:FALSE` makes it, and name that with `ca` under `[registries.\"{registry}\"]` in \
                 `hlbc.toml`"
            ),
            Self::Tls { reason } if reason.contains("Alert") || reason.contains("alert") => format!(
                "name the certificate that the registry wants to see with `client-cert` under `[registries.\"{registry}\"]` in `hlbc.toml`"
            ),
            Self::Tls { .. } => format!(
                "name the authority of the registry's certificate with `ca` under `[registries.\"{registry}\"]` in `hlbc.toml`"
            ),
            Self::Broken { .. } | Self::Slow { .. } => "check the network and try again".to_owned(),
            Self::Status { .. } | Self::Content { .. } | Self::Local { .. } => return None,
        })
    }

    /// As [`FailureKind::advice`], for who wants to write.
    pub(crate) fn push_advice(&self, registry: &str) -> Option<String> {
        Some(match self {
            Self::Denied { .. } => {
                format!("log in with `docker login {registry}` as someone who may push there, and check the name")
            }
            Self::NotFound => "check the name: the registry has no such place to push to".to_owned(),
            Self::Limited { .. } => "wait and try again".to_owned(),
            Self::Status { status: 405, .. } => "check the name: the registry cannot be written".to_owned(),
            Self::Status { status: 413, .. } => {
                "raise the limit of the registry, or of the proxy before it, for the size of uploads".to_owned()
            }
            Self::Connect { .. } => "check the name of the registry and the network".to_owned(),
            other => return other.advice(registry),
        })
    }

    /// How much it says about the image: with several registries the advice follows the most telling answer.
    fn weight(&self) -> u8 {
        match self {
            Self::Content { .. } | Self::Local { .. } | Self::Tls { .. } => 6,
            Self::Denied { .. } => 5,
            Self::NotFound => 4,
            Self::Limited { .. } => 3,
            Self::Status { .. } => 2,
            Self::Broken { .. } | Self::Slow { .. } => 1,
            Self::Connect { .. } => 0,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.host, self.kind)
    }
}

/// All failures in the order in which the registries were asked, then the advice.
pub(crate) fn summary(registry: &str, failures: &[Failure]) -> String {
    let mut text = failures.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    if let Some(advice) = advice(registry, failures) {
        text = format!("{text}; {advice}");
    }
    text
}

/// What to do about the failure that tells most.
pub(crate) fn advice(registry: &str, failures: &[Failure]) -> Option<String> {
    let telling = failures.iter().max_by_key(|failure| failure.kind.weight());
    telling.and_then(|failure| match &failure.kind {
        // It may be a mirror, which has settings of its own.
        FailureKind::Tls { .. } => failure.kind.advice(setting(&failure.host)),
        kind => kind.advice(registry),
    })
}

/// What an address that was asked is called in the configuration.
fn setting(host: &str) -> &str {
    match host.split_once("://").map_or(host, |(_, host)| host) {
        "registry-1.docker.io" => "docker.io",
        host => host,
    }
}

/// An error and what caused it, each said once.
pub(crate) fn causes(error: &dyn std::error::Error) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let words = error.to_string();
        if !text.contains(&words) {
            if !text.is_empty() {
                text.push_str(": ");
            }
            text.push_str(&words);
        }
        next = error.source();
    }
    text
}
