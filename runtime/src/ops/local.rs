//! The user's directories as layers.
//!
//! Owns the stat pass that tells whether a directory changed since it was last read, and the copy of what did change: what
//! did not is hard-linked from the layer that was made before, so an unchanged directory costs no read at all. Knows paths
//! only; where listings are kept and layers committed is the caller's.

mod fill;
mod index;

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hlb_patterns::follow::resolve;
use hlb_patterns::{Filter, InvalidPattern};

pub(crate) use fill::{Known, fill};
pub(crate) use index::Kept;

use crate::tree::{self, Entry, Kind, Timestamp, TreeError};
use crate::why::FileChanges;

/// A file that was touched less than this before it was looked at may change again without its times showing it.
const GRACE: Duration = Duration::from_millis(50);

/// What a directory held when it was looked at.
#[derive(Clone, Debug)]
pub(crate) struct Listing {
    directory: PathBuf,
    looked: Timestamp,
    items: Vec<Item>,
}

/// One file of a listing. Owners do not matter: in a build everything is root's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Item {
    path: PathBuf,
    kind: Kind,
    mode: u32,
    size: u64,
    modified: Timestamp,
    changed: Timestamp,
    device: u64,
    inode: u64,
    /// Another name of the same file may be in the listing.
    linked: bool,
    /// What a device node stands for.
    node: u64,
    /// Text of a symbolic link.
    target: Option<PathBuf>,
}

/// A directory that cannot be taken in.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LocalError {
    #[error("local directory `{}` does not exist", path.display())]
    Missing { path: PathBuf },
    #[error("`{}` is not a directory", path.display())]
    NotDirectory { path: PathBuf },
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    #[error(transparent)]
    Tree(#[from] TreeError),
    #[error("`{}` keeps changing while it is read", path.display())]
    Changing { path: PathBuf },
    #[error("cannot write `{}`: {source}", path.display())]
    Write { path: PathBuf, source: io::Error },
}

/// Looks at everything in a directory that the patterns select. `follow` names paths that are selected with whatever the
/// links on their way point to. Sockets are left out.
pub(crate) fn scan(
    directory: &Path,
    include: &[String],
    exclude: &[String],
    follow: &[String],
) -> Result<Listing, LocalError> {
    let path = || directory.to_owned();
    match std::fs::metadata(directory) {
        Ok(found) if found.is_dir() => {}
        Ok(_) => return Err(LocalError::NotDirectory { path: path() }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(LocalError::Missing { path: path() }),
        Err(error) => return Err(TreeError::new(directory, error).into()),
    }
    let mut include = include.to_vec();
    if !follow.is_empty() {
        match resolve(directory, follow).map_err(|error| TreeError::new(&error.path, error.source))? {
            Some(paths) => include.extend(paths),
            None => include.clear(),
        }
    }
    let looked = now();
    let entries = tree::scan(directory, &Filter::new(&include, exclude)?)?;
    let items = entries.into_iter().filter(|entry| entry.kind != Kind::Socket).map(Item::from).collect();
    Ok(Listing { directory: path(), looked, items })
}

impl Listing {
    /// What differs from an earlier look. Nothing does if files had been written too shortly before that look to tell.
    pub(crate) fn changes_since(&self, previous: &Self) -> FileChanges {
        let (now, then) = (self.by_path(), previous.by_path());
        let mut changes = FileChanges::default();
        for item in &self.items {
            match then.get(item.path.as_path()) {
                None => changes.added.push(item.path.clone()),
                Some(then) if item.looks_other(then) => changes.changed.push(item.path.clone()),
                Some(_) => {}
            }
        }
        let gone = previous.items.iter().filter(|item| !now.contains_key(item.path.as_path()));
        changes.removed.extend(gone.map(|item| item.path.clone()));
        changes.shortened()
    }

    fn by_path(&self) -> HashMap<&Path, &Item> {
        self.items.iter().map(|item| (item.path.as_path(), item)).collect()
    }
}

impl Item {
    /// Whether anything shows that it is not what it was.
    fn looks_other(&self, then: &Self) -> bool {
        if self.kind == Kind::Directory {
            return (self.kind, self.mode) != (then.kind, then.mode);
        }
        self != then
    }

    fn unchanged_since(&self, then: &Self, looked: Timestamp) -> bool {
        if self.kind == Kind::Directory {
            // Times of directories tell of names that came and went, which the listing shows itself.
            return (&self.path, self.kind, self.mode) == (&then.path, then.kind, then.mode);
        }
        self == then && add(then.changed, GRACE) < looked && add(then.modified, GRACE) < looked
    }
}

impl From<Entry> for Item {
    fn from(entry: Entry) -> Self {
        Self {
            size: if entry.kind == Kind::File { entry.size } else { 0 },
            kind: entry.kind,
            mode: entry.mode,
            modified: entry.mtime,
            changed: entry.ctime,
            device: entry.device,
            inode: entry.inode,
            linked: entry.links > 1 && entry.kind != Kind::Directory,
            node: if matches!(entry.kind, Kind::CharDevice | Kind::BlockDevice) { entry.node } else { 0 },
            target: entry.target,
            path: entry.path,
        }
    }
}

fn now() -> Timestamp {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    add(Timestamp::default(), now)
}

fn add(time: Timestamp, duration: Duration) -> Timestamp {
    const SECOND: u32 = 1_000_000_000;
    let nanos = time.nanos.saturating_add(duration.subsec_nanos());
    let seconds = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
    Timestamp {
        seconds: time.seconds.saturating_add(seconds).saturating_add(i64::from(nanos / SECOND)),
        nanos: nanos % SECOND,
    }
}

#[cfg(test)]
mod tests;
