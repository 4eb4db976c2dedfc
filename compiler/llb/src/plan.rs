//! What a build will do: the vertices of one or more graphs as numbered steps.
//!
//! Owns the numbers, the names of outputs, what a step uses an input for, and where each step was written. Everything that
//! shows graphs to people stands on this. Draws nothing itself.

use std::collections::HashMap;
use std::fmt;

use crate::definition::{Graph, LoadedVertex};
use crate::digest::Digest;
use crate::pb;

/// Steps in build order: inputs before users, equal ones once.
#[derive(Clone, Debug, Default)]
pub struct Plan<'a> {
    /// The steps. Their positions are what inputs and results mean; people count from 1.
    pub steps: Vec<Step<'a>>,
    /// What is asked for.
    pub results: Vec<Outcome>,
    known: HashMap<&'a Digest, usize>,
}

/// A step.
#[derive(Clone, Debug)]
pub struct Step<'a> {
    /// What it is.
    pub vertex: &'a LoadedVertex,
    /// For each input of the op the step and its output.
    pub inputs: Vec<(usize, usize)>,
    /// Where it was written: the call that made it, then the calls around that.
    pub places: Vec<Place<'a>>,
}

/// A point in a source file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place<'a> {
    /// Name of the file.
    pub file: &'a str,
    /// Line, from 1.
    pub line: i32,
    /// Column, from 1.
    pub column: i32,
}

/// Something that is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// What it is for, such as ``result of `default` ``.
    pub label: String,
    /// The step and its output; `None` is the empty file system.
    pub from: Option<(usize, usize)>,
}

/// What a step does with an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role<'a> {
    /// Mounts it there.
    Mount(&'a str),
    /// Changes files in it.
    Base,
    /// Copies from it.
    CopiedFrom,
    /// Looks names of users and groups up in it.
    Names,
    /// Lays it over others; from 1, the lowest first.
    Layer(usize),
    /// Starts a diff from it.
    Lower,
    /// Arrives at it with a diff.
    Upper,
    /// Gives it to a nested build by this name.
    Named(&'a str),
    /// Hands it on as this output.
    HandedOn(usize),
    /// Only waits for it.
    Awaited,
}

impl<'a> Plan<'a> {
    /// A plan with nothing in it.
    pub fn new() -> Self {
        Self::default()
    }

    /// The plan of one graph.
    pub fn of(graph: &'a Graph) -> Self {
        let mut plan = Self::new();
        plan.add(graph, None, "result");
        plan
    }

    /// Adds a graph whose result is wanted. `source` says where its ops come from.
    pub fn add(&mut self, graph: &'a Graph, source: Option<&'a pb::Source>, label: impl Into<String>) {
        let mut positions = Vec::with_capacity(graph.vertices.len());
        for vertex in &graph.vertices {
            let position = match self.known.get(&vertex.digest) {
                Some(position) => *position,
                None => {
                    let moved = |(input, output): &(usize, usize)| Some((*positions.get(*input)?, *output));
                    let inputs = vertex.inputs.iter().filter_map(moved).collect();
                    let places = source.map(|source| places(source, &vertex.digest)).unwrap_or_default();
                    self.steps.push(Step { vertex, inputs, places });
                    self.known.insert(&vertex.digest, self.steps.len() - 1);
                    self.steps.len() - 1
                }
            };
            positions.push(position);
        }
        let from = graph.target.and_then(|(vertex, output)| Some((*positions.get(vertex)?, output)));
        self.results.push(Outcome { label: label.into(), from });
    }

    /// An output of a step in words: `#3`, or `/out of #3` if it is not the one that a step is about.
    pub fn output(&self, step: usize, output: usize) -> String {
        let number = step + 1;
        match self.steps.get(step).and_then(|step| output_name(&step.vertex.op, output)) {
            Some(name) => format!("{} of #{number}", crate::draw::printable(&name)),
            None => format!("#{number}"),
        }
    }
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", crate::draw::printable(self.file), self.line, self.column)
    }
}

impl fmt::Display for Role<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mount(dest) => f.write_str(dest),
            Self::Base => f.write_str("base"),
            Self::CopiedFrom => f.write_str("copied from"),
            Self::Names => f.write_str("names of users"),
            Self::Layer(number) => write!(f, "layer {number}"),
            Self::Lower => f.write_str("from"),
            Self::Upper => f.write_str("to"),
            Self::Named(name) => f.write_str(name),
            Self::HandedOn(output) => write!(f, "output {output}"),
            Self::Awaited => f.write_str("waited for"),
        }
    }
}

