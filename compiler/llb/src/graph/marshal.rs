//! From an output to a definition.
//!
//! Owns the order of ops, how equal ops become one, and what the terminal op says. Time and memory are a multiple of the
//! number of vertices, whatever the shape of the graph.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

use super::{Output, Vertex};
use crate::canonical::encode_op;
use crate::digest::Digest;
use crate::pb;

/// The definition of a graph: inputs before users, equal ops once, last the terminal op. `None` is the empty file system,
/// whose definition has no ops.
///
/// Equal ops collect what is said about each of them; where two say different things, the later one is right.
pub fn marshal(output: Option<&Output>, infos: Vec<pb::SourceInfo>) -> pb::Definition {
    let Some(output) = output else {
        return pb::Definition { source: Some(pb::Source { infos, ..Default::default() }), ..Default::default() };
    };
    let order = inputs_first(&output.vertex);
    let mut first = vec![false; order.len()];
    let mut metadata = Vec::with_capacity(order.len() + 1);
    // Mostly all have places, or none.
    let mut locations = Vec::with_capacity(if output.vertex.locations.is_none() { 0 } else { order.len() });
    let mut used = Used::default();
    // What stands together in the definition is made together: maps are later written, and dropped, in this order.
    for equal in by_digest(&order)
        .chunk_by(|(a_beginning, a), (b_beginning, b)| a_beginning == b_beginning && a.vertex.digest == b.vertex.digest)
    {
        let Some(((_, one), others)) = equal.split_first() else { continue };
        if let Some(first) = first.get_mut(one.position) {
            *first = true;
        }
        let digest = one.vertex.digest.to_string();
        let mut said = one.vertex.metadata();
        for (_, other) in others {
            merge_metadata(&mut said, other.vertex.metadata());
        }
        used.look(&said);
        let mut places = equal.iter().filter_map(|(_, place)| place.vertex.locations.as_ref());
        if let Some(first) = places.next() {
            let mut all = Arc::clone(first);
            places.for_each(|more| Arc::make_mut(&mut all).extend(more.iter().cloned()));
            locations.push((digest.clone(), pb::Locations { locations: all }));
        }
        metadata.push((digest, said));
    }
    let terminal = encode_op(&pb::Op { inputs: vec![output.to_input()], ..Default::default() });
    metadata.push((Digest::of(&terminal).to_string(), pb::OpMetadata { caps: used.caps(), ..Default::default() }));
    let ops = order.iter().zip(first).filter(|(_, first)| *first).map(|(vertex, _)| vertex.bytes.clone());
    let mut def = Vec::with_capacity(metadata.len());
    def.extend(ops.chain([terminal.into()]));
    pb::Definition {
        def,
        metadata: metadata.into_iter().collect(),
        source: Some(pb::Source { locations: locations.into_iter().collect(), infos }),
    }
}

/// Every vertex reachable from `root` once, each after its inputs.
fn inputs_first(root: &Vertex) -> Vec<&Vertex> {
    let mut order = Vec::new();
    let mut seen: HashSet<*const Vertex, BuildHasherDefault<AddressHasher>> = HashSet::default();
    seen.insert(std::ptr::from_ref(root));
    let mut path = vec![(root, root.inputs().iter())];
    while let Some((vertex, inputs)) = path.last_mut() {
        match inputs.next() {
            Some(input) => {
                let input = &*input.vertex;
                if seen.insert(std::ptr::from_ref(input)) {
                    path.push((input, input.inputs().iter()));
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

/// Spreads addresses, which nobody outside chooses, over the whole number.
#[derive(Default)]
struct AddressHasher(u64);

impl Hasher for AddressHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_usize(usize::from(*byte)));
    }

    fn write_usize(&mut self, address: usize) {
        // An odd number near 2^64 divided by the golden ratio. The high bits are the good ones.
        self.0 = (self.0 ^ address as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(26);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A vertex and where it stands among all.
#[derive(Clone, Copy)]
struct Place<'a> {
    position: usize,
    vertex: &'a Vertex,
}

/// The vertices sorted by digest, equal ones in their order. The beginning of each digest stands with it, so that few
/// comparisons have to look at the digest itself.
fn by_digest<'a>(order: &[&'a Vertex]) -> Vec<(u64, Place<'a>)> {
    let places = order.iter().copied().enumerate().map(|(position, vertex)| Place { position, vertex });
    let mut sorted: Vec<(u64, Place<'a>)> = places.map(|place| (place.vertex.digest.beginning(), place)).collect();
    sorted.sort_unstable_by(|(a_beginning, a), (b_beginning, b)| {
        a_beginning
            .cmp(b_beginning)
            .then_with(|| a.vertex.digest.cmp(&b.vertex.digest))
            .then_with(|| a.position.cmp(&b.position))
    });
    sorted
}

fn merge_metadata(into: &mut pb::OpMetadata, from: pb::OpMetadata) {
    into.ignore_cache |= from.ignore_cache;
    into.description.extend(from.description);
    into.export_cache = from.export_cache.or(into.export_cache);
    into.caps.extend_with(from.caps);
    if from.progress_group.is_some() {
        into.progress_group = from.progress_group;
    }
    if from.linux_resources.is_some() {
        into.linux_resources = from.linux_resources;
    }
}

/// What reading the graph as a whole needs.
#[derive(Default)]
struct Used {
    ignore_cache: bool,
    description: bool,
    export_cache: bool,
}

impl Used {
    fn look(&mut self, metadata: &pb::OpMetadata) {
        self.ignore_cache |= metadata.ignore_cache;
        self.description |= !metadata.description.is_empty();
        self.export_cache |= metadata.export_cache.is_some();
    }

    fn caps(&self) -> pb::Capabilities {
        let all = [
            ("constraints", true),
            ("meta.description", self.description),
            ("meta.exportcache", self.export_cache),
            ("meta.ignorecache", self.ignore_cache),
            ("platform", true),
        ];
        all.into_iter().filter(|(_, used)| *used).map(|(cap, used)| (cap.to_owned(), used)).collect()
    }
}
