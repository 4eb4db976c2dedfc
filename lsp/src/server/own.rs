//! Questions that the protocol does not know.
//!
//! Owns `hlb/graph` and `hlb/status`.

use serde::Deserialize;
use serde_json::{Value, json};
use tower_lsp::jsonrpc::Result;
use tower_lsp::ls_types as lsp;

use super::{Backend, refused};
use crate::convert;
use crate::work::Lane;

/// Asks for the graph of a target.
#[derive(Deserialize)]
pub(super) struct GraphParams {
    uri: lsp::Uri,
    target: String,
}

/// Nothing more to say.
#[derive(Deserialize)]
pub(super) struct StatusParams {}

impl Backend {
    /// The steps of a target, with the places in texts that made them.
    pub(super) async fn graph(&self, params: GraphParams) -> Result<Value> {
        let GraphParams { uri, target } = params;
        let path = convert::path(&uri);
        let graph = move |view: &crate::view::View, _: &dyn Fn() -> bool| {
            let steps = view.all.graph(&path, &target).map_err(refused)?;
            let mut told = Vec::new();
            for step in &steps.steps {
                let place = |(file, at): &(String, hlb_language::source::LineColumn)| json!({"file": file, "line": at.line, "column": at.column});
                told.push(json!({
                    "number": step.number, "title": step.title, "text": step.text, "inputs": step.inputs,
                    "places": step.places.iter().map(place).collect::<Vec<_>>(),
                }));
            }
            Ok(json!({"steps": told, "results": steps.results}))
        };
        self.ask("hlb/graph", Lane::Whole, Some(uri), graph).await
    }

    /// How the server is: for people, and for reports of mistakes.
    pub(super) async fn status(&self, _: StatusParams) -> Result<Value> {
        self.ask("hlb/status", Lane::Reading, None, |view, _| {
            let far = view.far.as_deref();
            Ok(json!({
                "version": env!("CARGO_PKG_VERSION"),
                "files": far.map_or(view.documents.len(), |far| far.files),
                "open": view.documents.len(),
                "folders": view.all.folders().iter().map(|it| it.as_str()).collect::<Vec<_>>(),
                "milliseconds": far.map(|far| far.milliseconds),
                "memory": resident(),
            }))
        })
        .await
    }
}

/// Memory of this process that is in use, in bytes.
fn resident() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some(kilobytes * 1024)
}
