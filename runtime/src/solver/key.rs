//! The formulas of cache keys, digest for digest those of BuildKit.
//!
//! Owns which parts of an op make a difference to its result, and how keys are made of digests. Pure functions: nothing here
//! looks at a file, a registry or the cache.
//!
//! ```text
//!   op ──► OpKey: digest of the op without its inputs
//!            └─ for each input: selector (what of it is read, by name) · content (what of it is read, by content)
//!   root key = sha256(digest@output)     content key = sha256(digest of content@-1)     others: random, found by links
//! ```

mod exec;
mod file;
mod platform;
mod source;

use hlb_llb::json::{Object, ToJson};
use hlb_llb::{Digest, digest::Hasher, pb};
use hlb_store::KeyId;

use crate::content_hash::ContentPath;

pub(crate) use exec::{exec, relevant as relevant_exec};
pub(crate) use file::{base_name, file};
pub(crate) use source::{
    BlobKey, GitKey, HttpKey, ImageKey, LocalKey, blob, git, http, image_layers, image_manifest, local,
};

/// Digests with this in front are good for one session only: what they stand for may change at any time.
const SESSION_ONLY: &str = "random:";

/// The key of an op without the keys of its inputs.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OpKey {
    /// What the op does.
    pub(crate) digest: Digest,
    /// One for each input.
    pub(crate) deps: Vec<DepKey>,
}

/// What of an input an op depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct DepKey {
    /// Digest of the paths that are read, if the op reads only these. Goes with keys that follow from definitions.
    pub(crate) selector: Option<Digest>,
    /// Content that can stand for the definition of the input; `None` where only the definition counts.
    pub(crate) content: Option<ContentRequest>,
}

/// What of an input's content makes a difference. `ContentHash::checksum_all` makes one digest of it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ContentRequest {
    /// At least one.
    pub(crate) paths: Vec<ContentPath>,
}

/// Why an op has no key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum KeyError {
    /// The content of a mount was to count although the process could change what it does not show.
    #[error("mount `{dest}` cannot be cached by content: it is writable, kept, and shows only a part of its input")]
    ContentCache { dest: String },
    /// An index beyond the inputs.
    #[error("{what} names input {index}, but the op has {inputs}")]
    Input { what: &'static str, index: i64, inputs: usize },
}

/// The key of a merge.
pub(crate) fn merge(merge: &pb::MergeOp, inputs: usize) -> OpKey {
    plain("buildkit.merge.v0", "Merge", merge, inputs)
}

/// The key of a diff.
pub(crate) fn diff(diff: &pb::DiffOp, inputs: usize) -> OpKey {
    plain("buildkit.diff.v0", "Diff", diff, inputs)
}

/// The key of a build op. What its graph says is not in it: that is content of an input.
pub(crate) fn build(build: &pb::BuildOp, inputs: usize) -> OpKey {
    // The name of the member is BuildKit's.
    plain("buildkit.build.v0", "Exec", build, inputs)
}

/// The key of a passthrough op.
pub(crate) fn passthrough(passthrough: &pb::PassthroughOp, inputs: usize) -> OpKey {
    plain("buildkit.passthrough.v0", "Passthrough", passthrough, inputs)
}

/// The key of an output that needs no inputs' keys: of a source, or of content, which counts as output −1.
pub(crate) fn root_key(digest: &str, output: usize) -> KeyId {
    numbered_key(digest, &output.to_string())
}

/// The key of a piece of content.
pub(crate) fn content_key(digest: &Digest) -> KeyId {
    numbered_key(digest.as_str(), "-1")
}

/// A key that is found through links only.
pub(crate) fn new_key() -> KeyId {
    KeyId::random()
}

/// Whether a key stands for something that may change at any time, so that nothing can be found by it later.
pub(crate) fn is_session_only(key: &KeyId) -> bool {
    key.as_str().starts_with(SESSION_ONLY)
}

fn numbered_key(digest: &str, output: &str) -> KeyId {
    let key = Digest::of(format!("{digest}@{output}"));
    if digest.starts_with(SESSION_ONLY) {
        KeyId::from(format!("{SESSION_ONLY}{}", key.hex()))
    } else {
        KeyId::from(key.as_str())
    }
}

/// The digest of texts with zero bytes between them.
fn joined<'a>(texts: impl Iterator<Item = &'a str>) -> Digest {
    let mut hasher = Hasher::default();
    for (at, text) in texts.enumerate() {
        if at > 0 {
            hasher.update(b"\0");
        }
        hasher.update(text);
    }
    hasher.finish()
}

/// An op that depends on its inputs as they are.
fn plain(kind: &str, name: &str, op: &impl ToJson, inputs: usize) -> OpKey {
    let mut text = String::new();
    let mut object = Object::begin(&mut text);
    object.field("Type", kind).field(name, op);
    object.end();
    OpKey { digest: Digest::of(text), deps: vec![DepKey::default(); inputs] }
}

/// The dependency at an index of the op.
fn dep_at<'a, T>(deps: &'a mut [T], index: i64, what: &'static str) -> Result<&'a mut T, KeyError> {
    let inputs = deps.len();
    let found = usize::try_from(index).ok().and_then(|at| deps.get_mut(at));
    found.ok_or(KeyError::Input { what, index, inputs })
}

/// Sorted, without those that lie under another.
fn topmost_paths(paths: &[String]) -> Vec<String> {
    if paths.len() <= 1 {
        return paths.to_vec();
    }
    let mut sorted = paths.to_vec();
    sorted.sort();
    sorted.dedup();
    let directories: std::collections::HashSet<String> = sorted.iter().map(|path| with_slash(path)).collect();
    sorted.retain(|path| {
        let parents = path.match_indices('/').filter_map(|(at, _)| path.get(..=at));
        !parents.into_iter().any(|parent| directories.contains(parent) && with_slash(path) != parent)
    });
    sorted
}

fn with_slash(path: &str) -> String {
    if path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

#[cfg(test)]
mod tests;
