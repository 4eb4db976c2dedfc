//! What one tree has other than another, as a layer.
//!
//! Owns when two files are the same (looking into them only if nothing else tells), and the making of a layer that turns the
//! one tree into the other. Where one was made on the other their layers tell, and nobody comes here.

use std::collections::HashMap;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io::{self, Read};
use std::iter::Peekable;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use hlb_patterns::Filter;

use super::{SnapshotError, io_error, whiteout};
use crate::sys::{file, xattr};
use crate::tree::{self, Entry, Kind};

/// Read at once from files that are compared.
const CHUNK: usize = 64 << 10;

/// A layer that is being made.
struct Layer<'a> {
    lower: &'a Path,
    upper: &'a Path,
    into: &'a Path,
    /// Of the upper tree, by path.
    directories: HashMap<&'a Path, &'a Entry>,
    /// Directories in the layer, in the order in which they were made.
    made: Vec<PathBuf>,
    /// Where the first of several names of a file is in the layer, by device and inode.
    first_names: HashMap<(u64, u64), PathBuf>,
}

/// Fills an empty directory with a layer that makes `upper` of `lower`.
pub(super) fn fill(lower: &Path, upper: &Path, into: &Path) -> Result<(), SnapshotError> {
    let scan = |path: &Path| {
        tree::scan(path, &Filter::default()).map_err(|error| SnapshotError::Io {
            action: "read",
            path: error.path,
            source: error.source,
        })
    };
    let (below, above) = (scan(lower)?, scan(upper)?);
    let top = |path: &Path| Entry::read(path, Path::new("")).map_err(io_error("read", path));
    let (old_top, new_top) = (top(lower)?, top(upper)?);
    let mut directories: HashMap<&Path, &Entry> =
        above.iter().filter(|entry| entry.is_directory()).map(|entry| (entry.path.as_path(), entry)).collect();
    directories.insert(Path::new(""), &new_top);
    let (made, first_names) = (Vec::new(), HashMap::new());
    let mut layer = Layer { lower, upper, into, directories, made, first_names };
    let changed = layer.fill(&below, &above)?;
    if changed || !layer.is_same(&old_top, &new_top)? {
        layer.dress(&new_top)?;
    }
    layer.finish(changed.then_some(&new_top))
}

