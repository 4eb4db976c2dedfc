//! Changes of texts.
//!
//! Owns their form for what the client can, and the names of kinds of actions.

use std::collections::HashMap;

use hlb_ide::{Action, ActionKind, FileEdit};
use hlb_language::source::Source;
use hlb_language::span::Span;
use serde_json::json;
use tower_lsp::ls_types as lsp;

use crate::view::View;

/// The kinds with their names in the protocol.
const KINDS: [(ActionKind, &str); 6] = [
    (ActionKind::QuickFix, "quickfix"),
    (ActionKind::Extract, "refactor.extract"),
    (ActionKind::Inline, "refactor.inline"),
    (ActionKind::Rewrite, "refactor.rewrite"),
    (ActionKind::FixAll, "source.fixAll.hlb"),
    (ActionKind::OrganizeImports, "source.organizeImports"),
];

/// Changes of one text.
pub(crate) fn text_edits(
    view: &View,
    source: &Source,
    edits: impl IntoIterator<Item = (Span, String)>,
) -> Vec<lsp::TextEdit> {
    let edit = |(span, new_text)| lsp::TextEdit { range: view.range(source, span), new_text };
    edits.into_iter().map(edit).collect()
}

/// Changes of files, with the versions of those that are open if the client wants them.
pub(crate) fn workspace_edit(view: &View, edits: Vec<FileEdit>) -> lsp::WorkspaceEdit {
    let file = |edit: FileEdit| {
        let uri = view.uri(&edit.path)?;
        Some((uri, view.version(&edit.path), text_edits(view, &edit.source, edit.edits)))
    };
    let files = edits.into_iter().filter_map(file);
    if !view.client.document_changes {
        let changes: HashMap<_, _> = files.map(|(uri, _, edits)| (uri, edits)).collect();
        return lsp::WorkspaceEdit { changes: Some(changes), ..lsp::WorkspaceEdit::default() };
    }
    let changes = files.map(|(uri, version, edits)| lsp::TextDocumentEdit {
        text_document: lsp::OptionalVersionedTextDocumentIdentifier { uri, version },
        edits: edits.into_iter().map(lsp::OneOf::Left).collect(),
    });
    let changes = lsp::DocumentChanges::Edits(changes.collect());
    lsp::WorkspaceEdit { document_changes: Some(changes), ..lsp::WorkspaceEdit::default() }
}

/// The kinds of actions that there are.
pub(crate) fn action_kinds() -> Vec<lsp::CodeActionKind> {
    KINDS.iter().map(|(_, name)| lsp::CodeActionKind::from(*name)).collect()
}

/// The kinds that a client means. `None` if it means others only; none, if it means all.
pub(crate) fn chosen(only: Option<&[lsp::CodeActionKind]>) -> Option<Vec<ActionKind>> {
    let Some(only) = only else { return Some(Vec::new()) };
    let meant = |name: &str| {
        only.iter().any(|kind| {
            let rest = name.strip_prefix(kind.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.') || kind.as_str().is_empty())
        })
    };
    let kinds: Vec<_> = KINDS.iter().filter(|(_, name)| meant(name)).map(|(kind, _)| *kind).collect();
    (!kinds.is_empty()).then_some(kinds)
}

/// Something that can be done with a range of a file. `shown` are the diagnostics that the client shows there.
pub(crate) fn action(view: &View, source: &Source, shown: &[lsp::Diagnostic], it: Action) -> lsp::CodeAction {
    let mended = it.mends.map(|(span, code)| (view.range(source, span), lsp::NumberOrString::from(code)));
    let mended = mended.map(|(range, code)| {
        let same = |it: &&lsp::Diagnostic| it.range == range && it.code.as_ref() == Some(&code);
        shown.iter().filter(same).cloned().collect::<Vec<_>>()
    });
    let name = KINDS.iter().find(|(kind, _)| *kind == it.kind).map(|(_, name)| lsp::CodeActionKind::from(*name));
    let command = it.rename_at.as_ref().filter(|_| view.client.commands.rename).and_then(|(path, offset)| {
        let edit = it.edits.iter().find(|edit| edit.path == *path)?;
        let after = Source::new(path.as_str(), edited(&edit.source, &edit.edits));
        Some(lsp::Command {
            title: "Rename".to_owned(),
            command: "hlb.rename".to_owned(),
            arguments: Some(vec![json!(view.uri(path)?), json!(view.client.encoding.position(&after, *offset))]),
        })
    });
    lsp::CodeAction {
        title: it.title,
        kind: name,
        diagnostics: mended.filter(|it| !it.is_empty()),
        edit: it.refused.is_none().then(|| workspace_edit(view, it.edits)),
        command,
        is_preferred: (it.preferred && view.client.actions.preferred).then_some(true),
        disabled: it.refused.map(|reason| lsp::CodeActionDisabled { reason }),
        data: None,
    }
}

/// A text with its changes, which are in order.
fn edited(source: &Source, edits: &[(Span, String)]) -> String {
    let (mut text, mut at) = (String::new(), 0);
    for (span, new) in edits {
        text.push_str(source.text().get(at..span.start as usize).unwrap_or_default());
        text.push_str(new);
        at = span.end as usize;
    }
    text.push_str(source.text().get(at..).unwrap_or_default());
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_chosen_with_all_below_them() {
        let chosen = |only: &[&'static str]| {
            let only: Vec<_> = only.iter().map(|kind| lsp::CodeActionKind::from(*kind)).collect();
            chosen(Some(&only))
        };
        use ActionKind::{Extract, FixAll, Inline, OrganizeImports, QuickFix, Rewrite};
        assert_eq!(chosen(&["quickfix"]), Some(vec![QuickFix]));
        assert_eq!(chosen(&["refactor"]), Some(vec![Extract, Inline, Rewrite]));
        assert_eq!(chosen(&["source.fixAll", "refactor.inline"]), Some(vec![Inline, FixAll]));
        assert_eq!(chosen(&["source"]), Some(vec![FixAll, OrganizeImports]));
        assert_eq!(chosen(&["source.fixAll.other"]), None);
        assert_eq!(chosen(&["ref"]), None);
        assert_eq!(chosen(&[""]).map(|it| it.len()), Some(6));
        assert_eq!(super::chosen(None), Some(Vec::new()));
    }

    #[test]
    fn changes_are_made_in_order() {
        let source = Source::new("x", "one two");
        let span = |start, end| Span { start, end };
        assert_eq!(edited(&source, &[(span(0, 3), "1".to_owned()), (span(7, 7), "!".to_owned())]), "1 two!");
    }
}
