//! What is done about a state directory that is broken or full, so that a build need not fail for it.
//!
//! Owns how often what is tried: a layer that cannot be read is dropped and made again, a damaged database is replaced, a full
//! disk is emptied of what nobody uses. After each the graph is solved again, and finds what was done before in the cache.

use std::sync::Arc;

use hlb_llb::status::{Status, Stream};
use tokio_util::sync::CancellationToken;

use crate::collect;
use crate::engine::Engine;
use crate::error::{ErrorKind, Fault, SolveError};
use crate::ops::blocking;
use crate::solver::job::StatusSink;

/// How many layers are made again in one solve: a disk that loses more has an end of its own.
const LAYERS: usize = 3;

/// What was done in one solve.
#[derive(Default)]
pub(crate) struct Mended {
    layers: usize,
    healed: bool,
    emptied: bool,
}

/// Does what can be done about a failed export; whether it is worth trying again. A result that has lost a layer has to be solved
/// for again, which the next build does.
pub(crate) async fn after_export(engine: &Arc<Engine>, error: &SolveError, cancel: &CancellationToken) -> bool {
    let quiet: StatusSink = Arc::new(|_| {});
    let mended = !cancel.is_cancelled() && Mended::default().mend(engine, error, &quiet, cancel).await;
    mended && !matches!(error.fault(), Some(Fault::Layer(_)))
}

impl Mended {
    /// Does what can be done about a failure; whether it is worth trying again.
    pub(crate) async fn mend(
        &mut self,
        engine: &Arc<Engine>,
        error: &SolveError,
        status: &StatusSink,
        cancel: &CancellationToken,
    ) -> bool {
        let Some(fault) = error.fault() else { return false };
        let tell = |words: String| {
            if let Some(vertex) = error.vertex() {
                let data = format!("{words}\n").into_bytes();
                status(Status::Log { vertex: vertex.clone(), stream: Stream::Stderr, data });
            }
        };
        let (engine, cancel) = (Arc::clone(engine), cancel.clone());
        match fault.clone() {
            Fault::Layer(layer) if self.layers < LAYERS => {
                self.layers += 1;
                let why = std::error::Error::source(error).map(|why| format!(" ({why})")).unwrap_or_default();
                tell(format!("a cached layer cannot be read{why} and is made again"));
                blocking(move || {
                    engine.store.layers().remove(&layer).map_err(|error| SolveError::new(ErrorKind::Environment, error))
                })
                .await
                .is_ok()
            }
            Fault::Database if !self.healed => {
                self.healed = true;
                tell("the metadata of the cache is damaged; it starts empty".to_owned());
                blocking(move || engine.store.heal().map_err(|error| SolveError::new(ErrorKind::Environment, error)))
                    .await
                    .is_ok()
            }
            Fault::Full if !self.emptied => {
                self.emptied = true;
                tell("the disk is full; what nobody uses is removed from the cache".to_owned());
                let room = blocking(move || {
                    collect::make_room(&engine.store, &|| cancel.is_cancelled())
                        .map_err(|error| SolveError::new(ErrorKind::Environment, error))
                });
                room.await.is_ok_and(|room| room)
            }
            _ => false,
        }
    }
}
