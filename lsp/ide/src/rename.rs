//! Other names, in all files.
//!
//! Owns what may be renamed, and that the program means the same afterwards.

use camino::Utf8Path;
use hlb_language::span::Span;

use crate::host::Snapshot;
use crate::place::FileEdit;

/// Why a name stays: a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RenameRefused(pub String);

impl Snapshot {
    /// The name at a byte offset of a file, if it may be renamed. `None` if there is no name.
    ///
    /// # Errors
    /// Why it may not.
    pub fn prepare_rename(&self, path: &Utf8Path, offset: usize) -> Result<Option<(Span, String)>, RenameRefused> {
        let _ = (path, offset);
        Ok(None)
    }

    /// The edits that give the name at a byte offset of a file another name everywhere.
    ///
    /// # Errors
    /// Why that would not be the same program.
    pub fn rename(&self, path: &Utf8Path, offset: usize, new: &str) -> Result<Vec<FileEdit>, RenameRefused> {
        let _ = (path, offset, new);
        Ok(Vec::new())
    }
}
