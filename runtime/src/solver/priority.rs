//! How urgent a step is: how long what waits for it takes.
//!
//! Owns the rank of a vertex, which is the time from its start to the end of the longest way from it to the target, by what the
//! steps took in earlier builds. Ranks are made when the first op of a graph wants to run: a build in which nothing runs needs
//! none.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use hlb_llb::pb;
use hlb_store::{MetaError, Store};

use crate::solver::key;
use crate::solver::vertex::Vertex;

/// The vertices of one graph, inputs before users, that have no ranks yet.
pub(crate) struct Unranked {
    pub(crate) vertices: Vec<Arc<Vertex>>,
    /// The build op whose graph it is, if it is one's.
    pub(crate) above: Option<Arc<Vertex>>,
}

impl Unranked {
    /// Ranks the vertices. One that is in several graphs has the greatest of its ranks.
    pub(crate) fn rank(self, store: &Store) -> Result<(), MetaError> {
        let names: Vec<Option<String>> = self.vertices.iter().map(|vertex| name(vertex)).collect();
        let known = store.durations(names.iter().flatten().map(String::as_str))?;
        let numbers: HashMap<*const Vertex, usize> =
            self.vertices.iter().enumerate().map(|(at, vertex)| (Arc::as_ptr(vertex), at)).collect();
        let steps = self.vertices.iter().zip(&names).map(|(vertex, name)| {
            let took = name.as_deref().and_then(|name| known.get(name).copied()).unwrap_or_else(|| usual(&vertex.op));
            let inputs = vertex.inputs.iter().filter_map(|input| numbers.get(&Arc::as_ptr(&input.vertex)).copied());
            (took, inputs.collect())
        });
        let after = self.above.as_ref().map_or(0, |vertex| vertex.rank());
        let steps: Vec<(Duration, Vec<usize>)> = steps.collect();
        for (vertex, rank) in self.vertices.iter().zip(ranks(&steps, after)) {
            vertex.raise(rank);
        }
        Ok(())
    }
}

/// The name by which the duration of a step is kept; `None` for what costs nothing worth knowing.
pub(crate) fn name(vertex: &Vertex) -> Option<String> {
    let inputs = vertex.inputs.len();
    let key = match &vertex.op.op {
        Some(pb::OpKind::Source(_)) => return Some(vertex.digest.to_string()),
        Some(pb::OpKind::Exec(exec)) => key::exec(exec, vertex.op.platform.as_ref(), inputs),
        Some(pb::OpKind::File(file)) => key::file(file, inputs),
        _ => return None,
    };
    // One that has no key is refused before it would run.
    Some(key.ok()?.digest.to_string())
}

/// What a step takes that never ran.
fn usual(op: &pb::Op) -> Duration {
    let millis = match &op.op {
        Some(pb::OpKind::Exec(_)) => 2000,
        Some(pb::OpKind::Source(source)) if source.identifier.starts_with("local://") => 200,
        Some(pb::OpKind::Source(_)) => 3000,
        Some(pb::OpKind::File(_)) => 50,
        _ => 0,
    };
    Duration::from_millis(millis)
}

/// The ranks of steps, in microseconds. A step is how long it takes and which earlier ones it reads; `after` is what comes when all
/// of them are done.
fn ranks(steps: &[(Duration, Vec<usize>)], after: u64) -> Vec<u64> {
    let mut ranks = vec![after; steps.len()];
    for (at, (took, inputs)) in steps.iter().enumerate().rev() {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let Some(rank) = ranks.get_mut(at) else { continue };
        *rank = rank.saturating_add(micros);
        let rank = *rank;
        for input in inputs {
            if let Some(input) = ranks.get_mut(*input) {
                *input = rank.max(*input);
            }
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rank_is_the_time_of_the_longest_way_to_the_end() {
        let check = |steps: &[(u64, &[usize])], after: u64, expected: &[u64]| {
            let steps: Vec<(Duration, Vec<usize>)> =
                steps.iter().map(|(took, inputs)| (Duration::from_micros(*took), inputs.to_vec())).collect();
            assert_eq!(ranks(&steps, after), expected);
        };
        check(&[], 0, &[]);
        check(&[(5, &[])], 0, &[5]);
        check(&[(1, &[]), (2, &[0]), (3, &[1])], 0, &[6, 5, 3]);
        // Two ways from the first: the longer counts.
        check(&[(1, &[]), (9, &[0]), (2, &[0]), (1, &[1, 2])], 0, &[11, 10, 3, 1]);
        // A graph in a graph has what comes after it before it.
        check(&[(1, &[]), (2, &[0])], 10, &[13, 12]);
        check(&[(u64::MAX, &[]), (2, &[0])], 0, &[u64::MAX, 2]);
    }
}
