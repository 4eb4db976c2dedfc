//! What a step is made of, to tell later why it ran.
//!
//! Owns the facts that are kept of a step beside its key, which is only a digest of them. What they mean is said in
//! `crate::why`.

use hlb_llb::Digest;
use hlb_store::KeyId;

use crate::solver::cache_map::CacheMap;
use crate::solver::vertex::Vertex;

/// A step and what it reads.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "builds are not recorded yet")]
pub(crate) struct Structure {
    /// The key of its result, unless that is good for this session only.
    pub(crate) key: Option<KeyId>,
    /// The digest of its definition.
    pub(crate) vertex: Digest,
    /// Its own part of the key.
    pub(crate) map: String,
    /// Its op, as in a definition.
    pub(crate) op: Vec<u8>,
    /// Its name for people.
    pub(crate) name: String,
    /// Whether it was told to run in any case.
    pub(crate) ignore_cache: bool,
    pub(crate) inputs: Vec<InputPart>,
}

/// What a step reads of another.
#[derive(Clone, Debug)]
#[expect(dead_code, reason = "builds are not recorded yet")]
pub(crate) struct InputPart {
    /// The name of the other for people.
    pub(crate) name: String,
    /// The digest of its definition.
    pub(crate) vertex: Digest,
    /// Which of its outputs.
    pub(crate) output: usize,
    /// The keys of that output which follow from definitions, as far as they are known.
    pub(crate) keys: Vec<KeyId>,
    /// Digest of the paths that are read, if that is not everything.
    pub(crate) selector: Option<Digest>,
    /// Digest of the content of these, if it was looked at.
    pub(crate) content: Option<Digest>,
}

/// What a vertex is made of.
pub(crate) fn of(vertex: &Vertex, map: &CacheMap, key: Option<&KeyId>, inputs: Vec<InputPart>) -> Structure {
    Structure {
        key: key.cloned(),
        vertex: vertex.digest.clone(),
        map: map.digest().to_owned(),
        op: hlb_llb::encode_op(&vertex.op),
        name: vertex.name.clone(),
        ignore_cache: vertex.ignore_cache,
        inputs,
    }
}
