//! Failed steps that were kept: noting them, and looking into their files.
//!
//! Owns what is needed to go where a step was: its op with what its mounts showed in the end. How a command runs there is known
//! to `ops::exec`, where the rows are to `hlb_store`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hlb_agent::Lent;
use hlb_llb::definition::decode_op;
use hlb_llb::pb::{self, MountType};
use hlb_llb::{Digest, encode_op};
use hlb_store::{Failure, KeptMount};
use rustix::fs::OFlags;
use tokio_util::sync::CancellationToken;

use crate::error::{ErrorKind, SolveError};
use crate::export::{self, ExportError};
use crate::history::Build;
use crate::ops::exec::{ExecContext, Failed, Visit, mounts, visit};
use crate::ops::{blocking, from_exec};
use crate::runtime::{Runtime, Solved};
use crate::snapshot::Snapshot;
use crate::solver::job::Job;
use crate::solver::vertex::Vertex;
use crate::sys::root::Root;

/// A failed step whose files were kept. They stay as long as this is there.
#[derive(Debug)]
pub struct FailedStep {
    build: i64,
    number: u32,
    op: pb::ExecOp,
    inputs: Vec<Snapshot>,
}

/// What to do where a step was.
#[derive(Debug)]
pub struct DebugRequest {
    /// Program and arguments; none is a shell.
    pub command: Option<Vec<String>>,
    /// The kind of terminal, as `TERM` says it, if standard input and output of this process are one.
    pub terminal: Option<String>,
    /// Files by secret id. Those that the step had and that are missing here are left out.
    pub secrets: BTreeMap<String, PathBuf>,
    /// What is lent over sockets, by id. The same.
    pub sockets: BTreeMap<String, Lent>,
}

/// The process of somebody who looks around in a result.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Visited {
    /// The environment, each variable as `KEY=value`.
    pub env: Vec<String>,
    /// The working directory.
    pub cwd: String,
    /// The user, by name or number; empty for root.
    pub user: String,
}

impl FailedStep {
    /// The build it was part of.
    pub fn build(&self) -> i64 {
        self.build
    }

    /// Its number in that build.
    pub fn number(&self) -> u32 {
        self.number
    }

    /// Program and arguments.
    pub fn args(&self) -> &[String] {
        self.op.meta.as_ref().map_or(&[], |meta| &meta.args)
    }

    /// The ids of secrets and of sockets that the step had and a request does not give.
    pub fn missing(&self, request: &DebugRequest) -> (BTreeSet<String>, BTreeSet<String>) {
        let secrets = self.op.mounts.iter().filter_map(|mount| Some(&mount.secret_opt.as_ref()?.id));
        let secrets = secrets.chain(self.op.secretenv.iter().map(|secret| &secret.id));
        let sockets = self.op.mounts.iter().filter_map(|mount| mount.ssh_opt.as_ref()).map(mounts::socket_id);
        (
            secrets.filter(|id| !request.secrets.contains_key(*id)).cloned().collect(),
            sockets.filter(|id| !request.sockets.contains_key(*id)).map(str::to_owned).collect(),
        )
    }

    /// The op as it is gone into: it leaves nothing, and can do without what is not lent any more.
    fn to_visit(&self) -> pb::ExecOp {
        let mut op = self.op.clone();
        for mount in &mut op.mounts {
            mount.output = -1;
            mount.secret_opt.iter_mut().for_each(|secret| secret.optional = true);
            mount.ssh_opt.iter_mut().for_each(|ssh| ssh.optional = true);
        }
        op.secretenv.iter_mut().for_each(|secret| secret.optional = true);
        op
    }

    /// The files that a path of the step leads to, and the path among them.
    fn files_at(&self, path: &Path) -> Option<(&Snapshot, PathBuf)> {
        let cwd = self.op.meta.as_ref().map_or("/", |meta| &meta.cwd);
        let cwd = mounts::absolute(Path::new("/"), cwd);
        let path = mounts::absolute(&cwd, path.to_str()?);
        let files = self.op.mounts.iter().filter(|mount| mount.mount_type() == MountType::Bind && mount.input >= 0);
        let places = files.map(|mount| (mounts::absolute(&cwd, &mount.dest), mount));
        let around = places.filter(|(place, _)| path.starts_with(place));
        let (place, mount) = around.max_by_key(|(place, _)| place.components().count())?;
        let inner = Path::new("/").join(&mount.selector).join(path.strip_prefix(place).ok()?);
        Some((self.inputs.get(usize::try_from(mount.input).ok()?)?, inner))
    }
}

