//! The digest of one file: its metadata, then its bytes.
//!
//! Owns the header block. Times and the name are not part of it.

use std::ffi::CStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use flate2::Crc;
use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::sys::xattr;
use crate::tree::{Entry, Kind, TreeError};

const BUFFER: usize = 256 * 1024;

/// What is read of an entry.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The digest of its metadata and its bytes. A directory's content is not part of it.
    pub(super) digest: Digest,
    /// A checksum of the bytes of a file or the target of a link alone; 0 for anything else.
    pub(super) bytes: u32,
}

/// Reads an entry that is at `host`.
pub(super) fn read(host: &Path, entry: &Entry) -> Result<Seen, TreeError> {
    let failed = |source: io::Error| TreeError::new(host, source);
    let (kind, mode, size) = match entry.kind {
        Kind::File | Kind::Socket => ('0', entry.mode, entry.size),
        Kind::Symlink => ('2', entry.mode | 0o777, 0),
        Kind::CharDevice => ('3', entry.mode, 0),
        Kind::BlockDevice => ('4', entry.mode, 0),
        Kind::Directory => ('5', entry.mode, 0),
        Kind::Fifo => ('6', entry.mode, 0),
    };
    let (major, minor) = match entry.kind {
        Kind::CharDevice | Kind::BlockDevice => (rustix::fs::major(entry.node), rustix::fs::minor(entry.node)),
        _ => (0, 0),
    };
    let mut text = String::with_capacity(128);
    let _ = write!(text, "namemode{mode}uid{}gid{}size{size}typeflag{kind}linkname", entry.uid, entry.gid);
    let (mut hasher, mut bytes) = (Hasher::default(), Crc::new());
    hasher.update(&text);
    if let Some(target) = &entry.target {
        hasher.update(target.as_os_str().as_bytes());
        bytes.update(target.as_os_str().as_bytes());
    }
    text.clear();
    let _ = write!(text, "unamegnamedevmajor{major}devminor{minor}");
    hasher.update(&text);
    for (name, value) in xattr::list(host).map_err(failed)? {
        if counts(&name) {
            hasher.update(name.to_bytes());
            hasher.update(value);
        }
    }
    if entry.kind == Kind::File {
        content(host, entry.size, &mut |piece| {
            hasher.update(piece);
            bytes.update(piece);
        })
        .map_err(failed)?;
    }
    Ok(Seen { digest: hasher.finish(), bytes: bytes.sum() })
}

/// Attributes that belong to the machine rather than to the file do not count.
fn counts(name: &CStr) -> bool {
    let name = name.to_bytes();
    name == b"security.capability" || !(name.starts_with(b"security.") || name.starts_with(b"system."))
}

fn content(host: &Path, size: u64, each: &mut dyn FnMut(&[u8])) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOATIME;
    let file = match rustix::fs::open(host, flags, Mode::empty()) {
        // Only the owner may leave the access time alone.
        Err(Errno::PERM) => rustix::fs::open(host, flags - OFlags::NOATIME, Mode::empty())?,
        other => other?,
    };
    let mut file = File::from(file);
    let mut buffer = vec![0; usize::try_from(size).unwrap_or(BUFFER).clamp(1, BUFFER)];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => each(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
