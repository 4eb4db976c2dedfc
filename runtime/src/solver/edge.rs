//! The search for one output of a vertex.
//!
//! Owns the lookup order (BuildKit's): keys that follow from definitions alone, then keys of content for inputs whose definition
//! is new, then the op itself. A hit by definition touches no input; an input is made only when its content has to be looked at
//! or the op has to run.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::try_join_all;
use hlb_llb::Digest;
use hlb_store::{KeyId, Link, NewRecord, Record};

use crate::error::{ErrorKind, SolveError};
use crate::ops;
use crate::snapshot::Snapshot;
use crate::solver::cache_map::{CacheMap, cache_map};
use crate::solver::flight::Pending;
use crate::solver::job::Job;
use crate::solver::key::{self, DepKey};
use crate::solver::structure::{self, InputPart};
use crate::solver::vertex::{Done, Input, Vertex};
use crate::why::Match;

/// The keys of an output that follow without making anything.
pub(crate) fn keys(job: &Arc<Job>, vertex: &Arc<Vertex>, output: usize) -> Pending<Arc<Vec<KeyId>>> {
    vertex.edge(output).keys.get(&job.tasks, || {
        let (job, vertex) = (Arc::clone(job), Arc::clone(vertex));
        async move {
            let result = find_keys(&job, &vertex, output).await;
            result.map(Arc::new).map_err(|error| error.at(&vertex.digest, &vertex.name))
        }
    })
}

/// The output itself, from the cache or made.
pub(crate) fn done(job: &Arc<Job>, vertex: &Arc<Vertex>, output: usize) -> Pending<Arc<Done>> {
    vertex.edge(output).done.get(&job.tasks, || {
        let (job, vertex) = (Arc::clone(job), Arc::clone(vertex));
        async move {
            let result = find_or_run(&job, &vertex, output).await;
            result.map(Arc::new).map_err(|error| error.at(&vertex.digest, &vertex.name))
        }
    })
}

async fn find_keys(job: &Arc<Job>, vertex: &Arc<Vertex>, output: usize) -> Result<Vec<KeyId>, SolveError> {
    job.check_cancelled()?;
    let map = cache_map(job, vertex).await?;
    if vertex.inputs.is_empty() {
        let keys: Vec<KeyId> = map.roots.iter().map(|root| key::root_key(root, output)).collect();
        if !vertex.ignore_cache {
            // A result is saved under all keys; only if the first does not lead to one, it is found by another.
            let by_first = hit(job, keys.get(..1).unwrap_or_default())?.map(|hit| (hit, Match::Definition));
            let by_any = || Ok::<_, SolveError>(hit(job, &keys)?.map(|hit| (hit, Match::ImageLayers)));
            if let Some((hit, how)) = by_first.map_or_else(by_any, |found| Ok(Some(found)))? {
                found(job, vertex, &map, how, &hit, Vec::new);
            }
        }
        return Ok(usable(vertex, keys));
    }
    let inputs = try_join_all(vertex.inputs.iter().map(|input| keys(job, &input.vertex, input.output))).await?;
    let mut search = Search::new(job, &map, output);
    for (at, keys) in inputs.iter().enumerate() {
        search.add(at, keys, true)?;
    }
    let keys = search.matches();
    if !vertex.ignore_cache
        && let Some(hit) = hit(job, &keys)?
    {
        found(job, vertex, &map, Match::Definition, &hit, || search.parts(vertex));
    }
    Ok(usable(vertex, keys))
}

/// The keys of a vertex that others may go by: whoever reads a vertex that ignores the cache must run again too.
fn usable(vertex: &Vertex, keys: Vec<KeyId>) -> Vec<KeyId> {
    if vertex.ignore_cache { Vec::new() } else { keys }
}

