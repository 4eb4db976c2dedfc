//! Sockets of a process, behind which is what the client lends.
//!
//! Owns the listeners: each is a file of a directory that belongs to the process, and lives as long as it. What is behind a
//! socket is `hlb-agent`'s, who connects to it is not known here.

use std::io;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hlb_agent::Lent;
use rustix::fs::{CWD, Mode, OFlags};
use tokio::net::{UnixListener, UnixStream};
use tokio::runtime::Handle;
use tokio::task::{AbortHandle, JoinSet};

use crate::sys::file::set_owner;

/// More connections at a time than that wait. A process could use up our files otherwise.
const CONNECTIONS: usize = 64;
/// After a connection could not be taken.
const PAUSE: Duration = Duration::from_millis(50);

/// Who may connect to a socket.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Access {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mode: u32,
}

/// The sockets of a process. Dropped, they are deaf and their connections end.
#[derive(Debug, Default)]
pub(crate) struct Sockets(Vec<AbortHandle>);

impl Sockets {
    /// Makes a socket in a directory that nobody else can enter, and gives its path.
    pub(crate) fn listen(
        &mut self,
        handle: &Handle,
        dir: &Path,
        id: &str,
        lent: &Lent,
        access: Access,
    ) -> io::Result<PathBuf> {
        let name = format!("socket-{}", self.0.len());
        // The address of a socket is short; that of the directory may be long.
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = rustix::fs::openat(CWD, dir, flags, Mode::empty())?;
        let address = Path::new("/proc/self/fd").join(open.as_raw_fd().to_string()).join(&name);
        let listener = std::os::unix::net::UnixListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let path = dir.join(name);
        set_owner(&path, access.uid, access.gid)?;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(access.mode & 0o777))?;
        let listener = {
            let _entered = handle.enter();
            UnixListener::from_std(listener)?
        };
        self.0.push(handle.spawn(accept(listener, id.to_owned(), lent.clone())).abort_handle());
        Ok(path)
    }
}

impl Drop for Sockets {
    fn drop(&mut self) {
        for task in &self.0 {
            task.abort();
        }
    }
}

/// Takes connections for ever. Dropped, it ends them all.
async fn accept(listener: UnixListener, id: String, lent: Lent) {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept(), if open.len() < CONNECTIONS => match accepted {
                Ok((client, _)) => _ = open.spawn(pass(client, id.clone(), lent.clone())),
                Err(error) => {
                    tracing::warn!(id, %error, "a connection of a process cannot be taken");
                    tokio::time::sleep(PAUSE).await;
                }
            },
            Some(_) = open.join_next(), if !open.is_empty() => {}
        }
    }
}

/// Passes bytes both ways until both ends have closed.
async fn pass(mut client: UnixStream, id: String, lent: Lent) {
    match hlb_agent::connect(&lent).await {
        // It ends with an error if one end goes away in the middle, which is for the other end to make out.
        Ok(mut other) => _ = tokio::io::copy_bidirectional(&mut client, &mut other).await,
        Err(error) => tracing::warn!(id, %error, "what a process was lent cannot be had any more"),
    }
}
