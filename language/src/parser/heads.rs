//! Declarations of broken texts.
//!
//! Reads the rows outside of blocks. What stands behind a function and is no declaration is taken for statements of that
//! function, whose block was closed too early or never opened.

use crate::ast::{
    Block, Decl, Expr, FuncDecl, Ident, ImportDecl, LetDecl, Param, Stmt, StringForm, StringLit, TestDecl, TypeExpr,
};
use crate::codes;
use crate::diagnostic::Diagnostic;
use crate::lexer::is_kind;
use crate::parser::pieces::{self, Finished, Piece};
use crate::parser::recover::{extent, finish, repaired, statement_row};
use crate::parser::repair;
use crate::parser::symbols::{Builder, Head};
use crate::parser::tree::Node;
use crate::span::Span;
use crate::token::TokenKind;

/// Reads the declarations of one part of the text, as `tree::declarations` cuts it. Tells whether something that is no
/// declaration was found and reported. `is_balanced` says whether each brace of the part has its counterpart.
pub(crate) fn declarations(builder: &Builder<'_>, nodes: Vec<Node>, is_balanced: bool, decls: &mut Vec<Decl>) -> bool {
    let mut part = Part { builder, first: decls.len(), decls, is_balanced, reported: false };
    for row in pieces::rows(builder, nodes) {
        if row.nodes.is_empty() {
            if let Some(end) = row.end.filter(|end| end.kind == TokenKind::Semicolon) {
                part.report_outside(end.span);
            }
            continue;
        }
        let end = row.end;
        let before = builder.diagnostics.borrow().len();
        let row = finish(builder, row.nodes, 0);
        part.row(row, before);
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
    is_balanced: bool,
    /// Whether statements outside of a function have been reported.
    reported: bool,
}

impl Part<'_, '_> {
    /// Reads one row; `before` is how many diagnostics there were before what stands in it was read.
    fn row(&mut self, row: Vec<Piece>, before: usize) {
        if self.is_inner_let(&row) {
            let Some(span) = extent(&row) else { return };
            self.report_outside(span);
            let stmts = statement_row(self.builder, row);
            return self.adopt(stmts);
        }
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
            return self.block_row(row, before);
        }
        if !self.is_declaration(&row) {
            let Some(span) = extent(&row) else { return };
            if self.func().is_none() {
                // Mistakes in what is nothing are no other mistakes.
                self.builder.diagnostics.borrow_mut().truncate(before);
            }
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

    /// Whether a row is an indented `let` behind a function: one of its statements, whose block was closed too early.
    fn is_inner_let(&mut self, row: &[Piece]) -> bool {
        if self.is_balanced {
            return false;
        }
        let trivia = self.builder.trivia;
        let is_indented = |piece: &Piece| trivia.line_start(piece.span.start) != piece.span.start;
        row.first().is_some_and(|first| first.kind == TokenKind::Let && is_indented(first)) && self.func().is_some()
    }

    /// The function that a row behind it may belong to.
    fn func(&mut self) -> Option<&mut FuncDecl> {
        match self.decls.get_mut(self.first..)?.last_mut()? {
            Decl::Func(func) => Some(func),
            _ => None,
        }
    }

    /// A block at the start of a line, behind a function.
    fn block_row(&mut self, mut row: Vec<Piece>, before: usize) {
        let builder = self.builder;
        let behind = row.split_off(1);
        let Some(block) = row.into_iter().flat_map(Piece::into_blocks).next() else { return };
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
            self.row(behind, before);
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
            [TokenKind::Import | TokenKind::Export | TokenKind::ExportPrefix, ..] => true,
            [TokenKind::Let | TokenKind::Type | TokenKind::Enum | TokenKind::Test, ..] => true,
            [TokenKind::Ident, second, ..] if is_known && !second.opens_brace() => true,
            [TokenKind::Ident] => is_known,
            [TokenKind::Ident | TokenKind::LBracket | TokenKind::Fn, ..] if has_body => true,
            [TokenKind::Ident, TokenKind::Ident, open] if open.opens_paren() => self.func().is_none(),
            [TokenKind::Ident, open, ..] if open.opens_paren() => self.func().is_none(),
            // `x = 1`, which was to be a constant.
            [TokenKind::Ident, TokenKind::Assign, ..] => self.func().is_none(),
            [TokenKind::Ident, TokenKind::Ident, TokenKind::Assign] => self.func().is_none(),
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
            None => outside(error, builder.slice(span)),
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

/// What can be done about a line that is no declaration, where there is no function before it.
fn outside(error: Diagnostic, line: &str) -> Diagnostic {
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    let rest = rest.trim();
    let path = rest.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|path| !path.contains('"'));
    match (word, path) {
        ("include" | "require" | "source" | "use", Some(path)) => match repair::module_name(path) {
            Some(name) => {
                let (at, written) = (error.primary.at, format!("import {name} from {rest}"));
                error.help(format!("write `{written}`")).fix("import it", at, written)
            }
            None => error.help(format!("write `import name from {rest}`")),
        },
        _ if rest.starts_with(|first: char| first.is_ascii_alphanumeric() || "\"`/.[".contains(first)) => {
            error.help("put it into the block of a function, such as `fs default() { … }`")
        }
        _ => error.help("write `import`, `export`, `let`, or a function such as `fs name() { … }`"),
    }
}

/// Splits a row behind each block and before each `import` or `export` that is not a name.
fn split(row: Vec<Piece>) -> Vec<Vec<Piece>> {
    let mut parts = Vec::new();
    let mut part: Vec<Piece> = Vec::new();
    for piece in row {
        let begins = matches!(piece.kind, TokenKind::Import | TokenKind::Export | TokenKind::ExportPrefix)
            && part.last().is_some_and(|last| last.kind != TokenKind::Ident && !last.kind.opens_paren());
        if begins {
            parts.push(std::mem::take(&mut part));
        }
        let kind = piece.kind;
        let is_group = piece.is_group();
        part.push(piece);
        // The blocks in the value of a `let` are parts of it.
        let in_value = part.iter().take(2).any(|piece| piece.kind == TokenKind::Let);
        let ends = matches!(kind, TokenKind::LBrace | TokenKind::RecordBrace | TokenKind::EnumBrace);
        if is_group && ends && !in_value {
            parts.push(std::mem::take(&mut part));
        }
    }
    if !part.is_empty() {
        parts.push(part);
    }
    parts
}

/// What can be told of a declaration that did not parse; its error has been reported.
fn guess(builder: &Builder<'_>, mut row: Vec<Piece>) -> Option<Decl> {
    let span = extent(&row)?;
    let export = row.first().filter(|first| first.kind == TokenKind::ExportPrefix).map(|first| first.span);
    if export.is_some() {
        row.remove(0);
    }
    let doc = builder.trivia.doc(builder.text, span.start as usize);
    Some(match row.first().map(|first| first.kind) {
        Some(TokenKind::Import) => guess_import(builder, &row, span),
        Some(TokenKind::Let) => match binding(builder, &mut row) {
            Some((ty, name, end)) => {
                let value = Expr::Error(Span::at(end as usize).to(Span::at(span.end as usize)));
                Decl::Let(Box::new(LetDecl { span, doc, export, ty, name, value }))
            }
            None => Decl::Error(span),
        },
        Some(TokenKind::Type | TokenKind::Enum) => guess_type(builder, row, export, span),
        Some(TokenKind::Test) => {
            let mut name =
                StringLit { span: Span::at(span.start as usize), form: StringForm::Quoted, parts: Vec::new() };
            let mut body = None;
            for piece in row {
                match piece.node {
                    Some(Finished::String(string)) => name = string,
                    Some(Finished::Block(block)) => body = Some(block),
                    _ => {}
                }
            }
            body.map_or(Decl::Error(span), |body| Decl::Test(Box::new(TestDecl { span, doc, name, body })))
        }
        Some(TokenKind::Export) | None => Decl::Error(span),
        Some(_) => guess_func(builder, row, export, span),
    })
}

/// The names at the start of a row.
fn names(builder: &Builder<'_>, row: &[Piece]) -> Vec<Ident> {
    let is_head = |piece: &&Piece| !piece.kind.opens_paren() && !piece.is_group();
    let names =
        row.iter().take_while(is_head).filter(|piece| piece.kind == TokenKind::Ident || piece.kind.is_keyword());
    names.map(|piece| ident(builder, piece)).collect()
}

fn ident(builder: &Builder<'_>, piece: &Piece) -> Ident {
    match &piece.node {
        Some(Finished::Name(name)) => name.clone(),
        _ => builder.ident(piece.span.start as usize, piece.span.end as usize),
    }
}

fn guess_import(builder: &Builder<'_>, row: &[Piece], span: Span) -> Decl {
    let names = names(builder, row);
    let Some(name) = names.get(1).cloned() else { return Decl::Error(span) };
    let from = names.get(2).filter(|name| name.text == "from").map(|name| name.span);
    let source = Expr::Error(Span::at(span.end as usize));
    let doc = builder.trivia.doc(builder.text, span.start as usize);
    Decl::Import(Box::new(ImportDecl { span, doc, name, from, source }))
}

/// A record or an enum, if it has a name and braces.
fn guess_type(builder: &Builder<'_>, row: Vec<Piece>, export: Option<Span>, span: Span) -> Decl {
    let start = span.start as usize;
    let Some(name) = names(builder, &row).into_iter().next() else { return Decl::Error(span) };
    let group = row.into_iter().find(Piece::is_group);
    match group.map(|group| (group.span, group.node)) {
        Some((body, Some(Finished::Fields(fields)))) => builder.record(export, start, name, (body, fields)),
        Some((body, Some(Finished::Variants(variants)))) => builder.variants(export, start, name, (body, variants)),
        _ => Decl::Error(span),
    }
}

/// The type and the name of a `let` whose value cannot be read, and where that begins. Takes their pieces.
pub(crate) fn binding(builder: &Builder<'_>, row: &mut Vec<Piece>) -> Option<(Option<TypeExpr>, Ident, u32)> {
    let is_end = |piece: &Piece| matches!(piece.kind, TokenKind::Assign | TokenKind::Newline) || piece.is_group();
    let end = row.iter().position(is_end).unwrap_or(row.len());
    let name = row.get(end.checked_sub(1)?).filter(|piece| piece.kind == TokenKind::Ident)?;
    let name = ident(builder, name);
    let behind =
        row.get(end).filter(|piece| piece.kind == TokenKind::Assign).map_or(name.span.end, |piece| piece.span.end);
    let head: Vec<Piece> = row.drain(..end).collect();
    let ty: Vec<Piece> = head.into_iter().skip(1).take(end.saturating_sub(2)).collect();
    Some((pieces::any_type(builder, ty).ok(), name, behind))
}

/// A function: its name stands before the first parenthesis, or is the second name of the row.
fn guess_func(builder: &Builder<'_>, mut row: Vec<Piece>, export: Option<Span>, span: Span) -> Decl {
    let depths = pieces::depths(row.iter().map(|piece| piece.kind));
    let is_open = |(piece, depth): (&Piece, &usize)| piece.kind.opens_paren() && *depth == 0;
    let open = row.iter().zip(&depths).position(is_open);
    let before = open.and_then(|open| Some((open, row.get(open.checked_sub(1)?)?)));
    // `name<T(`, whose `>` lacks.
    let is_generic = row.get(2).is_some_and(|piece| piece.kind == TokenKind::Less);
    let typed = before
        .filter(|_| !is_generic)
        .filter(|(open, name)| *open > 2 && name.kind == TokenKind::Ident && name.node.is_none());
    let (result, name) = match (typed, names(builder, &row).as_slice()) {
        (Some((open, name)), _) => {
            let name = ident(builder, name);
            let ty: Vec<Piece> = row.drain(..open - 1).collect();
            let first = ty.first().map_or(span, |piece| piece.span);
            let result = pieces::any_type(builder, ty).unwrap_or(nameless(first));
            (result, name)
        }
        (None, [kind, name, ..]) => (TypeExpr::Name(kind.clone()), name.clone()),
        (None, [name]) if !is_kind(&name.text) => (nameless(name.span), name.clone()),
        _ => return Decl::Error(span),
    };
    let params = params(builder, &mut row);
    let body = row.into_iter().flat_map(Piece::into_blocks).next();
    let head = Head { export, result, name, type_params: Vec::new() };
    let end = Span::at(span.end as usize);
    match builder.func(head, (end, params), None, None, body) {
        Decl::Func(func) => Decl::Func(Box::new(FuncDecl { span: func.span.to(span), ..*func })),
        decl => decl,
    }
}

/// A type that is not there.
fn nameless(before: Span) -> TypeExpr {
    TypeExpr::Name(Ident { text: "".into(), span: Span::at(before.start as usize) })
}

/// The parameters of a head, if their list parses. Takes their pieces.
fn params(builder: &Builder<'_>, row: &mut Vec<Piece>) -> Vec<Param> {
    let Some(open) = row.iter().position(|piece| piece.kind.opens_paren()) else { return Vec::new() };
    let kinds: Vec<TokenKind> = row.iter().map(|piece| piece.kind).collect();
    let close = pieces::partners(&kinds).get(open).copied().flatten();
    let Some(close) = close else { return Vec::new() };
    let list = row.drain(open..=close).collect();
    pieces::params(builder, list).map(|(_, params)| params).unwrap_or_default()
}
