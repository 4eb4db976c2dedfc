//! Imports in order.
//!
//! Owns which imports can go, and the order of those that stay.

use hlb_language::ast::{Decl, ImportDecl};
use hlb_language::span::Span;

use super::{Action, ActionKind, File};
use crate::diagnostics::{Tag, Told};

impl File<'_> {
    /// Imports without those that nothing uses; those that stand on lines below each other are sorted, the standard library first.
    pub(super) fn organize_imports(&self) -> Option<Action> {
        let source = self.analysis.text().source();
        let unused: Vec<Span> = self.told.iter().filter_map(|told| Some(self.told_unused(told)?.span)).collect();
        let is_used = |import: &ImportDecl| !unused.contains(&import.span);
        let mut edits: Vec<(Span, String)> = Vec::new();
        let imports: Vec<&ImportDecl> = self.imports().collect();
        // A line that is no import, such as a comment or an empty one, begins another group.
        let groups = imports.chunk_by(|one, other| {
            self.is_alone(one) && self.is_alone(other) && self.lines(one).end == self.lines(other).start
        });
        for group in groups {
            if group.iter().any(|import| self.is_broken(import.span)) {
                continue;
            }
            let mut sorted: Vec<&ImportDecl> = group.iter().copied().filter(|import| is_used(import)).collect();
            if group.iter().any(|import| !self.is_alone(import)) {
                let gone = group.iter().filter(|import| !is_used(import));
                edits.extend(gone.map(|import| (import.span, String::new())));
                continue;
            }
            sorted.sort_by_key(|import| self.rank(import));
            let (Some(first), Some(last)) = (group.first(), group.last()) else { continue };
            let all = self.lines(first).to(self.lines(last));
            let line = |import: &&ImportDecl| {
                let line = source.slice(self.lines(import));
                if line.ends_with('\n') { line.to_owned() } else { format!("{line}\n") }
            };
            let mut new: String = sorted.iter().map(line).collect();
            if new.is_empty() && self.would_comment(all) {
                new.push('\n');
            }
            if new.trim_end() != source.slice(all).trim_end() {
                edits.push((all, new));
            }
        }
        let title = "put the imports in order";
        (!edits.is_empty()).then(|| self.action(title, ActionKind::OrganizeImports, edits))
    }

    /// The name of an import and the edit that removes it, if what is told is that nothing uses it.
    pub(super) fn unused_import(&self, told: &Told) -> Option<(&str, (Span, String))> {
        let import = self.told_unused(told)?;
        let extent = self.extent(import);
        let empty = if self.would_comment(extent) { "\n" } else { "" };
        Some((import.name.text.as_str(), (extent, empty.to_owned())))
    }

    /// Whether a comment above some lines would be about what stands below them, if they were not there.
    fn would_comment(&self, lines: Span) -> bool {
        let text = self.analysis.text().source().text();
        let above = text.get(..lines.start as usize).and_then(|it| it.lines().next_back()).unwrap_or_default();
        let below = text.get(lines.end as usize..).and_then(|it| it.lines().next()).unwrap_or_default();
        above.starts_with('#') && !below.trim().is_empty()
    }

    fn imports(&self) -> impl Iterator<Item = &ImportDecl> {
        self.analysis.text().tree().decls.iter().filter_map(|decl| match decl {
            Decl::Import(import) => Some(&**import),
            _ => None,
        })
    }

    fn told_unused(&self, told: &Told) -> Option<&ImportDecl> {
        self.imports().find(|import| told.tag == Some(Tag::Unused) && import.name.span == told.span)
    }

    /// The lines on which an import stands, with their ends.
    fn lines(&self, import: &ImportDecl) -> Span {
        let source = self.analysis.text().source();
        let line = |offset: u32| source.line_span(source.line_index(offset as usize)).unwrap_or(import.span);
        line(import.span.start).to(line(import.span.end))
    }

    /// Whether nothing but what is said of it stands on the lines of an import.
    fn is_alone(&self, import: &ImportDecl) -> bool {
        let whole = self.lines(import);
        let around = |start, end| self.analysis.text().source().slice(Span { start, end }).trim();
        let (before, behind) = (around(whole.start, import.span.start), around(import.span.end, whole.end));
        before.is_empty() && (behind.is_empty() || behind.starts_with('#'))
    }

    /// What goes with an import.
    fn extent(&self, import: &ImportDecl) -> Span {
        if self.is_alone(import) { self.lines(import) } else { import.span }
    }

    /// What imports are sorted by: the standard library, modules of others, files; then by their names.
    fn rank(&self, import: &ImportDecl) -> (u8, String, String) {
        let from = self.analysis.text().source().slice(import.source.span());
        let path = from.trim_matches(['"', '`']);
        let place = match path {
            _ if path.starts_with("std/") => 0,
            _ if path.starts_with("./") => 3,
            _ if path.starts_with("../") => 2,
            _ => 1,
        };
        (place, path.to_owned(), import.name.text.to_string())
    }
}
