//! Words about names.
//!
//! Owns hover and signatures, in Markdown or as plain text.

use hlb_language::source::Source;
use tower_lsp::ls_types as lsp;

use crate::view::View;

/// What is shown of a name.
pub(crate) fn hover(view: &View, source: &Source, it: hlb_ide::Hover) -> lsp::Hover {
    let markdown = view.client.texts.hover;
    let mut value = if markdown { format!("```hlb\n{}\n```", it.signature) } else { it.signature };
    if let Some(doc) = it.doc {
        value.push_str(&format!("\n\n{}", written(&doc, markdown)));
    }
    if let Some(step) = it.step {
        value.push_str(&if markdown { format!("\n\n```text\n{step}\n```") } else { format!("\n\n{step}") });
    }
    lsp::Hover {
        contents: lsp::HoverContents::Markup(lsp::MarkupContent { kind: kind(markdown), value }),
        range: Some(view.range(source, it.span)),
    }
}

/// The call around a place.
pub(crate) fn signature(view: &View, it: hlb_ide::SignatureHelp) -> lsp::SignatureHelp {
    let texts = view.client.texts;
    // Counted in UTF-16, whatever was agreed on for documents.
    let units = |offset: usize| it.label.get(..offset).unwrap_or(&it.label).encode_utf16().count() as u32;
    let parameters = it.params.iter().map(|param| lsp::ParameterInformation {
        label: if texts.label_offsets {
            lsp::ParameterLabel::LabelOffsets([units(param.label.start), units(param.label.end)])
        } else {
            lsp::ParameterLabel::Simple(it.label.get(param.label.clone()).unwrap_or_default().to_owned())
        },
        documentation: param.doc.as_deref().map(|doc| documentation(doc, texts.signature)),
    });
    let parameters: Vec<_> = parameters.collect();
    // Up to 3.17 the protocol cannot say that none is written: no place means the first, and so does one behind the last, except
    // that there VS Code marks none.
    let active = it.active.unwrap_or(parameters.len()) as u32;
    lsp::SignatureHelp {
        signatures: vec![lsp::SignatureInformation {
            documentation: it.doc.as_deref().map(|doc| documentation(doc, texts.signature)),
            parameters: Some(parameters),
            active_parameter: None,
            label: it.label,
        }],
        active_signature: Some(0),
        active_parameter: Some(active),
    }
}

/// A text in Markdown, for a client that shows it or for one that does not.
pub(crate) fn documentation(doc: &str, markdown: bool) -> lsp::Documentation {
    let value = written(doc, markdown);
    lsp::Documentation::MarkupContent(lsp::MarkupContent { kind: kind(markdown), value })
}

fn kind(markdown: bool) -> lsp::MarkupKind {
    if markdown { lsp::MarkupKind::Markdown } else { lsp::MarkupKind::PlainText }
}

/// Without the lines that begin and end code, Markdown of ours reads well as it is.
fn written(doc: &str, markdown: bool) -> String {
    if markdown {
        return doc.to_owned();
    }
    let lines: Vec<&str> = doc.lines().filter(|line| !line.starts_with("```")).collect();
    lines.join("\n")
}
