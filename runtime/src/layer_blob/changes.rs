//! What a layer changes of the file system beneath it.
//!
//! Owns the comparison of a directory in overlay format with a view of all layers below, as a list of entries for an archive.
//! What the kernel copied up but nobody changed is left out; what it hides is named one by one, since many readers of
//! archives do not know opaque directories. Does not write anything.

use std::collections::{HashMap, HashSet};
use std::ffi::CString;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use crate::snapshot::whiteout;
use crate::sys::{file, xattr};
use crate::tree::{self, Entry, Kind, TreeError};
use hlb_patterns::Filter;

/// One entry of a layer's archive.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Change {
    /// What layers below have under this path is gone.
    Gone(PathBuf),
    /// The owner or mode of the root directory.
    Root(Box<Entry>),
    /// A file, new or changed, or a directory on the way to one.
    Is(Box<Entry>),
    /// Another name of a file that comes before it.
    Link(Box<Entry>, PathBuf),
}

/// A directory on the way to the entry that is looked at.
struct Way {
    path: PathBuf,
    /// The view below has a directory there too.
    lower: bool,
    /// What the view below has in it does not show.
    hides: bool,
}

impl Change {
    pub(crate) fn path(&self) -> &Path {
        match self {
            Self::Gone(path) => path,
            Self::Root(entry) | Self::Is(entry) | Self::Link(entry, _) => &entry.path,
        }
    }
}

/// What the layer in `upper` changes of the tree in `lower`, in the order of a walk. Sockets have no place in an archive.
pub(crate) fn of(upper: &Path, lower: Option<&Path>) -> Result<Vec<Change>, TreeError> {
    let mut found = Vec::new();
    // Unchanged entries with their place in the order.
    let mut same = Vec::new();
    let mut ways = vec![Way { path: PathBuf::new(), lower: lower.is_some(), hides: false }];
    for entry in tree::scan(upper, &Filter::default())? {
        while ways.len() > 1 && ways.last().is_some_and(|way| !entry.path.starts_with(&way.path)) {
            ways.pop();
        }
        let Some(way) = ways.last() else { continue };
        let below = match lower.filter(|_| way.lower) {
            Some(lower) => existing(lower, &entry.path)?,
            None => None,
        };
        if is_whiteout(&entry) || entry.kind == Kind::Socket {
            // What a directory hides was named with it.
            if below.is_some() && !way.hides {
                found.push(Change::Gone(entry.path));
            }
            continue;
        }
        if entry.is_directory() {
            let hides = way.hides || is_opaque(upper, &entry.path)?;
            let is_below = below.as_ref().is_some_and(Entry::is_directory);
            if let (true, true, Some(lower)) = (hides, is_below, lower) {
                hidden(upper, lower, &entry.path, &mut found)?;
            }
            ways.push(Way { path: entry.path.clone(), lower: is_below, hides });
        }
        match below {
            Some(below) if is_same(upper, lower, &entry, &below)? => same.push(entry),
            _ => found.push(Change::Is(Box::new(entry))),
        }
    }
    bring_back(&mut found, same);
    found.sort_by(|a, b| a.path().cmp(b.path()));
    link(&mut found);
    if let Some(root) = root(upper, lower)? {
        found.insert(0, Change::Root(Box::new(root)));
    }
    Ok(found)
}

fn is_whiteout(entry: &Entry) -> bool {
    entry.kind == Kind::CharDevice && entry.node == 0
}

fn is_opaque(upper: &Path, path: &Path) -> Result<bool, TreeError> {
    let host = upper.join(path);
    let open = || whiteout::is_opaque(std::fs::File::open(&host)?);
    open().map_err(|error: io::Error| TreeError::new(&host, error))
}

