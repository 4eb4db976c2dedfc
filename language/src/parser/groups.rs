//! What stands between braces in broken texts.
//!
//! Reads each group on its own, so that a mistake in it stays in it: the statements of a block, the arms of a `match`, the
//! entries of a map, the fields of a record, the variants of an enum. Where the grammar refuses the whole, each element is
//! read by itself.

use crate::ast::{Block, Comprehension, Entry, ErrorStmt, Expr, MapLit, MatchArm, Pattern, Stmt};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::parser::pieces::{self, Failure, Finished, Piece, Refusal, Row};
use crate::parser::recover::{extent, finish, repaired, statements};
use crate::parser::repair::{self, Outcome};
use crate::parser::symbols::{Builder, MapBody};
use crate::parser::tree::{Group, Node};
use crate::span::Span;
use crate::token::TokenKind;

/// The role that a block without its `{` has behind the pieces of a row.
pub(crate) fn awaited(row: &[Piece]) -> TokenKind {
    let mut last = row.iter().rev().map_while(|piece| match piece.kind {
        TokenKind::HeaderBrace | TokenKind::MatchBrace => None,
        kind => Some(kind),
    });
    let word = last.find(|kind| kind.is_word() && *kind != TokenKind::None && *kind != TokenKind::In);
    match word {
        Some(TokenKind::If | TokenKind::Else | TokenKind::For) => TokenKind::HeaderBrace,
        Some(TokenKind::Match) => TokenKind::MatchBrace,
        Some(TokenKind::Type) => TokenKind::RecordBrace,
        Some(TokenKind::Enum) => TokenKind::EnumBrace,
        _ => TokenKind::LBrace,
    }
}

/// Whether a row is an `if`, a `for` or a `match` without its braces, and the next row begins with them.
pub(crate) fn is_block_of(row: &Row, next: &Row) -> bool {
    let begins = |node: &Node| matches!(node, Node::Group(group) if group.role == Some(TokenKind::LBrace));
    let is_header = |node: &Node| matches!(node.kind(), TokenKind::If | TokenKind::For | TokenKind::Match);
    let is_group = |node: &Node| matches!(node, Node::Group(_));
    let is_newline = row.end.is_some_and(|end| end.kind == TokenKind::Newline);
    let is_open = row.nodes.first().is_some_and(is_header) && !row.nodes.iter().any(is_group);
    is_newline && is_open && next.nodes.first().is_some_and(begins)
}

/// Puts braces that stand on the line below the word that they belong to behind it, and reports that.
pub(crate) fn join_next_line(builder: &Builder<'_>, row: &mut Row, next: Row) {
    report_next_line(builder, row, &next);
    row.nodes.extend(next.nodes.into_iter().enumerate().map(|(at, node)| match node {
        // Whose braces they are was not known before.
        Node::Group(group) if at == 0 => Node::Group(Group { role: None, ..group }),
        node => node,
    }));
}

fn report_next_line(builder: &Builder<'_>, row: &Row, next: &Row) {
    let (Some(last), Some(word)) = (row.nodes.last().map(Node::span), row.nodes.first()) else { return };
    let Some(open) =
        next.nodes.first().map(|node| Span::new(node.span().start as usize, node.span().start as usize + 1))
    else {
        return;
    };
    let gap = builder.location(Span { start: last.end, end: open.start });
    let comment = !builder.trivia.comments_in(gap.span).is_empty();
    let message = format!("the block of {} must begin on its line", word.kind().describe());
    let error = Diagnostic::error(codes::BLOCK_ON_NEXT_LINE, builder.location(open), message)
        .help("move the `{` to the end of the line above");
    builder.report(if comment { error } else { error.safe_fix("move the `{`", gap, " ") });
}

/// A group as a finished piece.
pub(crate) fn piece(builder: &Builder<'_>, group: Group, role: TokenKind, depth: usize) -> Piece {
    let Group { span, nodes, .. } = group;
    let node = match role {
        TokenKind::MatchBrace => Finished::Arms(arms(builder, finish(builder, nodes, depth))),
        TokenKind::MapBrace => Finished::Expr(map(builder, finish(builder, nodes, depth), span)),
        TokenKind::RecordBrace => {
            let row = finish(builder, nodes, depth);
            Finished::Fields(elements(builder, row, role, pieces::fields, repair::field, |_| None))
        }
        TokenKind::EnumBrace => {
            let row = finish(builder, nodes, depth);
            Finished::Variants(elements(builder, row, role, pieces::variants, repair::variant, |_| None))
        }
        _ => Finished::Block(Block { span, stmts: statements(builder, nodes, depth) }),
    };
    Piece { kind: role, span, node: Some(node) }
}

