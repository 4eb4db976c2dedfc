//! What the client's options change in a graph that is made.
//!
//! Owns the rewriting of ops: each gets new bytes and a new digest, and so do all that read it. Knows nothing of the program.

use std::collections::{BTreeMap, HashMap};

use hlb_gateway::Failure;
use hlb_llb::definition::Graph;
use hlb_llb::graph::{Annotations, marshal};
use hlb_llb::{Digest, encode_op, ops, pb};
use prost::Message;

use super::place::Place;
use super::wanted::Wanted;

/// The changes that a client wants.
pub(crate) struct Changes<'a> {
    pub(crate) wanted: &'a Wanted,
    /// What stands for the directory that the client would offer.
    pub(crate) context: &'a Place,
}

/// A graph that grows.
#[derive(Default)]
struct Growing {
    made: pb::Definition,
    /// Where the outputs of ops are now, by the digests that they had.
    moved: HashMap<String, Moved>,
}

/// Where an op's result is now.
#[derive(Clone)]
enum Moved {
    /// In the op with this digest.
    To(String),
    /// In one output of another.
    Output(pb::Input),
}

impl Changes<'_> {
    /// The same graph with the changes.
    ///
    /// # Errors
    /// If it is none, or the context is the empty file system.
    pub(crate) fn apply(&self, mut definition: pb::Definition) -> Result<pb::Definition, Failure> {
        let Wanted { hosts, network, pull, .. } = self.wanted;
        if matches!(self.context, Place::Graph(_)) || !hosts.is_empty() || network.is_some() || *pull {
            definition = self.rewrite(&definition)?;
        }
        if self.wanted.no_cache {
            // The last is no step.
            for bytes in definition.def.iter().rev().skip(1) {
                definition.metadata.entry(Digest::of(bytes).to_string()).or_default().ignore_cache = true;
            }
        }
        Ok(definition)
    }

    fn rewrite(&self, definition: &pb::Definition) -> Result<pb::Definition, Failure> {
        let mut growing = Growing::default();
        growing.made.source = definition
            .source
            .as_ref()
            .map(|source| pb::Source { locations: BTreeMap::new(), infos: source.infos.clone() });
        for bytes in inputs_first(definition)? {
            let old = Digest::of(&bytes).to_string();
            let mut op = decode(&bytes)?;
            growing.follow(&mut op);
            if let (Place::Graph(context), Some(local)) = (self.context, self.reads_context(&op)) {
                let output = growing.graft(context, local)?;
                growing.moved.insert(old, Moved::Output(output));
                continue;
            }
            self.change(&mut op);
            let new = growing.push(&op);
            if let Some(metadata) = definition.metadata.get(&old) {
                growing.made.metadata.insert(new.clone(), metadata.clone());
            }
            if let (Some(from), Some(to)) = (&definition.source, &mut growing.made.source)
                && let Some(locations) = from.locations.get(&old)
            {
                to.locations.insert(new.clone(), locations.clone());
            }
            growing.moved.insert(old, Moved::To(new));
        }
        Ok(growing.made)
    }

    /// The op as a transfer of the context, if it is one.
    fn reads_context<'op>(&self, op: &'op pb::Op) -> Option<&'op pb::SourceOp> {
        let Some(pb::OpKind::Source(source)) = &op.op else { return None };
        (source.identifier.strip_prefix("local://") == Some(self.wanted.context_name.as_str())).then_some(source)
    }

    fn change(&self, op: &mut pb::Op) {
        match &mut op.op {
            Some(pb::OpKind::Exec(exec)) => {
                if let Some(network) = self.wanted.network
                    && exec.network == pb::NetMode::Unset as i32
                {
                    exec.network = network as i32;
                }
                if let Some(meta) = &mut exec.meta {
                    meta.extra_hosts.extend(self.wanted.hosts.iter().cloned());
                }
            }
            Some(pb::OpKind::Source(source))
                if self.wanted.pull && source.identifier.starts_with("docker-image://") =>
            {
                source.attrs.insert("image.resolvemode".to_owned(), "pull".to_owned());
            }
            _ => {}
        }
    }
}

