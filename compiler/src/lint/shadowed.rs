//! Names that hide a builtin.
//!
//! Owns the rule E0306. Parameters and names in blocks may be called like builtins; then the builtin cannot be reached there.

use hlb_language::diagnostic::{Diagnostic, Location};
use rustc_hash::FxHashMap;

use crate::codes;
use crate::hir::Program;

pub(super) fn lint(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    // Options are only looked for among options, so nothing hides them.
    let builtins = program.builtins.iter().filter(|it| it.namespace.is_empty() && !it.signature.result.is_option());
    let builtins: FxHashMap<&str, Location> = builtins.map(|it| (it.name.text.as_str(), it.at)).collect();
    let mut hide = |name: &str, at: Location, what: &str| {
        if let Some(builtin) = builtins.get(name) {
            let message = format!("{what} `{name}` hides the builtin of that name");
            diagnostics.push(
                Diagnostic::warning(codes::SHADOWED_BUILTIN, at, message)
                    .also(*builtin, "this cannot be reached there")
                    .help("choose another name"),
            );
        }
    };
    for func in program.funcs.iter().filter(|func| func.body.is_some()) {
        for param in &func.signature.params {
            if let Some(at) = program.at(func.module, &param.name) {
                hide(&param.name.text, at, "the parameter");
            }
        }
    }
    for local in &program.locals {
        hide(&local.name, local.at, "the name");
    }
}
