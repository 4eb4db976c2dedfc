//! Work that many wait for and that runs once.
//!
//! Owns the cell that holds a running or finished piece of work. Each piece is a task of its own, so a chain of ten thousand
//! vertices is ten thousand small tasks and not one deep stack.

use std::future::Future;
use std::sync::OnceLock;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use tokio_util::task::TaskTracker;

use crate::error::{ErrorKind, SolveError};

/// A result that arrives later and can be waited for by many.
pub(crate) type Pending<T> = Shared<BoxFuture<'static, Result<T, SolveError>>>;

/// Work that is started by the first who asks for it. It never starts again: a vertex whose work has failed, or that nobody
/// wanted any more, is not given to other solves.
pub(crate) struct Flight<T: Clone>(OnceLock<Pending<T>>);

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// Work that nobody has asked for yet.
    pub(crate) fn new() -> Self {
        Self(OnceLock::new())
    }

    /// Whether somebody has asked for it.
    pub(crate) fn has_begun(&self) -> bool {
        self.0.get().is_some()
    }

    /// What came of it, if it has ended well.
    pub(crate) fn result(&self) -> Option<T> {
        self.0.get()?.peek()?.as_ref().ok().cloned()
    }

    /// The result, starting the work if this is the first call. A panic in the work is an internal error for all who wait.
    pub(crate) fn get<W>(&self, tasks: &TaskTracker, work: impl FnOnce() -> W) -> Pending<T>
    where
        W: Future<Output = Result<T, SolveError>> + Send + 'static,
    {
        self.0
            .get_or_init(|| {
                let handle = tasks.spawn(work());
                async move {
                    match handle.await {
                        Ok(result) => result,
                        Err(error) if error.is_cancelled() => Err(SolveError::cancelled()),
                        Err(error) => Err(SolveError::new(ErrorKind::Internal, error)),
                    }
                }
                .boxed()
                .shared()
            })
            .clone()
    }
}
