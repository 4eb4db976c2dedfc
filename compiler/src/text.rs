//! Texts that know their tree.
//!
//! Owns when a text is parsed: once, by whoever asks first, however many programs and threads share it. Knows no files; a changed
//! text is another one.

use std::sync::{Arc, OnceLock};

use hlb_language::ast;
use hlb_language::diagnostic::Diagnostic;
use hlb_language::parser::Parsed;
use hlb_language::source::{Source, SourceId};

/// A text with its tree. Two of them are the same if they are the same allocation (`Arc::ptr_eq`).
#[derive(Debug)]
pub struct Text {
    source: Arc<Source>,
    parsed: OnceLock<(Arc<ast::Module>, Vec<Diagnostic>)>,
}

impl Text {
    /// A text that is not parsed yet. `name` is the path under which programs import it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self { source: Arc::new(Source::new(name, text)), parsed: OnceLock::new() }
    }

    /// The text itself.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// The tree; with error nodes where the text is not valid.
    pub fn tree(&self) -> &Arc<ast::Module> {
        &self.parsed().0
    }

    /// What the parser says of it, for a program that knows it by `source`.
    pub fn diagnostics(&self, source: SourceId) -> Vec<Diagnostic> {
        let mut diagnostics = self.parsed().1.clone();
        for diagnostic in &mut diagnostics {
            // The parser sees one text only, so all places are in it.
            diagnostic.primary.at.source = source;
            diagnostic.secondary.iter_mut().for_each(|label| label.at.source = source);
            diagnostic.fixes.iter_mut().flat_map(|fix| &mut fix.edits).for_each(|edit| edit.at.source = source);
        }
        diagnostics
    }

    fn parsed(&self) -> &(Arc<ast::Module>, Vec<Diagnostic>) {
        self.parsed.get_or_init(|| {
            let Parsed { module, diagnostics, .. } = hlb_language::parse(SourceId(0), self.source.text());
            (Arc::new(module), diagnostics)
        })
    }
}
