//! What the grammar reads, and how it makes nodes.
//!
//! Owns the grammar's terminals and the making of syntax nodes from them. Knows nothing of recovery.

use std::cell::RefCell;

use ecow::EcoString;

use crate::ast::*;
use crate::codes;
use crate::diagnostic::{Diagnostic, Location};
use crate::lexer::int_value;
use crate::parser::roles::Declared;
use crate::source::SourceId;
use crate::span::Span;
use crate::token::{Token, TokenKind};
use crate::trivia::Trivia;

/// A terminal of the grammar: a token, a word that is reserved in its place only, or a node parsed before.
#[derive(Clone, Debug)]
pub(crate) enum Symbol {
    Token(TokenKind),
    From,
    Binds,
    Variadic,
    /// A name that a repair put where the text has none.
    Name(Ident),
    /// The block of a function.
    Block(Block),
    /// The block of an `if`, an `else` or a `for`.
    HeaderBlock(Block),
    /// The arms of a `match`, with the span from brace to brace.
    Arms(Span, Vec<MatchArm>),
    /// The fields of a record, with the span from brace to brace.
    Fields(Span, Vec<Field>),
    /// The variants of an enum, with the span from brace to brace.
    Variants(Span, Vec<Ident>),
    /// A map, or an expression that could not be read.
    Expr(Box<Expr>),
    Quoted(StringLit),
    RawString(StringLit),
}

impl Symbol {
    /// The terminal of a token, given its neighbours.
    pub(crate) fn of(text: &str, before: Option<TokenKind>, token: Token, after: Option<TokenKind>) -> Self {
        if token.kind != TokenKind::Ident || before == Some(TokenKind::Dot) {
            return Symbol::Token(token.kind);
        }
        match text.get(token.span.range()) {
            Some("from") => Symbol::From,
            Some("variadic") => Symbol::Variadic,
            Some("binds") if before == Some(TokenKind::RParen) && after.is_some_and(TokenKind::opens_paren) => {
                Symbol::Binds
            }
            _ => Symbol::Token(TokenKind::Ident),
        }
    }
}

/// What the grammar's actions refuse: a place where no statement goes on like this.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    pub(crate) at: Span,
}

/// What stands between the braces of a map.
#[derive(Clone, Debug)]
pub(crate) enum MapBody {
    Entries(Vec<Entry>),
    Each(Box<Comprehension>),
}

/// What stands before the type of a declaration, and its type.
pub(crate) struct Head {
    pub(crate) export: Option<Span>,
    pub(crate) result: TypeExpr,
    pub(crate) name: Ident,
    pub(crate) type_params: Vec<Ident>,
}

