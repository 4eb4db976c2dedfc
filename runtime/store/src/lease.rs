//! Leases: which layers and blobs are in use.
//!
//! Owns the lock between those who use things and whoever takes unused things away, and the list that each session keeps of
//! what it uses. The lists are text beside the database, so that a lost database cannot lose them.
//!
//! ```text
//! <root>/leases.lock           flock: shared while a use is noted or a thing made, exclusive while things are taken away
//! <root>/sessions/<id>/leases  `layer ID` or `blob DIGEST` a line; counts while the session lives
//! ```
//!
//! Lock order: `leases.lock`, then the table of the session, then the database. Must not know why a thing is used.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hlb_llb::Digest;
use rustix::fs::FlockOperation;

use crate::blob::Blobs;
use crate::layer::{LayerId, Layers};
use crate::session;
use crate::store::{Inner, Store};

/// The lock file in the state directory.
const LOCK: &str = "leases.lock";
/// The list in a session directory.
const LIST: &str = "leases";
/// From this size on a list that is mostly of the past is written anew. Until then it may name what is not used any more.
const LARGE: u64 = 64 << 10;

/// Something that can be in use.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Item {
    /// A layer.
    Layer(LayerId),
    /// A blob.
    Blob(Digest),
}

/// Keeps items from being collected until the last clone is gone. Keeps its store open, too.
#[derive(Clone, Debug)]
pub struct Lease {
    _held: Arc<Held>,
}

/// A use cannot be noted.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} `{path}`")]
pub struct LeaseError {
    /// What was tried.
    pub action: &'static str,
    /// With what.
    pub path: PathBuf,
    /// Why it did not work.
    #[source]
    pub source: io::Error,
}

/// `leases.lock`, held beside others: nothing is taken away meanwhile.
pub(crate) struct Using {
    _lock: File,
}

/// `leases.lock`, held alone: no use begins meanwhile.
pub(crate) struct Taking {
    _lock: File,
}

/// What one session uses.
#[derive(Debug, Default)]
pub(crate) struct Uses(Mutex<Table>);

#[derive(Debug, Default)]
struct Table {
    items: HashMap<Item, Use>,
    file: Option<File>,
    /// Bytes in the file, and how many of them are about what is still in use.
    written: u64,
    live: u64,
}

/// The use of an item.
#[derive(Debug, Default)]
struct Use {
    /// How many leases there are of it.
    leases: usize,
    /// Whether it was seen to be there. It need not be looked at again, as nobody takes it away.
    seen: bool,
}

/// What one lease is of.
#[derive(Debug)]
struct Held {
    inner: Arc<Inner>,
    items: Vec<Item>,
}

impl Store {
    /// Notes that items are in use. `None`: one of them is not there (any more). An empty list is always held.
    ///
    /// # Errors
    /// When the use cannot be noted.
    pub fn lease(&self, items: &[Item]) -> Result<Option<Lease>, LeaseError> {
        if let Some(lease) = again(&self.inner, items) {
            return Ok(Some(lease));
        }
        let using = using(&self.inner.root)?;
        let lease = hold(&self.inner, items, &using)?;
        // Looked at behind the note: from here on nobody takes them away.
        let table = || self.inner.session.uses().table();
        let unseen: Vec<&Item> = {
            let table = table();
            items.iter().filter(|item| !table.has_seen(item)).collect()
        };
        if !unseen.iter().all(|item| self.has(item)) {
            return Ok(None);
        }
        table().see(&unseen);
        Ok(Some(lease))
    }

    fn has(&self, item: &Item) -> bool {
        match item {
            Item::Layer(id) => Layers { inner: &self.inner }.path(id).is_dir(),
            Item::Blob(digest) => Blobs { inner: &self.inner }.contains(digest),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer(id) => write!(f, "layer {id}"),
            Self::Blob(digest) => write!(f, "blob {digest}"),
        }
    }
}

impl Item {
    /// An item from its line.
    fn read(line: &str) -> Option<Self> {
        match line.split_once(' ')? {
            ("layer", id) => id.parse().ok().map(Self::Layer),
            ("blob", digest) => digest.parse().ok().map(Self::Blob),
            _ => None,
        }
    }
}

/// Waits until nobody takes anything away.
pub(crate) fn using(root: &Path) -> Result<Using, LeaseError> {
    let path = root.join(LOCK);
    let lock = session::lock(&path, FlockOperation::LockShared);
    lock.map(|lock| Using { _lock: lock }).map_err(fail("lock", &path))
}

/// Waits until nobody is beginning to use anything. Whoever holds this must not make or drop a lease.
pub(crate) fn taking(root: &Path) -> Result<Taking, LeaseError> {
    let path = root.join(LOCK);
    let lock = session::lock(&path, FlockOperation::LockExclusive);
    lock.map(|lock| Taking { _lock: lock }).map_err(fail("lock", &path))
}

/// Notes that items are in use, whether or not they are there yet.
pub(crate) fn hold(inner: &Arc<Inner>, items: &[Item], _: &Using) -> Result<Lease, LeaseError> {
    let mut table = inner.session.uses().table();
    let path = inner.session.dir().join(LIST);
    table.note(items, &path).map_err(fail("write", &path))?;
    Ok(table.lease(inner, items))
}

