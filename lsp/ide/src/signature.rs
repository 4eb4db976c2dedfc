//! What a call takes, while it is written.
//!
//! Owns which call is meant, and which of its parameters is next.

use std::ops::Range;

use camino::Utf8Path;

use crate::host::Snapshot;

/// The call around a place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureHelp {
    /// How it is declared.
    pub label: String,
    /// Its parameters.
    pub params: Vec<SignatureParam>,
    /// Which of them is written at the place.
    pub active: Option<usize>,
    /// Its documentation, as Markdown.
    pub doc: Option<String>,
}

/// A parameter in the label of a call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SignatureParam {
    /// Its bytes in the label.
    pub label: Range<usize>,
    /// What is said of it.
    pub doc: Option<String>,
}

impl Snapshot {
    /// The innermost call around a byte offset of a file.
    pub fn signature(&self, path: &Utf8Path, offset: usize) -> Option<SignatureHelp> {
        let _ = (path, offset);
        None
    }
}
