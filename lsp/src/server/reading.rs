//! Questions about one file.
//!
//! Owns which question of ours answers which of the protocol's. A file that there is not has no answers.

use std::sync::{Arc, PoisonError};

use hlb_ide::{Analysis, Jump};
use hlb_language::source::Source;
use tower_lsp::ls_types as lsp;

use crate::convert;
use crate::view::View;

pub(super) fn hover(view: &View, params: &lsp::HoverParams) -> Option<lsp::Hover> {
    let (analysis, offset) = view.analysis_at(&params.text_document_position_params)?;
    Some(convert::hover(view, analysis.text().source(), view.all.hover(&analysis, offset)?))
}

/// How ways to places are told.
type Told = fn(&View, &Source, &[Jump]) -> Option<lsp::GotoDefinitionResponse>;

pub(super) fn definition(view: &View, params: &lsp::GotoDefinitionParams) -> Option<lsp::GotoDefinitionResponse> {
    goto(view, params, Analysis::definition, convert::definitions)
}

pub(super) fn declaration(view: &View, params: &lsp::GotoDefinitionParams) -> Option<lsp::GotoDefinitionResponse> {
    goto(view, params, Analysis::declaration, convert::declarations)
}

pub(super) fn type_definition(view: &View, params: &lsp::GotoDefinitionParams) -> Option<lsp::GotoDefinitionResponse> {
    goto(view, params, Analysis::type_definition, convert::type_definitions)
}

pub(super) fn implementation(view: &View, params: &lsp::GotoDefinitionParams) -> Option<lsp::GotoDefinitionResponse> {
    goto(view, params, Analysis::implementation, convert::implementations)
}

fn goto(
    view: &View,
    params: &lsp::GotoDefinitionParams,
    find: fn(&Analysis, usize) -> Vec<Jump>,
    told: Told,
) -> Option<lsp::GotoDefinitionResponse> {
    let (analysis, offset) = view.analysis_at(&params.text_document_position_params)?;
    told(view, analysis.text().source(), &find(&analysis, offset))
}

pub(super) fn highlights(view: &View, params: &lsp::DocumentHighlightParams) -> Option<Vec<lsp::DocumentHighlight>> {
    let (analysis, offset) = view.analysis_at(&params.text_document_position_params)?;
    Some(convert::highlights(view, analysis.text().source(), analysis.highlights(offset)))
}

pub(super) fn symbols(view: &View, params: &lsp::DocumentSymbolParams) -> Option<lsp::DocumentSymbolResponse> {
    let uri = &params.text_document.uri;
    let analysis = view.analysis(uri)?;
    let (source, symbols) = (analysis.text().source(), analysis.symbols());
    Some(if view.client.nested_symbols {
        lsp::DocumentSymbolResponse::Nested(convert::nested(view, source, symbols))
    } else {
        lsp::DocumentSymbolResponse::Flat(convert::flat(view, source, uri, symbols))
    })
}

pub(super) fn lenses(view: &View, params: &lsp::CodeLensParams) -> Option<Vec<lsp::CodeLens>> {
    if !view.all.settings().lenses {
        return Some(Vec::new());
    }
    let uri = &params.text_document.uri;
    let analysis = view.analysis(uri)?;
    Some(convert::lenses(view, analysis.text().source(), uri, analysis.lenses()))
}

pub(super) fn folds(view: &View, params: &lsp::FoldingRangeParams) -> Option<Vec<lsp::FoldingRange>> {
    let analysis = view.analysis(&params.text_document.uri)?;
    Some(convert::folds(view, analysis.text().source(), analysis.folds()))
}

pub(super) fn selections(view: &View, params: &lsp::SelectionRangeParams) -> Option<Vec<lsp::SelectionRange>> {
    let analysis = view.analysis(&params.text_document.uri)?;
    let source = analysis.text().source();
    let one = |position: &lsp::Position| {
        let offset = view.client.encoding.offset(source, *position);
        convert::selection(view, source, offset, analysis.selections(offset))
    };
    Some(params.positions.iter().map(one).collect())
}

pub(super) fn links(view: &View, params: &lsp::DocumentLinkParams) -> Option<Vec<lsp::DocumentLink>> {
    let analysis = view.analysis(&params.text_document.uri)?;
    Some(convert::links(view, analysis.text().source(), view.all.links(&analysis)))
}

pub(super) fn hints(view: &View, params: &lsp::InlayHintParams) -> Option<Vec<lsp::InlayHint>> {
    let analysis = view.analysis(&params.text_document.uri)?;
    let source = analysis.text().source();
    let range = view.span(source, params.range);
    Some(convert::hints(view, source, view.all.hints(&analysis, range)))
}

pub(super) fn tokens(view: &View, params: &lsp::SemanticTokensParams) -> Option<lsp::SemanticTokensResult> {
    let (_, tokens) = all_tokens(view, &params.text_document.uri)?;
    Some(tokens.into())
}

/// What is different from an earlier answer, if it is known.
pub(super) fn tokens_delta(
    view: &View,
    params: &lsp::SemanticTokensDeltaParams,
) -> Option<lsp::SemanticTokensFullDeltaResult> {
    let (before, now) = all_tokens(view, &params.text_document.uri)?;
    Some(match before {
        Some((name, before)) if name == params.previous_result_id => {
            lsp::SemanticTokensDelta { edits: convert::difference(&before, &now.data), result_id: now.result_id }.into()
        }
        _ => now.into(),
    })
}

pub(super) fn tokens_range(
    view: &View,
    params: &lsp::SemanticTokensRangeParams,
) -> Option<lsp::SemanticTokensRangeResult> {
    let analysis = view.analysis(&params.text_document.uri)?;
    let source = analysis.text().source();
    let words = analysis.tokens(Some(view.span(source, params.range)));
    Some(lsp::SemanticTokens { result_id: None, data: convert::painted(view, source, &words) }.into())
}

/// An answer with its name.
type Named = (String, Vec<lsp::SemanticToken>);

/// The answer before, and the one now, which is remembered if the document is open.
fn all_tokens(view: &View, uri: &lsp::Uri) -> Option<(Option<Named>, lsp::SemanticTokens)> {
    let path = view.path(uri)?;
    let analysis: Arc<Analysis> = view.all.analysis(&path)?;
    let data = convert::painted(view, analysis.text().source(), &analysis.tokens(None));
    let name = view.generation.to_string();
    let mut before = None;
    if view.documents.contains_key(&path) {
        let mut known = view.memory.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        before = known.insert(path, (name.clone(), data.clone()));
    }
    Some((before, lsp::SemanticTokens { result_id: Some(name), data }))
}
