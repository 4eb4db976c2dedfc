//! Diagnostics for clients that ask for them.
//!
//! Owns when an answer is the same as one before. The best that is known is told: what a look at all files has found, else what a
//! file says by itself.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use camino::Utf8Path;
use tower_lsp::jsonrpc::{Error, Result};
use tower_lsp::ls_types as lsp;

use crate::convert;
use crate::view::View;

/// Those of one document. If all files have been looked at, with those of the other open ones.
pub(super) fn document(view: &View, params: &lsp::DocumentDiagnosticParams) -> lsp::DocumentDiagnosticReportResult {
    let path = convert::path(&params.text_document.uri);
    let items = known(view, &path).unwrap_or_default();
    let name = convert::named(&items);
    view.memory.pulled(&path, &name);
    let related_documents = related(view, &path);
    let report: lsp::DocumentDiagnosticReport = if params.previous_result_id.as_ref() == Some(&name) {
        lsp::RelatedUnchangedDocumentDiagnosticReport {
            related_documents,
            unchanged_document_diagnostic_report: lsp::UnchangedDocumentDiagnosticReport { result_id: name },
        }
        .into()
    } else {
        lsp::RelatedFullDocumentDiagnosticReport {
            related_documents,
            full_document_diagnostic_report: lsp::FullDocumentDiagnosticReport { result_id: Some(name), items },
        }
        .into()
    };
    report.into()
}

/// Those of all files. A file of an answer before that is none of them any more, as it was deleted or its folder removed, has none.
pub(super) fn workspace(
    view: &View,
    stop: &dyn Fn() -> bool,
    params: &lsp::WorkspaceDiagnosticParams,
) -> Result<lsp::WorkspaceDiagnosticReportResult> {
    let project = view.all.project(stop).ok_or_else(Error::request_cancelled)?;
    let before: HashMap<_, _> =
        params.previous_result_ids.iter().map(|it| (convert::path(&it.uri), it.value.as_str())).collect();
    let mut items = Vec::new();
    let mut told = HashSet::new();
    for path in project.files() {
        let (Some(uri), Some(found)) = (view.uri(&path), convert::far_diagnostics(view, &project, &path)) else {
            continue;
        };
        let name = convert::named(&found);
        let version = view.version(&path).map(i64::from);
        items.push(if before.get(&path) == Some(&name.as_str()) {
            lsp::WorkspaceUnchangedDocumentDiagnosticReport {
                uri,
                version,
                unchanged_document_diagnostic_report: lsp::UnchangedDocumentDiagnosticReport { result_id: name },
            }
            .into()
        } else {
            lsp::WorkspaceFullDocumentDiagnosticReport {
                uri,
                version,
                full_document_diagnostic_report: lsp::FullDocumentDiagnosticReport {
                    result_id: Some(name),
                    items: found,
                },
            }
            .into()
        });
        told.insert(path);
    }
    for gone in params.previous_result_ids.iter().filter(|it| !told.contains(&convert::path(&it.uri))) {
        let report = lsp::WorkspaceFullDocumentDiagnosticReport {
            uri: gone.uri.clone(),
            version: None,
            full_document_diagnostic_report: lsp::FullDocumentDiagnosticReport::default(),
        };
        items.push(report.into());
    }
    Ok(lsp::WorkspaceDiagnosticReport { items }.into())
}

fn known(view: &View, path: &Utf8Path) -> Option<Vec<lsp::Diagnostic>> {
    let far = view.far.as_ref().and_then(|far| far.diagnostics.get(path));
    far.cloned().or_else(|| convert::near_diagnostics(view, path))
}

fn related(view: &View, asked: &Utf8Path) -> Option<HashMap<lsp::Uri, lsp::DocumentDiagnosticReportKind>> {
    if !view.client.diagnostics.related_documents {
        return None;
    }
    let far = Arc::clone(view.far.as_ref()?);
    let mut found = HashMap::new();
    for (path, items) in far.diagnostics.iter().filter(|(path, _)| *path != asked) {
        let name = convert::named(items);
        view.memory.pulled(path, &name);
        let report = lsp::FullDocumentDiagnosticReport { result_id: Some(name), items: items.clone() };
        found.extend(view.uri(path).map(|uri| (uri, report.into())));
    }
    (!found.is_empty()).then_some(found)
}
