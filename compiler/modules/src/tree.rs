//! Directories as trees of files: their digest, and copies of them.
//!
//! Owns what of a directory counts: the bytes of files, whether they can be executed, and where links lead. That is what
//! version control keeps, so that a copy which was committed and checked out again has the same digest.

use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;

/// Goes into every digest, so that another way to compute it gives others.
const FORM: &str = "hlb-tree-1";
const EXECUTABLE: u32 = 0o100;

/// What stands at a path.
enum Kind {
    File { executable: bool },
    Link(PathBuf),
}

/// The digest of a directory.
///
/// # Errors
/// If it cannot be read.
pub(crate) fn digest(dir: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::default();
    hasher.update(FORM);
    for (path, kind) in entries(dir)? {
        // Each part with its length, so that no two trees give the same bytes.
        let mut part = |bytes: &[u8]| {
            hasher.update((bytes.len() as u64).to_be_bytes());
            hasher.update(bytes);
        };
        part(path.as_os_str().as_bytes());
        match kind {
            Kind::File { executable } => {
                part(if executable { b"x" } else { b"f" });
                part(Digest::of(fs::read(dir.join(&path))?).as_str().as_bytes());
            }
            Kind::Link(target) => {
                part(b"l");
                part(target.as_os_str().as_bytes());
            }
        }
    }
    Ok(hasher.finish())
}

/// Copies a directory into one that is made for it.
///
/// # Errors
/// If it cannot be read, or the copy cannot be written.
pub(crate) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for (path, kind) in entries(from)? {
        let place = to.join(&path);
        if let Some(parent) = place.parent() {
            fs::create_dir_all(parent)?;
        }
        match kind {
            Kind::File { executable } => {
                fs::copy(from.join(&path), &place)?;
                fs::set_permissions(&place, fs::Permissions::from_mode(if executable { 0o755 } else { 0o644 }))?;
            }
            Kind::Link(target) => symlink(target, &place)?,
        }
    }
    Ok(())
}

/// Files and links below a directory by their paths, in order. Git's own directory does not count, nor do devices and sockets.
fn entries(dir: &Path) -> io::Result<Vec<(PathBuf, Kind)>> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(below) = open.pop() {
        for entry in fs::read_dir(dir.join(&below))? {
            let entry = entry?;
            let path = below.join(entry.file_name());
            let metadata = entry.metadata()?;
            if metadata.is_dir() {
                if path != Path::new(".git") {
                    open.push(path);
                }
            } else if metadata.is_symlink() {
                found.push((path, Kind::Link(fs::read_link(entry.path())?)));
            } else if metadata.is_file() {
                let executable = metadata.permissions().mode() & EXECUTABLE != 0;
                found.push((path, Kind::File { executable }));
            }
        }
    }
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(dir: &Path) {
        fs::create_dir_all(dir.join("a/empty")).unwrap();
        fs::write(dir.join("a/f"), "text\r\n").unwrap();
        fs::write(dir.join("run"), "x").unwrap();
        fs::set_permissions(dir.join("run"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("a/f", dir.join("link")).unwrap();
    }

    #[test]
    fn a_copy_has_the_same_digest() {
        let dir = tempfile::tempdir().unwrap();
        tree(&dir.path().join("one"));
        copy(&dir.path().join("one"), &dir.path().join("two")).unwrap();
        let digest = |name: &str| digest(&dir.path().join(name)).unwrap().to_string();
        assert_eq!(digest("one"), digest("two"));
        assert_eq!(digest("one"), "sha256:62dcb41f084c02877dada667f8391ad1ed393f25eca191470f2fcbc992ed2ade");
    }

    #[test]
    fn each_difference_that_counts_gives_another_digest() {
        let dir = tempfile::tempdir().unwrap();
        let changes: [&dyn Fn(&Path); 5] = [
            &|dir| fs::write(dir.join("a/f"), "text\n").unwrap(),
            &|dir| fs::write(dir.join("new"), "").unwrap(),
            &|dir| fs::set_permissions(dir.join("run"), fs::Permissions::from_mode(0o644)).unwrap(),
            &|dir| fs::rename(dir.join("a/f"), dir.join("a/g")).unwrap(),
            &|dir| {
                fs::remove_file(dir.join("link")).unwrap();
                symlink("run", dir.join("link")).unwrap();
            },
        ];
        let mut seen = std::collections::BTreeSet::new();
        for (at, change) in changes.into_iter().enumerate() {
            let dir = dir.path().join(at.to_string());
            tree(&dir);
            seen.insert(digest(&dir).unwrap());
            change(&dir);
            seen.insert(digest(&dir).unwrap());
        }
        assert_eq!(seen.len(), 6);
    }

    #[test]
    fn what_version_control_does_not_keep_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        tree(dir.path());
        let before = digest(dir.path()).unwrap();
        fs::create_dir_all(dir.path().join(".git")).unwrap();
        fs::write(dir.path().join(".git/x"), "x").unwrap();
        fs::create_dir_all(dir.path().join("other/empty")).unwrap();
        fs::set_permissions(dir.path().join("a/f"), fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(digest(dir.path()).unwrap(), before);
    }
}
