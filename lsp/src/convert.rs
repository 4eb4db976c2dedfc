//! Between the protocol's data and ours.
//!
//! Owns positions in the two encodings that are spoken, and the form of each answer. Never fails: what a client says of a place
//! outside a text is brought into it.

use camino::Utf8PathBuf;
use hlb_ide::{Level, Place, Symbol, SymbolKind, Told};
use hlb_language::source::Source;
use hlb_language::span::Span;
use tower_lsp::ls_types as lsp;

/// What a column counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Encoding {
    /// Bytes.
    Utf8,
    /// Units of UTF-16.
    Utf16,
}

impl Encoding {
    /// The byte offset of a position; at most the end of its line, at most the end of the text.
    pub(crate) fn offset(self, source: &Source, at: lsp::Position) -> usize {
        match self {
            Encoding::Utf16 => source.utf16_offset(at.line, at.character),
            Encoding::Utf8 => {
                let Some(line) = source.line_span(at.line as usize) else { return source.text().len() };
                let text = source.slice(line).trim_end_matches(['\n', '\r']);
                let within = text.floor_char_boundary(at.character as usize);
                line.start as usize + within
            }
        }
    }

    /// The position of a byte offset.
    pub(crate) fn position(self, source: &Source, offset: usize) -> lsp::Position {
        let offset = source.text().floor_char_boundary(offset);
        match self {
            Encoding::Utf16 => {
                let (line, column) = source.utf16_position(offset);
                lsp::Position::new(line, column)
            }
            Encoding::Utf8 => {
                let line = source.line_index(offset);
                let start = source.line_span(line).map_or(0, |span| span.start as usize);
                lsp::Position::new(line as u32, offset.saturating_sub(start) as u32)
            }
        }
    }

    /// The range of a span.
    pub(crate) fn range(self, source: &Source, span: Span) -> lsp::Range {
        lsp::Range::new(self.position(source, span.start as usize), self.position(source, span.end as usize))
    }
}

/// The path under which a document is known to the compiler. A document without a file gets one that does not exist.
pub(crate) fn path(uri: &lsp::Uri) -> Utf8PathBuf {
    let file = uri.to_file_path().and_then(|path| Utf8PathBuf::from_path_buf(path.into_owned()).ok());
    file.filter(|path| path.is_absolute()).unwrap_or_else(|| Utf8PathBuf::from(format!("/{}", uri.as_str())))
}

/// Something to tell of a document. `uri` is its own.
pub(crate) fn diagnostic(it: &Told, source: &Source, uri: &lsp::Uri, encoding: Encoding) -> lsp::Diagnostic {
    let mut message = it.message.clone();
    if let Some(help) = &it.help {
        message.push_str(&format!("\nhelp: {help}"));
    }
    let related = |(place, message): &(Place, String)| {
        let here = place.path == source.name();
        let uri = if here { uri.clone() } else { file_uri(place.path.as_str())? };
        Some(lsp::DiagnosticRelatedInformation {
            location: lsp::Location { uri, range: encoding.range(&place.source, place.span) },
            message: message.clone(),
        })
    };
    let related: Vec<_> = it.related.iter().filter_map(related).collect();
    lsp::Diagnostic {
        range: encoding.range(source, it.span),
        severity: Some(match it.level {
            Level::Error => lsp::DiagnosticSeverity::ERROR,
            Level::Warning => lsp::DiagnosticSeverity::WARNING,
            Level::Hint => lsp::DiagnosticSeverity::HINT,
        }),
        code: Some(lsp::NumberOrString::String(it.code.to_owned())),
        source: Some("hlb".to_owned()),
        message,
        related_information: (!related.is_empty()).then_some(related),
        ..lsp::Diagnostic::default()
    }
}

