//! The uses of a name within one text.
//!
//! Owns whether a use writes or reads.

use std::collections::BTreeMap;

use hlb_language::diagnostic::Location;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::references;
use crate::walk::{Node, Role, walk};

/// What is done with a name at a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Access {
    /// It is used.
    Read,
    /// It is defined.
    Write,
}

impl Analysis {
    /// The places of the name at a byte offset, in the order of the text.
    pub fn highlights(&self, offset: usize) -> Vec<(Span, Access)> {
        let (Some(source), Some((span, target))) = (self.entry(), self.name_at(offset)) else { return Vec::new() };
        let (at, target) = (Location { source, span }, references::whole(&self.checked, target));
        let mut places: BTreeMap<Span, Access> = BTreeMap::new();
        let here = |it: &Location| it.source == source;
        for at in references::uses(&self.checked, target, at).into_iter().filter(here) {
            places.insert(at.span, Access::Read);
        }
        if let Some(at) = references::definition(&self.checked, target, at).filter(here) {
            places.insert(at.span, Access::Write);
        }
        // A result may be set at several places.
        walk(self.text().tree(), &mut |node| {
            if let Node::Name(Role::Bound | Role::Local, name) = node
                && let Some(access) = places.get_mut(&name.span)
            {
                *access = Access::Write;
            }
        });
        places.into_iter().collect()
    }
}
