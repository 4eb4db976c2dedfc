//! Definitions that came from outside, decoded and checked.
//!
//! Owns what makes a definition valid: after `Graph::load`, indexes are in range, messages that must be there are, and
//! inputs stand before users. Knows nothing about what a solver can do; `Graph::capabilities` says what it would need.
//! No bytes make it panic, loop, or use more memory than a multiple of their length.

mod names;
mod validate;

use std::collections::{BTreeSet, HashMap};

use prost::Message;

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
        field: String,
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
}

impl Graph {
    /// Decodes and checks a definition.
    pub fn load(definition: &pb::Definition) -> Result<Self, InvalidDefinition> {
        let Some((last, _)) = definition.def.split_last() else {
            return Ok(Self { vertices: Vec::new(), target: None });
        };
        let terminal = decode_op(&Digest::of(last), last)?;
        let requested = match terminal.inputs.as_slice() {
            [input] if terminal.op.is_none() => input.clone(),
            _ => return Err(InvalidDefinition::NotTerminal { digest: Digest::of(last) }),
        };

        let mut loader = Loader::new(definition)?;
        let field = Field { digest: &Digest::of(last), path: "inputs[0]".to_owned() };
        loader.load(&requested.digest, &field)?;
        let target = loader.resolve(&requested, &field)?;
        Ok(Self { vertices: loader.vertices, target: Some(target) })
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
            .filter(|(_, wanted)| **wanted)
            .map(|(cap, _)| cap.as_str())
            .collect()
    }
}

pub(crate) fn decode_op(digest: &Digest, bytes: &[u8]) -> Result<pb::Op, InvalidDefinition> {
    pb::Op::decode(bytes)
        .map_err(|error| InvalidDefinition::GarbledOp { digest: digest.clone(), reason: error.to_string() })
}

/// A part of an op, for errors.
struct Field<'a> {
    digest: &'a Digest,
    path: String,
}

impl Field<'_> {
    fn fault(&self, fault: Fault) -> InvalidDefinition {
        InvalidDefinition::Field { digest: self.digest.clone(), field: self.path.clone(), fault }
    }
}

struct Loader<'a> {
    metadata: &'a std::collections::BTreeMap<String, pb::OpMetadata>,
    ops: HashMap<String, Entry<'a>>,
    vertices: Vec<LoadedVertex>,
}

/// An op of the definition.
struct Entry<'a> {
    digest: Digest,
    bytes: &'a [u8],
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Unseen,
    /// Its inputs are being loaded.
    Open,
    /// At this position.
    Loaded(usize),
}

/// An op whose inputs are being loaded.
struct Step {
    digest: Digest,
    op: pb::Op,
    next: usize,
}

impl<'a> Loader<'a> {
    fn new(definition: &'a pb::Definition) -> Result<Self, InvalidDefinition> {
        let ops = definition.def.iter().map(|bytes| {
            let digest = Digest::of(bytes);
            (digest.to_string(), Entry { digest, bytes, state: State::Unseen })
        });
        Ok(Self { metadata: &definition.metadata, ops: ops.collect(), vertices: Vec::new() })
    }

    /// Loads an op after its inputs. `from` is what named it.
    fn load(&mut self, digest: &str, from: &Field<'_>) -> Result<(), InvalidDefinition> {
        let mut path: Vec<Step> = self.open(digest, from)?.into_iter().collect();
        while let Some(step) = path.last_mut() {
            let position = step.next;
            step.next += 1;
            match step.op.inputs.get(position) {
                Some(input) => {
                    let field = Field { digest: &step.digest, path: format!("inputs[{position}].digest") };
                    let opened = self.open(&input.digest, &field)?;
                    path.extend(opened);
                }
                None => {
                    if let Some(step) = path.pop() {
                        self.close(step)?;
                    }
                }
            }
        }
        Ok(())
    }

    /// Begins with an op, unless it is loaded.
    fn open(&mut self, digest: &str, from: &Field<'_>) -> Result<Option<Step>, InvalidDefinition> {
        let Some(entry) = self.ops.get_mut(digest) else {
            let fault = if digest.is_empty() { Fault::Missing } else { Fault::UnknownOp { digest: digest.to_owned() } };
            return Err(from.fault(fault));
        };
        match entry.state {
            State::Loaded(_) => Ok(None),
            State::Open => Err(from.fault(Fault::Cycle)),
            State::Unseen => {
                entry.state = State::Open;
                let op = decode_op(&entry.digest, entry.bytes)?;
                Ok(Some(Step { digest: entry.digest.clone(), op, next: 0 }))
            }
        }
    }

    /// Ends with an op whose inputs are loaded.
    fn close(&mut self, step: Step) -> Result<(), InvalidDefinition> {
        let Step { digest, op, .. } = step;
        let inputs = op
            .inputs
            .iter()
            .enumerate()
            .map(|(position, input)| {
                self.resolve(input, &Field { digest: &digest, path: format!("inputs[{position}]") })
            })
            .collect::<Result<Vec<_>, _>>()?;
        validate::op(&digest, &op)?;
        let metadata = self.metadata.get(digest.as_str()).cloned().unwrap_or_default();
        let name = names::vertex_name(&op, &metadata, &inputs, &self.vertices);
        if let Some(entry) = self.ops.get_mut(digest.as_str()) {
            entry.state = State::Loaded(self.vertices.len());
        }
        self.vertices.push(LoadedVertex { digest, op, metadata, inputs, name });
        Ok(())
    }

    /// The vertex and output that an input means.
    fn resolve(&self, input: &pb::Input, field: &Field<'_>) -> Result<(usize, usize), InvalidDefinition> {
        let vertex = match self.ops.get(&input.digest).map(|entry| entry.state) {
            Some(State::Loaded(vertex)) => vertex,
            _ => return Err(field.fault(Fault::UnknownOp { digest: input.digest.clone() })),
        };
        let outputs = self.vertices.get(vertex).map_or(0, |vertex| validate::output_count(&vertex.op));
        let index = usize::try_from(input.index).ok().filter(|index| *index < outputs).ok_or_else(|| {
            let allowed = validate::range_text(0, outputs);
            Field { digest: field.digest, path: format!("{}.index", field.path) }
                .fault(Fault::OutOfRange { value: input.index, allowed })
        })?;
        Ok((vertex, index))
    }
}
