//! What a solve came across.
//!
//! Owns what is told afterwards of a solve that has ended: what its sources were found to be, and under which keys the outputs of
//! its vertices are known. Holds nothing of the results themselves.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use hlb_llb::{Digest, pb};
use hlb_store::KeyId;

use crate::solver::vertex::Vertex;
use crate::why::SourcePart;

/// A solve that has ended.
#[derive(Debug)]
pub(crate) struct Trace {
    pub(crate) begun: SystemTime,
    pub(crate) ended: SystemTime,
    /// Those of inner graphs too.
    pub(crate) vertices: Vec<Traced>,
    /// The digest of the vertex whose output is the result, and the number of that output.
    pub(crate) target: (Digest, usize),
    /// Where the caller says that the graph came from.
    pub(crate) program: Option<pb::Source>,
}

/// A vertex of it.
#[derive(Debug)]
pub(crate) struct Traced {
    pub(crate) digest: Digest,
    pub(crate) op: pb::Op,
    /// Whether a shared cache is to hold its result, where that is said.
    pub(crate) export_cache: Option<bool>,
    /// The digest and the output of each input.
    pub(crate) inputs: Vec<(Digest, usize)>,
    /// What it was found to be, if it is a source.
    pub(crate) source: Option<SourcePart>,
    /// The keys of each output that was looked for; those that are only for this solve too.
    pub(crate) keys: BTreeMap<usize, Vec<KeyId>>,
}

impl Trace {
    pub(crate) fn of(vertices: &[Arc<Vertex>], begun: SystemTime, (target, output): (&Vertex, usize)) -> Self {
        Self {
            begun,
            ended: SystemTime::now(),
            vertices: vertices.iter().map(|vertex| traced(vertex)).collect(),
            target: (target.digest.clone(), output),
            program: None,
        }
    }

    /// That of a solve for which there was nothing to do.
    pub(crate) fn nothing() -> Self {
        let now = SystemTime::now();
        Self { begun: now, ended: now, vertices: Vec::new(), target: (Digest::of(""), 0), program: None }
    }
}

fn traced(vertex: &Vertex) -> Traced {
    Traced {
        digest: vertex.digest.clone(),
        op: vertex.op.clone(),
        export_cache: vertex.export_cache,
        inputs: vertex.inputs.iter().map(|input| (input.vertex.digest.clone(), input.output)).collect(),
        source: vertex.found.result().map(|found| found.part()),
        keys: vertex.keys(),
    }
}
