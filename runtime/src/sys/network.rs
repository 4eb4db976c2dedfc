//! Network namespaces.
//!
//! Owns how one is made and kept without a process in it. What is in it is for others to say.

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::thread::UnshareFlags;

use super::mounts::{Mounted, bind_open};
use super::namespace::unshare;

/// The network namespace of the thread that asks.
const OURS: &str = "/proc/thread-self/ns/net";

/// Does something in a new network namespace, in which also the processes are that it starts. Without anything that uses it, the
/// namespace ends with the work.
pub(crate) fn inside<T: Send, E: From<io::Error> + Send>(work: impl FnOnce() -> Result<T, E> + Send) -> Result<T, E> {
    // A thread of its own, as this one shall stay where it is.
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("network".to_owned()).spawn_scoped(scope, || {
            unshare(UnshareFlags::NEWNET)?;
            work()
        })?;
        thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread of a network panicked").into()))
    })
}

/// Makes a network namespace that can be entered by a path as long as it is mounted there; `at` is a file. `work` is done in it.
pub(crate) fn make<T: Send, E: From<io::Error> + Send>(
    at: &Path,
    work: impl FnOnce() -> Result<T, E> + Send,
) -> Result<(Mounted, T), E> {
    inside(|| {
        let mounted = bind_open(File::open(OURS)?, at)?;
        Ok((mounted, work()?))
    })
}

/// A path by which other processes find the network namespace of this thread while it waits.
pub(crate) fn ours() -> String {
    let thread = rustix::thread::gettid().as_raw_nonzero();
    format!("/proc/{}/task/{thread}/ns/net", std::process::id())
}

/// The number of the network namespace of this thread, which no other one of the machine has.
pub(crate) fn number() -> io::Result<u64> {
    use std::os::unix::fs::MetadataExt as _;
    Ok(std::fs::metadata(OURS)?.ino())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn privileged_a_namespace_stays_as_long_as_it_is_mounted() {
        crate::isolate().expect("tests whose names start with `privileged_` need root");
        let dir = tempfile::tempdir().unwrap();
        let at = dir.path().join("net");
        File::create(&at).unwrap();
        let before = number().unwrap();
        let (mounted, inner) = make(&at, number).unwrap();
        assert_eq!(number().unwrap(), before, "the caller stays where it was");
        assert_ne!(inner, before);
        let kept = || std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(&at).unwrap());
        assert_eq!(kept(), inner);
        mounted.unmount().unwrap();
        assert_ne!(kept(), inner);
        let failed: io::Result<(Mounted, ())> = make(&at, || Err(io::Error::other("no")));
        assert_eq!(failed.unwrap_err().to_string(), "no");
        assert!(!std::fs::read_to_string("/proc/thread-self/mountinfo").unwrap().contains(at.to_str().unwrap()));
    }
}
