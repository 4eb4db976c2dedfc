//! Questions about all files.
//!
//! Owns which question of ours answers which of the protocol's. Where nobody waits for the answer any more, there is none.

use std::sync::Arc;

use camino::Utf8PathBuf;
use hlb_ide::{CallItem, Project};
use hlb_language::span::Span;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types as lsp;

use super::refused;
use crate::convert;
use crate::view::View;

/// Symbols of all files that are sent at most; who looks for more types more.
const SYMBOLS: usize = 256;

/// Says whether nobody waits any more.
type Stop<'s> = &'s dyn Fn() -> bool;

pub(super) fn references(
    view: &View,
    stop: Stop<'_>,
    params: &lsp::ReferenceParams,
) -> Result<Option<Vec<lsp::Location>>> {
    let Some(at) = view.at(&params.text_document_position) else { return Ok(None) };
    let found = project(view, stop)?.references(&at.path, at.offset, params.context.include_declaration);
    Ok(Some(found.iter().filter_map(|place| view.location(place)).collect()))
}

pub(super) fn prepare_rename(
    view: &View,
    params: &lsp::TextDocumentPositionParams,
) -> Result<Option<lsp::PrepareRenameResponse>> {
    let Some(at) = view.at(params) else { return Ok(None) };
    let found = view.all.prepare_rename(&at.path, at.offset).map_err(|why| refused(why.0))?;
    Ok(found.map(|(span, placeholder)| lsp::PrepareRenameResponse::RangeWithPlaceholder {
        range: view.range(&at.source, span),
        placeholder,
    }))
}

pub(super) fn rename(view: &View, params: &lsp::RenameParams) -> Result<Option<lsp::WorkspaceEdit>> {
    let Some(at) = view.at(&params.text_document_position) else { return Ok(None) };
    let edits = view.all.rename(&at.path, at.offset, &params.new_name).map_err(|why| refused(why.0))?;
    Ok((!edits.is_empty()).then(|| convert::workspace_edit(view, edits)))
}

pub(super) fn will_rename(view: &View, params: &lsp::RenameFilesParams) -> Result<Option<lsp::WorkspaceEdit>> {
    let path = |uri: &str| convert::file_path(&uri.parse().ok()?);
    let moved = params.files.iter().filter_map(|file| Some((path(&file.old_uri)?, path(&file.new_uri)?)));
    let edits = view.all.will_rename(&moved.collect::<Vec<(Utf8PathBuf, Utf8PathBuf)>>());
    Ok((!edits.is_empty()).then(|| convert::workspace_edit(view, edits)))
}

pub(super) fn symbols(
    view: &View,
    stop: Stop<'_>,
    params: &lsp::WorkspaceSymbolParams,
) -> Result<Option<lsp::WorkspaceSymbolResponse>> {
    let found = project(view, stop)?.workspace_symbols(&params.query, SYMBOLS);
    Ok(Some(convert::found(view, found).into()))
}

pub(super) fn prepare_calls(
    view: &View,
    stop: Stop<'_>,
    params: &lsp::CallHierarchyPrepareParams,
) -> Result<Option<Vec<lsp::CallHierarchyItem>>> {
    let Some(at) = view.at(&params.text_document_position_params) else { return Ok(None) };
    let found = project(view, stop)?.call_item(&at.path, at.offset);
    Ok(found.and_then(|item| convert::call_item(view, item)).map(|item| vec![item]))
}

pub(super) fn incoming(
    view: &View,
    stop: Stop<'_>,
    params: &lsp::CallHierarchyIncomingCallsParams,
) -> Result<Option<Vec<lsp::CallHierarchyIncomingCall>>> {
    let Some(at) = view.at(&place_of(&params.item)) else { return Ok(None) };
    let call = |(from, places): (CallItem, Vec<Span>)| {
        let from_ranges = places.into_iter().map(|span| view.range(&from.place.source, span)).collect();
        Some(lsp::CallHierarchyIncomingCall { from: convert::call_item(view, from)?, from_ranges })
    };
    let found = project(view, stop)?.incoming_calls(&at.path, at.offset);
    Ok(Some(found.into_iter().filter_map(call).collect()))
}

pub(super) fn outgoing(
    view: &View,
    stop: Stop<'_>,
    params: &lsp::CallHierarchyOutgoingCallsParams,
) -> Result<Option<Vec<lsp::CallHierarchyOutgoingCall>>> {
    let Some(at) = view.at(&place_of(&params.item)) else { return Ok(None) };
    let call = |(to, places): (CallItem, Vec<Span>)| {
        let from_ranges = places.into_iter().map(|span| view.range(&at.source, span)).collect();
        Some(lsp::CallHierarchyOutgoingCall { to: convert::call_item(view, to)?, from_ranges })
    };
    let found = project(view, stop)?.outgoing_calls(&at.path, at.offset);
    Ok(Some(found.into_iter().filter_map(call).collect()))
}

fn project(view: &View, stop: Stop<'_>) -> Result<Arc<Project>> {
    view.all.project(stop).ok_or_else(Error::request_cancelled)
}

/// Where the name of a function is that the client was told of.
fn place_of(item: &lsp::CallHierarchyItem) -> lsp::TextDocumentPositionParams {
    lsp::TextDocumentPositionParams {
        text_document: lsp::TextDocumentIdentifier { uri: item.uri.clone() },
        position: item.selection_range.start,
    }
}
