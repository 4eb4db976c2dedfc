//! Paths that are wanted with whatever the links on their way point to.
//!
//! Owns the resolution inside the user's directory. Absolute links start at that directory.

use std::collections::BTreeSet;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use crate::glob::{self, Glob};

/// More steps than this are a circle that the bookkeeping did not see.
const MAX_STEPS: usize = 10_000;

/// A directory on the way that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("cannot read `{path}`: {source}", path = path.display())]
pub struct FollowError {
    /// On the host.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

/// The paths to include so that each of `paths` can be reached; none if that is the whole directory.
///
/// # Errors
/// If a directory that a wildcard looks into cannot be listed.
pub fn resolve(directory: &Path, paths: &[String]) -> Result<Option<Vec<String>>, FollowError> {
    let mut found = BTreeSet::new();
    let mut left: Vec<PathBuf> = paths.iter().map(PathBuf::from).collect();
    for _ in 0..MAX_STEPS {
        let Some(path) = left.pop() else { break };
        let parts = clean(&path);
        if parts.is_empty() {
            return Ok(None);
        }
        let mut current = PathBuf::new();
        for (at, part) in parts.iter().enumerate() {
            current.push(part);
            let targets = links(directory, &current)?;
            let last = at + 1 == parts.len();
            if !targets.is_empty() || last {
                if found.insert(current.clone()) {
                    let rest: PathBuf = parts.iter().skip(at + 1).collect();
                    left.extend(targets.into_iter().map(|target| target.join(&rest)));
                }
                break;
            }
        }
    }
    Ok(Some(found.iter().map(|path| path.to_string_lossy().into_owned()).collect()))
}

/// Where a path leads if it is a link; where the links lead that it matches if its last part has wildcards.
fn links(directory: &Path, path: &Path) -> Result<Vec<PathBuf>, FollowError> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut names = Vec::new();
    match Glob::new(&name) {
        Ok(glob) if glob::has_wildcards(&name) => {
            let host = directory.join(parent);
            for entry in std::fs::read_dir(&host).into_iter().flatten() {
                let entry = entry.map_err(|source| FollowError { path: host.clone(), source })?;
                if glob.matches(entry.file_name().as_bytes()) {
                    names.push(parent.join(entry.file_name()));
                }
            }
        }
        _ => names.push(path.to_owned()),
    }
    let target = |name: PathBuf| {
        let target = std::fs::read_link(directory.join(&name)).ok()?;
        Some(if target.is_absolute() { target } else { parent.join(target) })
    };
    Ok(names.into_iter().filter_map(target).collect())
}

/// The names of a path from the directory; `..` stops there.
fn clean(path: &Path) -> Vec<&std::ffi::OsStr> {
    let mut parts = Vec::new();
    for part in path.components() {
        match part {
            Component::Normal(name) => parts.push(name),
            Component::ParentDir => {
                parts.pop();
            }
            _ => {}
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes links (`name -> target`) in a fresh directory and follows `paths`.
    fn check(links: &[(&str, &str)], paths: &[&str], expected: Option<&[&str]>) {
        let dir = tempfile::tempdir().unwrap();
        for (name, target) in links {
            let at = dir.path().join(name);
            std::fs::create_dir_all(at.parent().unwrap()).unwrap();
            std::os::unix::fs::symlink(target, at).unwrap();
        }
        let paths: Vec<String> = paths.iter().map(|path| (*path).to_owned()).collect();
        let found = resolve(dir.path(), &paths).unwrap();
        assert_eq!(
            found.as_deref(),
            expected.map(|paths| paths.iter().map(|path| (*path).to_owned()).collect::<Vec<_>>()).as_deref()
        );
    }

    #[test]
    fn links_are_followed_inside_the_directory() {
        check(&[], &["a/b"], Some(&["a/b"]));
        check(&[("l", "real")], &["l/x"], Some(&["l", "real/x"]));
        check(&[("l", "/real")], &["l"], Some(&["l", "real"]));
        check(&[("d/l", "../../../up")], &["d/l"], Some(&["d/l", "up"]));
        check(&[("a", "b"), ("b", "a")], &["a"], Some(&["a", "b"]));
        check(&[("one.l", "x"), ("two.l", "y")], &["*.l"], Some(&["*.l", "x", "y"]));
        check(&[("l", "..")], &["l"], None);
        check(&[], &["/"], None);
    }
}
