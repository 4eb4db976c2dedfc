//! Who calls whom.
//!
//! Owns the hierarchy of functions over all files.

use camino::Utf8Path;
use hlb_language::span::Span;

use crate::place::Place;
use crate::project::Project;

/// A function, in a chain of calls.
#[derive(Clone, Debug)]
pub struct CallItem {
    /// Its name.
    pub name: String,
    /// How it is declared.
    pub detail: String,
    /// The place of its name.
    pub place: Place,
    /// All of it.
    pub whole: Span,
}

impl Project {
    /// The function that is called or declared at a byte offset of a file.
    pub fn call_item(&self, path: &Utf8Path, offset: usize) -> Option<CallItem> {
        let _ = (path, offset);
        None
    }

    /// The functions that call the one whose name is at a byte offset of a file, with the places in their files.
    pub fn incoming_calls(&self, path: &Utf8Path, offset: usize) -> Vec<(CallItem, Vec<Span>)> {
        let _ = (path, offset);
        Vec::new()
    }

    /// The functions that it calls, with the places in its file.
    pub fn outgoing_calls(&self, path: &Utf8Path, offset: usize) -> Vec<(CallItem, Vec<Span>)> {
        let _ = (path, offset);
        Vec::new()
    }
}
