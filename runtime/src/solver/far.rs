//! The search for an output in shared caches, where there is nothing here.
//!
//! Owns the order in which that is done. Their keys follow from those of inputs just as the ones here do, so a step that only feeds a
//! hit is never made, and nothing of it is brought here. Content of an input is looked at only if no definition leads on; then the
//! input is made, and so may be anything before it. What is found is saved under keys of this machine, with all ways that lead to it.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::future::try_join_all;
use hlb_llb::pb;
use hlb_store::{KeyId, Link};

use crate::error::{ErrorKind, SolveError};
use crate::pull::Progress;
use crate::remote::graph;
use crate::remote::import::Remote;
use crate::snapshot::Snapshot;
use crate::solver::cache_map::cache_map;
use crate::solver::edge::{self, at_hand, ended, environment, hit, look_at};
use crate::solver::flight::Pending;
use crate::solver::job::Job;
use crate::solver::key;
use crate::solver::search::Search;
use crate::solver::vertex::{Done, Ran, Vertex};
use crate::why::Match;

/// The keys of an output here and in shared caches, and the ways that lead to them.
#[derive(Default)]
pub(crate) struct Far {
    pub(crate) keys: Vec<KeyId>,
    links: Vec<(KeyId, Link)>,
    /// The inputs whose content was looked at for that.
    looked_at: Vec<usize>,
}

/// The shared caches that the vertex may be found in; `None` if there are none.
pub(crate) async fn remote(job: &Job) -> Option<Arc<Remote>> {
    let (imports, status) = job.imports()?;
    // A place that does not answer keeps nobody who gives up.
    tokio::select! {
        remote = imports.load(&job.engine, &status) => Some(remote),
        () = job.cancel.cancelled() => None,
    }
}

/// The keys that follow from definitions.
pub(crate) fn by_definition(vertex: &Arc<Vertex>, output: usize) -> Pending<Arc<Far>> {
    vertex.edge(output).by_definition.get(&vertex.job.tasks, || {
        let vertex = Arc::clone(vertex);
        async move {
            let found = follow(&vertex.job, &vertex, output).await;
            ended(&vertex, found)
        }
    })
}

/// The keys that follow from definitions or, where these lead to no result, from the content of inputs.
pub(crate) fn by_content(vertex: &Arc<Vertex>, output: usize) -> Pending<Arc<Far>> {
    vertex.edge(output).by_content.get(&vertex.job.tasks, || {
        let vertex = Arc::clone(vertex);
        async move {
            let found = follow_content(&vertex.job, &vertex, output).await;
            ended(&vertex, found)
        }
    })
}

/// The output itself, if one of the shared caches leads to it.
pub(crate) async fn find(job: &Arc<Job>, vertex: &Arc<Vertex>, output: usize) -> Result<Option<Done>, SolveError> {
    if vertex.ignore_cache {
        return Ok(None);
    }
    let Some(remote) = remote(job).await else { return Ok(None) };
    let far = by_definition(vertex, output).await?;
    if let Some(done) = adopt(job, vertex, output, &remote, &far).await? {
        return Ok(Some(done));
    }
    let far = by_content(vertex, output).await?;
    adopt(job, vertex, output, &remote, &far).await
}

async fn follow(job: &Arc<Job>, vertex: &Arc<Vertex>, output: usize) -> Result<Far, SolveError> {
    let (Some(remote), false) = (remote(job).await, vertex.ignore_cache) else { return Ok(Far::default()) };
    let map = cache_map(job, vertex).await?;
    if vertex.inputs.is_empty() {
        let keys = map.roots.iter().map(|root| key::root_key(root, output)).collect();
        return Ok(Far { keys, ..Far::default() });
    }
    let inputs = try_join_all(vertex.inputs.iter().map(|input| by_definition(&input.vertex, input.output))).await?;
    let mut search = Search::new(&job.engine.store, &map, output);
    search.look_far(remote);
    for (at, input) in inputs.iter().enumerate() {
        search.add(at, &input.keys, true).map_err(environment)?;
    }
    Ok(Far { keys: search.matches(), links: search.into_links(), looked_at: Vec::new() })
}

