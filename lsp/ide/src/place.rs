//! Places in files, and edits of them.
//!
//! Owns what answers that lead to other files are made of.

use std::sync::Arc;

use camino::Utf8PathBuf;
use hlb_language::source::Source;
use hlb_language::span::Span;

/// A place in a file, which need not be the one that was asked about.
#[derive(Clone, Debug)]
pub struct Place {
    /// The file, absolute.
    pub path: Utf8PathBuf,
    /// Its text, for counting lines.
    pub source: Arc<Source>,
    /// The place.
    pub span: Span,
    /// Whether the file is the client's to change: no builtin, no standard module, no module of others.
    pub writable: bool,
}

/// Changes of one file. The ranges are those of its text before, in order, and do not overlap.
#[derive(Clone, Debug)]
pub struct FileEdit {
    /// The file, absolute.
    pub path: Utf8PathBuf,
    /// Its text before, for counting lines.
    pub source: Arc<Source>,
    /// What goes, and what comes in its place.
    pub edits: Vec<(Span, String)>,
}
