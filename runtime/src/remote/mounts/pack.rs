//! The archive of a directory of a cache mount.
//!
//! Owns what of the files is in it: all that tells them apart, times with nanoseconds and extended attributes too, because programs
//! compare these to know what they have done already. Equal files make equal bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use hlb_patterns::Filter;
use rustix::fs::{Mode, OFlags, major, minor};
use tar::{Builder, EntryType, Header};

use crate::error::{ErrorKind, SolveError};
use crate::snapshot::whiteout;
use crate::sys::xattr;
use crate::tree::{self, Entry, Kind, Timestamp};

/// How hard it is packed: caches are large, and read as often as written.
const LEVEL: i32 = 3;
/// Names that mean something else in the archives of layers, as which this one is read.
const MARK: &[u8] = b".wh.";

/// A directory that cannot be packed.
#[derive(Debug, thiserror::Error)]
#[error("cannot pack `{}`: {source}", .path.display())]
struct PackError {
    path: PathBuf,
    source: io::Error,
}

/// Writes the archive of a directory, and gives the files that are not in it: sockets, and names that begin with `.wh.`.
pub(super) fn pack(dir: &Path, out: &mut (impl Write + ?Sized)) -> Result<Vec<PathBuf>, SolveError> {
    let mut entries =
        tree::scan(dir, &Filter::default()).map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| SolveError::new(ErrorKind::Environment, PackError { path, source })
    };
    entries.insert(0, Entry::read(dir, Path::new("")).map_err(failed(dir))?);
    let encoder = zstd::Encoder::new(out, LEVEL).map_err(failed(dir))?;
    let mut archive = Builder::new(encoder);
    let (mut left_out, mut first) = (Vec::new(), HashMap::new());
    for entry in &entries {
        let is_mark = entry.path.components().any(|part| part.as_os_str().as_bytes().starts_with(MARK));
        if is_mark || entry.kind == Kind::Socket {
            left_out.push(entry.path.clone());
            continue;
        }
        let same = first.entry((entry.device, entry.inode)).or_insert_with(|| entry.path.clone());
        let link = (!entry.is_directory() && *same != entry.path).then(|| same.clone());
        add(&mut archive, dir, entry, link.as_deref()).map_err(failed(&dir.join(&entry.path)))?;
    }
    let finished = archive.into_inner().and_then(zstd::Encoder::finish);
    finished.map_err(failed(dir))?;
    Ok(left_out)
}

fn add(archive: &mut Builder<impl Write>, dir: &Path, entry: &Entry, link: Option<&Path>) -> io::Result<()> {
    let host = dir.join(&entry.path);
    let mut name = entry.path.as_os_str().as_bytes().to_vec();
    if name.is_empty() {
        name.push(b'.');
    }
    if entry.is_directory() {
        name.push(b'/');
    }
    let (kind, size) = match (link, entry.kind) {
        (Some(_), _) => (EntryType::Link, 0),
        (None, Kind::File) => (EntryType::Regular, entry.size),
        (None, Kind::Directory) => (EntryType::Directory, 0),
        (None, Kind::Symlink) => (EntryType::Symlink, 0),
        (None, Kind::CharDevice) => (EntryType::Char, 0),
        (None, Kind::BlockDevice) => (EntryType::Block, 0),
        (None, Kind::Fifo | Kind::Socket) => (EntryType::Fifo, 0),
    };
    let target = link.or(entry.target.as_deref()).map(|path| path.as_os_str().as_bytes()).unwrap_or_default();
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    records.push(("mtime".to_owned(), time(entry.mtime).into_bytes()));
    let mut header = Header::new_ustar();
    if !put(&mut header.as_old_mut().name, &name) {
        records.push(("path".to_owned(), name));
    }
    if !put(&mut header.as_old_mut().linkname, target) {
        records.push(("linkpath".to_owned(), target.to_vec()));
    }
    if link.is_none() {
        for (name, value) in xattr::list(&host)? {
            if let Ok(name) = name.to_str()
                && !whiteout::is_overlay_xattr(name.as_bytes())
            {
                records.push((format!("SCHILY.xattr.{name}"), value));
            }
        }
    }
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(entry.mode);
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    header.set_mtime(u64::try_from(entry.mtime.seconds).unwrap_or(0));
    if matches!(kind, EntryType::Char | EntryType::Block) {
        header.set_device_major(major(entry.node))?;
        header.set_device_minor(minor(entry.node))?;
    }
    header.set_cksum();
    archive.append_pax_extensions(records.iter().map(|(key, value)| (key.as_str(), value.as_slice())))?;
    if kind != EntryType::Regular {
        return archive.append(&header, io::empty());
    }
    // What was a file a moment ago may be a link by now, which leads anywhere.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = File::from(rustix::fs::open(&host, flags, Mode::empty())?);
    let found = file.metadata()?;
    if (found.dev(), found.ino()) != (entry.device, entry.inode) {
        return Err(io::Error::other("it was replaced while it was read"));
    }
    // Who wrote to it meanwhile has had no lock: what is missing then is an error, and what is more is left.
    let mut data = file.take(size);
    archive.append(&header, &mut data)?;
    if data.limit() > 0 { Err(io::Error::other("it was changed while it was read")) } else { Ok(()) }
}

/// Puts a text into a field; whether it has room.
fn put(field: &mut [u8], text: &[u8]) -> bool {
    let length = text.len().min(field.len());
    for (to, from) in field.iter_mut().zip(text.iter().take(length)) {
        *to = *from;
    }
    length == text.len() && text.is_ascii()
}

/// Seconds since 1970 with a fraction.
fn time(at: Timestamp) -> String {
    match (at.seconds, at.nanos) {
        (seconds, 0) => seconds.to_string(),
        (seconds, nanos) if seconds >= 0 => format!("{seconds}.{nanos:09}"),
        (seconds, nanos) => format!("-{}.{:09}", -(seconds + 1), 1_000_000_000 - nanos),
    }
}
