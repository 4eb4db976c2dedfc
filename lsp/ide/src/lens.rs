//! What can be done with a target, above it.
//!
//! Owns which targets and tests have lenses. Nothing is executed here: the client runs `hlbc`.

use hlb_compiler::{TargetInfo, Type};
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
    /// The lenses in the order of the text. A function that has to be given something is a target for its callers; only where it
    /// is exported is it one for people, too.
    pub fn lenses(&self) -> Vec<Lens> {
        let Some(entry) = self.checked.program.entry() else { return Vec::new() };
        let mut lenses = Vec::new();
        for target in self.checked.targets().into_iter().filter(is_for_people) {
            let Some(symbol) = entry.scope.get(target.name.as_str()) else { continue };
            for kind in [LensKind::Run, LensKind::Graph, LensKind::Why, LensKind::Debug] {
                lenses.push(Lens { span: symbol.at.span, kind, target: target.name.clone() });
            }
        }
        let own = self.checked.program.tests.iter().filter(|test| test.at.source == entry.source);
        for test in own.filter(|test| !test.name.is_empty()) {
            lenses.push(Lens { span: test.at.span, kind: LensKind::Test, target: test.name.to_string() });
        }
        lenses.sort_by_key(|lens| lens.span.start);
        lenses
    }
}

fn is_for_people(target: &TargetInfo) -> bool {
    let needs = target.params.iter().any(|param| !param.optional);
    !target.name.is_empty()
        && matches!(target.ty, Type::Fs | Type::Pipeline)
        && !target.bound
        && (target.exported || !needs)
}
