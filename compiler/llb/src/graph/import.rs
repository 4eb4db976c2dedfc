//! Definitions of others as parts of a graph.
//!
//! Owns how loaded ops become vertices. Their bytes stay as they came, since digests are those of the bytes: whatever
//! order and encoding a foreign client chose, its ops keep their names and so their cache.

use std::sync::Arc;

use super::{Output, Vertex};
use crate::caps::Caps;
use crate::definition::{Fault, InvalidDefinition, Loaded, load};
use crate::pb;

/// The output that a definition requests; `None` is the empty file system.
///
/// The definition is checked as `definition::Graph::load` does. Its source files are appended to `infos`, what is later
/// given to `marshal`, and the places of its ops are made to mean them there, in front of `calls`, the places that asked
/// for it; on an error `infos` stays as it was. Ops that the requested one does not need are left out. Vertices of equal
/// digest that are imported twice are one again when they are marshalled.
pub fn import(
    definition: &pb::Definition,
    infos: &mut Vec<pb::SourceInfo>,
    calls: &[pb::Location],
) -> Result<Option<Output>, InvalidDefinition> {
    let Loaded { graph, positions } = load(definition)?;
    let before = infos.len();
    let source = definition.source.as_ref();
    let own = source.map_or(&[][..], |source| source.infos.as_slice());
    let mut made: Vec<Arc<Vertex>> = Vec::with_capacity(graph.vertices.len());
    for (loaded, position) in graph.vertices.into_iter().zip(positions) {
        let places = source.and_then(|source| source.locations.get(loaded.digest.as_str()));
        let mut locations = places.map_or_else(Vec::new, |places| places.locations.to_vec());
        for (place, location) in locations.iter_mut().enumerate() {
            let known = usize::try_from(location.source_index).ok().filter(|index| *index < own.len());
            let shifted = known.and_then(|index| i32::try_from(index + before).ok());
            location.source_index = shifted.ok_or_else(|| InvalidDefinition::Field {
                digest: loaded.digest.clone(),
                field: format!("source.locations[{place}].sourceIndex").into(),
                fault: Fault::out_of_range(i64::from(location.source_index), 0, own.len()),
            })?;
        }
        locations.extend_from_slice(calls);
        let output = |(vertex, index): (usize, usize)| {
            let vertex = Arc::clone(made.get(vertex)?);
            Some(Output { vertex, index: i64::try_from(index).ok()? })
        };
        made.push(Arc::new(Vertex {
            digest: loaded.digest,
            bytes: definition.def.get(position).cloned().unwrap_or_default(),
            caps: Caps::default(),
            said: Some(Box::new(loaded.metadata)),
            locations: (!locations.is_empty()).then(|| Arc::new(locations)),
            // Loading put them all before.
            inputs: loaded.inputs.into_iter().filter_map(output).collect::<Vec<_>>().into(),
        }));
    }
    infos.extend(own.iter().cloned());
    Ok(graph.target.and_then(|(vertex, index)| Some(made.get(vertex)?.output(i64::try_from(index).ok()?))))
}