async fn follow_content(job: &Arc<Job>, vertex: &Arc<Vertex>, output: usize) -> Result<Far, SolveError> {
    let (Some(remote), false) = (remote(job).await, vertex.ignore_cache) else { return Ok(Far::default()) };
    let first = by_definition(vertex, output).await?;
    let leads_on =
        |keys: &[KeyId]| -> Result<bool, SolveError> { Ok(remote.newest(keys).is_some() || hit(job, keys)?.is_some()) };
    if vertex.inputs.is_empty() || leads_on(&first.keys)? {
        return Ok(Far { keys: first.keys.clone(), links: first.links.clone(), looked_at: Vec::new() });
    }
    let map = cache_map(job, vertex).await?;
    let mut search = Search::new(&job.engine.store, &map, output);
    search.look_far(Arc::clone(&remote));
    let inputs = try_join_all(vertex.inputs.iter().map(|input| by_content(&input.vertex, input.output))).await?;
    for (at, input) in inputs.iter().enumerate() {
        search.add(at, &input.keys, true).map_err(environment)?;
    }
    // First the inputs that no key stands for; then all whose content counts.
    for unmatched_only in [true, false] {
        if leads_on(&search.matches())?
            || (0..vertex.inputs.len()).any(|at| search.unmatched(at) && !map.has_content(at))
        {
            break;
        }
        let wanted: Vec<usize> = (0..vertex.inputs.len())
            .filter(|at| map.has_content(*at) && !search.looked_at(*at) && (search.unmatched(*at) || !unmatched_only))
            .collect();
        let looked = try_join_all(wanted.iter().map(|at| look_at(job, vertex, &map, *at))).await?;
        for (at, (done, content)) in wanted.iter().zip(looked) {
            search.add(*at, &done.keys, true).map_err(environment)?;
            search.add_content(*at, content).map_err(environment)?;
            search.set_looked_at(*at);
        }
    }
    let (keys, looked_at) = (search.matches(), search.by_content());
    let here = hit(job, &keys)?.map(|hit| hit.key);
    if let Some(key) = here.or_else(|| is_found(&remote, vertex, output, &keys)) {
        edge::tell_found(vertex, &map, &how(&looked_at), &key, || search.parts(vertex));
    }
    Ok(Far { keys, links: search.into_links(), looked_at })
}

/// By what something was found.
fn how(looked_at: &[usize]) -> Match {
    match looked_at {
        [] => Match::Definition,
        inputs => Match::Content { inputs: inputs.to_vec() },
    }
}

/// Takes a result that keys lead to: one that is here, or one that is brought here.
async fn adopt(
    job: &Arc<Job>,
    vertex: &Arc<Vertex>,
    output: usize,
    remote: &Remote,
    far: &Far,
) -> Result<Option<Done>, SolveError> {
    let map = cache_map(job, vertex).await?;
    if let Some((hit, snapshot)) = at_hand(job, &far.keys)? {
        job.engine.used.note(&hit.record);
        edge::tell_found(vertex, &map, &how(&far.looked_at), &hit.key, Vec::new);
        return Ok(Some(Done { keys: far.keys.clone(), snapshot }));
    }
    if lies_on_difference(vertex, output) {
        return Ok(None);
    }
    let Some((_, status)) = job.imports() else { return Ok(None) };
    let progress: Progress = {
        let (job, vertex) = (Arc::clone(job), vertex.digest.clone());
        Arc::new(move |name: &str, current: u64, total: Option<u64>| job.progress(&vertex, name, current, total))
    };
    while let Some((key, result)) = remote.newest(&far.keys) {
        let pulled = tokio::select! {
            pulled = remote.pull(&job.engine, &progress, &status, (&key, &result)) => pulled?,
            () = job.cancel.cancelled() => return Err(SolveError::cancelled()),
        };
        let Some(snapshot) = pulled else { continue };
        edge::tell_found(vertex, &map, &how(&far.looked_at), &key, Vec::new);
        save(job, vertex, output, far, &snapshot).await?;
        return Ok(Some(Done { keys: far.keys.clone(), snapshot }));
    }
    Ok(None)
}

