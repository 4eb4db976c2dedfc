//! Running a process of a graph.
//!
//! Owns what an exec op means: which snapshots are mounted where and how, the environment, which exit codes are good, and
//! what becomes of what was written. How a container is made of that is the executor's.

mod cache;
mod error;
mod inside;
pub(crate) mod mounts;
mod platform;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use hlb_agent::Lent;
use hlb_llb::pb;
use hlb_llb::status::Stream;
use hlb_store::Store;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

pub(crate) use error::{ExecError, Failed};
pub(crate) use inside::{Visit, visit};

use crate::exec::files::ExtraHost;
use crate::exec::network::{Net, Network};
use crate::exec::resources::{Cpu, Memory, Resources};
use crate::exec::runc::{Control, Exit, OciRuntime, Stdio};
use crate::exec::spec::Limit;
use crate::exec::{Ended, Files, Process, Sandbox};
use crate::snapshot::{Snapshot, Snapshots};
use mounts::Prepared;

/// What shells look in when nothing is said.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
/// Pieces of output that may wait to be logged before the process has to.
const WAITING_PIECES: usize = 64;

/// What a process runs with.
pub(crate) struct ExecContext<'job> {
    pub(crate) snapshots: &'job Snapshots,
    pub(crate) store: &'job Store,
    pub(crate) oci: &'job OciRuntime,
    /// The network if the op asks for none.
    pub(crate) network: Network,
    /// Whether its files are kept if it fails.
    pub(crate) keep_failed: bool,
    /// The outputs that somebody reads, by number; `None`: all. The others are left empty.
    pub(crate) wanted: Option<BTreeSet<usize>>,
    /// Files by secret id.
    pub(crate) secrets: &'job BTreeMap<String, PathBuf>,
    /// What is lent over sockets, by id.
    pub(crate) sockets: &'job BTreeMap<String, Lent>,
    /// How much of the machine it may use, if that is limited.
    pub(crate) resources: Option<&'job pb::LinuxResources>,
    /// Gets all that the process prints, as it comes.
    pub(crate) log: &'job (dyn Fn(Stream, &[u8]) + Send + Sync),
    pub(crate) cancel: CancellationToken,
}

/// Runs the process of an op to its end, and gives what it made, in the order of the mounts that are outputs.
///
/// When it returns, no process and no mount of it is left. Dropped, it ends the process and cleans up behind the scenes.
pub(crate) async fn exec(
    cx: &ExecContext<'_>,
    op: &pb::ExecOp,
    platform: Option<&pb::Platform>,
    inputs: &[Snapshot],
) -> Result<Vec<Snapshot>, Failed> {
    platform::check(platform)?;
    let control = Control::default();
    let _end = EndOnDrop(control.clone());
    let task = Task::new(cx, op, inputs, &control);
    let (pieces, mut printed) = mpsc::channel(WAITING_PIECES);
    let (finished, finish) = oneshot::channel();
    // A thread of its own, not one of the pool: steps take minutes, and what they hold is freed here even if nobody waits.
    let work = move || {
        // Fails only if nobody listens any more, which does not stop us from reading.
        let result = task.run(&|stream, data| drop(pieces.blocking_send((stream, data))));
        // Before anybody hears of the end: the store that it holds must not outlive the solve.
        drop(task);
        drop(pieces);
        let _ = finished.send(result);
    };
    std::thread::Builder::new().name("step".into()).spawn(work).map_err(ExecError::Thread)?;
    let mut cancelled = false;
    loop {
        tokio::select! {
            () = cx.cancel.cancelled(), if !cancelled => {
                cancelled = true;
                control.cancel();
            }
            piece = printed.recv() => match piece {
                Some((stream, data)) => (cx.log)(stream, &data),
                None => break,
            },
        }
    }
    finish.await.unwrap_or_else(|_| Err(ExecError::Lost.into()))
}

