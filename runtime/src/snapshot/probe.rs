//! Whether the disk still gives what it took.
//!
//! Owns the reading of a whole layer to no other end. Not for the way of a build that works: it reads everything.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use crate::sys::file;

/// Reads all files of a tree.
///
/// # Errors
/// The first that cannot be read.
pub(super) fn read_all(tree: &Path) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    let mut left: Vec<PathBuf> = vec![tree.to_owned()];
    while let Some(dir) = left.pop() {
        for entry in std::fs::read_dir(&dir)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            if kind.is_dir() {
                left.push(entry.path());
            } else if kind.is_file() {
                let mut file = File::from(file::open_regular(&entry.path())?);
                while file.read(&mut buffer)? > 0 {}
            } else if kind.is_symlink() {
                std::fs::read_link(entry.path())?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_read() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("a")).unwrap();
        std::fs::write(dir.path().join("a/file"), vec![1; 1 << 20]).unwrap();
        std::os::unix::fs::symlink("nowhere", dir.path().join("a/link")).unwrap();
        read_all(dir.path()).unwrap();
        assert_eq!(read_all(&dir.path().join("b")).unwrap_err().kind(), io::ErrorKind::NotFound);
    }
}
