//! Which builtins the cases use.
//!
//! Owns which of them count. Knows nothing of engines.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use hlb_compiler::hir::{Builtin, Program, Target};
use hlb_compiler::{Checked, World};

/// Every builtin that is declared, as `KIND NAME`: `fs run`, `option::run dir`.
pub fn declared(world: &dyn World) -> BTreeSet<String> {
    let checked = hlb_compiler::check_text(world, Utf8Path::new("declared.hlb"), String::new());
    names(&checked.program).into_iter().flatten().collect()
}

/// The builtins by their number; those of namespaces are computed here and not in any engine.
fn names(program: &Program) -> Vec<Option<String>> {
    let name = |builtin: &Builtin| {
        let alone = builtin.namespace.is_empty();
        alone.then(|| format!("{} {}", builtin.signature.result, builtin.name.text))
    };
    program.builtins.iter().map(name).collect()
}

/// The builtins that a checked program uses, with how often.
pub fn used(checked: &Checked) -> BTreeMap<String, usize> {
    let names = names(&checked.program);
    let mut used = BTreeMap::new();
    for reference in &checked.program.references {
        if let Target::Builtin(id) = reference.target
            && let Some(Some(name)) = names.get(id.0)
        {
            *used.entry(name.clone()).or_insert(0) += 1;
        }
    }
    used
}