/// Reports a hit, the first time that there is one.
fn found(job: &Job, vertex: &Vertex, map: &CacheMap, how: Match, hit: &Hit, inputs: impl FnOnce() -> Vec<InputPart>) {
    if job.found(&vertex.digest)
        && let Some(build) = &job.build
    {
        build.hit(vertex, how, Some(&hit.record), structure::of(vertex, map, Some(&hit.key), inputs()));
    }
}

async fn find_or_run(job: &Arc<Job>, vertex: &Arc<Vertex>, output: usize) -> Result<Done, SolveError> {
    let known = keys(job, vertex, output).await?;
    if let Some((_, snapshot)) = at_hand(job, &known)? {
        return Ok(Done { keys: known.to_vec(), snapshot });
    }
    let map = cache_map(job, vertex).await?;
    let mut search = Search::new(job, &map, output);
    if !vertex.ignore_cache && !vertex.inputs.is_empty() {
        for (at, input) in vertex.inputs.iter().enumerate() {
            search.add(at, &keys(job, &input.vertex, input.output).await?, true)?;
        }
        // First the inputs that no earlier build had in this form; if they match by content, nothing else is made.
        for unmatched_only in [true, false] {
            let wanted: Vec<usize> = (0..vertex.inputs.len())
                .filter(|at| {
                    !search.looked_at(*at) && (search.unmatched(*at) || !unmatched_only && map.has_content(*at))
                })
                .collect();
            let looked = try_join_all(wanted.iter().map(|at| look_at(job, vertex, &map, *at))).await?;
            for (at, (done, content)) in wanted.iter().zip(looked) {
                search.add(*at, &done.keys, true)?;
                search.add_content(*at, content)?;
                search.set_looked_at(*at);
            }
            let matches = search.matches();
            if let Some((hit, snapshot)) = at_hand(job, &matches)? {
                let how = Match::Content { inputs: search.by_content() };
                found(job, vertex, &map, how, &hit, || search.parts(vertex));
                return Ok(Done { keys: matches, snapshot });
            }
            if (0..vertex.inputs.len()).any(|at| search.unmatched(at)) {
                break;
            }
        }
    }
    run_and_save(job, vertex, &map, search, output).await
}

/// Makes an input and, where its content counts, the digest of that.
async fn look_at(
    job: &Arc<Job>,
    vertex: &Arc<Vertex>,
    map: &CacheMap,
    at: usize,
) -> Result<(Arc<Done>, Option<Digest>), SolveError> {
    let Some(input) = vertex.inputs.get(at) else {
        return Err(SolveError::say(ErrorKind::Internal, format!("`{}` has no input {at}", vertex.name)));
    };
    let done = done(job, &input.vertex, input.output).await?;
    let content = match map.content(at) {
        Some(request) => Some(ops::content::content_digest(job, input, &done.snapshot, request).await?),
        None => None,
    };
    Ok((done, content))
}

async fn run_and_save(
    job: &Arc<Job>,
    vertex: &Arc<Vertex>,
    map: &Arc<CacheMap>,
    mut search: Search<'_>,
    output: usize,
) -> Result<Done, SolveError> {
    let looked = try_join_all((0..vertex.inputs.len()).map(|at| look_at(job, vertex, map, at))).await?;
    let mut inputs = Vec::with_capacity(looked.len());
    for (at, (done, content)) in looked.into_iter().enumerate() {
        search.add(at, &done.keys, true)?;
        search.add_content(at, content)?;
        inputs.push(done.snapshot.clone());
    }
    let parts = job.build.as_ref().map(|_| search.parts(vertex));
    if let Some((build, parts)) = job.build.as_ref().zip(parts.clone()) {
        build.begins(vertex, structure::of(vertex, map, None, parts));
    }
    let ran = vertex.ran.get(&job.tasks, || {
        let (job, vertex) = (Arc::clone(job), Arc::clone(vertex));
        async move { ops::run(&job, &vertex, &inputs).await.map(Arc::new) }
    });
    let ran = ran.await?;
    let snapshot = ran.outputs.get(output).cloned().ok_or_else(|| {
        let sentence = format!("`{}` has {} outputs, number {output} was asked for", vertex.name, ran.outputs.len());
        SolveError::say(ErrorKind::Definition, sentence)
    })?;
    let keys = save(job, vertex, map, search, output, &snapshot).await?;
    if let Some((build, parts)) = job.build.as_ref().zip(parts) {
        let key = keys.iter().find(|key| !key::is_session_only(key));
        let structure = structure::of(vertex, map, key, parts);
        match ran.took {
            Some(took) => build.ran(vertex, structure, took),
            None => build.hit(vertex, Match::Unchanged, None, structure),
        }
    }
    Ok(Done { keys, snapshot })
}

