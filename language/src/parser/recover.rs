//! Syntax trees of broken texts.
//!
//! Walks the tree of braces from the inside out and lets the grammar read each row. A row that it refuses is repaired if
//! the slip is known (`repair`), else becomes an error node that keeps its callee and its blocks. So a mistake never
//! leaves its statement. Knows no grammar itself.

use crate::ast::{Block, ErrorStmt, Expr, Ident, LetStmt, Module, Path, Stmt, StringPart};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::lexer::Lexed;
use crate::parser::MAX_DEPTH;
use crate::parser::explain;
use crate::parser::groups;
use crate::parser::heads;
use crate::parser::pieces::{self, Finished, Piece, Refusal};
use crate::parser::repair::{self, Outcome};
use crate::parser::roles;
use crate::parser::symbols::Builder;
use crate::parser::tree::{self, Node, StringNode, StringPiece};
use crate::source::SourceId;
use crate::span::Span;
use crate::token::TokenKind;

/// How many slips in one row are repaired.
const MAX_REPAIRS: usize = 4;

/// Parses a text that the whole-file grammar refuses.
pub(crate) fn module(source: SourceId, text: &str, lexed: &Lexed) -> (Module, Vec<Diagnostic>) {
    let mut builder = Builder::new(source, text, &lexed.trivia);
    let parts = tree::declarations(&builder, &lexed.tokens);
    for tokens in &parts {
        builder.declared.scan(text, tokens);
    }
    let mut decls = Vec::new();
    for tokens in parts {
        let before = builder.diagnostics.borrow().len();
        // What is open at the end of a declaration shall say nothing of the next.
        let roles = roles::assign(text, tokens, &builder.declared);
        if let Some(span) = roles.too_deep {
            builder.report(tree::too_deep(&builder, span));
        }
        let nodes = tree::build(&builder, &roles.tokens);
        let is_balanced = tree::has_all_braces(&roles.tokens);
        if heads::declarations(&builder, nodes, is_balanced, &mut decls) {
            // What stands outside of a function and the `}` that closes nothing behind it are one mistake.
            let mut at = 0;
            builder.diagnostics.borrow_mut().retain(|diagnostic| {
                at += 1;
                at <= before || diagnostic.code != codes::STRAY_BRACE
            });
        }
    }
    (Module { decls }, builder.diagnostics.into_inner())
}

/// The statements of some nodes. `depth` is how deeply they are nested.
pub(crate) fn statements(builder: &Builder<'_>, nodes: Vec<Node>, depth: usize) -> Vec<Stmt> {
    let mut stmts = Vec::new();
    let mut rows = pieces::rows(builder, nodes).into_iter().peekable();
    while let Some(mut row) = rows.next() {
        if let Some(next) = rows.next_if(|next| groups::is_block_of(&row, next)) {
            groups::join_next_line(builder, &mut row, next);
        }
        if !row.nodes.is_empty() {
            let row = finish(builder, row.nodes, depth);
            stmts.extend(statement_row(builder, row));
        } else if let Some(end) = row.end.filter(|end| end.kind == TokenKind::Semicolon) {
            builder.report(
                Diagnostic::error(codes::EMPTY_STATEMENT, builder.location(end.span), "this `;` ends no statement")
                    .help("remove it: one `;` or the end of the line ends a statement")
                    .safe_fix("remove the `;`", builder.location(end.span), ""),
            );
        }
    }
    stmts
}

/// The statements of one row.
pub(crate) fn statement_row(builder: &Builder<'_>, row: Vec<Piece>) -> Vec<Stmt> {
    match repaired(builder, row, pieces::statements, repair::statement) {
        Ok(stmts) => stmts,
        Err(row) => error_statement(builder, row),
    }
}

