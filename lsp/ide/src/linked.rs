//! Names that are edited together.
//!
//! Owns for which that is safe while typing: names inside of one function. What other places may name, such as a parameter, is
//! renamed instead.

use hlb_compiler::hir::Target;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::references;

impl Analysis {
    /// The places that change with the name at a byte offset.
    pub fn linked(&self, offset: usize) -> Option<Vec<Span>> {
        let (name, target) = self.name_at(offset)?;
        if !matches!(references::whole(&self.checked, target), Target::Local(_)) {
            return None;
        }
        let source = self.text().source();
        let spans: Vec<Span> = self.highlights(offset).into_iter().map(|(span, _)| span).collect();
        let whole = spans.iter().all(|span| source.slice(*span) == source.slice(name));
        (whole && spans.contains(&name)).then_some(spans)
    }
}
