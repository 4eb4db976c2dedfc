//! Linting: what is allowed and hardly meant.
//!
//! Owns the rules that need a whole checked program; each is a file. Names that nothing uses are noticed by `check`, which sees
//! scopes, and old spellings where they are read.

mod overwritten;
mod shadowed;
mod strict;
mod walk;

use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceId;
use rustc_hash::FxHashSet;

use crate::Checked;
use crate::codes;
use crate::hir::Program;
use crate::remote::Origin;

/// Removes errors that follow from others: what the parser refuses at a place is wrong with it, whatever it then means.
pub(crate) fn quiet(diagnostics: &mut Vec<Diagnostic>) {
    let is_syntax = |it: &Diagnostic| it.is_error() && it.code.0.starts_with("E00");
    let syntax: FxHashSet<Location> = diagnostics.iter().filter(|it| is_syntax(it)).map(|it| it.primary.at).collect();
    diagnostics.retain(|it| is_syntax(it) || !syntax.contains(&it.primary.at));
}

/// Adds warnings about a program. Files with errors get none: what is doubtful there may follow from what is wrong.
pub(crate) fn lint(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    overwritten::lint(program, diagnostics);
    shadowed::lint(program, diagnostics);
    let errors: Vec<Location> = diagnostics.iter().filter(|it| it.is_error()).map(|it| it.primary.at).collect();
    let broken: FxHashSet<SourceId> = errors.iter().map(|at| at.source).collect();
    diagnostics.retain(|it| {
        let at = it.primary.at;
        let is_lint = it.code.0.starts_with("E03") || it.code == codes::UNUSED_IMPORT;
        let is_spelling = it.code == codes::DEPRECATED;
        let in_error = |error: &Location| error.source == at.source && error.span.contains(at.span);
        it.is_error() || !(is_lint && broken.contains(&at.source) || is_spelling && errors.iter().any(in_error))
    });
}

impl Checked {
    /// Warnings for those who want to be held to more: images without digests, packages that are downloaded again in each build.
    pub fn strict(&self) -> Vec<Diagnostic> {
        let mut diagnostics = Vec::new();
        strict::lint(&self.program, &mut diagnostics);
        let own = |source| self.program.modules.iter().any(|it| it.source == source && it.origin == Origin::Client);
        diagnostics.retain(|diagnostic| own(diagnostic.primary.at.source));
        diagnostics.sort_by_key(|diagnostic| (diagnostic.primary.at.source, diagnostic.primary.at.span));
        diagnostics
    }
}
