//! Mounts: overlay, bind and memory file systems, each behind a guard that takes it away.
//!
//! Owns the differences between kernels, and between root and the root of a user namespace. It does not know what is in the
//! directories, and relies on its caller for a private mount namespace (`rootless::isolate`).

use std::ffi::CString;
use std::fmt::Write as _;
use std::io;
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, StatVfsMountFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};

use super::rootless::{self, Privilege};

/// As many lower directories as the kernel takes.
pub(crate) const MAX_LOWERS: usize = 500;

/// Each of these would put things into the upper directory that only make sense together with the lower directories it
/// was made on, and a layer has to make sense on others too.
const PLAIN_LAYERS: [(&str, Option<&str>); 3] =
    [("index", Some("off")), ("redirect_dir", Some("off")), ("metacopy", Some("off"))];
/// In a user namespace nobody can set `trusted` attributes, and the kernel would only say so once a directory is replaced.
/// With this one it marks by `user` attributes, refuses to be told of redirections and metadata copies, and makes none.
const USER_LAYERS: [(&str, Option<&str>); 2] = [("index", Some("off")), ("userxattr", None)];

/// The kernel takes string values of at most this many bytes.
const MAX_VALUE: usize = 255;

/// An overlay to be mounted.
#[derive(Debug)]
pub(crate) struct Overlay<'path> {
    /// Directories that stay as they are, top first. At least one, without `upper` at least two.
    pub(crate) lowers: &'path [PathBuf],
    /// Where changes go and, on the same file system, an empty directory the kernel works in. Without: read only.
    pub(crate) upper: Option<(&'path Path, &'path Path)>,
}

/// Something mounted; dropping it unmounts it.
#[derive(Debug)]
pub(crate) struct Mounted {
    path: PathBuf,
    there: bool,
}

impl Overlay<'_> {
    /// Mounts the overlay on a directory.
    pub(crate) fn mount(&self, at: &Path) -> io::Result<Mounted> {
        match self.detached()? {
            Some(mount) => {
                let moving = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
                rustix::mount::move_mount(&mount, c"", CWD, at, moving)?;
            }
            None => self.mount_classic(at)?,
        }
        Ok(Mounted { path: at.to_owned(), there: true })
    }

    /// Tries whether the kernel would mount the overlay, without mounting it anywhere.
    pub(crate) fn probe(&self, at: &Path) -> io::Result<()> {
        if self.detached()?.is_none() {
            self.mount(at)?.unmount()?;
        }
        Ok(())
    }

    /// Makes the overlay without a place. `None`: the kernel is too old to be given one lower directory at a time.
    fn detached(&self) -> io::Result<Option<OwnedFd>> {
        let fs = match rustix::mount::fsopen(c"overlay", FsOpenFlags::FSOPEN_CLOEXEC) {
            Err(Errno::NOSYS) => return Ok(None),
            other => other?,
        };
        let explain = |errno: Errno| explained(errno, fs.as_fd());
        // Kept open while their names, `/proc/self/fd/N`, are in use.
        let mut open = Vec::new();
        for (count, lower) in self.lowers.iter().enumerate() {
            match rustix::mount::fsconfig_set_string(&fs, c"lowerdir+", name(lower, &mut open)?) {
                Err(Errno::INVAL) if count == 0 => return Ok(None),
                other => other.map_err(explain)?,
            }
        }
        if let Some((upper, work)) = self.upper {
            rustix::mount::fsconfig_set_string(&fs, c"upperdir", name(upper, &mut open)?).map_err(explain)?;
            rustix::mount::fsconfig_set_string(&fs, c"workdir", name(work, &mut open)?).map_err(explain)?;
        }
        for (key, value) in settings() {
            match value {
                Some(value) => rustix::mount::fsconfig_set_string(&fs, *key, *value).map_err(explain)?,
                None => rustix::mount::fsconfig_set_flag(&fs, *key).map_err(explain)?,
            }
        }
        rustix::mount::fsconfig_create(&fs).map_err(explain)?;
        let attributes = if self.upper.is_none() { MountAttrFlags::MOUNT_ATTR_RDONLY } else { MountAttrFlags::empty() };
        Ok(Some(rustix::mount::fsmount(&fs, FsMountFlags::FSMOUNT_CLOEXEC, attributes)?))
    }

    /// For kernels before 6.8: all directories in one string, which ends at a page. File descriptors keep it short.
    fn mount_classic(&self, at: &Path) -> io::Result<()> {
        let mut open = Vec::new();
        let mut options = String::from("lowerdir=");
        for (count, lower) in self.lowers.iter().enumerate() {
            let separator = if count == 0 { "" } else { ":" };
            let _ = write!(options, "{separator}{}", by_descriptor(lower, &mut open)?);
        }
        if let Some((upper, work)) = self.upper {
            let upper = by_descriptor(upper, &mut open)?;
            let _ = write!(options, ",upperdir={upper},workdir={}", by_descriptor(work, &mut open)?);
        }
        for (key, value) in settings() {
            let _ = match value {
                Some(value) => write!(options, ",{key}={value}"),
                None => write!(options, ",{key}"),
            };
        }
        if options.len() > 4095 {
            let text = format!("{} layers are more than this kernel can mount (6.8 or newer can)", self.lowers.len());
            return Err(io::Error::new(io::ErrorKind::ArgumentListTooLong, text));
        }
        let flags = if self.upper.is_none() { MountFlags::RDONLY } else { MountFlags::empty() };
        let options = CString::new(options)?;
        Ok(rustix::mount::mount(c"overlay", at, c"overlay", flags, options.as_c_str())?)
    }
}

