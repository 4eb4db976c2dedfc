//! The search for one output of an op by the keys of its inputs.
//!
//! Owns which keys of the op are reachable from the keys of each input. When which inputs are looked at is for `edge` to say.

use std::collections::BTreeSet;
use std::sync::Arc;

use hlb_llb::Digest;
use hlb_store::{KeyId, Link, MetaError, Store};

use crate::remote::import::Remote;
use crate::solver::cache_map::CacheMap;
use crate::solver::key::{self, DepKey};
use crate::solver::structure::InputPart;
use crate::solver::vertex::{Input, Vertex};

/// Which keys of the op are reachable from the keys of each of its inputs.
pub(crate) struct Search<'a> {
    store: &'a Store,
    map: &'a CacheMap,
    output: usize,
    inputs: Vec<Reached>,
    /// Shared caches that are looked into, too.
    far: Option<Arc<Remote>>,
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
    pub(crate) fn new(store: &'a Store, map: &'a CacheMap, output: usize) -> Self {
        Self { store, map, output, inputs: vec![Reached::default(); map.deps.len()], far: None }
    }

    /// Follows the links of shared caches, too, from now on.
    pub(crate) fn look_far(&mut self, remote: Arc<Remote>) {
        self.far = Some(remote);
    }

    /// Follows the links of an input's keys. A definition key goes through the input's selector, a content key has none.
    pub(crate) fn add(&mut self, at: usize, keys: &[KeyId], by_definition: bool) -> Result<(), MetaError> {
        for key in keys {
            let link = self.link(at, by_definition);
            let Some(input) = self.inputs.get_mut(at) else { continue };
            if key::is_session_only(key) || !input.from.insert((key.clone(), by_definition)) {
                continue;
            }
            input.targets.extend(self.store.cache().targets(key, &link)?);
            input.targets.extend(self.far.iter().flat_map(|far| far.targets(key, &link)).cloned());
        }
        Ok(())
    }

    /// Follows the links of an input's content, if that counts.
    pub(crate) fn add_content(&mut self, at: usize, content: Option<Digest>) -> Result<(), MetaError> {
        let Some(digest) = content else { return Ok(()) };
        self.add(at, &[key::content_key(&digest)], false)?;
        if let Some(input) = self.inputs.get_mut(at) {
            input.content = Some(digest);
        }
        Ok(())
    }

    /// Follows all links once more: others may have added some.
    pub(crate) fn follow_again(&mut self) -> Result<(), MetaError> {
        for at in 0..self.inputs.len() {
            let links = [self.link(at, false), self.link(at, true)];
            let Some(input) = self.inputs.get_mut(at) else { continue };
            for (key, by_definition) in &input.from {
                let [by_content, through_selector] = &links;
                let link = if *by_definition { through_selector } else { by_content };
                input.targets.extend(self.store.cache().targets(key, link)?);
            }
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
    pub(crate) fn matches(&self) -> Vec<KeyId> {
        let mut inputs = self.inputs.iter();
        let Some(first) = inputs.next() else { return Vec::new() };
        let mut common = first.targets.clone();
        for input in inputs {
            common.retain(|key| input.targets.contains(key));
        }
        common.into_iter().collect()
    }

    pub(crate) fn unmatched(&self, at: usize) -> bool {
        self.inputs.get(at).is_none_or(|input| input.targets.is_empty())
    }

    pub(crate) fn looked_at(&self, at: usize) -> bool {
        self.inputs.get(at).is_some_and(|input| input.looked_at)
    }

    pub(crate) fn set_looked_at(&mut self, at: usize) {
        if let Some(input) = self.inputs.get_mut(at) {
            input.looked_at = true;
        }
    }

    /// The inputs whose content was looked at.
    pub(crate) fn by_content(&self) -> Vec<usize> {
        let inputs = self.inputs.iter().enumerate();
        inputs.filter(|(_, input)| input.content.is_some()).map(|(at, _)| at).collect()
    }

    /// The digest of what the op does.
    pub(crate) fn digest(&self) -> &str {
        self.map.digest()
    }

    /// For each input the key that names it best: that of its content, or the first by which it is known. `None` where it is known
    /// by nothing that lasts.
    pub(crate) fn names(&self) -> impl Iterator<Item = Option<KeyId>> {
        self.inputs.iter().map(|input| {
            let by_content = input.content.as_ref().map(key::content_key);
            by_content
                .or_else(|| input.from.iter().find(|(_, by_definition)| *by_definition).map(|(key, _)| key.clone()))
        })
    }

    /// What is known of the inputs by now.
    pub(crate) fn parts(&self, vertex: &Vertex) -> Vec<InputPart> {
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
    pub(crate) fn into_links(self) -> Vec<(KeyId, Link)> {
        let mut links = Vec::new();
        for (at, input) in self.inputs.iter().enumerate() {
            for (key, by_definition) in &input.from {
                links.push((key.clone(), self.link(at, *by_definition)));
            }
        }
        links
    }
}
