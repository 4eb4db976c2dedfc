//! What is wrong, as the client shows it.
//!
//! Owns what is said in the message for clients that show nothing else.

use std::hash::{DefaultHasher, Hash, Hasher};

use camino::Utf8Path;
use hlb_ide::{Level, Place, Project, Tag, Told};
use hlb_language::source::Source;
use serde_json::json;
use tower_lsp::ls_types as lsp;

use crate::view::View;

/// What is wrong with a file, as far as can be seen from it alone. `None` if there is no such file.
pub(crate) fn near_diagnostics(view: &View, path: &Utf8Path) -> Option<Vec<lsp::Diagnostic>> {
    let analysis = view.all.analysis(path)?;
    Some(all(view, path, analysis.text().source(), &analysis.diagnostics()))
}

/// What is wrong with a file, given all others. `None` if it is none of them.
pub(crate) fn far_diagnostics(view: &View, project: &Project, path: &Utf8Path) -> Option<Vec<lsp::Diagnostic>> {
    Some(all(view, path, view.source(path)?.as_ref(), &project.diagnostics(path)?))
}

/// A name for diagnostics that is the same for the same ones.
pub(crate) fn named(diagnostics: &[lsp::Diagnostic]) -> String {
    let mut hasher = DefaultHasher::new();
    serde_json::to_string(diagnostics).unwrap_or_default().hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn all(view: &View, path: &Utf8Path, source: &Source, told: &[Told]) -> Vec<lsp::Diagnostic> {
    if view.all.settings().stdlib.as_ref().is_some_and(|stdlib| path.starts_with(stdlib)) {
        // What is built in is declared without bodies, which is a mistake anywhere else.
        return Vec::new();
    }
    told.iter().map(|it| diagnostic(view, source, it)).collect()
}

fn diagnostic(view: &View, source: &Source, it: &Told) -> lsp::Diagnostic {
    let can = view.client.diagnostics;
    let mut message = it.message.clone();
    let mut related = Vec::new();
    for (place, words) in &it.related {
        match view.location(place).filter(|_| can.related) {
            Some(location) => {
                related.push(lsp::DiagnosticRelatedInformation { location, message: words.clone() });
            }
            None => message.push_str(&format!("\nnote: {words} ({})", named_place(place))),
        }
    }
    if let Some(help) = &it.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    let tag = match it.tag {
        Some(Tag::Unused) if can.unnecessary => Some(lsp::DiagnosticTag::UNNECESSARY),
        Some(Tag::Deprecated) if can.deprecated => Some(lsp::DiagnosticTag::DEPRECATED),
        _ => None,
    };
    lsp::Diagnostic {
        range: view.range(source, it.span),
        severity: Some(match it.level {
            Level::Error => lsp::DiagnosticSeverity::ERROR,
            Level::Warning => lsp::DiagnosticSeverity::WARNING,
            Level::Hint => lsp::DiagnosticSeverity::HINT,
        }),
        code: Some(lsp::NumberOrString::String(it.code.to_owned())),
        source: Some("hlb".to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        tags: tag.map(|tag| vec![tag]),
        data: (can.data && !it.mends.is_empty()).then(|| {
            let edit = |(span, text): &(_, String)| json!({"range": view.range(source, *span), "newText": text});
            let fix = |mend: &hlb_ide::Mend| {
                let edits: Vec<_> = mend.edits.iter().map(edit).collect();
                json!({"title": mend.title, "safe": mend.safe, "edits": edits})
            };
            json!({"fixes": it.mends.iter().map(fix).collect::<Vec<_>>()})
        }),
        ..lsp::Diagnostic::default()
    }
}

/// A place for people.
fn named_place(place: &Place) -> String {
    let at = place.source.position(place.span.start as usize);
    format!("{}:{}:{}", place.path, at.line, at.column)
}
