//! From text to formatted text.
//!
//! One style, without settings: tabs, one space between tokens, lines as the author broke them. Comments, strings and
//! heredoc bodies stay as they are. The result has the same tree, and is its own result.
//!
//! Owns the façade; `rules`, `stmts` and `exprs` say how each node looks, `lists` what stands on one line, `layout` where
//! comments and blank lines go, `doc` how it is printed.

mod doc;
mod exprs;
mod layout;
mod lists;
mod rules;
mod stmts;

use crate::diagnostic::Diagnostic;
use crate::parser::parse;
use crate::source::SourceId;

/// Formats a text.
///
/// # Errors
///
/// A text with syntax errors is not formatted; what is wrong with it is returned.
pub fn format(source: SourceId, text: &str) -> Result<String, Vec<Diagnostic>> {
    let parsed = parse(source, text);
    if parsed.diagnostics.iter().any(Diagnostic::is_error) {
        return Err(parsed.diagnostics);
    }
    Ok(rules::Rules::new(text, &parsed.trivia).module(&parsed.module).print())
}
