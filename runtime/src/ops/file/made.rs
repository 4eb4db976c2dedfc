//! The actions that work on one tree: mkdir, mkfile, symlink, rm.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

use hlb_llb::pb;
use rustix::fs::{Mode, OFlags};

use super::{FileProblem, Owner, at, finish, inside, make_directories, timestamp, wildcard};
use crate::sys::root::Root;

/// Makes a directory. One that is there already stays as it is.
pub(super) fn mkdir(root: &Root, action: &pb::FileActionMkDir, owner: Option<Owner>) -> Result<(), FileProblem> {
    let host = root.resolve(Path::new(&action.path), true).map_err(at(root, Path::new(&action.path)))?;
    let (mode, time) = (permissions(action.mode), timestamp(action.timestamp));
    if action.make_parents {
        return make_directories(root, &host, mode, owner, time).map(drop);
    }
    match std::fs::create_dir(&host) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            let directory = std::fs::symlink_metadata(&host).is_ok_and(|found| found.is_dir());
            if directory { Ok(()) } else { Err(FileProblem::NotDirectory { path: inside(root, &host) }) }
        }
        Err(error) => Err(parent_or(root, &host, error)),
        Ok(()) => finish(&host, owner, Some(mode), time).map_err(at(root, &host)),
    }
}

/// Writes a file. One that is there already keeps its mode, and its owner if none is given.
pub(super) fn mkfile(root: &Root, action: &pb::FileActionMkFile, owner: Option<Owner>) -> Result<(), FileProblem> {
    let host = root.resolve(Path::new(&action.path), true).map_err(at(root, Path::new(&action.path)))?;
    let exists = match std::fs::symlink_metadata(&host) {
        Ok(found) if found.is_dir() => return Err(FileProblem::IsDirectory { path: inside(root, &host) }),
        // Opening a device or a FIFO would act on this machine.
        Ok(found) if !found.is_file() => return Err(FileProblem::NotRegular { path: inside(root, &host) }),
        found => found.is_ok(),
    };
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::open(&host, flags, Mode::RUSR | Mode::WUSR);
    let mut file = File::from(file.map_err(|error| parent_or(root, &host, error.into()))?);
    file.write_all(&action.data).map_err(at(root, &host))?;
    drop(file);
    let mode = (!exists).then(|| permissions(action.mode));
    finish(&host, owner, mode, timestamp(action.timestamp)).map_err(at(root, &host))
}

/// Makes a symbolic link where nothing is yet.
pub(super) fn symlink(root: &Root, action: &pb::FileActionSymlink, owner: Option<Owner>) -> Result<(), FileProblem> {
    let host = root.resolve(Path::new(&action.newpath), false).map_err(at(root, Path::new(&action.newpath)))?;
    match std::os::unix::fs::symlink(&action.oldpath, &host) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(FileProblem::Exists { path: inside(root, &host) })
        }
        Err(error) => Err(parent_or(root, &host, error)),
        Ok(()) => finish(&host, owner, None, timestamp(action.timestamp)).map_err(at(root, &host)),
    }
}

/// Removes files and directories with what they contain. A link is removed, not what it points to.
pub(super) fn rm(root: &Root, action: &pb::FileActionRm) -> Result<(), FileProblem> {
    if !action.allow_wildcard {
        return remove(root, Path::new(&action.path), action.allow_not_found);
    }
    for path in wildcard::expand(root, &action.path, false)? {
        remove(root, &path, action.allow_not_found)?;
    }
    Ok(())
}

fn remove(root: &Root, path: &Path, allow_not_found: bool) -> Result<(), FileProblem> {
    let host = root.resolve(path, false).map_err(at(root, path))?;
    if host == root.path() {
        return Err(FileProblem::Root);
    }
    let removed = match std::fs::symlink_metadata(&host) {
        Ok(found) if found.is_dir() => std::fs::remove_dir_all(&host),
        Ok(_) => std::fs::remove_file(&host),
        Err(error) => Err(error),
    };
    match removed {
        Err(error)
            if allow_not_found && matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) =>
        {
            Ok(())
        }
        other => other.map_err(at(root, &host)),
    }
}

/// If it is the parent that is missing, the error says so.
fn parent_or(root: &Root, host: &Path, error: io::Error) -> FileProblem {
    match host.parent() {
        Some(parent) if error.kind() == io::ErrorKind::NotFound => at(root, parent)(error),
        _ => at(root, host)(error),
    }
}

fn permissions(mode: i32) -> u32 {
    mode.cast_unsigned() & 0o777
}
