//! What the grammar reads, and how it makes nodes.
//!
//! Owns the grammar's terminals and the making of syntax nodes from them. Knows nothing of recovery.

use std::cell::RefCell;

use ecow::EcoString;

use crate::ast::*;
use crate::codes;
use crate::diagnostic::{Diagnostic, Location};
use crate::lexer::int_value;
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
    Block(Block),
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
            Some("binds") if before == Some(TokenKind::RParen) && after == Some(TokenKind::LParen) => Symbol::Binds,
            _ => Symbol::Token(TokenKind::Ident),
        }
    }
}

/// Makes nodes from what the grammar found.
pub(crate) struct Builder<'a> {
    pub(crate) source: SourceId,
    pub(crate) text: &'a str,
    pub(crate) trivia: &'a Trivia,
    /// Errors of valid syntax, such as an empty interpolation.
    pub(crate) diagnostics: RefCell<Vec<Diagnostic>>,
}

impl<'a> Builder<'a> {
    pub(crate) fn new(source: SourceId, text: &'a str, trivia: &'a Trivia) -> Self {
        Self { source, text, trivia, diagnostics: RefCell::new(Vec::new()) }
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
        Decl::Import(ImportDecl { span, doc: self.trivia.doc(self.text, start), name, from, source })
    }

    pub(crate) fn func(
        &self,
        kind: Ident,
        name: Ident,
        params: (Span, Vec<Param>),
        binds: Option<BindsClause>,
        body: Option<Block>,
    ) -> Decl {
        let end = body.as_ref().map(|body| body.span).or(binds.as_ref().map(|binds| binds.span)).unwrap_or(params.0);
        let doc = self.trivia.doc(self.text, kind.span.start as usize);
        Decl::Func(FuncDecl { span: kind.span.to(end), doc, kind, name, params: params.1, binds, body })
    }

    pub(crate) fn call(
        &self,
        callee: Path,
        args: Vec<Expr>,
        with: Option<WithClause>,
        bind: Option<BindClause>,
    ) -> Stmt {
        let end = (bind.as_ref().map(|bind| bind.span))
            .or(with.as_ref().map(|with| with.span))
            .or(args.last().map(Expr::span))
            .unwrap_or(callee.span);
        let doc = self.trivia.doc(self.text, callee.span.start as usize);
        Stmt::Call(CallStmt { span: callee.span.to(end), doc, callee, args, with, bind })
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
