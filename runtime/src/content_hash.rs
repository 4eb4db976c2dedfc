//! Digests of chosen paths in a tree, for cache keys that depend on content.
//!
//! Owns BuildKit's checksum of files, directories and selections, digest for digest. Works on a plain directory: it does
//! not know layers, white-outs or where the tree came from. Each file is looked at and read at most once.

mod header;
mod select;

use std::collections::HashMap;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_patterns::InvalidGlob;
use hlb_patterns::{Filter, InvalidPattern};

use crate::parallel;
use crate::sys::root::Root;
use crate::tree::{self, Entry, TreeError};
use header::Seen;

/// What of a tree a key depends on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ContentPath {
    /// From the root of the tree. A slash at the end leaves the directory's own mode and owner out of a selection.
    pub(crate) path: String,
    /// `path` is a pattern.
    pub(crate) wildcard: bool,
    /// What a link at the end of `path` points to counts, not the link.
    pub(crate) follow_links: bool,
    /// Only what these patterns match, relative to `path`.
    pub(crate) include: Vec<String>,
    /// Not what these patterns match.
    pub(crate) exclude: Vec<String>,
    /// Paths of which something has to be selected.
    pub(crate) required: Vec<String>,
}

/// Digests of one tree, which must not change meanwhile.
#[derive(Debug)]
pub(crate) struct ContentHash {
    root: Option<Root>,
    fixed_header: bool,
    known: Mutex<Known>,
}

/// Why there is no digest.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ContentError {
    /// The tree has no such path.
    #[error("`{path}` not found")]
    NotFound { path: String },
    #[error(transparent)]
    Pattern(#[from] InvalidPattern),
    #[error(transparent)]
    Glob(#[from] InvalidGlob),
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// What was found out so far, by path from the root without a slash in front.
#[derive(Debug, Default)]
struct Known {
    /// What is below a directory.
    listings: HashMap<PathBuf, Arc<Vec<Entry>>>,
    /// Files, and directories without their content.
    entries: HashMap<PathBuf, Seen>,
    /// Digests of directories with their content.
    directories: HashMap<PathBuf, Digest>,
}

impl ContentHash {
    /// The tree at a directory.
    pub(crate) fn new(root: &Path) -> io::Result<Self> {
        Ok(Self { root: Some(Root::open(root)?), fixed_header: false, known: Mutex::default() })
    }

    /// A tree that came from the user's directory: the mode and owner of its root do not count.
    pub(crate) fn of_local(root: &Path) -> io::Result<Self> {
        Ok(Self { fixed_header: true, ..Self::new(root)? })
    }

    /// The tree of `scratch`.
    pub(crate) fn empty() -> Self {
        Self { root: None, fixed_header: false, known: Mutex::default() }
    }

    /// The digest of several choices, in their order.
    pub(crate) fn checksum_all(&self, paths: &[ContentPath]) -> Result<Digest, ContentError> {
        let mut hasher = Hasher::default();
        for (at, path) in paths.iter().enumerate() {
            if at > 0 {
                hasher.update(b"\0");
            }
            hasher.update(self.checksum(path)?.as_str());
        }
        Ok(hasher.finish())
    }

    /// The digest of one choice.
    pub(crate) fn checksum(&self, wanted: &ContentPath) -> Result<Digest, ContentError> {
        let Some(root) = &self.root else {
            let whole = wanted.path.split('/').all(|part| part.is_empty() || part == ".");
            let selects = wanted.wildcard || !wanted.include.is_empty() || !wanted.exclude.is_empty();
            return match wanted.required.first() {
                Some(path) => Err(ContentError::NotFound { path: path.clone() }),
                _ if whole || selects => Ok(Digest::of(b"")),
                _ => Err(ContentError::NotFound { path: wanted.path.clone() }),
            };
        };
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tree = Tree { root, fixed_header: self.fixed_header, known: &mut known };
        if wanted.wildcard || !wanted.include.is_empty() || !wanted.exclude.is_empty() {
            select::checksum(&mut tree, wanted)
        } else {
            for path in &wanted.required {
                let found = tree.resolve(Path::new(path), false)?;
                tree.entry(&found)?.ok_or_else(|| ContentError::NotFound { path: path.clone() })?;
            }
            tree.checksum(wanted.path.as_bytes(), wanted.follow_links)
        }
    }
}

impl ContentHash {
    /// What digests were made of so far: each path with its own digest and the checksum of its bytes alone, by path.
    pub(crate) fn listed(&self) -> Vec<(PathBuf, Digest, u32)> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let entries = known.entries.iter();
        let mut all: Vec<_> = entries.map(|(path, seen)| (path.clone(), seen.digest.clone(), seen.bytes)).collect();
        all.sort();
        all
    }
}

/// A tree while it is asked something.
struct Tree<'a> {
    root: &'a Root,
    fixed_header: bool,
    known: &'a mut Known,
}