/// Keeps the files of a step that failed, if it left some and the build is recorded, and makes its failure one of the solve.
pub(crate) async fn keep(job: &Job, vertex: &Vertex, failed: Failed) -> SolveError {
    let error = from_exec(*failed.error);
    let numbers = |build: Build| Some((build.number()?, build.step_number(&vertex.digest)?));
    let builds: Vec<(i64, u32)> = job.builds().into_iter().filter_map(numbers).collect();
    let Some(&(build, number)) = builds.first().filter(|_| !failed.kept.is_empty()) else { return error };
    let kept = |(mount, snapshot): &(usize, Snapshot)| KeptMount { mount: *mount, layers: snapshot.layers().to_vec() };
    let (op, mounts): (_, Vec<KeptMount>) = (encode_op(&vertex.op), failed.kept.iter().map(kept).collect());
    let store = job.engine.store.clone();
    // The layers are in use until the row names them.
    let put = blocking(move || {
        for (build, number) in builds {
            let failure = Failure { build, number, op: op.clone(), mounts: mounts.clone() };
            store.failures().put(&failure).map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
        }
        Ok(())
    });
    let put = put.await;
    drop(failed.kept);
    match put {
        Ok(()) => error.kept_as(build, number),
        // What made the step fail is what has to be told.
        Err(unkept) => {
            tracing::warn!(error = %unkept, "files of a failed step are not kept");
            error
        }
    }
}

impl Runtime {
    /// A failed step that was kept: the one with these numbers, or the last there is. Blocks.
    ///
    /// # Errors
    /// `ErrorKind::Source`: no such step was kept, or its files are gone. `ErrorKind::Environment`: the state directory cannot
    /// be read.
    pub fn failed_step(&self, build: Option<i64>, number: Option<u32>) -> Result<FailedStep, SolveError> {
        let failures = self.engine.store.failures();
        let environment = |error| SolveError::new(ErrorKind::Environment, error);
        let none = |text: String| SolveError::say(ErrorKind::Source, text);
        let kept = failures.list(build).map_err(environment)?;
        let Some(&(build, last)) = kept.first() else {
            let what = build.map_or("no build".to_owned(), |build| format!("build {build}"));
            let object = if build.is_some() { "no failed step" } else { "a failed step" };
            return Err(none(format!("{what} kept {object}")));
        };
        let number = number.unwrap_or(last);
        let gone = || none(format!("build {build} did not keep step {number}: it kept {}", numbers(&kept, build)));
        let failure = failures.get(build, number).map_err(environment)?.ok_or_else(gone)?;
        let op = decode_op(&Digest::of(&failure.op), &failure.op);
        let op = op.map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
        let Some(pb::OpKind::Exec(mut op)) = op.op else { return Err(gone()) };
        op.mounts.iter_mut().for_each(|mount| mount.input = -1);
        let mut inputs = Vec::new();
        for KeptMount { mount, layers } in failure.mounts {
            let files = self.engine.snapshots.adopt(layers);
            let files = files.map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
            let files = files.ok_or_else(|| none(format!("the files of step {number} of build {build} are gone")))?;
            if let (Some(mount), Ok(input)) = (op.mounts.get_mut(mount), i64::try_from(inputs.len())) {
                mount.input = input;
                inputs.push(files);
            }
        }
        Ok(FailedStep { build, number, op, inputs })
    }

    /// Runs a command where a failed step ran, in a copy of the files that it left, with the standard input and output of this
    /// process. Gives its exit code.
    ///
    /// # Errors
    /// `ErrorKind::Step`: the command cannot be started. `ErrorKind::Cancelled`. `ErrorKind::Environment`: the machine refuses.
    pub async fn debug(
        &self,
        step: &FailedStep,
        request: DebugRequest,
        cancel: &CancellationToken,
    ) -> Result<i32, SolveError> {
        self.inside((&step.to_visit(), &step.inputs), request, cancel).await
    }

