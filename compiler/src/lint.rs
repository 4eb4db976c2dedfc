//! Linting: what is allowed and hardly meant.
//!
//! Owns the rules that need a whole checked program; each is a file. Names that nothing uses are noticed by `check`, which sees
//! scopes, and old spellings where they are read.

mod overwritten;
mod shadowed;
mod strict;
mod walk;

use hlb_language::diagnostic::Diagnostic;

use crate::Checked;
use crate::hir::Program;

/// Adds warnings about a program.
pub(crate) fn lint(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    overwritten::lint(program, diagnostics);
    shadowed::lint(program, diagnostics);
}

impl Checked {
    /// Warnings for those who want to be held to more: images without digests, packages that are downloaded again in each build.
    pub fn strict(&self) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        strict::lint(&self.program, &mut diagnostics);
        diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.at.source, diagnostic.primary.at.span));
        diagnostics
    }
}
