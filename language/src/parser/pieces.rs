//! The pieces that recovery gives to the grammar.
//!
//! Owns the row of tokens and finished nodes between two terminators, the split of nodes into such rows, and the runs of
//! the grammar on them. Knows nothing of what to do when a run fails.

use lalrpop_util::ParseError;

use crate::ast::{Block, Decl, Expr, Ident, Param, Stmt, StringLit};
use crate::parser::grammar;
use crate::parser::symbols::{Builder, Refused, Symbol};
use crate::parser::tree::Node;
use crate::span::Span;
use crate::token::{Token, TokenKind};

/// A token or a finished node; a node has the kind of its first token and the span of its whole text.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
    pub(crate) node: Option<Finished>,
}

/// A node that was parsed before what it stands in.
#[derive(Debug)]
pub(crate) enum Finished {
    Block(Block),
    String(StringLit),
    /// A name that a repair put.
    Name(Ident),
}

impl From<Token> for Piece {
    fn from(token: Token) -> Self {
        Self { kind: token.kind, span: token.span, node: None }
    }
}

/// Where and why the grammar refused a row.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The index of the piece; the number of pieces if the row ends too early.
    pub(crate) at: usize,
    /// The grammar's names of what could stand there.
    pub(crate) expected: Vec<String>,
}

/// Nodes between two terminators, and the second one.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) nodes: Vec<Node>,
    pub(crate) end: Option<Token>,
}

/// Splits nodes into rows: at terminators, but not between parentheses that match.
pub(crate) fn rows(nodes: Vec<Node>) -> Vec<Row> {
    let mut matched = matched_parens(&nodes).into_iter();
    let mut depth = 0_usize;
    let mut rows = Vec::new();
    let mut row = Vec::new();
    for node in nodes {
        let is_matched = matched.next().unwrap_or(false);
        match node {
            Node::Token(token) if token.kind.ends_statement() && depth == 0 => {
                rows.push(Row { nodes: std::mem::take(&mut row), end: Some(token) });
                continue;
            }
            Node::Token(Token { kind: TokenKind::LParen, .. }) if is_matched => depth += 1,
            Node::Token(Token { kind: TokenKind::RParen, .. }) if is_matched => depth = depth.saturating_sub(1),
            _ => {}
        }
        row.push(node);
    }
    if !row.is_empty() {
        rows.push(Row { nodes: row, end: None });
    }
    rows
}

/// For each node, whether it is a parenthesis that has its counterpart.
fn matched_parens(nodes: &[Node]) -> Vec<bool> {
    let mut matched = vec![false; nodes.len()];
    let mut open = Vec::new();
    for (at, node) in nodes.iter().enumerate() {
        match node {
            Node::Token(Token { kind: TokenKind::LParen, .. }) => open.push(at),
            Node::Token(Token { kind: TokenKind::RParen, .. }) => {
                for pair in open.pop().into_iter().flat_map(|open| [open, at]) {
                    if let Some(slot) = matched.get_mut(pair) {
                        *slot = true;
                    }
                }
            }
            // A `;` never stands in parentheses: what was open before it will not close.
            Node::Token(Token { kind: TokenKind::Semicolon, .. }) => open.clear(),
            _ => {}
        }
    }
    matched
}

/// The depth of parentheses at each piece.
pub(crate) fn paren_depths(kinds: impl Iterator<Item = TokenKind>) -> Vec<usize> {
    let mut depth = 0_usize;
    kinds
        .map(|kind| {
            let here = depth;
            match kind {
                TokenKind::LParen => depth += 1,
                TokenKind::RParen => {
                    depth = depth.saturating_sub(1);
                    return depth;
                }
                _ => {}
            }
            here
        })
        .collect()
}

/// The runs of the grammar on rows. Each gives the row back if it fails.
pub(crate) fn declarations(builder: &Builder<'_>, row: Vec<Piece>) -> Result<Vec<Decl>, (Vec<Piece>, Failure)> {
    run(builder, row, |symbols| grammar::DeclarationsParser::new().parse(builder, symbols))
}

