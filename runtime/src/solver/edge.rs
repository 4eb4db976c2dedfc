//! The search for one output of a vertex.
//!
//! Owns the lookup order (BuildKit's): keys that follow from definitions alone, then keys of content for inputs whose definition
//! is new, then the op itself. A hit by definition touches no input; an input is made only when its content has to be looked at
//! or the op has to run.

use std::sync::{Arc, PoisonError};

use futures_util::future::try_join_all;
use hlb_llb::Digest;
use hlb_store::{KeyId, NewRecord, Record};

use crate::collect;
use crate::error::{ErrorKind, SolveError};
use crate::ops;
use crate::snapshot::Snapshot;
use crate::solver::cache_map::{CacheMap, cache_map};
use crate::solver::claim;
use crate::solver::flight::Pending;
use crate::solver::job::Job;
use crate::solver::key;
use crate::solver::search::Search;
use crate::solver::structure::{self, InputPart};
use crate::solver::vertex::{Done, Ran, Vertex};
use crate::why::Match;

/// The keys of an output that follow without making anything.
pub(crate) fn keys(vertex: &Arc<Vertex>, output: usize) -> Pending<Arc<Vec<KeyId>>> {
    look_up(vertex, output, false)
}

/// The output itself, from the cache or made.
pub(crate) fn done(vertex: &Arc<Vertex>, output: usize) -> Pending<Arc<Done>> {
    vertex.edge(output).done.get(&vertex.job.tasks, || {
        let vertex = Arc::clone(vertex);
        async move {
            let result = find_or_run(&vertex.job, &vertex, output).await;
            ended(&vertex, result)
        }
    })
}

/// As [`keys`]; with `hold`, what is found is held, as it will be wanted.
fn look_up(vertex: &Arc<Vertex>, output: usize, hold: bool) -> Pending<Arc<Vec<KeyId>>> {
    vertex.edge(output).keys.get(&vertex.job.tasks, || {
        let vertex = Arc::clone(vertex);
        async move {
            let result = find_keys(&vertex.job, &vertex, output, hold).await;
            ended(&vertex, result)
        }
    })
}

/// What all who wait get.
fn ended<T>(vertex: &Vertex, result: Result<T, SolveError>) -> Result<Arc<T>, SolveError> {
    if result.is_err() {
        vertex.job.fail();
    }
    result.map(Arc::new).map_err(|error| error.at(&vertex.digest, &vertex.name))
}

async fn find_keys(job: &Arc<Job>, vertex: &Arc<Vertex>, output: usize, hold: bool) -> Result<Vec<KeyId>, SolveError> {
    job.check_cancelled()?;
    let map = cache_map(job, vertex).await?;
    let mut search = Search::new(&job.engine.store, &map, output);
    let keys: Vec<KeyId> = if vertex.inputs.is_empty() {
        map.roots.iter().map(|root| key::root_key(root, output)).collect()
    } else {
        let inputs = try_join_all(vertex.inputs.iter().map(|input| keys(&input.vertex, input.output))).await?;
        for (at, keys) in inputs.iter().enumerate() {
            search.add(at, keys, true).map_err(environment)?;
        }
        search.matches()
    };
    if vertex.ignore_cache {
        // Whoever reads a vertex that ignores the cache must run again too.
        return Ok(Vec::new());
    }
    let look = |keys: &[KeyId]| -> Result<Option<(Hit, Option<Snapshot>)>, SolveError> {
        Ok(match hold {
            true => at_hand(job, keys)?.map(|(hit, snapshot)| (hit, Some(snapshot))),
            false => hit(job, keys)?.map(|hit| (hit, None)),
        })
    };
    // The result of a source is saved under all of its keys; only if the first does not lead to one, it is found by another.
    let first = if vertex.inputs.is_empty() { keys.get(..1).unwrap_or_default() } else { &keys };
    let (found, how) = match look(first)? {
        None if first.len() < keys.len() => (look(&keys)?, Match::ImageLayers),
        found => (found, Match::Definition),
    };
    if let Some((hit, snapshot)) = found {
        if let Some(snapshot) = snapshot {
            *vertex.edge(output).held.lock().unwrap_or_else(PoisonError::into_inner) = Some(snapshot);
        }
        report(vertex, &map, &how, &hit, || search.parts(vertex));
    }
    Ok(keys)
}

/// Reports a hit to all who do not know of one.
fn report(vertex: &Vertex, map: &CacheMap, how: &Match, hit: &Hit, inputs: impl Fn() -> Vec<InputPart>) {
    vertex.job.engine.used.note(&hit.record);
    for build in vertex.job.found(&vertex.digest) {
        build.hit(vertex, how.clone(), structure::of(vertex, map, Some(&hit.key), inputs()));
    }
}

