//! How statements look.
//!
//! Owns the style of blocks and of what stands in them.

use crate::ast::{BindTarget, Block, CallStmt, Expr, Ident, MatchArm, MatchExpr, Pattern, Stmt, TypeExpr};
use crate::format::doc::Doc;
use crate::format::layout::Element;
use crate::format::rules::Rules;
use crate::span::Span;

impl Rules<'_> {
    pub(super) fn block(&self, block: &Block) -> Doc {
        let stmts = block.stmts.iter().map(|stmt| Element { span: stmt.span(), doc: self.stmt(stmt) });
        self.braces(block.span, stmts.collect(), ";")
    }

    fn stmt(&self, stmt: &Stmt) -> Doc {
        match stmt {
            Stmt::Call(call) => self.call_stmt(call),
            Stmt::Expr(stmt) => self.expr(&stmt.expr),
            Stmt::Let(binding) => self.binding(binding.ty.as_ref(), &binding.name, &binding.value),
            Stmt::For(each) => {
                let head = Doc::text("for ").then(self.each(&each.names, &each.items));
                head.then(" ").then(self.block(&each.body))
            }
            Stmt::Assert(assert) => {
                let doc = Doc::text("assert ").then(self.expr(&assert.condition));
                match &assert.message {
                    Some(message) => {
                        doc.then(self.joint(",", assert.condition.span(), message.span(), || self.expr(message)))
                    }
                    None => doc,
                }
            }
            Stmt::Error(error) => self.verbatim(error.span),
        }
    }

    fn call_stmt(&self, call: &CallStmt) -> Doc {
        let mut doc = self.path(&call.callee);
        match call.parens {
            Some(parens) => doc = doc.then(self.args(parens, &call.args)),
            None => {
                for arg in &call.args {
                    doc = doc.then(" ").then(self.arg(arg));
                }
            }
        }
        if let Some(with) = &call.with {
            doc = doc.then(" with ").then(self.expr(&with.expr));
        }
        let Some(bind) = &call.bind else { return doc };
        match &bind.target {
            BindTarget::None => doc.then(" as"),
            BindTarget::Name(name) => doc.then(Doc::text(format!(" as {}", name.text))),
            BindTarget::List(parens, binds) => {
                let elements = binds.iter().map(|bind| {
                    let doc = Doc::text(format!("{} {}", bind.effect.text, bind.name.text));
                    Element { span: bind.span, doc }
                });
                doc.then(" as ").then(self.list(("(", ")"), *parens, elements.collect()))
            }
        }
    }

    /// `let type name = value`
    pub(super) fn binding(&self, ty: Option<&TypeExpr>, name: &Ident, value: &Expr) -> Doc {
        let ty = ty.map_or(Doc::nil(), |ty| self.ty(ty).then(" "));
        let doc = Doc::text("let ").then(ty).then(name.text.as_str());
        self.with_default(doc, name.span, Some(value))
    }

    /// What stands behind the `match` of an expression.
    pub(super) fn arms(&self, choice: &MatchExpr) -> Doc {
        let arms = choice.arms.iter().map(|arm| Element { span: arm.span, doc: self.arm(arm) });
        self.braces(choice.body, arms.collect(), ";")
    }

    fn arm(&self, arm: &MatchArm) -> Doc {
        let mut doc = Doc::nil();
        let mut before: Option<Span> = None;
        for pattern in &arm.patterns {
            doc = match before {
                None => self.pattern(pattern),
                Some(before) => doc.then(self.joint(",", before, pattern.span(), || self.pattern(pattern))),
            };
            before = Some(pattern.span());
        }
        // A statement without braces is the whole body.
        let body = match arm.body.stmts.as_slice() {
            [stmt] if stmt.span() == arm.body.span => self.stmt(stmt),
            _ => self.block(&arm.body),
        };
        doc.then(self.joint(" =>", before.unwrap_or(arm.span), arm.body.span, || body.clone()))
    }

    fn pattern(&self, pattern: &Pattern) -> Doc {
        match pattern {
            Pattern::Literal(expr) => self.expr(expr),
            Pattern::Name(name) => Doc::text(name.text.as_str()),
            Pattern::Member(path) => self.path(path),
            Pattern::Any(_) => Doc::text("_"),
            Pattern::Error(span) => self.verbatim(*span),
        }
    }
}
