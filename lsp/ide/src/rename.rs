//! Other names, in all files.
//!
//! Owns what may be renamed, and that the program means the same afterwards: the renamed texts are checked, no file may have more
//! mistakes, and each use must still lead to the definition.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::hir::Target;
use hlb_language::diagnostic::Location;
use hlb_language::lexer::{Care, lex};
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use hlb_language::token::TokenKind;

use crate::diagnostics::Level;
use crate::host::Snapshot;
use crate::place::{FileEdit, Place};
use crate::project::Project;
use crate::references;

/// Why a name stays: a sentence.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RenameRefused(pub String);

impl Snapshot {
    /// The name at a byte offset of a file, if it may be renamed. `None` if there is no name.
    ///
    /// # Errors
    /// Why it may not.
    pub fn prepare_rename(&self, path: &Utf8Path, offset: usize) -> Result<Option<(Span, String)>, RenameRefused> {
        let Some(project) = self.project(&|| false) else { return Ok(None) };
        let Some((at, target)) = project.name_at(path, offset) else { return Ok(None) };
        let name = renamable(&project, at, target)?;
        Ok(Some((at.span, name)))
    }

    /// The edits that give the name at a byte offset of a file another name everywhere.
    ///
    /// # Errors
    /// Why that would not be the same program.
    pub fn rename(&self, path: &Utf8Path, offset: usize, new: &str) -> Result<Vec<FileEdit>, RenameRefused> {
        let Some(project) = self.project(&|| false) else { return Ok(Vec::new()) };
        let Some((at, target)) = project.name_at(path, offset) else { return Ok(Vec::new()) };
        let target = references::whole(&project.checked, target);
        let old = renamable(&project, at, target)?;
        if !is_name(new) {
            return Err(RenameRefused(format!("`{new}` is not a name: use the letters a to z, digits and `_`")));
        }
        if new == old {
            return Ok(Vec::new());
        }
        let places = project.references(path, offset, true);
        let edits = edits(&places, &old, new)?;
        all_understood(&project, at, target, &old)?;
        let after = self.with_texts(edits.iter().map(|edit| (edit.path.clone(), edit.applied())));
        let Some(after) = after.project(&|| false) else { return Ok(Vec::new()) };
        no_new_mistakes(&project, &after, new)?;
        same_uses(&after, &edits, new)?;
        Ok(edits)
    }
}

/// The name of something that may be renamed.
fn renamable(project: &Project, at: Location, target: Target) -> Result<String, RenameRefused> {
    let word = project.checked.sources.get(at.source).map(|source| source.slice(at.span)).unwrap_or_default();
    let defined = references::definition(&project.checked, target, at).and_then(|at| project.place(at));
    match defined {
        Some(place) if !place.writable => {
            Err(RenameRefused(format!("`{word}` is not declared in your files, so its name is not yours to change")))
        }
        Some(place) if place.source.slice(place.span) == word && is_name(word) => Ok(word.to_owned()),
        Some(_) => Err(RenameRefused(format!("`{word}` is declared under another name; rename it there"))),
        None => Err(RenameRefused(format!("`{word}` belongs to the language and keeps its name"))),
    }
}

/// Whether a text is one name. What is one and still cannot stand there, checking tells.
fn is_name(text: &str) -> bool {
    let tokens = lex(SourceId(0), text, Care::Strict).tokens;
    let mut words = tokens.iter().filter(|token| !token.kind.ends_statement());
    let one = words.next().is_some_and(|token| token.kind == TokenKind::Ident && token.span.range() == (0..text.len()));
    one && words.next().is_none()
}

/// The changes of files, each with its places in order.
fn edits(places: &[Place], old: &str, new: &str) -> Result<Vec<FileEdit>, RenameRefused> {
    let mut edits: Vec<FileEdit> = Vec::new();
    for place in places {
        let at = place.source.position(place.span.start as usize);
        if !place.writable || place.source.slice(place.span) != old {
            return Err(RenameRefused(format!(
                "{}:{}:{} uses `{old}` in a form that cannot be changed with it",
                place.path, at.line, at.column
            )));
        }
        let edit = (place.span, new.to_owned());
        match edits.last_mut().filter(|it| it.path == place.path) {
            Some(file) => file.edits.push(edit),
            None => {
                edits.push(FileEdit { path: place.path.clone(), source: Arc::clone(&place.source), edits: vec![edit] });
            }
        }
    }
    Ok(edits)
}