/// Stores a result under every combination of keys by which it could have been found.
async fn save(
    job: &Arc<Job>,
    vertex: &Arc<Vertex>,
    map: &CacheMap,
    search: Search<'_>,
    output: usize,
    snapshot: &Snapshot,
) -> Result<Vec<KeyId>, SolveError> {
    let (keys, links) = if vertex.inputs.is_empty() {
        (map.roots.iter().map(|root| key::root_key(root, output)).collect(), Vec::new())
    } else {
        // A key without a result (its layers were removed, say) is filled again rather than doubled.
        let keys = if vertex.ignore_cache { Vec::new() } else { search.matches() };
        let keys = if keys.is_empty() { vec![key::new_key()] } else { keys };
        (keys, search.into_links())
    };
    let storable: Vec<KeyId> = keys.iter().filter(|key| !key::is_session_only(key)).cloned().collect();
    if storable.is_empty() || vertex.ignore_cache {
        return Ok(keys);
    }
    let store = job.engine.store.clone();
    let (layers, description) = (snapshot.layers().to_vec(), vertex.name.clone());
    let (root, facts) = (vertex.inputs.is_empty(), hlb_llb::dump::op(&vertex.op));
    let saved = tokio::task::spawn_blocking(move || {
        for key in storable {
            store.cache().save(&NewRecord {
                key,
                links: links.clone(),
                root,
                facts: facts.clone(),
                layers: layers.clone(),
                description: description.clone(),
            })?;
        }
        Ok::<(), hlb_store::MetaError>(())
    })
    .await;
    match saved {
        Ok(Ok(())) => Ok(keys),
        Ok(Err(error)) => Err(SolveError::new(ErrorKind::Environment, error)),
        Err(error) => Err(SolveError::new(ErrorKind::Internal, error)),
    }
}

/// A result, and the key that it was found by.
struct Hit {
    key: KeyId,
    record: Record,
}

/// The newest result under any of the keys. Its layers may go at any time.
fn hit(job: &Job, keys: &[KeyId]) -> Result<Option<Hit>, SolveError> {
    let mut best: Option<Hit> = None;
    for key in keys.iter().filter(|key| !key::is_session_only(key)) {
        let records = job.engine.store.cache().records(key);
        for record in records.map_err(environment)? {
            if best.as_ref().is_none_or(|best| best.record.created_at < record.created_at) {
                best = Some(Hit { key: key.clone(), record });
            }
        }
    }
    Ok(best)
}

/// The newest result under any of the keys, with its layers held. Results whose layers were collected are dropped.
fn at_hand(job: &Job, keys: &[KeyId]) -> Result<Option<(Hit, Snapshot)>, SolveError> {
    while let Some(hit) = hit(job, keys)? {
        if let Some(snapshot) = job.engine.snapshots.adopt(hit.record.layers.as_slice()).map_err(environment)? {
            return Ok(Some((hit, snapshot)));
        }
        job.engine.store.cache().drop_record(&hit.record.result).map_err(environment)?;
    }
    Ok(None)
}

fn environment(error: impl std::error::Error + Send + Sync + 'static) -> SolveError {
    SolveError::new(ErrorKind::Environment, error)
}

/// Which keys of the op are reachable from the keys of each of its inputs.
struct Search<'a> {
    job: &'a Job,
    map: &'a CacheMap,
    output: usize,
    inputs: Vec<Reached>,
}

