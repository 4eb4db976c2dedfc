//! Files that no editor has open.
//!
//! Owns the texts of files as long as they stay what they are, for all snapshots, and the lists of files in directories. A file is
//! looked at once for each snapshot, so that no answer mixes two of its states.

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use camino::Utf8Path;
use hlb_compiler::{MAX_TEXT, Text, WorldError};

/// Texts of files that have been read, by absolute path. As texts, paths are compared in one step.
#[derive(Debug, Default)]
pub(crate) struct Disk(Mutex<BTreeMap<String, (Stamp, Arc<Text>)>>);

/// What changes when a file does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    /// Seconds and nanoseconds, of the text and of what is said of the file: tools set the former back.
    modified: (i64, i64),
    changed: (i64, i64),
}

/// A file as it was read, or why it could not be.
type Seen = Result<Arc<Text>, WorldError>;

/// What tells the sight of one snapshot from that of others.
#[derive(Clone, Debug)]
pub(crate) struct Glance(Weak<Mutex<BTreeMap<String, Seen>>>);

impl PartialEq for Glance {
    fn eq(&self, other: &Self) -> bool {
        Weak::ptr_eq(&self.0, &other.0)
    }
}

/// What one snapshot has seen of the disk.
#[derive(Clone, Debug)]
pub(crate) struct Sight {
    disk: Arc<Disk>,
    seen: Arc<Mutex<BTreeMap<String, Seen>>>,
}

impl Sight {
    pub(crate) fn new(disk: Arc<Disk>) -> Self {
        Self { disk, seen: Arc::default() }
    }

    /// The text of a file as it was read at last, whatever has become of it since; read now, if it never was.
    pub(crate) fn last_text(&self, path: &Utf8Path) -> Option<Arc<Text>> {
        self.disk.last(path).or_else(|| self.text(path).ok())
    }

    /// What tells it from others.
    pub(crate) fn glance(&self) -> Glance {
        Glance(Arc::downgrade(&self.seen))
    }

    /// The text of a file. The same allocation as long as the file has not changed.
    ///
    /// # Errors
    /// As [`hlb_compiler::World::read_text`].
    pub(crate) fn text(&self, path: &Utf8Path) -> Result<Arc<Text>, WorldError> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = seen.get(path.as_str()) {
            return known.clone();
        }
        let found = self.disk.text(path);
        seen.insert(path.to_string(), found.clone());
        found
    }
}

impl Disk {
    /// Lets go of the texts of files that are there no more.
    pub(crate) fn forget_lost(&self) {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.retain(|path, _| Utf8Path::new(path).exists());
    }

    fn last(&self, path: &Utf8Path) -> Option<Arc<Text>> {
        let files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        files.get(path.as_str()).map(|(_, text)| Arc::clone(text))
    }

    fn text(&self, path: &Utf8Path) -> Result<Arc<Text>, WorldError> {
        let mut files = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = std::fs::metadata(path).map_err(|error| world_error(path, &error));
        let stamp = match found {
            Ok(found) if !found.is_file() => return Err(unreadable(path, "it is no file")),
            Ok(found) if found.len() > MAX_TEXT => return Err(unreadable(path, "it is longer than 16 MiB")),
            Ok(found) => Stamp {
                device: found.dev(),
                inode: found.ino(),
                length: found.len(),
                modified: (found.mtime(), found.mtime_nsec()),
                changed: (found.ctime(), found.ctime_nsec()),
            },
            Err(error) => {
                files.remove(path.as_str());
                return Err(error);
            }
        };
        if let Some((_, text)) = files.get(path.as_str()).filter(|(known, _)| *known == stamp) {
            return Ok(Arc::clone(text));
        }
        let bytes = std::fs::read(path).map_err(|error| world_error(path, &error))?;
        let text = String::from_utf8(bytes).map_err(|_| unreadable(path, "it is not UTF-8"))?;
        let text = Arc::new(Text::new(path.as_str(), text));
        files.insert(path.to_string(), (stamp, Arc::clone(&text)));
        Ok(text)
    }
}

fn unreadable(path: &Utf8Path, reason: &str) -> WorldError {
    WorldError::Unreadable { path: path.to_owned(), reason: reason.to_owned() }
}

pub(crate) fn world_error(path: &Utf8Path, error: &std::io::Error) -> WorldError {
    match error.kind() {
        std::io::ErrorKind::NotFound => WorldError::NotFound { path: path.to_owned() },
        _ => unreadable(path, &error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_read_again_only_when_it_has_changed() {
        let dir = tempfile::tempdir().unwrap();
        let path = Utf8Path::from_path(dir.path()).unwrap().join("a.hlb");
        let disk = Arc::new(Disk::default());
        let look = || Sight::new(Arc::clone(&disk)).text(&path);
        assert!(matches!(look(), Err(WorldError::NotFound { .. })));
        std::fs::write(&path, "let a = 1\n").unwrap();
        let first = look().unwrap();
        assert!(Arc::ptr_eq(&first, &look().unwrap()));
        let sight = Sight::new(Arc::clone(&disk));
        assert!(Arc::ptr_eq(&first, &sight.text(&path).unwrap()));
        std::fs::write(&path, "let a = 22\n").unwrap();
        assert!(Arc::ptr_eq(&first, &sight.text(&path).unwrap()), "a snapshot sees one state");
        assert_eq!(look().unwrap().source().text(), "let a = 22\n");
        std::fs::write(&path, b"\xff").unwrap();
        assert!(matches!(look(), Err(WorldError::Unreadable { .. })));
        std::fs::remove_file(&path).unwrap();
        assert!(matches!(look(), Err(WorldError::NotFound { .. })));
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(look(), Err(WorldError::Unreadable { .. })));
    }
}