/// Refuses an op that makes no sense, or asks for what there is not, whatever it is run on.
pub(crate) fn check(op: &pb::ExecOp) -> Result<(), ExecError> {
    let meta = op.meta.as_ref().ok_or(ExecError::invalid("it has no process"))?;
    if meta.args.is_empty() {
        return Err(ExecError::invalid("its process has no arguments, not even the program"));
    }
    if pb::SecurityMode::try_from(op.security).is_err() {
        return Err(ExecError::unsupported(format!("security mode {}", op.security)));
    }
    if pb::NetMode::try_from(op.network).is_err() {
        return Err(ExecError::unsupported(format!("network mode {}", op.network)));
    }
    if let Some(device) = op.cdi_devices.iter().find(|device| !device.optional) {
        return Err(ExecError::unsupported(format!("device `{}`", device.name)));
    }
    let parent = &meta.cgroup_parent;
    // `SLICE:` would be for systemd to make.
    if parent.contains(':') || parent.split('/').any(|part| part == "..") {
        return Err(ExecError::unsupported(format!("control group parent `{parent}`")));
    }
    meta.ulimit.iter().try_for_each(|ulimit| limit(ulimit).map(drop))
}

/// Ends the process when nobody waits for it any more.
struct EndOnDrop(Control);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.cancel();
    }
}

/// An op with everything it needs, on its thread.
struct Task {
    snapshots: Snapshots,
    store: Store,
    oci: OciRuntime,
    network: Network,
    keep_failed: bool,
    wanted: Option<BTreeSet<usize>>,
    secrets: BTreeMap<String, PathBuf>,
    sockets: BTreeMap<String, Lent>,
    resources: Resources,
    handle: Handle,
    op: pb::ExecOp,
    inputs: Vec<Snapshot>,
    control: Control,
}

impl Task {
    fn new(cx: &ExecContext<'_>, op: &pb::ExecOp, inputs: &[Snapshot], control: &Control) -> Self {
        Self {
            snapshots: cx.snapshots.clone(),
            store: cx.store.clone(),
            oci: cx.oci.clone(),
            network: cx.network,
            keep_failed: cx.keep_failed,
            wanted: cx.wanted.clone(),
            secrets: cx.secrets.clone(),
            sockets: cx.sockets.clone(),
            resources: cx.resources.map(resources).unwrap_or_default(),
            handle: Handle::current(),
            op: op.clone(),
            inputs: inputs.to_vec(),
            control: control.clone(),
        }
    }

