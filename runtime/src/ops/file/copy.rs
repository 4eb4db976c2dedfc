//! The copy action: `cp -a` between two trees, with patterns, new owners, modes and times.
//!
//! Owns where things land, what replaces what, and the order of the work: directories first, then files by several threads,
//! then what could not be set before the content was there.

use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hlb_llb::pb;
use hlb_patterns::Filter;

use super::mode::ModeChange;
use super::{FileProblem, Owner, at, inside, make_directories, timestamp, unpack, unreadable, wildcard};
use crate::parallel;
use crate::sys::root::Root;
use crate::sys::{file, xattr};
use crate::tree::{self, Entry, Kind, Timestamp};

/// Mode of directories that are made because the destination needs them.
const PARENT_MODE: u32 = 0o755;

/// What a copy changes on the way.
struct Copier<'a> {
    source: &'a Root,
    target: &'a Root,
    filter: Filter,
    owner: Option<Owner>,
    mode: ModeChange,
    parent_mode: u32,
    time: Option<Timestamp>,
    /// A destination of another type gives way.
    replace: bool,
    contents: bool,
    follow: bool,
}

pub(super) fn copy(
    target: &Root,
    source: Option<&Root>,
    action: &pb::FileActionCopy,
    owner: Option<Owner>,
) -> Result<(), FileProblem> {
    let scratch;
    let scratch_root;
    let source = match source {
        Some(source) => source,
        None => {
            let path = Path::new("/");
            scratch = tempfile::tempdir().map_err(at(target, path))?;
            scratch_root = Root::open(scratch.path()).map_err(at(target, path))?;
            &scratch_root
        }
    };
    let mode = match action.mode {
        _ if !action.mode_str.is_empty() => ModeChange::parse(&action.mode_str)?,
        -1 => ModeChange::Keep,
        mode => ModeChange::Set(mode.cast_unsigned() & 0o7777),
    };
    let copier = Copier {
        source,
        target,
        filter: Filter::new(&action.include_patterns, &action.exclude_patterns)?,
        owner,
        parent_mode: if let ModeChange::Set(mode) = mode { mode } else { PARENT_MODE },
        mode,
        time: timestamp(action.timestamp),
        replace: action.always_replace_existing_dest_paths,
        contents: action.dir_copy_contents,
        follow: action.follow_symlink,
    };
    if !action.create_dest_path {
        let host = copier.resolve_target(&action.dest)?;
        if let Some(parent) = host.parent().filter(|_| host != target.path())
            && !file::exists(parent)
        {
            return Err(FileProblem::NotFound { path: inside(target, parent) });
        }
    }
    let found = if action.allow_wildcard {
        wildcard::expand(source, &action.src, action.follow_symlink)?
    } else {
        vec![PathBuf::from(&action.src)]
    };
    if found.is_empty() && !action.allow_empty_wildcard {
        return Err(FileProblem::NotFound { path: PathBuf::from(&action.src) });
    }
    for path in found {
        if action.attempt_unpack_docker_compatibility {
            let archive = source.resolve(&path, true).map_err(at(source, &path))?;
            let place = copier.resolve_target(&action.dest)?;
            if unpack::unpack(source, &archive, target, &place, owner, copier.time)? {
                continue;
            }
        }
        copier.copy(&path, &action.dest)?;
    }
    Ok(())
}