/// A file of the view below, every directory on the way to which is known to be one.
fn existing(lower: &Path, path: &Path) -> Result<Option<Entry>, TreeError> {
    let host = lower.join(path);
    match Entry::read(&host, path) {
        Ok(entry) => Ok(Some(entry)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(TreeError::new(&host, error)),
    }
}

/// Names what a directory hides.
fn hidden(upper: &Path, lower: &Path, path: &Path, found: &mut Vec<Change>) -> Result<(), TreeError> {
    let host = lower.join(path);
    let failed = |error: io::Error| TreeError::new(&host, error);
    for item in std::fs::read_dir(&host).map_err(failed)? {
        let path = path.join(item.map_err(failed)?.file_name());
        let above = existing(upper, &path)?;
        if above.is_none_or(|above| is_whiteout(&above) || above.kind == Kind::Socket) {
            found.push(Change::Gone(path));
        }
    }
    Ok(())
}

/// Whether an entry says nothing that the view below does not say. Times of directories do not count: the kernel sets them
/// when something in them changes. Times of files with a part of a second tell versions apart; whole seconds may have
/// been set on purpose, so contents are compared.
fn is_same(upper: &Path, lower: Option<&Path>, entry: &Entry, below: &Entry) -> Result<bool, TreeError> {
    let facts = |entry: &Entry| (entry.kind, entry.mode, entry.uid, entry.gid, entry.node);
    if facts(entry) != facts(below) {
        return Ok(false);
    }
    let Some(lower) = lower else { return Ok(true) };
    if entry.is_directory() {
        return Ok(xattrs(upper, entry)? == xattrs(lower, below)?);
    }
    if entry.size != below.size || entry.mtime != below.mtime || entry.target != below.target {
        return Ok(false);
    }
    if entry.kind != Kind::File {
        return Ok(true);
    }
    let (ours, theirs) = (upper.join(&entry.path), lower.join(&entry.path));
    Ok(xattrs(upper, entry)? == xattrs(lower, below)? && (entry.mtime.nanos != 0 || has_equal_data(&ours, &theirs)?))
}

/// The extended attributes that belong to an image, by name: the capabilities that running a file gives, and what users have put
/// on files. The others belong to the machine.
pub(crate) fn xattrs(tree: &Path, entry: &Entry) -> Result<Vec<(CString, Vec<u8>)>, TreeError> {
    // The kernel lets nothing else have them.
    if !matches!(entry.kind, Kind::File | Kind::Directory) {
        return Ok(Vec::new());
    }
    let host = tree.join(&entry.path);
    let mut found = xattr::list(&host).map_err(|error| TreeError::new(&host, error))?;
    found.retain(|(name, _)| {
        let name = name.to_bytes();
        let capability = name == b"security.capability" && entry.kind == Kind::File;
        capability || name.starts_with(b"user.") && !whiteout::is_overlay_xattr(name)
    });
    Ok(found)
}

fn has_equal_data(one: &Path, other: &Path) -> Result<bool, TreeError> {
    let open = |path: &Path| -> Result<_, TreeError> {
        let file = file::open_regular(path).map_err(|error| TreeError::new(path, error))?;
        Ok(io::BufReader::with_capacity(64 << 10, std::fs::File::from(file)))
    };
    let (mut ours, mut theirs) = (open(one)?, open(other)?);
    let (mut left, mut right) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    loop {
        let count = fill(&mut ours, &mut left).map_err(|error| TreeError::new(one, error))?;
        let other_count = fill(&mut theirs, &mut right).map_err(|error| TreeError::new(other, error))?;
        if count != other_count || left.get(..count) != right.get(..count) {
            return Ok(false);
        }
        if count == 0 {
            return Ok(true);
        }
    }
}

/// Reads until the buffer is full or the file ends.
fn fill(reader: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut full = 0;
    while let Some(rest) = buffer.get_mut(full..).filter(|rest| !rest.is_empty()) {
        match reader.read(rest) {
            Ok(0) => break,
            Ok(count) => full += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(full)
}

/// Takes in of what is unchanged: other names of changed files, or they would be two files; directories on the way to
/// changes, so that nobody has to guess their owners.
fn bring_back(found: &mut Vec<Change>, same: Vec<Entry>) {
    let inode = |entry: &Entry| (entry.device, entry.inode);
    let linked: HashSet<(u64, u64)> = found
        .iter()
        .filter_map(|change| match change {
            Change::Is(entry) if entry.links > 1 && !entry.is_directory() => Some(inode(entry)),
            _ => None,
        })
        .collect();
    let (names, rest): (Vec<_>, Vec<_>) =
        same.into_iter().partition(|entry| !entry.is_directory() && entry.links > 1 && linked.contains(&inode(entry)));
    found.extend(names.into_iter().map(|entry| Change::Is(Box::new(entry))));
    let needed: HashSet<PathBuf> =
        found.iter().flat_map(|change| change.path().ancestors().skip(1)).map(Path::to_owned).collect();
    let on_the_way = rest.into_iter().filter(|entry| entry.is_directory() && needed.contains(&entry.path));
    found.extend(on_the_way.map(|entry| Change::Is(Box::new(entry))));
}

/// Makes links of the second and later names of a file.
fn link(found: &mut [Change]) {
    let mut first: HashMap<(u64, u64), PathBuf> = HashMap::new();
    for change in found {
        let Change::Is(entry) = change else { continue };
        if entry.is_directory() || entry.links < 2 {
            continue;
        }
        match first.get(&(entry.device, entry.inode)) {
            Some(name) => *change = Change::Link(entry.clone(), name.clone()),
            None => {
                first.insert((entry.device, entry.inode), entry.path.clone());
            }
        }
    }
}

/// The root directory, if its owner or mode are not what they are below. BuildKit leaves that out, and so loses it.
fn root(upper: &Path, lower: Option<&Path>) -> Result<Option<Entry>, TreeError> {
    let read = |host: &Path| Entry::read(host, Path::new("")).map_err(|error| TreeError::new(host, error));
    let ours = read(upper)?;
    let below = match lower {
        Some(lower) => read(lower).map(|entry| (entry.mode, entry.uid, entry.gid))?,
        None => (0o755, 0, 0),
    };
    Ok(((ours.mode, ours.uid, ours.gid) != below).then_some(ours))
}

#[cfg(test)]
mod tests;