    fn sandbox(&self) -> Result<Sandbox, ExecError> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        Ok(Sandbox::new(self.store.session_dir(), &COUNT.fetch_add(1, Ordering::Relaxed).to_string())?)
    }

    fn run(&self, output: &(dyn Fn(Stream, Vec<u8>) + Sync)) -> Result<Vec<Snapshot>, Failed> {
        check(&self.op)?;
        let meta = self.op.meta.as_ref().ok_or(ExecError::invalid("it has no process"))?;
        let process = self.process(meta)?;
        // Declared before `prepared`: the directory goes after what is mounted in it.
        let sandbox = self.sandbox()?;
        let mut prepared = Prepared::new(self, &sandbox, &process.cwd)?;
        let files = Files {
            root: prepared.root.clone(),
            readonly_root: prepared.readonly_root,
            mounts: std::mem::take(&mut prepared.mounts),
            remove_stub_parents: meta.remove_mount_stubs_recursive,
        };
        let run = sandbox.run(&self.oci, process, files, &self.control, output);
        let ended = run.map_err(|error| ExecError::from_step(error, &meta.args));
        match ended.and_then(|Ended { exit, touched }| judge(meta, exit).map(|()| touched)) {
            Ok(touched) => Ok(prepared.commit(touched)?),
            Err(error) if self.keep_failed && error.left_files() => {
                Err(Failed { kept: prepared.keep(), error: Box::new(error) })
            }
            Err(error) => Err(error.into()),
        }
    }

    fn process(&self, meta: &pb::Meta) -> Result<Process, ExecError> {
        let extra_hosts = meta.extra_hosts.iter();
        Ok(Process {
            args: meta.args.clone(),
            env: self.environment(meta)?,
            cwd: mounts::absolute(Path::new("/"), &meta.cwd),
            user: meta.user.clone(),
            host_name: meta.hostname.clone(),
            extra_hosts: extra_hosts
                .map(|host| ExtraHost { name: host.host.clone(), address: host.ip.clone() })
                .collect(),
            network: match self.op.network() {
                pb::NetMode::None => Net::None,
                pb::NetMode::Host => Net::Host,
                pb::NetMode::Unset => self.network.into(),
            },
            insecure: self.op.security() == pb::SecurityMode::Insecure,
            limits: meta.ulimit.iter().map(limit).collect::<Result<_, _>>()?,
            resources: self.resources.clone(),
            cgroup_parent: meta.cgroup_parent.clone(),
            stdio: Stdio::Piped,
            terminal: false,
        })
    }

    fn environment(&self, meta: &pb::Meta) -> Result<Vec<String>, ExecError> {
        let mut env = meta.env.clone();
        if let Some(proxy) = &meta.proxy_env {
            let values = [
                ("http_proxy", &proxy.http_proxy),
                ("https_proxy", &proxy.https_proxy),
                ("ftp_proxy", &proxy.ftp_proxy),
                ("no_proxy", &proxy.no_proxy),
                ("all_proxy", &proxy.all_proxy),
            ];
            for (name, value) in values.into_iter().filter(|(_, value)| !value.is_empty()) {
                env.push(format!("{}={value}", name.to_uppercase()));
                env.push(format!("{name}={value}"));
            }
        }
        if !env.iter().any(|variable| variable.starts_with("PATH=")) {
            env.push(DEFAULT_PATH.to_owned());
        }
        for secret in &self.op.secretenv {
            let value = match self.secret(&secret.id, secret.optional)? {
                Some(bytes) => String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')).ok_or_else(|| {
                    ExecError::invalid(format!("secret `{}` is no text and cannot be a variable", secret.id))
                })?,
                None => String::new(),
            };
            env.push(format!("{}={value}", secret.name));
        }
        Ok(env)
    }

    /// The content of a secret; `None` if there is none and none is needed.
    fn secret(&self, id: &str, optional: bool) -> Result<Option<Vec<u8>>, ExecError> {
        let Some(path) = self.secrets.get(id) else {
            return if optional { Ok(None) } else { Err(ExecError::SecretMissing { id: id.to_owned() }) };
        };
        match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(source) => Err(ExecError::SecretUnreadable { id: id.to_owned(), path: path.clone(), source }),
        }
    }
}

/// Whether an exit counts as success.
fn judge(meta: &pb::Meta, exit: Exit) -> Result<(), ExecError> {
    let Exit { code, out_of_memory } = exit;
    let good = if meta.valid_exit_codes.is_empty() { code == 0 } else { meta.valid_exit_codes.contains(&code) };
    if good { Ok(()) } else { Err(ExecError::Exit { code, args: meta.args.join(" "), out_of_memory }) }
}

/// The limits of a control group; 0 and empty are none.
fn resources(limits: &pb::LinuxResources) -> Resources {
    let number = |value: i64| (value != 0).then_some(value);
    let count = |value: u64| (value != 0).then_some(value);
    let memory = Memory { limit: number(limits.memory), swap: number(limits.memory_swap) };
    let cpu = Cpu {
        shares: count(limits.cpu_shares),
        quota: number(limits.cpu_quota),
        period: count(limits.cpu_period),
        cpus: limits.cpuset_cpus.clone(),
        mems: limits.cpuset_mems.clone(),
    };
    Resources {
        memory: Some(memory).filter(|memory| *memory != Memory::default()),
        cpu: Some(cpu).filter(|cpu| *cpu != Cpu::default()),
    }
}

fn limit(ulimit: &pb::Ulimit) -> Result<Limit, ExecError> {
    const NAMES: [&str; 15] = [
        "core",
        "cpu",
        "data",
        "fsize",
        "locks",
        "memlock",
        "msgqueue",
        "nice",
        "nofile",
        "nproc",
        "rss",
        "rtprio",
        "rttime",
        "sigpending",
        "stack",
    ];
    if !NAMES.contains(&ulimit.name.as_str()) {
        return Err(ExecError::invalid(format!("`{}` is not the name of a resource limit", ulimit.name)));
    }
    // -1 is "no limit", which is the largest number once the sign is gone.
    let value = |number: i64| number.cast_unsigned();
    let name = format!("RLIMIT_{}", ulimit.name.to_uppercase());
    Ok(Limit { name, soft: value(ulimit.soft), hard: value(ulimit.hard) })
}
