//! Going into the files of a process again, to look around.
//!
//! Owns what differs from running it: another command, the terminal of whoever looks, and that nothing is kept.

use std::path::Path;

use hlb_llb::pb;
use rustix::fs::OFlags;
use tokio::sync::oneshot;

use super::mounts::{self, Prepared};
use super::{EndOnDrop, ExecContext, ExecError, Task, check};
use crate::exec::runc::{Control, Stdio, locate};
use crate::exec::{Attached, Files, What};
use crate::snapshot::Snapshot;
use crate::sys::root::Root;

/// The shell that is wanted if nothing is said.
const SHELL: &str = "/bin/sh";
/// Where a shell of this machine is found that was lent; its name is how it knows what it is.
const LENT_SHELL: &str = "/.hlbc/busybox";

/// Who looks around.
#[derive(Clone, Debug)]
pub(crate) struct Visit {
    /// Program and arguments; none is a shell.
    pub(crate) command: Option<Vec<String>>,
    /// The kind of terminal that standard input and output of this process are, if they are one.
    pub(crate) terminal: Option<String>,
}

/// Runs a command where the process of an op would run, with the standard input and output of this process, and gives its exit
/// code. What it writes is thrown away, except into cache mounts.
///
/// When it returns, no process and no mount of it is left. Dropped, it ends the command and cleans up behind the scenes.
pub(crate) async fn visit(
    cx: &ExecContext<'_>,
    op: &pb::ExecOp,
    inputs: &[Snapshot],
    visit: Visit,
) -> Result<i32, ExecError> {
    let control = Control::default();
    let _end = EndOnDrop(control.clone());
    let task = Task::new(cx, op, inputs, &control);
    let (finished, mut finish) = oneshot::channel();
    let work = move || {
        let result = task.visit(visit);
        drop(task);
        let _ = finished.send(result);
    };
    std::thread::Builder::new().name("visit".into()).spawn(work).map_err(ExecError::Thread)?;
    let ended = tokio::select! {
        ended = &mut finish => ended,
        () = cx.cancel.cancelled() => {
            control.cancel();
            finish.await
        }
    };
    ended.unwrap_or(Err(ExecError::Lost))
}

impl Task {
    fn visit(&self, visit: Visit) -> Result<i32, ExecError> {
        check(&self.op)?;
        let meta = self.op.meta.as_ref().ok_or(ExecError::invalid("it has no process"))?;
        let mut process = self.process(meta)?;
        process.stdio = Stdio::Inherited;
        process.terminal = visit.terminal.is_some();
        if let Some(kind) = visit.terminal
            && !process.env.iter().any(|variable| variable.starts_with("TERM="))
        {
            process.env.push(format!("TERM={kind}"));
        }
        // Declared before `prepared`: the directory goes after what is mounted in it.
        let sandbox = self.sandbox()?;
        let mut prepared = Prepared::new(self, &sandbox, &process.cwd)?;
        let mut all = std::mem::take(&mut prepared.mounts);
        process.args = match visit.command {
            Some(command) => command,
            None if has_shell(&prepared.root) => vec![SHELL.to_owned(), "-i".to_owned()],
            None => {
                all.push(lent_shell()?);
                all.sort_by(|a, b| a.place.as_os_str().cmp(b.place.as_os_str()));
                [LENT_SHELL, "sh", "-i"].map(str::to_owned).into()
            }
        };
        let args = process.args.clone();
        let files = Files {
            root: prepared.root.clone(),
            readonly_root: prepared.readonly_root,
            mounts: all,
            remove_stub_parents: meta.remove_mount_stubs_recursive,
        };
        let ended = sandbox.run(&self.oci, process, files, &self.control, &|_, _| {});
        Ok(ended.map_err(|error| ExecError::from_step(error, &args))?.exit.code)
    }
}

/// Whether the files that are mounted at `/` have a shell.
fn has_shell(root: &Path) -> bool {
    Root::open(root).and_then(|root| root.open_file(Path::new(SHELL), OFlags::PATH)).is_ok()
}

/// The busybox of this machine, which needs nothing of the files around it if it is linked statically.
fn lent_shell() -> Result<Attached, ExecError> {
    let program = locate(Path::new("busybox"));
    if !program.is_absolute() {
        return Err(ExecError::NoShell);
    }
    Ok(Attached { place: mounts::absolute(Path::new("/"), LENT_SHELL), what: What::Bind(program), readonly: true })
}
