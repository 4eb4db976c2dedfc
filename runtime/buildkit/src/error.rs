//! Why a daemon did not do what it was asked.
//!
//! Owns the crate's error and what a gRPC status means. How it is shown is not known here.

use std::error::Error;
use std::io;
use std::path::PathBuf;

use bollard_buildkit_proto::google::rpc;
use hlb_llb::Digest;
use prost::Message;
use tonic::{Code, Status};

/// A daemon that cannot be used, or a solve that failed in one.
#[derive(Debug, thiserror::Error)]
pub enum BuildkitError {
    /// A text that is no address.
    #[error("`{address}` {problem}: write `unix:///path`, `docker:///path` or `tcp://host:port`")]
    Address {
        /// The text.
        address: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// Nobody answers, or somebody else.
    #[error("cannot reach BuildKit at `{address}`: {reason}")]
    Unreachable {
        /// Where.
        address: String,
        /// Why.
        reason: String,
        /// What to do.
        advice: &'static str,
    },
    /// The daemon does not take the request: it lacks a feature, or may not grant what is asked.
    #[error("BuildKit refused the build: {message}")]
    Refused {
        /// In the daemon's words.
        message: String,
    },
    /// A step failed.
    #[error("{message}")]
    Step {
        /// The op of the step, where the daemon says it.
        vertex: Option<Digest>,
        /// In the daemon's words.
        message: String,
    },
    /// Something of this machine that the build needs cannot be had, or its result cannot be put there.
    #[error("{0}")]
    Local(#[from] LocalError),
    /// The connection broke while the build ran.
    #[error("the connection to BuildKit at `{address}` broke: {reason}")]
    Lost {
        /// Where.
        address: String,
        /// Why.
        reason: String,
    },
    /// The caller cancelled.
    #[error("the build was cancelled")]
    Cancelled,
    /// The daemon said something that it should not.
    #[error("BuildKit did not keep to its protocol: {what}")]
    Protocol {
        /// What.
        what: String,
    },
}

/// Something of this machine.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    /// A file or directory that is lent cannot be read.
    #[error("cannot read `{path}`: {source}", path = path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A directory that is lent is none.
    #[error("`{path}` is not a directory", path = path.display())]
    NotDirectory {
        /// Which.
        path: PathBuf,
    },
    /// A result must go into a file, but a directory is there.
    #[error("`{path}` is a directory", path = path.display())]
    IsDirectory {
        /// Which.
        path: PathBuf,
    },
    /// A file name that BuildKit's protocol cannot say.
    #[error("the name `{path}` is not UTF-8, which BuildKit cannot take: rename it or leave it out", path = path.display())]
    Name {
        /// Which.
        path: PathBuf,
    },
    /// A result cannot be written.
    #[error("cannot write to `{path}`: {source}", path = path.display())]
    Write {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A secret that is longer than BuildKit takes.
    #[error("the secret `{id}` has {bytes} bytes, and BuildKit takes no more than 512000")]
    LongSecret {
        /// Its id.
        id: String,
        /// Its length.
        bytes: u64,
    },
    /// A socket that is lent.
    #[error("cannot lend `{id}` to the build: {source}")]
    Socket {
        /// Its id.
        id: String,
        /// Why.
        source: hlb_agent::AgentError,
    },
    /// Docker's credentials.
    #[error("docker's credentials for `{server}` cannot be read: {reason}")]
    Credentials {
        /// The registry, as `docker login` names it.
        server: String,
        /// Why.
        reason: String,
    },
    /// Patterns of a local source.
    #[error(transparent)]
    Pattern(#[from] hlb_patterns::InvalidPattern),
}

impl BuildkitError {
    /// What to do about it, where that is known.
    pub fn advice(&self) -> Option<&str> {
        match self {
            Self::Unreachable { advice, .. } => Some(advice),
            _ => None,
        }
    }

    /// Nobody to talk to.
    pub(crate) fn unreachable(address: impl ToString, error: &io::Error) -> Self {
        let advice = match error.kind() {
            io::ErrorKind::NotFound => "start the daemon, or name the socket where it listens",
            io::ErrorKind::PermissionDenied => "run as root, or as a member of the group that owns the socket",
            io::ErrorKind::ConnectionRefused => "start the daemon: nobody listens there",
            io::ErrorKind::TimedOut => "check that the daemon is alive",
            _ => "check the address, and that BuildKit listens there",
        };
        Self::Unreachable { address: address.to_string(), reason: error.to_string(), advice }
    }

    /// What a failed call means. `failed` is the step that the daemon's events name.
    pub(crate) fn of_call(status: &Status, address: impl ToString, failed: Option<Digest>) -> Self {
        let message = words(status);
        // A status that was made here from an error of the transport has a source; one that was sent has none.
        if let Some(source) = Error::source(status) {
            return Self::Lost { address: address.to_string(), reason: deepest(source) };
        }
        match typed_vertex(status).or(failed) {
            Some(vertex) => Self::Step { vertex: Some(vertex), message },
            None if status.code() == Code::Unavailable => Self::Lost { address: address.to_string(), reason: message },
            None => Self::Refused { message },
        }
    }
}

/// The sentence in a status, without what every layer puts before it.
pub(crate) fn words(status: &Status) -> String {
    let mut message = status.message().trim();
    loop {
        let coded = || message.strip_prefix("rpc error: code = ")?.split_once(" desc = ").map(|(_, rest)| rest);
        match message.strip_prefix("failed to solve: ").or_else(coded) {
            Some(rest) => message = rest,
            None => break,
        }
    }
    if message.is_empty() { status.code().description().to_owned() } else { message.to_owned() }
}

fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut deepest = error;
    // An error that is its own source would be a bug elsewhere; no reason to hang here.
    for _ in 0..32 {
        match deepest.source() {
            Some(source) => deepest = source,
            None => break,
        }
    }
    deepest.to_string()
}

/// The vertex that a status names in its details.
fn typed_vertex(status: &Status) -> Option<Digest> {
    let details = rpc::Status::decode(status.details()).ok()?.details;
    let vertex = details.iter().find(|any| any.type_url.ends_with("errdefs.Vertex+json"))?;
    let value: serde_json::Value = serde_json::from_slice(&vertex.value).ok()?;
    value.get("digest")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_is_a_step_if_it_names_one() {
        let digest = Digest::of("op");
        let any = bollard_buildkit_proto::google::protobuf::Any {
            type_url: "github.com/moby/buildkit/errdefs.Vertex+json".to_owned(),
            value: format!("{{\"digest\":\"{digest}\"}}").into_bytes(),
        };
        let details = rpc::Status { code: 2, message: String::new(), details: vec![any] };
        let text = "failed to solve: process \"false\" did not complete successfully: exit code: 1";
        let status = Status::with_details(Code::Unknown, text, details.encode_to_vec().into());
        let error = BuildkitError::of_call(&status, "unix:///s", None);
        assert!(matches!(&error, BuildkitError::Step { vertex: Some(found), .. } if *found == digest), "{error:?}");
        assert_eq!(error.to_string(), "process \"false\" did not complete successfully: exit code: 1");
    }

    #[test]
    fn other_statuses_refuse_or_are_losses() {
        let check = |status: Status| BuildkitError::of_call(&status, "unix:///s", None).to_string();
        let refused = check(Status::unknown("exporter \"image\" could not be found"));
        assert_eq!(refused, "BuildKit refused the build: exporter \"image\" could not be found");
        let garbage = Status::with_details(Code::Unknown, "x", vec![0xff, 0xff].into());
        assert_eq!(check(garbage), "BuildKit refused the build: x");
        let lost = check(Status::from_error(Box::new(io::Error::other("gone"))));
        assert_eq!(lost, "the connection to BuildKit at `unix:///s` broke: gone");
    }
}
