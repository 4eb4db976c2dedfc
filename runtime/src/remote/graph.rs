//! What follows from what in a shared cache.
//!
//! Owns the reading of a cache's document into keys, links and results, and that a damaged one is refused with words: numbers out of
//! range, circles, inputs that nothing stands for.
//!
//! A key without inputs is named by its digest, which is the very name it has here. Any other is named by all that it follows from,
//! so that equal keys of different caches are one, and their names can be kept in the store.

use std::collections::{BTreeSet, HashMap};
use std::time::SystemTime;

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_registry::Descriptor;
use hlb_store::{KeyId, Link};

use super::config::{CacheConfig, CacheLayer};
use crate::solver::key;
use crate::sys::mounts::MAX_LOWERS;

/// What the names of keys begin with that were read from a shared cache and have inputs.
const FAR: &str = "far:";

/// Keys, links and results of shared caches.
#[derive(Debug, Default)]
pub(crate) struct RemoteGraph {
    pub(crate) nodes: HashMap<KeyId, Node>,
    links: HashMap<(KeyId, FarLink), Vec<KeyId>>,
    results: HashMap<KeyId, Known>,
    documents: Vec<Layers>,
}

/// The layers of a document: how each can be had, if it can, and what it lies on.
type Layers = Vec<(Option<RemoteLayer>, Option<usize>)>;

/// A result as a document names it.
#[derive(Debug)]
struct Known {
    stack: Stack,
    created_at: SystemTime,
    document: usize,
    place: usize,
}

/// Layers by their numbers.
#[derive(Clone, Debug)]
enum Stack {
    /// One with all below it.
    Top(usize),
    /// Bottom first.
    All(Vec<usize>),
}

/// A key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Node {
    /// Of what the step does and the number of the output; or of a root key.
    pub(crate) digest: Digest,
    /// For each input of the step the keys that stand for it, with what of them counts.
    pub(crate) inputs: Vec<BTreeSet<(String, KeyId)>>,
}

/// A link as a shared cache says it: the digest holds the number of the output, too.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct FarLink {
    input: usize,
    digest: Digest,
    selector: String,
}

/// A result in a shared cache.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RemoteResult {
    /// Bottom first.
    pub(crate) layers: Vec<RemoteLayer>,
    pub(crate) created_at: SystemTime,
    /// Which of the places that were read has the layers.
    pub(crate) place: usize,
}

/// A layer in a shared cache.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RemoteLayer {
    /// Its archive as it travels.
    pub(crate) blob: Descriptor,
    /// Of its archive.
    pub(crate) diff_id: Digest,
}

/// A document that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum GraphError {
    #[error("its layer {layer} lies on layer {parent}, of {count}")]
    Parent { layer: usize, parent: i64, count: usize },
    #[error("its layer {0} lies on itself")]
    LayerCircle(usize),
    #[error("its record {record} names layer {layer}, of {count}")]
    Layer { record: usize, layer: usize, count: usize },
    #[error("its record {record} names record {link}, of {count}")]
    Link { record: usize, link: usize, count: usize },
    #[error("nothing stands for input {input} of its record {record}")]
    NoInput { record: usize, input: usize },
    #[error("its record {0} follows from itself")]
    Circle(usize),
}

/// The name of a key with these inputs.
pub(crate) fn name(node: &Node) -> KeyId {
    if node.inputs.is_empty() {
        return KeyId::from(node.digest.as_str());
    }
    let mut hasher = Hasher::default();
    hasher.update(&node.digest);
    for input in &node.inputs {
        hasher.update("\n");
        for (selector, link) in input {
            hasher.update(format!("{selector} {link}\0"));
        }
    }
    KeyId::from(format!("{FAR}{}", hasher.finish().hex()))
}

/// Whether a key has such a name.
pub(crate) fn is_far(key: &KeyId) -> bool {
    key.as_str().starts_with(FAR)
}

impl RemoteGraph {
    /// Adds what a document says. `blobs` are the layers that can be had, by digest; a result that needs another is left out. Of
    /// two results of a key the newer one counts.
    ///
    /// # Errors
    /// If the document makes no sense. Nothing is added then.
    pub(crate) fn add(
        &mut self,
        config: &CacheConfig,
        blobs: &HashMap<Digest, RemoteLayer>,
        place: usize,
    ) -> Result<(), GraphError> {
        let layers = layers(config, blobs)?;
        let names = names(config)?;
        let (count, document) = (layers.len(), self.documents.len());
        let mut found = Vec::new();
        for (record, (told, (name, _))) in config.records.iter().zip(&names).enumerate() {
            let tops = told.results.iter().map(|result| (Stack::Top(result.layer), result.created_at));
            let lists = told.chains.iter().map(|chain| (Stack::All(chain.layers.clone()), chain.created_at));
            for (stack, created_at) in tops.chain(lists) {
                let numbers = match &stack {
                    Stack::Top(layer) => std::slice::from_ref(layer),
                    Stack::All(layers) => layers.as_slice(),
                };
                if let Some(layer) = numbers.iter().copied().find(|layer| *layer >= count) {
                    return Err(GraphError::Layer { record, layer, count });
                }
                found.push((name.clone(), Known { stack, created_at, document, place }));
            }
        }
        self.documents.push(layers);
        for (name, node) in names {
            // A name says all of its links: one that is known has them.
            if self.nodes.contains_key(&name) {
                continue;
            }
            for (input, keys) in node.inputs.iter().enumerate() {
                for (selector, from) in keys {
                    let link = FarLink { input, digest: node.digest.clone(), selector: selector.clone() };
                    self.links.entry((from.clone(), link)).or_default().push(name.clone());
                }
            }
            self.nodes.insert(name, node);
        }
        for (name, result) in found {
            let is_usable = self.numbers(&result).is_some();
            let known = self.results.get(&name);
            if is_usable && known.is_none_or(|known| known.created_at < result.created_at) {
                self.results.insert(name, result);
            }
        }
        Ok(())
    }

