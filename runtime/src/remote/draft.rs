//! A shared cache that is being written.
//!
//! Owns what of a graph of keys can stand in the document, and in which order: BuildKit's. Equal keys become one, circles are cut,
//! and what leads to no result is left out. Where keys and results come from is not known here.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::SystemTime;

use hlb_llb::Digest;
use hlb_store::KeyId;

use super::config::{CacheConfig, CacheInput, CacheLayer, CacheRecord, CacheResult};
use super::graph::{self, Node};

/// Keys and results.
#[derive(Clone, Debug, Default)]
pub(crate) struct Draft {
    pub(crate) nodes: BTreeMap<KeyId, Node>,
    pub(crate) results: BTreeMap<KeyId, DraftResult>,
}

/// A result of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DraftResult {
    /// Blobs, bottom first.
    pub(crate) layers: Vec<Digest>,
    pub(crate) created_at: SystemTime,
}

/// How results name their layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Layering<'a> {
    /// By the topmost one, in a list of all.
    Own,
    /// By their positions in an image of these layers.
    Image(&'a [Digest]),
}

impl Draft {
    /// The document. Results that an image does not hold are left out of one for that.
    pub(crate) fn config(&self, layering: Layering<'_>) -> CacheConfig {
        let named = self.named();
        let mut records: Vec<Entry<'_>> = named
            .iter()
            .map(|(name, (node, result))| Entry { name, node, result: result.as_ref(), inputs: sorted(node, &named) })
            .collect();
        records.sort_by(|a, b| a.order(&named).cmp(&b.order(&named)).then_with(|| a.name.cmp(b.name)));
        let numbers: HashMap<&KeyId, usize> = records.iter().enumerate().map(|(at, entry)| (entry.name, at)).collect();
        let mut layers = LayerList::default();
        // Numbers of layers that are not in order yet go by the order of what they belong to.
        let tops: Vec<Option<usize>> = records
            .iter()
            .map(|entry| entry.result.filter(|_| layering == Layering::Own).and_then(|it| layers.add(&it.layers)))
            .collect();
        let (list, places) = layers.sorted();
        let records = records.iter().zip(tops).map(|(entry, top)| {
            let created_at = entry.result.map_or(SystemTime::UNIX_EPOCH, |result| result.created_at);
            let layer = match layering {
                Layering::Own => top.and_then(|top| places.get(top).copied()),
                Layering::Image(image) => entry.result.and_then(|result| position(image, &result.layers)),
            };
            let input = |keys: &Vec<(&str, &KeyId)>| {
                let key = |(selector, name): &(&str, &KeyId)| {
                    Some(CacheInput { selector: (*selector).to_owned(), link: *numbers.get(name)? })
                };
                let mut keys: Vec<CacheInput> = keys.iter().filter_map(key).collect();
                keys.sort_by(|a, b| (a.link, &a.selector).cmp(&(b.link, &b.selector)));
                keys
            };
            CacheRecord {
                results: layer.map(|layer| CacheResult { layer, created_at }).into_iter().collect(),
                chains: Vec::new(),
                digest: entry.node.digest.clone(),
                inputs: entry.inputs.iter().map(input).collect(),
            }
        });
        CacheConfig { layers: list, records: records.collect() }
    }

    /// All keys by what they follow from, without those that lead to no result or can be reached by nobody.
    fn named(&self) -> Named {
        let grounded = self.grounded();
        let wanted = self.wanted(&grounded);
        let mut names: HashMap<&KeyId, KeyId> = HashMap::new();
        let mut named = Named::new();
        let mut left = self.inputs_first(&wanted);
        // In a circle the first that is come to does without what leads round, and what cannot waits for it.
        while !left.is_empty() {
            let before = left.len();
            left.retain(|key| {
                let Some(node) = self.nodes.get(*key) else { return false };
                let input = |keys: &BTreeSet<(String, KeyId)>| -> BTreeSet<(String, KeyId)> {
                    let named = |(selector, key): &(String, KeyId)| Some((selector.clone(), names.get(key)?.clone()));
                    keys.iter().filter_map(named).collect()
                };
                let node = Node { digest: node.digest.clone(), inputs: node.inputs.iter().map(input).collect() };
                if node.inputs.iter().any(BTreeSet::is_empty) {
                    return true;
                }
                let name = graph::name(&node);
                let result = self.results.get(*key);
                let entry = named.entry(name.clone()).or_insert((node, None));
                if entry.1.as_ref().map(|known| known.created_at) < result.map(|result| result.created_at) {
                    entry.1 = result.cloned();
                }
                names.insert(key, name);
                false
            });
            if left.len() == before {
                break;
            }
        }
        named
    }

    /// Keys in an order in which those that others follow from come first, but for circles.
    fn inputs_first<'s>(&'s self, wanted: &HashSet<&'s KeyId>) -> Vec<&'s KeyId> {
        let (mut order, mut seen) = (Vec::with_capacity(wanted.len()), HashSet::new());
        for start in self.nodes.keys().filter(|key| wanted.contains(key)) {
            let mut next = vec![(start, false)];
            while let Some((key, is_done)) = next.pop() {
                if is_done {
                    order.push(key);
                } else if seen.insert(key) {
                    next.push((key, true));
                    let inputs = self.nodes.get(key).into_iter().flat_map(|node| node.inputs.iter().flatten());
                    next.extend(inputs.filter_map(|(_, input)| wanted.get(input)).map(|input| (*input, false)));
                }
            }
        }
        order
    }

