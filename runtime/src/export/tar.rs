//! A tree as a tar stream.
//!
//! Owns the order and form of entries: as a walk meets them, ustar with PAX records for what does not fit, names without a
//! slash in front, numeric owners, times in whole seconds. Equal trees give equal bytes.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::mem::ManuallyDrop;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hlb_patterns::Filter;
use tar::{Builder, EntryType, Header};

use super::destination::Destination;
use super::options::Place;
use super::{ExportError, Exported, Look, Stop, unwritable};
use crate::sys::{file, xattr};
use crate::tree::{self, Entry, Kind, TreeError};

const XATTR: &str = "SCHILY.xattr.";

/// Writes everything in `tree` into a file, which appears when it is complete. Directories above it are made.
pub(crate) fn export(tree: &Path, place: &Place, look: &Look<'_>, stop: Stop<'_>) -> Result<Exported, ExportError> {
    let mut out = Destination::open(place, stop)?;
    let name = out.name();
    let exported =
        write(tree, &mut out, look, name).map_err(|error| if stop() { ExportError::Cancelled } else { error })?;
    out.finish()?;
    Ok(exported)
}

/// Writes everything in `tree` as a tar stream. `name` is what errors call the stream. Sockets are skipped.
fn write(tree: &Path, mut stream: impl Write, look: &Look<'_>, name: &Path) -> Result<Exported, ExportError> {
    let failed = unwritable(name);
    // Dropped, it would write the end mark, and what is cut short would look like a whole archive. It owns nothing.
    let mut builder = ManuallyDrop::new(Builder::new(&mut stream));
    if let Some(folder) = look.folder()? {
        let mut header = plain(EntryType::Directory, 0o755, look.epoch.unwrap_or_default());
        put(&mut header, Field::Name, format!("{folder}/").as_bytes());
        header.set_cksum();
        builder.append(&header, io::empty()).map_err(&failed)?;
    }
    let mut first_names: HashMap<(u64, u64), &Path> = HashMap::new();
    let mut exported = Exported::default();
    let entries = tree::scan(tree, &Filter::default())?;
    for entry in &entries {
        if entry.kind == Kind::Socket {
            exported.skipped.push(entry.path.clone());
            continue;
        }
        exported.entries += 1;
        if entry.links > 1 && !entry.is_directory() {
            if let Some(first) = first_names.get(&(entry.device, entry.inode)) {
                let first = look.place(first);
                append(&mut builder, look, entry, EntryType::Link, Some(&first), &[], io::empty()).map_err(&failed)?;
                continue;
            }
            first_names.insert((entry.device, entry.inode), entry.path.as_path());
        }
        let host = tree.join(&entry.path);
        let unreadable = |error: io::Error| TreeError::new(&host, error);
        let attributes = xattr::list(&host).map_err(unreadable)?;
        let target = entry.target.as_deref();
        if entry.kind == Kind::File {
            let source = Source { file: file::open_regular(&host).map_err(unreadable)?.into(), left: entry.size };
            append(&mut builder, look, entry, EntryType::Regular, None, &attributes, source).map_err(&failed)?;
            exported.bytes += entry.size;
        } else {
            append(&mut builder, look, entry, entry_type(entry.kind), target, &attributes, io::empty())
                .map_err(&failed)?;
        }
    }
    for (name, bytes) in look.more {
        let mut header = plain(EntryType::Regular, 0o644, look.epoch.unwrap_or_default());
        header.set_size(bytes.len() as u64);
        let name = look.place(Path::new(name));
        if !put(&mut header, Field::Name, name.as_os_str().as_bytes()) {
            let records = [("path", name.as_os_str().as_bytes())];
            builder.append_pax_extensions(records).map_err(&failed)?;
        }
        header.set_cksum();
        builder.append(&header, bytes.as_slice()).map_err(&failed)?;
    }
    builder.finish().map_err(&failed)?;
    Ok(exported)
}

