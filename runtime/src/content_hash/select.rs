//! The digest of what patterns select.
//!
//! Owns the order of a selection and what counts in it: files by their digest, directories by their metadata only, since
//! their content may be selected in part.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_patterns::glob::{self, Glob};
use hlb_patterns::{Patterns, Trail};

use super::{ContentError, ContentPath, Tree};
use crate::tree::{Entry, Kind};

/// Something that may be selected.
struct Candidate<'a> {
    /// As the choice spells it: with the links in its beginning, unresolved.
    name: Vec<u8>,
    entry: &'a Entry,
    /// A link here stands for what it points to.
    follow: bool,
    selected: bool,
    include: Trail,
    exclude: Trail,
}

pub(super) fn checksum(tree: &mut Tree<'_>, wanted: &ContentPath) -> Result<Digest, ContentError> {
    let pattern = rooted(&wanted.path);
    let (base, below) = if wanted.wildcard { glob::split_wildcards(&pattern) } else { (pattern.as_str(), "") };
    let base = if base == "/" { "" } else { base };
    let resolved = tree.resolve(Path::new(base), wanted.wildcard && !below.is_empty())?;
    let mut entries: Vec<Entry> = Vec::new();
    if let Some(top) = tree.entry(&resolved)? {
        let listing = top.is_directory().then(|| tree.listing(&resolved)).transpose()?;
        entries.push(top);
        entries.extend(listing.iter().flat_map(|listing| listing.iter().cloned()));
    }
    let selection = select(&entries, wanted, &pattern, base.as_bytes(), &resolved)?;
    for required in &wanted.required {
        if !selection.iter().any(|candidate| candidate.name.starts_with(required.as_bytes())) {
            return Err(ContentError::NotFound { path: required.clone() });
        }
    }
    tree.read_all(selection.iter().map(|candidate| candidate.entry))?;
    let digest_of = |tree: &mut Tree<'_>, candidate: &Candidate<'_>| {
        if candidate.follow && candidate.entry.kind == Kind::Symlink {
            tree.checksum(&candidate.name, wanted.follow_links)
        } else {
            Ok(tree.of(candidate.entry))
        }
    };
    match selection.as_slice() {
        [] => Ok(Digest::of(b"")),
        [only] if last_name(&only.name) == last_name(pattern.as_bytes()) => digest_of(tree, only),
        all => {
            let mut hasher = Hasher::default();
            for candidate in all {
                let name = candidate.name.strip_prefix(base.as_bytes()).unwrap_or(&candidate.name);
                let key: Vec<u8> = name.iter().map(|byte| if *byte == b'/' { 0 } else { *byte }).collect();
                hasher.update(if key.is_empty() { b"\0" } else { key.as_slice() });
                hasher.update(digest_of(tree, candidate)?.as_str());
            }
            Ok(hasher.finish())
        }
    }
}

/// What is selected, with the directories on the way to it, in order.
fn select<'a>(
    entries: &'a [Entry],
    wanted: &ContentPath,
    pattern: &str,
    base: &[u8],
    resolved: &Path,
) -> Result<Vec<Candidate<'a>>, ContentError> {
    let include = Patterns::new(&wanted.include)?;
    let exclude = Patterns::new(&wanted.exclude)?;
    let glob = (wanted.wildcard && !pattern.is_empty()).then(|| Glob::new(pattern)).transpose()?;
    let without_top = wanted.path.ends_with('/');
    let mut selection: Vec<Candidate<'a>> = Vec::new();
    // Directories around the current entry that came into question. Those not selected wait for something in them.
    let mut around: Vec<Candidate<'a>> = Vec::new();
    let mut matched: Option<Vec<u8>> = None;
    for entry in entries {
        let name = spelled(entry, base, resolved);
        while around.last().is_some_and(|directory| !is_below(&name, &directory.name)) {
            around.pop();
        }
        if entry.is_directory() && without_top && name == pattern.as_bytes() {
            continue;
        }
        if let Some(glob) = &glob
            && matched.as_ref().is_none_or(|matched| !is_below(&name, matched))
        {
            if !glob.matches(&name) {
                continue;
            }
            matched = Some(name.clone());
        }
        let start = if glob.is_some() { matched.as_deref().unwrap_or_default() } else { pattern.as_bytes() };
        let relative = name.get(start.len()..).unwrap_or_default();
        let relative = relative.strip_prefix(b"/").unwrap_or(relative);
        let nothing = Trail::default();
        let (parent_include, parent_exclude) =
            around.last().map_or((&nothing, &nothing), |parent| (&parent.include, &parent.exclude));
        let mut candidate = Candidate {
            name: Vec::new(),
            entry,
            follow: around.is_empty() && wanted.follow_links,
            selected: true,
            include: Trail::default(),
            exclude: Trail::default(),
        };
        if !include.is_empty() {
            (candidate.selected, candidate.include) = include.matches_below(relative, parent_include);
        }
        // As in BuildKit, the exclusions of what is not included are not followed into it.
        if candidate.selected && !exclude.is_empty() {
            let excluded;
            (excluded, candidate.exclude) = exclude.matches_below(relative, parent_exclude);
            candidate.selected = !excluded;
        }
        candidate.name = name;
        if candidate.selected {
            for parent in around.iter_mut().filter(|parent| !parent.selected) {
                parent.selected = true;
                selection.push(parent.again());
            }
        }
        if entry.is_directory() {
            if candidate.selected {
                selection.push(candidate.again());
            }
            around.push(candidate);
        } else if candidate.selected {
            selection.push(candidate);
        }
    }
    Ok(selection)
}

impl Candidate<'_> {
    /// A copy for the selection, where trails no longer matter.
    fn again(&self) -> Self {
        Self {
            name: self.name.clone(),
            entry: self.entry,
            follow: self.follow,
            selected: self.selected,
            include: Trail::default(),
            exclude: Trail::default(),
        }
    }
}

/// The path of an entry as if the links in the beginning were the directories they lead to.
fn spelled(entry: &Entry, base: &[u8], resolved: &Path) -> Vec<u8> {
    let below = entry.path.strip_prefix(resolved).unwrap_or(&entry.path).as_os_str().as_bytes();
    let mut name = base.to_vec();
    if !below.is_empty() {
        name.push(b'/');
        name.extend_from_slice(below);
    }
    name
}

fn is_below(name: &[u8], directory: &[u8]) -> bool {
    name.strip_prefix(directory).is_some_and(|rest| rest.starts_with(b"/"))
}

/// Absolute and without `.`, `..` and doubled slashes; empty for the root.
fn rooted(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.iter().flat_map(|part| ["/", part]).collect()
}

fn last_name(path: &[u8]) -> Option<&OsStr> {
    Path::new(OsStr::from_bytes(path)).file_name()
}
