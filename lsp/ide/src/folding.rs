//! What can be folded away.
//!
//! Owns the ranges: blocks, lists, comments, imports, heredocs.

use hlb_language::ast::Decl;
use hlb_language::source::Source;
use hlb_language::span::Span;
use hlb_language::token::{Token, TokenKind};
use hlb_language::trivia::Comment;

use crate::analysis::Analysis;

/// What is folded.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FoldKind {
    /// A block, a list, a heredoc.
    Region,
    /// Comments.
    Comment,
    /// Imports.
    Imports,
}

/// A range of more than one line.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fold {
    /// What stays visible ends where it starts; its end is that of the last line that goes.
    pub span: Span,
    /// What it is.
    pub kind: FoldKind,
}

impl Analysis {
    /// The ranges in the order of their starts; of those that start on one line, the longest.
    pub fn folds(&self) -> Vec<Fold> {
        let (source, lexed) = (self.text().source(), self.lexed());
        let mut folds = brackets(source, &lexed.tokens);
        folds.extend(comments(source, lexed.trivia.comments()));
        folds.extend(imports(source, &self.text().tree().decls));
        let line = |offset: u32| source.line_index(offset as usize);
        folds.retain(|fold| line(fold.span.start) < line(fold.span.end));
        folds.sort_by_key(|fold| (line(fold.span.start), std::cmp::Reverse(fold.span.end)));
        folds.dedup_by_key(|fold| line(fold.span.start));
        folds
    }
}

/// What stands between brackets, and heredocs. The line of a closer stays.
fn brackets(source: &Source, tokens: &[Token]) -> Vec<Fold> {
    let mut open: Vec<(Pair, Token)> = Vec::new();
    // How many of each sort are open: a closer without an opener is no reason to look through all of them.
    let mut counts = [0_usize; Pair::COUNT];
    let mut folds = Vec::new();
    for token in tokens {
        if let Some(pair) = Pair::opened(token.kind) {
            *pair.of(&mut counts) += 1;
            open.push((pair, *token));
        }
        let Some(closed) = Pair::closed(token.kind).filter(|pair| *pair.of(&mut counts) > 0) else { continue };
        // What is open inside of what is closed has no closer.
        while let Some((pair, opener)) = open.pop() {
            *pair.of(&mut counts) -= 1;
            if pair == closed {
                let span = Span { start: opener.span.end, end: above(source, token.span.start) };
                folds.push(Fold { span, kind: FoldKind::Region });
                break;
            }
        }
    }
    folds
}

/// What stands around something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Pair {
    Braces,
    Parens,
    Brackets,
    Quotes,
    RawQuotes,
    Heredoc,
}

impl Pair {
    const COUNT: usize = 6;

    fn opened(kind: TokenKind) -> Option<Self> {
        match kind {
            TokenKind::QuoteOpen => Some(Self::Quotes),
            TokenKind::RawOpen => Some(Self::RawQuotes),
            TokenKind::HeredocOpen => Some(Self::Heredoc),
            kind if kind.opens_brace() => Some(Self::Braces),
            kind if kind.opens_paren() => Some(Self::Parens),
            kind if kind.opens_bracket() => Some(Self::Brackets),
            _ => None,
        }
    }

    fn closed(kind: TokenKind) -> Option<Self> {
        match kind {
            TokenKind::RBrace => Some(Self::Braces),
            TokenKind::RParen => Some(Self::Parens),
            TokenKind::RBracket => Some(Self::Brackets),
            TokenKind::QuoteClose => Some(Self::Quotes),
            TokenKind::RawClose => Some(Self::RawQuotes),
            TokenKind::HeredocClose => Some(Self::Heredoc),
            _ => None,
        }
    }

    #[expect(clippy::indexing_slicing, reason = "there are as many counts as pairs")]
    fn of(self, counts: &mut [usize; Self::COUNT]) -> &mut usize {
        &mut counts[self as usize]
    }
}

/// The end of the line above that of an offset.
fn above(source: &Source, offset: u32) -> u32 {
    let line = source.line_index(offset as usize);
    let start = source.line_span(line).map_or(0, |line| line.start);
    start.saturating_sub(1)
}

/// Comments on lines of their own that follow one another.
fn comments(source: &Source, comments: &[Comment]) -> Vec<Fold> {
    let own: Vec<Span> = comments.iter().filter(|comment| comment.own_line).map(|comment| comment.span).collect();
    let line = |span: &Span| source.line_index(span.start as usize);
    let groups = own.chunk_by(|one, next| line(one) + 1 == line(next));
    groups.filter_map(|group| run(source, group.first()?, group.last()?, FoldKind::Comment)).collect()
}

/// Imports without another declaration between them.
fn imports(source: &Source, decls: &[Decl]) -> Vec<Fold> {
    let is_import = |decl: &Decl| matches!(decl, Decl::Import(_));
    let groups = decls.chunk_by(|one, next| is_import(one) && is_import(next));
    let groups = groups.filter(|group| group.first().is_some_and(is_import));
    groups.filter_map(|group| run(source, &group.first()?.span(), &group.last()?.span(), FoldKind::Imports)).collect()
}

/// From the end of the first line of some to the end of the last.
fn run(source: &Source, first: &Span, last: &Span, kind: FoldKind) -> Option<Fold> {
    let line = source.line_span(source.line_index(first.start as usize))?;
    let start = line.start as usize + source.slice(line).trim_end().len();
    Some(Fold { span: Span::new(start, last.end as usize), kind })
}
