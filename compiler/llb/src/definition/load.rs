//! From encoded ops to a checked graph.
//!
//! Owns how ops hang together: which digests are known, in which order vertices stand, which outputs inputs mean. What an
//! op must look like by itself is `validate`'s. Keeps an own stack, since a chain can be as long as a definition.

use std::collections::{HashMap, hash_map};

use super::{Fault, Field, Graph, InvalidDefinition, LoadedVertex, decode_op, names, validate};
use crate::digest::Digest;
use crate::pb;

/// A checked graph, and where its ops came from.
pub(crate) struct Loaded {
    pub(crate) graph: Graph,
    /// For each vertex the position of its bytes in `Definition::def`.
    pub(crate) positions: Vec<usize>,
}

/// Decodes and checks a definition.
pub(crate) fn load(definition: &pb::Definition) -> Result<Loaded, InvalidDefinition> {
    let mut entries: Vec<Entry> = Vec::with_capacity(definition.def.len());
    let mut known: HashMap<Digest, usize> = HashMap::with_capacity(definition.def.len());
    let mut last = None;
    for (position, bytes) in definition.def.iter().enumerate() {
        let entry = match known.entry(Digest::of(bytes)) {
            hash_map::Entry::Occupied(entry) => *entry.get(),
            hash_map::Entry::Vacant(entry) => {
                entries.push(Entry::new(entry.key(), bytes, position)?);
                *entry.insert(entries.len() - 1)
            }
        };
        last = Some(entry);
    }
    let Some((end, terminal)) = last.and_then(|end| Some((end, entries.get(end)?))) else {
        return Ok(Loaded { graph: Graph { vertices: Vec::new(), target: None }, positions: Vec::new() });
    };
    let (digest, requested) = match terminal.inputs.as_slice() {
        [input] if terminal.does_nothing => (terminal.digest.clone(), input.index),
        _ => return Err(InvalidDefinition::NotTerminal { digest: terminal.digest.clone() }),
    };
    link(&mut entries, &known)?;
    let source = entries.get(end).and_then(|terminal| terminal.sources.first()).copied().unwrap_or_default();

    let mut loader = Loader { definition, entries, vertices: Vec::new(), positions: Vec::new() };
    loader.load(source)?;
    let target =
        loader.resolve(source, requested, |part| Field { digest: &digest, path: format!("inputs[0]{part}") })?;
    Ok(Loaded { graph: Graph { vertices: loader.vertices, target: Some(target) }, positions: loader.positions })
}

/// An op of the definition. Equal ones are one.
struct Entry {
    digest: Digest,
    /// Of its bytes, the first time.
    position: usize,
    /// The op without its inputs, or what is wrong with it, which matters only if it is needed. Looked for at once: an op
    /// that says nothing in many words takes much more memory than it has bytes, and is not kept.
    op: Result<Box<pb::Op>, Box<InvalidDefinition>>,
    inputs: Vec<pb::Input>,
    does_nothing: bool,
    outputs: usize,
    /// For each input the position of the entry that it names.
    sources: Vec<usize>,
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

impl Entry {
    fn new(digest: &Digest, bytes: &[u8], position: usize) -> Result<Self, InvalidDefinition> {
        let mut op = Box::new(decode_op(digest, bytes)?);
        let fault = validate::op(digest, &op).err();
        let inputs = std::mem::take(&mut op.inputs);
        let does_nothing = op.op.is_none();
        let outputs = validate::output_count(&op);
        let op = fault.map_or(Ok(op), |fault| Err(Box::new(fault)));
        let (digest, sources, state) = (digest.clone(), Vec::new(), State::Unseen);
        Ok(Self { digest, position, op, inputs, does_nothing, outputs, sources, state })
    }

    fn field(&self, path: String) -> Field<'_> {
        Field { digest: &self.digest, path }
    }
}

