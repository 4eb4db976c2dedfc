//! What is known of one text.
//!
//! Owns `Analysis`, a text checked against the declarations of all that it imports; the answers to questions about it are in the
//! file of each feature. Immutable: a changed text is a new analysis.

use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::hir::Target;
use hlb_compiler::{Checked, Depth, Text};
use hlb_language::diagnostic::Diagnostic;
use hlb_language::lexer::{Care, Lexed, lex};
use hlb_language::source::{Source, SourceId};
use hlb_language::span::Span;

use crate::actions::Tried;
use crate::graph::Graphs;
use crate::host::Settings;
use crate::world::{Asked, EditorWorld};

/// A text, checked with the declarations of all that it imports.
#[derive(Debug)]
pub struct Analysis {
    pub(crate) checked: Checked,
    text: Arc<Text>,
    stdlib: Option<Utf8PathBuf>,
    strict: bool,
    asked: Arc<Asked>,
    lexed: OnceLock<Lexed>,
    pub(crate) graphs: Graphs,
    pub(crate) tried: Tried,
}

impl Analysis {
    /// Checks a text, which is named by its absolute path.
    pub(crate) fn new(world: &EditorWorld, text: &Arc<Text>, settings: &Settings) -> Self {
        Self {
            checked: hlb_compiler::check_texts(world, std::slice::from_ref(text), Depth::Entries),
            text: Arc::clone(text),
            stdlib: settings.stdlib.clone(),
            strict: settings.strict,
            asked: Arc::clone(world.asked()),
            lexed: OnceLock::new(),
            graphs: Graphs::default(),
            tried: Tried::default(),
        }
    }

    /// What it was made of.
    pub(crate) fn asked(&self) -> &Asked {
        &self.asked
    }

    /// Whether the warnings of `hlbc check --strict` are wanted.
    pub(crate) fn strict(&self) -> bool {
        self.strict
    }

    /// Whether it is one of the texts of the standard library, of which nothing is to be said.
    pub(crate) fn is_standard(&self) -> bool {
        self.stdlib().is_some_and(|dir| Utf8Path::new(self.text.source().name()).starts_with(dir))
    }

    /// The directory that has the texts of the builtins and of the standard modules.
    pub(crate) fn stdlib(&self) -> Option<&Utf8Path> {
        self.stdlib.as_deref()
    }

    /// The text with its tree.
    pub fn text(&self) -> &Arc<Text> {
        &self.text
    }

    /// One of the texts that places point into.
    pub fn source(&self, id: SourceId) -> Option<&Arc<Source>> {
        self.checked.sources.get(id)
    }

    /// The use or the definition of a name.
    pub(crate) fn name_at(&self, offset: usize) -> Option<(Span, Target)> {
        let entry = self.entry()?;
        if let Some(reference) = self.checked.program.reference_at(entry, offset) {
            return Some((reference.at.span, reference.target));
        }
        self.checked.program.definition_at(entry, offset)
    }

    /// The tokens of the text, as the parser reads them.
    pub(crate) fn lexed(&self) -> &Lexed {
        self.lexed.get_or_init(|| {
            let id = SourceId(0);
            let broken = self.text.diagnostics(id).iter().any(Diagnostic::is_error);
            lex(id, self.text.source().text(), if broken { Care::Guessing } else { Care::Strict })
        })
    }

    /// The text's name among those that places point into.
    pub(crate) fn entry(&self) -> Option<SourceId> {
        self.checked.program.entry().map(|module| module.source)
    }
}
