//! What the text of a string may be.
//!
//! Owns images, words, files and paths of imports, and how much of the string goes. Looks into directories of the user's, and into
//! nothing else.

use camino::Utf8Path;
use hlb_compiler::probe::{PROBE, TextKind};
use hlb_language::ast::Expr;
use hlb_language::span::Span;

use super::context::Cursor;
use super::item::{Items, Rank, has_typed};
use super::{Completion, CompletionKind, Probed};
use crate::host::Snapshot;
use crate::walk::{Node, walk};
use crate::world::normal;

/// No more entries of a directory are offered.
const MOST_ENTRIES: usize = 500;
/// No more are looked at.
const MOST_LOOKED_AT: usize = 50_000;

/// A text that is being written, without its quotes.
struct Written {
    /// Up to the cursor.
    typed: Span,
    /// All of it that can go.
    whole: Span,
}

/// The path of an import; `content` is what is written of it up to the cursor.
pub(super) fn import_path(path: &Utf8Path, items: &mut Items<'_>, content: Span) {
    let cursor = items.cursor();
    let opener = cursor.text.get(..content.start as usize).and_then(|text| text.chars().next_back());
    let line = cursor.text.get(cursor.offset..).and_then(|rest| rest.lines().next()).unwrap_or_default();
    let closer = opener.and_then(|quote| line.find(quote)).map(|len| cursor.offset + len);
    let written = Written::new(cursor, content, closer);
    if !slice(items, content).starts_with('.') {
        for (name, _) in hlb_stdlib::MODULES {
            let item = items.of_text(&format!("std/{name}"), CompletionKind::Module, written.whole);
            items.add_text(Rank::Best, Completion { detail: Some("standard module".to_owned()), ..item });
        }
    }
    files(path, items, &written, "./", &|name| name.ends_with(".hlb"));
}

/// A string that is an argument. Its place is that in the text with the probe.
pub(super) fn of_argument(snapshot: &Snapshot, path: &Utf8Path, probed: &Probed, string: Span, items: &mut Items<'_>) {
    let cursor = items.cursor();
    let opener = cursor.text.get(string.start as usize..).and_then(|rest| rest.chars().next());
    // What is in a heredoc is a text of its own.
    let Some(quote @ ('"' | '`')) = opener else { return };
    let typed = Span::new(string.start as usize + 1, cursor.offset);
    // Behind an interpolation the whole is not known, and of a text of several lines nothing is.
    if slice(items, typed).contains("${") || slice(items, typed).contains('\n') {
        return;
    }
    let end = (string.end as usize + cursor.word.range().len()).saturating_sub(PROBE.len());
    let is_closed = cursor.text.get(cursor.offset..end).is_some_and(|rest| rest.ends_with(quote));
    let written = Written::new(cursor, typed, is_closed.then(|| end - 1));
    for it in probed.checked.variants(&probed.place) {
        let item = items.of_text(&it.name, CompletionKind::Variant, written.whole);
        items.add_text(Rank::Best, item);
    }
    let Some(call) = probed.place.calls.last() else { return };
    let Some(target) = call.target else { return };
    match probed.checked.program.text_kind(target, call.argument) {
        TextKind::Words(words) => {
            for word in words {
                let item = items.of_text(word, CompletionKind::Variant, written.whole);
                items.add_text(Rank::Best, item);
            }
        }
        TextKind::Image => images(snapshot, path, items, &written),
        TextKind::LocalPath => files(path, items, &written, "", &|_| true),
        TextKind::Free => {}
    }
}

impl Written {
    /// `closer` is where the quote is that ends the text; without one, it ends with the word.
    fn new(cursor: &Cursor<'_>, typed: Span, closer: Option<usize>) -> Self {
        let rest = closer.and_then(|closer| cursor.text.get(cursor.offset..closer));
        let end = match rest {
            // What is put in stays, and so do other lines.
            Some(rest) => {
                cursor.offset + rest.split('\n').next().and_then(|it| it.split("${").next()).map_or(0, str::len)
            }
            None => cursor.word.end as usize,
        };
        Self { typed, whole: Span::new(typed.start as usize, end) }
    }
}

