//! What can be folded away.
//!
//! Owns the ranges: blocks, lists, comments, imports, heredocs.

use hlb_language::span::Span;

use crate::analysis::Analysis;

/// What is folded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoldKind {
    /// A block, a list, a heredoc.
    Region,
    /// Comments.
    Comment,
    /// Imports.
    Imports,
}

/// A range of more than one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fold {
    /// What stays visible ends where it starts; its end is that of the last line that goes.
    pub span: Span,
    /// What it is.
    pub kind: FoldKind,
}

impl Analysis {
    /// The ranges in the order of their starts.
    pub fn folds(&self) -> Vec<Fold> {
        Vec::new()
    }
}