/// Finds what all inputs name, also those of ops that are not needed.
fn link(entries: &mut [Entry], known: &HashMap<Digest, usize>) -> Result<(), InvalidDefinition> {
    let outputs: Vec<usize> = entries.iter().map(|entry| entry.outputs).collect();
    for entry in entries {
        let mut sources = Vec::with_capacity(entry.inputs.len());
        for (place, input) in entry.inputs.iter().enumerate() {
            let Some(source) = known.get(input.digest.as_str()) else {
                let digest = input.digest.clone();
                let fault = if digest.is_empty() { Fault::Missing } else { Fault::UnknownOp { digest } };
                return Err(entry.field(format!("inputs[{place}].digest")).fault(fault));
            };
            if input.index < 0 {
                let outputs = outputs.get(*source).copied().unwrap_or_default();
                let fault = Fault::out_of_range(input.index, 0, outputs);
                return Err(entry.field(format!("inputs[{place}].index")).fault(fault));
            }
            sources.push(*source);
        }
        entry.sources = sources;
    }
    Ok(())
}

struct Loader<'a> {
    definition: &'a pb::Definition,
    entries: Vec<Entry>,
    vertices: Vec<LoadedVertex>,
    positions: Vec<usize>,
}

impl Loader<'_> {
    /// Loads an op after its inputs.
    fn load(&mut self, position: usize) -> Result<(), InvalidDefinition> {
        let mut path = vec![(position, 0)];
        while let Some((position, next)) = path.last_mut() {
            let Some(entry) = self.entries.get_mut(*position) else { break };
            entry.state = State::Open;
            let place = *next;
            *next += 1;
            let Some(source) = entry.sources.get(place).copied() else {
                let position = *position;
                path.pop();
                self.close(position)?;
                continue;
            };
            match self.entries.get(source).map(|source| source.state) {
                Some(State::Unseen) => path.push((source, 0)),
                // It would take bytes that contain their own digest.
                Some(State::Open) => return Err(self.cycle(*position, place)),
                Some(State::Loaded(_)) | None => {}
            }
        }
        Ok(())
    }

    fn cycle(&self, position: usize, place: usize) -> InvalidDefinition {
        let digest = self.entries.get(position).map_or_else(|| Digest::of(""), |entry| entry.digest.clone());
        Field { digest: &digest, path: format!("inputs[{place}].digest") }.fault(Fault::Cycle)
    }

    /// Ends with an op whose inputs are loaded.
    fn close(&mut self, position: usize) -> Result<(), InvalidDefinition> {
        let Some(entry) = self.entries.get_mut(position) else { return Ok(()) };
        entry.state = State::Loaded(self.vertices.len());
        let (digest, bytes) = (entry.digest.clone(), entry.position);
        let (named, sources) = (std::mem::take(&mut entry.inputs), std::mem::take(&mut entry.sources));
        let op = std::mem::replace(&mut entry.op, Ok(Box::default()));
        let mut inputs = Vec::with_capacity(sources.len());
        for (place, (input, source)) in named.iter().zip(sources).enumerate() {
            let field = |part: &str| Field { digest: &digest, path: format!("inputs[{place}]{part}") };
            inputs.push(self.resolve(source, input.index, field)?);
        }
        let op = pb::Op { inputs: named, ..*op.map_err(|fault| *fault)? };
        let metadata = self.definition.metadata.get(digest.as_str()).cloned().unwrap_or_default();
        let name = names::vertex_name(&op, &metadata, &inputs, &self.vertices);
        self.vertices.push(LoadedVertex { digest, op, metadata, inputs, name });
        self.positions.push(bytes);
        Ok(())
    }

    /// The vertex and output that an input means. `field` names the input, or a part of it.
    fn resolve<'d>(
        &self,
        source: usize,
        index: i64,
        field: impl Fn(&str) -> Field<'d>,
    ) -> Result<(usize, usize), InvalidDefinition> {
        let Some((State::Loaded(vertex), outputs)) = self.entries.get(source).map(|entry| (entry.state, entry.outputs))
        else {
            return Err(field(".digest").fault(Fault::Cycle));
        };
        match usize::try_from(index) {
            Ok(index) if index < outputs => Ok((vertex, index)),
            _ => Err(field(".index").fault(Fault::out_of_range(index, 0, outputs))),
        }
    }
}
