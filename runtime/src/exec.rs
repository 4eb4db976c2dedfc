//! Running one step in a container.
//!
//! Owns the bundle: from a prepared root file system and a process to its exit, with the files a container is given and
//! the mount points it leaves. It does not know LLB, and nothing of where file systems come from.

pub(crate) mod cgroup;
pub(crate) mod files;
pub(crate) mod network;
mod preflight;
mod privilege;
pub(crate) mod resources;
pub(crate) mod runc;
mod seccomp;
pub(crate) mod spec;
mod stubs;
pub(crate) mod user;

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hlb_llb::status::Stream;

use crate::sys::root::Root;
use crate::sys::rootless::{self, Privilege};
use crate::sys::{file, mounts};
pub(crate) use preflight::make as make_state;
pub use preflight::{PreflightError, preflight};

use cgroup::Cgroup;
use files::ExtraHost;
use network::{Net, NetNs, NetworkError};
use resources::Resources;
use runc::{Bundle, Control, Exit, OciRuntime, RuncError, Stdio};
use spec::{HOST_NAME, Limit, Machine, Mount, NetworkSpace, Spec, Step};
use stubs::{Place, Stubs};
use user::UserError;

/// Folder of a session for the bundles of its running steps.
const BUNDLES: &str = "steps";

/// A process to run.
#[derive(Debug)]
pub(crate) struct Process {
    /// Program and arguments; at least the program.
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<String>,
    /// An absolute path.
    pub(crate) cwd: PathBuf,
    /// As [`user::find`] reads it.
    pub(crate) user: String,
    /// Empty: the default.
    pub(crate) host_name: String,
    pub(crate) extra_hosts: Vec<ExtraHost>,
    pub(crate) network: Net,
    /// It may do to the machine what we may.
    pub(crate) insecure: bool,
    pub(crate) limits: Vec<Limit>,
    pub(crate) resources: Resources,
    /// Control group to stand under; empty: none.
    pub(crate) cgroup_parent: String,
    pub(crate) stdio: Stdio,
    /// A terminal of its own, connected with ours. Only with [`Stdio::Inherited`].
    pub(crate) terminal: bool,
}

/// The file systems of a process.
#[derive(Debug)]
pub(crate) struct Files {
    /// The root, which can be written: mount points are made in it.
    pub(crate) root: PathBuf,
    /// Whether the process can only read it.
    pub(crate) readonly_root: bool,
    /// Sorted, outer ones first.
    pub(crate) mounts: Vec<Attached>,
    /// Whether directories made only for mount points are taken away too.
    pub(crate) remove_stub_parents: bool,
}

/// Something mounted into a container.
#[derive(Debug)]
pub(crate) struct Attached {
    /// An absolute path.
    pub(crate) place: PathBuf,
    pub(crate) what: What,
    pub(crate) readonly: bool,
}

/// What is mounted.
#[derive(Debug)]
pub(crate) enum What {
    /// A file or directory.
    Bind(PathBuf),
    /// A file with a secret in it.
    Secret { file: PathBuf, executable: bool },
    /// Memory, of that many bytes; 0: the kernel's default.
    Memory(u64),
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) exit: Exit,
    /// Directories of the root in which mount points were made for it and taken away again.
    pub(crate) touched: Vec<PathBuf>,
}

/// A step could not be run.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// The user is not known.
    #[error(transparent)]
    User(#[from] UserError),
    /// The specification cannot be written as JSON.
    #[error("the specification of the container cannot be written: {0}")]
    Spec(#[from] serde_json::Error),
    /// The file system refused.
    #[error("cannot {action} `{path}`: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it did not work.
        source: io::Error,
    },
    /// The kernel cannot hold the step to a limit.
    #[error(
        "the step has limits that this machine cannot keep: its kernel has no control group controller `{controller}`"
    )]
    Controller {
        /// What is missing.
        controller: &'static str,
    },
    /// The kernel lets only root limit what others use.
    #[error(
        "the step has limits of memory or processors, or a control group to stand under, which only root can set: \
         run the same command with `sudo`"
    )]
    NoControlGroups,
    /// It cannot have a network of its own.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The container could not be run.
    #[error(transparent)]
    Runc(#[from] RuncError),
}

