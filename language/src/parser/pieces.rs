//! The pieces that recovery gives to the grammar.
//!
//! Owns the row of tokens and finished nodes between two terminators, the split of nodes into such rows, and the runs of
//! the grammar on them. Knows nothing of what to do when a run fails.

use lalrpop_util::ParseError;

use crate::ast::{Block, Decl, Expr, Field, Ident, MatchArm, Param, Stmt, StringLit, TypeExpr};
use crate::parser::grammar;
use crate::parser::symbols::{Builder, MapBody, Refused, Symbol};
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
    /// The statements of any block; whose, the kind of the piece tells.
    Block(Block),
    Arms(Vec<MatchArm>),
    Fields(Vec<Field>),
    Variants(Vec<Ident>),
    /// A map, or an expression that could not be read.
    Expr(Expr),
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
    /// Whether what stands before is a whole statement, behind which nothing of the kind can follow.
    pub(crate) is_behind: bool,
}

/// Nodes between two terminators, and the second one.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) nodes: Vec<Node>,
    pub(crate) end: Option<Token>,
}

/// Splits nodes into rows: at terminators, but not between parentheses or brackets that match, nor between one that does not
/// at the end of a line and the lines that are deeper.
pub(crate) fn rows(builder: &Builder<'_>, nodes: Vec<Node>) -> Vec<Row> {
    let kinds: Vec<TokenKind> = nodes.iter().map(Node::kind).collect();
    let spans: Vec<Span> = nodes.iter().map(Node::span).collect();
    let partners = partners(&kinds);
    let is = |at: usize, kind: TokenKind| kinds.get(at) == Some(&kind);
    let goes_on = |at: usize, indent: u32| {
        let clause = is(at + 1, TokenKind::With) || is(at + 1, TokenKind::As) || is(at + 1, TokenKind::Newline);
        clause || spans.get(at + 1).is_some_and(|span| builder.trivia.indentation(builder.text, span.start) > indent)
    };
    let mut hanging = None;
    let mut depth = 0_usize;
    let mut rows = Vec::new();
    let mut row = Vec::new();
    for (at, node) in nodes.into_iter().enumerate() {
        let is_matched = partners.get(at).copied().flatten().is_some();
        match node {
            Node::Token(token) if token.kind.ends_statement() && depth == 0 => {
                let is_newline = token.kind == TokenKind::Newline;
                if !is_newline || !hanging.is_some_and(|indent| goes_on(at, indent)) {
                    hanging = None;
                    rows.push(Row { nodes: std::mem::take(&mut row), end: Some(token) });
                    continue;
                }
            }
            Node::Token(token) if opens_list(token.kind) => {
                if is_matched {
                    depth += 1;
                } else if depth == 0 && is(at + 1, TokenKind::Newline) {
                    hanging = Some(builder.trivia.indentation(builder.text, token.span.start));
                }
            }
            Node::Token(token) if is_matched && closes_list(token.kind) => depth = depth.saturating_sub(1),
            _ => {}
        }
        row.push(node);
    }
    if !row.is_empty() {
        rows.push(Row { nodes: row, end: None });
    }
    rows
}

/// Whether a token opens parentheses or brackets.
pub(crate) fn opens_list(kind: TokenKind) -> bool {
    kind.opens_paren() || kind.opens_bracket()
}

/// Whether a token closes parentheses or brackets.
pub(crate) fn closes_list(kind: TokenKind) -> bool {
    matches!(kind, TokenKind::RParen | TokenKind::RBracket)
}

/// For each token its counterpart, if it is a parenthesis or a bracket that has one. A `;` never stands in these: what was
/// open before it will not close.
pub(crate) fn partners(kinds: &[TokenKind]) -> Vec<Option<usize>> {
    let mut partners = vec![None; kinds.len()];
    let mut open: Vec<(bool, usize)> = Vec::new();
    for (at, kind) in kinds.iter().enumerate() {
        match kind {
            kind if opens_list(*kind) => open.push((kind.opens_paren(), at)),
            TokenKind::RParen | TokenKind::RBracket => {
                let is_paren = *kind == TokenKind::RParen;
                // One of the other kind in between was never closed.
                if let [.., (outer, _), (inner, _)] = open.as_slice()
                    && *outer == is_paren
                    && *inner != is_paren
                {
                    open.pop();
                }
                let Some((_, opener)) = open.pop_if(|(paren, _)| *paren == is_paren) else { continue };
                for (slot, partner) in [(at, opener), (opener, at)] {
                    if let Some(slot) = partners.get_mut(slot) {
                        *slot = Some(partner);
                    }
                }
            }
            TokenKind::Semicolon => open.clear(),
            _ => {}
        }
    }
    partners
}