fn entry_type(kind: Kind) -> EntryType {
    match kind {
        Kind::Directory => EntryType::Directory,
        Kind::Symlink => EntryType::Symlink,
        Kind::CharDevice => EntryType::Char,
        Kind::BlockDevice => EntryType::Block,
        Kind::Fifo => EntryType::Fifo,
        Kind::File | Kind::Socket => EntryType::Regular,
    }
}

fn plain(kind: EntryType, mode: u32, time: u64) -> Header {
    let mut header = Header::new_ustar();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(0);
    header.set_mtime(time);
    header
}

fn append(
    builder: &mut Builder<impl Write>,
    look: &Look<'_>,
    entry: &Entry,
    kind: EntryType,
    link: Option<&Path>,
    attributes: &[(std::ffi::CString, Vec<u8>)],
    data: impl Read,
) -> io::Result<()> {
    let mtime = look.timestamp(entry).seconds;
    let mut header = plain(kind, entry.mode, u64::try_from(mtime).unwrap_or(0));
    header.set_uid(entry.uid.into());
    header.set_gid(entry.gid.into());
    header.set_size(if kind == EntryType::Regular { entry.size } else { 0 });
    if matches!(kind, EntryType::Char | EntryType::Block) {
        header.set_device_major(rustix::fs::major(entry.node))?;
        header.set_device_minor(rustix::fs::minor(entry.node))?;
    }
    let mut records: Vec<(String, Vec<u8>)> = Vec::new();
    let mut name = look.place(&entry.path).into_os_string().into_encoded_bytes();
    if entry.is_directory() {
        name.push(b'/');
    }
    if !put(&mut header, Field::Name, &name) {
        records.push(("path".to_owned(), name));
    }
    if let Some(link) = link.map(|link| link.as_os_str().as_bytes())
        && !put(&mut header, Field::Link, link)
    {
        records.push(("linkpath".to_owned(), link.to_vec()));
    }
    if mtime < 0 {
        records.push(("mtime".to_owned(), mtime.to_string().into_bytes()));
    }
    for (name, value) in attributes.iter().filter(|(name, _)| name.to_bytes() != b"security.selinux") {
        records.push((format!("{XATTR}{}", name.to_string_lossy()), value.clone()));
    }
    if !records.is_empty() {
        builder.append_pax_extensions(records.iter().map(|(name, value)| (name.as_str(), value.as_slice())))?;
    }
    header.set_cksum();
    builder.append(&header, data)
}

#[derive(Clone, Copy)]
enum Field {
    Name,
    Link,
}

/// Writes a path into its field of the header, cut off if it is too long. False if it is.
fn put(header: &mut Header, field: Field, path: &[u8]) -> bool {
    let Some(ustar) = header.as_ustar_mut() else { return false };
    let room = match field {
        Field::Name => &mut ustar.name,
        Field::Link => &mut ustar.linkname,
    };
    let fits = path.len() <= room.len();
    for (to, from) in room.iter_mut().zip(path) {
        *to = *from;
    }
    if !fits && matches!(field, Field::Name) {
        // Long names that split at a slash need no record.
        let limit = ustar.prefix.len();
        let split =
            path.iter().enumerate().rev().filter(|(at, byte)| **byte == b'/' && *at <= limit && *at + 1 < path.len());
        for (at, _) in split {
            let (prefix, rest) = (path.get(..at).unwrap_or_default(), path.get(at + 1..).unwrap_or_default());
            if at > 0 && rest.len() <= ustar.name.len() {
                ustar.name = [0; 100];
                ustar.name.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
                ustar.prefix.iter_mut().zip(prefix).for_each(|(to, from)| *to = *from);
                return true;
            }
        }
    }
    fits
}

/// Exactly as many bytes of a file as its header says.
struct Source {
    file: File,
    left: u64,
}