/// What an op uses its inputs for, in the order of its own fields; inputs that it names nowhere come last. Every input is
/// there at least once, and never twice with one role.
pub fn uses(op: &pb::Op) -> Vec<(usize, Role<'_>)> {
    let mut uses: Vec<(i64, Role<'_>)> = Vec::new();
    match &op.op {
        None | Some(pb::OpKind::Source(_)) => {}
        Some(pb::OpKind::Exec(exec)) => {
            let read = exec.mounts.iter().filter(|mount| reads_input(mount));
            uses.extend(read.map(|mount| (mount.input, Role::Mount(&mount.dest))));
        }
        Some(pb::OpKind::File(file)) => {
            for action in &file.actions {
                uses.push((action.input, Role::Base));
                uses.push((action.secondary_input, Role::CopiedFrom));
                let owner = action.action.as_ref().and_then(owner);
                let named = owner.into_iter().flat_map(|owner| [&owner.user, &owner.group]).flatten();
                uses.extend(named.filter_map(|user| match &user.user {
                    Some(pb::User::ByName(named)) => Some((named.input, Role::Names)),
                    _ => None,
                }));
            }
        }
        Some(pb::OpKind::Build(build)) => {
            uses.extend(build.inputs.iter().map(|(name, input)| (input.input, Role::Named(name))));
        }
        Some(pb::OpKind::Merge(merge)) => {
            let layers = merge.inputs.iter().enumerate();
            uses.extend(layers.map(|(position, layer)| (layer.input, Role::Layer(position + 1))));
        }
        Some(pb::OpKind::Diff(diff)) => {
            uses.extend(diff.lower.map(|lower| (lower.input, Role::Lower)));
            uses.extend(diff.upper.map(|upper| (upper.input, Role::Upper)));
        }
        Some(pb::OpKind::Passthrough(pass)) => {
            let outputs = pass.outputs.iter().enumerate();
            uses.extend(outputs.map(|(output, input)| (*input, Role::HandedOn(output))));
        }
    }
    let mut seen = std::collections::HashSet::new();
    let mut used = vec![false; op.inputs.len()];
    let mut found = Vec::with_capacity(uses.len());
    for (input, role) in uses {
        let Some((input, used)) = usize::try_from(input).ok().and_then(|at| Some((at, used.get_mut(at)?))) else {
            continue;
        };
        *used = true;
        if seen.insert((input, role)) {
            found.push((input, role));
        }
    }
    found.extend(used.iter().enumerate().filter(|(_, used)| !**used).map(|(input, _)| (input, Role::Awaited)));
    found
}

/// The owner that an action sets.
pub(crate) fn owner(action: &pb::FileActionKind) -> Option<&pb::ChownOpt> {
    match action {
        pb::FileActionKind::Copy(copy) => copy.owner.as_ref(),
        pb::FileActionKind::Mkfile(file) => file.owner.as_ref(),
        pb::FileActionKind::Mkdir(dir) => dir.owner.as_ref(),
        pb::FileActionKind::Symlink(link) => link.owner.as_ref(),
        pb::FileActionKind::Rm(_) => None,
    }
}

/// Secrets, agents and mounts in memory read no input, whatever their field says.
pub(crate) fn reads_input(mount: &pb::Mount) -> bool {
    matches!(mount.mount_type(), pb::MountType::Bind | pb::MountType::Cache)
}

/// The name of an output, unless it is what anybody would expect.
pub(crate) fn output_name(op: &pb::Op, output: usize) -> Option<String> {
    let number = i64::try_from(output).unwrap_or(i64::MAX);
    match &op.op {
        Some(pb::OpKind::Exec(exec)) => {
            let mount = exec.mounts.iter().find(|mount| reads_input(mount) && mount.output == number)?;
            (mount.dest != "/").then(|| mount.dest.clone())
        }
        Some(pb::OpKind::File(file)) if file.actions.iter().filter(|action| action.output >= 0).count() > 1 => {
            Some(format!("output {output}"))
        }
        Some(pb::OpKind::Passthrough(pass)) if pass.outputs.len() > 1 => Some(format!("output {output}")),
        _ => None,
    }
}

fn places<'a>(source: &'a pb::Source, digest: &Digest) -> Vec<Place<'a>> {
    let mut places = Vec::new();
    let locations = source.locations.get(digest.as_str()).map(|it| it.locations.as_slice()).unwrap_or_default();
    for location in locations {
        let info = usize::try_from(location.source_index).ok().and_then(|at| source.infos.get(at));
        let Some(info) = info else { continue };
        let starts = location.ranges.iter().filter_map(|range| range.start).filter(|start| start.line > 0);
        // Some clients count columns from 0.
        places.extend(starts.map(|at| Place { file: &info.filename, line: at.line, column: at.character.max(1) }));
    }
    let mut seen = std::collections::HashSet::new();
    places.retain(|place| seen.insert(*place));
    places
}
