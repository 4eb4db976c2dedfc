//! What is known of all files together.
//!
//! Owns `Project`: the files of the client as one program with many entries. Immutable.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::hir::Target;
use hlb_compiler::{Checked, Depth, Origin, Text};
use hlb_language::diagnostic::{Diagnostic, Location};

use crate::host::Settings;
use crate::place::{self, Place};
use crate::world::{Asked, EditorWorld};

/// All files, checked as one program.
#[derive(Debug)]
pub struct Project {
    pub(crate) checked: Checked,
    /// Its files, as they were.
    texts: Vec<Arc<Text>>,
    stdlib: Option<Utf8PathBuf>,
    strict: Vec<Diagnostic>,
    asked: Arc<Asked>,
}

impl Project {
    /// Checks texts, each named by its absolute path.
    pub(crate) fn new(world: &EditorWorld, texts: Vec<Arc<Text>>, settings: &Settings) -> Self {
        let mut checked = hlb_compiler::check_texts(world, &texts, Depth::All);
        let strict = if settings.strict { checked.strict() } else { Vec::new() };
        checked.forget_bodies();
        Self { checked, texts, stdlib: settings.stdlib.clone(), strict, asked: Arc::clone(world.asked()) }
    }

    /// Whether it is made of these texts.
    pub(crate) fn holds(&self, texts: &[Arc<Text>]) -> bool {
        self.texts.len() == texts.len() && self.texts.iter().zip(texts).all(|(one, other)| Arc::ptr_eq(one, other))
    }

    /// The texts of its files.
    pub(crate) fn texts(&self) -> &[Arc<Text>] {
        &self.texts
    }

    /// What it was made of.
    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// The warnings of `hlbc check --strict`, if they are wanted.
    pub(crate) fn strict(&self) -> &[Diagnostic] {
        &self.strict
    }

    /// The directory that has the texts of the builtins and of the standard modules.
    pub(crate) fn stdlib(&self) -> Option<&Utf8Path> {
        self.stdlib.as_deref()
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
        place::of(&self.checked, self.stdlib(), at)
    }
}