/// Everything that living sessions use.
pub(crate) fn leased(root: &Path, _: &Taking) -> Result<BTreeSet<Item>, LeaseError> {
    let sessions = root.join("sessions");
    let mut items = BTreeSet::new();
    for entry in std::fs::read_dir(&sessions).map_err(fail("read", &sessions))? {
        let dir = entry.map_err(fail("read", &sessions))?.path();
        let path = dir.join(LIST);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            // It uses nothing, is being made, or has just gone.
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => continue,
            Err(error) => return Err(fail("read", &path)(error)),
        };
        if !text.is_empty() && session::is_alive(&dir).map_err(fail("lock", &dir))? {
            // A newer program may note what this one does not know, and does not collect.
            items.extend(text.lines().filter_map(Item::read));
        }
    }
    Ok(items)
}

/// Ends all leases of a session whose process is gone.
pub(crate) fn forget(session: &Path) -> io::Result<()> {
    match std::fs::remove_file(session.join(LIST)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Makes the list of this session say what is in use, and nothing of the past. The others may say too much.
pub(crate) fn tidy(inner: &Inner) -> Result<(), LeaseError> {
    let path = inner.session.dir().join(LIST);
    let tidied = inner.session.uses().table().rewrite(&path);
    tidied.map_err(fail("write", &path))
}

/// Whether this process uses an item and has seen it.
pub(crate) fn is_leased(inner: &Inner, item: &Item) -> bool {
    inner.session.uses().table().has_seen(item)
}

/// One more lease of items that are all in use already.
fn again(inner: &Arc<Inner>, items: &[Item]) -> Option<Lease> {
    let mut table = inner.session.uses().table();
    items.iter().all(|item| table.has_seen(item)).then(|| table.lease(inner, items))
}

fn fail(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LeaseError {
    move |source| LeaseError { action, path: path.to_owned(), source }
}

/// An item in the list.
fn line(item: &Item) -> String {
    format!("{item}\n")
}

impl Uses {
    fn table(&self) -> MutexGuard<'_, Table> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    /// Writes down the items that are new.
    fn note(&mut self, items: &[Item], path: &Path) -> io::Result<()> {
        let new: BTreeSet<&Item> = items.iter().filter(|item| !self.items.contains_key(item)).collect();
        let lines: String = new.into_iter().map(line).collect();
        if lines.is_empty() {
            return Ok(());
        }
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(OpenOptions::new().append(true).create(true).mode(0o600).open(path)?),
        };
        if let Err(error) = file.write_all(lines.as_bytes()) {
            // The next line must not continue half of one.
            let _ = file.set_len(self.written);
            return Err(error);
        }
        self.written += lines.len() as u64;
        self.live += lines.len() as u64;
        Ok(())
    }

    /// Counts a lease of items that are written down.
    fn lease(&mut self, inner: &Arc<Inner>, items: &[Item]) -> Lease {
        for item in items {
            self.items.entry(item.clone()).or_default().leases += 1;
        }
        Lease { _held: Arc::new(Held { inner: Arc::clone(inner), items: items.to_vec() }) }
    }

    fn has_seen(&self, item: &Item) -> bool {
        self.items.get(item).is_some_and(|used| used.seen)
    }

    fn see(&mut self, items: &[&Item]) {
        for item in items {
            if let Some(used) = self.items.get_mut(item) {
                used.seen = true;
            }
        }
    }

    fn release(&mut self, items: &[Item]) {
        for item in items {
            if let Some(used) = self.items.get_mut(item) {
                used.leases -= 1;
                if used.leases == 0 {
                    self.items.remove(item);
                    self.live -= line(item).len() as u64;
                }
            }
        }
    }

    /// Takes what is not in use any more out of the list, when that is cheap or pays. Needs no lock: whoever reads the list
    /// meanwhile finds too much in it, never too little.
    fn tidy(&mut self, path: &Path) -> io::Result<()> {
        let Some(file) = &mut self.file else { return Ok(()) };
        if self.items.is_empty() && self.written > 0 {
            file.set_len(0)?;
            self.written = 0;
        } else if self.written > LARGE && self.live < self.written / 2 {
            self.rewrite(path)?;
        }
        Ok(())
    }

    /// Writes the list anew, if something in it is of the past.
    fn rewrite(&mut self, path: &Path) -> io::Result<()> {
        let Some(file) = self.file.as_mut().filter(|_| self.live < self.written) else { return Ok(()) };
        let new = path.with_extension("new");
        // What a call before this one has left of it.
        let _ = std::fs::remove_file(&new);
        let mut written = OpenOptions::new().append(true).create_new(true).mode(0o600).open(&new)?;
        written.write_all(self.items.keys().map(line).collect::<String>().as_bytes())?;
        std::fs::rename(&new, path)?;
        *file = written;
        self.written = self.live;
        Ok(())
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut table = self.inner.session.uses().table();
        table.release(&self.items);
        // What stays in the list is kept for longer than need be, and no more than that.
        let _ = table.tidy(&self.inner.session.dir().join(LIST));
    }
}

#[cfg(test)]
mod tests;
