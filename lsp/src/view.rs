//! All that a question is answered from.
//!
//! Owns how documents and files are called on both sides: by the client's addresses and by paths.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_ide::{Analysis, Place, Snapshot};
use hlb_language::source::Source;
use hlb_language::span::Span;
use tower_lsp::ls_types as lsp;

use crate::client::Client;
use crate::convert;

/// An open document.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// As the client calls it.
    pub(crate) uri: lsp::Uri,
    /// As the client counts.
    pub(crate) version: i32,
    /// The generation of its last change.
    pub(crate) changed: u64,
}

/// The open documents by their paths.
pub(crate) type Documents = BTreeMap<Utf8PathBuf, Document>;

/// All that there was when a question came.
#[derive(Clone)]
pub(crate) struct View {
    pub(crate) all: Snapshot,
    /// Counts changes of whatever kind.
    pub(crate) generation: u64,
    pub(crate) client: Arc<Client>,
    pub(crate) documents: Arc<Documents>,
    /// The diagnostics of all open documents, if they have been found since the last change.
    pub(crate) far: Option<Arc<Far>>,
    pub(crate) memory: Arc<Memory>,
}

/// What a look at all files has found.
#[derive(Debug, Default)]
pub(crate) struct Far {
    /// By path, those of the open documents.
    pub(crate) diagnostics: BTreeMap<Utf8PathBuf, Vec<lsp::Diagnostic>>,
    /// How many files were looked at.
    pub(crate) files: usize,
    /// How long it took.
    pub(crate) milliseconds: u64,
}

/// What has been answered before, for answers that say only what is different.
#[derive(Default)]
pub(crate) struct Memory {
    /// The last words of each document with their colours, and the name of that answer.
    pub(crate) tokens: Mutex<BTreeMap<Utf8PathBuf, (String, Vec<lsp::SemanticToken>)>>,
    /// The names of the last diagnostics that were asked for.
    pub(crate) pulled: Mutex<BTreeMap<Utf8PathBuf, String>>,
}

/// A place in a file.
pub(crate) struct At {
    pub(crate) path: Utf8PathBuf,
    pub(crate) source: Arc<Source>,
    pub(crate) offset: usize,
}

impl Memory {
    /// Forgets a document.
    pub(crate) fn forget(&self, path: &Utf8Path) {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
        self.pulled.lock().unwrap_or_else(PoisonError::into_inner).remove(path);
    }

    /// Remembers what diagnostics were answered.
    pub(crate) fn pulled(&self, path: &Utf8Path, name: &str) {
        self.pulled.lock().unwrap_or_else(PoisonError::into_inner).insert(path.to_owned(), name.to_owned());
    }
}

impl View {
    /// The path of a document that is open, or of a file of ours that there is.
    pub(crate) fn path(&self, uri: &lsp::Uri) -> Option<Utf8PathBuf> {
        let path = convert::path(uri);
        let known = self.documents.contains_key(&path) || path.extension() == Some("hlb");
        known.then_some(path)
    }

    /// What is known of a file by itself.
    pub(crate) fn analysis(&self, uri: &lsp::Uri) -> Option<Arc<Analysis>> {
        self.all.analysis(&self.path(uri)?)
    }

    /// The text of a file.
    pub(crate) fn source(&self, path: &Utf8Path) -> Option<Arc<Source>> {
        Some(Arc::clone(self.all.text(path)?.source()))
    }

    /// A place that the client names, brought into the text.
    pub(crate) fn at(&self, at: &lsp::TextDocumentPositionParams) -> Option<At> {
        let path = self.path(&at.text_document.uri)?;
        let source = self.source(&path)?;
        let offset = self.client.encoding.offset(&source, at.position);
        Some(At { path, source, offset })
    }

    /// What is known of the file of a place, with the byte offset.
    pub(crate) fn analysis_at(&self, at: &lsp::TextDocumentPositionParams) -> Option<(Arc<Analysis>, usize)> {
        let analysis = self.analysis(&at.text_document.uri)?;
        let offset = self.client.encoding.offset(analysis.text().source(), at.position);
        Some((analysis, offset))
    }

    /// How the client calls a file; `None` for what is no file.
    pub(crate) fn uri(&self, path: &Utf8Path) -> Option<lsp::Uri> {
        match self.documents.get(path) {
            Some(document) => Some(document.uri.clone()),
            None => convert::file_uri(path),
        }
    }

    /// The version of a document; `None` if it is not open.
    pub(crate) fn version(&self, path: &Utf8Path) -> Option<i32> {
        self.documents.get(path).map(|document| document.version)
    }

    /// A span as the client counts.
    pub(crate) fn range(&self, source: &Source, span: Span) -> lsp::Range {
        self.client.encoding.range(source, span)
    }

    /// A range of the client as we count.
    pub(crate) fn span(&self, source: &Source, range: lsp::Range) -> Span {
        let start = self.client.encoding.offset(source, range.start);
        let end = self.client.encoding.offset(source, range.end).max(start);
        Span { start: start as u32, end: end as u32 }
    }

    /// A place in a file; `None` if it is in none.
    pub(crate) fn location(&self, place: &Place) -> Option<lsp::Location> {
        let uri = self.uri(&place.path)?;
        Some(lsp::Location { uri, range: self.range(&place.source, place.span) })
    }
}