fn settings() -> &'static [(&'static str, Option<&'static str>)] {
    if rootless::privilege() == Privilege::Root { &PLAIN_LAYERS } else { &USER_LAYERS }
}

/// What must stand in a bind mount of a path, as mount options: a user namespace cannot take away what the file system it
/// comes from was mounted with. Nothing for the machine's root, who can.
pub(crate) fn kept_options(path: &Path) -> Vec<&'static str> {
    if rootless::privilege() == Privilege::Root {
        return Vec::new();
    }
    let flags = rustix::fs::statvfs(path).map_or(StatVfsMountFlags::empty(), |found| found.f_flag);
    let options = [
        (StatVfsMountFlags::NOSUID, "nosuid"),
        (StatVfsMountFlags::NODEV, "nodev"),
        (StatVfsMountFlags::NOEXEC, "noexec"),
        (StatVfsMountFlags::NOATIME, "noatime"),
        (StatVfsMountFlags::NODIRATIME, "nodiratime"),
        (StatVfsMountFlags::RELATIME, "relatime"),
    ];
    options.into_iter().filter(|(flag, _)| flags.contains(*flag)).map(|(_, option)| option).collect()
}

/// Mounts an empty file system in memory that only root can look into.
pub(crate) fn private_tmpfs(at: &Path) -> io::Result<Mounted> {
    let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    rustix::mount::mount(c"tmpfs", at, c"tmpfs", flags, c"mode=0700")?;
    Ok(Mounted { path: at.to_owned(), there: true })
}

/// Mounts the file or directory behind an open file: what has been opened stays what is mounted, however paths change.
pub(crate) fn bind_open(file: impl AsFd, at: &Path) -> io::Result<Mounted> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC | OpenTreeFlags::AT_EMPTY_PATH;
    let tree = rustix::mount::open_tree(file, c"", flags)?;
    rustix::mount::move_mount(&tree, c"", CWD, at, MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH)?;
    Ok(Mounted { path: at.to_owned(), there: true })
}

impl Mounted {
    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Unmounts it; what still uses it keeps it alive out of sight.
    pub(crate) fn unmount(mut self) -> io::Result<()> {
        self.there = false;
        unmount(&self.path)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.there {
            // Nothing else can be done here; the mount namespace ends with the process in any case.
            let _ = unmount(&self.path);
        }
    }
}

