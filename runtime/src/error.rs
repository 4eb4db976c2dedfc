//! Why a solve failed.
//!
//! Owns the one error type that crosses the crate's boundary. It says which vertex failed and what sort of failure it is, so
//! that a caller can point at a source text and choose an exit code. How it is shown is not known here.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use hlb_llb::Digest;
use hlb_store::{Corrupt, LayerId};
use rustix::io::Errno;

use crate::admission::NotAllowed;
use crate::runtime::Entitlement;
use crate::snapshot::DamagedLayer;
use crate::sys::rootless::OwnerError;

/// What a disk says that does not give what it has taken, or gives something else.
const UNREADABLE: [Errno; 3] = [Errno::IO, Errno::UCLEAN, Errno::BADMSG];

/// A failed solve. Cheap to clone: every vertex that waits for a failed one reports the same failure.
#[derive(Clone)]
pub struct SolveError(Arc<Inner>);

struct Inner {
    kind: ErrorKind,
    vertex: Option<(Digest, String)>,
    exit_code: Option<i32>,
    failure: Option<(i64, u32)>,
    fault: Option<Fault>,
    cause: Box<dyn Error + Send + Sync>,
}

/// What is wrong with the machine, where that is why something failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// A layer cannot be read.
    Layer(LayerId),
    /// The database is not what was written.
    Database,
    /// The disk is full.
    Full,
    /// The user who builds has too few ids for an owner.
    Owner,
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
        let fault = fault(&*cause);
        // Whatever failed then, it is not the step's fault.
        let kind = if fault.is_some() { ErrorKind::Environment } else { kind };
        Self(Arc::new(Inner { kind, vertex: None, exit_code: None, failure: None, fault, cause }))
    }

    /// A failure to write where the caller wants a result to be, which is not in the state directory.
    pub(crate) fn outside(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let (kind, cause) = (ErrorKind::Step, cause.into());
        Self(Arc::new(Inner { kind, vertex: None, exit_code: None, failure: None, fault: None, cause }))
    }

    /// A failure that is only a sentence.
    pub(crate) fn say(kind: ErrorKind, sentence: impl Into<String>) -> Self {
        Self::new(kind, Sentence(sentence.into()))
    }

    /// A step whose process ended with a code that counts as failure.
    pub(crate) fn exit(code: i32, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        let (kind, exit_code) = (ErrorKind::Step, Some(code));
        Self(Arc::new(Inner { kind, vertex: None, exit_code, failure: None, fault: None, cause: cause.into() }))
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
                fault: shared.fault.clone(),
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
        self.0.fault == Some(Fault::Owner)
    }

    /// Whether the disk of the state directory is full.
    pub fn is_full(&self) -> bool {
        self.0.fault == Some(Fault::Full)
    }

    /// What is wrong with the state directory, where that is the reason.
    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.0.fault.as_ref()
    }

    /// Whether a disk did not give what it had taken.
    pub(crate) fn is_unreadable(&self) -> bool {
        let lost = |error: &(dyn Error + 'static)| {
            let number = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
            number.is_some_and(|number| UNREADABLE.contains(&Errno::from_raw_os_error(number)))
        };
        self.exit_code().is_none() && chain(&*self.0.cause).any(lost)
    }

    /// The exit code of the process that failed, where one did.
    pub fn exit_code(&self) -> Option<i32> {
        self.0.exit_code
    }
}

impl fmt::Display for SolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.fault {
            Some(Fault::Full) => f.write_str("the disk of the state directory is full"),
            _ => self.0.cause.fmt(f),
        }
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
        match self.0.fault {
            Some(Fault::Full) => Some(&*self.0.cause),
            _ => self.0.cause.source(),
        }
    }
}

/// What is wrong with the state directory, by what stands behind an error.
fn fault(cause: &(dyn Error + 'static)) -> Option<Fault> {
    chain(cause).find_map(|error| {
        if let Some(damaged) = error.downcast_ref::<DamagedLayer>() {
            return Some(Fault::Layer(damaged.layer.clone()));
        }
        if error.is::<OwnerError>() {
            return Some(Fault::Owner);
        }
        if error.is::<Corrupt>() {
            return Some(Fault::Database);
        }
        let kind = error.downcast_ref::<io::Error>()?.kind();
        matches!(kind, io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded).then_some(Fault::Full)
    })
}

/// An error and all that stands behind it. Errors of the standard library can have one inside that they do not give as a cause.
fn chain<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let next = |error: &&'e (dyn Error + 'static)| -> Option<&'e (dyn Error + 'static)> {
        let error: &'e (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    };
    std::iter::successors(Some(error), next)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_full_disk_is_told_as_that() {
        let check = |error: SolveError, told: &str, kind: ErrorKind, full: bool| {
            assert_eq!((error.to_string().as_str(), error.kind(), error.is_full()), (told, kind, full));
        };
        let full = "the disk of the state directory is full";
        let step = |error: io::Error| SolveError::new(ErrorKind::Step, Outer(error));
        check(step(io::ErrorKind::StorageFull.into()), full, ErrorKind::Environment, true);
        check(step(io::Error::from_raw_os_error(122)), full, ErrorKind::Environment, true);
        check(step(io::Error::other(Outer(io::ErrorKind::StorageFull.into()))), full, ErrorKind::Environment, true);
        check(step(io::ErrorKind::NotFound.into()), "outer", ErrorKind::Step, false);
        check(SolveError::outside(Outer(io::ErrorKind::StorageFull.into())), "outer", ErrorKind::Step, false);
        let at = step(io::ErrorKind::StorageFull.into()).at(&Digest::of("x"), "x");
        check(at.clone(), full, ErrorKind::Environment, true);
        assert_eq!(at.source().unwrap().to_string(), "outer");
    }

    #[test]
    fn what_cannot_be_read_is_told_from_what_is_not_there() {
        let check = |number: i32, unreadable: bool| {
            let error = SolveError::new(ErrorKind::Step, Outer(io::Error::from_raw_os_error(number)));
            assert_eq!((error.is_unreadable(), error.fault()), (unreadable, None), "{number}");
        };
        check(5, true);
        check(117, true);
        check(2, false);
    }
}
