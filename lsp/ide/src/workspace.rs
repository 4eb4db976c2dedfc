//! Which files the user works on.
//!
//! Owns the search for programs below the folders: what is left out of it, and where it ends. Reads no file.

use std::collections::BTreeSet;

use camino::{Utf8Path, Utf8PathBuf};

/// Directories that hold what others have written or what a build has made.
const LEFT_OUT: [&str; 4] = ["node_modules", "target", "vendor", "__pycache__"];
/// Directories nested deeper than this are not looked into.
const DEEPEST: usize = 32;
/// More entries than this are not looked at; a folder with so many is no project.
const MOST_ENTRIES: usize = 100_000;

/// The programs below some folders, in the order of their paths; at most so many. Hidden directories and symbolic links are left
/// out.
pub(crate) fn programs(folders: &[Utf8PathBuf], max_files: usize) -> Vec<Utf8PathBuf> {
    let mut search = Search { found: BTreeSet::new(), max_files, entries: 0 };
    folders.iter().for_each(|folder| search.directory(folder, 0));
    search.found.into_iter().collect()
}

/// The programs in one directory, and not below it.
pub(crate) fn beside(dir: &Utf8Path, max_files: usize) -> Vec<Utf8PathBuf> {
    let mut search = Search { found: BTreeSet::new(), max_files, entries: 0 };
    search.directory(dir, DEEPEST);
    search.found.into_iter().collect()
}

struct Search {
    found: BTreeSet<Utf8PathBuf>,
    max_files: usize,
    entries: usize,
}

impl Search {
    fn directory(&mut self, dir: &Utf8Path, depth: usize) {
        let Ok(entries) = dir.read_dir_utf8() else { return };
        let mut below = Vec::new();
        // Where there are too many files, those that are the same each time are taken.
        let mut entries: Vec<_> = entries.flatten().take(MOST_ENTRIES).collect();
        entries.sort_by(|one, other| one.file_name().cmp(other.file_name()));
        for entry in entries {
            self.entries += 1;
            if self.found.len() >= self.max_files || self.entries > MOST_ENTRIES {
                return;
            }
            let (Ok(kind), name) = (entry.file_type(), entry.file_name()) else { continue };
            if kind.is_file() && name.ends_with(".hlb") {
                self.found.insert(entry.into_path());
            } else if kind.is_dir() && depth < DEEPEST && !name.starts_with('.') && !LEFT_OUT.contains(&name) {
                below.push(entry.into_path());
            }
        }
        below.iter().for_each(|dir| self.directory(dir, depth + 1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_of_others_are_left_out() {
        let dir = tempfile::tempdir().unwrap();
        let root = Utf8Path::from_path(dir.path()).unwrap();
        for path in [
            "build.hlb",
            "lib/a.hlb",
            "lib/deep/b.hlb",
            ".git/c.hlb",
            ".hlb/vendor/d.hlb",
            "node_modules/e.hlb",
            "x.txt",
        ] {
            std::fs::create_dir_all(root.join(path).parent().unwrap()).unwrap();
            std::fs::write(root.join(path), "").unwrap();
        }
        std::os::unix::fs::symlink("lib", root.join("link")).unwrap();
        let shown = |found: Vec<Utf8PathBuf>| -> Vec<String> {
            found.iter().map(|path| path.strip_prefix(root).unwrap().to_string()).collect()
        };
        let folders = [root.to_owned(), root.join("none")];
        assert_eq!(shown(programs(&folders, 100)), ["build.hlb", "lib/a.hlb", "lib/deep/b.hlb"]);
        assert_eq!(shown(programs(&folders, 2)), ["build.hlb", "lib/a.hlb"]);
        assert_eq!(shown(beside(root, 100)), ["build.hlb"]);
    }
}
