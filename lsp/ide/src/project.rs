//! What is known of all files together.
//!
//! Owns `Project`: the files of the client as one program with many entries. Immutable.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::hir::Target;
use hlb_compiler::{Checked, Depth, Origin, Text};
use hlb_language::diagnostic::Location;

use crate::place::Place;
use crate::world::EditorWorld;

/// All files, checked as one program.
#[derive(Debug)]
pub struct Project {
    pub(crate) checked: Checked,
}

impl Project {
    /// Checks texts, each named by its absolute path.
    pub fn new(world: &EditorWorld, texts: &[Arc<Text>]) -> Self {
        Self { checked: hlb_compiler::check_texts(world, texts, Depth::All) }
    }

    /// The files of the client that are part of it, absolute.
    pub fn files(&self) -> Vec<Utf8PathBuf> {
        let modules = self.checked.program.modules.iter();
        modules.filter(|module| module.origin == Origin::Client).map(|module| module.path.clone()).collect()
    }

    /// The use or the definition of a name in a file.
    pub(crate) fn name_at(&self, path: &Utf8Path, offset: usize) -> Option<(Location, Target)> {
        let program = &self.checked.program;
        let source = program.modules.iter().find(|module| module.path == path)?.source;
        if let Some(reference) = program.reference_at(source, offset) {
            return Some((reference.at, reference.target));
        }
        let (span, target) = program.definition_at(source, offset)?;
        Some((Location { source, span }, target))
    }

    /// The place of something that the program knows.
    pub(crate) fn place(&self, at: Location) -> Option<Place> {
        let source = self.checked.sources.get(at.source)?;
        let module = self.checked.program.modules.iter().find(|module| module.source == at.source)?;
        let writable = module.origin == Origin::Client;
        Some(Place { path: source.name().into(), source: Arc::clone(source), span: at.span, writable })
    }
}
