//! Definitions that came from outside, decoded and checked.
//!
//! Owns what makes a definition valid: after `Graph::load`, indexes are in range, messages that must be there are, and
//! inputs stand before users. Knows nothing about what a solver can do; `Graph::capabilities` says what it would need.
//! No bytes make it panic, loop, or use more time or memory than a multiple of their length. What nests (definitions in
//! definitions) is limited by prost, which decodes no message deeper than 100.

mod load;
mod names;
mod validate;

use std::collections::BTreeSet;

use prost::Message;

pub(crate) use load::{Loaded, load};

use crate::digest::Digest;
use crate::pb;

/// A checked graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Graph {
    /// What the target needs, inputs before users. Ops that it does not need are left out.
    pub vertices: Vec<LoadedVertex>,
    /// The requested vertex and output; `None` is the empty file system.
    pub target: Option<(usize, usize)>,
}

/// A vertex of a checked graph.
#[derive(Clone, Debug, PartialEq)]
pub struct LoadedVertex {
    /// Digest of the bytes that came.
    pub digest: Digest,
    /// The op. Its `op` is there.
    pub op: pb::Op,
    /// What is said about it.
    pub metadata: pb::OpMetadata,
    /// For each of `op.inputs` the position in `Graph::vertices` and the output.
    pub inputs: Vec<(usize, usize)>,
    /// Name for people.
    pub name: String,
}

/// Why a definition is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDefinition {
    /// Bytes that are no definition.
    #[error("the definition is no protobuf message of LLB: {reason}")]
    Garbled {
        /// What the decoder says.
        reason: String,
    },
    /// Bytes that are no op.
    #[error("op {digest} is no protobuf message of LLB: {reason}")]
    GarbledOp {
        /// Digest of the bytes.
        digest: Digest,
        /// What the decoder says.
        reason: String,
    },
    /// The last op does something, or names no output, or several.
    #[error("the last op {digest} must do nothing and have one input, which names the requested output")]
    NotTerminal {
        /// The op.
        digest: Digest,
    },
    /// A part of an op that cannot be so.
    #[error("op {digest}: {field} {fault}")]
    Field {
        /// The op.
        digest: Digest,
        /// Path of the field, such as `exec.mounts[1].input`.
        field: Box<str>,
        /// What is wrong with it.
        fault: Fault,
    },
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// Nothing is there.
    #[error("is missing")]
    Missing,
    /// A number that is none of those allowed.
    #[error("is {value}, but can only be {allowed}")]
    OutOfRange {
        /// The number.
        value: i64,
        /// Which are allowed.
        allowed: String,
    },
    /// No op of the definition has this digest.
    #[error("names op `{digest}`, which is not in the definition")]
    UnknownOp {
        /// The digest, as it is written.
        digest: String,
    },
    /// An op that needs its own result.
    #[error("leads back to the op itself")]
    Cycle,
    /// A text without a scheme.
    #[error("is `{text}`, but must have the form scheme://what")]
    NoScheme {
        /// The text.
        text: String,
    },
    /// No mount at the root.
    #[error("have none of type bind at /")]
    NoRoot,
    /// Outputs that have no order.
    #[error("is {value}, but outputs are numbered in order of the mounts, so it must be {expected}")]
    OutputOrder {
        /// The output.
        value: i64,
        /// The one due.
        expected: i64,
    },
    /// An output that two actions make.
    #[error("is {value}, which another action makes too")]
    OutputTwice {
        /// The output.
        value: i64,
    },
    /// Content as cache key where the process can change what it does not see all of.
    #[error("is on, but what is mounted is a part of its input that the process can change and that is kept")]
    UnsafeContent,
}

impl Fault {
    /// A number that is not one of those from `from` up to before `to`.
    pub(crate) fn out_of_range(value: i64, from: i64, to: usize) -> Self {
        let to = i64::try_from(to).unwrap_or(i64::MAX);
        let allowed = match to.saturating_sub(from) {
            ..=0 => "none".to_owned(),
            1 => from.to_string(),
            _ => format!("{from} to {}", to - 1),
        };
        Self::OutOfRange { value, allowed }
    }
}

impl Graph {
    /// Decodes and checks a definition. One without ops is the empty file system.
    ///
    /// All ops must be messages of LLB whose inputs are in the definition; the rest is only asked of those that the
    /// requested output needs.
    pub fn load(definition: &pb::Definition) -> Result<Self, InvalidDefinition> {
        Ok(load(definition)?.graph)
    }

    /// Decodes a definition from bytes and checks it.
    pub fn decode(bytes: &[u8]) -> Result<Self, InvalidDefinition> {
        let definition =
            pb::Definition::decode(bytes).map_err(|error| InvalidDefinition::Garbled { reason: error.to_string() })?;
        Self::load(&definition)
    }

    /// What a solver must be able to do, by the names that clients and solvers agree on.
    pub fn capabilities(&self) -> BTreeSet<&str> {
        self.vertices
            .iter()
            .flat_map(|vertex| vertex.metadata.caps.iter())
            .filter(|(_, wanted)| *wanted)
            .map(|(cap, _)| cap)
            .collect()
    }
}

/// Reads an op that was kept as [`encode_op`](crate::encode_op) writes it; `digest` names it in errors.
pub fn decode_op(digest: &Digest, bytes: &[u8]) -> Result<pb::Op, InvalidDefinition> {
    pb::Op::decode(bytes)
        .map_err(|error| InvalidDefinition::GarbledOp { digest: digest.clone(), reason: error.to_string() })
}

/// Reads a source map that was kept as [`encode_source`] writes it.
pub fn decode_source(bytes: &[u8]) -> Result<pb::Source, InvalidDefinition> {
    pb::Source::decode(bytes).map_err(|error| InvalidDefinition::Garbled { reason: error.to_string() })
}

/// A source map as protobuf, to be kept by itself.
pub fn encode_source(source: &pb::Source) -> Vec<u8> {
    source.encode_to_vec()
}

/// A part of an op, for errors.
struct Field<'a> {
    digest: &'a Digest,
    path: String,
}

impl Field<'_> {
    fn fault(&self, fault: Fault) -> InvalidDefinition {
        InvalidDefinition::Field { digest: self.digest.clone(), field: self.path.as_str().into(), fault }
    }
}
