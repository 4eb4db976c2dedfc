//! Declarations.
//!
//! Owns the outline as a tree and as a list, the symbols of all files, and functions in a chain of calls.

use hlb_ide::{CallItem, Place, Symbol, SymbolKind};
use hlb_language::source::Source;
use tower_lsp::ls_types as lsp;

use crate::view::View;

/// The outline as a tree.
pub(crate) fn nested(view: &View, source: &Source, symbols: Vec<Symbol>) -> Vec<lsp::DocumentSymbol> {
    let one = |symbol: Symbol| {
        #[expect(deprecated, reason = "the struct has no other constructor")]
        lsp::DocumentSymbol {
            name: symbol.name,
            detail: Some(symbol.detail),
            kind: kind(symbol.kind),
            tags: None,
            deprecated: None,
            range: view.range(source, symbol.span),
            selection_range: view.range(source, symbol.name_span),
            children: (!symbol.children.is_empty()).then(|| nested(view, source, symbol.children)),
        }
    };
    symbols.into_iter().map(one).collect()
}

/// The outline for clients that know no trees.
pub(crate) fn flat(view: &View, source: &Source, uri: &lsp::Uri, symbols: Vec<Symbol>) -> Vec<lsp::SymbolInformation> {
    let mut found = Vec::new();
    flatten(view, source, uri, symbols, None, &mut found);
    found
}

/// Symbols of all files.
pub(crate) fn found(view: &View, symbols: Vec<(Symbol, Place)>) -> Vec<lsp::SymbolInformation> {
    let one = |(symbol, place): (Symbol, Place)| Some(information(&symbol, view.location(&place)?, None));
    symbols.into_iter().filter_map(one).collect()
}

/// A function in a chain of calls.
pub(crate) fn call_item(view: &View, it: CallItem) -> Option<lsp::CallHierarchyItem> {
    let lsp::Location { uri, range } = view.location(&it.place)?;
    Some(lsp::CallHierarchyItem {
        name: it.name,
        kind: lsp::SymbolKind::FUNCTION,
        tags: None,
        detail: Some(it.detail),
        uri,
        range: view.range(&it.place.source, it.whole),
        selection_range: range,
        data: None,
    })
}

fn flatten(
    view: &View,
    source: &Source,
    uri: &lsp::Uri,
    symbols: Vec<Symbol>,
    within: Option<&str>,
    found: &mut Vec<lsp::SymbolInformation>,
) {
    for symbol in symbols {
        let location = lsp::Location { uri: uri.clone(), range: view.range(source, symbol.name_span) };
        found.push(information(&symbol, location, within));
        flatten(view, source, uri, symbol.children, Some(&symbol.name), found);
    }
}

fn information(symbol: &Symbol, location: lsp::Location, within: Option<&str>) -> lsp::SymbolInformation {
    #[expect(deprecated, reason = "the struct has no other constructor")]
    lsp::SymbolInformation {
        name: symbol.name.clone(),
        kind: kind(symbol.kind),
        tags: None,
        deprecated: None,
        location,
        container_name: within.map(str::to_owned),
    }
}

fn kind(kind: SymbolKind) -> lsp::SymbolKind {
    match kind {
        SymbolKind::Function => lsp::SymbolKind::FUNCTION,
        SymbolKind::Module => lsp::SymbolKind::MODULE,
        SymbolKind::Bound => lsp::SymbolKind::VARIABLE,
        SymbolKind::Constant => lsp::SymbolKind::CONSTANT,
        SymbolKind::Record => lsp::SymbolKind::STRUCT,
        SymbolKind::Field => lsp::SymbolKind::FIELD,
        SymbolKind::Enum => lsp::SymbolKind::ENUM,
        SymbolKind::Variant => lsp::SymbolKind::ENUM_MEMBER,
        SymbolKind::Test => lsp::SymbolKind::METHOD,
    }
}
