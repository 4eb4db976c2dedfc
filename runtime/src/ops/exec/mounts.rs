//! The file systems of a process, made of what its op says.
//!
//! Owns what each mount of an op becomes: something to read, something to write and keep, something to write and forget.
//! What is made here is in use until it is committed or dropped.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Component, Path, PathBuf};

use hlb_llb::pb::{self, MountType};
use rustix::fs::OFlags;

use super::cache::{Cache, Wanted};
use super::{ExecError, Task};
use crate::exec::{Attached, Sandbox, What};
use crate::ops::sockets::{Access, Sockets};
use crate::snapshot::{Active, Snapshot, View};
use crate::sys::file::set_owner;
use crate::sys::mounts::{Mounted, bind_open, private_tmpfs};
use crate::sys::root::Root;

/// The socket of a mount that names none.
const DEFAULT_SOCKET: &str = "default";

/// The mounts of an op. Fields are dropped in order: mounts inside others first.
pub(super) struct Prepared {
    pub(super) root: PathBuf,
    pub(super) readonly_root: bool,
    /// Sorted by place; the root is not among them.
    pub(super) mounts: Vec<Attached>,
    parts: Vec<Mounted>,
    secrets: Option<Mounted>,
    sockets: Sockets,
    views: Vec<View>,
    forgotten: Vec<Active>,
    outputs: Vec<Output>,
    /// What each mount shows that is made of an input, by its number.
    shown: Vec<(usize, Shown)>,
    /// Which of the outputs is at `/`.
    root_output: Option<usize>,
    caches: BTreeMap<String, Cache>,
}

/// What an output of the op will be.
enum Output {
    /// What it was, as it could only be read.
    Same(Snapshot),
    /// What was written.
    Written(Box<Active>),
}

/// Where to find the files of a mount after the process has ended.
enum Shown {
    /// They are what they were.
    Same(Snapshot),
    Output(usize),
    Forgotten(usize),
}

/// A place, as an absolute path without `.` and `..`.
pub(crate) fn absolute(cwd: &Path, path: &str) -> PathBuf {
    let mut clean = PathBuf::from("/");
    for component in cwd.join(path).components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    clean
}

/// What is lent behind the socket of a mount.
pub(crate) fn socket_id(ssh: &pb::SshOpt) -> &str {
    if ssh.id.is_empty() { DEFAULT_SOCKET } else { &ssh.id }
}

impl Prepared {
    /// Makes the file systems of an op.
    pub(super) fn new(task: &Task, sandbox: &Sandbox, cwd: &Path) -> Result<Self, ExecError> {
        let mut prepared = Self {
            root: PathBuf::new(),
            readonly_root: false,
            mounts: Vec::new(),
            parts: Vec::new(),
            secrets: None,
            sockets: Sockets::default(),
            views: Vec::new(),
            forgotten: Vec::new(),
            outputs: Vec::new(),
            shown: Vec::new(),
            root_output: None,
            caches: take_caches(task)?,
        };
        let mut root = None;
        for (number, mount) in task.op.mounts.iter().enumerate() {
            let place = absolute(cwd, &mount.dest);
            let is_root = place == Path::new("/");
            let kind = MountType::try_from(mount.mount_type)
                .map_err(|_| ExecError::unsupported(format!("mount type {}", mount.mount_type)))?;
            if is_root && kind != MountType::Bind {
                return Err(ExecError::invalid("only an input can be mounted at `/`"));
            }
            // Clients leave the numbers of secret and ssh mounts at zero, where they mean nothing.
            if mount.output != -1 && kind == MountType::Tmpfs {
                return Err(ExecError::invalid(format!("the mount at `{}` cannot be an output", mount.dest)));
            }
            let what = match kind {
                MountType::Bind => Some(What::Bind(prepared.bind(task, sandbox, (number, mount), &place)?)),
                MountType::Cache => Some(What::Bind(prepared.cache(task, sandbox, (number, mount), &place)?)),
                MountType::Tmpfs => Some(What::Memory(memory(mount)?)),
                MountType::Secret => prepared.secret(task, sandbox, mount)?,
                MountType::Ssh => prepared.socket(task, sandbox, mount)?,
            };
            match what {
                Some(What::Bind(path)) if is_root => {
                    prepared.readonly_root = mount.readonly;
                    root = Some(path);
                }
                Some(what) => {
                    let readonly = mount.readonly || kind == MountType::Secret;
                    prepared.mounts.push(Attached { place, what, readonly });
                }
                None => {}
            }
        }
        prepared.root = root.ok_or(ExecError::invalid("nothing is mounted at `/`"))?;
        // By bytes of the path: what is mounted inside another mount comes after it.
        prepared.mounts.sort_by(|a, b| a.place.as_os_str().cmp(b.place.as_os_str()));
        Ok(prepared)
    }

