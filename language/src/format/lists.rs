//! How lists and braces look, and what stands between two parts of one thing.
//!
//! Owns the choice of one line or many, and the place of comments where the end of a line ends nothing.

use crate::format::doc::Doc;
use crate::format::layout::Element;
use crate::format::rules::Rules;
use crate::span::Span;

impl Rules<'_> {
    /// Whether elements stand behind one another on one line, from the opener to the closer.
    fn is_on_one_line(&self, brackets: Span, elements: &[Element]) -> bool {
        let mut end = brackets.start;
        let mut gaps = elements.iter().map(|element| element.span).chain([Span::at(brackets.end as usize)]);
        gaps.all(|span| {
            let joined = self.trivia.line(end) == self.trivia.line(span.start);
            end = span.end;
            joined
        })
    }

    /// `(a, b)`, or a line for each element.
    pub(super) fn list(&self, (open, close): (&str, &str), brackets: Span, elements: Vec<Element>) -> Doc {
        if self.is_on_one_line(brackets, &elements) {
            let elements = elements.into_iter().map(|element| element.doc);
            return Doc::text(open).then(Doc::join(elements, ", ")).then(close);
        }
        let elements = elements.into_iter().map(|Element { span, doc }| Element { span, doc: doc.then(",") });
        self.lines((open, close), brackets, elements.collect())
    }

    /// One expression in brackets.
    pub(super) fn wrapped(&self, (open, close): (&str, &str), brackets: Span, element: Element) -> Doc {
        let elements = [element];
        if self.is_on_one_line(brackets, &elements) {
            let [element] = elements;
            return Doc::text(open).then(element.doc).then(close);
        }
        self.lines((open, close), brackets, elements.into())
    }

    /// Each element on a line of its own.
    pub(super) fn lines(&self, (open, close): (&str, &str), brackets: Span, elements: Vec<Element>) -> Doc {
        if elements.is_empty() && self.trivia.comments_in(brackets).is_empty() {
            return Doc::text(open).then(close);
        }
        let mut layout = self.layout(brackets.start + 1, true);
        for element in elements {
            layout.line(element, false);
        }
        Doc::text(open).then(layout.finish(brackets.end).nest()).then(Doc::Line).then(close)
    }

    /// `{ a; b; }`, or a line for each element.
    pub(super) fn braces(&self, braces: Span, elements: Vec<Element>, end: &str) -> Doc {
        if elements.is_empty() || self.trivia.line(braces.start) != self.trivia.line(braces.end) {
            return self.lines(("{", "}"), braces, elements);
        }
        let elements = elements.into_iter().map(|element| element.doc.then(end));
        Doc::text("{ ").then(Doc::join(elements, " ")).then(" }")
    }

    /// A sign behind `before`, and what follows it: on the same line, or on the next if it was on another or if comments
    /// stand between.
    pub(super) fn joint(&self, sign: &str, before: Span, next: Span, doc: impl FnOnce() -> Doc) -> Doc {
        let gap = Span { start: before.end, end: next.start };
        let sign = Doc::text(sign);
        if self.trivia.line(gap.start) == self.trivia.line(gap.end) {
            return sign.then(" ").then(doc());
        }
        sign.then(self.broken(gap).then(doc()).nest())
    }

    /// What stands in a gap that goes on over lines: its comments, and the end of the line.
    pub(super) fn broken(&self, gap: Span) -> Doc {
        let mut out = Doc::nil();
        let mut end = gap.start;
        for comment in self.trivia.comments_in(gap) {
            let behind = self.trivia.line(end) == self.trivia.line(comment.span.start);
            let text = Doc::text(self.slice(comment.span).trim_end());
            out = if behind { out.then(" ").then(text) } else { out.then(Doc::Line).then(text) };
            end = comment.span.end;
        }
        out.then(Doc::Line)
    }

    /// Whether comments stand between two places.
    pub(super) fn has_comments(&self, from: u32, to: u32) -> bool {
        from < to && !self.trivia.comments_in(Span { start: from, end: to }).is_empty()
    }
}
