//! One file of a layer that is being made.
//!
//! Owns metadata in the order in which the kernel lets them stand (owner, mode, attributes, time) and copies from other
//! layers. A file is named by an open directory and a name in it.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;

use super::stack::Found;
use super::whiteout;
use crate::sys::rootless::{self, Privilege};
use crate::sys::{file, xattr};

/// What a file has besides its content.
#[derive(Debug, Clone)]
pub(super) struct Metadata {
    pub(super) mode: u32,
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mtime: (i64, u32),
    pub(super) xattrs: Vec<(CString, Vec<u8>)>,
}

impl Metadata {
    /// Of a directory that is only there because something is in it.
    pub(super) fn implied() -> Self {
        Self { mode: 0o755, uid: 0, gid: 0, mtime: (0, 0), xattrs: Vec::new() }
    }

    /// Of a file in another layer.
    pub(super) fn of(found: &Found) -> io::Result<Self> {
        let Stat { st_mode, st_uid, st_gid, st_mtime, st_mtime_nsec, .. } = found.stat;
        let mut xattrs = xattr::list(&path(&found.parent, &found.name))?;
        xattrs.retain(|(name, _)| !whiteout::is_overlay_xattr(name.to_bytes()));
        Ok(Self {
            mode: st_mode & 0o7777,
            uid: st_uid,
            gid: st_gid,
            mtime: (st_mtime, u32::try_from(st_mtime_nsec).unwrap_or(0)),
            xattrs,
        })
    }

    /// Gives a file all but its time, which comes when nothing in it changes any more.
    pub(super) fn apply(&self, dir: impl AsFd, name: &CStr, kind: FileType) -> io::Result<()> {
        let dir = dir.as_fd();
        let (owner, group) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        rustix::fs::chownat(dir, name, Some(owner), Some(group), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| rootless::explain_owner(error.into(), self.uid, self.gid))?;
        if kind != FileType::Symlink {
            // A change of the owner takes the set-id bits away, so the mode comes second.
            rustix::fs::chmodat(dir, name, Mode::from_raw_mode(self.mode), AtFlags::empty())?;
        }
        set_xattrs(&path(dir, name), kind, self.xattrs.iter())
    }

    /// Gives a directory the attributes that it has no value of.
    pub(super) fn add_xattrs(&self, dir: impl AsFd, name: &CStr) -> io::Result<()> {
        let path = path(dir, name);
        let known = xattr::list(&path)?;
        let new = self.xattrs.iter().filter(|(key, _)| known.iter().all(|(known, _)| known != key));
        set_xattrs(&path, FileType::Directory, new)
    }

    pub(super) fn set_time(&self, dir: impl AsFd, name: &CStr) -> io::Result<()> {
        set_time(dir, name, self.mtime)
    }
}

/// Seconds since 1970, and nanoseconds.
pub(super) type Time = (i64, u32);

/// Gives a file its time.
pub(super) fn set_time(dir: impl AsFd, name: &CStr, (seconds, nanos): Time) -> io::Result<()> {
    let time = Timespec { tv_sec: seconds, tv_nsec: nanos.into() };
    let times = Timestamps { last_access: time, last_modification: time };
    Ok(rustix::fs::utimensat(dir, name, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

fn set_xattrs<'x>(path: &Path, kind: FileType, xattrs: impl Iterator<Item = &'x (CString, Vec<u8>)>) -> io::Result<()> {
    for (key, value) in xattrs {
        match xattr::set(path, key, value) {
            Err(error) if error.raw_os_error() == Some(Errno::NOTSUP.raw_os_error()) => {}
            // Users' attributes are for files and directories only.
            Err(error)
                if error.raw_os_error() == Some(Errno::PERM.raw_os_error())
                    && !matches!(kind, FileType::RegularFile | FileType::Directory) => {}
            // Only the machine's root writes these, and only for it they mean something.
            Err(error)
                if error.raw_os_error() == Some(Errno::PERM.raw_os_error())
                    && key.to_bytes().starts_with(b"trusted.")
                    && rootless::privilege() != Privilege::Root => {}
            other => other?,
        }
    }
    Ok(())
}

/// Makes a new empty file for writing.
pub(super) fn create_file(dir: impl AsFd, name: &CStr) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, name, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// So much of a file is left out at once if it is all zeros.
const PIECE: usize = 64 << 10;

/// Writes data into new files without giving a place on the disk to their zeros.
pub(super) struct HoleWriter {
    piece: Vec<u8>,
}

impl HoleWriter {
    pub(super) fn new() -> Self {
        Self { piece: vec![0; PIECE] }
    }

    /// Writes all of `data` from `offset` on. Where it ended.
    pub(super) fn write(&mut self, file: &File, offset: u64, data: &mut impl Read) -> io::Result<u64> {
        static ZEROS: [u8; PIECE] = [0; PIECE];
        let mut at = offset;
        loop {
            let mut filled = 0;
            while let Some(rest) = self.piece.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                match data.read(rest) {
                    Ok(0) => break,
                    Ok(count) => filled += count,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            let piece = self.piece.get(..filled).unwrap_or_default();
            if Some(piece) != ZEROS.get(..filled) {
                file.write_all_at(piece, at)?;
            }
            at += filled as u64;
            if filled < PIECE {
                return Ok(at);
            }
        }
    }
}

/// Copies a file that is no directory from another layer, under the name `name`.
pub(super) fn copy(found: &Found, dir: impl AsFd, name: &CStr) -> io::Result<()> {
    let dir = dir.as_fd();
    let kind = FileType::from_raw_mode(found.stat.st_mode);
    match kind {
        FileType::RegularFile => {
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let from = File::from(rustix::fs::openat(&found.parent, &found.name, flags, Mode::empty())?);
            file::share_data(&from, &create_file(dir, name)?)?;
        }
        FileType::Symlink => {
            let target = rustix::fs::readlinkat(&found.parent, &found.name, Vec::new())?;
            rustix::fs::symlinkat(target, dir, name)?;
        }
        FileType::Directory => return Err(Errno::ISDIR.into()),
        node => rustix::fs::mknodat(dir, name, node, Mode::RUSR, found.stat.st_rdev)?,
    }
    let metadata = Metadata::of(found)?;
    metadata.apply(dir, name, kind)?;
    metadata.set_time(dir, name)
}

/// A path that leads to a name in an open directory: some calls know no other way.
pub(super) fn path(dir: impl AsFd, name: &CStr) -> PathBuf {
    let mut path = format!("/proc/self/fd/{}/", dir.as_fd().as_raw_fd()).into_bytes();
    path.extend_from_slice(name.to_bytes());
    PathBuf::from(std::ffi::OsString::from_vec(path))
}
