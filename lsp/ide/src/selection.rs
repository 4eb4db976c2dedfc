//! What a selection grows to.
//!
//! Owns the steps: word, argument, clause, statement, block, declaration, file.

use hlb_language::ast::{Expr, StringPart};
use hlb_language::source::Source;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::walk::{Node, walk};
use crate::word;

impl Analysis {
    /// The ranges around a byte offset, each within the next and none twice.
    pub fn selections(&self, offset: usize) -> Vec<Span> {
        let source = self.text().source();
        let text = source.text();
        let file = Span::new(0, text.len());
        let mut spans = vec![file];
        spans.push(word::around(text, offset));
        let lexed = self.lexed();
        let comments = lexed.trivia.comments();
        spans.extend(comments.iter().map(|comment| comment.span).filter(|span| span.touches(offset)));
        walk(self.text().tree(), &mut |node| {
            let span = node.span();
            if !span.touches(offset) {
                return;
            }
            spans.push(span);
            match node {
                Node::Block(_) | Node::Body(_) | Node::Parens(_) => spans.extend(inside(source, span)),
                Node::Expr(Expr::List(_) | Expr::Map(_)) => spans.extend(inside(source, span)),
                Node::Expr(Expr::String(literal)) => {
                    let parts = literal.parts.iter().map(|part| match part {
                        StringPart::Text(span) | StringPart::Escape(span) | StringPart::Interpolation(span, _) => *span,
                    });
                    // All that stands between the quotes, and the one piece of it.
                    spans.extend(parts.clone().reduce(Span::to));
                    spans.extend(parts);
                }
                _ => {}
            }
        });
        spans.retain(|span| span.touches(offset) && !span.is_empty());
        spans.sort_by_key(|span| (span.len(), span.start));
        let mut chain: Vec<Span> = Vec::new();
        for span in spans {
            if chain.last().is_none_or(|last| span.contains(*last) && span != *last) {
                chain.push(span);
            }
        }
        if chain.is_empty() { vec![file] } else { chain }
    }
}

/// What stands between two brackets, without the space around it.
fn inside(source: &Source, span: Span) -> Option<Span> {
    let text = source.slice(span);
    let body = text.strip_prefix(['{', '(', '['])?;
    let body = body.strip_suffix(['}', ')', ']']).unwrap_or(body);
    let start = span.start as usize + 1 + (body.len() - body.trim_start().len());
    Some(Span::new(start, start + body.trim().len()))
}
