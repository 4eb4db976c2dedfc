//! Places and names of files.
//!
//! Owns positions in the two encodings that are spoken, and which file an address means.

use camino::{Utf8Path, Utf8PathBuf};
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

/// The file that an address means.
pub(crate) fn file_path(uri: &lsp::Uri) -> Option<Utf8PathBuf> {
    if !uri.scheme().as_str().eq_ignore_ascii_case("file") {
        return None;
    }
    let path = Utf8PathBuf::from_path_buf(uri.to_file_path()?.into_owned()).ok()?;
    path.is_absolute().then_some(path)
}

/// The path under which a document is known to the compiler. A document without a file gets one that does not exist.
pub(crate) fn path(uri: &lsp::Uri) -> Utf8PathBuf {
    file_path(uri).unwrap_or_else(|| Utf8PathBuf::from(format!("/{}", uri.as_str())))
}

/// The address of a file; `None` for what is no file, such as a text that is built in.
pub(crate) fn file_uri(path: &Utf8Path) -> Option<lsp::Uri> {
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
        assert_eq!(path(&uri("git:/a/b.hlb")), "/git:/a/b.hlb");
        assert_eq!(file_path(&uri("git:/a/b.hlb")), None);
        assert_eq!(file_uri("/a/b c.hlb".into()), Some(uri("file:///a/b%20c.hlb")));
        assert_eq!(file_uri("std/go.hlb".into()), None);
    }
}
