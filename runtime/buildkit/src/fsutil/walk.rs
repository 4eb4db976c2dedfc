//! The entries of a directory in the order of the wire.
//!
//! Owns the walk: depth first, names in byte order, only what a filter selects and the directories on the way to it. What it
//! yields is what a build may see of a file: owners are left out, as are attributes that belong to this machine.

use std::collections::{HashMap, VecDeque};
use std::ffi::{CStr, OsString};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use bollard_buildkit_proto::fsutil::types::Stat;
use hlb_patterns::{Filter, Trails};
use rustix::fs::{CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use super::{Kind, to_wire};
use crate::error::LocalError;

/// A walk through a directory.
pub(super) struct Walk {
    base: PathBuf,
    filter: Filter,
    /// The directories that are open, the innermost last.
    levels: Vec<Level>,
    /// What is known to come next.
    ready: VecDeque<Stat>,
    /// The first name of each file that has several.
    first_names: HashMap<(u64, u64), String>,
}

struct Level {
    path: PathBuf,
    /// In reverse order.
    names: Vec<(OsString, FileType)>,
    trails: Trails,
    /// The directory itself, if it comes only once something in it does.
    unsent: Option<Stat>,
}

impl Walk {
    pub(super) fn new(base: &Path, filter: Filter) -> Result<Self, LocalError> {
        let mut walk = Self {
            base: base.to_owned(),
            filter,
            levels: Vec::new(),
            ready: VecDeque::new(),
            first_names: HashMap::new(),
        };
        let names = walk.list(Path::new("")).map_err(|source| unreadable(base, source))?;
        walk.levels.push(Level { path: PathBuf::new(), names, trails: Trails::default(), unsent: None });
        Ok(walk)
    }

    /// The next entry.
    pub(super) fn next(&mut self) -> Result<Option<Stat>, LocalError> {
        loop {
            if let Some(stat) = self.ready.pop_front() {
                return Ok(Some(stat));
            }
            let Some(level) = self.levels.last_mut() else { return Ok(None) };
            let Some((name, file_type)) = level.names.pop() else {
                self.levels.pop();
                continue;
            };
            let path = level.path.join(name);
            let verdict = self.filter.judge(path.as_os_str().as_bytes(), &level.trails);
            let enter = verdict.descend && matches!(file_type, FileType::Directory | FileType::Unknown);
            if verdict.selected || enter {
                self.visit(path, verdict)?;
            }
        }
    }

    fn visit(&mut self, path: PathBuf, verdict: hlb_patterns::Verdict) -> Result<(), LocalError> {
        let host = self.base.join(&path);
        let found = match rustix::fs::lstat(&host) {
            Ok(found) => found,
            // It went away meanwhile.
            Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
            Err(error) => return Err(unreadable(&host, error)),
        };
        let kind = match FileType::from_raw_mode(found.st_mode) {
            FileType::Directory => Kind::Directory,
            FileType::Symlink => Kind::Symlink,
            FileType::CharacterDevice => Kind::CharDevice,
            FileType::BlockDevice => Kind::BlockDevice,
            FileType::Fifo => Kind::Fifo,
            FileType::RegularFile => Kind::File,
            FileType::Socket | FileType::Unknown => return Ok(()),
        };
        let enter = kind == Kind::Directory && verdict.descend;
        if !verdict.selected && !enter {
            return Ok(());
        }
        let stat = self.describe(&path, &host, kind, &found)?;
        let unsent = if verdict.selected {
            self.ready.extend(self.levels.iter_mut().filter_map(|level| level.unsent.take()));
            self.ready.push_back(stat);
            None
        } else {
            Some(stat)
        };
        if enter {
            let names = match self.list(&path) {
                Ok(names) => names,
                Err(Errno::ACCESS | Errno::PERM) if !verdict.selected => return Ok(()),
                Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
                Err(error) => return Err(unreadable(&host, error)),
            };
            self.levels.push(Level { path, names, trails: verdict.trails, unsent });
        }
        Ok(())
    }

    #[cfg_attr(
        target_arch = "x86_64",
        expect(clippy::useless_conversion, reason = "other machines have other integers in a stat")
    )]
    fn describe(&mut self, path: &Path, host: &Path, kind: Kind, found: &rustix::fs::Stat) -> Result<Stat, LocalError> {
        let name = path.to_str().ok_or_else(|| LocalError::Name { path: host.to_owned() })?.to_owned();
        let nanos = i64::try_from(found.st_mtime_nsec).unwrap_or(0);
        let mut stat = Stat {
            path: name,
            mode: to_wire(kind, found.st_mode & 0o7777),
            mod_time: i64::from(found.st_mtime).saturating_mul(1_000_000_000).saturating_add(nanos),
            ..Stat::default()
        };
        match kind {
            Kind::Symlink => {
                let target = std::fs::read_link(host).map_err(|error| unreadable(host, error))?;
                let target = target.into_os_string().into_string();
                stat.linkname = target.map_err(|_| LocalError::Name { path: host.to_owned() })?;
                stat.size = found.st_size;
                return Ok(stat);
            }
            Kind::File if found.st_nlink > 1 => {
                let key = (found.st_dev, found.st_ino);
                if let Some(first) = self.first_names.get(&key) {
                    stat.linkname.clone_from(first);
                } else {
                    self.first_names.insert(key, stat.path.clone());
                    stat.size = found.st_size;
                }
            }
            Kind::File => stat.size = found.st_size,
            Kind::CharDevice | Kind::BlockDevice => {
                stat.devmajor = rustix::fs::major(found.st_rdev).into();
                stat.devminor = rustix::fs::minor(found.st_rdev).into();
            }
            Kind::Directory | Kind::Fifo | Kind::Other => {}
        }
        stat.xattrs = attributes(host);
        Ok(stat)
    }

    fn list(&self, path: &Path) -> Result<Vec<(OsString, FileType)>, Errno> {
        let root = path.as_os_str().is_empty();
        let host = if root { self.base.clone() } else { self.base.join(path) };
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        // The beginning may be given through a link.
        let flags = if root { flags } else { flags | OFlags::NOFOLLOW };
        let directory = rustix::fs::openat(CWD, &host, flags, Mode::empty())?;
        let mut names = Vec::new();
        for item in Dir::read_from(&directory)? {
            let item = item?;
            let name = item.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push((OsString::from_vec(name.to_vec()), item.file_type()));
            }
        }
        names.sort_unstable_by(|(a, _), (b, _)| b.as_bytes().cmp(a.as_bytes()));
        Ok(names)
    }
}

