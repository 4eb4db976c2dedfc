//! What could be written at a place.
//!
//! Owns the choice among what is possible, its order and its words. What is possible, the compiler tells.

use camino::Utf8Path;
use hlb_language::span::Span;

use crate::host::Snapshot;

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

impl Snapshot {
    /// What could be written at a byte offset of a file. `manual` if the user asked for it, rather than typed.
    pub fn complete(&self, path: &Utf8Path, offset: usize, manual: bool) -> Completions {
        let _ = (path, offset, manual);
        Completions::default()
    }

    /// The documentation of an item, as Markdown.
    pub fn completion_doc(&self, path: &Utf8Path, of: &DocOf) -> Option<String> {
        let _ = (path, of);
        None
    }
}
