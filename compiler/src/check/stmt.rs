//! Blocks and statements.
//!
//! Owns what a statement may be in a block of some type, and how the type of a block is found where none is written.

use hlb_language::ast::{self, Expr, Stmt};
use hlb_language::diagnostic::Diagnostic;
use hlb_language::span::Span;

use super::Checker;
use crate::codes;
use crate::deep::deep;
use crate::hir::{self, Each, ExprNode, LocalId};
use crate::types::{Expected, Type};

impl Checker<'_> {
    /// A block whose value some place takes. If the place takes several types, or any, the first value in the block decides.
    pub(super) fn block(&mut self, block: &ast::Block, expected: &Expected) -> hir::Block {
        deep(|| self.block_here(block, expected))
    }

    fn block_here(&mut self, block: &ast::Block, expected: &Expected) -> hir::Block {
        let at = self.at(block.span);
        let calls = self.enter_block();
        let names = block.stmts.iter().filter(|stmt| matches!(stmt, Stmt::Let(_))).count();
        if names > 0 {
            self.scopes.push();
        }
        let mut ty = match expected.types() {
            [only] if !only.is_open() => Some(only.clone()),
            _ => None,
        };
        let mut stmts = Vec::with_capacity(block.stmts.len());
        for stmt in &block.stmts {
            let place = ty.as_ref().map_or_else(|| expected.clone(), statement_of);
            if let Some((stmt, found)) = self.stmt(stmt, &place, ty.as_ref()) {
                if let hir::Stmt::Value(_) | hir::Stmt::Call(_) | hir::Stmt::If(_) | hir::Stmt::Match(_) = stmt {
                    ty = ty.or(found);
                }
                stmts.push(stmt);
            }
        }
        if names > 0 {
            self.leave_scope();
        }
        self.leave_block(calls);
        hir::Block { ty: ty.unwrap_or(Type::Never), stmts, at, names }
    }

    /// A statement, and the type of its value. `ty` is that of the block, where it is known.
    fn stmt(&mut self, stmt: &Stmt, place: &Expected, ty: Option<&Type>) -> Option<(hir::Stmt, Option<Type>)> {
        // What looks like another language may be half of ours while it is typed.
        if !self.probing() && self.foreign(stmt) {
            return None;
        }
        match stmt {
            Stmt::Call(call) => self.call_stmt(call, place),
            Stmt::Expr(stmt) => Some(self.value_stmt(&stmt.expr, place, ty)),
            Stmt::Let(stmt) => Some((hir::Stmt::Let(self.let_stmt(stmt)), None)),
            Stmt::For(stmt) => {
                let (items, types) = self.iterated(&stmt.items, &stmt.names);
                self.scopes.push();
                let local = LocalId(self.declared.program.locals.len());
                self.define_loop_names(&stmt.names, types);
                let inner = ty.map_or_else(|| place.clone(), |ty| Expected::just(ty.clone()));
                let body = self.block(&stmt.body, &inner);
                self.leave_scope();
                let (at, names) = (self.at(stmt.span), stmt.names.len());
                let found = body.ty.clone();
                let each = Each::Block(body);
                Some((hir::Stmt::For(Box::new(hir::For { at, names, local, items, each })), Some(found)))
            }
            Stmt::Assert(stmt) => Some((hir::Stmt::Assert(Box::new(self.assert(stmt, ty))), None)),
            // Reported by the parser. Of what type its blocks were meant to be is not known, and guessing would invent errors.
            Stmt::Error(stmt) => {
                self.broken(stmt, place);
                None
            }
        }
    }

    /// An expression as a statement; `if` and `match` go on with the value of the block.
    fn value_stmt(&mut self, expr: &Expr, place: &Expected, ty: Option<&Type>) -> (hir::Stmt, Option<Type>) {
        let inner = ty.map_or_else(|| place.clone(), |ty| Expected::just(ty.clone()));
        match expr {
            Expr::If(branches) => {
                let (checked, found) = self.branches(branches, &inner);
                (hir::Stmt::If(Box::new(checked)), Some(found))
            }
            Expr::Match(matched) => {
                let (checked, found) = self.arms(matched, &inner);
                (hir::Stmt::Match(Box::new(checked)), Some(found))
            }
            expr => {
                let value = self.expr(expr, place);
                let found = value.ty.clone();
                (hir::Stmt::Value(value), Some(found))
            }
        }
    }

    fn call_stmt(&mut self, stmt: &ast::CallStmt, place: &Expected) -> Option<(hir::Stmt, Option<Type>)> {
        if stmt.callee.member.is_none() && stmt.callee.head.text == "breakpoint" {
            // Stops a debugger, and is nothing to a build, whatever its arguments.
            return None;
        }
        if stmt.callee.member.is_none() && self.is_probe(&stmt.callee.head) {
            self.note(place, true, None);
            return None;
        }
        let args = (!stmt.args.is_empty() || stmt.parens.is_some()).then_some(stmt.args.as_slice());
        let called = super::call::Called {
            path: &stmt.callee,
            args,
            span: stmt.span,
            with: stmt.with.as_deref(),
            bind: stmt.bind.as_deref(),
            statement: true,
        };
        let value = self.called(called, place);
        self.pruned(stmt);
        let found = Some(value.ty.clone());
        match value.node {
            ExprNode::Call(call) => Some((hir::Stmt::Call(call), found)),
            ExprNode::Error => None,
            node => Some((hir::Stmt::Value(hir::Expr { node, ..value }), found)),
        }
    }

    fn let_stmt(&mut self, stmt: &ast::LetStmt) -> hir::Let {
        let expected = match &stmt.ty {
            Some(ty) => Expected::just(self.written(ty)),
            None => Expected::any(),
        };
        let result = self.own_result(&stmt.name);
        let expected = match result {
            Some((_, ref ty)) if expected.is_any() => Expected::just(ty.clone()),
            _ => expected,
        };
        let value = self.expr(&stmt.value, &expected);
        let at = self.at(stmt.name.span);
        if let Some(before) = self.scopes.defined_here(&stmt.name.text) {
            let message = format!("`{}` is defined twice in this block", stmt.name.text);
            self.report(
                Diagnostic::error(codes::REDEFINED, at, message)
                    .also(before, "first defined here")
                    .help("choose another name: a name stands for one value"),
            );
        }
        let ty = expected.first().cloned().unwrap_or_else(|| value.ty.clone());
        let local = LocalId(self.declared.program.locals.len());
        let index = self.define_local(&stmt.name, ty, "let");
        if let Some((id, _)) = result {
            self.refer(stmt.name.span, hir::Target::Bind(id));
            // Whoever calls the function uses it.
            self.scopes.find(&stmt.name.text);
        }
        hir::Let { index, local, value, result: result.map(|(id, _)| id) }
    }

    fn assert(&mut self, stmt: &ast::AssertStmt, ty: Option<&Type>) -> hir::Assert {
        let at = self.at(stmt.span);
        if ty != Some(&Type::Test) {
            self.report(
                Diagnostic::error(codes::ASSERT_PLACE, at, "`assert` stands only in the block of a `test`")
                    .help("write `test \"name\" { … }` around it"),
            );
        }
        let condition = self.expr(&stmt.condition, &Expected::just(Type::Bool));
        let message = stmt.message.as_ref().map(|message| self.expr(message, &Expected::just(Type::String)));
        hir::Assert { at, condition, message }
    }

    /// Reports a block that may end without a value, where its type has no empty one.
    pub(super) fn needs_value(&mut self, block: &hir::Block, ty: &Type, span: Span, name: &str) {
        let silent = ty.has_empty() || matches!(ty, Type::Unknown(_) | Type::Never);
        // An error in the block may be why there is none.
        if silent || yields(block) || self.has_error_in(block.at) {
            return;
        }
        let at = self.at(span);
        let what = if name.is_empty() { "this block".to_owned() } else { format!("`{name}`") };
        self.report(
            Diagnostic::error(codes::NO_VALUE, at, format!("{what} may end without a value of type `{ty}`"))
                .help("end it with a value, and give each `if` an `else`"),
        );
    }

    /// Whether an error has been reported in a place.
    pub(super) fn has_error_in(&self, place: hlb_language::diagnostic::Location) -> bool {
        self.diagnostics.iter().rev().take(64).any(|diagnostic| {
            let at = diagnostic.primary.at;
            diagnostic.is_error() && at.source == place.source && place.span.contains(at.span)
        })
    }
}

/// What a statement may be in a block of some type.
fn statement_of(ty: &Type) -> Expected {
    match ty {
        Type::List(item) => Expected::just((**item).clone()).or_list(),
        Type::Test => Expected::either(Type::Pipeline, Type::Fs),
        Type::Option(_) | Type::OwnOption(..) => Expected::just(ty.clone()).or_list(),
        other => Expected::just(other.clone()),
    }
}

/// Whether a block always has a value at its end.
fn yields(block: &hir::Block) -> bool {
    block.stmts.iter().any(|stmt| match stmt {
        hir::Stmt::Call(_) | hir::Stmt::Value(_) => true,
        hir::Stmt::If(checked) => {
            checked.otherwise.as_ref().is_some_and(yields) && checked.branches.iter().all(|(_, block)| yields(block))
        }
        // Arms take in every value, or an error has been reported.
        hir::Stmt::Match(matched) => matched.arms.iter().all(|arm| yields(&arm.body)),
        hir::Stmt::For(_) | hir::Stmt::Let(_) | hir::Stmt::Assert(_) => false,
    })
}
