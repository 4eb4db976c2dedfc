//! Copying an archive as what is in it.
//!
//! Owns the detection of archives and the extraction into a directory of a tree. The directory is the root for everything
//! in the archive: neither `..` nor links lead out of it.

use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use tar::EntryType;

use super::{FileProblem, Owner, at, make_directories};
use crate::sys::root::Root;
use crate::sys::{file, xattr};
use crate::tree::{Entry, Kind, Timestamp};

const GZIP: &[u8] = &[0x1f, 0x8b];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const BZIP2: &[u8] = b"BZh";
/// Follows the level digit in a bzip2 file.
const BZIP2_BLOCK: &[u8] = &[0x31, 0x41, 0x59, 0x26, 0x53, 0x59];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
/// As much memory, in KiB, as an xz file may ask for: what `xz -9` needs is a tenth of it.
const XZ_MEMORY: u32 = 1 << 20;
const XATTR: &str = "SCHILY.xattr.";

/// Extracts `archive` into the directory `place` of the target. False, and nothing done, if it is no archive.
pub(super) fn unpack(
    source: &Root,
    archive: &Path,
    target: &Root,
    place: &Path,
    owner: Option<Owner>,
    time: Option<Timestamp>,
) -> Result<bool, FileProblem> {
    let regular = std::fs::symlink_metadata(archive).is_ok_and(|found| found.is_file());
    if !regular || !is_archive(source, archive)? {
        return Ok(false);
    }
    make_directories(target, place, 0o755, owner, time)?;
    let inner = Root::open(place).map_err(at(target, place))?;
    let mut tar = tar::Archive::new(open(source, archive)?);
    let mut extraction = Extraction { target, inner, owner, directories: Vec::new() };
    for entry in tar.entries().map_err(at(source, archive))? {
        extraction.entry(entry.map_err(at(source, archive))?)?;
    }
    extraction.finish()?;
    Ok(true)
}

/// Whether the file, uncompressed, begins with the header of a tar entry.
fn is_archive(source: &Root, archive: &Path) -> Result<bool, FileProblem> {
    let mut tar = tar::Archive::new(open(source, archive)?);
    let first = tar.entries().ok().and_then(|mut entries| entries.next());
    Ok(matches!(first, Some(Ok(_))))
}

fn open(source: &Root, archive: &Path) -> Result<Box<dyn Read>, FileProblem> {
    let file = file::open_regular(archive).map_err(at(source, archive))?;
    let mut reader = BufReader::with_capacity(64 * 1024, File::from(file));
    let start = reader.fill_buf().map_err(at(source, archive))?;
    if start.starts_with(GZIP) {
        Ok(Box::new(flate2::bufread::MultiGzDecoder::new(reader)))
    } else if start.starts_with(ZSTD) {
        Ok(Box::new(zstd::Decoder::with_buffer(reader).map_err(at(source, archive))?))
    } else if start.starts_with(BZIP2) && start.get(4..).is_some_and(|rest| rest.starts_with(BZIP2_BLOCK)) {
        Ok(Box::new(bzip2::bufread::MultiBzDecoder::new(reader)))
    } else if start.starts_with(XZ) {
        Ok(Box::new(lzma_rust2::XzReader::new_mem_limit(reader, true, XZ_MEMORY)))
    } else {
        Ok(Box::new(reader))
    }
}

struct Extraction<'a> {
    target: &'a Root,
    inner: Root,
    owner: Option<Owner>,
    /// Their times are set when everything is in them.
    directories: Vec<(PathBuf, Timestamp)>,
}