    /// Makes snapshots of what was written, in the order of the mounts. `touched` are directories of the root in which only we
    /// have made something, and removed it.
    pub(super) fn commit(mut self, touched: Vec<PathBuf>) -> Result<Vec<Snapshot>, ExecError> {
        let mut outputs = std::mem::take(&mut self.outputs);
        if let Some(Output::Written(active)) = self.root_output.and_then(|at| outputs.get_mut(at)) {
            active.forget(touched);
        }
        // Parts of trees that are mounted elsewhere would keep the trees in use.
        drop(self);
        let commit = |output| match output {
            Output::Same(snapshot) => Ok(snapshot),
            Output::Written(active) => Ok(active.commit()?),
        };
        outputs.into_iter().map(commit).collect()
    }

    /// Makes snapshots of everything that was written, and gives what all mounts show, by their numbers. What cannot be kept
    /// is left out: the failure that led here is what counts.
    pub(super) fn keep(mut self) -> Vec<(usize, Snapshot)> {
        let (outputs, forgotten) = (std::mem::take(&mut self.outputs), std::mem::take(&mut self.forgotten));
        let shown = std::mem::take(&mut self.shown);
        drop(self);
        let commit = |active: Active| {
            let kept = active.commit();
            kept.inspect_err(|error| tracing::warn!(%error, "files of a failed step are not kept")).ok()
        };
        let mut outputs: Vec<Option<Snapshot>> = outputs
            .into_iter()
            .map(|output| match output {
                Output::Same(snapshot) => Some(snapshot),
                Output::Written(active) => commit(*active),
            })
            .collect();
        let mut forgotten: Vec<Option<Snapshot>> = forgotten.into_iter().map(commit).collect();
        let mut find = |shown| match shown {
            Shown::Same(snapshot) => Some(snapshot),
            Shown::Output(at) => outputs.get_mut(at)?.take(),
            Shown::Forgotten(at) => forgotten.get_mut(at)?.take(),
        };
        shown.into_iter().filter_map(|(number, shown)| Some((number, find(shown)?))).collect()
    }

    fn bind(
        &mut self,
        task: &Task,
        sandbox: &Sandbox,
        (number, mount): (usize, &pb::Mount),
        place: &Path,
    ) -> Result<PathBuf, ExecError> {
        let base = input(task, mount)?;
        let is_root = place == Path::new("/");
        if mount.readonly && mount.input != -1 && !is_root {
            let view = task.snapshots.view(&base)?;
            let path = self.select(sandbox, mount, place, view.path())?;
            self.views.push(view);
            self.shown.push((number, Shown::Same(base.clone())));
            if mount.output != -1 {
                self.outputs.push(Output::Same(base));
            }
            return Ok(path);
        }
        // Also for a root that is only read: mount points are made in it.
        let mut active = task.snapshots.prepare(&base)?;
        let tree = active.mount()?;
        let path = self.select(sandbox, mount, place, &tree)?;
        if mount.output == -1 {
            self.shown.push((number, Shown::Forgotten(self.forgotten.len())));
            self.forgotten.push(active);
        } else if task.wanted.as_ref().is_some_and(|wanted| !wanted.contains(&self.outputs.len())) {
            self.shown.push((number, Shown::Forgotten(self.forgotten.len())));
            self.forgotten.push(active);
            self.outputs.push(Output::Same(Snapshot::scratch()));
        } else {
            self.shown.push((number, Shown::Output(self.outputs.len())));
            // Paths in a part of a tree are not those in the tree.
            if is_root && path == tree {
                self.root_output = Some(self.outputs.len());
            }
            self.outputs.push(Output::Written(Box::new(active)));
        }
        Ok(path)
    }

    fn cache(
        &mut self,
        task: &Task,
        sandbox: &Sandbox,
        (number, mount): (usize, &pb::Mount),
        place: &Path,
    ) -> Result<PathBuf, ExecError> {
        let wanted = wanted(task, mount)?;
        self.shown.push((number, Shown::Same(wanted.base.clone())));
        let path = self.caches.get(&wanted.key()).map(|cache| cache.path.clone());
        let path = path.ok_or(ExecError::invalid("a cache mount was not prepared"))?;
        if mount.output != -1 {
            self.outputs.push(Output::Same(wanted.base));
        }
        self.select(sandbox, mount, place, &path)
    }

