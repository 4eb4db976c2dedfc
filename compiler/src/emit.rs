//! From the evaluated graph to LLB, and from values to requests.
//!
//! Owns which ops a request holds, their platforms and source maps. Evaluates nothing. At the end everything is known, so one
//! op serves all results of a command; what must be built while the program is evaluated (inputs of frontends, images whose
//! digest is used) knows only the results that were asked for until then.

use std::collections::BTreeSet;
use std::rc::Rc;

use ecow::EcoString;
use hlb_language::diagnostic::Location;
use hlb_language::source::{SourceId, SourceMap};
use hlb_llb::graph::{Annotations, Output, import, marshal};
use hlb_llb::ops::{self, ExecMount, ExecOutputs, FileStep};
use hlb_llb::pb;
use rustc_hash::FxHashMap;

use crate::deep::deep;
use crate::eval::Evaluator;
use crate::eval::graph::{Entry, Exec, Needs, Node, NodeId, Out, Port, Step};
use crate::eval::value::{ExportId, ExportPlan, Exported, Frame, Fs, Plan};
use crate::image::ImageConfig;
use crate::request::{Content, Export, Request, Solve, Variant};
use crate::world::Platform;

/// How many calls are told of an op.
const MAX_FRAMES: usize = 64;

/// Turns what has been evaluated into requests.
pub(crate) struct Emitter<'e> {
    evaluator: &'e Evaluator<'e>,
    sources: &'e SourceMap,
    /// Position of each text in the source infos.
    positions: FxHashMap<SourceId, i32>,
    infos: Vec<pb::SourceInfo>,
    /// What each node has become, for each platform that something is built for.
    made: FxHashMap<Platform, Vec<Option<Made>>>,
    /// Exports that an earlier request does.
    exported: BTreeSet<ExportId>,
    /// The calls around the op that was made last, where they stand, and the innermost of them.
    around: Option<(Rc<Frame>, Vec<pb::Location>)>,
}

/// A node as LLB.
#[derive(Clone)]
enum Made {
    One(Option<Output>),
    Exec(Rc<ExecOutputs>),
}

impl<'e> Emitter<'e> {
    pub(crate) fn new(evaluator: &'e Evaluator<'e>) -> Self {
        let sources = evaluator.sources;
        let mut positions = FxHashMap::default();
        let mut infos = Vec::new();
        for module in &evaluator.program.modules {
            let Some(source) = sources.get(module.source) else { continue };
            positions.insert(module.source, i32::try_from(infos.len()).unwrap_or(i32::MAX));
            infos.push(pb::SourceInfo {
                filename: source.name().to_owned(),
                data: source.text().as_bytes().to_vec(),
                definition: None,
                language: "HLB".to_owned(),
            });
        }
        let exported = evaluator.published.keys().copied().collect();
        Self { evaluator, sources, positions, infos, made: FxHashMap::default(), exported, around: None }
    }

    /// The request for a value. Pipelines are as deep as the calls that made them.
    pub(crate) fn request(&mut self, plan: &Plan, target: &str) -> Request {
        deep(|| self.request_here(plan, target))
    }

    fn request_here(&mut self, plan: &Plan, target: &str) -> Request {
        match plan {
            Plan::Fs(fs) => Request::Solve(Box::new(self.solve(fs, target))),
            Plan::Parallel(_, parts) => {
                Request::parallel(parts.iter().map(|part| self.request(part, target)).collect())
            }
            Plan::Sequential(_, parts) => {
                Request::sequential(parts.iter().map(|part| self.request(part, target)).collect())
            }
        }
    }

    fn solve(&mut self, fs: &Fs, target: &str) -> Solve {
        let mut needs = Needs::default();
        let mut exports = Vec::new();
        for id in fs.exports.iter() {
            // Each export is done once, by the first request that needs it.
            if !self.exported.insert(*id) {
                continue;
            }
            let Some(plan) = self.evaluator.exports.get(id.0) else { continue };
            exports.push(self.export(plan, &mut needs));
        }
        let definition = self.definition(fs, &mut needs);
        let Needs { locals, secrets, sockets, layouts } = needs;
        let (image, name) = (self.image(fs), target.to_owned());
        Solve { definition, exports, locals, secrets, sockets, layouts, image, name }
    }

    /// The request for what is in a filesystem, without its exports.
    pub(crate) fn content(&mut self, fs: &Fs) -> Solve {
        let mut needs = Needs::default();
        let definition = self.definition(fs, &mut needs);
        let Needs { locals, secrets, sockets, layouts } = needs;
        let (image, name) = (self.image(fs), self.evaluator.target.to_string());
        Solve { definition, exports: Vec::new(), locals, secrets, sockets, layouts, image, name }
    }

