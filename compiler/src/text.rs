//! Texts that know their tree.
//!
//! Owns when a text is parsed: once, by whoever asks first, however many programs and threads share it. Knows no files; a changed
//! text is another one.

use std::sync::{Arc, OnceLock};

use ecow::EcoString;
use hlb_language::ast;
use hlb_language::diagnostic::Diagnostic;
use hlb_language::parser::Parsed;
use hlb_language::source::{Source, SourceId};
use rustc_hash::FxHashSet;

/// A text with its tree. Two of them are the same if they are the same allocation (`Arc::ptr_eq`).
#[derive(Debug)]
pub struct Text {
    source: Arc<Source>,
    parsed: OnceLock<(Arc<ast::Module>, Vec<Diagnostic>)>,
    /// The names that stand as the first name of some path.
    used: OnceLock<Arc<FxHashSet<EcoString>>>,
    /// The same without the bodies of functions.
    heads: OnceLock<Arc<FxHashSet<EcoString>>>,
    /// Whether each declaration may bind names.
    binds: OnceLock<Vec<bool>>,
}

impl Text {
    /// A text that is not parsed yet. `name` is the path under which programs import it.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        Self {
            source: Arc::new(Source::new(name, text)),
            parsed: OnceLock::new(),
            used: OnceLock::new(),
            heads: OnceLock::new(),
            binds: OnceLock::new(),
        }
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

    /// The names that it may use, found by `find` once.
    pub(crate) fn used(&self, find: impl FnOnce(&ast::Module) -> FxHashSet<EcoString>) -> Arc<FxHashSet<EcoString>> {
        Arc::clone(self.used.get_or_init(|| Arc::new(find(self.tree()))))
    }

    /// The names that its declarations may use without the bodies of functions, found by `find` once.
    pub(crate) fn heads(&self, find: impl FnOnce(&ast::Module) -> FxHashSet<EcoString>) -> Arc<FxHashSet<EcoString>> {
        Arc::clone(self.heads.get_or_init(|| Arc::new(find(self.tree()))))
    }

    /// Whether any declaration of it may bind names.
    pub(crate) fn binds_some(&self) -> bool {
        (0..self.tree().decls.len()).any(|decl| self.binds(decl))
    }

    /// Whether a declaration of it, by its position among all, may bind names with `as`: without the word it does not.
    pub(crate) fn binds(&self, decl: usize) -> bool {
        let binds = self.binds.get_or_init(|| {
            let has_word = |decl: &ast::Decl| has_word(self.source.slice(decl.span()), "as");
            self.tree().decls.iter().map(has_word).collect()
        });
        binds.get(decl).copied().unwrap_or(true)
    }

    fn parsed(&self) -> &(Arc<ast::Module>, Vec<Diagnostic>) {
        self.parsed.get_or_init(|| {
            let Parsed { module, diagnostics, .. } = hlb_language::parse(SourceId(0), self.source.text());
            (Arc::new(module), diagnostics)
        })
    }
}

/// Whether a word stands in a text, wherever.
pub(crate) fn has_word(text: &str, word: &str) -> bool {
    let part = |it: Option<&u8>| it.is_some_and(|it| it.is_ascii_alphanumeric() || *it == b'_');
    let bytes = text.as_bytes();
    text.match_indices(word)
        .any(|(at, _)| !part(at.checked_sub(1).and_then(|at| bytes.get(at))) && !part(bytes.get(at + word.len())))
}