/// What is shown of a name.
pub(crate) fn hover(it: hlb_ide::Hover, source: &Source, encoding: Encoding) -> lsp::Hover {
    let mut value = format!("```hlb\n{}\n```", it.signature);
    if let Some(doc) = it.doc {
        value.push_str(&format!("\n\n{doc}"));
    }
    lsp::Hover {
        contents: lsp::HoverContents::Markup(lsp::MarkupContent { kind: lsp::MarkupKind::Markdown, value }),
        range: Some(encoding.range(source, it.span)),
    }
}

/// A place in a file; `None` if it is in none.
pub(crate) fn location(place: Place, encoding: Encoding) -> Option<lsp::Location> {
    let uri = file_uri(place.path.as_str())?;
    let range = encoding.range(&place.source, place.span);
    Some(lsp::Location { uri, range })
}

/// The outline as a tree.
pub(crate) fn nested(symbols: Vec<Symbol>, source: &Source, encoding: Encoding) -> Vec<lsp::DocumentSymbol> {
    let one = |symbol: Symbol| {
        #[expect(deprecated, reason = "the struct has no other constructor")]
        lsp::DocumentSymbol {
            name: symbol.name,
            detail: Some(symbol.detail),
            kind: kind(symbol.kind),
            tags: None,
            deprecated: None,
            range: encoding.range(source, symbol.span),
            selection_range: encoding.range(source, symbol.name_span),
            children: (!symbol.children.is_empty()).then(|| nested(symbol.children, source, encoding)),
        }
    };
    symbols.into_iter().map(one).collect()
}

/// The outline for clients that know no trees.
pub(crate) fn flat(
    symbols: Vec<Symbol>,
    within: Option<&str>,
    uri: &lsp::Uri,
    source: &Source,
    encoding: Encoding,
    found: &mut Vec<lsp::SymbolInformation>,
) {
    for symbol in symbols {
        let location = lsp::Location { uri: uri.clone(), range: encoding.range(source, symbol.name_span) };
        #[expect(deprecated, reason = "the struct has no other constructor")]
        found.push(lsp::SymbolInformation {
            name: symbol.name.clone(),
            kind: kind(symbol.kind),
            tags: None,
            deprecated: None,
            location,
            container_name: within.map(str::to_owned),
        });
        flat(symbol.children, Some(&symbol.name), uri, source, encoding, found);
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

fn file_uri(path: &str) -> Option<lsp::Uri> {
    let path = std::path::Path::new(path);
    path.is_absolute().then(|| lsp::Uri::from_file_path(path)).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each position against its byte offset, there and back.
    fn check(encoding: Encoding, line: u32, character: u32, offset: usize, back: (u32, u32)) {
        let source = Source::new("x", "a\nräu𝄞m\r\nz");
        assert_eq!(encoding.offset(&source, lsp::Position::new(line, character)), offset, "{line}:{character}");
        let found = encoding.position(&source, offset);
        assert_eq!((found.line, found.character), back, "{offset}");
    }

    #[test]
    fn positions_are_brought_into_the_text() {
        for encoding in [Encoding::Utf8, Encoding::Utf16] {
            check(encoding, 0, 0, 0, (0, 0));
            check(encoding, 0, 99, 1, (0, 1));
            check(encoding, 99, 0, 14, (2, 1));
            check(encoding, 1, 1, 3, (1, 1));
        }
        check(Encoding::Utf8, 1, 2, 3, (1, 1));
        check(Encoding::Utf8, 1, 3, 5, (1, 3));
        check(Encoding::Utf8, 1, 8, 10, (1, 8));
        check(Encoding::Utf8, 1, 99, 11, (1, 9));
        check(Encoding::Utf16, 1, 2, 5, (1, 2));
        check(Encoding::Utf16, 1, 5, 10, (1, 5));
        check(Encoding::Utf16, 1, 99, 11, (1, 6));
    }

    #[test]
    fn documents_without_a_file_have_a_path_that_does_not_exist() {
        let uri = |text: &str| text.parse::<lsp::Uri>().unwrap();
        assert_eq!(path(&uri("file:///a/b%20c.hlb")), "/a/b c.hlb");
        assert_eq!(path(&uri("untitled:Untitled-1")), "/untitled:Untitled-1");
    }
}