/// Makes nodes from what the grammar found.
pub(crate) struct Builder<'a> {
    pub(crate) source: SourceId,
    pub(crate) text: &'a str,
    pub(crate) trivia: &'a Trivia,
    /// The reserved words that the text has for names; recovery tells clashes by it.
    pub(crate) declared: Declared,
    /// Errors of valid syntax, such as an empty interpolation.
    pub(crate) diagnostics: RefCell<Vec<Diagnostic>>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(source: SourceId, text: &'a str, trivia: &'a Trivia) -> Self {
        Self { source, text, trivia, declared: Declared::default(), diagnostics: RefCell::new(Vec::new()) }
    }

    pub(crate) fn slice(&self, span: Span) -> &'a str {
        self.text.get(span.range()).unwrap_or("")
    }

    pub(crate) fn ident(&self, start: usize, end: usize) -> Ident {
        let span = Span::new(start, end);
        Ident { text: EcoString::from(self.slice(span)), span }
    }

    pub(crate) fn import(&self, start: usize, name: Ident, from: Option<Span>, source: Expr) -> Decl {
        let span = Span::at(start).to(source.span());
        Decl::Import(Box::new(ImportDecl { span, doc: self.trivia.doc(self.text, start), name, from, source }))
    }

    fn doc(&self, span: Span) -> Option<EcoString> {
        self.trivia.doc(self.text, span.start as usize)
    }

    pub(crate) fn func(
        &self,
        head: Head,
        params: (Span, Vec<Param>),
        options: Option<OptionsClause>,
        binds: Option<BindsClause>,
        body: Option<Block>,
    ) -> Decl {
        let Head { export, result, name, type_params } = head;
        let end = (body.as_ref().map(|body| body.span))
            .or(binds.as_ref().map(|binds| binds.span))
            .or(options.as_ref().map(|options| options.span))
            .unwrap_or(params.0);
        // Recovery may have put a type before a name that stands before it.
        let span = export.unwrap_or(result.span()).to(name.span).to(end);
        let doc = self.doc(span);
        Decl::Func(Box::new(FuncDecl {
            span,
            doc,
            export,
            result,
            name,
            type_params,
            params: params.1,
            options,
            binds,
            body,
        }))
    }

    pub(crate) fn constant(
        &self,
        export: Option<Span>,
        start: usize,
        ty: Option<TypeExpr>,
        name: Ident,
        value: Expr,
    ) -> Decl {
        let span = export.unwrap_or(Span::at(start)).to(value.span());
        Decl::Let(Box::new(LetDecl { span, doc: self.doc(span), export, ty, name, value }))
    }

    pub(crate) fn record(
        &self,
        export: Option<Span>,
        start: usize,
        name: Ident,
        (body, fields): (Span, Vec<Field>),
    ) -> Decl {
        let span = export.unwrap_or(Span::at(start)).to(body);
        Decl::Record(Box::new(RecordDecl { span, doc: self.doc(span), export, name, body, fields }))
    }

    pub(crate) fn field(&self, ty: TypeExpr, name: Ident, default: Option<Expr>) -> Field {
        let span = ty.span().to(name.span).to(default.as_ref().map_or(name.span, Expr::span));
        Field { span, doc: self.doc(span), ty, name, default: default.map(Box::new) }
    }

    pub(crate) fn variants(
        &self,
        export: Option<Span>,
        start: usize,
        name: Ident,
        (body, variants): (Span, Vec<Ident>),
    ) -> Decl {
        let span = export.unwrap_or(Span::at(start)).to(body);
        Decl::Enum(Box::new(EnumDecl { span, doc: self.doc(span), export, name, body, variants }))
    }

    pub(crate) fn test(&self, start: usize, name: StringLit, body: Block) -> Decl {
        let span = Span::at(start).to(body.span);
        Decl::Test(Box::new(TestDecl { span, doc: self.doc(span), name, body }))
    }

    pub(crate) fn param(&self, variadic: Option<Span>, ty: TypeExpr, name: Ident, default: Option<Expr>) -> Param {
        let end = default.as_ref().map_or(name.span, Expr::span);
        let span = variadic.unwrap_or(ty.span()).to(name.span).to(end);
        Param { span, variadic, ty, name, default: default.map(Box::new) }
    }

    /// `map[type]`; no other name takes a type in brackets.
    pub(crate) fn map_type(&self, head: &Ident, inner: TypeExpr, end: usize) -> Result<TypeExpr, Refused> {
        if head.text != "map" {
            return Err(Refused { at: Span::at(head.span.end as usize) });
        }
        Ok(TypeExpr::Map(head.span.to(Span::at(end)), Box::new(inner)))
    }

    /// A map from brace to brace.
    pub(crate) fn map(&self, start: usize, end: usize, body: MapBody) -> Expr {
        let span = Span::new(start, end);
        match body {
            MapBody::Entries(entries) => Expr::Map(MapLit { span, entries }),
            MapBody::Each(each) => Expr::For(Box::new(Comprehension { span, ..*each })),
        }
    }

    /// An operand and what follows it: the first `.name` makes a path, arguments behind a path make a call.
    pub(crate) fn postfix(&self, base: Expr, ops: Vec<PostfixOp>) -> Expr {
        let mut base = base;
        let mut rest = Vec::new();
        for op in ops {
            if !rest.is_empty() {
                rest.push(op);
                continue;
            }
            base = match (base, op) {
                (Expr::Call(mut call), PostfixOp::Field(member))
                    if call.args.is_none() && call.callee.member.is_none() =>
                {
                    call.span = call.span.to(member.span);
                    call.callee.span = call.span;
                    call.callee.member = Some(member);
                    Expr::Call(call)
                }
                (Expr::Call(mut call), PostfixOp::Call(parens, args)) if call.args.is_none() => {
                    call.span = call.span.to(parens);
                    call.args = Some((parens, args));
                    Expr::Call(call)
                }
                (base, op) => {
                    rest.push(op);
                    base
                }
            };
        }
        if rest.is_empty() {
            return base;
        }
        let ends = rest.iter().map(|op| match op {
            PostfixOp::Field(name) => name.span,
            PostfixOp::Call(span, _) | PostfixOp::Index(span, _) => *span,
        });
        Expr::Postfix(Postfix { span: ends.fold(base.span(), Span::to), base: Box::new(base), ops: rest })
    }

    pub(crate) fn unary(&self, ops: Vec<(UnaryOp, Span)>, operand: Expr) -> Expr {
        let start = ops.first().map_or(operand.span(), |(_, span)| *span);
        Expr::Unary(UnaryExpr { span: start.to(operand.span()), ops, operand: Box::new(operand) })
    }

    /// Operands with operators between them: what binds least is outermost, and each level is flat. Comparisons do not chain.
    pub(crate) fn binary(&self, first: Expr, rest: Vec<(BinaryOp, Span, Expr)>) -> Result<Expr, Refused> {
        let Some(level) = rest.iter().map(|(op, ..)| op.level()).min() else { return Ok(first) };
        let mut signs: Vec<(BinaryOp, Span)> = Vec::new();
        let mut operands = Vec::new();
        let mut group = (first, Vec::new());
        for (op, at, operand) in rest {
            if op.level() != level {
                group.1.push((op, at, operand));
            } else if op.compares() && !signs.is_empty() {
                return Err(Refused { at });
            } else {
                signs.push((op, at));
                let (first, rest) = std::mem::replace(&mut group, (operand, Vec::new()));
                operands.push(self.binary(first, rest)?);
            }
        }
        operands.push(self.binary(group.0, group.1)?);
        let span = operands.iter().map(Expr::span).reduce(Span::to).unwrap_or_default();
        let mut operands = operands.into_iter();
        let first = Box::new(operands.next().unwrap_or(Expr::Error(span)));
        let rest = signs.into_iter().zip(operands).map(|((op, at), operand)| (op, at, operand)).collect();
        Ok(Expr::Binary(BinaryExpr { span, first, rest }))
    }

    pub(crate) fn condition(
        &self,
        first: (usize, Expr, Block),
        others: Vec<(usize, Expr, Block)>,
        otherwise: Option<Block>,
    ) -> Expr {
        let branch = |(start, condition, body): (usize, Expr, Block)| IfBranch {
            span: Span::at(start).to(condition.span()).to(body.span),
            condition,
            body,
        };
        let start = Span::at(first.0);
        let branches: Vec<IfBranch> = std::iter::once(first).chain(others).map(branch).collect();
        let span = branches.iter().map(|branch| branch.span).chain(otherwise.as_ref().map(|body| body.span));
        let span = span.fold(start, Span::to);
        Expr::If(Box::new(IfExpr { span, branches, otherwise }))
    }

    pub(crate) fn arm(&self, patterns: Vec<Pattern>, body: Block) -> MatchArm {
        let start = patterns.first().map_or(body.span, Pattern::span);
        let span = patterns.iter().map(Pattern::span).fold(start, Span::to).to(body.span);
        MatchArm { span, patterns, body }
    }

    pub(crate) fn name_pattern(&self, name: Ident) -> Pattern {
        if name.text == "_" { Pattern::Any(name.span) } else { Pattern::Name(name) }
    }

    /// The statements that items side by side make: literals are statements of their own, a path takes what follows for its
    /// arguments, and all else stands alone.
    pub(crate) fn items(
        &self,
        first: Arg,
        rest: Vec<Arg>,
        with: Option<WithClause>,
        bind: Option<BindClause>,
    ) -> Result<Vec<Stmt>, Refused> {
        let mut stmts = Vec::with_capacity(1);
        let (mut item, mut rest) = (first, rest.into_iter());
        loop {
            let next = rest.as_slice().first();
            let expr = match item {
                Arg::Value(Expr::Call(call)) => {
                    let CallExpr { callee, args, .. } = *call;
                    if let Some((parens, args)) = args {
                        if let Some(next) = next {
                            return Err(Refused { at: next.span() });
                        }
                        stmts.push(self.call(callee, Some(parens), args, with, bind));
                        return Ok(stmts);
                    }
                    // Where the file declares `let`, this is still no call, and nobody calls what is called like the rest.
                    let is_word = ["let", "const", "var"].contains(&callee.head.text.as_str());
                    if let Some(Arg::Named(span, _, _)) = next.filter(|_| is_word && callee.member.is_none()) {
                        return Err(Refused { at: *span });
                    }
                    stmts.push(self.call(callee, None, rest.collect(), with, bind));
                    return Ok(stmts);
                }
                Arg::Value(expr) => expr,
                Arg::Named(_, name, _) => return Err(Refused { at: name.span }),
                Arg::Spread(span, _) => return Err(Refused { at: span }),
            };
            let is_literal = matches!(expr, Expr::Int(_) | Expr::Bool(_) | Expr::String(_));
            match next {
                Some(next) if !is_literal => return Err(Refused { at: next.span() }),
                _ => stmts.push(Stmt::Expr(ExprStmt { span: expr.span(), expr })),
            }
            match rest.next() {
                Some(next) => item = next,
                None => break,
            }
        }
        match with.map(|with| with.span).or(bind.map(|bind| bind.span)) {
            Some(at) => Err(Refused { at }),
            None => Ok(stmts),
        }
    }

    /// The one statement that items make behind `=>`, as a block.
    pub(crate) fn arm_body(&self, stmts: Vec<Stmt>) -> Result<Block, Refused> {
        match stmts.as_slice() {
            [stmt] => Ok(Block { span: stmt.span(), stmts }),
            [_, second, ..] => Err(Refused { at: second.span() }),
            [] => Ok(Block { span: Span::default(), stmts }),
        }
    }

    fn call(
        &self,
        callee: Path,
        parens: Option<Span>,
        args: Vec<Arg>,
        with: Option<WithClause>,
        bind: Option<BindClause>,
    ) -> Stmt {
        // A repair may have put the parts in another order than that of the text.
        let clauses = [parens, with.as_ref().map(|with| with.span), bind.as_ref().map(|bind| bind.span)];
        let parts = args.iter().map(Arg::span).chain(clauses.into_iter().flatten());
        let span = parts.fold(callee.span, Span::to);
        let (with, bind) = (with.map(Box::new), bind.map(Box::new));
        Stmt::Call(Box::new(CallStmt { span, doc: self.doc(span), callee, parens, args, with, bind }))
    }

    pub(crate) fn int(&self, start: usize, end: usize) -> Expr {
        let span = Span::new(start, end);
        // A number without a value has been reported by the lexer.
        Expr::Int(IntLit { span, value: int_value(self.slice(span)).unwrap_or(0) })
    }

    pub(crate) fn truth(&self, start: usize, end: usize) -> Expr {
        let span = Span::new(start, end);
        Expr::Bool(BoolLit { span, value: self.slice(span) == "true" })
    }

    /// A string from its opener (`start..opener`, for heredocs) to its closer.
    pub(crate) fn string(&self, start: usize, opener: usize, end: usize, parts: Vec<StringPart>) -> StringLit {
        let span = Span::new(start, end);
        let form = match self.text.as_bytes().get(start) {
            Some(b'<') => heredoc_form(self.slice(Span::new(start, opener))),
            Some(b'`') => StringForm::Raw,
            _ => StringForm::Quoted,
        };
        StringLit { span, form, parts }
    }

    pub(crate) fn interpolation(&self, start: usize, end: usize, expr: Option<Expr>) -> StringPart {
        let span = Span::new(start, end);
        // One that lacks its closer has been reported by the lexer.
        if expr.is_none() && self.slice(span).ends_with('}') {
            self.report(
                Diagnostic::error(codes::EMPTY_INTERPOLATION, self.location(span), "the interpolation is empty")
                    .help("put an expression between the braces, or write `\\${}` for the characters themselves"),
            );
        }
        StringPart::Interpolation(span, expr.map(Box::new))
    }

    pub(crate) fn report(&self, diagnostic: Diagnostic) {
        self.diagnostics.borrow_mut().push(diagnostic);
    }

    pub(crate) fn location(&self, span: Span) -> Location {
        Location { source: self.source, span }
    }
}

/// The form that a heredoc's opener says: ``<<-`WORD` `` and its like.
fn heredoc_form(opener: &str) -> StringForm {
    let rest = opener.trim_start_matches('<');
    let (layout, rest) = match (rest.strip_prefix('-'), rest.strip_prefix('~')) {
        (Some(rest), _) => (HeredocLayout::Dedent, rest),
        (_, Some(rest)) => (HeredocLayout::Fold, rest),
        _ => (HeredocLayout::Literal, rest),
    };
    StringForm::Heredoc { layout, raw: rest.starts_with('`'), word: EcoString::from(rest.trim_matches('`')) }
}