#[derive(Default, Clone)]
struct Reached {
    from: BTreeSet<(KeyId, bool)>,
    targets: BTreeSet<KeyId>,
    /// The digest of its content, if that was looked at.
    content: Option<Digest>,
    looked_at: bool,
}

impl<'a> Search<'a> {
    fn new(job: &'a Job, map: &'a CacheMap, output: usize) -> Self {
        Self { job, map, output, inputs: vec![Reached::default(); map.deps.len()] }
    }

    /// Follows the links of an input's keys. A definition key goes through the input's selector, a content key has none.
    fn add(&mut self, at: usize, keys: &[KeyId], by_definition: bool) -> Result<(), SolveError> {
        for key in keys {
            let link = self.link(at, by_definition);
            let Some(input) = self.inputs.get_mut(at) else { continue };
            if key::is_session_only(key) || !input.from.insert((key.clone(), by_definition)) {
                continue;
            }
            let targets = self.job.engine.store.cache().targets(key, &link);
            input.targets.extend(targets.map_err(environment)?);
        }
        Ok(())
    }

    /// Follows the links of an input's content, if that counts.
    fn add_content(&mut self, at: usize, content: Option<Digest>) -> Result<(), SolveError> {
        let Some(digest) = content else { return Ok(()) };
        self.add(at, &[key::content_key(&digest)], false)?;
        if let Some(input) = self.inputs.get_mut(at) {
            input.content = Some(digest);
        }
        Ok(())
    }

    fn link(&self, at: usize, by_definition: bool) -> Link {
        let selector = self.map.deps.get(at).and_then(|dep| dep.selector.as_ref()).filter(|_| by_definition);
        Link {
            input: at as u32,
            output: self.output as u32,
            digest: self.map.digest().to_owned(),
            selector: selector.map(ToString::to_string).unwrap_or_default(),
        }
    }

    /// Keys that are reachable from every input.
    fn matches(&self) -> Vec<KeyId> {
        let mut inputs = self.inputs.iter();
        let Some(first) = inputs.next() else { return Vec::new() };
        let mut common = first.targets.clone();
        for input in inputs {
            common.retain(|key| input.targets.contains(key));
        }
        common.into_iter().collect()
    }

    fn unmatched(&self, at: usize) -> bool {
        self.inputs.get(at).is_none_or(|input| input.targets.is_empty())
    }

    fn looked_at(&self, at: usize) -> bool {
        self.inputs.get(at).is_some_and(|input| input.looked_at)
    }

    fn set_looked_at(&mut self, at: usize) {
        if let Some(input) = self.inputs.get_mut(at) {
            input.looked_at = true;
        }
    }

    /// The inputs whose content was looked at.
    fn by_content(&self) -> Vec<usize> {
        let inputs = self.inputs.iter().enumerate();
        inputs.filter(|(_, input)| input.content.is_some()).map(|(at, _)| at).collect()
    }

    /// What is known of the inputs by now.
    fn parts(&self, vertex: &Vertex) -> Vec<InputPart> {
        let inputs = vertex.inputs.iter().zip(&self.inputs).zip(&self.map.deps);
        let part = |((input, reached), dep): ((&Input, &Reached), &DepKey)| InputPart {
            name: input.vertex.name.clone(),
            vertex: input.vertex.digest.clone(),
            output: input.output,
            keys: reached.from.iter().filter(|(_, by_definition)| *by_definition).map(|(key, _)| key.clone()).collect(),
            selector: dep.selector.clone(),
            content: reached.content.clone(),
        };
        inputs.map(part).collect()
    }

    /// Every way in which the inputs' keys lead to the op.
    fn into_links(self) -> Vec<(KeyId, Link)> {
        let mut links = Vec::new();
        for (at, input) in self.inputs.iter().enumerate() {
            for (key, by_definition) in &input.from {
                links.push((key.clone(), self.link(at, *by_definition)));
            }
        }
        links
    }
}
