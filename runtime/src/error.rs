//! Why a solve failed.
//!
//! Owns the one error type that crosses the crate's boundary. It says which vertex failed and what sort of failure it is, so
//! that a caller can point at a source text and choose an exit code. How it is shown is not known here.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use hlb_llb::Digest;

use crate::admission::NotAllowed;
use crate::runtime::Entitlement;
use crate::sys::rootless::OwnerError;

/// A failed solve. Cheap to clone: every vertex that waits for a failed one reports the same failure.
#[derive(Clone)]
pub struct SolveError(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    vertex: Option<(Digest, String)>,
    exit_code: Option<i32>,
    failure: Option<(i64, u32)>,
    cause: Box<dyn Error + Send + Sync>,
}

/// What sort of failure it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// A step of the build failed: a process, a file operation, an export.
    Step,
    /// Something that the build names cannot be had: an image, a URL, a repository, a local path.
    Source,
    /// The machine cannot run the build: the store, a mount, the OCI runtime.
    Environment,
    /// The definition is not one that can be solved.
    Definition,
    /// The caller cancelled.
    Cancelled,
    /// A defect of this program.
    Internal,
}

/// A failure that is only a sentence.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Sentence(String);

impl SolveError {
    /// A request that makes no sense, in a sentence: for callers that see it before the runtime would.
    pub fn refusal(sentence: impl Into<String>) -> Self {
        Self::say(ErrorKind::Definition, sentence)
    }

    /// A failure with its cause.
    pub(crate) fn new(kind: ErrorKind, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let cause = cause.into();
        // Whatever was tried: it is not the fault of what is built.
        let kind = if has_owner_error(cause.as_ref()) { ErrorKind::Environment } else { kind };
        Self(Arc::new(Inner { kind, vertex: None, exit_code: None, failure: None, cause }))
    }

    /// A failure that is only a sentence.
    pub(crate) fn say(kind: ErrorKind, sentence: impl Into<String>) -> Self {
        Self::new(kind, Sentence(sentence.into()))
    }

    /// A step whose process ended with a code that counts as failure.
    pub(crate) fn exit(code: i32, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let (kind, exit_code) = (ErrorKind::Step, Some(code));
        Self(Arc::new(Inner { kind, vertex: None, exit_code, failure: None, cause: cause.into() }))
    }

    /// The caller cancelled.
    pub(crate) fn cancelled() -> Self {
        Self::say(ErrorKind::Cancelled, "the build was cancelled")
    }

    /// Names the vertex in which the failure happened, unless an inner one is named already.
    pub(crate) fn at(self, digest: &Digest, name: &str) -> Self {
        if self.0.vertex.is_some() || self.0.kind == ErrorKind::Cancelled {
            return self;
        }
        match Arc::try_unwrap(self.0) {
            Ok(inner) => Self(Arc::new(Inner { vertex: Some((digest.clone(), name.to_owned())), ..inner })),
            Err(shared) => Self(Arc::new(Inner {
                kind: shared.kind,
                vertex: Some((digest.clone(), name.to_owned())),
                exit_code: shared.exit_code,
                failure: shared.failure,
                cause: Box::new(Self(shared)),
            })),
        }
    }

    /// Names the failed step that was kept. For errors that nobody else has yet.
    pub(crate) fn kept_as(mut self, build: i64, step: u32) -> Self {
        if let Some(inner) = Arc::get_mut(&mut self.0) {
            inner.failure = Some((build, step));
        }
        self
    }

    /// The numbers of the build and of the step, if the files of the step that failed were kept.
    pub fn failure(&self) -> Option<(i64, u32)> {
        self.0.failure
    }

    /// What sort of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// The vertex in which it happened, where it happened in one.
    pub fn vertex(&self) -> Option<&Digest> {
        self.0.vertex.as_ref().map(|(digest, _)| digest)
    }

    /// The name of that vertex.
    pub fn vertex_name(&self) -> Option<&str> {
        self.0.vertex.as_ref().map(|(_, name)| name.as_str())
    }

    /// What the caller would have to allow, where that is what is missing.
    pub fn entitlement(&self) -> Option<Entitlement> {
        self.0.cause.downcast_ref::<NotAllowed>().map(|error| error.entitlement)
    }

    /// Whether the user who builds has too few subordinate ids for an owner that a file should have.
    pub fn lacks_ids(&self) -> bool {
        has_owner_error(self.0.cause.as_ref())
    }

    /// The exit code of the process that failed, where one did.
    pub fn exit_code(&self) -> Option<i32> {
        self.0.exit_code
    }
}

fn has_owner_error(cause: &(dyn Error + 'static)) -> bool {
    let mut next = Some(cause);
    while let Some(cause) = next {
        // What stands in an error of the standard library is no source of it.
        let inner = cause.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if inner.is_some_and(|inner| inner.is::<OwnerError>()) {
            return true;
        }
        next = cause.source();
    }
    false
}

impl fmt::Display for SolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.cause.fmt(f)
    }
}

impl fmt::Debug for SolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SolveError")
            .field("kind", &self.0.kind)
            .field("vertex", &self.0.vertex)
            .field("cause", &self.0.cause)
            .finish()
    }
}

impl Error for SolveError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.cause.source()
    }
}
