//! What could be written.
//!
//! Owns the form of an item for what the client can, and how an item is found again when its documentation is asked for.

use camino::Utf8Path;
use hlb_ide::{Completion, CompletionKind, Completions, DocOf};
use hlb_language::source::Source;
use serde_json::{Value, json};
use tower_lsp::ls_types as lsp;

use super::words;
use crate::view::{At, View};

/// The items at a place.
pub(crate) fn completions(view: &View, at: &At, found: Completions) -> lsp::CompletionResponse {
    lsp::CompletionResponse::List(lsp::CompletionList {
        is_incomplete: found.incomplete,
        items: found.items.into_iter().map(|it| item(view, at, it)).collect(),
    })
}

/// An item that was sent before, with its documentation.
pub(crate) fn documented(view: &View, mut item: lsp::CompletionItem) -> lsp::CompletionItem {
    let text = |name: &str| item.data.as_ref()?.get(name)?.as_str();
    if let (Some(path), Some(doc)) = (text("path"), text("doc"))
        && let Some(doc) = view.all.completion_doc(Utf8Path::new(path), &DocOf(doc.to_owned()))
    {
        item.documentation = Some(words::documentation(&doc, view.client.texts.completion));
    }
    item
}

fn item(view: &View, at: &At, it: Completion) -> lsp::CompletionItem {
    let can = view.client.completion;
    let snippet = it.snippet && can.snippets;
    let new_text = if it.snippet && !snippet { it.plain } else { it.insert };
    lsp::CompletionItem {
        label: it.label,
        kind: Some(kind(it.kind)),
        detail: it.detail,
        deprecated: (it.deprecated && !can.deprecated_tag).then_some(true),
        tags: (it.deprecated && can.deprecated_tag).then(|| vec![lsp::CompletionItemTag::DEPRECATED]),
        sort_text: Some(it.sort),
        filter_text: it.filter,
        insert_text_format: snippet.then_some(lsp::InsertTextFormat::SNIPPET),
        text_edit: Some(edit(view, at, it.replace, new_text)),
        additional_text_edits: (!it.also.is_empty()).then(|| {
            let edit = |(span, new_text)| lsp::TextEdit { range: view.range(&at.source, span), new_text };
            it.also.into_iter().map(edit).collect()
        }),
        data: it.doc.map(|doc| data(&at.path, doc)),
        ..lsp::CompletionItem::default()
    }
}

/// What goes and what comes: with the choice whether what stands behind the cursor goes, too.
fn edit(view: &View, at: &At, replace: hlb_language::span::Span, new_text: String) -> lsp::CompletionTextEdit {
    let range = |source: &Source, span| view.range(source, span);
    let whole = range(&at.source, replace);
    if view.client.completion.insert_replace {
        let cursor = view.client.encoding.position(&at.source, at.offset);
        let end = cursor.clamp(whole.start, whole.end);
        let insert = lsp::Range::new(whole.start, end);
        return lsp::CompletionTextEdit::InsertAndReplace(lsp::InsertReplaceEdit { new_text, insert, replace: whole });
    }
    lsp::CompletionTextEdit::Edit(lsp::TextEdit { range: whole, new_text })
}

fn data(path: &Utf8Path, doc: DocOf) -> Value {
    json!({"path": path.as_str(), "doc": doc.0})
}

fn kind(kind: CompletionKind) -> lsp::CompletionItemKind {
    match kind {
        CompletionKind::Function | CompletionKind::Builtin => lsp::CompletionItemKind::FUNCTION,
        CompletionKind::Option | CompletionKind::Argument => lsp::CompletionItemKind::PROPERTY,
        CompletionKind::Variable => lsp::CompletionItemKind::VARIABLE,
        CompletionKind::Constant => lsp::CompletionItemKind::CONSTANT,
        CompletionKind::Field => lsp::CompletionItemKind::FIELD,
        CompletionKind::Type => lsp::CompletionItemKind::CLASS,
        CompletionKind::Record => lsp::CompletionItemKind::STRUCT,
        CompletionKind::Enum => lsp::CompletionItemKind::ENUM,
        CompletionKind::Variant => lsp::CompletionItemKind::ENUM_MEMBER,
        CompletionKind::Module => lsp::CompletionItemKind::MODULE,
        CompletionKind::Keyword => lsp::CompletionItemKind::KEYWORD,
        CompletionKind::Snippet => lsp::CompletionItemKind::SNIPPET,
        CompletionKind::File => lsp::CompletionItemKind::FILE,
        CompletionKind::Directory => lsp::CompletionItemKind::FOLDER,
        CompletionKind::Value => lsp::CompletionItemKind::VALUE,
    }
}
