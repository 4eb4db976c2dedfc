//! Single files: their data, owner, mode, times and nodes, without following a link at the end of the path.

use std::fs::File;
use std::io::{self, Read as _, Seek as _};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use rustix::fs::{AtFlags, CWD, FileType, Mode, OFlags, SeekFrom, Timespec, Timestamps};
use rustix::io::Errno;

use super::rootless;
use crate::tree::{Entry, Kind, Timestamp};

/// Makes a new file with the data of a regular one, by the cheapest way the file systems offer. Nobody but the owner can
/// read it until its mode is set. The target must not exist.
pub(crate) fn copy_data(source: &Path, target: &Path) -> io::Result<File> {
    let from = File::from(open_regular(source)?);
    let to = create(target)?;
    if let Err(error) = share_data(&from, &to) {
        let _ = std::fs::remove_file(target);
        return Err(error);
    }
    Ok(to)
}

/// Gives a new empty file the data of a regular one. Where the file system can, both have the same blocks of the disk until one
/// of them is written to; where it cannot, they are copied. Holes stay holes.
pub(crate) fn share_data(from: &File, to: &File) -> io::Result<()> {
    let (source, target) = (rustix::fs::fstat(from)?, rustix::fs::fstat(to)?);
    let pair = (source.st_dev, target.st_dev);
    if can_share(pair, None) {
        match rustix::fs::ioctl_ficlone(to, from) {
            Ok(()) => return Ok(()),
            // One file may be in the way of it, such as one without copies on write; that says nothing of the others.
            Err(Errno::OPNOTSUPP | Errno::XDEV | Errno::NOTTY | Errno::NOSYS) => {
                can_share(pair, Some(false));
            }
            Err(_) => {}
        }
    }
    // The standard library tries copy_file_range, then sendfile, then a buffer.
    let (mut reader, mut writer) = (from, to);
    let size = u64::try_from(source.st_size).unwrap_or(0);
    let allocated = u64::try_from(source.st_blocks).unwrap_or(0).saturating_mul(512);
    if allocated >= size {
        return io::copy(&mut reader, &mut writer).map(drop);
    }
    let mut at = 0;
    loop {
        at = match rustix::fs::seek(from, SeekFrom::Data(at)) {
            Ok(data) => data,
            Err(Errno::NXIO) => break,
            Err(error) => return Err(error.into()),
        };
        let end = rustix::fs::seek(from, SeekFrom::Hole(at))?;
        reader.seek(io::SeekFrom::Start(at))?;
        writer.seek(io::SeekFrom::Start(at))?;
        let copied = io::copy(&mut reader.take(end.saturating_sub(at)), &mut writer)?;
        if copied == 0 {
            // It has become shorter meanwhile.
            break;
        }
        at += copied;
    }
    // A hole at the end; what came to the file meanwhile has been copied.
    to.set_len(size.max(at))
}

/// Whether files of two file systems can share blocks, as far as that is known, after learning what is told.
fn can_share(pair: (u64, u64), told: Option<bool>) -> bool {
    static CANNOT: Mutex<Vec<(u64, u64)>> = Mutex::new(Vec::new());
    let mut cannot = CANNOT.lock().unwrap_or_else(PoisonError::into_inner);
    if told == Some(false) && !cannot.contains(&pair) {
        cannot.push(pair);
    }
    !cannot.contains(&pair)
}

/// Makes a new empty file that only its owner can read.
pub(crate) fn create(path: &Path) -> io::Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(File::from(rustix::fs::open(path, flags, Mode::RUSR | Mode::WUSR)?))
}

/// Opens a regular file for reading. Never blocks on what only looks like one.
pub(crate) fn open_regular(path: &Path) -> io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    if FileType::from_raw_mode(rustix::fs::fstat(&file)?.st_mode) != FileType::RegularFile {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    Ok(file)
}

/// Makes a file that has no name yet in a directory. Not every file system can.
pub(crate) fn create_unnamed(directory: &Path) -> io::Result<File> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(CWD, directory, flags, Mode::RUSR | Mode::WUSR)?.into())
}

/// Gives an open file a name, which must not be taken.
pub(crate) fn link_open(file: &File, name: &Path) -> io::Result<()> {
    let open = format!("/proc/self/fd/{}", file.as_raw_fd());
    Ok(rustix::fs::linkat(CWD, open, CWD, name, AtFlags::SYMLINK_FOLLOW)?)
}

/// Sets the owner, of a link itself too.
pub(crate) fn set_owner(path: &Path, uid: u32, gid: u32) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(uid), Some(gid)).map_err(|error| rootless::explain_owner(error, uid, gid))
}

/// Sets permission, set-id and sticky bits. Not for links, which have none.
pub(crate) fn set_mode(path: &Path, mode: u32) -> io::Result<()> {
    Ok(rustix::fs::chmod(path, Mode::from_raw_mode(mode & 0o7777))?)
}

/// Sets the times, of a link itself too.
pub(crate) fn set_times(path: &Path, accessed: Timestamp, modified: Timestamp) -> io::Result<()> {
    let time = |time: Timestamp| Timespec { tv_sec: time.seconds, tv_nsec: time.nanos.into() };
    let times = Timestamps { last_access: time(accessed), last_modification: time(modified) };
    Ok(rustix::fs::utimensat(CWD, path, &times, AtFlags::SYMLINK_NOFOLLOW)?)
}

/// Makes a device, FIFO or socket node as `entry` describes it.
pub(crate) fn make_node(path: &Path, entry: &Entry) -> io::Result<()> {
    let kind = match entry.kind {
        Kind::CharDevice => FileType::CharacterDevice,
        Kind::BlockDevice => FileType::BlockDevice,
        Kind::Fifo => FileType::Fifo,
        Kind::Socket => FileType::Socket,
        Kind::File | Kind::Directory | Kind::Symlink => FileType::RegularFile,
    };
    Ok(rustix::fs::mknodat(CWD, path, kind, Mode::RUSR | Mode::WUSR, entry.node)?)
}

/// Whether a path exists, as whatever.
pub(crate) fn exists(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok()
}
