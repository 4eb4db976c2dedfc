//! Places in files, and edits of them.
//!
//! Owns what answers that lead to other files are made of, and in which file on this machine something is that a program knows.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{Checked, Origin};
use hlb_language::diagnostic::Location;
use hlb_language::source::Source;
use hlb_language::span::Span;

use crate::stdlib;

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

/// Where something is that a program knows; `None` if it is in no file. `stdlib` is the directory with the texts of the builtins and
/// of the standard modules.
pub(crate) fn of(checked: &Checked, stdlib: Option<&Utf8Path>, at: Location) -> Option<Place> {
    let source = checked.sources.get(at.source)?;
    let module = checked.program.modules.iter().position(|module| module.source == at.source);
    let file = module.and_then(|module| checked.imports.files.get(module));
    let path: Utf8PathBuf = match file.map(|file| (&file.origin, &file.path)) {
        Some((Origin::Client, _)) => source.name().into(),
        Some((Origin::Remote(module), within)) => module.files.locate(within).ok()?,
        Some((Origin::Standard, _)) | None => stdlib?.join(stdlib::file_of(source.name())?),
    };
    let writable = file.is_some_and(|file| file.origin == Origin::Client);
    Some(Place { path, source: Arc::clone(source), span: at.span, writable })
}
