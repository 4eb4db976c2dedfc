//! Layers on top of each other, seen as overlayfs shows them, without mounting anything.
//!
//! Owns lookups and the resolution of links in the merged view. Every step goes from one open directory to a name in it
//! and follows no link by itself, so nothing that a layer contains leads out of it.

use std::ffi::{CString, OsStr};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use super::whiteout;

/// As many links as the kernel follows before it gives up.
const MAX_LINKS: usize = 40;

/// Layers, top first.
pub(super) struct Stack {
    layers: Vec<OwnedFd>,
}

/// A file in the merged view.
pub(super) struct Found {
    /// The directory of the layer that has it.
    pub(super) parent: OwnedFd,
    pub(super) name: CString,
    pub(super) stat: Stat,
}

impl Stack {
    pub(super) fn open<'p>(layers: impl IntoIterator<Item = &'p Path>) -> Result<Self, (PathBuf, io::Error)> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let open = |path: &Path| {
            rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|error| (path.to_owned(), error.into()))
        };
        Ok(Self { layers: layers.into_iter().map(open).collect::<Result<_, _>>()? })
    }

    /// The root directories, top first.
    pub(super) fn roots(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.layers.iter().map(AsFd::as_fd)
    }

    /// Looks a path up, of which no part is followed if it is a link. Of the layers below the top one only, if `lower`.
    pub(super) fn find(&self, path: &[CString], lower: bool) -> io::Result<Option<Found>> {
        let Some((last, dirs)) = path.split_last() else { return Ok(None) };
        'layers: for layer in self.layers.iter().skip(usize::from(lower)) {
            let mut dir = layer.try_clone()?;
            let mut hides = false;
            for name in dirs {
                match look(&dir, name)? {
                    None if hides => return Ok(None),
                    None => continue 'layers,
                    // A whiteout, or something that hides the directory beneath.
                    Some(stat) if !is_dir(&stat) => return Ok(None),
                    Some(_) => dir = open_dir(&dir, name)?,
                }
                hides |= whiteout::is_opaque(&dir)?;
            }
            match look(&dir, last)? {
                None if hides => return Ok(None),
                None => {}
                Some(stat) if whiteout::is_whiteout(&stat) => return Ok(None),
                Some(stat) => return Ok(Some(Found { parent: dir, name: last.clone(), stat })),
            }
        }
        Ok(None)
    }

    /// The path that a path means when all links in it are followed, as seen by a process with the merged view as its
    /// root. What does not exist is kept as it is written.
    pub(super) fn resolve(&self, path: &[CString]) -> io::Result<Vec<CString>> {
        let mut done: Vec<CString> = Vec::new();
        let mut left: Vec<Step> = path.iter().rev().map(|name| Step::Down(name.clone())).collect();
        let mut links = 0;
        while let Some(step) = left.pop() {
            let Step::Down(name) = step else {
                done.pop();
                continue;
            };
            done.push(name);
            let Some(found) = self.find(&done, false)? else { continue };
            if FileType::from_raw_mode(found.stat.st_mode) != FileType::Symlink {
                continue;
            }
            links += 1;
            if links > MAX_LINKS {
                return Err(Errno::LOOP.into());
            }
            let target = rustix::fs::readlinkat(&found.parent, &found.name, Vec::new())?;
            let target = Path::new(OsStr::from_bytes(target.as_bytes()));
            done.pop();
            if target.is_absolute() {
                done.clear();
            }
            left.extend(steps(target)?.into_iter().rev());
        }
        Ok(done)
    }
}

enum Step {
    Up,
    Down(CString),
}

fn steps(path: &Path) -> io::Result<Vec<Step>> {
    let step = |component: Component<'_>| match component {
        Component::Normal(name) => Some(CString::new(name.as_bytes()).map(Step::Down).map_err(io::Error::from)),
        Component::ParentDir => Some(Ok(Step::Up)),
        Component::RootDir | Component::CurDir | Component::Prefix(_) => None,
    };
    path.components().filter_map(step).collect()
}

/// What a name in a directory is; none if it is nothing.
pub(super) fn look(dir: impl AsFd, name: &CString) -> io::Result<Option<Stat>> {
    match rustix::fs::statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => Ok(Some(stat)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

pub(super) fn open_dir(dir: impl AsFd, name: &CString) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?)
}

pub(super) fn is_dir(stat: &Stat) -> bool {
    FileType::from_raw_mode(stat.st_mode) == FileType::Directory
}
