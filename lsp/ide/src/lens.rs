//! What can be done with a target, above it.
//!
//! Owns which targets and tests have lenses. Nothing is executed here: the client runs `hlbc`.

use hlb_language::span::Span;

use crate::analysis::Analysis;

/// What a lens does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LensKind {
    /// Builds the target.
    Run,
    /// Shows its graph.
    Graph,
    /// Says why its last build was not cached.
    Why,
    /// Steps through it.
    Debug,
    /// Runs the test.
    Test,
}

/// A lens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Lens {
    /// The name that it belongs to.
    pub span: Span,
    /// What it does.
    pub kind: LensKind,
    /// The target, or the name of the test.
    pub target: String,
}

impl Analysis {
    /// The lenses in the order of the text.
    pub fn lenses(&self) -> Vec<Lens> {
        Vec::new()
    }
}