/// The attributes that are the file's own, wherever it is.
fn attributes(host: &Path) -> HashMap<String, Vec<u8>> {
    let mut found = HashMap::new();
    // A file system without attributes, or a file that is gone, has none.
    let Ok(names) = grown(|buffer| rustix::fs::llistxattr(host, buffer)) else { return found };
    for name in names.split_inclusive(|byte| *byte == 0) {
        let Ok(name) = CStr::from_bytes_with_nul(name) else { continue };
        let Ok(text) = name.to_str() else { continue };
        if (text.starts_with("user.") || text == "security.capability")
            && let Ok(value) = grown(|buffer| rustix::fs::lgetxattr(host, name, buffer))
        {
            found.insert(text.to_owned(), value);
        }
    }
    found
}

/// Calls with a small buffer first, with one of the right size if that does not do.
fn grown(call: impl Fn(&mut [u8]) -> rustix::io::Result<usize>) -> rustix::io::Result<Vec<u8>> {
    let mut buffer = vec![0; 256];
    loop {
        match call(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) => {
                let size = call(&mut [])?;
                buffer = vec![0; size.max(buffer.len() + 1)];
            }
            Err(error) => return Err(error),
        }
    }
}

fn unreadable(path: &Path, error: impl Into<io::Error>) -> LocalError {
    LocalError::Read { path: path.to_owned(), source: error.into() }
}
