//! What of the solves of a command a shared cache can hold.
//!
//! Owns which keys are in it, how they follow from one another, and which of them have results: those that are here, and those of
//! shared caches that were read. What their layers are as archives is for `export`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::SystemTime;

use hlb_llb::Digest;
use hlb_store::{KeyId, Link, MetaError};

use super::CacheMode;
use super::collect::Ended;
use super::draft::Draft;
use super::graph::{Node, RemoteResult};
use super::import::Remote;
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::snapshot::Snapshot;
use crate::solver::key;

/// Keys, and the results to write.
#[derive(Default)]
pub(super) struct Gathered {
    /// Without results.
    pub(super) draft: Draft,
    pub(super) results: Vec<Candidate>,
}

/// A result to write.
pub(super) struct Candidate {
    pub(super) keys: Vec<KeyId>,
    pub(super) created_at: SystemTime,
    pub(super) files: Files,
    /// Whether it is what somebody wanted to have, and not a step on the way.
    pub(super) is_target: bool,
}

/// Where its layers are.
pub(super) enum Files {
    Here(Snapshot),
    There(RemoteResult, Arc<Remote>),
}

/// Gathers what the solves have come across.
pub(super) fn gather(engine: &Engine, ended: &[Ended], mode: CacheMode) -> Result<Gathered, SolveError> {
    let mut gathered = Gathered::default();
    for solve in ended {
        gathered.nodes(engine, solve)?;
        gathered.results(engine, solve, mode)?;
    }
    Ok(gathered)
}

/// The keys of an output that others can find it by.
fn lasting(keys: &[KeyId]) -> impl Iterator<Item = &KeyId> {
    keys.iter().filter(|key| !key::is_session_only(key))
}

impl Gathered {
    /// How the keys of a solve follow from one another.
    fn nodes(&mut self, engine: &Engine, solve: &Ended) -> Result<(), SolveError> {
        // A key does not say how many inputs its step has, so only those of steps that are known are taken.
        let mut inputs: BTreeMap<KeyId, usize> = BTreeMap::new();
        for vertex in solve.trace.vertices.iter().filter(|vertex| !vertex.inputs.is_empty()) {
            for key in vertex.keys.values().flat_map(|keys| lasting(keys)) {
                inputs.insert(key.clone(), vertex.inputs.len());
            }
        }
        let keys: Vec<KeyId> = inputs.keys().cloned().collect();
        let ancestry = engine.store.cache().ancestry(&keys).map_err(environment)?;
        for (key, links) in &ancestry {
            if let Ok(digest) = key.as_str().parse() {
                self.add(key, Node { digest, inputs: Vec::new() });
            } else if let Some(node) = inputs.get(key).and_then(|count| node(links, *count)) {
                self.add(key, node);
            }
        }
        if let Some(remote) = &solve.remote {
            self.far_nodes(remote, keys);
        }
        Ok(())
    }

    /// The same as shared caches say it.
    fn far_nodes(&mut self, remote: &Remote, mut next: Vec<KeyId>) {
        let mut seen = BTreeSet::new();
        while let Some(key) = next.pop() {
            let Some(node) = remote.graph.nodes.get(&key).filter(|_| seen.insert(key.clone())) else { continue };
            next.extend(node.inputs.iter().flatten().map(|(_, from)| from.clone()));
            self.add(&key, node.clone());
        }
    }

    fn add(&mut self, key: &KeyId, node: Node) {
        match self.draft.nodes.get_mut(key) {
            Some(known) if known.digest == node.digest && known.inputs.len() == node.inputs.len() => {
                known.inputs.iter_mut().zip(node.inputs).for_each(|(known, more)| known.extend(more));
            }
            Some(_) => {}
            None => drop(self.draft.nodes.insert(key.clone(), node)),
        }
    }

    /// The results of a solve.
    fn results(&mut self, engine: &Engine, solve: &Ended, mode: CacheMode) -> Result<(), SolveError> {
        let mut found = Vec::new();
        // What follows from nothing is a source, or as easy to make as to fetch; BuildKit keeps no results of it either.
        for vertex in solve.trace.vertices.iter().filter(|vertex| !vertex.inputs.is_empty()) {
            for (output, keys) in &vertex.keys {
                // What a build that has failed has made is all that it has.
                let is_target = !solve.is_done || solve.trace.target == (vertex.digest.clone(), *output);
                let keys: Vec<KeyId> = lasting(keys).cloned().collect();
                let result = if vertex.export_cache == Some(false) { None } else { result(engine, solve, &keys)? };
                if let Some((created_at, files)) = result {
                    let forced = vertex.export_cache == Some(true);
                    found.push((forced, Candidate { keys, created_at, files, is_target }));
                }
            }
        }
        let targets: Vec<Vec<String>> =
            found.iter().filter(|(_, it)| it.is_target).map(|(_, it)| it.files.names()).collect();
        let wanted = |(forced, candidate): &(bool, Candidate)| {
            let names = candidate.files.names();
            *forced || mode == CacheMode::Max || targets.iter().any(|target| target.starts_with(&names))
        };
        self.results.extend(found.into_iter().filter(wanted).map(|(_, candidate)| candidate));
        Ok(())
    }
}

impl Files {
    /// What tells the layers from others, bottom first.
    fn names(&self) -> Vec<String> {
        match self {
            Self::Here(snapshot) => snapshot.layers().iter().map(ToString::to_string).collect(),
            Self::There(result, _) => {
                let diff_ids: Vec<Digest> = result.layers.iter().map(|layer| layer.diff_id.clone()).collect();
                crate::ops::source::chain_ids(&diff_ids).iter().map(ToString::to_string).collect()
            }
        }
    }
}

/// The newest result of an output that is here, or else in a shared cache. None for an empty file system, which has no layers, nor
/// for one whose lowest layer deletes files of others: as an archive by itself it would not.
fn result(engine: &Engine, solve: &Ended, keys: &[KeyId]) -> Result<Option<(SystemTime, Files)>, SolveError> {
    let mut records = Vec::new();
    for key in keys {
        records.extend(engine.store.cache().records(key).map_err(environment)?);
    }
    records.sort_by_key(|record| std::cmp::Reverse(record.created_at));
    for record in records {
        let Some(bottom) = record.layers.first() else { return Ok(None) };
        if engine.snapshots.is_partial(bottom) {
            return Ok(None);
        }
        let adopted = engine.snapshots.adopt(record.layers.as_slice());
        if let Some(snapshot) = adopted.map_err(|error| SolveError::new(ErrorKind::Environment, error))? {
            return Ok(Some((record.created_at, Files::Here(snapshot))));
        }
    }
    let Some(remote) = &solve.remote else { return Ok(None) };
    let found = remote.newest(keys).map(|(_, result)| result).filter(|result| !result.layers.is_empty());
    Ok(found.map(|result| (result.created_at, Files::There(result, Arc::clone(remote)))))
}

/// A key by the links that lead to it. `None` if there is none.
fn node(links: &[(KeyId, Link)], count: usize) -> Option<Node> {
    let (_, first) = links.first()?;
    let digest = key::root_key(&first.digest, first.output as usize).as_str().parse().ok()?;
    let mut inputs = vec![BTreeSet::new(); count];
    for (from, link) in links {
        let same = (&link.digest, link.output) == (&first.digest, first.output);
        if let Some(input) = inputs.get_mut(link.input as usize).filter(|_| same) {
            input.insert((link.selector.clone(), from.clone()));
        }
    }
    Some(Node { digest, inputs })
}

fn environment(error: MetaError) -> SolveError {
    SolveError::new(ErrorKind::Environment, error)
}
