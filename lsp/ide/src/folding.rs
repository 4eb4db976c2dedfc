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

/// What stands between brackets, and heredocs. The line of a closer stays, if nothing else stands before it there.
fn brackets(source: &Source, tokens: &[Token]) -> Vec<Fold> {
    let mut open: Vec<Token> = Vec::new();
    let mut folds = Vec::new();
    for token in tokens {
        if token.kind.opens_brace()
            || token.kind.opens_paren()
            || token.kind.opens_bracket()
            || token.kind.opens_string()
        {
            open.push(*token);
        }
        // What is open inside of what is closed has no closer.
        let Some(at) = open.iter().rposition(|opener| closes(token.kind, opener.kind)) else { continue };
        let opener = open.get(at).copied();
        open.truncate(at);
        folds.extend(opener.map(|opener| Fold {
            span: Span { start: opener.span.end, end: above(source, token.span.start) },
            kind: FoldKind::Region,
        }));
    }
    folds
}

fn closes(closer: TokenKind, opener: TokenKind) -> bool {
    match closer {
        TokenKind::RBrace => opener.opens_brace(),
        TokenKind::RParen => opener.opens_paren(),
        TokenKind::RBracket => opener.opens_bracket(),
        TokenKind::QuoteClose => opener == TokenKind::QuoteOpen,
        TokenKind::RawClose => opener == TokenKind::RawOpen,
        TokenKind::HeredocClose => opener == TokenKind::HeredocOpen,
        _ => false,
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
