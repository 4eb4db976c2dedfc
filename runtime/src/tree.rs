//! What is in a directory tree.
//!
//! Owns the stat pass: a parallel walk with an include and exclude filter that ends in one sorted list. Content hashes,
//! local sources, copies and exporters all start from it. Follows no symbolic link, reads no file.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use hlb_patterns::{Filter, Trails};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat};
use rustix::io::Errno;

use crate::parallel;

/// A file of a tree, as `lstat` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Relative to where the scan began; empty for the beginning itself.
    pub(crate) path: PathBuf,
    pub(crate) kind: Kind,
    /// Permission, set-id and sticky bits.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Bytes; of interest for regular files only.
    pub(crate) size: u64,
    pub(crate) mtime: Timestamp,
    pub(crate) atime: Timestamp,
    pub(crate) ctime: Timestamp,
    pub(crate) device: u64,
    pub(crate) inode: u64,
    pub(crate) links: u64,
    /// What a device node stands for.
    pub(crate) node: u64,
    /// Text of a symbolic link.
    pub(crate) target: Option<PathBuf>,
    /// The filter selects it. If not, it is a directory on the way to something selected.
    pub(crate) selected: bool,
}

/// The type of a file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    File,
    Directory,
    Symlink,
    CharDevice,
    BlockDevice,
    Fifo,
    Socket,
}

/// Seconds and nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp {
    pub(crate) seconds: i64,
    pub(crate) nanos: u32,
}

/// A file that cannot be looked at.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{path}`: {source}")]
pub(crate) struct TreeError {
    /// On the host.
    pub(crate) path: PathBuf,
    pub(crate) source: io::Error,
}

impl TreeError {
    pub(crate) fn new(path: &Path, source: impl Into<io::Error>) -> Self {
        Self { path: path.to_owned(), source: source.into() }
    }
}

impl Entry {
    /// Looks at one file; `path` is what the entry will be called.
    pub(crate) fn read(host: &Path, path: &Path) -> io::Result<Self> {
        let stat = rustix::fs::lstat(host)?;
        let entry = Self::from_stat(path.to_owned(), &stat);
        if entry.kind == Kind::Symlink {
            return Ok(Self { target: Some(std::fs::read_link(host)?), ..entry });
        }
        Ok(entry)
    }

    /// A node that exists nowhere yet.
    pub(crate) fn of_node(kind: Kind, node: u64) -> Self {
        let time = Timestamp::default();
        Self {
            path: PathBuf::new(),
            kind,
            mode: 0,
            uid: 0,
            gid: 0,
            size: 0,
            mtime: time,
            atime: time,
            ctime: time,
            device: 0,
            inode: 0,
            links: 1,
            node,
            target: None,
            selected: true,
        }
    }

    pub(crate) fn is_directory(&self) -> bool {
        self.kind == Kind::Directory
    }

    #[cfg_attr(
        target_arch = "x86_64",
        expect(clippy::useless_conversion, reason = "other machines count links in u32")
    )]
    fn from_stat(path: PathBuf, stat: &Stat) -> Self {
        let time = |seconds, nanos: u64| Timestamp { seconds, nanos: u32::try_from(nanos).unwrap_or(0) };
        Self {
            path,
            kind: kind(FileType::from_raw_mode(stat.st_mode)),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
            gid: stat.st_gid,
            size: u64::try_from(stat.st_size).unwrap_or(0),
            mtime: time(stat.st_mtime, stat.st_mtime_nsec),
            atime: time(stat.st_atime, stat.st_atime_nsec),
            ctime: time(stat.st_ctime, stat.st_ctime_nsec),
            device: stat.st_dev,
            inode: stat.st_ino,
            links: u64::from(stat.st_nlink),
            node: stat.st_rdev,
            target: None,
            selected: true,
        }
    }
}

fn kind(file_type: FileType) -> Kind {
    match file_type {
        FileType::Directory => Kind::Directory,
        FileType::Symlink => Kind::Symlink,
        FileType::CharacterDevice => Kind::CharDevice,
        FileType::BlockDevice => Kind::BlockDevice,
        FileType::Fifo => Kind::Fifo,
        FileType::Socket => Kind::Socket,
        FileType::RegularFile | FileType::Unknown => Kind::File,
    }
}

/// Everything below `base` that the filter selects, and the directories on the way to it. Directories come before what is
/// in them, names are in byte order. Files that vanish during the scan are left out.
pub(crate) fn scan(base: &Path, filter: &Filter) -> Result<Vec<Entry>, TreeError> {
    let found = Mutex::new(Vec::<Entry>::new());
    let start = Task { path: PathBuf::new(), selected: true, trails: Trails::default() };
    parallel::for_each(vec![start], |task, more| {
        let mut entries = scan_directory(base, &task, filter, more)?;
        found.lock().unwrap_or_else(PoisonError::into_inner).append(&mut entries);
        Ok(())
    })?;
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_unstable_by(|a, b| walk_order(a.path.as_os_str().as_bytes(), b.path.as_os_str().as_bytes()));
    Ok(keep_needed(found))
}

/// The order of a walk, in which `a/b` comes before `a.b`: that of components. Told by bytes, which takes a fraction of the time.
fn walk_order(a: &[u8], b: &[u8]) -> Ordering {
    let shared = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let next = |path: &[u8]| path.get(shared).map(|byte| if *byte == b'/' { 0 } else { *byte });
    next(a).cmp(&next(b))
}

struct Task {
    path: PathBuf,
    selected: bool,
    trails: Trails,
}

