//! Ranges of one text with something to say of each.
//!
//! Owns folds, selections, highlights, links, lenses and hints.

use hlb_ide::{Access, Fold, FoldKind, InlayHint, InlayKind, Lens, LensKind, Link, LinkTo};
use hlb_language::source::Source;
use hlb_language::span::Span;
use serde_json::json;
use tower_lsp::ls_types as lsp;

use crate::view::View;

/// What can be folded away.
pub(crate) fn folds(view: &View, source: &Source, found: Vec<Fold>) -> Vec<lsp::FoldingRange> {
    let can = view.client.folding;
    let fold = |fold: Fold| {
        let lsp::Range { start, end } = view.range(source, fold.span);
        (start.line < end.line).then(|| lsp::FoldingRange {
            start_line: start.line,
            start_character: (!can.lines_only).then_some(start.character),
            end_line: end.line,
            end_character: (!can.lines_only).then_some(end.character),
            kind: Some(match fold.kind {
                FoldKind::Region => lsp::FoldingRangeKind::Region,
                FoldKind::Comment => lsp::FoldingRangeKind::Comment,
                FoldKind::Imports => lsp::FoldingRangeKind::Imports,
            }),
            collapsed_text: None,
        })
    };
    found.into_iter().filter_map(fold).take(can.limit).collect()
}

/// What a selection at an offset grows to. Spans come from the innermost to the outermost.
pub(crate) fn selection(view: &View, source: &Source, offset: usize, spans: Vec<Span>) -> lsp::SelectionRange {
    let mut outer = None;
    for span in spans.into_iter().rev() {
        let parent = outer.map(Box::new);
        outer = Some(lsp::SelectionRange { range: view.range(source, span), parent });
    }
    outer.unwrap_or_else(|| {
        let here = view.client.encoding.position(source, offset);
        lsp::SelectionRange { range: lsp::Range::new(here, here), parent: None }
    })
}

/// The places of a name.
pub(crate) fn highlights(view: &View, source: &Source, found: Vec<(Span, Access)>) -> Vec<lsp::DocumentHighlight> {
    let highlight = |(span, access)| lsp::DocumentHighlight {
        range: view.range(source, span),
        kind: Some(match access {
            Access::Read => lsp::DocumentHighlightKind::READ,
            Access::Write => lsp::DocumentHighlightKind::WRITE,
        }),
    };
    found.into_iter().map(highlight).collect()
}

/// Words that lead somewhere.
pub(crate) fn links(view: &View, source: &Source, found: Vec<Link>) -> Vec<lsp::DocumentLink> {
    let link = |link: Link| {
        let target = match link.to {
            LinkTo::File(path) => view.uri(&path)?,
            LinkTo::Web(address) => address.parse().ok()?,
        };
        Some(lsp::DocumentLink {
            range: view.range(source, link.span),
            target: Some(target),
            tooltip: view.client.link_tooltips.then_some(link.tooltip),
            data: None,
        })
    };
    found.into_iter().filter_map(link).collect()
}

/// What can be done with the targets of a document. The commands are the client's; a lens that it cannot follow is not shown.
pub(crate) fn lenses(view: &View, source: &Source, uri: &lsp::Uri, found: Vec<Lens>) -> Vec<lsp::CodeLens> {
    let lens = |lens: Lens| {
        let (title, command) = match lens.kind {
            LensKind::Run => ("Run", "hlb.run"),
            LensKind::Graph => ("Graph", "hlb.graph"),
            LensKind::Why => ("Why", "hlb.why"),
            LensKind::Debug => ("Debug", "hlb.debug"),
            LensKind::Test => ("Run test", "hlb.test"),
        };
        lsp::CodeLens {
            range: view.range(source, lens.span),
            command: Some(lsp::Command {
                title: title.to_owned(),
                command: command.to_owned(),
                arguments: Some(vec![json!(uri), json!(lens.target)]),
            }),
            data: None,
        }
    };
    let can = |lens: &Lens| lens.kind != LensKind::Debug || view.client.commands.debug;
    found.into_iter().filter(can).map(lens).collect()
}

/// What the text does not say.
pub(crate) fn hints(view: &View, source: &Source, found: Vec<InlayHint>) -> Vec<lsp::InlayHint> {
    let hint = |hint: InlayHint| {
        let (kind, before) = match hint.kind {
            InlayKind::Parameter => (Some(lsp::InlayHintKind::PARAMETER), false),
            InlayKind::Type => (Some(lsp::InlayHintKind::TYPE), true),
            InlayKind::Digest => (None, true),
        };
        let edit = |(span, new_text)| vec![lsp::TextEdit { range: view.range(source, span), new_text }];
        lsp::InlayHint {
            position: view.client.encoding.position(source, hint.offset),
            label: lsp::InlayHintLabel::String(hint.text),
            kind,
            text_edits: hint.edit.map(edit),
            tooltip: hint.tooltip.map(lsp::InlayHintTooltip::String),
            padding_left: before.then_some(true),
            padding_right: (!before).then_some(true),
            data: None,
        }
    };
    found.into_iter().map(hint).collect()
}
