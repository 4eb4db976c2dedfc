//! The graph of a target.
//!
//! Owns the question; the graph is the compiler's. Nothing is executed: a target that needs to is refused with words.

use camino::Utf8Path;
use hlb_compiler::Steps;

use crate::host::Snapshot;

impl Snapshot {
    /// The steps of a target of a file.
    ///
    /// # Errors
    /// Why there is no graph: mistakes in the program, parameters without values, something that would have to be executed.
    pub fn graph(&self, path: &Utf8Path, target: &str) -> Result<Steps, String> {
        let _ = path;
        Err(format!("the graph of `{target}` is not known"))
    }
}