fn scan_directory(base: &Path, task: &Task, filter: &Filter, more: &mut Vec<Task>) -> Result<Vec<Entry>, TreeError> {
    let host = if task.path.as_os_str().is_empty() { base.to_owned() } else { base.join(&task.path) };
    let failed = |source: Errno| TreeError::new(&host, source);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
    // The beginning may be given through a link.
    let flags = if task.path.as_os_str().is_empty() { flags - OFlags::NOFOLLOW } else { flags };
    let directory = match rustix::fs::openat(CWD, &host, flags, Mode::empty()) {
        Ok(directory) => directory,
        Err(Errno::ACCESS | Errno::PERM) if !task.selected => return Ok(Vec::new()),
        Err(Errno::NOENT) if !task.path.as_os_str().is_empty() => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut entries = Vec::new();
    for item in Dir::read_from(&directory).map_err(failed)? {
        let item = item.map_err(failed)?;
        let name = item.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        let path = task.path.join(OsStr::from_bytes(name));
        let verdict = filter.judge(path.as_os_str().as_bytes(), &task.trails);
        // What is left out is not even looked at, unless it may be a directory that has to be entered.
        let enter = verdict.descend && matches!(item.file_type(), FileType::Directory | FileType::Unknown);
        if !verdict.selected && !enter {
            continue;
        }
        let stat = match rustix::fs::statat(&directory, item.file_name(), AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(TreeError::new(&base.join(path), error)),
        };
        let mut entry = Entry::from_stat(path, &stat);
        match entry.kind {
            Kind::Directory if verdict.descend => {
                more.push(Task { path: entry.path.clone(), selected: verdict.selected, trails: verdict.trails })
            }
            Kind::Symlink => {
                let target = rustix::fs::readlinkat(&directory, item.file_name(), Vec::new());
                let target = target.map_err(|error| TreeError::new(&base.join(&entry.path), error))?;
                entry.target = Some(PathBuf::from(OsStr::from_bytes(target.as_bytes())));
            }
            _ => {}
        }
        if verdict.selected || entry.is_directory() {
            entries.push(Entry { selected: verdict.selected, ..entry });
        }
    }
    Ok(entries)
}

/// Drops directories that are neither selected nor on the way to something selected.
fn keep_needed(found: Vec<Entry>) -> Vec<Entry> {
    let mut kept: Vec<Entry> = Vec::with_capacity(found.len());
    for entry in found.into_iter().rev() {
        if entry.selected || kept.last().is_some_and(|below| below.path.starts_with(&entry.path)) {
            kept.push(entry);
        }
    }
    kept.reverse();
    kept
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes files (names that end in `/` are directories), scans, lists.
    fn check(files: &[&str], include: &[&str], exclude: &[&str], expected: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let at = dir.path().join(file);
            std::fs::create_dir_all(if file.ends_with('/') { &at } else { at.parent().unwrap() }).unwrap();
            if !file.ends_with('/') {
                std::fs::write(at, file).unwrap();
            }
        }
        let entries = scan(dir.path(), &Filter::new(include, exclude).unwrap()).unwrap();
        let paths: Vec<_> = entries.iter().map(|entry| entry.path.to_str().unwrap()).collect();
        assert_eq!(paths, expected, "{include:?} {exclude:?}");
    }

    #[test]
    fn scans_are_sorted_by_component() {
        check(&["a.b", "a/z", "a/b/c", "a-", "b"], &[], &[], &["a", "a/b", "a/b/c", "a/z", "a-", "a.b", "b"]);
    }

    #[test]
    fn the_order_of_a_walk_is_that_of_components() {
        let paths = ["a", "a/b", "a/b/c", "a.b", "a-", "ab", "a/b.c", "b", "", "a/\u{1}", "a\u{1}", "ä/ö"];
        for a in paths {
            for b in paths {
                assert_eq!(walk_order(a.as_bytes(), b.as_bytes()), Path::new(a).cmp(Path::new(b)), "{a:?} {b:?}");
            }
        }
    }

    #[test]
    fn filters_keep_the_way_to_what_they_select() {
        let files = ["src/a.c", "src/a.o", "doc/x.md", "doc/deep/y.md", "empty/", "top.c"];
        check(&files, &["**/*.c"], &[], &["src", "src/a.c", "top.c"]);
        check(&files, &[], &["**/*.md", "*.c"], &["doc", "doc/deep", "empty", "src", "src/a.c", "src/a.o"]);
        check(&files, &["doc"], &["doc/deep", "!doc/deep/y.md"], &["doc", "doc/deep", "doc/deep/y.md", "doc/x.md"]);
        check(&files, &["nothing"], &[], &[]);
        check(&files, &["empty"], &[], &["empty"]);
    }

    #[test]
    fn many_directories_are_found_once() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..200 {
            let at = dir.path().join(format!("{}/{number}/x/y", number % 7));
            std::fs::create_dir_all(&at).unwrap();
            std::fs::write(at.join("file"), "").unwrap();
        }
        let entries = scan(dir.path(), &Filter::default()).unwrap();
        assert_eq!(entries.len(), 7 + 200 * 4);
        assert!(entries.is_sorted_by(|a, b| a.path < b.path));
    }

    #[test]
    fn a_missing_beginning_is_an_error() {
        let error = scan(Path::new("/nowhere"), &Filter::default()).unwrap_err();
        assert_eq!(error.to_string(), "cannot read `/nowhere`: No such file or directory (os error 2)");
    }
}