    fn secret(&mut self, task: &Task, sandbox: &Sandbox, mount: &pb::Mount) -> Result<Option<What>, ExecError> {
        let secret = mount.secret_opt.as_ref().ok_or(ExecError::invalid("a secret mount does not say which"))?;
        let Some(content) = task.secret(&secret.id, secret.optional)? else { return Ok(None) };
        let dir = sandbox.dir().join("secrets");
        let failed = |source| ExecError::Io { action: "keep a secret in memory", source };
        if self.secrets.is_none() {
            std::fs::create_dir(&dir).map_err(failed)?;
            self.secrets = Some(private_tmpfs(&dir).map_err(failed)?);
        }
        let file = dir.join(self.mounts.len().to_string());
        let write = || {
            let mut open = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&file)?;
            open.write_all(&content)?;
            set_owner(&file, secret.uid, secret.gid)?;
            open.set_permissions(std::os::unix::fs::PermissionsExt::from_mode(secret.mode & 0o777))
        };
        write().map_err(failed)?;
        Ok(Some(What::Secret { file, executable: secret.mode & 0o111 != 0 }))
    }

    fn socket(&mut self, task: &Task, sandbox: &Sandbox, mount: &pb::Mount) -> Result<Option<What>, ExecError> {
        let ssh = mount.ssh_opt.as_ref().ok_or(ExecError::invalid("an SSH mount does not say which"))?;
        let id = socket_id(ssh);
        let Some(lent) = task.sockets.get(id) else {
            return if ssh.optional { Ok(None) } else { Err(ExecError::SocketMissing { id: id.to_owned() }) };
        };
        match task.handle.block_on(hlb_agent::check(lent)) {
            Ok(()) => {}
            Err(error) if ssh.optional => {
                tracing::info!(id, %error, "an optional socket is left out");
                return Ok(None);
            }
            Err(source) => return Err(ExecError::Socket { id: id.to_owned(), source }),
        }
        let access = Access { uid: ssh.uid, gid: ssh.gid, mode: ssh.mode };
        let listened = self.sockets.listen(&task.handle, sandbox.dir(), id, lent, access);
        let path = listened.map_err(|source| ExecError::Io { action: "make a socket for the step", source })?;
        Ok(Some(What::Bind(path)))
    }

    /// The part of a tree that a mount shows: a mount of its own, so that nobody can put a link there afterwards.
    fn select(
        &mut self,
        sandbox: &Sandbox,
        mount: &pb::Mount,
        place: &Path,
        tree: &Path,
    ) -> Result<PathBuf, ExecError> {
        if absolute(Path::new("/"), &mount.selector) == Path::new("/") {
            return Ok(tree.to_owned());
        }
        let failed = |source| ExecError::Selector { selector: mount.selector.clone(), dest: place.to_owned(), source };
        let open = || Root::open(tree)?.open_file(Path::new(&mount.selector), OFlags::PATH);
        let part = open().map_err(failed)?;
        let stat = rustix::fs::fstat(&part).map_err(|error| failed(error.into()))?;
        let at = sandbox.dir().join(format!("part-{}", self.parts.len()));
        let is_dir = rustix::fs::FileType::from_raw_mode(stat.st_mode).is_dir();
        let make = if is_dir { std::fs::create_dir(&at) } else { std::fs::File::create_new(&at).map(drop) };
        make.and_then(|()| bind_open(part, &at)).map(|mounted| self.parts.push(mounted)).map_err(failed)?;
        Ok(at)
    }
}

/// Takes the caches of an op, in an order that is the same for all.
fn take_caches(task: &Task) -> Result<BTreeMap<String, Cache>, ExecError> {
    let mut all = BTreeMap::new();
    for mount in task.op.mounts.iter().filter(|mount| mount.mount_type == i32::from(MountType::Cache)) {
        let wanted = wanted(task, mount)?;
        all.insert(wanted.key(), wanted);
    }
    let take = |(key, wanted): (String, Wanted)| {
        let cache = wanted.take(&task.store, &task.snapshots, &|| task.control.is_cancelled())?;
        Ok((key, cache))
    };
    all.into_iter().map(take).collect()
}

fn wanted(task: &Task, mount: &pb::Mount) -> Result<Wanted, ExecError> {
    let cache = mount.cache_opt.as_ref().ok_or(ExecError::invalid("a cache mount does not say which"))?;
    let sharing = cache
        .sharing
        .try_into()
        .map_err(|_| ExecError::unsupported(format!("sharing mode {} of a cache mount", cache.sharing)))?;
    Ok(Wanted { id: cache.id.clone(), sharing, base: input(task, mount)? })
}

fn input(task: &Task, mount: &pb::Mount) -> Result<Snapshot, ExecError> {
    if mount.input == -1 {
        return Ok(Snapshot::scratch());
    }
    let found = usize::try_from(mount.input).ok().and_then(|index| task.inputs.get(index));
    found
        .cloned()
        .ok_or_else(|| ExecError::invalid(format!("the mount at `{}` is of input {}", mount.dest, mount.input)))
}

fn memory(mount: &pb::Mount) -> Result<u64, ExecError> {
    let size = mount.tmpfs_opt.as_ref().map_or(0, |options| options.size);
    u64::try_from(size).map_err(|_| ExecError::invalid(format!("a file system cannot have {size} bytes")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_absolute_and_plain() {
        let check = |cwd: &str, path: &str, expected: &str| {
            assert_eq!(absolute(Path::new(cwd), path), Path::new(expected));
        };
        check("/src", "out", "/src/out");
        check("/src", "./a/../b/", "/src/b");
        check("/src", "/", "/");
        check("/src", "../../../x", "/x");
        check("/", "", "/");
    }
}
