//! Names that hide a builtin.
//!
//! Owns the rule E0306, for values in blocks. Parameters and names of loops are called `platform` or `shell` in most programs, and
//! whoever calls one that hides a builtin is told so by the check.

use hlb_language::diagnostic::{Diagnostic, Location};
use rustc_hash::FxHashMap;

use crate::codes;
use crate::hir::Program;

pub(super) fn lint(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    // Options are only looked for among options, so nothing hides them.
    let builtins = program.builtins.iter().filter(|it| it.namespace.is_empty() && !it.signature.result.is_option());
    let builtins: FxHashMap<&str, Location> = builtins.map(|it| (it.name.text.as_str(), it.at)).collect();
    for local in program.locals.iter().filter(|local| local.word == "let") {
        if let Some(builtin) = builtins.get(local.name.as_str()) {
            let message = format!("the name `{}` hides the builtin of that name", local.name);
            diagnostics.push(
                Diagnostic::warning(codes::SHADOWED_BUILTIN, local.at, message)
                    .also(*builtin, "this cannot be reached there")
                    .help("choose another name"),
            );
        }
    }
}