impl Extraction<'_> {
    fn entry(&mut self, mut entry: tar::Entry<'_, impl Read>) -> Result<(), FileProblem> {
        let name = entry.path_bytes().into_owned();
        let kind = entry.header().entry_type();
        let Some(path) = self.place(&name)? else { return Ok(()) };
        let failed = |error| at(self.target, &path)(error);
        let existing = std::fs::symlink_metadata(&path).ok();
        let merge = kind.is_dir() && existing.as_ref().is_some_and(std::fs::Metadata::is_dir);
        if let Some(existing) = existing.filter(|_| !merge) {
            if existing.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) }
                .map_err(failed)?;
        }
        match kind {
            EntryType::Directory if merge => {}
            EntryType::Directory => std::fs::create_dir(&path).map_err(failed)?,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let mut file = file::create(&path).map_err(failed)?;
                io::copy(&mut entry, &mut file).map_err(failed)?;
            }
            EntryType::Symlink => {
                let target = entry.link_name_bytes().unwrap_or_default();
                std::os::unix::fs::symlink(OsStr::from_bytes(&target), &path).map_err(failed)?;
            }
            EntryType::Link => {
                let target = entry.link_name_bytes().unwrap_or_default().into_owned();
                let Some(first) = self.place(&target)? else { return Ok(()) };
                // The metadata is that of the first name.
                return std::fs::hard_link(&first, &path).map_err(at(self.target, &first));
            }
            EntryType::Char | EntryType::Block | EntryType::Fifo => self.node(&entry, &path).map_err(failed)?,
            _ => return Ok(()),
        }
        self.dress(&mut entry, &path).map_err(|error| at(self.target, &path)(error))
    }

    /// Where an entry goes, with the directories above it made; none for the destination itself.
    fn place(&self, name: &[u8]) -> Result<Option<PathBuf>, FileProblem> {
        let name = Path::new(OsStr::from_bytes(name));
        let mut depth = 0_i32;
        for part in name.components() {
            match part {
                Component::Normal(_) => depth += 1,
                Component::ParentDir => depth -= 1,
                _ => {}
            }
            if depth < 0 {
                return Err(FileProblem::Breakout { entry: name.display().to_string() });
            }
        }
        let path = self.inner.resolve(name, false).map_err(at(self.target, name))?;
        if path == self.inner.path() {
            return Ok(None);
        }
        if let Some(parent) = path.parent() {
            make_directories(self.target, parent, 0o755, self.owner, None)?;
        }
        Ok(Some(path))
    }

    fn node(&self, entry: &tar::Entry<'_, impl Read>, path: &Path) -> io::Result<()> {
        let header = entry.header();
        let (major, minor) = (header.device_major()?.unwrap_or(0), header.device_minor()?.unwrap_or(0));
        let kind = match header.entry_type() {
            EntryType::Char => Kind::CharDevice,
            EntryType::Block => Kind::BlockDevice,
            _ => Kind::Fifo,
        };
        let described = Entry::of_node(kind, rustix::fs::makedev(major, minor));
        file::make_node(path, &described)
    }

    fn dress(&mut self, entry: &mut tar::Entry<'_, impl Read>, path: &Path) -> io::Result<()> {
        let mut attributes = Vec::new();
        if let Some(extensions) = entry.pax_extensions()? {
            for extension in extensions {
                let extension = extension?;
                if let Some(name) = extension.key_bytes().strip_prefix(XATTR.as_bytes()) {
                    attributes.push((CString::new(name)?, extension.value_bytes().to_vec()));
                }
            }
        }
        let header = entry.header();
        let id = |id: u64| u32::try_from(id).unwrap_or(0);
        let given = Owner { uid: id(header.uid()?), gid: id(header.gid()?) };
        let Owner { uid, gid } = self.owner.unwrap_or(given);
        file::set_owner(path, uid, gid)?;
        let kind = header.entry_type();
        if kind != EntryType::Symlink {
            file::set_mode(path, header.mode()?)?;
        }
        for (name, value) in attributes {
            if let Err(error) = xattr::set(path, &name, &value) {
                tracing::debug!(path = %path.display(), ?name, %error, "extended attribute not unpacked");
            }
        }
        let time = Timestamp { seconds: i64::try_from(header.mtime()?).unwrap_or(0), nanos: 0 };
        if kind.is_dir() {
            self.directories.push((path.to_owned(), time));
            return Ok(());
        }
        file::set_times(path, time, time)
    }

    fn finish(self) -> Result<(), FileProblem> {
        for (path, time) in self.directories.iter().rev() {
            // A later entry may have taken the directory's place.
            if std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir()) {
                file::set_times(path, *time, *time).map_err(at(self.target, path))?;
            }
        }
        Ok(())
    }
}
