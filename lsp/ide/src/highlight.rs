//! The uses of a name within one text.
//!
//! Owns whether a use writes or reads.

use hlb_language::span::Span;

use crate::analysis::Analysis;

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
        let _ = offset;
        Vec::new()
    }
}