    /// The request for one export and nothing else.
    pub(crate) fn publication(&mut self, plan: &ExportPlan) -> Solve {
        let mut needs = Needs::default();
        let export = self.export(plan, &mut needs);
        let Needs { locals, secrets, sockets, layouts } = needs;
        let (definition, image) = match &export.content {
            Content::One(one) => (one.definition.clone(), one.image.clone()),
            // Several results are none.
            Content::Index(_) => (pb::Definition::default(), ImageConfig::default()),
        };
        let name = self.evaluator.target.to_string();
        Solve { definition, image, exports: vec![export], locals, secrets, sockets, layouts, name }
    }

    fn export(&mut self, plan: &ExportPlan, needs: &mut Needs) -> Export {
        let content = match &plan.content {
            Exported::One(fs) => Content::One(Box::new(self.variant(fs, needs))),
            Exported::Index(all) => Content::Index(all.iter().map(|fs| self.variant(fs, needs)).collect()),
        };
        Export { content, to: plan.to.clone(), at: plan.site.at }
    }

    fn variant(&mut self, fs: &Fs, needs: &mut Needs) -> Variant {
        let definition = self.definition(fs, needs);
        Variant { definition, image: self.image(fs), platform: fs.platform.clone() }
    }

    fn image(&self, fs: &Fs) -> ImageConfig {
        let mut image = (*fs.config).clone();
        image.history = self.evaluator.log.extend(image.history, fs.history);
        if image.os.is_empty() {
            image.os = fs.platform.os.to_string();
        }
        if image.architecture.is_empty() {
            image.architecture = fs.platform.architecture.to_string();
            image.variant = fs.platform.variant.to_string();
        }
        image
    }

    /// The graph of a filesystem; without ops if it is empty.
    pub(crate) fn definition(&mut self, fs: &Fs, needs: &mut Needs) -> pb::Definition {
        let output = fs.out.and_then(|out| {
            // Inputs have lower numbers than what reads them, so this order needs no recursion.
            for id in self.reachable(out.node) {
                self.make(id, &fs.platform, needs);
            }
            self.output(out, &fs.platform)
        });
        // A definition with infos and no ops would be one more form of the empty one.
        let infos = if output.is_some() { self.infos.clone() } else { Vec::new() };
        let mut definition = marshal(output.as_ref(), infos);
        if output.is_none() {
            definition.source = None;
        }
        definition
    }

    fn reachable(&self, root: NodeId) -> Vec<NodeId> {
        let mut seen = vec![false; self.evaluator.graph.len()];
        let mut pending = vec![root];
        let mut found = Vec::new();
        while let Some(id) = pending.pop() {
            match seen.get_mut(id.0) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            found.push(id);
            pending.extend(self.evaluator.graph.inputs(id).iter().map(|input| input.node));
        }
        found.sort_unstable();
        found
    }

    fn output(&self, out: Out, platform: &Platform) -> Option<Output> {
        match (self.made.get(platform)?.get(out.node.0)?.as_ref()?, out.port) {
            (Made::One(output), _) => output.clone(),
            (Made::Exec(outputs), Port::Main) => outputs.root.clone(),
            (Made::Exec(outputs), Port::Mount(index)) => outputs.mounts.get(index)?.clone(),
        }
    }

    fn make(&mut self, id: NodeId, platform: &Platform, needs: &mut Needs) {
        let evaluator = self.evaluator;
        let Some(Entry { node, frame, needs: own }) = evaluator.graph.get(id) else { return };
        if let Some(own) = own {
            needs.take(own);
        }
        let size = evaluator.graph.len();
        let known = self.made.get(platform).and_then(|made| made.get(id.0)).is_some_and(Option::is_some);
        if known {
            return;
        }
        let annotations = Annotations { locations: self.locations(frame), ..Annotations::default() };
        let input = |out: &Option<Out>| out.and_then(|out| self.output(out, platform));
        let made = match node {
            Node::Image(image) => Made::One(Some(ops::image(image.as_ref().clone(), annotations))),
            Node::Http(http) => Made::One(Some(ops::http(http.as_ref().clone(), annotations))),
            Node::Git(git) => Made::One(Some(ops::git(git.as_ref().clone(), annotations))),
            Node::OciLayout(layout) => Made::One(Some(ops::oci_layout(layout.as_ref().clone(), annotations))),
            Node::Local(local) => Made::One(Some(ops::local(local.as_ref().clone(), annotations))),
            Node::Foreign(definition) => Made::One(self.foreign(definition, &annotations.locations)),
            Node::File { base, step } => {
                let step = match &**step {
                    Step::Plain(step) => step.clone(),
                    Step::Copy { source, copy } => FileStep::Copy(ops::Copy { source: input(source), ..copy.clone() }),
                };
                Made::One(ops::file(input(base), vec![step], annotations))
            }
            Node::Merge(inputs) => {
                let inputs = inputs.iter().filter_map(|out| self.output(*out, platform)).collect();
                Made::One(ops::merge(inputs, annotations))
            }
            Node::Diff { lower, upper } => Made::One(ops::diff(input(&Some(*lower)), input(upper), annotations)),
            Node::Exec(exec) => Made::Exec(Rc::new(self.exec(exec, platform, annotations))),
        };
        if !self.made.contains_key(platform) {
            self.made.insert(platform.clone(), vec![None; size]);
        }
        if let Some(slot) = self.made.get_mut(platform).and_then(|all| all.get_mut(id.0)) {
            *slot = Some(made);
        }
    }

