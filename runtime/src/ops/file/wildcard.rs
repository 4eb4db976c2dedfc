//! Paths with wildcards inside a tree.
//!
//! Owns the expansion: the part before the first wildcard is resolved through links, what is behind it is matched one
//! component at a time against real directories only. Reads only directories that may hold a match.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use hlb_patterns::glob::{self, Glob};

use super::{FileProblem, at, inside};
use crate::sys::file;
use crate::sys::root::Root;

/// The paths in the tree that match, in byte order. A path without wildcards is returned as it is.
pub(super) fn expand(root: &Root, pattern: &str, follow: bool) -> Result<Vec<PathBuf>, FileProblem> {
    let rooted = clean(pattern);
    let (plain, wild) = glob::split_wildcards(&rooted);
    if wild.is_empty() {
        return Ok(vec![PathBuf::from(pattern)]);
    }
    let base = root.resolve(Path::new(plain), follow).map_err(at(root, Path::new(plain)))?;
    let parts: Vec<&str> = wild.split('/').collect();
    let mut found = vec![base];
    for (at_part, part) in parts.iter().enumerate() {
        let glob = Glob::new(part)?;
        let last = at_part + 1 == parts.len();
        let mut next = Vec::new();
        for directory in &found {
            for name in names(directory).map_err(at(root, directory))? {
                let path = directory.join(&name);
                if glob.matches(name.as_bytes()) && (last || is_directory(&path)) {
                    next.push(path);
                }
            }
        }
        found = next;
    }
    Ok(found.iter().filter(|path| file::exists(path)).map(|path| inside(root, path)).collect())
}

fn names(directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    if !is_directory(directory) {
        return Ok(Vec::new());
    }
    let mut names =
        std::fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<Vec<_>>>()?;
    names.sort_unstable_by(|a: &std::ffi::OsString, b| OsStr::as_bytes(a).cmp(OsStr::as_bytes(b)));
    Ok(names)
}

fn is_directory(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// Absolute, without `.` and doubled slashes. `..` stays, for the root to resolve.
fn clean(path: &str) -> String {
    let parts: String =
        path.split('/').filter(|part| !part.is_empty() && *part != ".").flat_map(|part| ["/", part]).collect();
    if parts.is_empty() { "/".to_owned() } else { parts }
}