/// Runs the grammar on a row, and again after each repair. Reports the first slip only: what comes behind it in the same
/// row may follow from it.
pub(crate) fn repaired<T>(
    builder: &Builder<'_>,
    mut row: Vec<Piece>,
    parse: impl Fn(&Builder<'_>, Vec<Piece>) -> Result<T, Refusal>,
    repair: impl Fn(&Builder<'_>, &mut Vec<Piece>, &pieces::Failure) -> Outcome,
) -> Result<T, Vec<Piece>> {
    let mut unopened =
        row.iter().find(|piece| piece.is_unopened(builder)).map(|piece| repair::unopened(builder, piece));
    // A brace that does not close has been reported, and what stands around it follows from that.
    let mut reported = row.iter().any(|piece| piece.is_group() && !builder.slice(piece.span).ends_with('}'));
    for _ in 0..=MAX_REPAIRS {
        let (refused, failure) = match parse(builder, row) {
            Ok(value) => {
                if let Some(diagnostic) = unopened.take().filter(|_| !reported) {
                    builder.report(diagnostic);
                }
                return Ok(value);
            }
            Err(refused) => refused,
        };
        row = refused;
        let unexpected = explain::unexpected(builder, &row, &failure);
        let (diagnostic, again) = match repair(builder, &mut row, &failure) {
            Outcome::Repaired(diagnostic) => (diagnostic, true),
            Outcome::Known(diagnostic) => (diagnostic, false),
            Outcome::Cut => (unexpected, true),
            Outcome::Unknown => (unexpected, false),
        };
        if !reported {
            builder.report(diagnostic);
            reported = true;
        }
        if !again {
            break;
        }
    }
    Err(row)
}

/// What can be told of a row that is no statement.
fn error_statement(builder: &Builder<'_>, mut row: Vec<Piece>) -> Vec<Stmt> {
    let Some(span) = extent(&row) else { return Vec::new() };
    if row.first().is_some_and(|first| first.kind == TokenKind::Let)
        && let Some((ty, name, end)) = heads::binding(builder, &mut row)
    {
        // The name is there for what comes behind, and so are the statements in what was to be its value.
        let blocks: Vec<Block> = row.into_iter().flat_map(Piece::into_blocks).collect();
        let value = Expr::Error(Span::at(end as usize).to(Span::at(span.end as usize)));
        let inner = blocks.first().zip(blocks.last()).map(|(first, last)| first.span.to(last.span));
        let mut stmts = vec![Stmt::Let(Box::new(LetStmt { span, ty, name, value }))];
        stmts.extend(
            inner.map(|span| Stmt::Error(Box::new(ErrorStmt { span, callee: None, words: Vec::new(), blocks }))),
        );
        return stmts;
    }
    let name = |piece: &Piece| {
        let is_name = piece.kind == TokenKind::Ident && piece.node.is_none();
        is_name.then(|| builder.ident(piece.span.start as usize, piece.span.end as usize))
    };
    let callee = row.first().and_then(name).map(|head| {
        let dot = row.get(1).is_some_and(|piece| piece.kind == TokenKind::Dot);
        let member: Option<Ident> = row.get(2).filter(|_| dot).and_then(name);
        let span = member.as_ref().map_or(head.span, |member| head.span.to(member.span));
        Path { span, head, member }
    });
    let behind = |piece: &&Piece| callee.as_ref().is_some_and(|callee| piece.span.start >= callee.span.end);
    let words = row.iter().filter(|piece| piece.kind != TokenKind::Newline).filter(behind);
    let words = words.map(|piece| piece.span).collect();
    let blocks = row.into_iter().flat_map(Piece::into_blocks).collect();
    vec![Stmt::Error(Box::new(ErrorStmt { span, callee, words, blocks }))]
}

/// From the first piece to the last.
pub(crate) fn extent(row: &[Piece]) -> Option<Span> {
    // A repair may have put pieces in another order than that of the text.
    row.iter().map(|piece| piece.span).reduce(Span::to)
}

/// Parses the groups and strings in a row.
pub(crate) fn finish(builder: &Builder<'_>, nodes: Vec<Node>, depth: usize) -> Vec<Piece> {
    let mut lists = pieces::depths(nodes.iter().map(Node::kind)).into_iter();
    let mut shallow = true;
    let mut row = Vec::with_capacity(nodes.len());
    for node in nodes {
        let depth = depth + lists.next().unwrap_or(0) + 1;
        // Names and strings may stand at the limit; what opens a level may not.
        let opens = match &node {
            Node::Token(token) => pieces::opens_list(token.kind),
            Node::Group(_) => true,
            Node::String(string) => string.pieces.iter().any(|piece| matches!(piece, StringPiece::Interpolation(..))),
        };
        if opens && depth > MAX_DEPTH {
            if shallow {
                builder.report(tree::too_deep(builder, node.span()));
            }
            shallow = false;
            continue;
        }
        row.push(match node {
            Node::Token(token) => Piece::from(token),
            Node::Group(group) => {
                let role = group.role.unwrap_or_else(|| groups::awaited(&row));
                groups::piece(builder, group, role, depth)
            }
            Node::String(string) => finish_string(builder, string, depth),
        });
    }
    row
}

fn finish_string(builder: &Builder<'_>, string: StringNode, depth: usize) -> Piece {
    let StringNode { open, pieces, end } = string;
    let parts = pieces.into_iter().map(|piece| match piece {
        StringPiece::Text(span) => StringPart::Text(span),
        StringPiece::Escape(span) => StringPart::Escape(span),
        StringPiece::Interpolation(span, nodes) => {
            let expr = (!nodes.is_empty()).then(|| expression(builder, nodes, depth));
            builder.interpolation(span.start as usize, span.end as usize, expr)
        }
    });
    let parts = parts.collect();
    let lit = builder.string(open.span.start as usize, open.span.end as usize, end as usize, parts);
    Piece { kind: open.kind, span: lit.span, node: Some(Finished::String(lit)) }
}

/// The expression in an interpolation.
fn expression(builder: &Builder<'_>, nodes: Vec<Node>, depth: usize) -> Expr {
    let row = finish(builder, nodes, depth);
    let span = extent(&row).unwrap_or_default();
    repaired(builder, row, pieces::expression, repair::expression).unwrap_or(Expr::Error(span))
}
