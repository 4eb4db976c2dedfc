//! Declarations of broken texts.
//!
//! Reads the rows outside of blocks. What stands behind a function and is no declaration is taken for statements of that
//! function, whose block was closed too early or never opened.

use crate::ast::{Block, Decl, Expr, FuncDecl, Ident, ImportDecl, Param, Stmt};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::lexer::is_kind;
use crate::parser::pieces::{self, Piece};
use crate::parser::recover::{extent, finish, repaired, statement_row};
use crate::parser::repair;
use crate::parser::symbols::Builder;
use crate::parser::tree::Node;
use crate::span::Span;
use crate::token::TokenKind;

/// Reads the declarations of one part of the text, as `tree::declarations` cuts it. Tells whether something that is no
/// declaration was found and reported.
pub(crate) fn declarations(builder: &Builder<'_>, nodes: Vec<Node>, decls: &mut Vec<Decl>) -> bool {
    let mut part = Part { builder, first: decls.len(), decls, reported: false };
    for row in pieces::rows(nodes) {
        if row.nodes.is_empty() {
            if let Some(end) = row.end.filter(|end| end.kind == TokenKind::Semicolon) {
                part.report_outside(end.span);
            }
            continue;
        }
        let end = row.end;
        part.row(finish(builder, row.nodes, 0));
        if let Some(end) = end.filter(|end| end.kind == TokenKind::Semicolon) {
            part.report_outside(end.span);
        }
    }
    part.reported
}

struct Part<'r, 'a> {
    builder: &'r Builder<'a>,
    /// How many declarations stood before this part.
    first: usize,
    decls: &'r mut Vec<Decl>,
    /// Whether statements outside of a function have been reported.
    reported: bool,
}

impl Part<'_, '_> {
    fn row(&mut self, row: Vec<Piece>) {
        let unopened = row.iter().find(|piece| piece.is_unopened(self.builder));
        let unopened = unopened.map(|piece| repair::unopened(self.builder, piece));
        let (row, _) = match pieces::declarations(self.builder, row) {
            Ok(decls) => {
                unopened.into_iter().for_each(|diagnostic| self.builder.report(diagnostic));
                return self.decls.extend(decls);
            }
            Err(refused) => refused,
        };
        if row.first().is_some_and(Piece::is_block) && self.func().is_some() {
            return self.block_row(row);
        }
        if !self.is_declaration(&row) {
            let Some(span) = extent(&row) else { return };
            match repair::unknown(self.builder, &row) {
                Some(diagnostic) if self.func().is_none() => self.builder.report(diagnostic),
                _ => self.report_outside(span),
            }
            if self.func().is_some() {
                let stmts = statement_row(self.builder, row);
                self.adopt(stmts);
            } else {
                self.decls.push(Decl::Error(span));
            }
            return;
        }
        for one in split(row) {
            match repaired(self.builder, one, pieces::declarations, repair::declaration) {
                Ok(decls) => self.decls.extend(decls),
                Err(one) => self.decls.extend(guess(self.builder, one)),
            }
        }
    }

    /// The function that a row behind it may belong to.
    fn func(&mut self) -> Option<&mut FuncDecl> {
        match self.decls.get_mut(self.first..)?.last_mut()? {
            Decl::Func(func) => Some(func),
            _ => None,
        }
    }

    /// A block at the start of a line, behind a function.
    fn block_row(&mut self, mut row: Vec<Piece>) {
        let builder = self.builder;
        let behind = row.split_off(1);
        let Some(block) = row.into_iter().find_map(Piece::into_block) else { return };
        let Some(func) = self.func() else { return };
        if func.body.is_none() {
            let head = Span::at(func.span.end as usize);
            let open = Span::new(block.span.start as usize, block.span.start as usize + 1);
            let gap = builder.location(Span { start: head.end, end: open.start });
            let comment = !builder.trivia.comments_in(gap.span).is_empty();
            let message = format!("the block of `{}` must begin on the line of its head", func.name.text);
            let error = Diagnostic::error(codes::BLOCK_ON_NEXT_LINE, builder.location(open), message)
                .help("move the `{` to the end of the line above");
            builder.report(if comment { error } else { error.safe_fix("move the `{`", gap, " ") });
            func.span = func.span.to(block.span);
            func.body = Some(block);
        } else {
            self.report_outside(block.span);
            self.adopt(block.stmts);
        }
        if !behind.is_empty() {
            self.row(behind);
        }
    }

    /// Whether a row was meant as a declaration rather than as a statement.
    fn is_declaration(&mut self, row: &[Piece]) -> bool {
        let kinds: Vec<TokenKind> = row.iter().take(3).map(|piece| piece.kind).collect();
        let is_known = row.first().is_some_and(|first| is_kind(self.builder.slice(first.span)));
        let has_body = row
            .windows(2)
            .any(|pair| matches!(pair, [before, block] if before.kind == TokenKind::RParen && block.is_block()));
        match kinds.as_slice() {
            [TokenKind::Import | TokenKind::Export, ..] => true,
            [TokenKind::Ident, second, ..] if is_known && *second != TokenKind::LBrace => true,
            [TokenKind::Ident] => is_known,
            [TokenKind::Ident, ..] if has_body => true,
            [TokenKind::Ident, TokenKind::Ident, TokenKind::LParen] => self.func().is_none(),
            [TokenKind::Ident, TokenKind::LParen, ..] => self.func().is_none(),
            _ => false,
        }
    }