/// Saves what came from elsewhere under all of its keys, and the ways to it from what it follows from.
async fn save(
    job: &Arc<Job>,
    vertex: &Arc<Vertex>,
    output: usize,
    far: &Far,
    snapshot: &Snapshot,
) -> Result<(), SolveError> {
    let ran = Ran { outputs: vec![snapshot.clone(); output + 1], took: None };
    edge::store(job, vertex, far.keys.clone(), far.links.clone(), output, &ran).await?;
    let ways = ways(vertex);
    let store = job.engine.store.clone();
    crate::ops::blocking(move || {
        store.cache().connect(&ways).map_err(|error| SolveError::new(ErrorKind::Environment, error))
    })
    .await
}

/// The keys of shared caches from which those of a vertex follow, each with what leads to it.
fn ways(vertex: &Vertex) -> Vec<(KeyId, Vec<(KeyId, Link)>)> {
    let mut ways = Vec::new();
    let mut seen = BTreeSet::new();
    let mut next: Vec<(Arc<Vertex>, usize)> = Vec::new();
    let inputs = |vertex: &Vertex| -> Vec<(Arc<Vertex>, usize)> {
        vertex.inputs.iter().map(|input| (Arc::clone(&input.vertex), input.output)).collect()
    };
    next.extend(inputs(vertex));
    while let Some((vertex, output)) = next.pop() {
        if !seen.insert((Arc::as_ptr(&vertex) as usize, output)) {
            continue;
        }
        let edge = vertex.edge(output);
        for far in [edge.by_definition.result(), edge.by_content.result()].into_iter().flatten() {
            let keys = far.keys.iter().filter(|key| graph::is_far(key));
            ways.extend(keys.map(|key| (key.clone(), far.links.clone())));
        }
        next.extend(inputs(&vertex));
    }
    ways
}

/// Whether the lowest layers of a result may be those of a difference. Their deletions delete nothing by themselves and would be
/// lost where they are unpacked; they count where the result is laid on others.
fn lies_on_difference(vertex: &Arc<Vertex>, output: usize) -> bool {
    let (mut at, mut output) = (Arc::clone(vertex), output);
    loop {
        let below = match &at.op.op {
            Some(pb::OpKind::Diff(_)) => return true,
            Some(pb::OpKind::Merge(merge)) => merge.inputs.first().map(|input| input.input),
            Some(pb::OpKind::Exec(exec)) => {
                let wanted = i64::try_from(output).unwrap_or(-1);
                exec.mounts.iter().find(|mount| mount.output == wanted).map(|mount| mount.input)
            }
            Some(pb::OpKind::File(file)) => {
                // The tree of an output is that of the inputs of the actions before it.
                let inputs = i64::try_from(at.inputs.len()).unwrap_or(i64::MAX);
                let wanted = i64::try_from(output).unwrap_or(-1);
                let mut tree = file.actions.iter().find(|action| action.output == wanted).map(|action| action.input);
                while let Some(number) = tree.filter(|number| *number >= inputs) {
                    let action = usize::try_from(number - inputs).ok().and_then(|at| file.actions.get(at));
                    tree = action.map(|action| action.input).filter(|before| *before < number);
                }
                tree
            }
            Some(pb::OpKind::Passthrough(passthrough)) => passthrough.outputs.get(output).copied(),
            _ => None,
        };
        let below = below.and_then(|input| usize::try_from(input).ok()).and_then(|input| at.inputs.get(input).cloned());
        let Some(below) = below else { return false };
        (at, output) = (below.vertex, below.output);
    }
}

/// Whether a result of these keys is in a shared cache, so that the vertex need not run. Its first key, if so.
pub(crate) fn is_found(remote: &Remote, vertex: &Arc<Vertex>, output: usize, keys: &[KeyId]) -> Option<KeyId> {
    let (key, _) = remote.newest(keys)?;
    (!lies_on_difference(vertex, output)).then_some(key)
}
