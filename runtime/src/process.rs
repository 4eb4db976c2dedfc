//! Running a program of a result beside the caller.
//!
//! Owns what a frontend needs: a process whose standard input and output are a connection to the caller, in a copy of a result
//! that is thrown away. It is no step: nothing of it is kept or found again.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hlb_llb::status::Stream;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::exec::network::Net;
use crate::exec::resources::Resources;
use crate::exec::runc::{Control, RuncError, Stdio};
use crate::exec::{Attached, Files, Process, Sandbox, StepError, What};
use crate::runtime::{Runtime, Solved};
use crate::snapshot::Snapshot;

/// A program to run.
#[derive(Clone, Debug)]
pub struct Program {
    /// Path and arguments; at least the path.
    pub args: Vec<String>,
    /// `KEY=value`.
    pub env: Vec<String>,
    /// Its working directory, an absolute path.
    pub cwd: PathBuf,
    /// Whether it sees the network that steps see; otherwise it sees none.
    pub network: bool,
    /// Files that it can read, by absolute path.
    pub files: Vec<(PathBuf, Vec<u8>)>,
}

/// Gets what a program prints on standard error, in pieces as they come. Called on a thread of its own.
pub type LogSink = Arc<dyn Fn(&[u8]) + Send + Sync>;

impl Runtime {
    /// Runs a program as root in a copy of a result, and gives its exit code. `connection` becomes its standard input and
    /// output. When this returns, nothing of the program is running; dropped, it ends the program behind the scenes.
    ///
    /// # Errors
    /// `ErrorKind::Step`: it cannot be started. `ErrorKind::Cancelled`. `ErrorKind::Environment`: the machine refuses.
    pub async fn run_program(
        &self,
        solved: &Solved,
        program: Program,
        connection: OwnedFd,
        log: LogSink,
        cancel: &CancellationToken,
    ) -> Result<i32, SolveError> {
        let control = Control::default();
        let _end = EndOnDrop(control.clone());
        let (engine, snapshot, inner) = (Arc::clone(&self.engine), solved.snapshot.clone(), control.clone());
        let (finished, mut finish) = tokio::sync::oneshot::channel();
        let work = move || {
            let result = run(&engine, &snapshot, program, connection, &log, &inner);
            // The state directory must not be held by a thread that nobody knows of.
            drop((engine, snapshot));
            let _ = finished.send(result);
        };
        std::thread::Builder::new()
            .name("program".to_owned())
            .spawn(work)
            .map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
        let ended = tokio::select! {
            ended = &mut finish => ended,
            () = cancel.cancelled() => {
                control.cancel();
                finish.await
            }
        };
        ended.unwrap_or_else(|error| Err(SolveError::new(ErrorKind::Internal, error)))
    }
}

/// Ends the program when nobody waits for it any more.
struct EndOnDrop(Control);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

fn run(
    engine: &Engine,
    snapshot: &Snapshot,
    program: Program,
    connection: OwnedFd,
    log: &LogSink,
    control: &Control,
) -> Result<i32, SolveError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let environment = |error: Box<dyn std::error::Error + Send + Sync>| SolveError::new(ErrorKind::Environment, error);
    let name = format!("program-{}", COUNT.fetch_add(1, Ordering::Relaxed));
    // Declared first: its directory goes after what is mounted in it.
    let sandbox = Sandbox::new(engine.store.session_dir(), &name).map_err(failed)?;
    let mut mounts = Vec::new();
    for (number, (place, bytes)) in program.files.into_iter().enumerate() {
        let file = sandbox.dir().join(format!("given-{number}"));
        std::fs::write(&file, bytes).map_err(|error| environment(error.into()))?;
        mounts.push(Attached { place, what: What::Secret { file, executable: false }, readonly: true });
    }
    // Never committed: what it writes goes with it.
    let mut active = engine.snapshots.prepare(snapshot).map_err(|error| environment(error.into()))?;
    let root = active.mount().map_err(|error| environment(error.into()))?;
    let process = Process {
        args: program.args,
        env: program.env,
        cwd: program.cwd,
        user: String::new(),
        host_name: String::new(),
        extra_hosts: Vec::new(),
        network: if program.network { engine.network.into() } else { Net::None },
        insecure: false,
        limits: Vec::new(),
        resources: Resources::default(),
        cgroup_parent: String::new(),
        stdio: Stdio::Connection(connection),
        terminal: false,
    };
    let files = Files { root, readonly_root: false, mounts, remove_stub_parents: false };
    let output = |stream: Stream, data: Vec<u8>| {
        if stream == Stream::Stderr {
            log(&data);
        }
    };
    sandbox.run(&engine.oci, process, files, control, &output).map(|ended| ended.exit.code).map_err(failed)
}

fn failed(error: StepError) -> SolveError {
    match error {
        StepError::Runc(RuncError::Cancelled) => SolveError::cancelled(),
        StepError::Runc(error @ RuncError::Start { .. }) => SolveError::new(ErrorKind::Step, error),
        error => SolveError::new(ErrorKind::Environment, error),
    }
}
