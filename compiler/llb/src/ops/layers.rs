//! Merges and diffs.
//!
//! Owns how inputs are numbered, which for these keeps duplicates.

use crate::caps::Cap;
use crate::graph::{Annotations, NewVertex, Output};
use crate::pb;

/// The inputs laid over each other, later ones on top. Of one or none nothing needs to be merged.
pub fn merge(inputs: Vec<Output>, annotations: Annotations) -> Option<Output> {
    if inputs.len() < 2 {
        return inputs.into_iter().next();
    }
    let positions = (0..).take(inputs.len()).map(|input| pb::MergeInput { input }).collect();
    Some(layers(pb::OpKind::Merge(pb::MergeOp { inputs: positions }), inputs, Cap::MergeOp, annotations))
}

/// The changes that turn `lower` into `upper`. From the empty file system they are `upper` itself.
pub fn diff(lower: Option<Output>, upper: Option<Output>, annotations: Annotations) -> Option<Output> {
    let lower = match lower {
        Some(lower) => lower,
        None => return upper,
    };
    let kind = pb::OpKind::Diff(pb::DiffOp {
        lower: Some(pb::LowerDiffInput { input: 0 }),
        upper: Some(pb::UpperDiffInput { input: if upper.is_some() { 1 } else { -1 } }),
    });
    let inputs: Vec<Output> = std::iter::once(lower).chain(upper).collect();
    Some(layers(kind, inputs, Cap::DiffOp, annotations))
}

/// Layers are for no platform of their own.
fn layers(kind: pb::OpKind, inputs: Vec<Output>, cap: Cap, annotations: Annotations) -> Output {
    NewVertex { kind, inputs, listed: None, platform: None, caps: cap.into(), annotations }.build().output(0)
}
