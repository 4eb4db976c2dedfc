//! Writing a listing into a layer directory.
//!
//! Owns what is linked, what is copied, and the check that a file did not change under the copy. Everything written belongs
//! to root and keeps its mode and modification time.

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use super::{Item, Listing, LocalError, now};
use crate::parallel;
use crate::sys::{file, xattr};
use crate::tree::{Entry, Kind, TreeError};

/// How often a file is copied again because it changed meanwhile.
const RETRIES: usize = 1;

/// Fills an empty directory with what is listed. What is known from earlier and did not change since is linked from there.
/// Returns the listing of what was really copied: a file that changed since the scan is in it as it is now.
pub(crate) fn fill(upper: &Path, mut listing: Listing, known: &[Known<'_>]) -> Result<Listing, LocalError> {
    let mut first_names = HashMap::new();
    let (mut files, mut links) = (Vec::new(), Vec::new());
    for (number, item) in listing.items.iter().enumerate() {
        if item.kind == Kind::Directory {
            let at = upper.join(&item.path);
            std::fs::create_dir(&at).map_err(unwritable(&at))?;
        } else if item.linked {
            match first_names.get(&(item.device, item.inode)) {
                Some(first) => links.push((*first, item)),
                None => {
                    first_names.insert((item.device, item.inode), item);
                    files.push((number, item));
                }
            }
        } else {
            files.push((number, item));
        }
    }
    let changed = Mutex::new(Vec::new());
    parallel::for_each(files, |(number, item), _| {
        let at = upper.join(&item.path);
        if known.iter().any(|known| known.link(item, &at)) {
            return Ok(());
        }
        if let Some(newer) = write(&listing.directory.join(&item.path), item, &at)? {
            changed.lock().unwrap_or_else(PoisonError::into_inner).push((number, newer));
        }
        Ok::<_, LocalError>(())
    })?;
    for (first, item) in links {
        let at = upper.join(&item.path);
        match std::fs::hard_link(upper.join(&first.path), &at) {
            Err(error) if error.kind() == io::ErrorKind::TooManyLinks => {
                write(&listing.directory.join(&item.path), item, &at)?;
            }
            other => other.map_err(unwritable(&at))?,
        }
    }
    for item in listing.items.iter().rev().filter(|item| item.kind == Kind::Directory) {
        let at = upper.join(&item.path);
        dress(item, &listing.directory.join(&item.path), &at).map_err(unwritable(&at))?;
    }
    let changed = changed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if !changed.is_empty() {
        // Looked at later than the rest: the listing may not claim to know them from before.
        listing.looked = listing.looked.min(now());
    }
    for (number, newer) in changed {
        if let Some(item) = listing.items.get_mut(number) {
            *item = newer;
        }
    }
    Ok(listing)
}

/// What was filled before: a listing, and the directory filled from it.
pub(crate) struct Known<'a> {
    items: HashMap<&'a Path, &'a Item>,
    listing: &'a Listing,
    layer: &'a Path,
}

impl<'a> Known<'a> {
    /// What was filled from a listing.
    pub(crate) fn new(listing: &'a Listing, layer: &'a Path) -> Self {
        Self { items: listing.by_path(), listing, layer }
    }

    /// Links an unchanged file from the earlier layer, if that works.
    fn link(&self, item: &Item, at: &Path) -> bool {
        let Some(then) = self.items.get(item.path.as_path()) else { return false };
        if item.kind != Kind::File || !item.unchanged_since(then, self.listing.looked) {
            return false;
        }
        let there = self.layer.join(&item.path);
        let intact = std::fs::symlink_metadata(&there).is_ok_and(|found| found.is_file() && found.len() == item.size);
        intact && std::fs::hard_link(&there, at).is_ok()
    }
}

/// Copies one file. Returns what it is now if that is not what was listed.
fn write(from: &Path, item: &Item, at: &Path) -> Result<Option<Item>, LocalError> {
    match (&item.kind, &item.target) {
        (Kind::File, _) => return write_file(from, item, at),
        (Kind::Symlink, Some(target)) => std::os::unix::fs::symlink(target, at),
        (kind, _) => file::make_node(at, &Entry::of_node(*kind, item.node)),
    }
    .and_then(|()| dress(item, from, at))
    .map_err(unwritable(at))?;
    Ok(None)
}

fn write_file(from: &Path, listed: &Item, at: &Path) -> Result<Option<Item>, LocalError> {
    let look = || match Entry::read(from, &listed.path) {
        Ok(entry) if entry.kind == Kind::File => Ok(Item { linked: listed.linked, ..Item::from(entry) }),
        Ok(_) => Err(LocalError::Changing { path: from.to_owned() }),
        Err(error) => Err(LocalError::from(TreeError::new(from, error))),
    };
    let mut before = listed.clone();
    for _ in 0..=RETRIES {
        // Opened once to tell apart what cannot be read from what cannot be written.
        drop(file::open_regular(from).map_err(|error| TreeError::new(from, error))?);
        file::copy_data(from, at).map_err(unwritable(at))?;
        let after = look()?;
        if after == before {
            dress(&after, from, at).map_err(unwritable(at))?;
            return Ok((after != *listed).then_some(after));
        }
        before = after;
        std::fs::remove_file(at).map_err(unwritable(at))?;
    }
    Err(LocalError::Changing { path: from.to_owned() })
}

/// Sets owner, mode, the attributes that belong to the file, and times.
fn dress(item: &Item, from: &Path, at: &Path) -> io::Result<()> {
    file::set_owner(at, 0, 0)?;
    if item.kind != Kind::Symlink {
        file::set_mode(at, item.mode)?;
        for (name, value) in xattr::list(from).unwrap_or_default() {
            if name.to_bytes().starts_with(b"user.") || name.to_bytes() == b"security.capability" {
                let _ = xattr::set(at, &name, &value);
            }
        }
    }
    file::set_times(at, item.modified, item.modified)
}

fn unwritable(path: &Path) -> impl Fn(io::Error) -> LocalError + '_ {
    move |source| LocalError::Write { path: path.to_owned(), source }
}
