//! Help with writing.
//!
//! Owns which question of ours answers which of the protocol's, for what changes one file.

use std::sync::Arc;

use hlb_language::source::Source;
use tower_lsp::ls_types as lsp;

use crate::convert;
use crate::view::View;

pub(super) fn completion(view: &View, params: &lsp::CompletionParams) -> Option<lsp::CompletionResponse> {
    let at = view.at(&params.text_document_position)?;
    let typed = lsp::CompletionTriggerKind::TRIGGER_CHARACTER;
    let manual = params.context.as_ref().is_none_or(|context| context.trigger_kind != typed);
    let found = view.all.complete(&at.path, at.offset, manual);
    Some(convert::completions(view, &at, found))
}

pub(super) fn resolve(view: &View, item: lsp::CompletionItem) -> lsp::CompletionItem {
    convert::documented(view, item)
}

pub(super) fn signature(view: &View, params: &lsp::SignatureHelpParams) -> Option<lsp::SignatureHelp> {
    let at = view.at(&params.text_document_position_params)?;
    Some(convert::signature(view, view.all.signature(&at.path, at.offset)?))
}

pub(super) fn linked(view: &View, params: &lsp::LinkedEditingRangeParams) -> Option<lsp::LinkedEditingRanges> {
    let (analysis, offset) = view.analysis_at(&params.text_document_position_params)?;
    let source = analysis.text().source();
    let ranges = analysis.linked(offset)?.into_iter().map(|span| view.range(source, span)).collect();
    Some(lsp::LinkedEditingRanges { ranges, word_pattern: None })
}

pub(super) fn format(view: &View, params: &lsp::DocumentFormattingParams) -> Option<Vec<lsp::TextEdit>> {
    let source = source(view, &params.text_document.uri)?;
    Some(convert::text_edits(view, &source, hlb_ide::format(source.text())))
}

pub(super) fn format_range(view: &View, params: &lsp::DocumentRangeFormattingParams) -> Option<Vec<lsp::TextEdit>> {
    let source = source(view, &params.text_document.uri)?;
    let range = view.span(&source, params.range);
    Some(convert::text_edits(view, &source, hlb_ide::format_range(source.text(), range)))
}

pub(super) fn format_typed(view: &View, params: &lsp::DocumentOnTypeFormattingParams) -> Option<Vec<lsp::TextEdit>> {
    let at = view.at(&params.text_document_position)?;
    let typed = params.ch.chars().next()?;
    Some(convert::text_edits(view, &at.source, hlb_ide::format_typed(at.source.text(), at.offset, typed)))
}

pub(super) fn actions(view: &View, params: &lsp::CodeActionParams) -> Option<lsp::CodeActionResponse> {
    if !view.client.actions.literals {
        return None;
    }
    let Some(kinds) = convert::chosen(params.context.only.as_deref()) else { return Some(Vec::new()) };
    let path = view.path(&params.text_document.uri)?;
    let source = view.source(&path)?;
    let found = view.all.actions(&path, view.span(&source, params.range), &kinds);
    let shown = found.into_iter().filter(|it| it.refused.is_none() || view.client.actions.disabled);
    let action = |it| convert::action(view, &source, &params.context.diagnostics, it).into();
    Some(shown.map(action).collect())
}

fn source(view: &View, uri: &lsp::Uri) -> Option<Arc<Source>> {
    view.source(&view.path(uri)?)
}