    /// The layers of a result by their numbers, bottom first. `None` if one of them cannot be had, or they are too many for a file
    /// system.
    fn numbers(&self, result: &Known) -> Option<Vec<usize>> {
        let layers = self.documents.get(result.document)?;
        let numbers = match &result.stack {
            Stack::All(numbers) => numbers.clone(),
            Stack::Top(top) => {
                let mut stack = Vec::new();
                let mut next = Some(*top).filter(|top| *top < layers.len());
                while let Some(number) = next.filter(|_| stack.len() <= MAX_LOWERS) {
                    stack.push(number);
                    next = layers.get(number).and_then(|(_, below)| *below);
                }
                stack.reverse();
                stack
            }
        };
        let is_there = |number: &usize| layers.get(*number).is_some_and(|(layer, _)| layer.is_some());
        (numbers.len() <= MAX_LOWERS && numbers.iter().all(is_there)).then_some(numbers)
    }

    /// The keys that a link leads to.
    pub(crate) fn targets(&self, from: &KeyId, link: &Link) -> &[KeyId] {
        let Ok(digest) = key::root_key(&link.digest, link.output as usize).as_str().parse() else { return &[] };
        let link = FarLink { input: link.input as usize, digest, selector: link.selector.clone() };
        self.links.get(&(from.clone(), link)).map(Vec::as_slice).unwrap_or_default()
    }

    /// When the result of a key was made, if there is one.
    pub(crate) fn created_at(&self, key: &KeyId) -> Option<SystemTime> {
        self.results.get(key).map(|known| known.created_at)
    }

    /// The result of a key.
    pub(crate) fn result(&self, key: &KeyId) -> Option<RemoteResult> {
        let known = self.results.get(key)?;
        let layers = self.documents.get(known.document)?;
        let layers = self.numbers(known)?.into_iter().map(|number| layers.get(number)?.0.clone());
        let layers = layers.collect::<Option<Vec<RemoteLayer>>>()?;
        Some(RemoteResult { layers, created_at: known.created_at, place: known.place })
    }
}

/// The layers of a document, each of which lies on another one or on none.
fn layers(config: &CacheConfig, blobs: &HashMap<Digest, RemoteLayer>) -> Result<Layers, GraphError> {
    let count = config.layers.len();
    let layer = |(layer, told): (usize, &CacheLayer)| {
        let below = usize::try_from(told.parent).ok();
        match below.filter(|below| *below >= count) {
            Some(_) => Err(GraphError::Parent { layer, parent: told.parent, count }),
            None => Ok((blobs.get(&told.blob).cloned(), below)),
        }
    };
    let layers: Layers = config.layers.iter().enumerate().map(layer).collect::<Result<_, _>>()?;
    // By which of the walks down each was seen.
    let mut seen = vec![None; count];
    for start in 0..count {
        let mut next = Some(start);
        while let Some(at) = next {
            let Some(seen) = seen.get_mut(at) else { break };
            match *seen {
                Some(walk) if walk == start => return Err(GraphError::LayerCircle(start)),
                Some(_) => break,
                None => *seen = Some(start),
            }
            next = layers.get(at).and_then(|(_, below)| *below);
        }
    }
    Ok(layers)
}

/// For each record its key. Inputs come before what follows from them.
fn names(config: &CacheConfig) -> Result<Vec<(KeyId, Node)>, GraphError> {
    let count = config.records.len();
    let mut waiting = vec![0_usize; count];
    let mut readers: Vec<Vec<usize>> = vec![Vec::new(); count];
    for (record, found) in config.records.iter().enumerate() {
        for (input, keys) in found.inputs.iter().enumerate() {
            if keys.is_empty() {
                return Err(GraphError::NoInput { record, input });
            }
            for key in keys {
                let readers = readers.get_mut(key.link).ok_or(GraphError::Link { record, link: key.link, count })?;
                readers.push(record);
                if let Some(waiting) = waiting.get_mut(record) {
                    *waiting += 1;
                }
            }
        }
    }
    let mut ready: Vec<usize> = (0..count).filter(|record| waiting.get(*record) == Some(&0)).collect();
    let mut named: Vec<Option<(KeyId, Node)>> = vec![None; count];
    while let Some(record) = ready.pop() {
        let Some(found) = config.records.get(record) else { continue };
        let input = |keys: &Vec<super::config::CacheInput>| {
            let key = |key: &super::config::CacheInput| {
                let (name, _) = named.get(key.link)?.as_ref()?;
                Some((key.selector.clone(), name.clone()))
            };
            keys.iter().filter_map(key).collect()
        };
        let node = Node { digest: found.digest.clone(), inputs: found.inputs.iter().map(input).collect() };
        if let Some(named) = named.get_mut(record) {
            *named = Some((name(&node), node));
        }
        for reader in readers.get(record).into_iter().flatten() {
            if let Some(waiting) = waiting.get_mut(*reader) {
                *waiting -= 1;
                if *waiting == 0 {
                    ready.push(*reader);
                }
            }
        }
    }
    named.into_iter().enumerate().map(|(record, named)| named.ok_or(GraphError::Circle(record))).collect()
}

#[cfg(test)]
mod tests;
