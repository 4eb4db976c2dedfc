//! Texts with a cursor in them.
//!
//! Owns the form of fixtures: files one after the other, each behind a line `//- /its/path.hlb` (the first may do without, it is
//! `/work/build.hlb`). The cursor is written `$0`, a range `$1…$1`; the first file that has one is asked. All are open in the
//! editor, so no file system is needed.

use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_ide::{Action, ActionKind, Analysis, FileEdit, Host, Place, Project, Settings, Snapshot};
use hlb_language::source::SourceId;
use hlb_language::span::Span;

pub(crate) struct Fixture {
    pub(crate) host: Host,
    /// The file that is asked.
    pub(crate) path: Utf8PathBuf,
    /// Its text.
    pub(crate) text: String,
    pub(crate) offset: usize,
    pub(crate) range: Span,
}

impl Fixture {
    pub(crate) fn new(fixture: &str) -> Self {
        let mut files: Vec<(Utf8PathBuf, String)> = Vec::new();
        for line in fixture.split_inclusive('\n') {
            match line.strip_prefix("//- ") {
                Some(path) => files.push((path.trim().into(), String::new())),
                None => match files.last_mut() {
                    Some((_, text)) => text.push_str(line),
                    None => files.push(("/work/build.hlb".into(), line.to_owned())),
                },
            }
        }
        // What this machine has there is not asked for.
        let settings = Settings { max_files: 0, ..Settings::default() };
        let mut host = Host::new(settings, vec!["/work".into()]);
        let mut asked = None;
        for (path, marked) in files {
            let text = marked.replace("$0", "").replace("$1", "");
            let ends: Vec<usize> = marked.match_indices("$1").map(|(at, _)| at).collect();
            let cursor = marked.find("$0");
            if asked.is_none() && (cursor.is_some() || !ends.is_empty()) {
                let offset = cursor.or(ends.first().copied()).unwrap_or_default();
                let end = ends.get(1).map_or(offset, |end| end - 2);
                asked = Some((path.clone(), text.clone(), offset, Span { start: offset as u32, end: end as u32 }));
            }
            host.edit(path, text);
        }
        let (path, text, offset, range) = asked.expect("a cursor or a range");
        Self { host, path, text, offset, range }
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.host.snapshot()
    }

    pub(crate) fn analysis(&self) -> Arc<Analysis> {
        self.snapshot().analysis(&self.path).expect("the file is open")
    }

    pub(crate) fn project(&self) -> Arc<Project> {
        self.snapshot().project(&|| false).expect("nobody stops it")
    }

    /// The text of a span of the file that is asked.
    pub(crate) fn slice(&self, span: Span) -> &str {
        &self.text[span.range()]
    }
}

/// A place as `path:line:column [text]`.
pub(crate) fn place(place: &Place) -> String {
    let at = place.source.position(place.span.start as usize);
    let text = place.source.slice(place.span);
    format!("{}:{}:{} [{text}]", shown(&place.path), at.line, at.column)
}

/// Spans of a text as `line:column [text]`, one a line.
pub(crate) fn spans(text: &str, spans: impl IntoIterator<Item = Span>) -> String {
    let source = hlb_language::source::Source::new("", text);
    let one = |span: Span| {
        let at = source.position(span.start as usize);
        format!("{}:{} [{}]\n", at.line, at.column, source.slice(span))
    };
    spans.into_iter().map(one).collect()
}

/// Files after their edits, each behind its path.
pub(crate) fn edited(edits: &[FileEdit]) -> String {
    let one = |edit: &FileEdit| format!("//- {}\n{}", shown(&edit.path), apply(edit.source.text(), &edit.edits));
    edits.iter().map(one).collect()
}

/// A text after its edits, which are in order and do not overlap.
pub(crate) fn apply(text: &str, edits: &[(Span, String)]) -> String {
    let mut new = text.to_owned();
    for (span, inserted) in edits.iter().rev() {
        new.replace_range(span.range(), inserted);
    }
    new
}

fn shown(path: &Utf8Path) -> &Utf8Path {
    path.strip_prefix("/work").unwrap_or(path)
}

/// The text after the first action of a kind whose title begins with some words, with the name that is to be chosen in guillemets;
/// `nothing` if there is none that can be done. What every action promises is looked at.
pub(crate) fn acted(text: &str, kind: ActionKind, title: &str) -> String {
    let fixture = Fixture::new(text);
    let found = fixture.snapshot().actions(&fixture.path, fixture.range, &[kind]);
    let Some(action) = found.iter().find(|it| it.title.starts_with(title) && it.refused.is_none()) else {
        return "nothing".to_owned();
    };
    let mut new = keeps_promises(&fixture.text, action);
    if let Some((path, at)) = &action.rename_at {
        assert_eq!(*path, fixture.path);
        let len = new[*at..].find(|ch: char| !ch.is_alphanumeric() && ch != '_').expect("it is not the last word");
        new.insert(at + len, '»');
        new.insert(*at, '«');
    }
    new
}

/// The text after an action, which has no more mistakes of syntax than before, and is laid out if it was.
pub(crate) fn keeps_promises(text: &str, action: &Action) -> String {
    let [edit] = action.edits.as_slice() else { panic!("`{}` changes one file", action.title) };
    let new = apply(text, &edit.edits);
    let format = |text: &str| hlb_language::format(SourceId(0), text);
    let mistakes = |text: &str| format(text).err().map_or(0, |mistakes| mistakes.len());
    assert!(mistakes(&new) <= mistakes(text), "`{}` makes mistakes: {new}", action.title);
    if format(text).is_ok_and(|laid_out| laid_out == text) {
        assert_eq!(format(&new).as_deref(), Ok(new.as_str()), "`{}` leaves the layout", action.title);
    }
    new
}
