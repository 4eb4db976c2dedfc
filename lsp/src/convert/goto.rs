//! Ways to other places.
//!
//! Owns the choice between links and locations.

use hlb_ide::Jump;
use hlb_language::source::Source;
use tower_lsp::ls_types::{self as lsp, GotoDefinitionResponse};

use crate::view::View;

/// Ways from a name in a text to definitions.
pub(crate) fn definitions(view: &View, source: &Source, found: &[Jump]) -> Option<GotoDefinitionResponse> {
    jumps(view, source, found, view.client.links.definition)
}

/// The same to declarations.
pub(crate) fn declarations(view: &View, source: &Source, found: &[Jump]) -> Option<GotoDefinitionResponse> {
    jumps(view, source, found, view.client.links.declaration)
}

/// The same to definitions of types.
pub(crate) fn type_definitions(view: &View, source: &Source, found: &[Jump]) -> Option<GotoDefinitionResponse> {
    jumps(view, source, found, view.client.links.type_definition)
}

/// The same to implementations.
pub(crate) fn implementations(view: &View, source: &Source, found: &[Jump]) -> Option<GotoDefinitionResponse> {
    jumps(view, source, found, view.client.links.implementation)
}

fn jumps(view: &View, source: &Source, found: &[Jump], links: bool) -> Option<GotoDefinitionResponse> {
    if links {
        let link = |jump: &Jump| {
            let lsp::Location { uri, range } = view.location(&jump.to)?;
            Some(lsp::LocationLink {
                origin_selection_range: Some(view.range(source, jump.from)),
                target_uri: uri,
                target_range: view.range(&jump.to.source, jump.whole),
                target_selection_range: range,
            })
        };
        let links: Vec<_> = found.iter().filter_map(link).collect();
        return (!links.is_empty()).then_some(GotoDefinitionResponse::Link(links));
    }
    let mut locations: Vec<_> = found.iter().filter_map(|jump| view.location(&jump.to)).collect();
    match locations.len() {
        0 => None,
        1 => locations.pop().map(GotoDefinitionResponse::Scalar),
        _ => Some(GotoDefinitionResponse::Array(locations)),
    }
}
