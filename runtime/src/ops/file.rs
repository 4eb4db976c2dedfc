//! File actions: copy, mkdir, mkfile, rm and symlink on a mounted tree.
//!
//! Owns what each action means, as BuildKit does it. Everything in a tree may come from a stranger, so paths are resolved
//! inside their root and links in it are never followed out. Knows no snapshot: the solver mounts, calls, commits.

mod copy;
mod made;
mod mode;
mod owner;
mod unpack;
mod wildcard;

use std::io;
use std::path::{Path, PathBuf};

use hlb_llb::pb;
use hlb_patterns::InvalidPattern;

use crate::sys::file;
use crate::sys::root::Root;
use crate::tree::{Timestamp, TreeError};

/// An action that could not be done.
#[derive(Debug, thiserror::Error)]
#[error("{action}: {problem}")]
pub(crate) struct FileError {
    /// The action and its paths.
    pub(crate) action: String,
    #[source]
    pub(crate) problem: FileProblem,
}

/// Why an action could not be done. Paths are those inside the tree.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FileProblem {
    #[error("`{}`: {source}", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("`{}` not found", path.display())]
    NotFound { path: PathBuf },
    #[error("`{}` exists already", path.display())]
    Exists { path: PathBuf },
    #[error("`{}` exists and is not a directory", path.display())]
    NotDirectory { path: PathBuf },
    #[error("`{}` is a directory and cannot be replaced by a file", path.display())]
    IsDirectory { path: PathBuf },
    #[error("`{}` exists and is not a regular file", path.display())]
    NotRegular { path: PathBuf },
    #[error("the root of the tree cannot be removed")]
    Root,
    #[error("`{}` has more than {limit} bytes", path.display())]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("archive entry `{entry}` leaves the destination")]
    Breakout { entry: String },
    #[error("`{mode}` is not a mode: {why}")]
    Mode { mode: String, why: &'static str },
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    #[error("{0}")]
    Glob(#[from] hlb_patterns::InvalidGlob),
    #[error("the action is missing")]
    Nothing,
}

/// Does one action to the tree `target`. `source` is the tree of the action's second input, none for `scratch`; `owners`
/// gives the tree in which the names of owners are looked up, by op input.
pub(crate) fn apply(
    action: &pb::FileAction,
    target: &Root,
    source: Option<&Root>,
    owners: impl Fn(i64) -> Option<Root>,
) -> Result<(), FileError> {
    let Some(kind) = &action.action else {
        return Err(FileError { action: "file".to_owned(), problem: FileProblem::Nothing });
    };
    let owner_of = |owner: &Option<pb::ChownOpt>| owner::resolve(owner.as_ref(), &owners);
    let done = match kind {
        pb::FileActionKind::Mkdir(mkdir) => owner_of(&mkdir.owner).and_then(|owner| made::mkdir(target, mkdir, owner)),
        pb::FileActionKind::Mkfile(mkfile) => {
            owner_of(&mkfile.owner).and_then(|owner| made::mkfile(target, mkfile, owner))
        }
        pb::FileActionKind::Symlink(link) => owner_of(&link.owner).and_then(|owner| made::symlink(target, link, owner)),
        pb::FileActionKind::Rm(rm) => made::rm(target, rm),
        pb::FileActionKind::Copy(copy) => {
            owner_of(&copy.owner).and_then(|owner| copy::copy(target, source, copy, owner))
        }
    };
    done.map_err(|problem| FileError { action: describe(kind), problem })
}

fn describe(kind: &pb::FileActionKind) -> String {
    match kind {
        pb::FileActionKind::Mkdir(mkdir) => format!("mkdir `{}`", mkdir.path),
        pb::FileActionKind::Mkfile(mkfile) => format!("mkfile `{}`", mkfile.path),
        pb::FileActionKind::Symlink(link) => format!("symlink `{}` to `{}`", link.newpath, link.oldpath),
        pb::FileActionKind::Rm(rm) => format!("rm `{}`", rm.path),
        pb::FileActionKind::Copy(copy) => format!("copy `{}` to `{}`", copy.src, copy.dest),
    }
}

/// A user and group id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Owner {
    uid: u32,
    gid: u32,
}

/// The path as it is inside the tree.
fn inside(root: &Root, host: &Path) -> PathBuf {
    host.strip_prefix(root.path()).map_or_else(|_| host.to_owned(), |path| Path::new("/").join(path))
}

/// Puts the path inside the tree into an error of the system.
fn at<'a>(root: &'a Root, host: &'a Path) -> impl Fn(io::Error) -> FileProblem + 'a {
    move |source| {
        let path = inside(root, host);
        match source.kind() {
            io::ErrorKind::NotFound => FileProblem::NotFound { path },
            _ => FileProblem::Io { path, source },
        }
    }
}

fn unreadable(root: &Root, error: TreeError) -> FileProblem {
    at(root, &error.path)(error.source)
}

/// Nanoseconds since 1970, -1 for "leave it".
fn timestamp(nanos: i64) -> Option<Timestamp> {
    const SECOND: i64 = 1_000_000_000;
    (nanos != -1).then(|| Timestamp {
        seconds: nanos.div_euclid(SECOND),
        nanos: u32::try_from(nanos.rem_euclid(SECOND)).unwrap_or(0),
    })
}

/// Makes a directory and what is missing above it. Only what is made gets the mode, owner and time; it is returned, from
/// the top down.
fn make_directories(
    root: &Root,
    host: &Path,
    mode: u32,
    owner: Option<Owner>,
    time: Option<Timestamp>,
) -> Result<Vec<PathBuf>, FileProblem> {
    let mut missing = Vec::new();
    for path in host.ancestors() {
        match std::fs::symlink_metadata(path) {
            Ok(found) if found.is_dir() => break,
            Ok(_) => return Err(FileProblem::NotDirectory { path: inside(root, path) }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => missing.push(path.to_owned()),
            // Something above is a file: the next round says which.
            Err(error) if error.kind() == io::ErrorKind::NotADirectory => {}
            Err(error) => return Err(at(root, path)(error)),
        }
    }
    missing.reverse();
    for path in &missing {
        std::fs::create_dir(path).map_err(at(root, path))?;
        finish(path, owner, Some(mode), time).map_err(at(root, path))?;
    }
    Ok(missing)
}

/// Sets what is given of a file that was made.
fn finish(path: &Path, owner: Option<Owner>, mode: Option<u32>, time: Option<Timestamp>) -> io::Result<()> {
    if let Some(Owner { uid, gid }) = owner {
        file::set_owner(path, uid, gid)?;
    }
    if let Some(mode) = mode {
        file::set_mode(path, mode)?;
    }
    time.map_or(Ok(()), |time| file::set_times(path, time, time))
}

#[cfg(test)]
mod tests;