/// A step that is ready to run: its directory in the session, which goes with it.
#[derive(Debug)]
pub(crate) struct Sandbox {
    dir: PathBuf,
    id: String,
}

impl Sandbox {
    /// Makes the directory of a step in a session.
    pub(crate) fn new(session: &Path, name: &str) -> Result<Self, StepError> {
        let folder = session.join(BUNDLES);
        let id = format!("{}-{name}", session.file_name().unwrap_or_default().to_string_lossy());
        let dir = folder.join(&id);
        std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&dir).map_err(io_error("create", &dir))?;
        Ok(Self { dir, id })
    }

    /// For files that live as long as the step.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs the process to its end. What it wrote is in `files`, less the mount points made for it.
    pub(crate) fn run(
        &self,
        oci: &OciRuntime,
        mut process: Process,
        files: Files,
        control: &Control,
        output: &(dyn Fn(Stream, Vec<u8>) + Sync),
    ) -> Result<Ended, StepError> {
        let root = Root::open(&files.root).map_err(io_error("open", &files.root))?;
        let user = user::find(&root, &process.user)?;
        let mut env = std::mem::take(&mut process.env);
        // OCI runtimes do not agree on what it is for users without an account.
        if !env.iter().any(|variable| variable.starts_with("HOME=")) {
            env.push(format!("HOME={}", user::home(&root, user.uid)));
        }
        let mut mounts = self.given_files(&process)?;
        mounts.extend(files.mounts);
        let place = |mount: &Attached| Place { path: mount.place.clone(), directory: mount.what.is_directory() };
        let places: Vec<Place> = mounts.iter().map(place).collect();
        let stubs = Stubs::make(&root, &places, files.remove_stub_parents)
            .map_err(io_error("make mount points in", &files.root))?;
        stubs::make_usual(&root);
        if !mounts.iter().any(|mount| process.cwd.starts_with(&mount.place)) {
            make_cwd(&root, &process.cwd, &user).map_err(io_error("create the working directory", &process.cwd))?;
        }
        let cgroup = self.cgroup(&process)?;
        // There until the process has ended.
        let connected = match process.network {
            Net::Isolated => Some(NetNs::connect(&self.dir)?),
            Net::Host | Net::None => None,
        };
        let memory_limited = process.resources.memory.is_some();
        let step = Step {
            root: files.root.clone(),
            readonly_root: files.readonly_root,
            args: process.args,
            env,
            cwd: process.cwd,
            user,
            limits: process.limits,
            host_name: host_name(&process.host_name).to_owned(),
            network: match (&connected, process.network) {
                (Some(connected), _) => NetworkSpace::At(connected.path().to_owned()),
                (None, Net::Host) => NetworkSpace::Ours,
                (None, _) => NetworkSpace::New,
            },
            terminal: process.terminal,
            insecure: process.insecure,
            resources: process.resources,
            mounts: mounts.iter().map(Attached::to_mount).collect(),
            cgroup: cgroup.as_ref().map(|cgroup| cgroup.path().to_owned()),
        };
        let spec = serde_json::to_vec(&Spec::new(step, Machine::this(process.insecure)?))?;
        self.write("config.json", &spec)?;
        let bundle = Bundle { oci, dir: &self.dir, id: &self.id, cgroup: cgroup.as_ref(), memory_limited };
        let exit = bundle.run(process.stdio, control, output);
        let touched = stubs.remove(&root).map_err(io_error("remove mount points from", &files.root))?;
        Ok(Ended { exit: exit?, touched })
    }

    /// The control group of the step. None where we have no say in them, and the step does not ask for it.
    fn cgroup(&self, process: &Process) -> Result<Option<Cgroup>, StepError> {
        if rootless::privilege() != Privilege::Root {
            let asked = !process.cgroup_parent.is_empty() || process.resources != Resources::default();
            return if asked { Err(StepError::NoControlGroups) } else { Ok(None) };
        }
        match process.resources.missing_controller() {
            Some(controller) => Err(StepError::Controller { controller }),
            None => Ok(Some(Cgroup::new(&process.cgroup_parent, &self.id))),
        }
    }

    /// The files every container gets from us.
    fn given_files(&self, process: &Process) -> Result<Vec<Attached>, StepError> {
        let resolver = files::resolv_conf(process.network).map_err(|(path, error)| io_error("read", path)(error))?;
        let hosts = files::hosts(host_name(&process.host_name), &process.extra_hosts);
        let give = |name: &str, text: String| -> Result<Attached, StepError> {
            let file = self.write(name, text.as_bytes())?;
            // Whatever our umask is: all users of the container read it.
            let mode = std::fs::Permissions::from_mode(0o644);
            std::fs::set_permissions(&file, mode).map_err(io_error("change the mode of", &file))?;
            Ok(Attached {
                place: Path::new("/etc").join(name),
                what: What::Secret { file, executable: false },
                readonly: true,
            })
        };
        Ok(vec![give("resolv.conf", resolver)?, give("hosts", hosts)?])
    }

    fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf, StepError> {
        let path = self.dir.join(name);
        std::fs::write(&path, bytes).map_err(io_error("write", &path))?;
        Ok(path)
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        // What stays is removed with the session.
        let _ = hlb_store::remove_tree(&self.dir);
    }
}

