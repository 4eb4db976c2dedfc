//! The user's directories as layers.
//!
//! Owns the stat pass that tells whether a directory changed since it was last read, and the copy of what did change: what
//! did not is hard-linked from the layer that was made before, so an unchanged directory costs no read at all. Knows paths
//! only; where listings are kept and layers committed is the caller's.

mod fill;

use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hlb_patterns::follow::resolve;
use hlb_patterns::{Filter, InvalidPattern};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub(crate) use fill::fill;

use crate::tree::{self, Entry, Kind, Timestamp, TreeError};
use crate::why::FileChanges;

/// Version of the stored form. One that is not this is not used.
const FORMAT: u32 = 1;
/// A file that was touched less than this before it was looked at may change again without its times showing it.
const GRACE: Duration = Duration::from_millis(50);

/// What a directory held when it was looked at.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Listing {
    format: u32,
    #[serde(with = "bytes")]
    directory: PathBuf,
    looked: Timestamp,
    items: Vec<Item>,
}

/// One file of a listing. Owners do not matter: in a build everything is root's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Item {
    #[serde(rename = "p", with = "bytes")]
    path: PathBuf,
    #[serde(rename = "k")]
    kind: Kind,
    #[serde(rename = "m")]
    mode: u32,
    #[serde(rename = "s", default, skip_serializing_if = "is_zero")]
    size: u64,
    #[serde(rename = "t")]
    modified: Timestamp,
    #[serde(rename = "c")]
    changed: Timestamp,
    #[serde(rename = "d")]
    device: u64,
    #[serde(rename = "i")]
    inode: u64,
    /// Another name of the same file may be in the listing.
    #[serde(rename = "h", default, skip_serializing_if = "is_false")]
    linked: bool,
    #[serde(rename = "n", default, skip_serializing_if = "is_zero")]
    node: u64,
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    target: Option<Link>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Link(#[serde(with = "bytes")] PathBuf);

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
    Ok(Listing { format: FORMAT, directory: path(), looked, items })
}

impl Listing {
    /// Whether the same patterns, then and now, select the same unchanged files. False if that cannot be known.
    pub(crate) fn same_as(&self, previous: &Self) -> bool {
        let same = |(now, then): (&Item, &Item)| now.unchanged_since(then, previous.looked);
        self.format == previous.format
            && self.items.len() == previous.items.len()
            && self.items.iter().zip(&previous.items).all(same)
    }

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
            target: entry.target.map(Link),
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

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_zero(number: &u64) -> bool {
    *number == 0
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn is_false(flag: &bool) -> bool {
    !flag
}

/// Paths as text where they are text, as bytes where they are not.
mod bytes {
    use super::*;

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Stored {
        Text(String),
        Bytes(Vec<u8>),
    }

    pub(super) fn serialize<S: Serializer>(path: &Path, serializer: S) -> Result<S::Ok, S::Error> {
        match path.to_str() {
            Some(text) => text.serialize(serializer),
            None => path.as_os_str().as_bytes().serialize(serializer),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PathBuf, D::Error> {
        Ok(match Stored::deserialize(deserializer)? {
            Stored::Text(text) => PathBuf::from(text),
            Stored::Bytes(bytes) => PathBuf::from(std::ffi::OsString::from_vec(bytes)),
        })
    }
}

#[cfg(test)]
mod tests;
