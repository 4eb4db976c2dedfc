//! Source texts and positions in them.
//!
//! Owns the texts that spans point into, and the conversion of byte offsets to lines and columns. Reads no files: whoever
//! has a text adds it.

use std::sync::Arc;

use crate::span::Span;

/// Names one text of a [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct SourceId(pub u32);

/// A position for people and for LLB source maps.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct LineColumn {
    /// 1-based line.
    pub line: u32,
    /// 1-based column, counted in Unicode scalar values.
    pub column: u32,
}

/// One source text with the offsets of its lines.
#[derive(Debug)]
pub struct Source {
    name: String,
    text: String,
    lines: Vec<u32>,
}

impl Source {
    /// A text and the name under which it is shown.
    pub fn new(name: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        let mut lines = vec![0];
        for (at, byte) in text.bytes().enumerate() {
            if byte == b'\n' {
                lines.push(u32::try_from(at + 1).unwrap_or(u32::MAX));
            }
        }
        Self { name: name.into(), text, lines }
    }

    /// The name under which the text is shown, usually a path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span, empty if the span does not lie on character boundaries of this text.
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// Number of lines; a text that ends in a newline has an empty last line.
    pub fn line_count(&self) -> usize {
        self.lines.len()
    }

    /// The 0-based line that holds a byte offset.
    pub fn line_index(&self, offset: usize) -> usize {
        let offset = u32::try_from(offset).unwrap_or(u32::MAX);
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The byte range of a 0-based line, its newline included; `None` past the end.
    pub fn line_span(&self, line: usize) -> Option<Span> {
        let start = *self.lines.get(line)?;
        let end = self.lines.get(line + 1).copied().unwrap_or(u32::try_from(self.text.len()).unwrap_or(u32::MAX));
        Some(Span { start, end })
    }

    /// Line and column of a byte offset.
    pub fn position(&self, offset: usize) -> LineColumn {
        let line = self.line_index(offset);
        let start = self.lines.get(line).map_or(0, |start| *start as usize);
        let column = self.text.get(start..offset.min(self.text.len())).map_or(0, |before| before.chars().count());
        LineColumn { line: line as u32 + 1, column: column as u32 + 1 }
    }

    /// 0-based line and UTF-16 column of a byte offset, as editors count.
    pub fn utf16_position(&self, offset: usize) -> (u32, u32) {
        let line = self.line_index(offset);
        let start = self.lines.get(line).map_or(0, |start| *start as usize);
        let before = self.text.get(start..offset.min(self.text.len())).unwrap_or("");
        (line as u32, before.encode_utf16().count() as u32)
    }

    /// The byte offset of a 0-based line and UTF-16 column, clamped to the line.
    pub fn utf16_offset(&self, line: u32, column: u32) -> usize {
        let Some(span) = self.line_span(line as usize) else { return self.text.len() };
        let mut left = column;
        let text = self.slice(span).trim_end_matches(['\n', '\r']);
        for (at, ch) in text.char_indices() {
            let width = ch.len_utf16() as u32;
            if left < width {
                return span.start as usize + at;
            }
            left -= width;
        }
        span.start as usize + text.len()
    }
}

/// All texts of one compilation.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    sources: Vec<Arc<Source>>,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a text and names it.
    pub fn add(&mut self, source: Source) -> SourceId {
        self.add_shared(Arc::new(source))
    }

    /// Adds a text that others have, too, and names it.
    pub fn add_shared(&mut self, source: Arc<Source>) -> SourceId {
        let id = SourceId(u32::try_from(self.sources.len()).unwrap_or(u32::MAX));
        self.sources.push(source);
        id
    }

    /// The text of a name that this map gave out.
    pub fn get(&self, id: SourceId) -> Option<&Arc<Source>> {
        self.sources.get(id.0 as usize)
    }

    /// All texts in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (SourceId, &Arc<Source>)> {
        self.sources.iter().enumerate().map(|(at, source)| (SourceId(at as u32), source))
    }
}
