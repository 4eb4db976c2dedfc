//! The sizes of trees, as the file system counts them.
//!
//! Owns how a file with several names is shared out among them, so that all names together are the file once.

use std::collections::HashMap;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

/// How large a tree is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Size {
    /// What it takes on disk, in bytes.
    pub(crate) bytes: u64,
    /// Whether some of its files have names elsewhere, so that the size changes with other trees.
    pub(crate) shared: bool,
}

/// Trees that are measured together.
#[derive(Debug, Default)]
pub(crate) struct Sizes {
    /// How many names were seen so far of each file that has several.
    seen: HashMap<(u64, u64), u64>,
}

impl Sizes {
    /// Measures a file, or a directory with everything in it. What vanishes meanwhile counts nothing, and so does what lies
    /// deeper than a path can say. Mounts are not entered.
    pub(crate) fn tree(&mut self, path: &Path) -> io::Result<Size> {
        let Some(top) = lenient(std::fs::symlink_metadata(path))? else { return Ok(Size { bytes: 0, shared: false }) };
        let device = top.dev();
        let mut names: HashMap<u64, (u64, u64)> = HashMap::new();
        let mut bytes = self.share(&top, &mut names);
        let mut left = if top.is_dir() { vec![path.to_owned()] } else { Vec::new() };
        while let Some(dir) = left.pop() {
            let Some(entries) = lenient(std::fs::read_dir(&dir))? else { continue };
            for entry in entries {
                let Some(entry) = lenient(entry)? else { continue };
                let Some(data) = lenient(entry.metadata())? else { continue };
                if data.dev() != device {
                    continue;
                }
                bytes += self.share(&data, &mut names);
                if data.is_dir() {
                    left.push(entry.path());
                }
            }
        }
        Ok(Size { bytes, shared: names.values().any(|(here, all)| here < all) })
    }

    /// What one name of a file counts. `names` are how many names each file has here, and in all.
    fn share(&mut self, data: &std::fs::Metadata, names: &mut HashMap<u64, (u64, u64)>) -> u64 {
        let (all, bytes) = (data.nlink(), data.blocks() * 512);
        if data.is_dir() || all < 2 {
            return bytes;
        }
        names.entry(data.ino()).or_insert((0, all)).0 += 1;
        let seen = self.seen.entry((data.dev(), data.ino())).or_default();
        *seen = (*seen + 1).min(all);
        // The shares of all names add up to the file, whatever remains of the division.
        bytes * *seen / all - bytes * (*seen - 1) / all
    }
}

fn lenient<T>(found: io::Result<T>) -> io::Result<Option<T>> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::InvalidFilename) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_of_names_add_up_to_the_file() {
        let dir = tempfile::tempdir().unwrap();
        let tree = |name: &str| dir.path().join(name);
        for name in ["a", "b", "c"] {
            std::fs::create_dir(tree(name)).unwrap();
        }
        std::fs::write(tree("a/one"), vec![1; 10_000]).unwrap();
        let alone = Sizes::default().tree(&tree("a")).unwrap();
        assert!(!alone.shared);
        std::fs::hard_link(tree("a/one"), tree("a/two")).unwrap();
        assert_eq!(Sizes::default().tree(&tree("a")).unwrap(), alone, "all names of it are here");
        std::fs::hard_link(tree("a/one"), tree("b/three")).unwrap();
        let mut sizes = Sizes::default();
        let shared = ["a", "b", "c"].map(|name| sizes.tree(&tree(name)).unwrap());
        assert_eq!(shared.map(|size| size.shared), [true, true, false]);
        let empty = shared[2].bytes;
        assert_eq!(shared.iter().map(|size| size.bytes).sum::<u64>(), alone.bytes + 2 * empty);
        assert!(shared[0].bytes < alone.bytes && shared[1].bytes > empty);
    }

    #[test]
    fn nothing_counts_nothing() {
        let nothing = Sizes::default().tree(Path::new("/nonexistent/x")).unwrap();
        assert_eq!(nothing, Size { bytes: 0, shared: false });
    }
}