impl Layer<'_> {
    /// Says whether there is anything in it.
    fn fill(&mut self, below: &[Entry], above: &[Entry]) -> Result<bool, SnapshotError> {
        let (mut old, mut new) = (below.iter().peekable(), above.iter().peekable());
        // What lay in it is gone with it.
        let mut gone: Option<&Path> = None;
        let mut changed = false;
        while let Some((before, after)) = next(&mut old, &mut new) {
            match (before, after) {
                (Some(before), None) => {
                    if gone.is_some_and(|gone| before.path.starts_with(gone)) {
                        continue;
                    }
                    self.hide(&before.path)?;
                    gone = Some(&before.path);
                }
                (Some(before), Some(after)) => {
                    if before.is_directory() && !after.is_directory() {
                        gone = Some(&before.path);
                    }
                    if self.is_same(before, after)? {
                        continue;
                    }
                    self.add(after)?;
                }
                (None, Some(after)) => self.add(after)?,
                (None, None) => {}
            }
            changed = true;
        }
        Ok(changed)
    }

    fn is_same(&self, before: &Entry, after: &Entry) -> Result<bool, SnapshotError> {
        let facts = |entry: &Entry| (entry.kind, entry.mode, entry.uid, entry.gid);
        if facts(before) != facts(after) {
            return Ok(false);
        }
        let (old, new) = (self.lower.join(&before.path), self.upper.join(&after.path));
        if attributes(&old)? != attributes(&new)? {
            return Ok(false);
        }
        if before.is_directory() {
            return Ok(true);
        }
        let facts = |entry: &Entry| (entry.size, entry.mtime, entry.node);
        if facts(before) != facts(after) || before.target != after.target {
            return Ok(false);
        }
        // A time of whole seconds was set by a program: it may stand on files that differ.
        if before.kind == Kind::File && before.mtime.nanos == 0 {
            return same_content(&old, &new).map_err(io_error("read", &new));
        }
        Ok(true)
    }

    fn add(&mut self, entry: &Entry) -> Result<(), SnapshotError> {
        self.enter(entry.path.parent().unwrap_or(Path::new("")))?;
        if entry.is_directory() {
            return self.enter(&entry.path);
        }
        let (from, to) = (self.upper.join(&entry.path), self.into.join(&entry.path));
        let name = (entry.device, entry.inode);
        if let Some(first) = self.first_names.get(&name) {
            return std::fs::hard_link(first, &to).map_err(io_error("link", &to));
        }
        let made = match (&entry.kind, &entry.target) {
            (Kind::Symlink, Some(target)) => std::os::unix::fs::symlink(target, &to),
            (Kind::File, _) => file::copy_data(&from, &to).map(drop),
            _ => file::make_node(&to, entry),
        };
        made.map_err(io_error("create", &to))?;
        if entry.links > 1 {
            self.first_names.insert(name, to.clone());
        }
        self.dress(entry)?;
        file::set_times(&to, entry.atime, entry.mtime).map_err(io_error("set the time of", &to))
    }

    /// Notes in the layer that something is not there any more.
    fn hide(&mut self, path: &Path) -> Result<(), SnapshotError> {
        let above = path.parent().unwrap_or(Path::new(""));
        self.enter(above)?;
        let place = self.into.join(path);
        let hide = || -> io::Result<()> {
            let name = CString::new(path.file_name().unwrap_or(OsStr::new("")).as_bytes())?;
            whiteout::make(File::open(self.into.join(above))?, &name)
        };
        hide().map_err(io_error("create", &place))
    }

    /// Makes sure of a directory of the upper tree and those above it.
    fn enter(&mut self, path: &Path) -> Result<(), SnapshotError> {
        let missing: Vec<PathBuf> = path
            .ancestors()
            .filter(|path| !path.as_os_str().is_empty())
            .take_while(|path| !file::exists(&self.into.join(path)))
            .map(Path::to_owned)
            .collect();
        for path in missing.into_iter().rev() {
            let place = self.into.join(&path);
            std::fs::create_dir(&place).map_err(io_error("create", &place))?;
            if let Some(entry) = self.directories.get(path.as_path()).copied() {
                self.dress(entry)?;
            }
            self.made.push(path);
        }
        Ok(())
    }

    /// Gives a file of the layer all that the one of the upper tree has, but its times.
    fn dress(&self, entry: &Entry) -> Result<(), SnapshotError> {
        let (from, to) = (self.upper.join(&entry.path), self.into.join(&entry.path));
        let wanted = attributes(&from)?;
        let dress = || -> io::Result<()> {
            file::set_owner(&to, entry.uid, entry.gid)?;
            if entry.kind != Kind::Symlink {
                file::set_mode(&to, entry.mode)?;
            }
            wanted.iter().try_for_each(|(name, value)| xattr::set(&to, name, value))
        };
        dress().map_err(io_error("change", &to))
    }

    /// Sets the times of directories, now that nothing comes into them any more.
    fn finish(&self, top: Option<&Entry>) -> Result<(), SnapshotError> {
        let made = self.made.iter().rev().filter_map(|path| self.directories.get(path.as_path()).copied());
        for entry in made.chain(top) {
            let place = self.into.join(&entry.path);
            file::set_times(&place, entry.atime, entry.mtime).map_err(io_error("set the time of", &place))?;
        }
        Ok(())
    }
}

/// The next path of two sorted lists, with what each of them has there.
fn next<'a>(
    old: &mut Peekable<std::slice::Iter<'a, Entry>>,
    new: &mut Peekable<std::slice::Iter<'a, Entry>>,
) -> Option<(Option<&'a Entry>, Option<&'a Entry>)> {
    use std::cmp::Ordering::{Equal, Greater, Less};
    let order = match (old.peek(), new.peek()) {
        (None, None) => return None,
        (Some(_), None) => Less,
        (None, Some(_)) => Greater,
        (Some(before), Some(after)) => before.path.cmp(&after.path),
    };
    Some(match order {
        Less => (old.next(), None),
        Equal => (old.next(), new.next()),
        Greater => (None, new.next()),
    })
}

/// Extended attributes but those that overlays keep for themselves, sorted.
fn attributes(path: &Path) -> Result<Vec<(CString, Vec<u8>)>, SnapshotError> {
    let mut all = xattr::list(path).map_err(io_error("read", path))?;
    all.retain(|(name, _)| !whiteout::is_overlay_xattr(name.to_bytes()));
    all.sort();
    Ok(all)
}

