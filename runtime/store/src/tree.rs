//! Removing directory trees.
//!
//! Owns a removal that never follows a link, never enters a mount and does not mind depth. A build can leave all three in
//! its scratch space, and deleting through a forgotten bind mount would delete the user's files.

use std::collections::VecDeque;
use std::ffi::CString;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use rustix::fs::{AtFlags, CWD, Dir, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Open directories at once; what lies deeper is moved to the top first.
const MAX_OPEN: usize = 64;

/// Removes a file or a directory with everything in it. A path that does not exist is no error.
///
/// # Errors
/// The first entry that cannot be removed. An entry that is a mount point is refused (`EXDEV` or `EBUSY`), and nothing
/// beneath it is touched.
pub fn remove_tree(path: &Path) -> io::Result<()> {
    let name = path.file_name().ok_or(Errno::INVAL)?;
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let parent = match rustix::fs::openat(CWD, parent, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(()),
        other => other?,
    };
    let name = CString::new(name.as_bytes())?;
    if unlinked(&parent, &name)? {
        return Ok(());
    }
    empty(open(&parent, &name)?)?;
    Ok(rustix::fs::unlinkat(&parent, &name, AtFlags::REMOVEDIR)?)
}

struct Level {
    dir: OwnedFd,
    name: CString,
    left: Vec<CString>,
}

/// Removes what is in a directory.
fn empty(top: OwnedFd) -> io::Result<()> {
    let mut queue: VecDeque<CString> = names(&top)?.into();
    let mut moved = 0_u64;
    while let Some(name) = queue.pop_front() {
        if unlinked(&top, &name)? {
            continue;
        }
        let dir = open(&top, &name)?;
        let mut levels = vec![Level { left: names(&dir)?, dir, name }];
        loop {
            let deep = levels.len() >= MAX_OPEN;
            let Some(level) = levels.last_mut() else { break };
            if let Some(name) = level.left.pop() {
                if unlinked(&level.dir, &name)? {
                    continue;
                }
                if deep {
                    queue.push_back(lift(&level.dir, &name, &top, &mut moved)?);
                    continue;
                }
                let dir = open(&level.dir, &name)?;
                levels.push(Level { left: names(&dir)?, dir, name });
            } else if let Some(done) = levels.pop() {
                let parent = levels.last().map_or(&top, |level| &level.dir);
                rustix::fs::unlinkat(parent, &done.name, AtFlags::REMOVEDIR)?;
            }
        }
    }
    Ok(())
}

/// Moves a deep directory to the top under a free name.
fn lift(dir: &OwnedFd, name: &CString, top: &OwnedFd, moved: &mut u64) -> io::Result<CString> {
    loop {
        *moved += 1;
        let free = CString::new(format!(".deep-{moved}"))?;
        match rustix::fs::renameat_with(dir, name, top, &free, rustix::fs::RenameFlags::NOREPLACE) {
            Err(Errno::EXIST) => {}
            other => return Ok(other.map(|()| free)?),
        }
    }
}

/// Unlinks anything but a directory; false if it is one.
fn unlinked(dir: &OwnedFd, name: &CString) -> io::Result<bool> {
    match rustix::fs::unlinkat(dir, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(true),
        Err(Errno::ISDIR) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

fn open(dir: &OwnedFd, name: &CString) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let how = ResolveFlags::NO_XDEV | ResolveFlags::NO_SYMLINKS | ResolveFlags::BENEATH;
    loop {
        match rustix::fs::openat2(dir, name, flags, Mode::empty(), how) {
            Err(Errno::AGAIN) => {}
            other => return Ok(other?),
        }
    }
}

fn names(dir: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(dir)? {
        let entry = entry?;
        let name = entry.file_name();
        if !matches!(name.to_bytes(), b"." | b"..") {
            names.push(name.to_owned());
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn removes_trees_files_and_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        std::fs::create_dir_all(tree.join("a/b")).unwrap();
        std::fs::write(tree.join("a/b/file"), "x").unwrap();
        std::fs::create_dir(dir.path().join("kept")).unwrap();
        std::fs::write(dir.path().join("kept/file"), "x").unwrap();
        std::os::unix::fs::symlink("../kept", tree.join("link")).unwrap();
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
        assert!(dir.path().join("kept/file").exists(), "links are not followed");
        remove_tree(&tree).unwrap();
        remove_tree(&dir.path().join("kept/file")).unwrap();
        assert!(!dir.path().join("kept/file").exists());
    }

    #[test]
    fn depth_does_not_matter() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        std::fs::create_dir(&tree).unwrap();
        let mut at = rustix::fs::open(&tree, OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        for _ in 0..3000 {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, "d", OFlags::RDONLY | OFlags::DIRECTORY, Mode::empty()).unwrap();
        }
        remove_tree(&tree).unwrap();
        assert!(!tree.exists());
    }
}
