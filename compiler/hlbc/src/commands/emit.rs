//! `hlbc emit`.
//!
//! Owns the two forms in which LLB is printed.

use hlb_compiler::Request;
use hlb_llb::json::ToJson;
use hlb_llb::{Digest, encode_definition, pb};
use hlb_registry::Images;
use prost::Message;

use crate::cli::{self, EmitFormat};
use crate::config::Places;
use crate::error::{Failure, Kind};
use crate::report::Screen;
use crate::world::{OsWorld, Outside};
use crate::{interrupt, program};

pub(crate) fn emit(args: &cli::Emit, screen: Screen) -> Result<(), Failure> {
    let file = program::find(&args.program)?;
    let checked = program::check(&OsWorld::quiet(), &file, screen)?;
    let (tokio, cancel) = interrupt::start()?;
    let images = if args.no_resolve { None } else { Some(Images::new(Places::here().registries()?)) };
    let handle = tokio.handle().clone();
    let world = OsWorld::open(Outside { handle, cancel: cancel.clone(), images: images.as_ref(), executor: None });
    let targets = [args.target.clone()];
    let request = program::compile(&world, &checked, &targets, args.platform.as_ref(), screen, &cancel)?;
    let mut graphs = Vec::new();
    collect(request, &mut graphs);
    match args.format {
        EmitFormat::Json => super::print(json(&graphs)?.as_bytes()),
        EmitFormat::Pb => match graphs.as_slice() {
            [] => super::print(&encode_definition(&pb::Definition::default())),
            [graph] => super::print(&encode_definition(graph)),
            graphs => Err(Failure::new(
                Kind::Usage,
                format!("`{}` asks for {} graphs, and `pb` holds one", args.target, graphs.len()),
            )
            .help("name one of the targets that it calls, or use `--format json`")),
        },
    }
}

/// The graphs of a request in the order in which they are asked for, each once.
fn collect(request: Request, graphs: &mut Vec<pb::Definition>) {
    match request {
        Request::Nil => {}
        Request::Solve(solve) => {
            let exports = solve.exports.into_iter().map(|export| export.definition);
            for graph in exports.chain([solve.definition]) {
                if graphs.iter().all(|known| known.def != graph.def) {
                    graphs.push(graph);
                }
            }
        }
        Request::Parallel(parts) | Request::Sequential(parts) => {
            parts.into_iter().for_each(|part| collect(part, graphs));
        }
    }
}

/// One op a line, with its digest and what is said about it.
fn json(graphs: &[pb::Definition]) -> Result<String, Failure> {
    let mut text = String::new();
    for bytes in graphs.iter().flat_map(|graph| &graph.def) {
        let op = pb::Op::decode(bytes.as_slice())
            .map_err(|error| Failure::new(Kind::Program, "an op cannot be read back").because(error))?;
        text.push_str(&format!("{{\"Digest\":\"{}\",\"Op\":{}}}\n", Digest::of(bytes), op.to_json()));
    }
    Ok(text)
}
