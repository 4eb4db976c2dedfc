//! What the text of a string may be.
//!
//! Owns images, words, files and paths of imports. Looks into directories of the user's, and into nothing else.

use camino::Utf8Path;
use hlb_compiler::hir::Target;
use hlb_compiler::probe::TextKind;
use hlb_language::ast::Expr;
use hlb_language::span::Span;

use super::item::{Items, Rank};
use super::{Completion, CompletionKind, Probed};
use crate::host::Snapshot;
use crate::walk::{Node, walk};

/// No more entries of a directory are offered.
const MOST_ENTRIES: usize = 500;

/// The path of an import; `content` is what is written of it up to the cursor.
pub(super) fn import_path(path: &Utf8Path, items: &mut Items<'_>, content: Span) {
    let written = slice(items, content);
    if !written.starts_with('.') {
        for (name, _) in hlb_stdlib::MODULES {
            let item = items.of_text(&format!("std/{name}"), CompletionKind::Module, content);
            items.add_text(Rank::Best, Completion { detail: Some("standard module".to_owned()), ..item });
        }
    }
    files(path, items, content, "./", &|name| name.ends_with(".hlb"));
}

/// A string that is an argument.
pub(super) fn of_argument(snapshot: &Snapshot, path: &Utf8Path, probed: &Probed, string: Span, items: &mut Items<'_>) {
    let text = items.cursor().text;
    let opener = text.get(string.start as usize..).and_then(|rest| rest.chars().next());
    // What is in a heredoc is a text of its own.
    if !matches!(opener, Some('"' | '`')) {
        return;
    }
    let content = Span::new(string.start as usize + 1, items.cursor().offset);
    // Behind an interpolation the whole is not known.
    if slice(items, content).contains("${") {
        return;
    }
    for it in probed.checked.variants(&probed.place) {
        let item = items.of_text(&it.name, CompletionKind::Variant, content);
        items.add_text(Rank::Best, item);
    }
    let Some(call) = probed.place.calls.last() else { return };
    let Some(target) = call.target else { return };
    match probed.checked.program.text_kind(target, call.argument) {
        TextKind::Words(words) => {
            for word in words {
                let item = items.of_text(word, CompletionKind::Variant, content);
                items.add_text(Rank::Best, item);
            }
        }
        TextKind::Image => images(snapshot, path, items, content),
        TextKind::Free => {
            let param = call.signature.params.get(call.argument).or(call.signature.params.last());
            let name = param.map(|param| param.name.text.as_str()).unwrap_or_default();
            let is_path = name == "localPath" || call.name == "local" && name == "path";
            if is_path && matches!(target, Target::Builtin(_)) {
                files(path, items, content, "", &|_| true);
            }
        }
    }
}

/// Images that the lock file pins, and those that the file names elsewhere.
fn images(snapshot: &Snapshot, path: &Utf8Path, items: &mut Items<'_>, content: Span) {
    for pin in &snapshot.pins(path).images {
        let item = items.of_text(&pin.name, CompletionKind::Value, content);
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
        let item = items.of_text(&name, CompletionKind::Value, content);
        items.add_text(Rank::Own, item);
    }
}

/// Files and directories beside a file, by what is written of their path.
fn files(path: &Utf8Path, items: &mut Items<'_>, content: Span, front: &str, wanted: &dyn Fn(&str) -> bool) {
    let written = slice(items, content);
    let (dir, _) = written.rsplit_once('/').map_or(("", written), |(dir, name)| (dir, name));
    let behind = if dir.is_empty() { 0 } else { dir.len() + 1 };
    let replace = Span::new(content.start as usize + behind, content.end as usize);
    let front = if behind == 0 { front } else { "" };
    let Some(here) = path.parent() else { return };
    let Ok(entries) = here.join(dir).read_dir_utf8() else { return };
    let mut found: Vec<(String, bool)> = entries
        .flatten()
        .take(MOST_ENTRIES)
        .filter_map(|entry| Some((entry.file_name().to_owned(), entry.file_type().ok()?.is_dir())))
        .collect();
    found.sort();
    let hidden = written.rsplit('/').next().is_some_and(|name| name.starts_with('.') && name != "." && name != "..");
    for (name, is_dir) in found {
        let own = path.file_name() == Some(name.as_str()) && dir.is_empty();
        if own && !front.is_empty() || name.starts_with('.') && !hidden || !is_dir && !wanted(&name) {
            continue;
        }
        let kind = if is_dir { CompletionKind::Directory } else { CompletionKind::File };
        let label = format!("{front}{name}{}", if is_dir { "/" } else { "" });
        let item = items.of_text(&label, kind, replace);
        items.add_text(Rank::Own, item);
    }
}

fn slice<'t>(items: &Items<'t>, span: Span) -> &'t str {
    items.cursor().text.get(span.range()).unwrap_or_default()
}