async fn find_or_run(job: &Arc<Job>, vertex: &Arc<Vertex>, output: usize) -> Result<Done, SolveError> {
    let known = look_up(vertex, output, true).await?;
    let held = vertex.edge(output).held.lock().unwrap_or_else(PoisonError::into_inner).take();
    let found = match held {
        Some(snapshot) => Some(snapshot),
        None => at_hand(job, &known)?.map(|(_, snapshot)| snapshot),
    };
    if let Some(snapshot) = found {
        return Ok(Done { keys: known.to_vec(), snapshot });
    }
    job.check_cancelled()?;
    let map = cache_map(job, vertex).await?;
    let mut search = Search::new(&job.engine.store, &map, output);
    if !vertex.ignore_cache && !vertex.inputs.is_empty() {
        for (at, input) in vertex.inputs.iter().enumerate() {
            search.add(at, &keys(&input.vertex, input.output).await?, true).map_err(environment)?;
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
                search.add(*at, &done.keys, true).map_err(environment)?;
                search.add_content(*at, content).map_err(environment)?;
                search.set_looked_at(*at);
            }
            if let Some(done) = found_by(job, vertex, &map, &search, search.matches())? {
                return Ok(done);
            }
            if (0..vertex.inputs.len()).any(|at| search.unmatched(at)) {
                break;
            }
        }
    }
    run_and_save(job, vertex, &map, search, output).await
}

/// A result under keys that a search has led to.
fn found_by(
    job: &Job,
    vertex: &Vertex,
    map: &CacheMap,
    search: &Search<'_>,
    keys: Vec<KeyId>,
) -> Result<Option<Done>, SolveError> {
    let Some((hit, snapshot)) = at_hand(job, &keys)? else { return Ok(None) };
    let inputs = search.by_content();
    let how = if inputs.is_empty() { Match::Definition } else { Match::Content { inputs } };
    report(vertex, map, &how, &hit, || search.parts(vertex));
    Ok(Some(Done { keys, snapshot }))
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
    let done = done(&input.vertex, input.output).await?;
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
        search.add(at, &done.keys, true).map_err(environment)?;
        search.add_content(at, content).map_err(environment)?;
        inputs.push(done.snapshot.clone());
    }
    if let Some(ran) = ops::unchanged(job, vertex).await? {
        return save_and_report(job, vertex, map, search, output, &ran).await;
    }
    let mut turn = claim::turn(job, vertex, &search).await?;
    let mut permit = None;
    // Once it has run for another output there is nothing to wait for.
    if let Some(turn) = &mut turn
        && !vertex.ran.has_begun()
    {
        if turn.is_late()
            && let Some(done) = find_again(job, vertex, map, &mut search, output)?
        {
            return Ok(done);
        }
        permit = ops::permit(job, vertex).await?;
        if !turn.try_claim(job)? {
            drop(permit.take());
            turn.claim(job, vertex).await?;
        }
        if let Some(done) = find_again(job, vertex, map, &mut search, output)? {
            return Ok(done);
        }
    }
    if !vertex.ran.has_begun() {
        for build in job.builds() {
            build.begins(vertex, structure::of(vertex, map, None, search.parts(vertex)));
        }
    }
    let ran = vertex.ran.get(&job.tasks, || {
        let vertex = Arc::clone(vertex);
        async move { ops::run(&vertex.job, &vertex, &inputs, permit).await.map(Arc::new) }
    });
    let done = save_and_report(job, vertex, map, search, output, &*ran.await?).await;
    if let Ok(done) = &done {
        job.solves().iter().for_each(|solve| solve.made(&job.engine, vertex, output, &done.snapshot));
    }
    // Not before it is saved, so that whoever comes next finds it.
    drop(turn);
    done
}

/// Looks once more when nobody else can be making it any more: somebody may have.
fn find_again(
    job: &Job,
    vertex: &Vertex,
    map: &CacheMap,
    search: &mut Search<'_>,
    output: usize,
) -> Result<Option<Done>, SolveError> {
    let keys = if vertex.inputs.is_empty() {
        map.roots.iter().map(|root| key::root_key(root, output)).collect()
    } else {
        search.follow_again().map_err(environment)?;
        search.matches()
    };
    found_by(job, vertex, map, search, keys)
}

async fn save_and_report(
    job: &Arc<Job>,
    vertex: &Arc<Vertex>,
    map: &CacheMap,
    search: Search<'_>,
    output: usize,
    ran: &Ran,
) -> Result<Done, SolveError> {
    let snapshot = ran.outputs.get(output).cloned().ok_or_else(|| {
        let sentence = format!("`{}` has {} outputs, number {output} was asked for", vertex.name, ran.outputs.len());
        SolveError::say(ErrorKind::Definition, sentence)
    })?;
    let builds = job.builds();
    let parts = if builds.is_empty() { Vec::new() } else { search.parts(vertex) };
    let keys = save(job, vertex, map, search, output, ran).await?;
    let key = keys.iter().find(|key| !key::is_session_only(key));
    for build in builds {
        let structure = structure::of(vertex, map, key, parts.clone());
        match ran.took {
            Some(took) => build.ran(vertex, structure, took),
            None => build.hit(vertex, Match::Unchanged, structure),
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
    ran: &Ran,
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
    let layers = ran.outputs.get(output).map(|snapshot| snapshot.layers().to_vec()).unwrap_or_default();
    let (description, kind, cost) = (vertex.name.clone(), collect::kind(&vertex.op), ran.took.unwrap_or_default());
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
                kind,
                cost,
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
