//! Where elements, comments and blank lines go.
//!
//! Owns the order of elements and the comments between them: comments stay behind or above what they stood behind or
//! above, and at most one blank line stays between two lines.

use crate::format::doc::Doc;
use crate::span::Span;
use crate::trivia::Trivia;

/// An element with the place where it stood.
pub(crate) struct Element {
    pub(crate) span: Span,
    pub(crate) doc: Doc,
}

/// Elements and comments in order, laid out line by line.
pub(crate) struct Layout<'a> {
    text: &'a str,
    trivia: &'a Trivia,
    docs: Vec<Doc>,
    /// Where the last thing that was put ended in the text.
    end: u32,
    /// Whether something was put.
    begun: bool,
    /// Whether something stands before the first thing, on its line.
    opened: bool,
}

impl<'a> Layout<'a> {
    /// Begins behind an opener that ended at `end`, or at the start of the text.
    pub(crate) fn new(text: &'a str, trivia: &'a Trivia, end: u32, opened: bool) -> Self {
        Self { text, trivia, docs: Vec::new(), end, begun: false, opened }
    }

    /// Puts an element on a line of its own, with the comments that stood before it. `spaced` asks for a blank line
    /// between it and what is there already.
    pub(crate) fn line(&mut self, element: Element, spaced: bool) {
        let blank = spaced && self.begun && !self.trivia.has_blank_line(self.gap(element.span.start));
        let blank = self.comments(element.span.start, blank);
        self.put(element, blank);
    }

    /// Puts the comments that stand before the closer at `close`.
    pub(crate) fn finish(mut self, close: u32) -> Doc {
        self.comments(close, false);
        Doc::Concat(self.docs)
    }

    fn gap(&self, until: u32) -> Span {
        Span { start: self.end, end: until }
    }

    /// Puts the comments up to `until`. `blank` asks for a blank line before the first that has its own line; if none
    /// has, that is given back.
    fn comments(&mut self, until: u32, blank: bool) -> bool {
        let trivia = self.trivia;
        let mut blank = blank;
        for comment in trivia.comments_in(self.gap(until)) {
            let doc = Doc::text(self.text.get(comment.span.range()).unwrap_or("").trim_end());
            let behind = trivia.line(self.end) == trivia.line(comment.span.start) && (self.begun || self.opened);
            if behind {
                self.docs.push(Doc::text(" "));
                self.docs.push(doc);
                self.end = comment.span.end;
                self.begun = true;
            } else {
                self.put(Element { span: comment.span, doc }, blank);
                blank = false;
            }
        }
        blank
    }

    /// Puts an element on the next line.
    fn put(&mut self, element: Element, spaced: bool) {
        if self.begun || self.opened {
            let blank = self.begun && (spaced || self.trivia.has_blank_line(self.gap(element.span.start)));
            self.docs.push(if blank { Doc::Blank } else { Doc::Line });
        }
        self.docs.push(element.doc);
        self.end = element.span.end;
        self.begun = true;
    }
}
