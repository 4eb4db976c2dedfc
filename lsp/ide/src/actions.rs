//! What can be done with a selection.
//!
//! Owns the list: fixes of what is wrong, and refactorings.

use camino::{Utf8Path, Utf8PathBuf};
use hlb_language::span::Span;

use crate::host::Snapshot;
use crate::place::FileEdit;

/// What an action is, for menus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ActionKind {
    /// Mends what is wrong.
    QuickFix,
    /// Makes a new declaration of a part.
    Extract,
    /// Puts a definition in place of its uses.
    Inline,
    /// Writes the same otherwise.
    Rewrite,
    /// Mends all that can be mended for sure.
    FixAll,
    /// Puts the imports in order.
    OrganizeImports,
}

/// Something that can be done.
#[derive(Clone, Debug)]
pub struct Action {
    /// What it does, as a verb phrase.
    pub title: String,
    /// What it is.
    pub kind: ActionKind,
    /// How.
    pub edits: Vec<FileEdit>,
    /// The place and the code of the diagnostic that it mends.
    pub mends: Option<(Span, &'static str)>,
    /// Whether it is what most would want.
    pub preferred: bool,
    /// A new name to be chosen afterwards: the file and the byte offset in its new text.
    pub rename_at: Option<(Utf8PathBuf, usize)>,
}

impl Snapshot {
    /// What can be done with a range of a file, of some kinds; of all, if none is named.
    pub fn actions(&self, path: &Utf8Path, range: Span, only: &[ActionKind]) -> Vec<Action> {
        let _ = (path, range, only);
        Vec::new()
    }
}
