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
use hlb_language::ast::Decl;
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
        match Context::of(&cursor, text.tree()) {
            Context::Nothing => {}
            Context::Declaration => words::declarations(&mut items),
            Context::From => words::from(&mut items),
            Context::Type => words::types(&mut items, self.analysis(path).as_deref()),
            Context::Export => words::exported(&mut items, text.tree()),
            Context::ImportPath(content) => text::import_path(path, &mut items, content),
            Context::Code => {
                if let Some(probed) = self.probe(path, &text, cursor.word) {
                    self.code(path, &cursor, &probed, manual, &mut items);
                }
            }
        }
        items.finish(MOST)
    }

    fn code(&self, path: &Utf8Path, cursor: &Cursor<'_>, probed: &Probed, manual: bool, items: &mut Items<'_>) {
        if let Some(string) = probed.place.string {
            return text::of_argument(self, path, probed, string, items);
        }
        if cursor.dotted().is_some() {
            typed::members(probed, items);
            if let (None, Some(head)) = (&probed.place.receiver, cursor.dotted()) {
                imports::members(self, path, head, items);
            }
            return;
        }
        typed::names(probed, items);
        if cursor.prefix().len() >= 2 || manual && !probed.place.statement {
            imports::names(self, path, probed, items);
        }
    }

    /// Checks a text with the probe in the place of a word.
    ///
    /// The last answer is kept: completion and signature help are asked for at the same place, one after the other, and whoever
    /// waits for an answer should not wait for the end of what it was made of.
    pub(crate) fn probe(&self, path: &Utf8Path, text: &Text, word: Span) -> Option<Arc<Probed>> {
        self.kept_probe((path.to_owned(), word), || self.look(path, text, word).map(Arc::new))
    }

    fn look(&self, path: &Utf8Path, text: &Text, word: Span) -> Option<Probed> {
        let sparse = sparse(text, word);
        let (before, after) = (sparse.get(..word.start as usize)?, sparse.get(word.end as usize..)?);
        let probed = Arc::new(Text::new(text.source().name(), format!("{before}{PROBE}{after}")));
        // Behind the probe's first letter, so that its declaration is the one around it even where that ends there.
        let (checked, place) = probe::look(&self.world_of([path]), &probed, word.start + 1);
        Some(Probed { checked, place: place? })
    }

    /// The documentation of an item, as Markdown.
    pub fn completion_doc(&self, path: &Utf8Path, of: &DocOf) -> Option<String> {
        let analysis = self.analysis(path)?;
        let target = item::target_of(of)?;
        let description = analysis.checked.program.describe(target)?;
        description.doc.as_deref().map(markdown)
    }
}

/// A text without the bodies of functions that say nothing of a place: there are spaces instead, so that all others stay where they
/// are. Only their heads count, and those are read the faster.
fn sparse(text: &Text, place: Span) -> String {
    let source = text.source().text();
    let mut sparse = String::with_capacity(source.len());
    for (index, decl) in text.tree().decls.iter().enumerate() {
        let Decl::Func(func) = decl else { continue };
        let Some(body) = &func.body else { continue };
        let around = decl.span().start <= place.end && place.start <= decl.span().end;
        let inner = source.get(body.span.start as usize + 1..(body.span.end as usize).saturating_sub(1));
        let closed = source.get(..body.span.end as usize).is_some_and(|text| text.ends_with('}'));
        // What a function binds can be used in all others.
        if let (Some(inner), true, false) = (inner, closed && !around, text.binds(index)) {
            sparse.push_str(source.get(sparse.len()..=body.span.start as usize).unwrap_or_default());
            sparse.extend(std::iter::repeat_n(' ', inner.len()));
        }
    }
    sparse.push_str(source.get(sparse.len()..).unwrap_or_default());
    sparse
}
