//! What a selection grows to.
//!
//! Owns the steps: word, argument, clause, statement, block, declaration, file.

use hlb_language::span::Span;

use crate::analysis::Analysis;

impl Analysis {
    /// The ranges around a byte offset, each within the next and none twice.
    pub fn selections(&self, offset: usize) -> Vec<Span> {
        let _ = offset;
        Vec::new()
    }
}
