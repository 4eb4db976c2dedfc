//! Digests of content.
//!
//! Owns the memory of what was hashed: the digest of the same paths of the same layers is computed once, ever, and what files it
//! stands for is kept, to tell later which changed. How a tree is hashed is in `content_hash`.

use std::collections::{BTreeMap, HashSet};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::PathBuf;
use std::sync::Arc;

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_store::Store;

use crate::content_hash::ContentHash;
use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::snapshot::Snapshot;
use crate::solver::job::Job;
use crate::solver::key::ContentRequest;
use crate::solver::vertex::Input;
use crate::why::FileChanges;

/// Where digests of content are remembered. The number changes with the way trees are hashed.
const FACTS: &str = "content-1";
/// Where lists of files are kept. The number changes with their form.
const LISTS: &str = "content-list-1";
/// The longest list that is kept, in files.
const LONGEST: usize = 50_000;
/// Level of compression: lists are written while a build waits.
const QUICK: i32 = 1;

/// The digest of the part of an input that a request names.
pub(crate) async fn content_digest(
    job: &Arc<Job>,
    input: &Input,
    snapshot: &Snapshot,
    request: &ContentRequest,
) -> Result<Digest, SolveError> {
    let is_local = input.vertex.source().is_some_and(|source| source.identifier.starts_with("local://"));
    let memo = memo_key(snapshot, request, is_local);
    let (job, snapshot, request) = (Arc::clone(job), snapshot.clone(), request.clone());
    blocking(move || {
        let environment = |error: hlb_store::MetaError| SolveError::new(ErrorKind::Environment, error);
        let facts = job.engine.store.facts();
        let known = facts.get(FACTS, memo.as_str()).map_err(environment)?;
        if let Some(known) = known.and_then(|bytes| String::from_utf8(bytes).ok()).and_then(|text| text.parse().ok()) {
            return Ok(known);
        }
        let (digest, files) = hash(&job, &snapshot, &request, is_local)?;
        let name = list_name(&digest, &request);
        if facts.get(LISTS, &name).map_err(environment)?.is_none()
            && let Some(list) = to_list(&files)
        {
            facts.put(LISTS, &name, &list).map_err(environment)?;
        }
        facts.put(FACTS, memo.as_str(), digest.as_str().as_bytes()).map_err(environment)?;
        Ok(digest)
    })
    .await
}

/// Files with their digests and the checksums of their bytes alone.
type Files = Vec<(PathBuf, Digest, u32)>;

fn hash(
    job: &Job,
    snapshot: &Snapshot,
    request: &ContentRequest,
    is_local: bool,
) -> Result<(Digest, Files), SolveError> {
    let environment = |error: std::io::Error| SolveError::new(ErrorKind::Environment, error);
    let checksum = |hashes: ContentHash| {
        let digest = hashes.checksum_all(&request.paths).map_err(|error| SolveError::new(ErrorKind::Step, error))?;
        Ok((digest, hashes.listed()))
    };
    if snapshot.is_scratch() {
        return checksum(ContentHash::empty());
    }
    job.check_cancelled()?;
    let view = job.engine.snapshots.view(snapshot).map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
    let hashes = if is_local { ContentHash::of_local(view.path()) } else { ContentHash::new(view.path()) };
    checksum(hashes.map_err(environment)?)
}

fn memo_key(snapshot: &Snapshot, request: &ContentRequest, is_local: bool) -> Digest {
    let mut hasher = Hasher::default();
    for layer in snapshot.layers() {
        hasher.update(layer.as_str());
        hasher.update("\0");
    }
    hasher.update(if is_local { "local\0" } else { "\0" });
    for path in &request.paths {
        hasher.update(format!("{path:?}\0"));
    }
    hasher.finish()
}

/// What the list of files is called that a digest stands for. Equal content may be chosen in several ways, under other paths.
pub(crate) fn list_name(content: &Digest, request: &ContentRequest) -> String {
    Digest::of(format!("{content}\0{:?}", request.paths)).hex().to_owned()
}

/// What differs between two lists of files, if both are known.
pub(crate) fn changes(store: &Store, was: &str, is: &str) -> Result<Option<FileChanges>, hlb_store::MetaError> {
    let list =
        |name: &str| Ok::<_, hlb_store::MetaError>(store.facts().get(LISTS, name)?.and_then(|it| from_list(&it)));
    let Some((was, is)) = list(was)?.zip(list(is)?) else { return Ok(None) };
    let mut changes = FileChanges { metadata_only: true, ..FileChanges::default() };
    for (path, now) in &is {
        match was.get(path) {
            None => changes.added.push(path.clone()),
            Some(then) if then.digest != now.digest => {
                changes.metadata_only &= then.bytes == now.bytes;
                changes.changed.push(path.clone());
            }
            Some(_) => {}
        }
    }
    changes.removed.extend(was.into_keys().filter(|path| !is.contains_key(path)));
    Ok(Some(changes.shortened()))
}

/// Forgets lists of files that nobody needs any more.
pub(crate) fn forget_lists(store: &Store, needed: &HashSet<String>) -> Result<(), hlb_store::MetaError> {
    let facts = store.facts();
    let names = facts.names(LISTS)?;
    names.iter().filter(|name| !needed.contains(*name)).try_for_each(|name| facts.delete(LISTS, name))
}

/// A file of a list.
struct Listed {
    /// The first half of its digest, in hexadecimal.
    digest: String,
    /// A checksum of its bytes alone, in hexadecimal.
    bytes: String,
}

/// `None` if it would be too long.
fn to_list(files: &Files) -> Option<Vec<u8>> {
    if files.len() > LONGEST {
        return None;
    }
    let mut text = Vec::with_capacity(files.len() * 64);
    for (path, digest, bytes) in files {
        text.extend_from_slice(digest.hex().get(..32).unwrap_or_default().as_bytes());
        text.extend_from_slice(format!(" {bytes:08x} ").as_bytes());
        text.extend_from_slice(path.as_os_str().as_bytes());
        text.push(0);
    }
    zstd::encode_all(text.as_slice(), QUICK).ok()
}

/// `None` if it is none.
fn from_list(bytes: &[u8]) -> Option<BTreeMap<PathBuf, Listed>> {
    let text = zstd::decode_all(bytes).ok()?;
    let mut files = BTreeMap::new();
    for line in text.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let (numbers, path) = line.split_at_checked(42)?;
        let (digest, bytes) = std::str::from_utf8(numbers).ok()?.trim_end().split_once(' ')?;
        let path = PathBuf::from(std::ffi::OsString::from_vec(path.to_vec()));
        files.insert(path, Listed { digest: digest.to_owned(), bytes: bytes.to_owned() });
    }
    Some(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_they_were_written() {
        let odd = PathBuf::from(std::ffi::OsString::from_vec(b"a b\n\xff".to_vec()));
        let files: Files = vec![
            (PathBuf::new(), Digest::of("root"), 0),
            (odd.clone(), Digest::of("x"), 7),
            (PathBuf::from("b/c"), Digest::of("y"), u32::MAX),
        ];
        let read = from_list(&to_list(&files).unwrap()).unwrap();
        assert_eq!(read.len(), 3);
        assert_eq!((read[&odd].digest.as_str(), read[&odd].bytes.as_str()), (&Digest::of("x").hex()[..32], "00000007"));
        assert!(from_list(b"no list").is_none());
        assert!(to_list(&vec![files[1].clone(); LONGEST + 1]).is_none());
    }
}
