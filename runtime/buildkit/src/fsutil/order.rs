//! Whether a sender's entries make a tree.
//!
//! Owns the rules: paths are relative and clean, each comes after the one before it, its directory and what it is linked to
//! have come already. What passes names one place below the root, and no place twice.

use std::cmp::Ordering;
use std::collections::HashSet;

use bollard_buildkit_proto::fsutil::types::Stat;

use super::{Kind, from_wire};

/// What has come so far.
#[derive(Debug, Default)]
pub(super) struct Order {
    last: Option<String>,
    /// The directories around the last entry, the innermost last.
    directories: Vec<String>,
    files: HashSet<String>,
}

impl Order {
    /// Takes the next entry, or says what is wrong with it.
    pub(super) fn admit(&mut self, stat: &Stat) -> Result<Kind, &'static str> {
        let path = stat.path.as_str();
        if path.starts_with('/') {
            return Err("whose path is absolute");
        }
        if path.split('/').any(|part| matches!(part, "" | "." | "..")) || path.contains('\0') {
            return Err("whose path is not clean");
        }
        if self.last.as_deref().is_some_and(|last| compare(last, path) != Ordering::Less) {
            return Err("that is out of order");
        }
        let parent = path.rsplit_once('/').map(|(parent, _)| parent);
        while self.directories.last().is_some_and(|open| !below(path, open)) {
            self.directories.pop();
        }
        if self.directories.last().map(String::as_str) != parent {
            return Err("whose directory was not sent");
        }
        let (kind, _) = from_wire(stat.mode);
        match kind {
            Kind::Directory => self.directories.push(path.to_owned()),
            Kind::File if stat.linkname.is_empty() => {
                self.files.insert(path.to_owned());
            }
            Kind::File if !self.files.contains(&stat.linkname) => return Err("that is linked to no file before it"),
            Kind::Other => return Err("of a type that is not known"),
            Kind::Symlink if stat.linkname.is_empty() || stat.linkname.contains('\0') => {
                return Err("that is a link to nowhere");
            }
            _ => {}
        }
        self.last = Some(path.to_owned());
        Ok(kind)
    }
}

/// The order of a walk: by component, so that `a/b` comes before `a.b`.
fn compare(a: &str, b: &str) -> Ordering {
    a.split('/').cmp(b.split('/'))
}

fn below(path: &str, directory: &str) -> bool {
    path.strip_prefix(directory).is_some_and(|rest| rest.starts_with('/'))
}