impl Copier<'_> {
    /// Copies one source to where `dest` says.
    fn copy(&self, path: &Path, dest: &str) -> Result<(), FileProblem> {
        let from = self.source.resolve(path, self.follow).map_err(at(self.source, path))?;
        let top = Entry::read(&from, Path::new("")).map_err(at(self.source, &from))?;
        let mut made = Vec::new();
        let names_directory = dest.ends_with('/') || dest.ends_with("/.");
        let needed = if names_directory { dest } else { dest.rsplit_once('/').map_or("", |(parent, _)| parent) };
        made.extend(self.make(&self.resolve_target(needed)?)?);

        let mut to = self.resolve_target(dest)?;
        let existing = std::fs::metadata(&to).ok();
        let into = if top.is_directory() {
            !self.contents && existing.is_some()
        } else {
            existing.as_ref().is_some_and(std::fs::Metadata::is_dir)
        };
        // `dir/.` means what is in it, as with cp.
        let dotted = path.as_os_str().as_bytes().ends_with(b"/.");
        if into
            && !dotted
            && let Some(name) = path.file_name()
        {
            to = to.join(name);
        }
        let needed = if self.contents && top.is_directory() && existing.is_none() { Some(&*to) } else { to.parent() };
        if let Some(needed) = needed.filter(|needed| needed.starts_with(self.target.path())) {
            made.extend(self.make(needed)?);
        }
        self.copy_tree(&from, &to, &top, &made)?;
        // What was made on the way got other times from what was put into it.
        if let Some(time) = self.time {
            for directory in &made {
                file::set_times(directory, time, time).map_err(at(self.target, directory))?;
            }
        }
        Ok(())
    }

    fn make(&self, directory: &Path) -> Result<Vec<PathBuf>, FileProblem> {
        make_directories(self.target, directory, self.parent_mode, self.owner, self.time)
    }

    fn resolve_target(&self, path: &str) -> Result<PathBuf, FileProblem> {
        self.target.resolve(Path::new(path), true).map_err(at(self.target, Path::new(path)))
    }

    fn copy_tree(&self, from: &Path, to: &Path, top: &Entry, made: &[PathBuf]) -> Result<(), FileProblem> {
        if !top.is_directory() {
            self.place(top, from, to)?;
            return self.dress(top, from, to);
        }
        let created = self.enter(to, true)? || made.iter().any(|path| path == to);
        let entries = tree::scan(from, &self.filter).map_err(|error| unreadable(self.source, error))?;
        let mut directories = Vec::new();
        let mut first_names = HashMap::new();
        let (mut files, mut links) = (Vec::new(), Vec::new());
        for entry in &entries {
            if entry.is_directory() {
                let new = self.enter(&to.join(&entry.path), true)?;
                directories.push((entry, new));
            } else if entry.kind == Kind::File && entry.links > 1 {
                match first_names.get(&(entry.device, entry.inode)) {
                    Some(first) => links.push((*first, entry)),
                    None => {
                        first_names.insert((entry.device, entry.inode), entry);
                        files.push(entry);
                    }
                }
            } else {
                files.push(entry);
            }
        }
        parallel::for_each(files, |entry, _| {
            let (from, to) = (from.join(&entry.path), to.join(&entry.path));
            self.place(entry, &from, &to)?;
            self.dress(entry, &from, &to)
        })?;
        for (first, entry) in links {
            self.link(&to.join(&first.path), entry, &from.join(&entry.path), &to.join(&entry.path))?;
        }
        for (entry, new) in directories.into_iter().rev() {
            let place = to.join(&entry.path);
            if entry.selected || new {
                self.dress(entry, &from.join(&entry.path), &place)?;
            } else {
                file::set_mode(&place, entry.mode).map_err(at(self.target, &place))?;
            }
        }
        if created {
            return self.dress(top, from, to);
        }
        let (accessed, modified) = self.times(top);
        file::set_times(to, accessed, modified).map_err(at(self.target, to))
    }

    /// Makes sure of a directory; says whether it is new.
    fn enter(&self, to: &Path, may_replace: bool) -> Result<bool, FileProblem> {
        match std::fs::create_dir(to) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let found = std::fs::symlink_metadata(to).map_err(at(self.target, to))?;
                if found.is_dir() {
                    Ok(false)
                } else if self.replace && may_replace {
                    std::fs::remove_file(to).map_err(at(self.target, to))?;
                    self.enter(to, false)
                } else {
                    Err(FileProblem::NotDirectory { path: inside(self.target, to) })
                }
            }
            Err(error) => Err(at(self.target, to)(error)),
        }
    }

    /// Makes what is no directory, in the place of what may be there.
    fn place(&self, entry: &Entry, from: &Path, to: &Path) -> Result<(), FileProblem> {
        self.instead(to, || match (&entry.kind, &entry.target) {
            (Kind::Symlink, Some(target)) => std::os::unix::fs::symlink(target, to),
            (Kind::File, _) => file::copy_data(from, to).map(drop),
            _ => file::make_node(to, entry),
        })
    }

    fn link(&self, first: &Path, entry: &Entry, from: &Path, to: &Path) -> Result<(), FileProblem> {
        let mut linked = true;
        self.instead(to, || match std::fs::hard_link(first, to) {
            Err(error) if error.kind() == io::ErrorKind::TooManyLinks => {
                linked = false;
                file::copy_data(from, to).map(drop)
            }
            other => other,
        })?;
        if linked { Ok(()) } else { self.dress(entry, from, to) }
    }

    /// Never writes through what is there: it is unlinked first.
    fn instead(&self, to: &Path, mut make: impl FnMut() -> io::Result<()>) -> Result<(), FileProblem> {
        match make() {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            other => return other.map_err(at(self.target, to)),
        }
        let found = std::fs::symlink_metadata(to).map_err(at(self.target, to))?;
        match (found.is_dir(), self.replace) {
            (true, false) => return Err(FileProblem::IsDirectory { path: inside(self.target, to) }),
            (true, true) => std::fs::remove_dir_all(to),
            (false, _) => std::fs::remove_file(to),
        }
        .map_err(at(self.target, to))?;
        make().map_err(at(self.target, to))
    }

    /// Sets owner, mode, attributes and times.
    fn dress(&self, entry: &Entry, from: &Path, to: &Path) -> Result<(), FileProblem> {
        let failed = at(self.target, to);
        let Owner { uid, gid } = self.owner.unwrap_or(Owner { uid: entry.uid, gid: entry.gid });
        file::set_owner(to, uid, gid).map_err(&failed)?;
        if entry.kind != Kind::Symlink {
            file::set_mode(to, self.mode.apply(entry.mode, entry.is_directory())).map_err(&failed)?;
        }
        copy_attributes(from, to);
        let (accessed, modified) = self.times(entry);
        file::set_times(to, accessed, modified).map_err(&failed)
    }

    fn times(&self, entry: &Entry) -> (Timestamp, Timestamp) {
        self.time.map_or((entry.atime, entry.mtime), |time| (time, time))
    }
}

/// Attributes are copied as far as the target takes them. Labels of this machine are not.
fn copy_attributes(from: &Path, to: &Path) {
    let attributes = xattr::list(from).unwrap_or_else(|error| {
        tracing::debug!(path = %from.display(), %error, "extended attributes cannot be read");
        Vec::new()
    });
    for (name, value) in attributes.iter().filter(|(name, _)| name.to_bytes() != b"security.selinux") {
        if let Err(error) = xattr::set(to, name, value) {
            tracing::debug!(path = %to.display(), ?name, %error, "extended attribute not copied");
        }
    }
}
