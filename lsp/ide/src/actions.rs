//! What can be done with a selection.
//!
//! Owns the list, and the fixes of what is wrong; each refactoring has its file.

mod call;
mod draft;
mod extract;
mod imports;
mod inline;
mod shape;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::diagnostics::Told;
use crate::host::Snapshot;
use crate::place::FileEdit;
pub(crate) use draft::Tried;

/// What an action is, for menus.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ActionKind {
    /// Mends what is wrong.
    QuickFix,
    /// Makes a new declaration of a part.
    Extract,
    /// Puts a definition in place of its uses.
    Inline,
    /// Writes the same otherwise.
    Rewrite,
    /// Mends all that can be mended for sure.
    FixAll,
    /// Puts the imports in order.
    OrganizeImports,
}

/// Something that can be done.
#[derive(Clone, Debug)]
pub struct Action {
    /// What it does, as a verb phrase.
    pub title: String,
    /// What it is.
    pub kind: ActionKind,
    /// How.
    pub edits: Vec<FileEdit>,
    /// The place and the code of the diagnostic that it mends.
    pub mends: Option<(Span, &'static str)>,
    /// Whether it is what most would want.
    pub preferred: bool,
    /// Why it cannot be done, as a sentence; then it has no edits.
    pub refused: Option<String>,
    /// A new name to be chosen afterwards: the file and the byte offset in its new text.
    pub rename_at: Option<(Utf8PathBuf, usize)>,
}

impl Snapshot {
    /// What can be done with a range of a file, of some kinds; of all, if none is named.
    pub fn actions(&self, path: &Utf8Path, range: Span, only: &[ActionKind]) -> Vec<Action> {
        let Some(analysis) = self.analysis(path).filter(|_| !self.is_standard(path)) else { return Vec::new() };
        let wanted = |kind: ActionKind| only.is_empty() || only.contains(&kind);
        let told = analysis.diagnostics();
        let file =
            File { snapshot: self, path, analysis: &analysis, told, words: OnceCell::new(), tidy: OnceCell::new() };
        let mut found = Vec::new();
        if wanted(ActionKind::QuickFix) {
            found.extend(file.quick_fixes(range));
            found.extend(file.missing_arguments(range));
        }
        if wanted(ActionKind::Extract) {
            found.extend(file.extract_value(range));
            found.extend(file.extract_function(range));
        }
        if wanted(ActionKind::Inline) {
            found.extend(file.inline_value(range));
            found.extend(file.inline_call(range));
        }
        if wanted(ActionKind::Rewrite) {
            found.extend(file.pin_image(range));
            found.extend(file.convert_call(range));
        }
        if wanted(ActionKind::FixAll) {
            found.extend(file.fix_all());
        }
        if wanted(ActionKind::OrganizeImports) {
            found.extend(file.organize_imports());
        }
        found
    }
}

/// A file with what is wrong with it.
struct File<'a> {
    snapshot: &'a Snapshot,
    path: &'a Utf8Path,
    analysis: &'a Analysis,
    told: Vec<Told>,
    /// Where each word stands that may be a name; looked for once.
    words: OnceCell<HashMap<String, Vec<Span>>>,
    /// Whether the text is laid out; looked at once.
    tidy: OnceCell<bool>,
}

impl File<'_> {
    /// What mends the mistakes that touch a range.
    fn quick_fixes(&self, range: Span) -> Vec<Action> {
        let mut found = Vec::new();
        for told in self.told.iter().filter(|told| told.span.start <= range.end && range.start <= told.span.end) {
            let only = told.mends.len() == 1;
            for mend in &told.mends {
                found.push(Action {
                    mends: Some((told.span, told.code)),
                    preferred: mend.safe || only,
                    ..self.action(&mend.title, ActionKind::QuickFix, mend.edits.clone())
                });
            }
            if let Some((name, edit)) = self.unused_import(told) {
                found.push(Action {
                    mends: Some((told.span, told.code)),
                    preferred: true,
                    ..self.action(&format!("remove the import `{name}`"), ActionKind::QuickFix, vec![edit])
                });
            }
        }
        found
    }

    /// All that cannot be wrong, in one.
    fn fix_all(&self) -> Option<Action> {
        let mut edits: Vec<(Span, String)> = Vec::new();
        for mend in self.told.iter().filter_map(|told| told.mends.iter().find(|mend| mend.safe)) {
            let apart =
                |edit: &(Span, String)| edits.iter().all(|it| edit.0.end < it.0.start || it.0.end < edit.0.start);
            if mend.edits.iter().all(apart) {
                edits.extend(mend.edits.iter().cloned());
            }
        }
        (!edits.is_empty()).then(|| self.action("fix all that can be fixed for sure", ActionKind::FixAll, edits))
    }

    fn action(&self, title: &str, kind: ActionKind, mut edits: Vec<(Span, String)>) -> Action {
        edits.sort_by_key(|(span, _)| (span.start, span.end));
        let source = Arc::clone(self.analysis.text().source());
        Action {
            title: title.to_owned(),
            kind,
            edits: vec![FileEdit { path: self.path.to_owned(), source, edits }],
            mends: None,
            preferred: false,
            refused: None,
            rename_at: None,
        }
    }

    /// What one would expect here, or why it cannot be done.
    fn or_refused(&self, title: &str, kind: ActionKind, made: Result<Action, String>) -> Action {
        made.unwrap_or_else(|why| Action {
            edits: Vec::new(),
            refused: Some(why),
            ..self.action(title, kind, Vec::new())
        })
    }
}
