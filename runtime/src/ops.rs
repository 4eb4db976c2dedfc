//! What each op does.
//!
//! Owns the running of an op whose inputs are at hand: the permit, the status events, and which module does the work. Whether an
//! op has to run at all was decided by `solver`.

pub(crate) mod build;
pub(crate) mod chain;
pub(crate) mod content;
pub(crate) mod exec;
pub(crate) mod file;
pub(crate) mod git;
pub(crate) mod http;
pub(crate) mod local;
pub(crate) mod sockets;
pub(crate) mod source;

use std::sync::Arc;
use std::time::Instant;

use hlb_llb::pb;
use hlb_llb::status::Stream;

use crate::debug;
use crate::error::{ErrorKind, SolveError};
use crate::snapshot::{Snapshot, SnapshotError};
use crate::solver::job::Job;
use crate::solver::permits::Permit;
use crate::solver::vertex::{Ran, Vertex};

/// What a source was that did not change since an earlier build, if that can be told without fetching it.
pub(crate) async fn unchanged(job: &Arc<Job>, vertex: &Arc<Vertex>) -> Result<Option<Ran>, SolveError> {
    let Some(snapshot) = source::unchanged(job, vertex).await? else { return Ok(None) };
    job.found(&vertex.digest);
    Ok(Some(Ran { outputs: vec![snapshot], took: None }))
}

/// Whether an op does work that is worth waiting for. Merging and comparing lists of layers is not, and who waits for other ops
/// must not take away what they need.
pub(crate) fn takes_time(op: &pb::Op) -> bool {
    !matches!(
        op.op,
        Some(pb::OpKind::Merge(_) | pb::OpKind::Diff(_) | pb::OpKind::Build(_) | pb::OpKind::Passthrough(_)) | None
    )
}

/// Waits until the op of a vertex may run; `None` if it always may.
pub(crate) async fn permit(job: &Job, vertex: &Vertex) -> Result<Option<Permit>, SolveError> {
    if !takes_time(&vertex.op) {
        return Ok(None);
    }
    let solves = job.solves();
    for solve in &solves {
        solve.rank(&job.engine).map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
    }
    let solve = solves.first().ok_or_else(SolveError::cancelled)?.number;
    drop(solves);
    tokio::select! {
        permit = job.engine.permits.acquire(solve, vertex.rank()) => Ok(Some(permit)),
        () = job.cancel.cancelled() => Err(SolveError::cancelled()),
    }
}

/// Runs the op of a vertex, waiting for a permit if it needs one and none is given.
pub(crate) async fn run(
    job: &Arc<Job>,
    vertex: &Arc<Vertex>,
    inputs: &[Snapshot],
    permit: Option<Permit>,
) -> Result<Ran, SolveError> {
    let _permit = match permit {
        Some(permit) => Some(permit),
        None => self::permit(job, vertex).await?,
    };
    job.check_cancelled()?;
    job.started(&vertex.digest);
    let start = Instant::now();
    let result = dispatch(job, vertex, inputs).await.map_err(|error| blame(job, inputs, error));
    let result = result.map_err(|error| error.at(&vertex.digest, &vertex.name));
    let took = start.elapsed();
    job.completed(&vertex.digest, result.as_ref().err());
    if let Err(error) = &result {
        job.builds().iter().for_each(|build| build.failed(vertex, error, took));
    }
    result.map(|outputs| Ran { outputs, took: Some(took) })
}

/// Finds the input that a disk does not give any more, if that may be why an op failed.
fn blame(job: &Job, inputs: &[Snapshot], error: SolveError) -> SolveError {
    let damaged = if error.is_unreadable() { job.engine.snapshots.damaged(inputs) } else { None };
    damaged.map_or(error, |damaged| SolveError::new(ErrorKind::Environment, SnapshotError::from(damaged)))
}

async fn dispatch(job: &Arc<Job>, vertex: &Arc<Vertex>, inputs: &[Snapshot]) -> Result<Vec<Snapshot>, SolveError> {
    let engine = &job.engine;
    match &vertex.op.op {
        Some(pb::OpKind::Source(_)) => Ok(vec![source::make(job, vertex).await?]),
        Some(pb::OpKind::Exec(op)) => {
            let log = |stream: Stream, data: &[u8]| job.log(&vertex.digest, stream, data);
            let context = exec::ExecContext {
                snapshots: &engine.snapshots,
                store: &engine.store,
                oci: &engine.oci,
                network: engine.network,
                keep_failed: job.keep_failed(),
                wanted: Some(vertex.wanted()),
                secrets: &job.caller.secrets,
                sockets: &job.caller.sockets,
                resources: vertex.resources.as_ref(),
                log: &log,
                cancel: job.cancel.clone(),
            };
            match exec::exec(&context, op, vertex.op.platform.as_ref(), inputs).await {
                Ok(outputs) => Ok(outputs),
                Err(failed) => Err(debug::keep(job, vertex, failed).await),
            }
        }
        Some(pb::OpKind::File(op)) => {
            let (op, inputs, job) = (op.clone(), inputs.to_vec(), Arc::clone(job));
            blocking(move || chain::run(&job.engine.snapshots, &op, &inputs, &|| job.check_cancelled())).await
        }
        Some(pb::OpKind::Merge(op)) => {
            let parts: Option<Vec<Snapshot>> = op.inputs.iter().map(|input| pick(inputs, input.input)).collect();
            let merged = engine.snapshots.merge(&parts.ok_or_else(missing_input)?);
            Ok(vec![merged.map_err(|error| SolveError::new(ErrorKind::Environment, error))?])
        }
        Some(pb::OpKind::Diff(op)) => {
            let lower = pick(inputs, op.lower.as_ref().map_or(-1, |lower| lower.input)).ok_or_else(missing_input)?;
            let upper = pick(inputs, op.upper.as_ref().map_or(-1, |upper| upper.input)).ok_or_else(missing_input)?;
            let diff = engine.snapshots.diff(&lower, &upper);
            if let Some(diff) = diff.map_err(|error| SolveError::new(ErrorKind::Environment, error))? {
                return Ok(vec![diff]);
            }
            let job = Arc::clone(job);
            let compared = move || job.engine.snapshots.compare(&lower, &upper);
            let compared = blocking(move || compared().map_err(|error| SolveError::new(ErrorKind::Environment, error)));
            Ok(vec![compared.await?])
        }
        Some(pb::OpKind::Build(op)) => build::run(vertex, op, inputs).await,
        Some(pb::OpKind::Passthrough(op)) => {
            let outputs: Option<Vec<Snapshot>> = op.outputs.iter().map(|input| pick(inputs, *input)).collect();
            outputs.ok_or_else(missing_input)
        }
        // `cache_map` has refused it already.
        None => Err(SolveError::say(ErrorKind::Internal, format!("`{}` cannot be run", vertex.name))),
    }
}

/// Runs work that blocks off the async threads.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, SolveError> + Send + 'static,
) -> Result<T, SolveError> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|error| Err(SolveError::new(ErrorKind::Internal, error)))
}

/// The snapshot of an op input; -1 is an empty one.
fn pick(inputs: &[Snapshot], index: i64) -> Option<Snapshot> {
    if index == -1 {
        return Some(Snapshot::default());
    }
    inputs.get(usize::try_from(index).ok()?).cloned()
}

fn missing_input() -> SolveError {
    SolveError::say(ErrorKind::Definition, "an op names an input that it does not have")
}

pub(crate) fn from_exec(error: exec::ExecError) -> SolveError {
    match error.exit_code() {
        Some(code) => SolveError::exit(code, error),
        None => SolveError::new(error.kind(), error),
    }
}