/// The elements of a row: all at once, or each by itself if there is a mistake in one.
fn elements<T>(
    builder: &Builder<'_>,
    row: Vec<Piece>,
    role: TokenKind,
    parse: impl Fn(&Builder<'_>, Vec<Piece>) -> Result<Vec<T>, Refusal>,
    repair: impl Fn(&Builder<'_>, &mut Vec<Piece>, &Failure) -> Outcome,
    broken: impl Fn(Vec<Piece>) -> Option<T>,
) -> Vec<T> {
    let row = match parse(builder, row) {
        Ok(elements) => return elements,
        Err((row, _)) => row,
    };
    let mut elements = Vec::new();
    for one in split(row, role) {
        match repaired(builder, one, &parse, &repair) {
            Ok(found) => elements.extend(found),
            Err(one) => elements.extend(broken(one)),
        }
    }
    elements
}

/// Splits a row behind each element: at the ends of lines, at `;`, and at the commas that end one.
fn split(row: Vec<Piece>, role: TokenKind) -> Vec<Vec<Piece>> {
    let kinds: Vec<TokenKind> = row.iter().map(|piece| piece.kind).collect();
    let is_match = role == TokenKind::MatchBrace && kinds.contains(&TokenKind::FatArrow);
    let mut partners = pieces::partners(&kinds).into_iter();
    let mut depth = 0_usize;
    let mut rows = vec![Vec::new()];
    let mut has_arrow = false;
    let mut in_for = false;
    for piece in row {
        let is_matched = partners.next().flatten().is_some();
        let ends = match piece.kind {
            TokenKind::Semicolon => true,
            TokenKind::Newline => depth == 0,
            // Commas stand between patterns and between the names of a `for` too.
            TokenKind::Comma => depth == 0 && !in_for && (has_arrow || !is_match),
            kind if is_matched && pieces::opens_list(kind) => {
                depth += 1;
                false
            }
            kind if is_matched && pieces::closes_list(kind) => {
                depth = depth.saturating_sub(1);
                false
            }
            _ => false,
        };
        match piece.kind {
            TokenKind::FatArrow => has_arrow = true,
            TokenKind::For => in_for = true,
            TokenKind::In => in_for = false,
            _ => {}
        }
        if let Some(last) = rows.last_mut() {
            last.push(piece);
        }
        if ends {
            rows.push(Vec::new());
            (has_arrow, in_for) = (false, false);
        }
    }
    rows.retain(|row| row.iter().any(|piece| piece.kind != TokenKind::Newline));
    rows
}

fn arms(builder: &Builder<'_>, row: Vec<Piece>) -> Vec<MatchArm> {
    elements(builder, row, TokenKind::MatchBrace, pieces::arms, repair::arm, |row| {
        let span = extent(&row)?;
        let blocks: Vec<Block> = row.into_iter().flat_map(Piece::into_blocks).collect();
        let stmts = vec![Stmt::Error(Box::new(ErrorStmt { span, callee: None, words: Vec::new(), blocks }))];
        Some(MatchArm { span, patterns: vec![Pattern::Error(span)], body: Block { span, stmts } })
    })
}

fn map(builder: &Builder<'_>, row: Vec<Piece>, span: Span) -> Expr {
    if row.iter().find(|piece| piece.kind != TokenKind::Newline).is_some_and(|piece| piece.kind == TokenKind::For) {
        return match repaired(builder, row, pieces::map, repair::entry) {
            Ok(MapBody::Each(each)) => Expr::For(Box::new(Comprehension { span, ..*each })),
            Ok(MapBody::Entries(entries)) => Expr::Map(MapLit { span, entries }),
            Err(_) => Expr::Error(span),
        };
    }
    let parse = |builder: &Builder<'_>, row| {
        pieces::map(builder, row).map(|map| match map {
            MapBody::Entries(entries) => entries,
            MapBody::Each(_) => Vec::new(),
        })
    };
    let entries = elements(builder, row, TokenKind::MapBrace, parse, repair::entry, |row| {
        let span = extent(&row)?;
        Some(Entry::Pair(Expr::Error(span), Box::new(Expr::Error(Span::at(span.end as usize)))))
    });
    Expr::Map(MapLit { span, entries })
}
