//! Graphs that somebody else made, as part of one's own.
//!
//! Owns the way back from a definition to vertices. Their bytes, and so their digests, stay as they came.

use std::collections::HashMap;

use crate::definition::{Graph, InvalidDefinition};
use crate::digest::Digest;
use crate::graph::{Output, Vertex};
use crate::pb;

/// The requested output of a definition; `None` is the empty file system. `place` makes the locations of a vertex from those
/// that the definition gives it, whose `source_index` means the definition's own files.
///
/// # Errors
/// If the definition is not valid.
pub fn import(
    definition: &pb::Definition,
    place: impl Fn(&[pb::Location]) -> Vec<pb::Location>,
) -> Result<Option<Output>, InvalidDefinition> {
    let graph = Graph::load(definition)?;
    let bytes: HashMap<Digest, &Vec<u8>> = definition.def.iter().map(|bytes| (Digest::of(bytes), bytes)).collect();
    let places = definition.source.as_ref().map(|source| &source.locations);
    let mut outputs: Vec<Output> = Vec::with_capacity(graph.vertices.len());
    let output = |made: &[Output], (position, index): (usize, usize)| {
        let vertex = &made.get(position)?.vertex;
        Some(vertex.output(i64::try_from(index).unwrap_or(i64::MAX)))
    };
    for vertex in graph.vertices {
        let inputs = vertex.inputs.iter().filter_map(|input| output(&outputs, *input)).collect();
        let known =
            places.and_then(|places| places.get(vertex.digest.as_str())).map(|known| known.locations.as_slice());
        let locations = place(known.unwrap_or_default());
        let bytes = bytes.get(&vertex.digest).map(|bytes| (*bytes).clone()).unwrap_or_default();
        outputs.push(Vertex::foreign(vertex.digest, bytes, vertex.metadata, locations, inputs).output(0));
    }
    Ok(graph.target.and_then(|target| output(&outputs, target)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::{Annotations, marshal};
    use crate::ops;

    #[test]
    fn what_is_imported_has_the_same_bytes() {
        let platform = pb::Platform { os: "linux".to_owned(), architecture: "amd64".to_owned(), ..Default::default() };
        let base = ops::image(ops::Image::new("docker.io/library/a:latest", platform.clone()), Annotations::default());
        let mut exec = ops::Exec::new(Some(base), vec!["make".to_owned()], "/", platform);
        exec.mounts.push(ops::ExecMount::bind("/out", None));
        let location = pb::Location { source_index: 0, ranges: Vec::new() };
        let made = exec.build(Annotations { locations: vec![location.clone()], ..Annotations::default() });
        let info = pb::SourceInfo { filename: "Dockerfile".to_owned(), ..Default::default() };
        let before = marshal(made.mounts[0].as_ref(), vec![info.clone()]);
        let keep = |known: &[pb::Location]| known.to_vec();
        let output = import(&before, keep).unwrap();
        assert_eq!(output.as_ref().map(|output| output.index), Some(1));
        assert_eq!(marshal(output.as_ref(), vec![info]), before);
        assert_eq!(import(&marshal(None, Vec::new()), keep), Ok(None));
        assert!(import(&pb::Definition { def: vec![vec![255]], ..Default::default() }, keep).is_err());
    }
}
