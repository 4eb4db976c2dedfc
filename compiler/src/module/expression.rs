//! Imports whose source has to be evaluated first.
//!
//! Owns the order in which they are: what an expression can use is loaded before it is evaluated.

use hlb_language::ast::{Decl, Expr, ImportDecl};
use hlb_language::diagnostic::{Diagnostic, Location};
use rustc_hash::FxHashSet;

use super::{Evaluate, Imported, Loader, Made, used};
use crate::codes;
use crate::hir::ModuleId;

impl Loader<'_> {
    /// Evaluates one of the imports that wait for it; false if there is none.
    pub(super) fn evaluate_one(&mut self, evaluate: &mut Evaluate<'_>) -> bool {
        if self.made.is_empty() {
            return false;
        }
        let Some(ready) = self.made.iter().position(|made| self.is_ready(*made)) else {
            self.report_waiting();
            return false;
        };
        let made = self.made.swap_remove(ready);
        // The order among those that are ready makes no difference; that of the text is the one to expect.
        self.made.sort_by_key(|made| (made.file, made.slot));
        let Some((at, span, name)) =
            self.import(made).map(|import| (import.source.span(), import.span, import.name.text.clone()))
        else {
            return true;
        };
        let Some(source) = self.loaded.files.get(made.file.0).map(|file| file.source) else { return true };
        let (at, whole) = (Location { source, span: at }, Location { source, span });
        let result = match self.import(made) {
            Some(import) => evaluate(&self.loaded, made.file, &import.source),
            None => return true,
        };
        let target = match result {
            Ok(Imported::Text(text)) => self.by_text(made.file, at, &text),
            Ok(Imported::Fs(solve)) => self.by_fs(made.file, at, &name, &solve),
            Err(error) => self.error(*error),
        };
        if let Some(target) = target {
            self.edges.push((made.file, target, whole));
        }
        let slot = self.loaded.files.get_mut(made.file.0).and_then(|file| file.imports.get_mut(made.slot));
        if let Some((_, place)) = slot {
            *place = target;
        }
        true
    }

    fn import(&self, made: Made) -> Option<&ImportDecl> {
        match self.loaded.files.get(made.file.0)?.tree.decls.get(made.decl)? {
            Decl::Import(import) => Some(import),
            _ => None,
        }
    }

    /// Whether nothing that an import's expression can use waits for being evaluated itself.
    fn is_ready(&self, made: Made) -> bool {
        let Some(import) = self.import(made) else { return true };
        let mut seen: FxHashSet<ModuleId> = FxHashSet::default();
        let mut open = Vec::new();
        if !self.uses(made.file, &import.source, &mut open) {
            return false;
        }
        // Of the files behind it all may be used: what of them is, only evaluation would tell.
        while let Some(file) = open.pop() {
            if !seen.insert(file) {
                continue;
            }
            if self.made.iter().any(|other| other.file == file) {
                return false;
            }
            let imports = self.loaded.files.get(file.0).map_or(&[][..], |file| &file.imports);
            open.extend(imports.iter().filter_map(|(_, target)| *target));
        }
        true
    }

    /// Collects the files that an expression uses; false if one of its imports is not evaluated yet.
    fn uses(&self, id: ModuleId, expr: &Expr, files: &mut Vec<ModuleId>) -> bool {
        let Some(file) = self.loaded.files.get(id.0) else { return true };
        let used = used::by(&file.tree, expr);
        for (slot, (name, target)) in file.imports.iter().enumerate() {
            if !used.contains(name) {
                continue;
            }
            if self.made.iter().any(|other| other.file == id && other.slot == slot) {
                return false;
            }
            files.extend(*target);
        }
        true
    }

    /// Each of the imports that are left waits for another of them, or for itself.
    fn report_waiting(&mut self) {
        let waiting = std::mem::take(&mut self.made);
        let Some((first, at)) = waiting.first().and_then(|made| {
            let source = self.loaded.files.get(made.file.0)?.source;
            let import = self.import(*made)?;
            Some((import.name.text.clone(), Location { source, span: import.source.span() }))
        }) else {
            return;
        };
        let message = format!("to know where `{first}` comes from, it would have to be imported already");
        let mut error = Diagnostic::error(codes::IMPORT_CYCLE, at, message)
            .help("import it from what does not use it, neither itself nor through other imports");
        for made in waiting.iter().skip(1) {
            let Some(source) = self.loaded.files.get(made.file.0).map(|file| file.source) else { continue };
            let Some(span) = self.import(*made).map(|import| import.source.span()) else { continue };
            error = error.also(Location { source, span }, "this waits, too");
        }
        self.error::<()>(error);
    }
}
