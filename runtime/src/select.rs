//! What include and exclude patterns select below a directory of the caller's machine.
//!
//! Owns the view of a scan for callers that want to know what a local source would take. The walk is `tree`'s.

use std::io;
use std::path::{Path, PathBuf};

use hlb_patterns::Filter;

use crate::tree;

/// Something that was selected, or a directory on the way to it.
#[derive(Clone, Debug)]
pub struct Selected {
    /// Its path, relative to the directory.
    pub path: PathBuf,
    /// Whether it is a regular file.
    pub is_file: bool,
    /// A text that changes whenever the file is written or its mode changes. Of a directory only kind and mode count.
    pub stamp: String,
}

/// All that the patterns select, in path order. No include pattern selects all. Reads no file, follows no symbolic link.
///
/// # Errors
/// If a pattern is malformed, or a directory cannot be read.
pub fn select(dir: &Path, include: &[String], exclude: &[String]) -> io::Result<Vec<Selected>> {
    let filter = Filter::new(include, exclude).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let entries = tree::scan(dir, &filter).map_err(io::Error::other)?;
    Ok(entries.into_iter().map(selected).collect())
}

fn selected(entry: tree::Entry) -> Selected {
    let mut stamp = format!("{:?} {:o} {}:{}", entry.kind, entry.mode, entry.uid, entry.gid);
    if !entry.is_directory() {
        let (mtime, ctime) = (entry.mtime, entry.ctime);
        stamp.push_str(&format!(
            " {} {}:{} {}.{:09} {}.{:09} {:?}",
            entry.size, entry.device, entry.inode, mtime.seconds, mtime.nanos, ctime.seconds, ctime.nanos, entry.target
        ));
    }
    Selected { is_file: entry.kind == tree::Kind::File, path: entry.path, stamp }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(include: &[&str], exclude: &[&str], expected: &[&str]) {
        let dir = tempfile::tempdir().unwrap();
        for path in ["a.txt", "b/c.txt", "b/d/e.rs", "b.txt"] {
            let full = dir.path().join(path);
            std::fs::create_dir_all(full.parent().unwrap()).unwrap();
            std::fs::write(full, path).unwrap();
        }
        std::os::unix::fs::symlink("/", dir.path().join("root")).unwrap();
        let list = |patterns: &[&str]| patterns.iter().map(|it| (*it).to_owned()).collect::<Vec<_>>();
        let found = select(dir.path(), &list(include), &list(exclude)).unwrap();
        let files: Vec<&str> = found.iter().filter(|it| it.is_file).map(|it| it.path.to_str().unwrap()).collect();
        assert_eq!(files, expected, "{include:?} {exclude:?}");
    }

    #[test]
    fn patterns_select() {
        check(&[], &[], &["a.txt", "b/c.txt", "b/d/e.rs", "b.txt"]);
        check(&["**/*.txt"], &[], &["a.txt", "b/c.txt", "b.txt"]);
        check(&["b"], &["b/d"], &["b/c.txt"]);
        check(&[], &["**", "!b/c.txt"], &["b/c.txt"]);
    }

    #[test]
    fn stamps_change_when_a_file_is_written() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("f");
        let stamp = || select(dir.path(), &[], &[]).unwrap().last().unwrap().stamp.clone();
        std::fs::write(&file, "one").unwrap();
        let first = stamp();
        assert_eq!(first, stamp());
        std::fs::write(&file, "three").unwrap();
        assert_ne!(first, stamp());
    }

    #[test]
    fn what_cannot_be_walked_is_an_error() {
        assert!(select(Path::new("/no/such"), &[], &[]).is_err());
        let malformed = select(Path::new("/"), &["[".to_owned()], &[]).unwrap_err();
        assert_eq!(malformed.kind(), io::ErrorKind::InvalidInput);
    }
}
