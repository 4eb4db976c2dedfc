//! Outputs that wait for others.
//!
//! Owns how outputs are numbered.

use crate::caps::Cap;
use crate::graph::{Annotations, NewVertex, Output};
use crate::pb;

/// What is waited for.
#[derive(Clone, Debug)]
pub struct PassthroughInput {
    /// The output; `None` is the empty file system, for which nobody waits.
    pub output: Option<Output>,
    /// Whether it is handed on, and not only waited for.
    pub handed_on: bool,
}

/// For each input that is handed on the same once all inputs are done; `None` for the others. `id` tells this vertex from
/// others that wait for the same. Where nothing is handed on, no vertex is made.
pub fn passthrough(
    id: impl Into<String>,
    inputs: Vec<PassthroughInput>,
    annotations: Annotations,
) -> Vec<Option<Output>> {
    let mut listed = Vec::new();
    let mut outputs = Vec::new();
    let mut numbers = Vec::with_capacity(inputs.len());
    for input in inputs {
        let (Some(output), handed_on) = (input.output, input.handed_on) else {
            numbers.push(None);
            continue;
        };
        numbers.push(handed_on.then_some(index(outputs.len())));
        if handed_on {
            outputs.push(index(listed.len()));
        }
        listed.push(output);
    }
    if outputs.is_empty() {
        return numbers.into_iter().map(|_| None).collect();
    }
    let kind = pb::OpKind::Passthrough(pb::PassthroughOp { id: id.into(), outputs });
    let caps = Cap::PassthroughOp.into();
    let vertex = NewVertex { kind, inputs: listed, listed: None, platform: None, caps, annotations }.build();
    numbers.into_iter().map(|number| number.map(|number| vertex.output(number))).collect()
}

fn index(position: usize) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