/// The depth of parentheses and brackets at each piece.
pub(crate) fn depths(kinds: impl Iterator<Item = TokenKind>) -> Vec<usize> {
    let mut depth = 0_usize;
    kinds
        .map(|kind| {
            let here = depth;
            if opens_list(kind) {
                depth += 1;
            } else if closes_list(kind) {
                depth = depth.saturating_sub(1);
                return depth;
            }
            here
        })
        .collect()
}

/// A row that the grammar refused, and why.
pub(crate) type Refusal = (Vec<Piece>, Failure);

/// The runs of the grammar on rows. Each gives the row back if it fails.
pub(crate) fn declarations(builder: &Builder<'_>, row: Vec<Piece>) -> Result<Vec<Decl>, Refusal> {
    run(builder, row, |symbols| grammar::DeclarationsParser::new().parse(builder, symbols))
}

pub(crate) fn statements(builder: &Builder<'_>, row: Vec<Piece>) -> Result<Vec<Stmt>, Refusal> {
    run(builder, row, |symbols| grammar::StatementsParser::new().parse(builder, symbols))
}

pub(crate) fn expression(builder: &Builder<'_>, row: Vec<Piece>) -> Result<Expr, Refusal> {
    run(builder, row, |symbols| grammar::ExprParser::new().parse(builder, symbols))
}

pub(crate) fn params(builder: &Builder<'_>, row: Vec<Piece>) -> Result<(Span, Vec<Param>), Refusal> {
    run(builder, row, |symbols| grammar::ParamsParser::new().parse(builder, symbols))
}

pub(crate) fn any_type(builder: &Builder<'_>, row: Vec<Piece>) -> Result<TypeExpr, Refusal> {
    run(builder, row, |symbols| grammar::AnyTypeParser::new().parse(builder, symbols))
}

pub(crate) fn map(builder: &Builder<'_>, row: Vec<Piece>) -> Result<MapBody, Refusal> {
    run(builder, row, |symbols| grammar::MapBodyParser::new().parse(builder, symbols))
}

pub(crate) fn arms(builder: &Builder<'_>, row: Vec<Piece>) -> Result<Vec<MatchArm>, Refusal> {
    run(builder, row, |symbols| grammar::ArmListParser::new().parse(builder, symbols))
}

pub(crate) fn fields(builder: &Builder<'_>, row: Vec<Piece>) -> Result<Vec<Field>, Refusal> {
    run(builder, row, |symbols| grammar::FieldListParser::new().parse(builder, symbols))
}

pub(crate) fn variants(builder: &Builder<'_>, row: Vec<Piece>) -> Result<Vec<Ident>, Refusal> {
    run(builder, row, |symbols| grammar::VariantListParser::new().parse(builder, symbols))
}

type Triple = (usize, Symbol, usize);
type Stop = ParseError<usize, Symbol, Refused>;

/// A first run on hollow nodes tells whether the row is valid, so that a failure loses no node.
fn run<T>(
    builder: &Builder<'_>,
    row: Vec<Piece>,
    parse: impl Fn(Vec<Triple>) -> Result<T, Stop>,
) -> Result<T, Refusal> {
    let places = places(&row);
    let hollow: Vec<Piece> = row.iter().map(Piece::hollow).collect();
    if let Err(stop) = parse(symbols(builder, hollow, &places)) {
        let failure = failure(&places, stop);
        return Err((row, failure));
    }
    let end = row.len();
    parse(symbols(builder, row, &places))
        .map_err(|_| (Vec::new(), Failure { at: end, expected: Vec::new(), is_behind: false }))
}

/// Where the grammar is to believe that each piece stands. A repair may have put pieces in another order than that of the text:
/// then a piece begins where the first of it and those behind begins, and ends where the last of it and those before ends, so
/// that whatever the grammar makes of neighbours lies in what it makes of more of them.
fn places(row: &[Piece]) -> Vec<Span> {
    let mut places: Vec<Span> = row.iter().map(|piece| piece.span).collect();
    if !places.is_sorted_by(|before, behind| before.end <= behind.start) {
        let mut end = 0;
        for place in &mut places {
            end = place.end.max(end);
            place.end = end;
        }
        let mut start = u32::MAX;
        for place in places.iter_mut().rev() {
            start = place.start.min(start);
            place.start = start;
        }
    }
    places
}

