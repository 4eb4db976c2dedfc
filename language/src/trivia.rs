//! Comments and blank lines by position.
//!
//! Owns what the syntax tree leaves out. The formatter puts it back, and the parser takes doc comments from it.

use ecow::EcoString;

use crate::span::Span;

/// A comment, from `#` to the end of its line, the line's end not included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Comment {
    /// Where it stands.
    pub span: Span,
    /// Whether nothing but white space stands before it on its line.
    pub own_line: bool,
}

/// What stands between tokens, in the order of the text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Trivia {
    comments: Vec<Comment>,
    blank_lines: Vec<u32>,
    lines: Vec<u32>,
}

impl Trivia {
    /// An empty table for a text.
    pub(crate) fn new(text: &str) -> Self {
        let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(ends).map(|at| Span::at(at).start).collect();
        Self { comments: Vec::new(), blank_lines: Vec::new(), lines }
    }

    /// Notes a comment; comments come in the order of the text.
    pub(crate) fn add_comment(&mut self, comment: Comment) {
        self.comments.push(comment);
    }

    /// Notes a line without anything on it, by its first offset; in the order of the text.
    pub(crate) fn add_blank_line(&mut self, start: usize) {
        self.blank_lines.push(Span::at(start).start);
    }

    /// All comments.
    pub fn comments(&self) -> &[Comment] {
        &self.comments
    }

    /// The comments that begin in a range.
    pub fn comments_in(&self, range: Span) -> &[Comment] {
        let first = self.comments.partition_point(|comment| comment.span.start < range.start);
        let last = self.comments.partition_point(|comment| comment.span.start < range.end);
        self.comments.get(first..last).unwrap_or(&[])
    }

    /// Whether a line without anything on it begins in a range; lines in strings do not count.
    pub fn has_blank_line(&self, range: Span) -> bool {
        let first = self.blank_lines.partition_point(|start| *start < range.start);
        self.blank_lines.get(first).is_some_and(|start| *start < range.end)
    }

    /// The 0-based line of an offset.
    pub fn line(&self, offset: u32) -> usize {
        self.lines.partition_point(|start| *start <= offset).saturating_sub(1)
    }

    /// The offset at which the line of an offset begins.
    pub fn line_start(&self, offset: u32) -> u32 {
        self.lines.get(self.line(offset)).copied().unwrap_or(0)
    }

    /// How many tabs and blanks stand at the start of the line of an offset.
    pub(crate) fn indentation(&self, text: &str, offset: u32) -> u32 {
        let start = self.line_start(offset);
        let line = text.get(start as usize..offset as usize).unwrap_or("");
        Span::at(line.bytes().take_while(|byte| *byte == b' ' || *byte == b'\t').count()).start
    }

    /// The comment group that ends on the line directly above what begins at `offset`, if that is the first thing on its
    /// line; each line without `#` and one following space.
    pub(crate) fn doc(&self, text: &str, offset: usize) -> Option<EcoString> {
        // Most of what is asked about has code or nothing above it, which two looks at the text tell.
        let (above, own) = text.get(..offset)?.rsplit_once('\n')?;
        let last = above.rsplit_once('\n').map_or(above, |(_, last)| last);
        let is_blank = |byte: &u8| matches!(byte, b' ' | b'\t');
        if !own.bytes().all(|byte| is_blank(&byte)) || last.bytes().find(|byte| !is_blank(byte)) != Some(b'#') {
            return None;
        }
        let offset = Span::at(offset).start;
        let line = self.line(offset);
        let mut at = self.comments.partition_point(|comment| comment.span.start < offset);
        let mut wanted = line;
        let mut group = Vec::new();
        while let Some(comment) = at.checked_sub(1).and_then(|at| self.comments.get(at)) {
            if !comment.own_line || self.line(comment.span.start) + 1 != wanted {
                break;
            }
            let body = text.get(comment.span.range()).unwrap_or("");
            if body.starts_with("#!") && comment.span.start == 0 {
                // It tells the system what to start the file with.
                break;
            }
            let body = body.strip_prefix('#').unwrap_or(body);
            group.push(body.strip_prefix(' ').unwrap_or(body).trim_end());
            wanted -= 1;
            at -= 1;
        }
        group.reverse();
        (!group.is_empty()).then(|| EcoString::from(group.join("\n")))
    }
}
