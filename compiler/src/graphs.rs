//! The graphs of a request, with what each is for.
//!
//! Owns their order and the words for results. Solves nothing.

use hlb_llb::pb;

use crate::request::{Content, Export, ExportTo, Request, Solve};

/// A graph, and all that it is wanted for.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The graph.
    pub definition: pb::Definition,
    /// What it is for, such as ``result of `default` ``; at least one.
    pub labels: Vec<String>,
}

/// The graphs of a request in the order in which they are asked for, each once.
pub fn wanted(request: Request) -> Vec<Wanted> {
    let mut all = Vec::new();
    collect(request, &mut all);
    all
}

fn collect(request: Request, all: &mut Vec<Wanted>) {
    match request {
        Request::Nil => {}
        Request::Solve(solve) => {
            let Solve { definition, exports, name, .. } = *solve;
            // What is exported is the result, and need not be said twice.
            let mut written = exports.iter().flat_map(Export::variants);
            let exported = written.any(|variant| variant.definition.def == definition.def);
            exports.into_iter().for_each(|export| written_out(export, all));
            if !exported {
                add(definition, format!("result of `{name}`"), all);
            }
        }
        Request::Parallel(parts) | Request::Sequential(parts) => {
            parts.into_iter().for_each(|part| collect(part, all));
        }
    }
}

fn written_out(export: Export, all: &mut Vec<Wanted>) {
    let to = destination(&export.to);
    match export.content {
        Content::One(one) => add(one.definition, to, all),
        Content::Index(variants) => variants.into_iter().for_each(|variant| {
            let label = format!("{to} for {}", variant.platform);
            add(variant.definition, label, all);
        }),
    }
}

fn add(definition: pb::Definition, label: String, all: &mut Vec<Wanted>) {
    match all.iter_mut().find(|known| known.definition.def == definition.def) {
        Some(known) if known.labels.contains(&label) => {}
        Some(known) => known.labels.push(label),
        None => all.push(Wanted { definition, labels: vec![label] }),
    }
}

/// Where an export goes, in words.
pub fn destination(to: &ExportTo) -> String {
    match to {
        ExportTo::Directory(path) => format!("directory `{path}`"),
        ExportTo::Tar(path) => format!("tar file `{path}`"),
        ExportTo::OciTar(path) => format!("image in the OCI layout `{path}`"),
        ExportTo::DockerTar { path, reference } => format!("image `{reference}` in the Docker file `{path}`"),
        ExportTo::DockerEngine(reference) => format!("image `{reference}` in the Docker engine"),
        ExportTo::Registry { reference, .. } => format!("image `{reference}` in its registry"),
    }
}