impl Growing {
    /// Lets an op read what its inputs have become.
    fn follow(&self, op: &mut pb::Op) {
        for input in &mut op.inputs {
            match self.moved.get(&input.digest) {
                Some(Moved::To(digest)) => input.digest.clone_from(digest),
                Some(Moved::Output(output)) => input.clone_from(output),
                None => {}
            }
        }
    }

    /// Adds an op, once.
    fn push(&mut self, op: &pb::Op) -> String {
        self.push_bytes(encode_op(op).into())
    }

    fn push_bytes(&mut self, bytes: pb::Bytes) -> String {
        let digest = Digest::of(&bytes).to_string();
        if !self.made.def.contains(&bytes) {
            self.made.def.push(bytes);
        }
        digest
    }

    /// Adds another graph, and gives its output as far as a transfer would have taken it.
    fn graft(&mut self, graph: &pb::Definition, local: &pb::SourceOp) -> Result<pb::Input, Failure> {
        let ordered = inputs_first(graph)?;
        let Some((terminal, rest)) = ordered.split_last() else {
            return Err(Failure::request(
                "the build context is the empty file system, and the program reads files of it",
            ));
        };
        for bytes in rest {
            let digest = self.push_bytes(bytes.clone());
            if let Some(metadata) = graph.metadata.get(&digest) {
                self.made.metadata.entry(digest).or_insert_with(|| metadata.clone());
            }
        }
        let whole = decode(terminal)?.inputs.into_iter().next();
        let whole = whole.ok_or_else(|| Failure::request("the build context is a graph without a result"))?;
        let patterns = |name: &str| -> Vec<String> {
            local.attrs.get(name).and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
        };
        let (include, exclude) = (patterns("local.includepattern"), patterns("local.excludepatterns"));
        if include.is_empty() && exclude.is_empty() {
            return Ok(whole);
        }
        // The form of the copy is that of any other; only what it reads is ours to say.
        let stand_in = ops::http(ops::Http::new("http://context"), Annotations::default());
        let copy = ops::Copy { contents_only: true, include, exclude, ..ops::Copy::new(Some(stand_in), "/", "/") };
        let output = ops::file(None, vec![ops::FileStep::Copy(copy)], Annotations::default());
        let made = marshal(output.as_ref(), Vec::new());
        let mut op = decode(made.def.get(1).map(AsRef::as_ref).unwrap_or_default())?;
        let old = Digest::of(made.def.get(1).cloned().unwrap_or_default()).to_string();
        op.inputs = vec![whole];
        let digest = self.push(&op);
        if let Some(metadata) = made.metadata.get(&old) {
            self.made.metadata.insert(digest.clone(), metadata.clone());
        }
        Ok(pb::Input { digest, index: 0 })
    }
}

/// The bytes of all ops that are needed, inputs before users, the terminal op last.
fn inputs_first(definition: &pb::Definition) -> Result<Vec<pb::Bytes>, Failure> {
    let graph = Graph::load(definition).map_err(|error| Failure::new(format!("the graph is not valid: {error}")))?;
    let mut by_digest: HashMap<Digest, &pb::Bytes> =
        definition.def.iter().map(|bytes| (Digest::of(bytes), bytes)).collect();
    let mut ordered: Vec<pb::Bytes> =
        graph.vertices.iter().filter_map(|vertex| by_digest.remove(&vertex.digest).cloned()).collect();
    ordered.extend(definition.def.last().cloned());
    Ok(ordered)
}

fn decode(bytes: &[u8]) -> Result<pb::Op, Failure> {
    pb::Op::decode(bytes).map_err(|error| Failure::new(format!("an op cannot be read: {error}")))
}
