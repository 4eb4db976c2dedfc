//! Build ops: graphs that a build has made itself.
//!
//! Owns the reading of such a graph from a file of an input, and how deep graphs may lie in graphs. It is solved as any
//! other, for the same caller and with no more rights.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;

use hlb_llb::definition::Graph;
use hlb_llb::pb;
use rustix::fs::{FileType, OFlags};

use crate::admission::admit;
use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::snapshot::Snapshot;
use crate::solver::edge;
use crate::solver::vertex::Vertex;
use crate::sys::root::Root;

/// The input that holds the graph, and the file in it unless the op names another.
const DEFINITION: &str = "buildkit.llb.definition";
const FILE_NAME: &str = "llbbuild.filename";
/// Nobody builds builders of builders that deep but by mistake.
const MAX_DEPTH: usize = 16;
/// The largest graph that is read.
const MAX_FILE: u64 = 64 << 20;

/// Solves the graph of the op.
pub(crate) async fn run(
    vertex: &Arc<Vertex>,
    op: &pb::BuildOp,
    inputs: &[Snapshot],
) -> Result<Vec<Snapshot>, SolveError> {
    let depth = vertex.depth + 1;
    if depth > MAX_DEPTH {
        let sentence =
            format!("graphs that make graphs are nested more than {MAX_DEPTH} deep: does one lead to itself?");
        return Err(SolveError::say(ErrorKind::Definition, sentence));
    }
    let bytes = definition(vertex, op, inputs).await?;
    let graph = Graph::decode(&bytes).map_err(|error| SolveError::new(ErrorKind::Definition, error))?;
    admit(&graph, &vertex.job.caller.allow)?;
    let vertices = vertex.job.engine.enter_inner(&graph, vertex);
    let Some((target, output)) = graph.target else { return Ok(vec![Snapshot::scratch()]) };
    let Some(target) = vertices.get(target) else {
        return Err(SolveError::say(ErrorKind::Definition, "the terminal op names no vertex"));
    };
    let done = edge::done(target, output).await?;
    Ok(vec![done.snapshot.clone()])
}

/// The bytes of the graph.
async fn definition(vertex: &Arc<Vertex>, op: &pb::BuildOp, inputs: &[Snapshot]) -> Result<Vec<u8>, SolveError> {
    let Some(input) = op.inputs.get(DEFINITION) else {
        return match &op.def {
            Some(definition) => Ok(hlb_llb::encode_definition(definition)),
            None => Err(SolveError::say(ErrorKind::Definition, format!("a build op has no input `{DEFINITION}`"))),
        };
    };
    let snapshot = usize::try_from(input.input).ok().and_then(|at| inputs.get(at)).cloned();
    let snapshot = snapshot.ok_or_else(super::missing_input)?;
    let name = op.attrs.get(FILE_NAME).filter(|name| !name.is_empty()).map_or(DEFINITION, String::as_str).to_owned();
    let vertex = Arc::clone(vertex);
    blocking(move || {
        let view = vertex.job.engine.snapshots.view(&snapshot);
        let view = view.map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
        read(view.path(), Path::new(&name)).map_err(|error| {
            let sentence = format!("cannot read a graph from the file `{name}` of a build: {error}");
            SolveError::say(ErrorKind::Step, sentence)
        })
    })
    .await
}

fn read(root: &Path, name: &Path) -> std::io::Result<Vec<u8>> {
    // Opening a pipe would wait for somebody to write into it.
    let open = Root::open(root)?.open_file(name, OFlags::RDONLY | OFlags::NONBLOCK)?;
    let stat = rustix::fs::fstat(&open)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(std::io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::from(open).take(MAX_FILE + 1).read_to_end(&mut bytes)?;
    if u64::try_from(bytes.len()).is_ok_and(|length| length > MAX_FILE) {
        return Err(std::io::Error::other(format!("it has more than {MAX_FILE} bytes")));
    }
    Ok(bytes)
}
