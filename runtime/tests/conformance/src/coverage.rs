//! Which builtins the cases use.
//!
//! Owns the counting in checked programs. Knows nothing of engines.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use hlb_compiler::hir::{Builtin, Target};
use hlb_compiler::{Checked, Effect, World};

/// Every builtin that is declared, as `TYPE NAME`: `fs run`, `option::run dir`. Functions of namespaces that make values of
/// values have no graph, and are not among them.
pub fn declared(world: &dyn World) -> BTreeSet<String> {
    let checked = hlb_compiler::check_text(world, Utf8Path::new("declared.hlb"), String::new());
    checked.program.builtins.iter().filter(|builtin| builds(builtin)).map(name).collect()
}

/// The builtins that a checked program names, with how often.
pub fn used(checked: &Checked) -> BTreeMap<String, usize> {
    let program = &checked.program;
    let mut used = BTreeMap::new();
    for reference in &program.references {
        let Target::Builtin(id) = reference.target else { continue };
        if let Some(builtin) = program.builtins.get(id.0).filter(|builtin| builds(builtin)) {
            *used.entry(name(builtin)).or_insert(0) += 1;
        }
    }
    used
}

fn builds(builtin: &Builtin) -> bool {
    builtin.namespace.is_empty() || builtin.effects.has(Effect::Push)
}

fn name(builtin: &Builtin) -> String {
    let space = if builtin.namespace.is_empty() { String::new() } else { format!("{}.", builtin.namespace) };
    format!("{} {space}{}", builtin.signature.result, builtin.name.text)
}
