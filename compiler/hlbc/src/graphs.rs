//! The graphs of a request, with what each is for.
//!
//! Owns their order and the words for results. Solves nothing.

use hlb_compiler::{Content, Export, ExportTo, Platform, Request, Solve};
use hlb_llb::{Graph, Plan, pb};

use crate::definition;
use crate::error::Failure;

/// A graph, and all that it is wanted for.
pub(crate) struct Wanted {
    pub(crate) definition: pb::Definition,
    labels: Vec<String>,
}

/// Graphs that were checked.
pub(crate) struct Graphs(Vec<(Graph, Option<pb::Source>, Vec<String>)>);

/// The graphs of a request in the order in which they are asked for, each once.
pub(crate) fn wanted(request: Request) -> Vec<Wanted> {
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
            let Platform { os, architecture, variant: version } = &variant.platform;
            let platform = hlb_registry::Platform::new(os, architecture, version);
            add(variant.definition, format!("{to} for {platform}"), all);
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
pub(crate) fn destination(to: &ExportTo) -> String {
    match to {
        ExportTo::Directory(path) => format!("directory `{path}`"),
        ExportTo::Tar(path) => format!("tar file `{path}`"),
        ExportTo::OciTar(path) => format!("image in the OCI layout `{path}`"),
        ExportTo::DockerTar { path, reference } => format!("image `{reference}` in the Docker file `{path}`"),
        ExportTo::DockerEngine(reference) => format!("image `{reference}` in the Docker engine"),
        ExportTo::Registry { reference, .. } => format!("image `{reference}` in its registry"),
    }
}

impl Graphs {
    /// Checks graphs.
    ///
    /// # Errors
    /// If one is none.
    pub(crate) fn load(wanted: Vec<Wanted>) -> Result<Self, Failure> {
        let load = |it: Wanted| {
            let graph = definition::load("the LLB of the program", &it.definition)?;
            Ok((graph, it.definition.source, it.labels))
        };
        Ok(Self(wanted.into_iter().map(load).collect::<Result<_, Failure>>()?))
    }

    /// The one graph of a definition.
    ///
    /// # Errors
    /// If it is none.
    pub(crate) fn of(name: &str, definition: pb::Definition) -> Result<Self, Failure> {
        let graph = definition::load(name, &definition)?;
        Ok(Self(vec![(graph, definition.source, vec!["result".to_owned()])]))
    }

    /// All of it as steps.
    pub(crate) fn plan(&self) -> Plan<'_> {
        let mut plan = Plan::new();
        for (graph, source, labels) in &self.0 {
            labels.iter().for_each(|label| plan.add(graph, source.as_ref(), label));
        }
        plan
    }
}
