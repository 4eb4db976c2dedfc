//! The capabilities that an op asks for.
//!
//! Owns their form in memory, since there is a set for each op, and their form on the wire, which is that of a map. Which
//! names ops ask for is known by `caps`; others are kept as they came.

use std::collections::BTreeMap;
use std::fmt;

use prost::DecodeError;
use prost::bytes::{Buf, BufMut};
use prost::encoding::{DecodeContext, WireType, btree_map, encode_key, encode_varint, encoded_len_varint};

use crate::caps::Caps;

/// Names, each with whether it is wanted, sorted. Those that we know take no memory of their own.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Those that we know and that are wanted.
    known: Caps,
    /// All others.
    #[expect(clippy::box_collection, reason = "it is mostly not there, and there is one for each op")]
    others: Option<Box<BTreeMap<String, bool>>>,
}

impl Capabilities {
    /// Adds a capability, or changes whether it is wanted.
    pub fn insert(&mut self, name: String, wanted: bool) {
        let known = Caps::named(&name);
        match known {
            Some(cap) if wanted => {
                self.known.extend(cap);
                self.remove_other(&name);
            }
            _ => {
                self.known.remove(known.unwrap_or_default());
                self.others.get_or_insert_default().insert(name, wanted);
            }
        }
    }

    /// Adds those of another set, which is right where both say something.
    pub(crate) fn extend_with(&mut self, from: Self) {
        if self.others.is_some() {
            from.known.names().for_each(|name| self.remove_other(name));
        }
        self.known.extend(from.known);
        for (name, wanted) in from.others.into_iter().flat_map(|others| *others) {
            self.insert(name, wanted);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Removes all.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// All, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, bool)> {
        let mut known = self.known.names().peekable();
        let mut others = self.others.iter().flat_map(|others| others.iter()).peekable();
        std::iter::from_fn(move || {
            let other_first = match (known.peek(), others.peek()) {
                (Some(known), Some((other, _))) => other.as_str() < *known,
                (known, _) => known.is_none(),
            };
            if other_first {
                others.next().map(|(name, wanted)| (name.as_str(), *wanted))
            } else {
                known.next().map(|name| (name, true))
            }
        })
    }

    /// The names, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|(name, _)| name)
    }

    /// As prost writes a map: what is empty or false is left out of an entry.
    pub(super) fn encode(&self, tag: u32, buf: &mut impl BufMut) {
        for (name, wanted) in self.iter() {
            encode_key(tag, WireType::LengthDelimited, buf);
            encode_varint(entry_len(name, wanted) as u64, buf);
            if !name.is_empty() {
                encode_key(1, WireType::LengthDelimited, buf);
                encode_varint(name.len() as u64, buf);
                buf.put_slice(name.as_bytes());
            }
            if wanted {
                prost::encoding::bool::encode(2, &true, buf);
            }
        }
    }

    pub(super) fn encoded_len(&self) -> usize {
        let entry = |(name, wanted)| {
            let length = entry_len(name, wanted);
            1 + encoded_len_varint(length as u64) + length
        };
        self.iter().map(entry).sum()
    }

    /// Reads one entry.
    pub(super) fn merge(&mut self, buf: &mut impl Buf, context: DecodeContext) -> Result<(), DecodeError> {
        let mut entry = BTreeMap::new();
        btree_map::merge(prost::encoding::string::merge, prost::encoding::bool::merge, &mut entry, buf, context)?;
        self.extend(entry);
        Ok(())
    }

    fn remove_other(&mut self, name: &str) {
        if let Some(others) = &mut self.others {
            others.remove(name);
            if others.is_empty() {
                self.others = None;
            }
        }
    }
}

/// Bytes of an entry, without its own key and length.
fn entry_len(name: &str, wanted: bool) -> usize {
    let name = if name.is_empty() { 0 } else { 1 + encoded_len_varint(name.len() as u64) + name.len() };
    name + if wanted { 2 } else { 0 }
}

impl From<Caps> for Capabilities {
    fn from(known: Caps) -> Self {
        Self { known, others: None }
    }
}

impl Extend<(String, bool)> for Capabilities {
    fn extend<T: IntoIterator<Item = (String, bool)>>(&mut self, caps: T) {
        caps.into_iter().for_each(|(name, wanted)| self.insert(name, wanted));
    }
}

impl FromIterator<(String, bool)> for Capabilities {
    fn from_iter<T: IntoIterator<Item = (String, bool)>>(caps: T) -> Self {
        let mut all = Self::default();
        all.extend(caps);
        all
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(caps: &[(&str, bool)]) -> Capabilities {
        caps.iter().map(|(name, wanted)| ((*name).to_owned(), *wanted)).collect()
    }

    #[test]
    fn they_are_as_in_a_map() {
        let names = ["", "a", "file.base", "mergeop", "mergeop.new", "z"];
        let mut seed = 1_u32;
        let mut next = || {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (seed >> 16) as usize
        };
        let (mut caps, mut map) = (Capabilities::default(), BTreeMap::new());
        for _ in 0..2000 {
            let (name, wanted) = (names[next() % names.len()].to_owned(), next() % 2 == 0);
            match next() % 8 {
                0 => {
                    caps.clear();
                    map.clear();
                }
                1 => {
                    let from = [(name, wanted), ("mergeop".to_owned(), true)];
                    caps.extend_with(from.iter().cloned().collect());
                    map.extend(from);
                }
                _ => {
                    caps.insert(name.clone(), wanted);
                    map.insert(name, wanted);
                }
            }
            assert_eq!(caps.iter().collect::<Vec<_>>(), map.iter().map(|(k, v)| (k.as_str(), *v)).collect::<Vec<_>>());
            assert_eq!((&caps, caps.is_empty()), (&map.clone().into_iter().collect(), map.is_empty()));
        }
    }

    #[test]
    fn they_say_what_they_hold() {
        assert_eq!(format!("{:?}", set(&[("x", false), ("file.base", true)])), r#"{"file.base": true, "x": false}"#);
    }
}
