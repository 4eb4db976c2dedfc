//! Names that are edited together.
//!
//! Owns for which that is safe while typing: names inside of one function.

use hlb_language::span::Span;

use crate::analysis::Analysis;

impl Analysis {
    /// The places that change with the name at a byte offset.
    pub fn linked(&self, offset: usize) -> Option<Vec<Span>> {
        let _ = offset;
        None
    }
}
