//! The import graph as text.
//!
//! Owns its form: each file with its imports below it, in the order of the text; what was shown before is not shown again.

use hlb_compiler::{ImportTree, ImportedFile, ModuleKind};

/// Each file of a program with the imports that lead to it, and what modules of others stand for.
pub fn show(tree: &ImportTree) -> String {
    let mut out = String::new();
    let Some(entry) = tree.files.first() else { return out };
    out.push_str(&format!("{}\n", entry.path));
    let mut seen = vec![false; tree.files.len()];
    // What is to be shown, the next one last: how deep, the name of the import, and the file.
    let mut open: Vec<(usize, &str, Option<usize>)> = Vec::new();
    open.extend(below(entry, 1));
    while let Some((depth, name, target)) = open.pop() {
        let indent = "  ".repeat(depth);
        let Some((at, file)) = target.and_then(|at| Some((at, tree.files.get(at)?))) else {
            out.push_str(&format!("{indent}{name}: not at hand\n"));
            continue;
        };
        out.push_str(&format!("{indent}{name}: {}", describe(file)));
        let shown = seen.get_mut(at).is_some_and(|seen| std::mem::replace(seen, true));
        if shown && !file.imports.is_empty() {
            out.push_str(" (imports as above)");
        }
        out.push('\n');
        if !shown {
            open.extend(below(file, depth + 1));
        }
    }
    out
}

/// The imports of a file, the first one last.
fn below(file: &ImportedFile, depth: usize) -> impl Iterator<Item = (usize, &str, Option<usize>)> {
    file.imports.iter().rev().map(move |(name, target)| (depth, name.as_str(), *target))
}

/// A file, and what its module stands for.
fn describe(file: &ImportedFile) -> String {
    let Some(module) = file.origin.remote() else { return file.path.to_string() };
    match module.kind {
        ModuleKind::Git if module.reference == module.id => format!("{} {} {}", module.source, module.id, file.path),
        ModuleKind::Git if module.reference.is_empty() => format!("{} = {} {}", module.source, module.id, file.path),
        ModuleKind::Git => format!("{}@{} = {} {}", module.source, module.reference, module.id, file.path),
        ModuleKind::Fs => format!("{} = {} {}", module.source, module.id, file.path),
    }
}
