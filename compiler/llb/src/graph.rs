//! Build graphs while they are made.
//!
//! Owns immutable vertices, shared by reference. Knows neither what an op means nor which capabilities it needs (`ops`).
//! `marshal` goes from an output to a definition, `import` from a definition to an output.

mod import;
mod inputs;
mod marshal;

use std::collections::BTreeMap;
use std::sync::Arc;

use prost::bytes::Bytes;

use crate::canonical::{FieldOrder, OpParts};
use crate::caps::Caps;
use crate::digest::Digest;
use crate::pb;

use inputs::Inputs;

pub use import::import;
pub use marshal::marshal;

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
    /// In the order in which a definition lists them, which need not be the order in the op.
    inputs: Inputs,
    digest: Digest,
    /// What the op needs.
    caps: Caps,
    /// What else is said about it, which is mostly nothing.
    said: Option<Box<pb::OpMetadata>>,
    bytes: Bytes,
    /// None where there are no places.
    locations: Option<Arc<Vec<pb::Location>>>,
}

/// What a caller says about a vertex besides what it does. Nothing but `workers` changes its digest.
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
    /// Filters, in containerd's syntax, which a worker must match; none is any worker.
    pub workers: Vec<String>,
    /// Where it was written, innermost first; `source_index` is the position in what `marshal` is given.
    pub locations: Vec<pb::Location>,
}

/// Key in a description that holds the name for people.
pub(crate) const CUSTOM_NAME: &str = "llb.customname";

/// What becomes a vertex.
pub(crate) struct NewVertex {
    pub(crate) kind: pb::OpKind,
    /// In the order of the op.
    pub(crate) inputs: Vec<Output>,
    /// In the order of the definition, where that is another.
    pub(crate) listed: Option<Vec<Output>>,
    pub(crate) platform: Option<pb::Platform>,
    pub(crate) caps: Caps,
    pub(crate) annotations: Annotations,
}

impl Output {
    /// How other ops refer to it.
    pub fn to_input(&self) -> pb::Input {
        pb::Input { digest: self.vertex.digest.to_string(), index: self.index }
    }
}

impl PartialEq for Output {
    fn eq(&self, other: &Self) -> bool {
        self.index == other.index
            && (Arc::ptr_eq(&self.vertex, &other.vertex) || self.vertex.digest == other.vertex.digest)
    }
}

impl Eq for Output {}

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}@{}", self.vertex.digest, self.index)
    }
}

impl NewVertex {
    pub(crate) fn build(self) -> Arc<Vertex> {
        let Self { kind, inputs, listed, platform, caps, annotations } = self;
        let Annotations {
            name,
            mut description,
            ignore_cache,
            export_cache,
            progress_group,
            linux_resources,
            workers,
            locations,
        } = annotations;
        // Constraints are always there, also empty ones.
        let constraints = pb::WorkerConstraints { filter: workers };
        let parts = OpParts { kind: Some(&kind), platform: platform.as_ref(), constraints: Some(&constraints) };
        let named = inputs.iter().map(|input| (input.vertex.digest.as_ref(), input.index));
        let bytes = parts.encode(FieldOrder::ByNumber, named);
        if let Some(name) = name {
            description.insert(CUSTOM_NAME.to_owned(), name);
        }
        let metadata = pb::OpMetadata {
            ignore_cache,
            description,
            export_cache: export_cache.map(|value| pb::ExportCache { value }),
            caps: pb::Capabilities::default(),
            progress_group: progress_group.map(Box::new),
            linux_resources: linux_resources.map(Box::new),
        };
        let said = (metadata != pb::OpMetadata::default()).then(|| Box::new(metadata));
        let inputs = listed.unwrap_or(inputs).into();
        let locations = (!locations.is_empty()).then(|| Arc::new(locations));
        Arc::new(Vertex { digest: Digest::of(&bytes), caps, said, bytes: bytes.into(), locations, inputs })
    }
}

impl Vertex {
    /// Digest of the op.
    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// The encoded op.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What is said about it.
    pub fn metadata(&self) -> pb::OpMetadata {
        let mut metadata = self.said.as_deref().cloned().unwrap_or_default();
        metadata.caps.extend_with(self.caps.into());
        metadata
    }

    /// Where it was written.
    pub fn locations(&self) -> &[pb::Location] {
        self.locations.as_ref().map_or(&[], |all| all.as_slice())
    }

    /// What it reads, in the order in which a definition lists it.
    pub fn inputs(&self) -> &[Output] {
        self.inputs.as_slice()
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
        let mut pending = Vec::new();
        let mut next = Some(std::mem::take(&mut self.inputs));
        while let Some(inputs) = next {
            inputs.each(|output| {
                pending.extend(Arc::into_inner(output.vertex).map(|mut vertex| std::mem::take(&mut vertex.inputs)));
            });
            next = pending.pop();
        }
    }
}
