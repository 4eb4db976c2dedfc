//! Paths that are wanted with whatever the links on their way point to.
//!
//! Owns the resolution inside the user's directory. Absolute links start at that directory.

use std::collections::BTreeSet;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::LocalError;
use crate::glob::{self, Glob};
use crate::tree::TreeError;

/// More steps than this are a circle that the bookkeeping did not see.
const MAX_STEPS: usize = 10_000;

/// The paths to include so that each of `paths` can be reached; none if that is the whole directory.
pub(super) fn resolve(directory: &Path, paths: &[String]) -> Result<Option<Vec<String>>, LocalError> {
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
fn links(directory: &Path, path: &Path) -> Result<Vec<PathBuf>, LocalError> {
    let parent = path.parent().unwrap_or(Path::new(""));
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let mut names = Vec::new();
    match Glob::new(&name) {
        Ok(glob) if glob::has_wildcards(&name) => {
            let host = directory.join(parent);
            for entry in std::fs::read_dir(&host).into_iter().flatten() {
                let entry = entry.map_err(|error| TreeError::new(&host, error))?;
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