/// Takes away what a dead session has left outside its directory: the control groups of its steps. Its processes and
/// mounts have died with it.
pub(crate) fn sweep_session(session: &Path) {
    let Ok(entries) = std::fs::read_dir(session.join(BUNDLES)) else { return };
    for entry in entries.flatten() {
        let config = std::fs::read(entry.path().join("config.json")).unwrap_or_default();
        if let Some(cgroup) = Spec::cgroup_of(&config) {
            // A group that cannot be removed is empty and in nobody's way.
            let _ = Cgroup::at(&cgroup).remove();
        }
    }
}

impl Attached {
    fn to_mount(&self) -> Mount {
        let place = self.place.clone();
        let access = if self.readonly { "ro" } else { "rw" };
        let bind = |from: &Path, options: &[&str]| {
            let mut options: Vec<&str> = [&["rbind", "rprivate", access], options].concat();
            options.extend(
                mounts::kept_options(from).into_iter().filter(|option| !options.contains(option)).collect::<Vec<_>>(),
            );
            Mount::new(place.clone(), "bind", from, &options)
        };
        match &self.what {
            What::Bind(from) => bind(from, &[]),
            What::Secret { file, executable: true } => bind(file, &["nosuid", "nodev"]),
            What::Secret { file, executable: false } => bind(file, &["nosuid", "nodev", "noexec"]),
            What::Memory(0) => Mount::new(place, "tmpfs", "tmpfs", &["nosuid", access]),
            What::Memory(size) => Mount::new(place, "tmpfs", "tmpfs", &["nosuid", access, &format!("size={size}")]),
        }
    }
}

impl What {
    fn is_directory(&self) -> bool {
        match self {
            Self::Bind(from) => from.is_dir(),
            Self::Secret { .. } => false,
            Self::Memory(_) => true,
        }
    }
}

fn host_name(asked: &str) -> &str {
    if asked.is_empty() { HOST_NAME } else { asked }
}

/// Makes the working directory, with those above it, if it is missing; it belongs to the user and stays in the result.
fn make_cwd(root: &Root, cwd: &Path, user: &user::User) -> io::Result<()> {
    let path = root.resolve(cwd, true)?;
    let missing: Vec<&Path> =
        path.ancestors().take_while(|dir| *dir != root.path() && std::fs::symlink_metadata(dir).is_err()).collect();
    for dir in missing.into_iter().rev() {
        std::fs::create_dir(dir)?;
        std::fs::set_permissions(dir, std::fs::Permissions::from_mode(0o755))?;
        file::set_owner(dir, user.uid, user.gid)?;
    }
    Ok(())
}

fn io_error(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StepError {
    move |source| StepError::Io { action, path: path.to_owned(), source }
}