    fn exec(&self, exec: &Exec, platform: &Platform, annotations: Annotations) -> ExecOutputs {
        let input = |out: Option<Out>| out.and_then(|out| self.output(out, platform));
        let own = exec.platform.as_ref().unwrap_or(platform);
        let mut op = ops::Exec::new(input(exec.root), exec.args.clone(), exec.cwd.clone(), crate::builtins::wire(own));
        op.env = exec.env.iter().map(|(key, value): &(EcoString, EcoString)| format!("{key}={value}")).collect();
        op.user.clone_from(&exec.user);
        op.hostname.clone_from(&exec.hostname);
        op.cgroup_parent.clone_from(&exec.cgroup_parent);
        op.extra_hosts.clone_from(&exec.hosts);
        op.ulimits.clone_from(&exec.ulimits);
        op.valid_exit_codes.clone_from(&exec.valid_exit_codes);
        op.proxy.clone_from(&exec.proxy);
        op.network = exec.network;
        op.security = exec.security;
        op.readonly_root = exec.readonly_root;
        for mount in &exec.mounts {
            op.mounts.push(ExecMount {
                selector: mount.selector.clone(),
                readonly: mount.readonly,
                no_output: !mount.used,
                kind: mount.kind.clone(),
                content_cache: mount.content_cache,
                ..ExecMount::bind(mount.dest.clone(), input(mount.source))
            });
        }
        op.secrets.clone_from(&exec.secrets);
        op.ssh.clone_from(&exec.sockets);
        op.build(Annotations {
            name: Some(exec.name.clone()),
            progress_group: exec.group.clone(),
            linux_resources: exec.resources.clone(),
            ..annotations
        })
    }

    /// A graph that a frontend returned. Its ops keep their places in the frontend's own files, in front of the calls here.
    fn foreign(&mut self, definition: &pb::Definition, calls: &[pb::Location]) -> Option<Output> {
        // It was found to be valid when it came.
        import(definition, &mut self.infos, calls).ok().flatten()
    }

    /// The calls that made an op, innermost first. Of very many the outermost are left out: all calls of all ops would grow with
    /// the square of a program.
    fn locations(&mut self, frame: &Rc<Frame>) -> Vec<pb::Location> {
        // Ops of one call have all calls around it in common.
        if let Some(parent) = &frame.parent
            && !self.around.as_ref().is_some_and(|(known, _)| Rc::ptr_eq(known, parent))
        {
            let mut places = Vec::with_capacity(parent.outward().take(MAX_FRAMES - 1).count());
            places.extend(parent.outward().take(MAX_FRAMES - 1).filter_map(|at| self.location(at)));
            self.around = Some((Rc::clone(parent), places));
        }
        let around = self.around.as_ref().filter(|_| frame.parent.is_some());
        let around = around.map_or(&[][..], |(_, places)| places.as_slice());
        let mut places = Vec::with_capacity(around.len() + 1);
        places.extend(self.location(frame.at));
        places.extend_from_slice(around);
        places
    }

    fn location(&self, at: Location) -> Option<pb::Location> {
        let source_index = *self.positions.get(&at.source)?;
        let source = self.sources.get(at.source)?;
        let position = |offset: u32| {
            let position = source.position(offset as usize);
            Some(pb::Position {
                line: i32::try_from(position.line).unwrap_or(i32::MAX),
                character: i32::try_from(position.column).unwrap_or(i32::MAX),
            })
        };
        let range = pb::Range { start: position(at.span.start), end: position(at.span.end) };
        Some(pb::Location { source_index, ranges: range.into() })
    }
}
