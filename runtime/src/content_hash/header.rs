//! The digest of one file: its metadata, then its bytes.
//!
//! Owns the header block. Times and the name are not part of it.

use std::ffi::CStr;
use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::sys::xattr;
use crate::tree::{Entry, Kind, TreeError};

const BUFFER: usize = 256 * 1024;

/// The digest of an entry that is at `host`. A directory's content is not part of it.
pub(super) fn digest(host: &Path, entry: &Entry) -> Result<Digest, TreeError> {
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
    let mut hasher = Hasher::default();
    hasher.update(&text);
    if let Some(target) = &entry.target {
        hasher.update(target.as_os_str().as_bytes());
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
        content(host, entry.size, &mut hasher).map_err(failed)?;
    }
    Ok(hasher.finish())
}

/// Attributes that belong to the machine rather than to the file do not count.
fn counts(name: &CStr) -> bool {
    let name = name.to_bytes();
    name == b"security.capability" || !(name.starts_with(b"security.") || name.starts_with(b"system."))
}

fn content(host: &Path, size: u64, hasher: &mut Hasher) -> io::Result<()> {
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
            Ok(read) => hasher.update(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
