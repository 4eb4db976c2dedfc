//! Who uses a name, in all files.
//!
//! Owns what counts as a use.

use camino::Utf8Path;
use hlb_compiler::Checked;
use hlb_compiler::hir::Target;
use hlb_language::diagnostic::Location;

use crate::place::Place;
use crate::project::Project;

impl Project {
    /// The uses of the name at a byte offset of a file, in the order of files and texts.
    pub fn references(&self, path: &Utf8Path, offset: usize, with_declaration: bool) -> Vec<Place> {
        let Some((at, target)) = self.name_at(path, offset) else { return Vec::new() };
        let target = whole(&self.checked, target);
        let defined = definition(&self.checked, target, at);
        let mut places = uses(&self.checked, target, at);
        places.retain(|place| Some(*place) != defined);
        places.extend(defined.filter(|_| with_declaration));
        let mut places: Vec<Place> = places.into_iter().filter_map(|at| self.place(at)).collect();
        places.sort_by(|one, other| (&one.path, one.span).cmp(&(&other.path, other.span)));
        places.dedup_by(|one, other| one.path == other.path && one.span == other.span);
        places
    }
}

/// A name that sets a result is the result's.
pub(crate) fn whole(checked: &Checked, target: Target) -> Target {
    let result = match target {
        Target::Local(id) => checked.program.result_set_by(id),
        _ => None,
    };
    result.map_or(target, Target::Bind)
}

/// The place at which what stands at `at` gets its name. The name of an import is given by the file that imports it.
pub(crate) fn definition(checked: &Checked, target: Target, at: Location) -> Option<Location> {
    let Target::Module(_) = target else { return Some(checked.program.describe(target)?.at) };
    let file = checked.program.modules.iter().find(|it| it.source == at.source)?;
    Some(file.scope.get(word(checked, at)?)?.at)
}

/// The uses of what stands at `at`, with its definition where that is a use, too. Those of an import are in its file.
pub(crate) fn uses(checked: &Checked, target: Target, at: Location) -> Vec<Location> {
    let is_import = matches!(target, Target::Module(_));
    let mine = |it: &Location| !is_import || it.source == at.source && word(checked, *it) == word(checked, at);
    let mut uses: Vec<Location> = checked.program.uses(target).filter(mine).collect();
    if let Target::Bind(result) = target {
        let locals = checked.program.locals_setting(result);
        uses.extend(locals.flat_map(|local| checked.program.uses(Target::Local(local))));
    }
    uses
}

fn word(checked: &Checked, at: Location) -> Option<&str> {
    Some(checked.sources.get(at.source)?.slice(at.span))
}
