//! Unpacking an image's layer into a layer directory.
//!
//! Owns what each entry of the archive does to the directory: names are resolved in the view of this layer on top of the
//! lower ones, as a process in the finished image would resolve them, and only this layer is written. No entry can reach
//! out of it. The digest of the archive is taken in the same pass.

mod alone;

use std::cell::Cell;
use std::ffi::CString;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use super::archive::{Archive, ArchiveError, Entry, Kind, Sparse};
use super::compression::decompress;
use super::limit::{Content, Counted, Excess, LayerLimits};
use super::node::{self, HoleWriter, Metadata};
use super::stack::{Stack, is_dir, look, open_dir};
use super::whiteout::{self, Marker};
use crate::sys::rootless::{self, Privilege};
use alone::Notes;
pub(crate) use alone::{Alone, Open, apply_alone};

/// Directories in each other; `PATH_MAX` allows no more either.
const MAX_DEPTH: usize = 2048;

/// Bytes of the paths of all directories of a layer, which are kept to its end.
const MAX_PATHS: usize = 512 << 20;

/// A layer that was unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Applied {
    /// The digest of the uncompressed archive.
    pub(crate) diff_id: Digest,
    /// The size of the uncompressed archive in bytes.
    pub(crate) size: u64,
}

/// A layer that cannot be unpacked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ApplyError {
    /// It cannot be decompressed.
    #[error("the layer cannot be read")]
    Read(#[source] io::Error),
    /// It is not the archive that it should be.
    #[error(transparent)]
    Archive(#[from] ArchiveError),
    /// A layer directory cannot be opened.
    #[error("cannot open the layer directory `{path}`")]
    Open {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    /// It expands to more than it may.
    #[error("the layer is refused: {0}")]
    Excess(Excess),
    /// An entry asks for what is not allowed.
    #[error("the layer's entry `{entry}` is refused: {reason}")]
    Refused { entry: String, reason: &'static str },
    /// An entry cannot be written.
    #[error("the layer's entry `{entry}` cannot be unpacked")]
    Entry {
        entry: String,
        #[source]
        source: io::Error,
    },
}

/// Unpacks a layer, compressed or not, into the empty directory `upper`, to be used on top of `lowers` (top first).
///
/// # Errors
/// When the archive is damaged or too large, or one of its entries is refused or cannot be written; `upper` is then incomplete.
pub(crate) fn apply_layer(
    layer: impl Read,
    upper: &Path,
    lowers: &[PathBuf],
    limits: LayerLimits,
) -> Result<Applied, ApplyError> {
    let mut writer = Writer::open(upper, lowers)?;
    let applied = writer.unpack(layer, limits)?;
    writer.finish()?;
    Ok(applied)
}

/// Why an entry did not work.
enum Fault {
    Refused(&'static str),
    Io(io::Error),
}

impl<E: Into<io::Error>> From<E> for Fault {
    fn from(error: E) -> Self {
        Self::Io(error.into())
    }
}

struct Writer {
    stack: Stack,
    root: OwnedFd,
    /// The paths of directories that were made or described, and the time that each is to have in the end.
    dirs: Vec<(Box<[u8]>, node::Time)>,
    /// Bytes of these paths.
    paths: usize,
    holes: HoleWriter,
    /// If the lower layers are not known yet: what they have a say in.
    notes: Option<Notes>,
}

impl Writer {
    fn open(upper: &Path, lowers: &[PathBuf]) -> Result<Self, ApplyError> {
        let layers = std::iter::once(upper).chain(lowers.iter().map(PathBuf::as_path));
        let stack = Stack::open(layers).map_err(|(path, source)| ApplyError::Open { path, source })?;
        let root = stack.roots().next().and_then(|root| root.try_clone_to_owned().ok());
        let root =
            root.ok_or_else(|| ApplyError::Open { path: upper.to_owned(), source: io::ErrorKind::NotFound.into() })?;
        Ok(Self { stack, root, dirs: Vec::new(), paths: 0, holes: HoleWriter::new(), notes: None })
    }

    /// Unpacks all of a layer. What is to be done when nothing follows any more is left for `finish`.
    fn unpack(&mut self, layer: impl Read, limits: LayerLimits) -> Result<Applied, ApplyError> {
        let packed = Cell::new(0);
        let content = decompress(Counted { inner: layer, count: &packed }).map_err(ApplyError::Read)?;
        let mut archive = Archive::new(Content::new(content, &packed, limits));
        let done = self.entries(&mut archive);
        let mut content = archive.into_inner();
        // Whatever follows the archive is part of its digest too.
        let done = done.and_then(|()| io::copy(&mut content, &mut io::sink()).map(drop).map_err(ApplyError::Read));
        if let Some(excess) = content.excess() {
            return Err(ApplyError::Excess(excess));
        }
        done?;
        let (diff_id, size) = content.finish();
        Ok(Applied { diff_id, size })
    }

    fn entries<R: Read>(&mut self, archive: &mut Archive<Content<'_, R>>) -> Result<(), ApplyError> {
        while let Some(entry) = archive.next()? {
            let holes = entry.sparse.as_ref().map_or(0, Sparse::holes);
            archive.inner_mut().entry(holes).map_err(ApplyError::Excess)?;
            let shown = || String::from_utf8_lossy(&entry.name).into_owned();
            self.entry(&entry, archive).map_err(|fault| match fault {
                Fault::Refused(reason) => ApplyError::Refused { entry: shown(), reason },
                Fault::Io(source) => ApplyError::Entry { entry: shown(), source },
            })?;
        }
        Ok(())
    }

    fn entry(&mut self, entry: &Entry, data: &mut impl Read) -> Result<(), Fault> {
        if self.notes.as_ref().is_some_and(Notes::is_full) {
            return Err(Fault::Refused("too much would have to be noted before what is below it is known"));
        }
        let path = components(&entry.name)?;
        let Some((name, parents)) = path.split_last() else {
            return match entry.kind {
                Kind::Directory => self.describe_root(metadata(entry)?),
                _ => Err(Fault::Refused("it would replace the root directory")),
            };
        };
        if path.iter().any(|part| Marker::of(part.to_bytes()) == Marker::Ignored) {
            return Ok(());
        }
        let (parent, at) = self.parent(parents)?;
        match Marker::of(name.to_bytes()) {
            Marker::Whiteout(hidden) => return self.hide(&parent, &at, CString::new(hidden)?),
            Marker::Opaque => return self.hide_all(&parent, &at),
            Marker::Nonsense => return Err(Fault::Refused("it hides no name")),
            Marker::None | Marker::Ignored => {}
        }
        let metadata = metadata(entry)?;
        match &entry.kind {
            Kind::Directory => return self.directory(&parent, at, name, metadata),
            // The whiteout of a layer that was packed as it lies on disk.
            Kind::CharDevice(0, 0) => return self.hide(&parent, &at, name.clone()),
            Kind::HardLink(target) => return self.hard_link(&parent, &at, name, target),
            _ => {}
        }
        self.make_room(&parent, &at, name)?;
        let kind = match &entry.kind {
            Kind::Symlink(target) => {
                if target.is_empty() {
                    return Err(Fault::Refused("it is a symbolic link to nothing"));
                }
                rustix::fs::symlinkat(CString::new(target.as_slice())?, &parent, name)?;
                Some(FileType::Symlink)
            }
            Kind::CharDevice(major, minor) => make_node(&parent, name, FileType::CharacterDevice, *major, *minor)?,
            Kind::BlockDevice(major, minor) => make_node(&parent, name, FileType::BlockDevice, *major, *minor)?,
            Kind::Fifo => make_node(&parent, name, FileType::Fifo, 0, 0)?,
            Kind::File | Kind::Directory | Kind::HardLink(_) => {
                self.file(&node::create_file(&parent, name)?, entry.sparse.as_ref(), data)?;
                Some(FileType::RegularFile)
            }
        };
        let Some(kind) = kind else {
            tracing::warn!(entry = %String::from_utf8_lossy(&entry.name), "only root can make a device: left out");
            // What lower layers have there is gone all the same.
            return self.hide(&parent, &at, name.clone());
        };
        metadata.apply(&parent, name, kind)?;
        Ok(metadata.set_time(&parent, name)?)
    }

    /// Writes the data of a file. Where they are zeros, there is a hole.
    fn file(&mut self, file: &File, sparse: Option<&Sparse>, data: &mut impl Read) -> Result<(), Fault> {
        let size = match sparse {
            None => self.holes.write(file, 0, data)?,
            Some(Sparse { size, parts }) => {
                for (offset, length) in parts {
                    self.holes.write(file, *offset, &mut data.by_ref().take(*length))?;
                }
                *size
            }
        };
        Ok(file.set_len(size)?)
    }

    /// Opens the directory that entries are made in, with all links on the way followed and what is missing made. Also
    /// says where it is.
    fn parent(&mut self, path: &[CString]) -> Result<(OwnedFd, Vec<CString>), Fault> {
        // Directories of this layer hide links of lower ones: mostly, no link has to be looked for.
        if let Some(dir) = self.plain(path)? {
            return Ok((dir, path.to_owned()));
        }
        // Alone, links are not followed: what is beyond them may be in other layers.
        let path = if self.notes.is_some() { path.to_owned() } else { self.stack.resolve(path)? };
        let mut dir = self.root.try_clone()?;
        for (depth, name) in path.iter().enumerate() {
            let here = path.get(..=depth).unwrap_or_default();
            match look(&dir, name)? {
                Some(stat) if is_dir(&stat) => {}
                Some(stat) if !whiteout::is_whiteout(&stat) => {
                    return Err(Fault::Refused("what it is in is not a directory"));
                }
                there => {
                    // Not a whiteout's: what it hides is gone. Nor what an opaque directory of this layer hides.
                    let lower = if there.is_some() { None } else { self.stack.find(here, false)? };
                    let metadata = match &lower {
                        Some(found) if is_dir(&found.stat) => Metadata::of(found)?,
                        Some(_) => return Err(Fault::Refused("what it is in is not a directory")),
                        None => Metadata::implied(),
                    };
                    let number = self.dirs.len();
                    self.new_directory(&dir, here, name, metadata, there.is_some())?;
                    if let Some(notes) = &mut self.notes {
                        notes.imply(here.to_owned(), number);
                    }
                }
            }
            dir = open_dir(&dir, name)?;
        }
        Ok((dir, path))
    }

    /// The directory at a path of this layer, if there is no link on the way.
    fn plain(&self, path: &[CString]) -> Result<Option<OwnedFd>, Fault> {
        if path.is_empty() {
            return Ok(Some(self.root.try_clone()?));
        }
        self.plain_at(joined(path))
    }

    /// The same at a path that is not empty.
    fn plain_at(&self, path: impl Into<Vec<u8>>) -> Result<Option<OwnedFd>, Fault> {
        let path = CString::new(path)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let how = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_XDEV;
        loop {
            match rustix::fs::openat2(&self.root, &path, flags, Mode::empty(), how) {
                Ok(dir) => return Ok(Some(dir)),
                Err(Errno::AGAIN) => {}
                // Too long for one call; a walk gets there.
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG) => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn directory(
        &mut self,
        parent: &OwnedFd,
        mut at: Vec<CString>,
        name: &CString,
        metadata: Metadata,
    ) -> Result<(), Fault> {
        at.push(name.clone());
        match look(parent, name)? {
            Some(stat) if is_dir(&stat) => {
                metadata.apply(parent, name, FileType::Directory)?;
                if let Some(notes) = &mut self.notes {
                    notes.describe(&at);
                }
                self.keep_time(&at, &metadata)
            }
            there => self.new_directory(parent, &at, name, metadata, there.is_some()),
        }
    }

    /// Makes a directory. If something else was there in this layer, lower layers must not show through it.
    fn new_directory(
        &mut self,
        parent: &OwnedFd,
        at: &[CString],
        name: &CString,
        metadata: Metadata,
        replaces: bool,
    ) -> Result<(), Fault> {
        if replaces {
            self.make_room(parent, at.get(..at.len().saturating_sub(1)).unwrap_or_default(), name)?;
        }
        rustix::fs::mkdirat(parent, name, Mode::RWXU)?;
        if replaces {
            self.hide_all(&open_dir(parent, name)?, at)?;
        }
        metadata.apply(parent, name, FileType::Directory)?;
        self.keep_time(at, &metadata)
    }

    /// Notes the time of a directory for the end.
    fn keep_time(&mut self, at: &[CString], metadata: &Metadata) -> Result<(), Fault> {
        let path = joined(at);
        self.paths += path.len();
        if self.paths > MAX_PATHS {
            return Err(Fault::Refused("the paths of the layer's directories are too long together"));
        }
        self.dirs.push((path.into_boxed_slice(), metadata.mtime));
        Ok(())
    }

    fn describe_root(&mut self, metadata: Metadata) -> Result<(), Fault> {
        metadata.apply(&self.root, c".", FileType::Directory)?;
        self.keep_time(&[], &metadata)
    }

    fn hard_link(&mut self, parent: &OwnedFd, at: &[CString], name: &CString, target: &[u8]) -> Result<(), Fault> {
        let target = components(target)?;
        let Some((source, dirs)) = target.split_last() else {
            return Err(Fault::Refused("it is a hard link to the root directory"));
        };
        let dirs = if self.notes.is_some() { dirs.to_owned() } else { self.stack.resolve(dirs)? };
        let mut place = dirs.clone();
        place.push(source.clone());
        if dirs == at && source == name {
            return Err(Fault::Refused("it is a hard link to itself"));
        }
        let missing = Fault::Refused("it is a hard link to something that is not there");
        let found = self.stack.find(&place, false)?.ok_or(missing)?;
        if is_dir(&found.stat) {
            return Err(Fault::Refused("it is a hard link to a directory"));
        }
        let (dir, _) = self.parent(&dirs)?;
        // A link cannot lead from one layer to another: the file is brought up first.
        if look(&dir, source)?.is_none() {
            node::copy(&found, &dir, source)?;
        }
        self.make_room(parent, at, name)?;
        Ok(rustix::fs::linkat(&dir, source, parent, name, AtFlags::empty())?)
    }

    /// Hides what lower layers have under a name. What this layer has there stays.
    fn hide(&mut self, parent: &OwnedFd, at: &[CString], name: CString) -> Result<(), Fault> {
        let mut place = at.to_owned();
        place.push(name);
        if let Some(notes) = &mut self.notes {
            notes.hide(place);
            return Ok(());
        }
        let Some(name) = place.last() else { return Ok(()) };
        let Some(lower) = self.stack.find(&place, true)? else { return Ok(()) };
        match look(parent, name)? {
            None => Ok(whiteout::make(parent, name)?),
            Some(stat) if is_dir(&stat) && is_dir(&lower.stat) => Ok(whiteout::set_opaque(open_dir(parent, name)?)?),
            Some(_) => Ok(()),
        }
    }

    /// Hides everything that lower layers have in a directory.
    fn hide_all(&mut self, dir: &OwnedFd, at: &[CString]) -> Result<(), Fault> {
        if !at.is_empty() {
            if let Some(notes) = &mut self.notes {
                notes.hide_all(at.to_owned());
                return Ok(());
            }
            if self.stack.find(at, true)?.is_some_and(|found| is_dir(&found.stat)) {
                whiteout::set_opaque(dir)?;
            }
            return Ok(());
        }
        if self.notes.is_some() {
            return Err(Fault::Refused("what is below it is not known yet"));
        }
        // The root directory is merged whatever its attributes say.
        let mut names = std::collections::BTreeSet::new();
        for root in self.stack.roots().skip(1) {
            for entry in Dir::read_from(root)? {
                names.insert(entry?.file_name().to_owned());
            }
        }
        for name in names {
            if !matches!(name.to_bytes(), b"." | b"..") {
                self.hide(dir, at, name)?;
            }
        }
        Ok(())
    }

    /// Removes what this layer has under a name.
    fn make_room(&mut self, parent: &OwnedFd, at: &[CString], name: &CString) -> Result<(), Fault> {
        let Some(stat) = look(parent, name)? else { return Ok(()) };
        if is_dir(&stat) {
            hlb_store::remove_tree(&node::path(parent, name))?;
            if let Some(notes) = &mut self.notes {
                notes.replace(&[at, std::slice::from_ref(name)].concat());
            }
            return Ok(());
        }
        Ok(rustix::fs::unlinkat(parent, name, AtFlags::empty())?)
    }

    /// Sets the times of directories, now that nothing is made in them any more.
    fn finish(self) -> Result<(), ApplyError> {
        for (path, time) in &self.dirs {
            let set = || -> Result<(), Fault> {
                if path.is_empty() {
                    return Ok(node::set_time(&self.root, c".", *time)?);
                }
                let mut parts = path.rsplitn(2, |byte| *byte == b'/');
                let name = CString::new(parts.next().unwrap_or_default())?;
                let parent = match parts.next() {
                    Some(parents) => self.plain_at(parents)?,
                    None => self.plain(&[])?,
                };
                // It may have been replaced since.
                match parent {
                    Some(parent) if look(&parent, &name)?.is_some_and(|stat| is_dir(&stat)) => {
                        Ok(node::set_time(&parent, &name, *time)?)
                    }
                    _ => Ok(()),
                }
            };
            set().map_err(|fault| {
                let source = match fault {
                    Fault::Io(source) => source,
                    Fault::Refused(reason) => io::Error::other(reason),
                };
                ApplyError::Entry { entry: String::from_utf8_lossy(path).into_owned(), source }
            })?;
        }
        Ok(())
    }
}

/// The path of a place, relative to the root directory.
fn joined(place: &[CString]) -> Vec<u8> {
    place.iter().map(|name| name.to_bytes()).collect::<Vec<_>>().join(&b'/')
}

fn metadata(entry: &Entry) -> Result<Metadata, Fault> {
    let mut xattrs = Vec::new();
    for (name, value) in &entry.xattrs {
        if !whiteout::is_overlay_xattr(name) {
            xattrs.push((CString::new(name.as_slice())?, value.clone()));
        }
    }
    Ok(Metadata { mode: entry.mode, uid: entry.uid, gid: entry.gid, mtime: entry.mtime, xattrs })
}

/// Makes a node. None: it is a device, which only the machine's root can make. No step misses it, as containers get those of the
/// machine.
fn make_node(
    dir: impl AsFd,
    name: &CString,
    kind: FileType,
    major: u32,
    minor: u32,
) -> Result<Option<FileType>, Fault> {
    match rustix::fs::mknodat(dir, name, kind, Mode::RUSR, rustix::fs::makedev(major, minor)) {
        Err(Errno::PERM) if rootless::privilege() != Privilege::Root => Ok(None),
        made => Ok(made.map(|()| Some(kind))?),
    }
}

/// The parts of a name; none for the root directory. A leading slash means the root of the image. `..` is taken back
/// before any link is followed, and refused where there is nothing to take back.
fn components(name: &[u8]) -> Result<Vec<CString>, Fault> {
    let mut parts = Vec::new();
    for part in name.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => {
                parts.pop().ok_or(Fault::Refused("it leads out of the image"))?;
            }
            part => parts.push(CString::new(part).map_err(|_| Fault::Refused("there is a zero byte in its name"))?),
        }
    }
    if parts.len() > MAX_DEPTH { Err(Fault::Refused("it is nested too deeply")) } else { Ok(parts) }
}

#[cfg(test)]
mod tests;