/// Images that the lock file pins, and those that the file names elsewhere.
fn images(snapshot: &Snapshot, path: &Utf8Path, items: &mut Items<'_>, written: &Written) {
    for pin in &snapshot.pins(path).images {
        let item = items.of_text(&pin.name, CompletionKind::Value, written.whole);
        items.add_text(Rank::Best, Completion { detail: Some(pin.digest.clone()), ..item });
    }
    let Some(text) = snapshot.text(path) else { return };
    let mut found = Vec::new();
    walk(text.tree(), &mut |node| {
        let (callee, first) = match node {
            Node::Stmt(hlb_language::ast::Stmt::Call(call)) => (&call.callee, call.args.first()),
            Node::Expr(Expr::Call(call)) => (&call.callee, call.args.as_ref().and_then(|(_, args)| args.first())),
            _ => return,
        };
        if callee.member.is_none()
            && callee.head.text == "image"
            && let Some(Expr::String(literal)) = first.map(hlb_language::ast::Arg::expr)
            && let [hlb_language::ast::StringPart::Text(span)] = literal.parts.as_slice()
            && !span.touches(items.cursor().offset)
        {
            found.push(text.source().slice(*span).to_owned());
        }
    });
    for name in found {
        let item = items.of_text(&name, CompletionKind::Value, written.whole);
        items.add_text(Rank::Own, item);
    }
}

/// Files and directories beside a file, by what is written of their path.
fn files(path: &Utf8Path, items: &mut Items<'_>, written: &Written, front: &str, wanted: &dyn Fn(&str) -> bool) {
    let typed = slice(items, written.typed);
    let (dir, name) = typed.rsplit_once('/').map_or((None, typed), |(dir, name)| (Some(dir), name));
    let start = written.typed.end as usize - name.len();
    // A directory takes the place of what its name is written in; of what is behind that nothing is below a file.
    let rest = items.cursor().text.get(items.cursor().offset..written.whole.end as usize).unwrap_or_default();
    let segment = items.cursor().offset + rest.find('/').map_or(rest.len(), |slash| slash + 1);
    // No file imports itself.
    let is_import = !front.is_empty();
    let front = if dir.is_none() { front } else { "" };
    let Some(here) = path.parent() else { return };
    let looked_into = match dir {
        // From the root of all directories on.
        Some("") => "/".into(),
        dir => here.join(dir.unwrap_or_default()),
    };
    let Ok(entries) = looked_into.read_dir_utf8() else { return };
    let above = matches!(name, "." | "..");
    let hidden = name.starts_with('.') && !above;
    let mut found: Vec<(String, bool)> = Vec::new();
    for (looked_at, entry) in entries.flatten().enumerate() {
        if looked_at == MOST_LOOKED_AT {
            items.cut_off();
            break;
        }
        let own = is_import && path.file_name() == Some(entry.file_name()) && normal(entry.path()) == path;
        let fits = above || has_typed(entry.file_name(), name);
        if !fits || own || entry.file_name().starts_with('.') && !hidden {
            continue;
        }
        let Ok(kind) = entry.file_type() else { continue };
        if kind.is_dir() || wanted(entry.file_name()) {
            found.push((entry.file_name().to_owned(), kind.is_dir()));
        }
    }
    found.sort();
    if found.len() > MOST_ENTRIES {
        items.cut_off();
        found.truncate(MOST_ENTRIES);
    }
    for (name, is_dir) in found {
        let (kind, end) = match is_dir {
            true => (CompletionKind::Directory, segment),
            false => (CompletionKind::File, written.whole.end as usize),
        };
        let label = format!("{front}{name}{}", if is_dir { "/" } else { "" });
        let item = items.of_text(&label, kind, Span::new(start, end));
        items.add_text(Rank::Own, item);
    }
}

fn slice<'t>(items: &Items<'t>, span: Span) -> &'t str {
    items.cursor().text.get(span.range()).unwrap_or_default()
}