    /// Reports the first thing of this part that stands outside of a function.
    fn report_outside(&mut self, span: Span) {
        if std::mem::replace(&mut self.reported, true) {
            return;
        }
        let line = self.builder.slice(span).lines().next().map_or(0, str::len);
        let span = Span::new(span.start as usize, span.start as usize + line);
        let builder = self.builder;
        let error = Diagnostic::error(codes::NOT_A_DECLARATION, builder.location(span), "expected a declaration");
        builder.report(match self.func() {
            Some(func) if func.body.is_none() => {
                let head = builder.location(Span::at(func.span.end as usize));
                let message = format!("expected a declaration: the function `{}` has no block", func.name.text);
                Diagnostic { message, ..error }.help("open its block with `{`").fix("insert `{`", head, " {")
            }
            Some(func) => {
                let name = func.name.text.clone();
                error.help(format!("move it into a block: the block of `{name}` is closed above"))
            }
            None => error.help("write `import`, `export`, or a function such as `fs name() { … }`"),
        });
    }

    /// Gives statements to the function before them.
    fn adopt(&mut self, stmts: Vec<Stmt>) {
        let (Some(first), Some(last)) = (stmts.first(), stmts.last()) else { return };
        let span = first.span().to(last.span());
        let Some(func) = self.func() else { return };
        func.span = func.span.to(span);
        let body = func.body.get_or_insert_with(|| Block { span, stmts: Vec::new() });
        body.span = body.span.to(span);
        body.stmts.extend(stmts);
    }
}

/// Splits a row behind each block and before each `import` or `export` that is not a name.
fn split(row: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut parts = Vec::new();
    let mut part: Vec<Piece> = Vec::new();
    for piece in row {
        let begins = matches!(piece.kind, TokenKind::Import | TokenKind::Export)
            && part.last().is_some_and(|last| last.kind != TokenKind::Ident && last.kind != TokenKind::LParen);
        if begins {
            parts.push(std::mem::take(&mut part));
        }
        let ends = piece.is_block();
        part.push(piece);
        if ends {
            parts.push(std::mem::take(&mut part));
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// What can be told of a declaration that did not parse; its error has been reported.
fn guess(builder: &Builder<'_>, row: Vec<Piece>) -> Option<Decl> {
    let span = extent(&row)?;
    let ident = |piece: &Piece| builder.ident(piece.span.start as usize, piece.span.end as usize);
    let is_head = |piece: &&Piece| piece.kind != TokenKind::LParen && !piece.is_block();
    let names: Vec<Ident> = row
        .iter()
        .take_while(is_head)
        .filter(|piece| piece.kind == TokenKind::Ident || piece.kind.is_keyword())
        .map(ident)
        .collect();
    if row.first().is_some_and(|first| first.kind == TokenKind::Import) {
        let Some(name) = names.get(1).cloned() else { return Some(Decl::Error(span)) };
        let from = names.get(2).filter(|name| name.text == "from").map(|name| name.span);
        let source = Expr::Error(Span::at(span.end as usize));
        let doc = builder.trivia.doc(builder.text, span.start as usize);
        return Some(Decl::Import(ImportDecl { span, doc, name, from, source }));
    }
    let (kind, name) = match names.as_slice() {
        [kind, name, ..] => (kind.clone(), name.clone()),
        [name] if !is_kind(&name.text) => {
            (Ident { text: "".into(), span: Span::at(name.span.start as usize) }, name.clone())
        }
        _ => return Some(Decl::Error(span)),
    };
    if row.first().is_some_and(|first| first.kind == TokenKind::Export) {
        return Some(Decl::Error(span));
    }
    let params = params(builder, &row);
    let doc = builder.trivia.doc(builder.text, span.start as usize);
    let body = row.into_iter().find_map(Piece::into_block);
    Some(Decl::Func(FuncDecl { span, doc, kind, name, params, binds: None, body }))
}

/// The parameters of a head, if their list parses.
fn params(builder: &Builder<'_>, row: &[Piece]) -> Vec<Param> {
    let open = row.iter().position(|piece| piece.kind == TokenKind::LParen).unwrap_or(row.len());
    let list = row.iter().skip(open);
    let close = list.clone().position(|piece| piece.kind == TokenKind::RParen).unwrap_or(0);
    let list = list.take(close + 1).filter(|piece| piece.node.is_none());
    let list = list.map(|piece| Piece { kind: piece.kind, span: piece.span, node: None }).collect();
    pieces::params(builder, list).map(|(_, params)| params).unwrap_or_default()
}
