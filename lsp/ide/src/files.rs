//! Files that move.
//!
//! Owns what changes in the imports of others, and in those of the files that move.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_language::ast::{Decl, Expr, StringPart};
use hlb_language::span::Span;

use crate::host::Snapshot;
use crate::place::FileEdit;
use crate::world::normal;

impl Snapshot {
    /// The edits of imports that keep the program what it is when files, or directories with all that is in them, go from one path
    /// to another. They are edits of the files where they are now.
    pub fn will_rename(&self, moved: &[(Utf8PathBuf, Utf8PathBuf)]) -> Vec<FileEdit> {
        self.files().iter().filter_map(|path| self.moved_imports(path, moved)).collect()
    }

    fn moved_imports(&self, path: &Utf8Path, moved: &[(Utf8PathBuf, Utf8PathBuf)]) -> Option<FileEdit> {
        let text = self.text(path)?;
        let (before, after) = (path.parent()?, new_path(path, moved));
        let after = after.parent()?;
        let mut edits = Vec::new();
        for decl in &text.tree().decls {
            let Decl::Import(import) = decl else { continue };
            let Some((span, name)) = path_of(text.source().text(), &import.source) else { continue };
            let target = normal(&before.join(name));
            let target = new_path(&target, moved);
            let now = if name.starts_with('/') { target.to_string() } else { relative(after, &target) };
            // It is written as it was.
            let bare = !name.starts_with("./") && !name.starts_with("../");
            let now = now.strip_prefix("./").filter(|_| bare).map(str::to_owned).unwrap_or(now);
            // What is the same path, however it is written, stays as it is.
            if normal(&after.join(name)) != normal(&after.join(&now)) {
                edits.push((span, now));
            }
        }
        let source = Arc::clone(text.source());
        (!edits.is_empty()).then(|| FileEdit { path: path.to_owned(), source, edits })
    }
}

/// What stands between the quotes of an import of a file on this machine, and where.
fn path_of<'t>(text: &'t str, source: &Expr) -> Option<(Span, &'t str)> {
    let Expr::String(literal) = source else { return None };
    let [StringPart::Text(span)] = literal.parts.as_slice() else { return None };
    let name = text.get(span.range())?;
    (!name.starts_with("std/") && !name.contains("://") && !name.starts_with('~')).then_some((*span, name))
}

/// Where a file is after the move.
fn new_path(path: &Utf8Path, moved: &[(Utf8PathBuf, Utf8PathBuf)]) -> Utf8PathBuf {
    let found = moved.iter().find_map(|(old, new)| Some((path.strip_prefix(old).ok()?, new)));
    match found {
        Some((rest, new)) if rest.as_str().is_empty() => new.clone(),
        Some((rest, new)) => new.join(rest),
        None => path.to_owned(),
    }
}

/// The way from a directory to a file, as an import says it.
fn relative(from: &Utf8Path, to: &Utf8Path) -> String {
    let shared = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(shared).map(|_| "..");
    let down = to.components().skip(shared).map(|part| part.as_str());
    let way = up.chain(down).collect::<Vec<_>>().join("/");
    if way.starts_with("../") { way } else { format!("./{way}") }
}