impl Read for Source {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = (&self.file).take(self.left).read(buffer)?;
        if read == 0 && self.left > 0 && !buffer.is_empty() {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a file became shorter while it was read"));
        }
        self.left = self.left.saturating_sub(u64::try_from(read).unwrap_or(u64::MAX));
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;
    use crate::tree::Timestamp;

    /// A tree with one of each kind, and names of every length.
    fn tree() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        std::fs::create_dir(at("d")).unwrap();
        std::fs::write(at("d/f"), "data").unwrap();
        std::fs::hard_link(at("d/f"), at("e")).unwrap();
        std::os::unix::fs::symlink("/x".repeat(80), at("link")).unwrap();
        file::make_node(&at("null"), &Entry::of_node(Kind::CharDevice, 0x103)).unwrap();
        file::make_node(&at("pipe"), &Entry::of_node(Kind::Fifo, 0)).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(at("socket")).unwrap();
        std::fs::create_dir(at(&"l".repeat(60))).unwrap();
        std::fs::write(at(&format!("{}/{}", "l".repeat(60), "m".repeat(60))), "long").unwrap();
        std::fs::write(at(&"n".repeat(150)), "longer").unwrap();
        xattr::set(&at("d/f"), c"user.note", b"\0binary").unwrap();
        std::os::unix::fs::lchown(at("null"), Some(5), Some(6)).unwrap();
        for entry in tree::scan(dir.path(), &Filter::default()).unwrap().iter().rev() {
            let place = dir.path().join(&entry.path);
            if entry.kind != Kind::Symlink {
                file::set_mode(&place, if entry.is_directory() { 0o755 } else { 0o640 }).unwrap();
            }
            let time = Timestamp { seconds: 1000, nanos: 999 };
            file::set_times(&place, time, time).unwrap();
        }
        dir
    }

    fn stream(tree: &Path) -> (Vec<u8>, Exported) {
        let mut bytes = Vec::new();
        let exported = write(tree, &mut bytes, &Look::default(), Path::new("stream")).unwrap();
        (bytes, exported)
    }

    #[test]
    fn entries_are_as_a_walk_meets_them() {
        let dir = tree();
        let (bytes, exported) = stream(dir.path());
        assert_eq!((exported.entries, exported.bytes, exported.skipped), (9, 14, vec!["socket".into()]));
        let mut text = String::new();
        let short = |bytes: &[u8]| match String::from_utf8_lossy(bytes).into_owned() {
            long if long.len() > 20 => format!("{}…{}", &long[..4], long.len()),
            short => short,
        };
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            let _ =
                write!(text, "{} {:?} {:o}", short(&entry.path_bytes()), header.entry_type(), header.mode().unwrap());
            let _ = write!(text, " {}:{}", header.uid().unwrap(), header.gid().unwrap());
            let _ = write!(text, " {}+{}", header.size().unwrap(), header.mtime().unwrap());
            if let Some(link) = entry.link_name_bytes() {
                let _ = write!(text, " -> {}", short(&link));
            }
            for record in entry.pax_extensions().unwrap().into_iter().flatten() {
                let _ = write!(text, " [{}]", record.unwrap().key().unwrap());
            }
            text.push('\n');
        }
        insta::assert_snapshot!(text, @"
        d/ Directory 755 0:0 0+1000
        d/f Regular 640 0:0 4+1000 [SCHILY.xattr.user.note]
        e Link 640 0:0 0+1000 -> d/f
        link Symlink 777 0:0 0+1000 -> /x/x…160 [linkpath]
        llll…61 Directory 755 0:0 0+1000
        llll…121 Regular 640 0:0 4+1000
        nnnn…150 Regular 640 0:0 6+1000 [path]
        null Char 640 5:6 0+1000
        pipe Fifo 640 0:0 0+1000
        ");
        assert_eq!(stream(dir.path()).0, bytes);
    }

    #[test]
    fn files_can_all_have_one_time_and_lie_in_a_folder() {
        let (dir, mut bytes) = (tree(), Vec::new());
        let more = [("sbom.spdx.json".to_owned(), b"{}".to_vec())];
        let look = Look { epoch: Some(5000), folder: Some("linux_amd64"), more: &more };
        write(dir.path(), &mut bytes, &look, Path::new("stream")).unwrap();
        let mut names = Vec::new();
        for entry in tar::Archive::new(bytes.as_slice()).entries().unwrap() {
            let mut entry = entry.unwrap();
            assert_eq!(entry.header().mtime().unwrap(), 5000);
            if let Some(link) = entry.link_name_bytes().filter(|_| entry.header().entry_type() == EntryType::Link) {
                assert_eq!(&*link, b"linux_amd64/d/f");
            }
            names.push(String::from_utf8_lossy(&entry.path_bytes()).into_owned());
            let mut data = String::new();
            if names.last().unwrap().ends_with(".json") {
                entry.read_to_string(&mut data).unwrap();
                assert_eq!(data, "{}");
            }
        }
        assert_eq!((names[0].as_str(), names[1].as_str()), ("linux_amd64/", "linux_amd64/d/"));
        assert_eq!((names.len(), names.last().unwrap().as_str()), (11, "linux_amd64/sbom.spdx.json"));
        assert!(names.iter().all(|name| name.starts_with("linux_amd64/")), "{names:?}");
    }

    /// The tar of the system reads what was written.
    #[test]
    fn other_programs_read_it() {
        let (dir, out) = (tree(), tempfile::tempdir().unwrap());
        let file = out.path().join("made/tree.tar");
        export(dir.path(), &Place::File(file.clone()), &Look::default(), &|| false).unwrap();
        let listed = std::process::Command::new("tar").arg("-tf").arg(&file).output().expect("tar is installed");
        assert!(listed.status.success() && listed.stderr.is_empty(), "{}", String::from_utf8_lossy(&listed.stderr));
        let names = String::from_utf8(listed.stdout).unwrap();
        assert!(names.starts_with("d/\nd/f\ne\n") && names.contains(&"n".repeat(150)), "{names}");
        assert_eq!(std::fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }

    #[test]
    fn what_cannot_be_written_leaves_nothing() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::Error::from_raw_os_error(28))
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let (dir, out) = (tree(), tempfile::tempdir().unwrap());
        let error = write(dir.path(), Full, &Look::default(), Path::new("out.tar")).unwrap_err().to_string();
        assert_eq!(error, "cannot write to `out.tar`: the disk is full");
        let error = export(dir.path(), &Place::File(out.path().to_owned()), &Look::default(), &|| false).unwrap_err();
        assert!(matches!(error, ExportError::IsDirectory { .. }), "{error}");
        let error = export(Path::new("/nowhere"), &Place::File(out.path().join("x.tar")), &Look::default(), &|| false)
            .unwrap_err();
        assert!(matches!(error, ExportError::Tree(_)), "{error}");
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
        // Not even the mark of its end.
        let mut bytes = Vec::<u8>::new();
        write(Path::new("/nowhere"), &mut bytes, &Look::default(), Path::new("stream")).unwrap_err();
        assert_eq!(bytes, b"");
    }

    #[test]
    fn a_folder_does_not_lead_elsewhere() {
        let (dir, out) = (tree(), tempfile::tempdir().unwrap());
        for folder in ["", ".", "..", "../x", "/x", "a/b", "a/", "a/."] {
            let (look, mut bytes) = (Look { folder: Some(folder), ..Look::default() }, Vec::<u8>::new());
            let error = write(dir.path(), &mut bytes, &look, Path::new("stream")).unwrap_err();
            assert!(matches!(error, ExportError::Folder { .. }), "{folder}: {error}");
            let error = crate::export::local::export(dir.path(), out.path(), &look, &|| false).unwrap_err();
            assert!(matches!(error, ExportError::Folder { .. }), "{folder}: {error}");
        }
        assert_eq!(std::fs::read_dir(out.path()).unwrap().count(), 0);
    }
}
