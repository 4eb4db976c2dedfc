//! Waiting, and the signals that end it.
//!
//! Owns the async runtime, and what SIGINT and SIGTERM mean: the first asks for an orderly end, the second ends at once.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use crate::error::{Failure, Kind};

/// Starts the threads on which waiting is done, and catches signals from now on: the first cancels the token.
///
/// # Errors
/// If the system gives no threads or does not let signals be caught.
pub(crate) fn start() -> Result<(Runtime, CancellationToken), Failure> {
    // Fails only if there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let unfit = |what: &str, error: io::Error| Failure::new(Kind::Environment, what).because(error);
    let runtime =
        Builder::new_multi_thread().enable_all().build().map_err(|error| unfit("cannot start threads", error))?;
    let cancel = runtime.block_on(async { watch() }).map_err(|error| unfit("cannot catch signals", error))?;
    Ok((runtime, cancel))
}

/// The failure of a command that a signal ended.
pub(crate) fn interrupted() -> Failure {
    Failure::new(Kind::Interrupted, "interrupted")
}

fn watch() -> io::Result<CancellationToken> {
    let cancel = CancellationToken::new();
    let given = cancel.clone();
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
            if cancel.is_cancelled() {
                // Containers and mounts die with the process.
                std::process::exit(i32::from(Kind::Interrupted.code()));
            }
            cancel.cancel();
        }
    });
    Ok(given)
}