    /// Runs a command in a copy of a result, with the standard input and output of this process. Gives its exit code.
    ///
    /// # Errors
    /// As [`Runtime::debug`].
    pub async fn visit(
        &self,
        solved: &Solved,
        process: Visited,
        request: DebugRequest,
        cancel: &CancellationToken,
    ) -> Result<i32, SolveError> {
        let Visited { env, cwd, user } = process;
        let args = request.command.clone().unwrap_or_else(|| vec!["sh".to_owned()]);
        let meta = pb::Meta { args, env, cwd, user, ..pb::Meta::default() };
        let root = pb::Mount { dest: "/".to_owned(), output: -1, ..pb::Mount::default() };
        let op = pb::ExecOp { meta: Some(meta), mounts: vec![root], ..pb::ExecOp::default() };
        self.inside((&op, std::slice::from_ref(&solved.snapshot)), request, cancel).await
    }

    async fn inside(
        &self,
        (op, inputs): (&pb::ExecOp, &[Snapshot]),
        request: DebugRequest,
        cancel: &CancellationToken,
    ) -> Result<i32, SolveError> {
        let context = ExecContext {
            snapshots: &self.engine.snapshots,
            store: &self.engine.store,
            oci: &self.engine.oci,
            network: self.engine.network,
            keep_failed: false,
            wanted: None,
            secrets: &request.secrets,
            sockets: &request.sockets,
            resources: None,
            log: &|_, _| {},
            cancel: cancel.clone(),
        };
        let visitor = Visit { command: request.command, terminal: request.terminal };
        visit(&context, op, inputs, visitor).await.map_err(from_exec)
    }

    /// Writes a file or directory that a failed step left, by its path in the step, to a place outside. No process is started.
    /// A file that goes into a directory keeps its name.
    ///
    /// # Errors
    /// `ErrorKind::Source`: there is no such file. `ErrorKind::Step`: the place cannot be written. `ErrorKind::Cancelled`.
    pub async fn copy_failed(
        &self,
        step: &FailedStep,
        path: &Path,
        to: &Path,
        cancel: &CancellationToken,
    ) -> Result<(), SolveError> {
        let missing = |path: &Path, error: io::Error| {
            SolveError::say(ErrorKind::Source, format!("the step left no `{}`: {error}", path.display()))
        };
        let (files, inner) = step.files_at(path).ok_or_else(|| missing(path, io::ErrorKind::NotFound.into()))?;
        let (engine, files, cancel) = (Arc::clone(&self.engine), files.clone(), cancel.clone());
        let (path, to) = (path.to_owned(), to.to_owned());
        blocking(move || {
            let view = engine.snapshots.view(&files).map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
            let root = Root::open(view.path()).map_err(|error| missing(&path, error))?;
            let open = |flags| root.open_file(&inner, flags).map(File::from).map_err(|error| missing(&path, error));
            let found = open(OFlags::PATH)?.metadata().map_err(|error| missing(&path, error))?;
            if found.is_dir() {
                let dir = root.resolve(&inner, true).map_err(|error| missing(&path, error))?;
                let written = export::local::export(&dir, &to, &export::Look::default(), &|| cancel.is_cancelled());
                return written.map(drop).map_err(unwritten);
            }
            if !found.is_file() {
                return Err(missing(&path, io::Error::other("it is no file and no directory")));
            }
            let name = inner.file_name().map_or_else(|| to.clone(), |name| to.join(name));
            let place = if to.is_dir() { name } else { to };
            write(open(OFlags::RDONLY)?, found.mode(), &place)
                .map_err(|source| unwritten(ExportError::Write { path: place.clone(), source }))
        })
        .await
    }
}

/// Writes a file in one step.
fn write(mut from: File, mode: u32, place: &Path) -> io::Result<()> {
    let above = place.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(above)?;
    io::copy(&mut from, &mut file)?;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(mode & 0o777))?;
    file.persist(place)?;
    Ok(())
}

fn unwritten(error: ExportError) -> SolveError {
    match error {
        ExportError::Cancelled => SolveError::cancelled(),
        error => SolveError::new(ErrorKind::Step, error),
    }
}

/// The steps of a build that were kept, in order.
fn numbers(kept: &[(i64, u32)], build: i64) -> String {
    let of_build = kept.iter().rev().filter(|(of, _)| *of == build);
    of_build.map(|(_, number)| number.to_string()).collect::<Vec<_>>().join(", ")
}
