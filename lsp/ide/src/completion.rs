//! What could be written at a place.
//!
//! Owns the order of the questions: what sort of place it is (`context`), what the compiler knows of it (`typed`), what its text may
//! be (`text`), what could be imported for it (`imports`), and the form of the items (`item`).

mod context;
mod imports;
mod item;
mod text;
mod typed;
mod words;

use std::sync::Arc;

use camino::Utf8Path;
use hlb_compiler::probe::{self, PROBE};
use hlb_compiler::{Checked, Text};
use hlb_language::span::Span;

use crate::host::Snapshot;
use crate::hover::markdown;
use context::{Context, Cursor};
use item::Items;

/// More items than this are of no use to anybody who reads them.
const MOST: usize = 1_000;

/// What an item is, for its icon.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CompletionKind {
    /// A function of a program.
    Function,
    /// A builtin function.
    Builtin,
    /// An option in a `with` block.
    Option,
    /// A parameter or a local name.
    Variable,
    /// A constant.
    Constant,
    /// A named argument.
    Argument,
    /// A field of a record.
    Field,
    /// A type.
    Type,
    /// A record.
    Record,
    /// An enum.
    Enum,
    /// A variant of an enum.
    Variant,
    /// An imported or importable module, or a namespace.
    Module,
    /// A word of the language.
    Keyword,
    /// A pattern with places to fill in.
    Snippet,
    /// A file.
    File,
    /// A directory.
    Directory,
    /// Any other text, such as the name of an image.
    Value,
}

/// What could be written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// How it is shown.
    pub label: String,
    /// What it is.
    pub kind: CompletionKind,
    /// A few words beside it, such as its signature.
    pub detail: Option<String>,
    /// Where its documentation is to be had.
    pub doc: Option<DocOf>,
    /// What is written; with `$1`, `${1:name}` and `$0` if it is a snippet.
    pub insert: String,
    /// The same for clients without snippets.
    pub plain: String,
    /// Whether `insert` is a snippet.
    pub snippet: bool,
    /// What goes.
    pub replace: Span,
    /// Its place among the others, by bytes.
    pub sort: String,
    /// What the word is compared with, if not with the label.
    pub filter: Option<String>,
    /// Other edits of the file, such as an import.
    pub also: Vec<(Span, String)>,
    /// Whether there is a newer way.
    pub deprecated: bool,
}

/// Names something whose documentation can be asked for later.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DocOf(pub String);

/// All that could be written at a place.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Completions {
    /// Best first.
    pub items: Vec<Completion>,
    /// Whether there are more, so that the client should ask again when more has been typed.
    pub incomplete: bool,
}

/// What is known of a place that is being typed at.
#[derive(Debug)]
pub(crate) struct Probed {
    pub(crate) checked: Checked,
    pub(crate) place: probe::Place,
}

impl Snapshot {
    /// What could be written at a byte offset of a file. `manual` if the user asked for it, rather than typed: then more is shown
    /// where little has been written.
    pub fn complete(&self, path: &Utf8Path, offset: usize, manual: bool) -> Completions {
        let Some(text) = self.text(path) else { return Completions::default() };
        let cursor = Cursor::new(text.source().text(), offset);
        let mut items = Items::new(&cursor);
        // Whoever types waits for no parse of the whole text.
        let sparse = Text::new(path.as_str(), probe::sparse(cursor.text, cursor.word));
        match Context::of(&cursor, sparse.tree()) {
            Context::Nothing => {}
            Context::Declaration => {
                words::declarations(&mut items);
                self.option_declarations(path, &cursor, &mut items);
            }
            Context::From => words::from(&mut items),
            Context::Type => words::types(&mut items, self.analysis(path).as_deref()),
            Context::Export => {
                words::exported(&mut items, sparse.tree());
                self.option_declarations(path, &cursor, &mut items);
            }
            Context::ImportPath(content) => text::import_path(path, &mut items, content),
            Context::Code => {
                if let Some(probed) = self.probe(path, cursor.word, || sparse.source().text().to_owned()) {
                    self.code(&sparse, &cursor, &probed, manual, &mut items);
                }
            }
        }
        items.finish(MOST)
    }

    fn option_declarations(&self, path: &Utf8Path, cursor: &Cursor<'_>, items: &mut Items<'_>) {
        if cursor.prefix().starts_with('o')
            && let Some(analysis) = self.analysis(path)
        {
            words::option_declarations(items, &analysis.checked.program);
        }
    }

    fn code(&self, sparse: &Text, cursor: &Cursor<'_>, probed: &Probed, manual: bool, items: &mut Items<'_>) {
        let path = Utf8Path::new(sparse.source().name());
        if let Some(string) = probed.place.string {
            return text::of_argument(self, path, probed, string, items);
        }
        if cursor.dotted().is_some() {
            typed::members(probed, items);
            if let (None, Some(head)) = (&probed.place.receiver, cursor.dotted()) {
                imports::members(self, sparse, head, items);
            }
            return;
        }
        typed::names(probed, items);
        if cursor.prefix().len() >= 2 || manual && !probed.place.statement {
            imports::names(self, sparse, probed, items);
        }
    }

    /// Checks the text of a file, of which no more than [`probe::sparse`] need be there, with the probe in the place of a word.
    ///
    /// The last answer is kept: completion and signature help are asked for at the same place, one after the other, and whoever
    /// waits for an answer should not wait for the end of what it was made of.
    pub(crate) fn probe(&self, path: &Utf8Path, word: Span, sparse: impl FnOnce() -> String) -> Option<Arc<Probed>> {
        let look = || {
            let sparse = sparse();
            let (before, after) = (sparse.get(..word.start as usize)?, sparse.get(word.end as usize..)?);
            let text = Arc::new(Text::new(path.as_str(), format!("{before}{PROBE}{after}")));
            // Behind the probe's first letter, so that its declaration is the one around it even where that ends there.
            let (checked, place) = probe::look(&self.world_of([path]), &text, word.start + 1);
            Some(Arc::new(Probed { checked, place: place? }))
        };
        self.kept_probe((path.to_owned(), word), look)
    }

    /// The documentation of an item, as Markdown.
    pub fn completion_doc(&self, path: &Utf8Path, of: &DocOf) -> Option<String> {
        let analysis = self.analysis(path)?;
        let target = item::target_of(&analysis.checked, of)?;
        let description = analysis.checked.program.describe(target)?;
        description.doc.as_deref().map(markdown)
    }
}
