//! What runs for a session, and what went wrong in it.
//!
//! Owns the tasks of the services: none outlives the session. Keeps the first problem of this machine, because the daemon
//! tells of it in its own, longer words.

use std::future::Future;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::Status;

use crate::error::{BuildkitError, LocalError};

#[derive(Debug, Default)]
pub(crate) struct Scope {
    stop: CancellationToken,
    tasks: TaskTracker,
    problem: Mutex<Option<BuildkitError>>,
}

impl Scope {
    /// Runs a task until it is done or the session ends.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            tokio::select! {
                () = stop.cancelled() => {}
                () = task => {}
            }
        });
    }

    /// Runs something that blocks. It must end by itself once `stopped` does, or its peer is gone.
    pub(crate) fn spawn_blocking(&self, task: impl FnOnce() + Send + 'static) {
        self.tasks.spawn_blocking(task);
    }

    /// Cancelled when the session ends.
    pub(crate) fn stopped(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// Keeps a problem, if it is the first, and says it to the daemon.
    pub(crate) fn report(&self, error: impl Into<BuildkitError>) -> Status {
        let error = error.into();
        let status = Status::unknown(match &error {
            // What a credential helper printed is nobody else's business.
            BuildkitError::Local(LocalError::Credentials { server, .. }) => {
                format!("the client's credentials for {server} cannot be read")
            }
            other => other.to_string(),
        });
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
        status
    }

    /// The first problem, once.
    pub(crate) fn problem(&self) -> Option<BuildkitError> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Tells everything to end.
    pub(crate) fn stop(&self) {
        self.stop.cancel();
    }

    /// Ends everything, and waits for it.
    pub(crate) async fn end(&self) {
        self.stop();
        self.tasks.close();
        self.tasks.wait().await;
    }
}