impl Tree<'_> {
    /// The digest of a file, or of a directory with all it contains.
    fn checksum(&mut self, path: &[u8], follow_last: bool) -> Result<Digest, ContentError> {
        let path = Path::new(std::ffi::OsStr::from_bytes(path));
        let resolved = self.resolve(path, follow_last)?;
        let Some(entry) = self.entry(&resolved)? else {
            return Err(ContentError::NotFound { path: path.display().to_string() });
        };
        if entry.is_directory() { self.directory(&resolved) } else { self.single(&entry) }
    }

    /// Where a path leads, relative to the root.
    fn resolve(&self, path: &Path, follow_last: bool) -> Result<PathBuf, ContentError> {
        let host = self.root.resolve(path, follow_last).map_err(|source| TreeError::new(path, source))?;
        Ok(host.strip_prefix(self.root.path()).map(Path::to_owned).unwrap_or_default())
    }

    fn entry(&self, path: &Path) -> Result<Option<Entry>, ContentError> {
        let host = self.host(path);
        match Entry::read(&host, path) {
            Ok(entry) => Ok(Some(entry)),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
            Err(error) => Err(TreeError::new(&host, error).into()),
        }
    }

    fn host(&self, path: &Path) -> PathBuf {
        self.root.path().join(path)
    }

    /// Everything below a directory, with paths from the root.
    fn listing(&mut self, directory: &Path) -> Result<Arc<Vec<Entry>>, ContentError> {
        if let Some(listing) = self.known.listings.get(directory) {
            return Ok(Arc::clone(listing));
        }
        let above = directory.ancestors().skip(1).find_map(|above| self.known.listings.get(above));
        let listing = if let Some(above) = above {
            let start = above.partition_point(|entry| entry.path.as_path() <= directory);
            let below = above.get(start..).unwrap_or_default();
            below.iter().take_while(|entry| entry.path.starts_with(directory)).cloned().collect()
        } else {
            let mut entries = tree::scan(&self.host(directory), &Filter::default())?;
            if !directory.as_os_str().is_empty() {
                for entry in &mut entries {
                    entry.path = directory.join(&entry.path);
                }
            }
            entries
        };
        let listing = Arc::new(listing);
        self.known.listings.insert(directory.to_owned(), Arc::clone(&listing));
        Ok(listing)
    }

    /// The digest of one entry, without what is below it.
    fn single(&mut self, entry: &Entry) -> Result<Digest, ContentError> {
        self.read_all(std::iter::once(entry))?;
        Ok(self.of(entry))
    }

    /// Reads all these entries, several at a time.
    fn read_all<'e>(&mut self, entries: impl Iterator<Item = &'e Entry>) -> Result<(), ContentError> {
        let unknown: Vec<&Entry> = entries.filter(|entry| !self.known.entries.contains_key(&entry.path)).collect();
        let found = Mutex::new(Vec::with_capacity(unknown.len()));
        let root = self.root.path();
        parallel::for_each(unknown, |entry: &Entry, _| {
            let fixed = self.fixed_header && entry.path.as_os_str().is_empty();
            let seen = if fixed {
                Seen { digest: Digest::of(b""), bytes: 0 }
            } else {
                header::read(&root.join(&entry.path), entry)?
            };
            found.lock().unwrap_or_else(PoisonError::into_inner).push((entry.path.clone(), seen));
            Ok::<_, TreeError>(())
        })?;
        self.known.entries.extend(found.into_inner().unwrap_or_else(PoisonError::into_inner));
        Ok(())
    }

    /// The digest of an entry that was read.
    fn of(&self, entry: &Entry) -> Digest {
        self.known.entries.get(&entry.path).map_or_else(|| Digest::of(b""), |seen| seen.digest.clone())
    }

    fn directory(&mut self, path: &Path) -> Result<Digest, ContentError> {
        if let Some(digest) = self.known.directories.get(path) {
            return Ok(digest.clone());
        }
        let Some(top) = self.entry(path)? else {
            return Err(ContentError::NotFound { path: path.display().to_string() });
        };
        let listing = self.listing(path)?;
        self.read_all(std::iter::once(&top).chain(listing.iter()))?;
        // The list has each directory before its content, so the directories that are open are a stack.
        let mut open = vec![self.open(&top)];
        for entry in listing.iter() {
            while open.last().is_some_and(|(directory, _)| !entry.path.starts_with(directory)) {
                self.close(&mut open);
            }
            if entry.is_directory() {
                open.push(self.open(entry));
            } else if let Some((_, hasher)) = open.last_mut() {
                feed(hasher, &entry.path, &self.of(entry));
            }
        }
        while !open.is_empty() {
            self.close(&mut open);
        }
        Ok(self.known.directories.get(path).cloned().unwrap_or_else(|| Digest::of(b"")))
    }

    fn open(&self, directory: &Entry) -> (PathBuf, Hasher) {
        let mut hasher = Hasher::default();
        hasher.update(b"\0");
        hasher.update(self.of(directory).as_str());
        (directory.path.clone(), hasher)
    }

    fn close(&mut self, open: &mut Vec<(PathBuf, Hasher)>) {
        if let Some((path, hasher)) = open.pop() {
            let digest = hasher.finish();
            if let Some((_, parent)) = open.last_mut() {
                feed(parent, &path, &digest);
            }
            self.known.directories.insert(path, digest);
        }
    }
}

fn feed(directory: &mut Hasher, path: &Path, digest: &Digest) {
    directory.update(b"\0");
    directory.update(path.file_name().unwrap_or_default().as_bytes());
    directory.update(digest.as_str());
}

#[cfg(test)]
mod tests;