    /// The keys for each of whose inputs something stands, down to keys that have none.
    fn grounded(&self) -> HashSet<&KeyId> {
        // For each key the keys that follow from it, and which of their inputs it stands for.
        let mut readers: HashMap<&KeyId, Vec<(&KeyId, usize)>> = HashMap::new();
        let mut missing: HashMap<&KeyId, HashSet<usize>> = HashMap::new();
        let mut next = Vec::new();
        for (key, node) in &self.nodes {
            for (at, input) in node.inputs.iter().enumerate() {
                missing.entry(key).or_default().insert(at);
                input.iter().for_each(|(_, from)| readers.entry(from).or_default().push((key, at)));
            }
            if node.inputs.is_empty() {
                next.push(key);
            }
        }
        let mut grounded: HashSet<&KeyId> = next.iter().copied().collect();
        while let Some(key) = next.pop() {
            for (reader, at) in readers.remove(key).into_iter().flatten() {
                let Some(missing) = missing.get_mut(reader) else { continue };
                missing.remove(&at);
                if missing.is_empty() && grounded.insert(reader) {
                    next.push(reader);
                }
            }
        }
        grounded
    }

    /// Of these the keys that have results, or from which such follow.
    fn wanted<'s>(&'s self, grounded: &HashSet<&'s KeyId>) -> HashSet<&'s KeyId> {
        let mut next: Vec<&KeyId> = self.results.keys().filter(|key| grounded.contains(key)).collect();
        let mut wanted: HashSet<&KeyId> = next.iter().copied().collect();
        while let Some(node) = next.pop().map(|key| self.nodes.get(key)) {
            for (_, key) in node.into_iter().flat_map(|node| node.inputs.iter().flatten()) {
                if let Some(key) = grounded.get(key).copied()
                    && wanted.insert(key)
                {
                    next.push(key);
                }
            }
        }
        wanted
    }
}

/// A record on its way to its place.
struct Entry<'a> {
    name: &'a KeyId,
    node: &'a Node,
    result: Option<&'a DraftResult>,
    inputs: Vec<Vec<(&'a str, &'a KeyId)>>,
}

type Named = BTreeMap<KeyId, (Node, Option<DraftResult>)>;

impl<'a> Entry<'a> {
    /// By what it is sorted.
    #[expect(clippy::type_complexity, reason = "it is compared and nothing else")]
    fn order(&self, named: &'a Named) -> (&'a Digest, usize, Vec<(usize, Vec<(&'a str, Option<&'a Digest>)>)>) {
        let key = |(selector, name): &(&'a str, &'a KeyId)| (*selector, named.get(*name).map(|(node, _)| &node.digest));
        let input = |keys: &Vec<(&'a str, &'a KeyId)>| (keys.len(), keys.iter().map(key).collect());
        (&self.node.digest, self.inputs.len(), self.inputs.iter().map(input).collect())
    }
}

/// The alternatives of each input in an order that depends on nothing but what they are.
fn sorted<'a>(node: &'a Node, named: &'a Named) -> Vec<Vec<(&'a str, &'a KeyId)>> {
    let of_input = |keys: &'a BTreeSet<(String, KeyId)>| {
        let mut keys: Vec<(&str, &KeyId)> = keys.iter().map(|(selector, key)| (selector.as_str(), key)).collect();
        keys.sort_by_key(|(selector, key)| (*selector, named.get(*key).map(|(node, _)| &node.digest), *key));
        keys
    };
    node.inputs.iter().map(of_input).collect()
}

/// Layers, each with what it lies on, each once.
#[derive(Default)]
struct LayerList {
    layers: Vec<(Digest, Option<usize>)>,
    numbers: HashMap<(Digest, Option<usize>), usize>,
}

impl LayerList {
    /// Adds the layers of a result, bottom first, and gives the number of the topmost.
    fn add(&mut self, layers: &[Digest]) -> Option<usize> {
        let mut below = None;
        for layer in layers {
            let next = self.layers.len();
            let number = *self.numbers.entry((layer.clone(), below)).or_insert(next);
            if number == next {
                self.layers.push((layer.clone(), below));
            }
            below = Some(number);
        }
        below
    }

    /// The layers in order, and where each one has come to stand.
    fn sorted(self) -> (Vec<CacheLayer>, Vec<usize>) {
        let mut order: Vec<usize> = (0..self.layers.len()).collect();
        order.sort_by_key(|at| self.layers.get(*at));
        let mut places = vec![0; order.len()];
        for (place, at) in order.iter().enumerate() {
            if let Some(known) = places.get_mut(*at) {
                *known = place;
            }
        }
        let parent = |below: Option<usize>| {
            let place = below.and_then(|below| places.get(below)).and_then(|place| i64::try_from(*place).ok());
            place.unwrap_or(-1)
        };
        let layer = |at: &usize| {
            let (blob, below) = self.layers.get(*at)?;
            Some(CacheLayer { blob: blob.clone(), parent: parent(*below) })
        };
        (order.iter().filter_map(layer).collect(), places)
    }
}

/// Where in an image the topmost of these layers is, if they are what it begins with.
fn position(image: &[Digest], layers: &[Digest]) -> Option<usize> {
    if image.starts_with(layers) { layers.len().checked_sub(1) } else { None }
}

#[cfg(test)]
mod tests;
