//! Namespaces: where mounts are private, and processes that cannot outlive us.
//!
//! Owns the two guarantees everything else is built on. Mounts live in a mount namespace of this process alone, so the
//! kernel takes them away with it. A confined process is the first of a process namespace and dies with the thread that
//! started it, and everything it ever started dies with it, whatever ends us. It does not know what is run.

use std::ffi::CStr;
use std::io::{self, Read as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, mpsc};
use std::thread::JoinHandle;

use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use rustix::pipe::PipeFlags;
use rustix::process::{Pid, PidfdFlags, Signal};
use rustix::thread::UnshareFlags;

/// Moves the calling thread, and those it makes later, into a mount namespace of its own, from which nothing spreads to the host.
///
/// # Errors
/// When the kernel refuses; it needs `CAP_SYS_ADMIN`.
pub(super) fn isolate_mounts() -> io::Result<()> {
    unshare(UnshareFlags::NEWNS)?;
    rustix::mount::mount_change("/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
    Ok(())
}

/// A running process that is the first of its own process namespace.
#[derive(Debug)]
pub(crate) struct Confined {
    killer: Killer,
    thread: JoinHandle<io::Result<ExitStatus>>,
}

/// Ends a confined process and everything it started. Of no effect once it has ended.
#[derive(Clone, Debug)]
pub(crate) struct Killer(Arc<OwnedFd>);

/// What a confined process prints, as far as it comes to us.
#[derive(Debug)]
pub(crate) struct Output {
    /// None if it is a connection.
    pub(crate) stdout: Option<ChildStdout>,
    pub(crate) stderr: Option<ChildStderr>,
}

/// What a confined process sees other than we do, besides its own `/proc`.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Confinement {
    /// Something mounted that it does not see.
    pub(crate) hidden: Option<&'static CStr>,
}

impl Confined {
    /// Starts a program with a connection, or nothing, on standard input. It sees a `/proc` of its own namespace.
    pub(crate) fn spawn(
        mut command: Command,
        connection: Option<OwnedFd>,
        confinement: Confinement,
    ) -> io::Result<(Self, Output)> {
        let (stdin, stdout) = match connection {
            Some(connection) => (Stdio::from(connection.try_clone()?), Stdio::from(connection)),
            None => (Stdio::null(), Stdio::piped()),
        };
        command.stdin(stdin).stdout(stdout).stderr(Stdio::piped()).process_group(0);
        Self::start(command, confinement)
    }

    /// The same with standard input and output of this process, to whose process group it belongs: only so it may read from
    /// the terminal and set it up.
    pub(crate) fn attach(mut command: Command, confinement: Confinement) -> io::Result<Self> {
        command.stdin(Stdio::inherit()).stdout(Stdio::inherit()).stderr(Stdio::inherit());
        Self::start(command, confinement).map(|(confined, _)| confined)
    }

    fn start(mut command: Command, confinement: Confinement) -> io::Result<(Self, Output)> {
        let (started, start) = mpsc::sync_channel(1);
        // The parent-death signal comes when the *thread* that forked ends, and a thread that has asked for a new
        // process namespace can make no threads any more: so each process gets a thread, which waits for it and ends.
        let thread = std::thread::Builder::new().name("confined".into()).spawn(move || {
            let outcome = start_confined(&mut command, confinement);
            let mut child = match outcome {
                Ok((child, pidfd, output)) => {
                    // A connection ends only when nobody holds its other end.
                    command.stdin(Stdio::null()).stdout(Stdio::null());
                    // Only fails if the other end is gone, and it waits.
                    let _ = started.send(Ok((pidfd, output)));
                    child
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                    return Err(Errno::CANCELED.into());
                }
            };
            child.wait()
        })?;
        let (pidfd, output) = start.recv().map_err(|_| io::Error::other("the thread of a process ended early"))??;
        Ok((Self { killer: Killer(Arc::new(pidfd)), thread }, output))
    }

    /// What ends it.
    pub(crate) fn killer(&self) -> Killer {
        self.killer.clone()
    }

    /// Waits until it and everything it started has ended.
    pub(crate) fn wait(self) -> io::Result<ExitStatus> {
        self.thread.join().map_err(|_| io::Error::other("the thread of a process panicked"))?
    }
}

impl Killer {
    /// Sends SIGKILL to the first process of the namespace; the kernel does the same to all others in it.
    pub(crate) fn kill(&self) {
        // Fails only when there is nothing left to kill.
        let _ = rustix::process::pidfd_send_signal(&*self.0, Signal::KILL);
    }
}

/// Forks the process. The calling thread can do nothing but wait for it afterwards.
fn start_confined(
    command: &mut Command,
    confinement: Confinement,
) -> io::Result<(std::process::Child, OwnedFd, Output)> {
    // The pipe tells the child whether we are still there: we never write, and its end closes with our last thread.
    let (reader, writer) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let mut reader = std::fs::File::from(reader);
    let mut writer = Some(writer);
    let prepare = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        // We may have died before the signal was set. Only then nobody has the other end of the pipe.
        drop(writer.take());
        if !matches!(reader.read(&mut [0]), Err(error) if error.kind() == io::ErrorKind::WouldBlock) {
            return Err(Errno::CANCELED.into());
        }
        unshare(UnshareFlags::NEWNS)?;
        rustix::mount::mount_change(c"/", MountPropagationFlags::PRIVATE | MountPropagationFlags::REC)?;
        let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
        if let Some(hidden) = confinement.hidden {
            match rustix::mount::unmount(hidden, UnmountFlags::DETACH) {
                // A user namespace cannot take away what was there before it, but cover it.
                Err(Errno::INVAL) => rustix::mount::mount(c"tmpfs", hidden, c"tmpfs", flags, None)?,
                other => other?,
            }
        }
        Ok(rustix::mount::mount(c"proc", c"/proc", c"proc", flags, None)?)
    };
    #[expect(unsafe_code, reason = "the standard library's only way to run code between fork and exec")]
    // SAFETY: `prepare` only makes system calls: it neither allocates nor takes locks, which another thread might hold at
    // the time of the fork. The file descriptor it closes is the child's own copy.
    unsafe {
        command.pre_exec(prepare)
    };
    unshare(UnshareFlags::NEWPID)?;
    let mut child = command.spawn()?;
    let opened = match i32::try_from(child.id()).ok().and_then(Pid::from_raw) {
        Some(pid) => rustix::process::pidfd_open(pid, PidfdFlags::empty()),
        None => Err(Errno::SRCH),
    };
    match opened {
        Ok(pidfd) => {
            let output = Output { stdout: child.stdout.take(), stderr: child.stderr.take() };
            Ok((child, pidfd, output))
        }
        Err(error) => {
            // Nobody could end it: do it now.
            child.kill()?;
            child.wait()?;
            Err(error.into())
        }
    }
}

/// Moves the calling thread into new namespaces.
pub(super) fn unshare(flags: UnshareFlags) -> io::Result<()> {
    #[expect(unsafe_code, reason = "rustix has no safe call for it")]
    // SAFETY: only used with flags for namespaces. The unsafe ones are those that end the sharing of file descriptors
    // between threads.
    let done = unsafe { rustix::thread::unshare_unsafe(flags) };
    Ok(done?)
}