fn unmount(path: &Path) -> io::Result<()> {
    let flags = UnmountFlags::NOFOLLOW;
    match rustix::mount::unmount(path, flags) {
        Err(Errno::BUSY) => Ok(rustix::mount::unmount(path, flags | UnmountFlags::DETACH)?),
        other => Ok(other?),
    }
}

/// How a directory is called in a mount option: by its path, where the kernel can take it.
fn name(dir: &Path, open: &mut Vec<OwnedFd>) -> io::Result<Vec<u8>> {
    let bytes = dir.as_os_str().as_bytes();
    let plain = bytes.len() <= MAX_VALUE && !bytes.iter().any(|byte| matches!(byte, b'\\' | b':' | b','));
    if plain { Ok(bytes.to_owned()) } else { by_descriptor(dir, open).map(String::into_bytes) }
}

fn by_descriptor(dir: &Path, open: &mut Vec<OwnedFd>) -> io::Result<String> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let file = rustix::fs::openat(CWD, dir, flags, Mode::empty())?;
    let name = format!("/proc/self/fd/{}", file.as_raw_fd());
    open.push(file);
    Ok(name)
}

/// An error with what the kernel says about it, which it does line by line on the file of the new file system.
fn explained(errno: Errno, fs: BorrowedFd<'_>) -> io::Error {
    let mut buffer = [0; 1024];
    let error = io::Error::from(errno);
    match rustix::io::read(fs, &mut buffer) {
        Ok(length) => {
            let line = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
            let said = line.trim_end().trim_start_matches("e ").to_owned();
            io::Error::new(error.kind(), format!("{error}: {said}"))
        }
        Err(_) => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lays two directories over each other by both ways there are, and reads and writes.
    fn check(parent: &str) {
        crate::isolate().expect("tests whose names start with `privileged_` need root");
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = dir.path().join(parent).join(name);
            std::fs::create_dir_all(&path).unwrap();
            path
        };
        let (bottom, top) = (make("bottom"), make("top"));
        std::fs::write(bottom.join("both"), "bottom").unwrap();
        std::fs::write(bottom.join("only"), "bottom").unwrap();
        std::fs::write(top.join("both"), "top").unwrap();
        let lowers = [top, bottom];
        let (upper, work, at) = (make("upper"), make("work"), make("at"));
        let read = |name: &str| std::fs::read_to_string(at.join(name)).unwrap();
        for classic in [false, true] {
            let overlay = Overlay { lowers: &lowers, upper: Some((&upper, &work)) };
            let mounted = if classic {
                overlay.mount_classic(&at).unwrap();
                Mounted { path: at.clone(), there: true }
            } else {
                overlay.mount(&at).unwrap()
            };
            assert_eq!((read("both").as_str(), read("only").as_str()), ("top", "bottom"));
            let name = format!("new-{classic}");
            std::fs::write(at.join(&name), "x").unwrap();
            drop(mounted);
            assert!(std::fs::read_dir(&at).unwrap().next().is_none());
            assert!(upper.join(name).exists());
        }
        let mounted = Overlay { lowers: &lowers, upper: None }.mount(&at).unwrap();
        assert_eq!(read("both"), "top");
        assert!(std::fs::write(at.join("x"), "").is_err());
        mounted.unmount().unwrap();
    }

    #[test]
    fn privileged_overlays_are_mounted_wherever_they_are() {
        check("plain");
        check("a:b,c\\d=e f");
        check(&["long"; 80].join("/"));
    }

    #[test]
    fn privileged_the_kernel_says_why_not() {
        crate::isolate().expect("tests whose names start with `privileged_` need root");
        let dir = tempfile::tempdir().unwrap();
        let lowers = vec![dir.path().to_owned(); MAX_LOWERS + 1];
        let error = Overlay { lowers: &lowers, upper: None }.mount(dir.path()).unwrap_err().to_string();
        assert!(error.contains("limit is 500"), "{error}");
    }
}
