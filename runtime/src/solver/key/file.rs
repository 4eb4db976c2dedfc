//! Keys of file operations.
//!
//! Owns which parts of a file operation make a difference: all but where the copied files lie in their input.

use std::collections::{BTreeMap, BTreeSet};

use hlb_llb::json::{Object, ToJson};
use hlb_llb::ops::clean_path;
use hlb_llb::{Digest, pb};

use super::{ContentRequest, DepKey, KeyError, OpKey, dep_at, joined, topmost_paths};
use crate::content_hash::ContentPath;

/// The key of a file operation.
pub(crate) fn file(op: &pb::FileOp, inputs: usize) -> Result<OpKey, KeyError> {
    let mut reads = Reads { inputs, ..Reads::default() };
    let mut actions = Vec::with_capacity(op.actions.len());
    let mut indexes = Vec::with_capacity(op.actions.len());
    for action in &op.actions {
        // What is changed counts as it is, whatever is read of it besides.
        reads.changed.insert(action.input);
        actions.push(base64(&reads.look_at(action)));
        indexes.push([action.input, action.secondary_input, action.output]);
    }
    let mut text = String::new();
    let mut object = Object::begin(&mut text);
    object.field("Type", "buildkit.file.v0").field("Actions", &actions);
    if !are_usual(&indexes) {
        object.optional_list("indexes", &indexes);
    }
    object.end();
    Ok(OpKey { digest: Digest::of(text), deps: reads.into_deps()? })
}

/// What is read of the inputs.
#[derive(Default)]
struct Reads {
    inputs: usize,
    changed: BTreeSet<i64>,
    /// By input, in the order of the actions.
    paths: BTreeMap<i64, Vec<ContentPath>>,
}

impl Reads {
    /// Notes what an action reads, and gives the part of it that makes a difference.
    fn look_at(&mut self, action: &pb::FileAction) -> String {
        let Some(kind) = &action.action else { return String::new() };
        match kind {
            pb::FileActionKind::Copy(copy) => {
                self.owner(copy.owner.as_ref());
                let from_input = usize::try_from(action.secondary_input).is_ok_and(|index| index < self.inputs);
                if !from_input {
                    return copy.to_json();
                }
                self.paths.entry(action.secondary_input).or_default().push(ContentPath {
                    path: copy.src.clone(),
                    wildcard: copy.allow_wildcard && has_wildcards(&copy.src),
                    follow_links: copy.follow_symlink,
                    include: copy.include_patterns.clone(),
                    exclude: copy.exclude_patterns.clone(),
                    required: copy.required_paths.clone(),
                });
                pb::FileActionCopy { src: base_name(&copy.src), ..copy.clone() }.to_json()
            }
            pb::FileActionKind::Mkfile(file) => {
                self.owner(file.owner.as_ref());
                file.to_json()
            }
            pb::FileActionKind::Mkdir(dir) => {
                self.owner(dir.owner.as_ref());
                dir.to_json()
            }
            pb::FileActionKind::Rm(rm) => rm.to_json(),
            pb::FileActionKind::Symlink(link) => link.to_json(),
        }
    }

    /// Names are looked up in files of an input.
    fn owner(&mut self, owner: Option<&pb::ChownOpt>) {
        let Some(owner) = owner else { return };
        for (user, path) in [(&owner.user, "/etc/passwd"), (&owner.group, "/etc/group")] {
            if let Some(pb::UserOpt { user: Some(pb::User::ByName(named)) }) = user
                && named.input >= 0
            {
                let path = ContentPath { path: path.to_owned(), follow_links: true, ..ContentPath::default() };
                self.paths.entry(named.input).or_default().push(path);
            }
        }
    }

    fn into_deps(self) -> Result<Vec<DepKey>, KeyError> {
        let mut deps = vec![DepKey::default(); self.inputs];
        for (index, paths) in self.paths {
            let dep = dep_at(&mut deps, index, "the owner of a file")?;
            if self.changed.contains(&index) {
                continue;
            }
            let mut names: Vec<&str> = paths.iter().map(|path| path.path.as_str()).collect();
            names.sort_unstable_by(|a, b| b.cmp(a));
            dep.selector = Some(joined(names.into_iter()));
            dep.content = Some(ContentRequest { paths: content_paths(paths) });
        }
        Ok(deps)
    }
}

/// Plain paths under others are left out; those with patterns stay as they are.
fn content_paths(paths: Vec<ContentPath>) -> Vec<ContentPath> {
    let (selective, plain): (Vec<_>, Vec<_>) = paths.into_iter().partition(|path| {
        path.wildcard || !path.include.is_empty() || !path.exclude.is_empty() || !path.required.is_empty()
    });
    let mut chosen = Vec::new();
    for follow_links in [false, true] {
        let same = plain.iter().filter(|path| path.follow_links == follow_links).map(|path| path.path.clone());
        let top = topmost_paths(&same.collect::<Vec<_>>());
        chosen.extend(top.into_iter().map(|path| ContentPath { path, follow_links, ..ContentPath::default() }));
    }
    chosen.extend(selective);
    chosen.sort_by(|a, b| a.path.cmp(&b.path));
    for path in &mut chosen {
        path.path = clean_path(&format!("/{}", path.path));
    }
    chosen
}

/// Whether inputs and outputs are numbered as they are when one action follows the other and only the last is kept. The key does
/// not tell them then: keys of old versions had forgotten them.
fn are_usual(indexes: &[[i64; 3]]) -> bool {
    let count = i64::try_from(indexes.len()).unwrap_or(i64::MAX);
    count > 0
        && (0..).zip(indexes).all(|(at, [input, secondary, output])| {
            *input == (if at == 0 { 0 } else { count + at - 1 })
                && matches!(secondary, -1 | 1)
                && *output == (if at == count - 1 { 0 } else { -1 })
        })
}

/// Whether a text has a `*`, `?` or `[` without a backslash before it.
fn has_wildcards(text: &str) -> bool {
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'\\' => _ = bytes.next(),
            b'*' | b'?' | b'[' => return true,
            _ => {}
        }
    }
    false
}

/// The last element of a path; `/` of the root, `.` of nothing.
pub(crate) fn base_name(path: &str) -> String {
    if path.is_empty() {
        return ".".to_owned();
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/".to_owned();
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed).to_owned()
}

fn base64(text: &str) -> String {
    hlb_llb::json::base64(text.as_bytes())
}
