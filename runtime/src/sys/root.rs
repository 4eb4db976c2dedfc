//! Paths inside a root file system that somebody else made.
//!
//! Owns resolution that cannot leave the root: symbolic links are read as a process chrooted there would read them, `..`
//! stops at the root. Every file operation, unpacking and export goes through here.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// As many links as the kernel follows before it gives up.
const MAX_LINKS: usize = 40;

/// A directory that is treated as `/`.
#[derive(Debug)]
pub(crate) struct Root {
    dir: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// Opens a directory as a root.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let dir = rustix::fs::openat(CWD, path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { dir, path: path.to_owned() })
    }

    /// Where the root is on the host.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Opens an existing file inside the root, following links inside it only.
    pub(crate) fn open_file(&self, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
        let how = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        loop {
            // EAGAIN: a rename elsewhere raced with the resolution of `..`; the kernel asks to try again.
            match rustix::fs::openat2(&self.dir, path, flags | OFlags::CLOEXEC, Mode::empty(), how) {
                Err(Errno::AGAIN) => continue,
                other => return Ok(other?),
            }
        }
    }

    /// The host path of `path` with all links resolved inside the root. Components that do not exist are kept as they
    /// are written; with `follow_last` off the last component is not followed if it is a link.
    pub(crate) fn resolve(&self, path: &Path, follow_last: bool) -> io::Result<PathBuf> {
        let mut done = PathBuf::new();
        let mut left: Vec<Part> = parts(path);
        left.reverse();
        let mut links = 0;
        while let Some(part) = left.pop() {
            let name = match part {
                Part::Up => {
                    done.pop();
                    continue;
                }
                Part::Name(name) => name,
            };
            let next = done.join(&name);
            if left.is_empty() && !follow_last {
                done = next;
                break;
            }
            match std::fs::read_link(self.path.join(&next)) {
                Ok(target) => {
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(Errno::LOOP.into());
                    }
                    if target.is_absolute() {
                        done = PathBuf::new();
                    }
                    left.extend(parts(&target).into_iter().rev());
                }
                // Not a link, or not there.
                Err(_) => done = next,
            }
        }
        Ok(self.path.join(done))
    }
}

enum Part {
    Up,
    Name(std::ffi::OsString),
}

fn parts(path: &Path) -> Vec<Part> {
    path.components()
        .filter_map(|component| match component {
            Component::Normal(name) => Some(Part::Name(OsStr::to_owned(name))),
            Component::ParentDir => Some(Part::Up),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes links (`name -> target`) in a fresh root and resolves `path`.
    fn check(links: &[(&str, &str)], path: &str, expected: &str) {
        let dir = tempfile::tempdir().unwrap();
        for (name, target) in links {
            let at = dir.path().join(name);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, at).unwrap();
        }
        let root = Root::open(dir.path()).unwrap();
        assert_eq!(root.resolve(Path::new(path), true).unwrap(), dir.path().join(expected));
    }

    #[test]
    fn paths_stay_inside() {
        check(&[], "/a/b", "a/b");
        check(&[], "../../a", "a");
        check(&[("etc", "/usr/etc")], "/etc/passwd", "usr/etc/passwd");
        check(&[("a/b", "../../../../c")], "/a/b/d", "c/d");
        check(&[("bin", "usr/bin"), ("usr/bin", "/opt/./bin/..")], "/bin/sh", "opt/sh");
    }

    #[test]
    fn endless_links_are_an_error() {
        let dir = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("b", dir.path().join("a")).unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("b")).unwrap();
        assert!(Root::open(dir.path()).unwrap().resolve(Path::new("/a"), true).is_err());
    }
}