/// In a file with mistakes, the name may stand where nobody can tell what it means: such a use would be left behind.
fn all_understood(project: &Project, at: Location, target: Target, old: &str) -> Result<(), RenameRefused> {
    let program = &project.checked.program;
    let defined = references::definition(&project.checked, target, at).unwrap_or(at);
    let local = matches!(target, Target::Local(_));
    let function = program.func_around(defined).filter(|_| local);
    let within = function.and_then(|id| program.funcs.get(id.0)).map(|func| func.span);
    for text in project.texts() {
        let path = Utf8Path::new(text.source().name());
        let Some(module) = program.modules.iter().find(|module| module.path == path) else { continue };
        let elsewhere = module.source != defined.source && (local || matches!(target, Target::Module(_)));
        let told = project.diagnostics(path).unwrap_or_default();
        if elsewhere || told.iter().all(|it| it.level != Level::Error) {
            continue;
        }
        let spelled = names(text.source().text()).into_iter().filter(|span| text.source().slice(*span) == old);
        for span in spelled.filter(|span| within.is_none_or(|within| within.contains(*span))) {
            let offset = span.start as usize;
            let used = program.reference_at(module.source, offset).is_some_and(|it| it.at.span == span);
            if !used && program.definition_at(module.source, offset).is_none_or(|(defined, _)| defined != span) {
                let at = text.source().position(offset);
                return Err(RenameRefused(format!(
                    "{path}:{}:{} may be a use of `{old}`, which mistakes there keep from being seen; mend them first",
                    at.line, at.column
                )));
            }
        }
    }
    Ok(())
}

/// The names in a text, with those in mistakes; where a string lacks its end, with the words in it.
pub(crate) fn names(text: &str) -> Vec<Span> {
    let mut names = Vec::new();
    // What has been opened: how many names were known then, and where.
    let mut open: Vec<(usize, u32)> = Vec::new();
    for token in lex(SourceId(0), text, Care::Guessing).tokens {
        match token.kind {
            TokenKind::Ident => names.push(token.span),
            TokenKind::QuoteOpen | TokenKind::RawOpen | TokenKind::HeredocOpen => {
                open.push((names.len(), token.span.end));
            }
            TokenKind::QuoteClose | TokenKind::RawClose | TokenKind::HeredocClose => {
                let Some((known, start)) = open.pop() else { continue };
                if token.span.is_empty() {
                    names.truncate(known);
                    words(text, Span { start, end: token.span.start }, &mut names);
                }
            }
            _ => {}
        }
    }
    names
}

/// All words in a part of a text.
fn words(text: &str, part: Span, found: &mut Vec<Span>) {
    let part_text = text.get(part.range()).unwrap_or_default();
    let mut at = part.start;
    for piece in part_text.split_inclusive(|ch: char| !ch.is_ascii_alphanumeric() && ch != '_') {
        let word = piece.trim_end_matches(|ch: char| !ch.is_ascii_alphanumeric() && ch != '_');
        if !word.is_empty() {
            found.push(Span { start: at, end: at + word.len() as u32 });
        }
        at += piece.len() as u32;
    }
}

fn no_new_mistakes(before: &Project, after: &Project, new: &str) -> Result<(), RenameRefused> {
    let mistakes = |project: &Project, path: &Utf8PathBuf| {
        let told = project.diagnostics(path).unwrap_or_default();
        let errors = told.into_iter().filter(|it| it.level == Level::Error);
        errors.map(|it| it.message).collect::<Vec<String>>()
    };
    for path in after.files() {
        let (old, now) = (mistakes(before, &path), mistakes(after, &path));
        if now.len() > old.len() {
            let other = now.iter().find(|message| !old.contains(message)).or(now.last());
            let message = other.and_then(|message| message.lines().next()).unwrap_or_default();
            return Err(RenameRefused(format!("with the name `{new}`, {path} would have a mistake: {message}")));
        }
    }
    Ok(())
}

/// Each place that was changed must lead to the one definition, and no other may.
fn same_uses(after: &Project, edits: &[FileEdit], new: &str) -> Result<(), RenameRefused> {
    let mut expected: Vec<(&Utf8Path, usize)> = Vec::new();
    for edit in edits {
        let mut moved = 0_isize;
        for (span, _) in &edit.edits {
            expected.push((&edit.path, (span.start as usize).saturating_add_signed(moved)));
            moved += new.len() as isize - span.len() as isize;
        }
    }
    let Some((path, offset)) = expected.first() else { return Ok(()) };
    let found = after.references(path, *offset, true);
    let found: Vec<(&Utf8Path, usize)> = found.iter().map(|it| (it.path.as_path(), it.span.start as usize)).collect();
    if found == expected {
        return Ok(());
    }
    Err(RenameRefused(format!("there is another `{new}` already, which would be confused with this one")))
}
