//! Build graphs while they are made.
//!
//! Owns immutable vertices, shared by reference, and the way from an output to a definition. Knows neither what an op
//! means nor which capabilities it needs (`ops`).

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use crate::canonical::encode_op;
use crate::digest::Digest;
use crate::pb;

/// One output of a vertex. Two are equal if vertex digest and index are.
#[derive(Clone)]
pub struct Output {
    /// The vertex.
    pub vertex: Arc<Vertex>,
    /// Which of its outputs.
    pub index: i64,
}

/// An op that can no longer change, with what is said about it.
pub struct Vertex {
    digest: Digest,
    bytes: Vec<u8>,
    metadata: pb::OpMetadata,
    locations: Vec<pb::Location>,
    /// In the order in which a definition lists them, which need not be the order in the op.
    inputs: Vec<Output>,
}

/// What a caller says about a vertex without changing its digest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Annotations {
    /// Name for people, instead of one made from the op.
    pub name: Option<String>,
    /// Further texts for people and tools.
    pub description: BTreeMap<String, String>,
    /// Whether it is done even if its result is known.
    pub ignore_cache: bool,
    /// Whether its result goes into exported caches; `None` leaves it to the exporter.
    pub export_cache: Option<bool>,
    /// Under which heading its progress is shown.
    pub progress_group: Option<pb::ProgressGroup>,
    /// Limits for its processes.
    pub linux_resources: Option<pb::LinuxResources>,
    /// Where it was written; `source_index` is the position in what `marshal` is given.
    pub locations: Vec<pb::Location>,
}

/// Key in a description that holds the name for people.
pub(crate) const CUSTOM_NAME: &str = "llb.customname";

/// The definition of a graph: inputs before users, equal ops once, last the terminal op. `None` is the empty file system,
/// whose definition has no ops.
pub fn marshal(output: Option<&Output>, infos: Vec<pb::SourceInfo>) -> pb::Definition {
    let Some(output) = output else {
        return pb::Definition { source: Some(pb::Source { infos, ..Default::default() }), ..Default::default() };
    };
    let mut definition = pb::Definition::default();
    let mut locations: BTreeMap<String, pb::Locations> = BTreeMap::new();
    let mut listed: HashSet<&Digest> = HashSet::new();
    for vertex in inputs_first(&output.vertex) {
        let key = vertex.digest.to_string();
        merge_metadata(definition.metadata.entry(key.clone()).or_default(), &vertex.metadata);
        if !vertex.locations.is_empty() {
            locations.entry(key).or_default().locations.extend(vertex.locations.iter().cloned());
        }
        if listed.insert(&vertex.digest) {
            definition.def.push(vertex.bytes.clone());
        }
    }
    let terminal = encode_op(&pb::Op { inputs: vec![output.to_input()], ..Default::default() });
    let caps = terminal_caps(definition.metadata.values());
    definition.metadata.entry(Digest::of(&terminal).to_string()).or_default().caps = caps;
    definition.def.push(terminal);
    definition.source = Some(pb::Source { locations, infos });
    definition
}

impl Output {
    /// How other ops refer to it.
    pub fn to_input(&self) -> pb::Input {
        pb::Input { digest: self.vertex.digest.to_string(), index: self.index }
    }
}

impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index && self.vertex.digest == other.vertex.digest
    }
}

impl Eq for Output {}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.vertex.digest, self.index)
    }
}

impl Vertex {
    /// A vertex from an op whose inputs are set. `inputs` are the same outputs in the order in which a definition lists
    /// them.
    pub(crate) fn new(op: &pb::Op, caps: &[&str], annotations: Annotations, inputs: Vec<Output>) -> Arc<Self> {
        let bytes = encode_op(op);
        let Annotations {
            name,
            mut description,
            ignore_cache,
            export_cache,
            progress_group,
            linux_resources,
            locations,
        } = annotations;
        if let Some(name) = name {
            description.insert(CUSTOM_NAME.to_owned(), name);
        }
        let metadata = pb::OpMetadata {
            ignore_cache,
            description,
            export_cache: export_cache.map(|value| pb::ExportCache { value }),
            caps: caps.iter().map(|cap| ((*cap).to_owned(), true)).collect(),
            progress_group,
            linux_resources,
        };
        Arc::new(Self { digest: Digest::of(&bytes), bytes, metadata, locations, inputs })
    }

    /// A vertex whose op somebody else encoded.
    pub(crate) fn foreign(
        digest: Digest,
        bytes: Vec<u8>,
        metadata: pb::OpMetadata,
        locations: Vec<pb::Location>,
        inputs: Vec<Output>,
    ) -> Arc<Self> {
        Arc::new(Self { digest, bytes, metadata, locations, inputs })
    }

    /// Digest of the op.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// What is said about it.
    pub fn metadata(&self) -> &pb::OpMetadata {
        &self.metadata
    }

    /// One of its outputs.
    pub fn output(self: &Arc<Self>, index: i64) -> Output {
        Output { vertex: Arc::clone(self), index }
    }
}

impl std::fmt::Debug for Vertex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Vertex").field("digest", &self.digest).finish_non_exhaustive()
    }
}

impl Drop for Vertex {
    /// Long chains would overflow the stack if each vertex dropped the next.
    fn drop(&mut self) {
        let mut pending = std::mem::take(&mut self.inputs);
        while let Some(output) = pending.pop() {
            if let Some(mut vertex) = Arc::into_inner(output.vertex) {
                pending.append(&mut vertex.inputs);
            }
        }
    }
}

/// Every vertex reachable from `root` once, each after its inputs.
fn inputs_first(root: &Vertex) -> Vec<&Vertex> {
    let mut order = Vec::new();
    let mut seen: HashSet<*const Vertex> = HashSet::from([std::ptr::from_ref(root)]);
    let mut path = vec![(root, root.inputs.iter())];
    while let Some((vertex, inputs)) = path.last_mut() {
        match inputs.next() {
            Some(input) => {
                let input = &*input.vertex;
                if seen.insert(std::ptr::from_ref(input)) {
                    path.push((input, input.inputs.iter()));
                }
            }
            None => {
                order.push(*vertex);
                path.pop();
            }
        }
    }
    order
}

fn merge_metadata(into: &mut pb::OpMetadata, from: &pb::OpMetadata) {
    into.ignore_cache |= from.ignore_cache;
    into.description.extend(from.description.iter().map(|(name, text)| (name.clone(), text.clone())));
    into.export_cache = from.export_cache.or(into.export_cache);
    into.caps.extend(from.caps.iter().map(|(cap, wanted)| (cap.clone(), *wanted)));
    if from.progress_group.is_some() {
        into.progress_group.clone_from(&from.progress_group);
    }
    if from.linux_resources.is_some() {
        into.linux_resources.clone_from(&from.linux_resources);
    }
}

/// What reading the graph as a whole needs.
fn terminal_caps<'a>(all: impl Iterator<Item = &'a pb::OpMetadata>) -> BTreeMap<String, bool> {
    let mut caps = BTreeMap::from([("constraints".to_owned(), true), ("platform".to_owned(), true)]);
    for metadata in all {
        let used = [
            ("meta.ignorecache", metadata.ignore_cache),
            ("meta.description", !metadata.description.is_empty()),
            ("meta.exportcache", metadata.export_cache.is_some()),
        ];
        caps.extend(used.into_iter().filter(|(_, used)| *used).map(|(cap, _)| (cap.to_owned(), true)));
    }
    caps
}