fn symbols(builder: &Builder<'_>, row: Vec<Piece>, places: &[Span]) -> Vec<Triple> {
    let kinds: Vec<TokenKind> = row.iter().map(|piece| piece.kind).collect();
    let mut before = None;
    let mut after = kinds.iter().copied().skip(1);
    row.into_iter()
        .zip(places)
        .map(|(piece, place)| {
            let token = Token { kind: piece.kind, span: piece.span };
            let (from, to) = (piece.span.start as usize, piece.span.end as usize);
            let next = after.next();
            let symbol = match piece.node {
                // What the grammar would read from the text at the place that it believes.
                None if piece.span != *place && piece.kind == TokenKind::Ident => Symbol::Name(builder.ident(from, to)),
                None if piece.span != *place && piece.kind == TokenKind::Int => {
                    Symbol::Expr(Box::new(builder.int(from, to)))
                }
                None => Symbol::of(builder.text, before, token, next),
                Some(Finished::Block(block)) if piece.kind == TokenKind::HeaderBrace => Symbol::HeaderBlock(block),
                Some(Finished::Block(block)) => Symbol::Block(block),
                Some(Finished::Arms(arms)) => Symbol::Arms(piece.span, arms),
                Some(Finished::Fields(fields)) => Symbol::Fields(piece.span, fields),
                Some(Finished::Variants(variants)) => Symbol::Variants(piece.span, variants),
                Some(Finished::Expr(expr)) => Symbol::Expr(Box::new(expr)),
                Some(Finished::Name(name)) => Symbol::Name(name),
                Some(Finished::String(string)) if piece.kind == TokenKind::QuoteOpen => Symbol::Quoted(string),
                Some(Finished::String(string)) => Symbol::RawString(string),
            };
            before = Some(piece.kind);
            (place.start as usize, symbol, place.end as usize)
        })
        .collect()
}

fn failure(places: &[Span], stop: Stop) -> Failure {
    match stop {
        ParseError::UnrecognizedToken { token: (start, _, end), expected } => {
            let span = Span::new(start, end);
            let at = places.iter().position(|place| *place == span).unwrap_or(places.len());
            Failure { at, expected, is_behind: false }
        }
        ParseError::UnrecognizedEof { expected, .. } => Failure { at: places.len(), expected, is_behind: false },
        ParseError::User { error } => {
            let at = places.iter().position(|place| place.start >= error.at.start).unwrap_or(places.len());
            Failure { at, expected: Vec::new(), is_behind: true }
        }
        ParseError::InvalidToken { .. } | ParseError::ExtraToken { .. } => {
            Failure { at: places.len(), expected: Vec::new(), is_behind: false }
        }
    }
}

impl Piece {
    /// An expression that could not be read.
    pub(crate) fn error(span: Span) -> Piece {
        Piece { kind: TokenKind::Text, span, node: Some(Finished::Expr(Expr::Error(span))) }
    }

    /// The piece with its node emptied.
    fn hollow(&self) -> Piece {
        let node = self.node.as_ref().map(|node| match node {
            Finished::Block(block) => Finished::Block(Block { span: block.span, stmts: Vec::new() }),
            Finished::Arms(_) => Finished::Arms(Vec::new()),
            Finished::Fields(_) => Finished::Fields(Vec::new()),
            Finished::Variants(_) => Finished::Variants(Vec::new()),
            Finished::Expr(_) => Finished::Expr(Expr::Error(self.span)),
            Finished::String(string) => {
                Finished::String(StringLit { span: string.span, form: string.form.clone(), parts: Vec::new() })
            }
            Finished::Name(name) => Finished::Name(name.clone()),
        });
        Piece { kind: self.kind, span: self.span, node }
    }

    /// Whether the piece is a block whose `{` is not in the text.
    pub(crate) fn is_unopened(&self, builder: &Builder<'_>) -> bool {
        self.is_group() && !builder.slice(self.span).starts_with('{')
    }

    /// Whether the piece is a whole block of statements.
    pub(crate) fn is_block(&self) -> bool {
        matches!(self.node, Some(Finished::Block(_)))
    }

    /// Whether the piece is a pair of braces with all between them.
    pub(crate) fn is_group(&self) -> bool {
        self.kind.opens_brace() && self.node.is_some()
    }

    /// The blocks of statements in the piece.
    pub(crate) fn into_blocks(self) -> Vec<Block> {
        match self.node {
            Some(Finished::Block(block)) => vec![block],
            Some(Finished::Arms(arms)) => arms.into_iter().map(|arm| arm.body).collect(),
            _ => Vec::new(),
        }
    }
}