fn same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let open = |path: &Path| file::open_regular(path).map(File::from);
    let (mut one, mut other) = (open(one)?, open(other)?);
    let (mut left, mut right) = (Vec::with_capacity(CHUNK), Vec::with_capacity(CHUNK));
    let limit = u64::try_from(CHUNK).unwrap_or(u64::MAX);
    loop {
        left.clear();
        right.clear();
        one.by_ref().take(limit).read_to_end(&mut left)?;
        other.by_ref().take(limit).read_to_end(&mut right)?;
        if left != right {
            return Ok(false);
        }
        if left.is_empty() {
            return Ok(true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};

    use hlb_store::Store;

    use super::*;
    use crate::snapshot::{Snapshot, Snapshots};

    type Make<'a> = &'a dyn Fn(&Path);

    fn listing(root: &Path) -> String {
        let mut text = String::new();
        for entry in tree::scan(root, &Filter::default()).unwrap() {
            let path = root.join(&entry.path);
            let content = match entry.kind {
                Kind::File => std::fs::read_to_string(&path).unwrap(),
                _ => format!("{:?} {:?}", entry.kind, entry.target),
            };
            let (mode, uid, links) = (entry.mode, entry.uid, entry.links);
            let links = if entry.is_directory() { 0 } else { links };
            // The time of a directory alone is no change.
            let time = if entry.is_directory() { 0 } else { entry.mtime.seconds };
            writeln!(text, "{} {mode:o} {uid} {links} {time} {content}", entry.path.display()).unwrap();
        }
        text
    }

    /// Makes two trees that know nothing of each other, and lays what the second has other over the first. `written` is what
    /// is in the layer.
    fn check(before: Make<'_>, after: Make<'_>, written: &[&str]) {
        crate::isolate().expect("tests whose names start with `privileged_` need root");
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        let snapshots = Snapshots::new(store.clone());
        let make = |make: Make<'_>| -> Snapshot {
            let active = snapshots.prepare(&Snapshot::scratch()).unwrap();
            make(active.upper());
            active.commit().unwrap()
        };
        let (lower, upper) = (make(before), make(after));
        let layer = snapshots.compare(&lower, &upper).unwrap();
        let merged = snapshots.merge(&[lower, layer.clone()]).unwrap();
        let (found, wanted) = (snapshots.view(&merged).unwrap(), snapshots.view(&upper).unwrap());
        assert_eq!(listing(found.path()), listing(wanted.path()));
        let facts = |path: &Path| path.metadata().map(|data| (data.mode(), data.uid())).unwrap();
        assert_eq!(facts(found.path()), facts(wanted.path()));
        let place = layer.layers().first().map(|layer| store.layers().path(layer));
        let entries = place.map_or_else(Vec::new, |place| tree::scan(&place, &Filter::default()).unwrap());
        let names: Vec<String> = entries.iter().map(|entry| entry.path.display().to_string()).collect();
        assert_eq!(names, written);
    }

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        // The same for all, so that it tells nothing.
        let time = tree::Timestamp { seconds: 1_000_000_000, nanos: 0 };
        file::set_times(&path, time, time).unwrap();
    }

    #[test]
    fn privileged_equal_trees_differ_in_nothing() {
        let tree = |root: &Path| {
            write(root, "a/b", "x");
            symlink("b", root.join("a/link")).unwrap();
            let time = tree::Timestamp { seconds: 5, nanos: 7 };
            for name in ["a/link", "a"] {
                file::set_times(&root.join(name), time, time).unwrap();
            }
        };
        check(&tree, &tree, &[]);
        check(&|_| {}, &|_| {}, &[]);
    }

    #[test]
    fn privileged_changes_are_found_by_content_mode_and_owner() {
        let before = |root: &Path| {
            ["content", "mode", "owner", "same", "dir/same"].iter().for_each(|name| write(root, name, "xx"));
        };
        let after = |root: &Path| {
            before(root);
            write(root, "content", "yy");
            std::fs::set_permissions(root.join("mode"), std::fs::Permissions::from_mode(0o755)).unwrap();
            file::set_owner(&root.join("owner"), 7, 7).unwrap();
        };
        check(&before, &after, &["content", "mode", "owner"]);
    }

    #[test]
    fn privileged_what_is_gone_is_hidden_once() {
        let before = |root: &Path| {
            ["keep/x", "keep/y", "gone/deep/a", "gone/b", "file"].iter().for_each(|name| write(root, name, "1"));
        };
        let after = |root: &Path| write(root, "keep/x", "1");
        check(&before, &after, &["file", "gone", "keep", "keep/y"]);
        check(&before, &|_| {}, &["file", "gone", "keep"]);
        check(&|_| {}, &after, &["keep", "keep/x"]);
    }

    #[test]
    fn privileged_things_become_other_things() {
        let before = |root: &Path| {
            write(root, "dir/inside/x", "1");
            write(root, "file", "1");
            symlink("file", root.join("link")).unwrap();
        };
        let after = |root: &Path| {
            write(root, "dir", "now a file");
            write(root, "file/inside", "now a directory");
            symlink("elsewhere", root.join("link")).unwrap();
            write(root, "one", "two names");
            std::fs::hard_link(root.join("one"), root.join("two")).unwrap();
            std::fs::set_permissions(root, std::fs::Permissions::from_mode(0o711)).unwrap();
        };
        check(&before, &after, &["dir", "file", "file/inside", "link", "one", "two"]);
    }
}