pub(crate) fn statements(builder: &Builder<'_>, row: Vec<Piece>) -> Result<Vec<Stmt>, (Vec<Piece>, Failure)> {
    run(builder, row, |symbols| grammar::StatementsParser::new().parse(builder, symbols))
}

pub(crate) fn expression(builder: &Builder<'_>, row: Vec<Piece>) -> Result<Expr, (Vec<Piece>, Failure)> {
    run(builder, row, |symbols| grammar::ExprParser::new().parse(builder, symbols))
}

pub(crate) fn params(builder: &Builder<'_>, row: Vec<Piece>) -> Result<(Span, Vec<Param>), (Vec<Piece>, Failure)> {
    run(builder, row, |symbols| grammar::ParamsParser::new().parse(builder, symbols))
}

type Triple = (usize, Symbol, usize);
type Refusal = ParseError<usize, Symbol, Refused>;

/// A first run on hollow nodes tells whether the row is valid, so that a failure loses no node.
fn run<T>(
    builder: &Builder<'_>,
    row: Vec<Piece>,
    parse: impl Fn(Vec<Triple>) -> Result<T, Refusal>,
) -> Result<T, (Vec<Piece>, Failure)> {
    let hollow: Vec<Piece> = row.iter().map(Piece::hollow).collect();
    if let Err(refusal) = parse(symbols(builder, hollow)) {
        let failure = failure(&row, refusal);
        return Err((row, failure));
    }
    let end = row.len();
    parse(symbols(builder, row)).map_err(|_| (Vec::new(), Failure { at: end, expected: Vec::new() }))
}

fn symbols(builder: &Builder<'_>, row: Vec<Piece>) -> Vec<Triple> {
    let kinds: Vec<TokenKind> = row.iter().map(|piece| piece.kind).collect();
    let mut before = None;
    let mut after = kinds.iter().copied().skip(1);
    row.into_iter()
        .map(|piece| {
            let token = Token { kind: piece.kind, span: piece.span };
            let next = after.next();
            let symbol = match piece.node {
                None => Symbol::of(builder.text, before, token, next),
                Some(Finished::Block(block)) => Symbol::Block(block),
                Some(Finished::Name(name)) => Symbol::Name(name),
                Some(Finished::String(string)) if piece.kind == TokenKind::QuoteOpen => Symbol::Quoted(string),
                Some(Finished::String(string)) => Symbol::RawString(string),
            };
            before = Some(piece.kind);
            (piece.span.start as usize, symbol, piece.span.end as usize)
        })
        .collect()
}

fn failure(row: &[Piece], refusal: Refusal) -> Failure {
    match refusal {
        ParseError::UnrecognizedToken { token: (start, _, end), expected } => {
            let span = Span::new(start, end);
            Failure { at: row.iter().position(|piece| piece.span == span).unwrap_or(row.len()), expected }
        }
        ParseError::UnrecognizedEof { expected, .. } => Failure { at: row.len(), expected },
        ParseError::User { error } => {
            let at = row.iter().position(|piece| piece.span.start >= error.at.start).unwrap_or(row.len());
            Failure { at, expected: Vec::new() }
        }
        ParseError::InvalidToken { .. } | ParseError::ExtraToken { .. } => {
            Failure { at: row.len(), expected: Vec::new() }
        }
    }
}

impl Piece {
    /// The piece with its node emptied.
    fn hollow(&self) -> Piece {
        let node = match &self.node {
            None => None,
            Some(Finished::Block(block)) => Some(Finished::Block(Block { span: block.span, stmts: Vec::new() })),
            Some(Finished::String(string)) => {
                Some(Finished::String(StringLit { span: string.span, form: string.form.clone(), parts: Vec::new() }))
            }
            Some(Finished::Name(name)) => Some(Finished::Name(name.clone())),
        };
        Piece { kind: self.kind, span: self.span, node }
    }

    /// Whether the piece is a block whose `{` is not in the text.
    pub(crate) fn is_unopened(&self, builder: &Builder<'_>) -> bool {
        self.is_block() && !builder.slice(self.span).starts_with('{')
    }

    /// Whether the piece is a whole block.
    pub(crate) fn is_block(&self) -> bool {
        matches!(self.node, Some(Finished::Block(_)))
    }
}
