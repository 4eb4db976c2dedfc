//! What is there without the database: archives, cache mounts, repositories, and the rest.
//!
//! Owns which directories hold what, and how it is told whether somebody uses it.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use hlb_llb::Digest;
use rustix::fs::FlockOperation;

use super::{RecordType, Sizes, Stocked, UsageId};
use crate::gc::GcError;
use crate::lease::Item;
use crate::session;
use crate::store::Store;

impl Store {
    /// Adds what is there without the database, and gives the rest.
    pub(super) fn files(&self, used: &BTreeSet<Item>, entries: &mut Vec<Stocked>) -> Result<Stocked, GcError> {
        let root = self.root();
        let mut sizes = Sizes::default();
        let mut rest = 0;
        let mut measured = |path: &Path| sizes.tree(path).map_err(|source| GcError::io("measure", path, source));
        for place in children(root)? {
            let name = place.file_name().unwrap_or_default().to_string_lossy().into_owned();
            match name.as_str() {
                "layers" => rest += own(&place)?,
                "blobs" => {
                    rest += own(&place)?;
                    for folder in children(&place)?.iter().try_fold(Vec::new(), |mut all, algorithm| {
                        rest += own(algorithm)?;
                        all.extend(children(algorithm)?);
                        Ok::<_, GcError>(all)
                    })? {
                        rest += own(&folder)?;
                        for path in children(&folder)? {
                            match path.file_name().and_then(|hex| format!("sha256:{}", hex.to_str()?).parse().ok()) {
                                Some(digest) => entries.extend(blob(&path, digest, used)?),
                                None => rest += measured(&path)?.bytes,
                            }
                        }
                    }
                }
                "cache-mounts" => {
                    rest += own(&place)?;
                    for path in children(&place)? {
                        let bytes = measured(&path)?.bytes;
                        let id = std::fs::read_to_string(path.join("id"));
                        let words = id.map_or_else(|_| "cache mount".to_owned(), |id| format!("cache mount `{id}`"));
                        let id = UsageId::CacheMount(file_name(&path));
                        entries.extend(locked(id, RecordType::CacheMount, words, &path, &path.join("lock"), bytes));
                    }
                }
                "git" => {
                    rest += own(&place)?;
                    for path in children(&place)? {
                        let bytes = measured(&path)?.bytes;
                        if path.extension().is_none_or(|end| end != "git") {
                            rest += bytes;
                            continue;
                        }
                        let (id, lock) = (UsageId::Repository(file_name(&path)), path.with_extension("lock"));
                        let words = "git repository".to_owned();
                        entries.extend(locked(id, RecordType::Internal, words, &path, &lock, bytes));
                    }
                }
                "sessions" => {
                    rest += own(&place)?;
                    // Ours goes with this process.
                    for path in children(&place)?.iter().filter(|path| **path != self.session_dir()) {
                        rest += measured(path)?.bytes;
                    }
                }
                _ => rest += measured(&place)?.bytes,
            }
        }
        rest += own(root)?;
        let now = SystemTime::now();
        let words = "the database, logs, locks and running builds";
        let mut entry = Stocked::new(UsageId::Rest, RecordType::Internal, words, now, Vec::new());
        entry.info.bytes = rest;
        Ok(entry)
    }
}

fn blob(path: &Path, digest: Digest, used: &BTreeSet<Item>) -> Result<Option<Stocked>, GcError> {
    let Some(data) = gone(path, std::fs::symlink_metadata(path))? else { return Ok(None) };
    let (made, read) = (data.modified(), data.accessed());
    let made = made.unwrap_or(SystemTime::UNIX_EPOCH);
    let in_use = used.contains(&Item::Blob(digest.clone()));
    let mut entry = Stocked::new(UsageId::Blob(digest), RecordType::Internal, "archive of a layer", made, Vec::new());
    entry.info.used_at = read.map_or(made, |read| read.max(made));
    entry.info.bytes = data.blocks() * 512;
    entry.info.in_use = in_use;
    Ok(Some(entry))
}

/// Something whose use is a lock on a file. None if it has just gone.
fn locked(id: UsageId, kind: RecordType, words: String, path: &Path, lock: &Path, bytes: u64) -> Option<Stocked> {
    let data = std::fs::symlink_metadata(path).ok()?;
    let made = data.created().or_else(|_| data.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut entry = Stocked::new(id, kind, &words, made, Vec::new());
    // Whoever takes the lock to use it sets its time; steps write in the directory itself.
    let times = [path.join("fs"), path.to_owned(), lock.to_owned()];
    let times = times.iter().filter_map(|path| std::fs::symlink_metadata(path).ok()?.modified().ok());
    entry.info.used_at = times.fold(made, SystemTime::max);
    entry.info.in_use =
        lock.exists() && matches!(session::try_lock(lock, FlockOperation::NonBlockingLockExclusive), Ok(None));
    entry.info.bytes = bytes;
    Some(entry)
}

/// What a directory takes without what is in it.
fn own(path: &Path) -> Result<u64, GcError> {
    let data = gone(path, std::fs::symlink_metadata(path))?;
    Ok(data.map_or(0, |data| data.blocks() * 512))
}

fn children(path: &Path) -> Result<Vec<PathBuf>, GcError> {
    let Some(entries) = gone(path, std::fs::read_dir(path))? else { return Ok(Vec::new()) };
    let entries: io::Result<Vec<_>> = entries.map(|entry| Ok(entry?.path())).collect();
    let mut entries = entries.map_err(|source| GcError::io("read", path, source))?;
    entries.sort();
    Ok(entries)
}

/// What is not there any more is no error: others build meanwhile.
fn gone<T>(path: &Path, found: io::Result<T>) -> Result<Option<T>, GcError> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(GcError::io("read", path, error)),
    }
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
