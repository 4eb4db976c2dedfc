//! Functions as values.
//!
//! Owns function literals, and names of functions where a function is wanted.

use hlb_language::ast;

use super::Checker;
use crate::hir::{self, ExprNode, Lambda, LambdaId, LocalId, Param};
use crate::types::{Expected, FuncType, Type};

impl Checker<'_> {
    pub(super) fn lambda(&mut self, lambda: &ast::Lambda) -> (Type, ExprNode) {
        let at = self.at(lambda.span);
        let params: Vec<Param> = lambda
            .params
            .iter()
            .map(|param| Param {
                name: param.name.clone(),
                ty: self.written(&param.ty),
                variadic: param.variadic.is_some(),
                optional: false,
            })
            .collect();
        let result = self.written(&lambda.result);
        self.scopes.push();
        let local = LocalId(self.declared.program.locals.len());
        for (param, written) in params.iter().zip(&lambda.params) {
            if let Some(before) = self.scopes.defined_here(&param.name.text) {
                let at = self.at(param.name.span);
                let message = format!("`{}` is defined twice in this function", param.name.text);
                self.report(
                    hlb_language::diagnostic::Diagnostic::error(crate::codes::REDEFINED, at, message)
                        .also(before, "first defined here"),
                );
            }
            self.define_local(&param.name, param.value_type(), "fn");
            if let Some(default) = &written.default {
                let at = self.at(default.span());
                self.report(
                    hlb_language::diagnostic::Diagnostic::error(
                        crate::codes::VARIADIC,
                        at,
                        "a function literal is always given all of its arguments",
                    )
                    .help("remove the default"),
                );
            }
        }
        let body = self.block(&lambda.body, &Expected::just(result.clone()));
        self.needs_value(&body, &result, lambda.result.span(), "");
        self.leave_scope();
        let id = LambdaId(self.declared.program.lambdas.len());
        let names = params.iter().map(|param| param.name.text.clone()).collect();
        self.declared.program.lambdas.push(Lambda { at, params: names, local, body });
        let types = params.iter().map(Param::value_type).collect();
        (Type::Func(FuncType { params: types, result }.into()), ExprNode::Lambda(id))
    }

    /// Whether a function is wanted here, rather than what it gives.
    pub(super) fn wants_func(&self, expected: &Expected, result: &Type) -> bool {
        let wanted = expected.find(|ty| matches!(ty, Type::Func(_)).then_some(()));
        wanted.is_some() && (!expected.takes(result) || matches!(result, Type::Unknown(_)))
    }

    /// A function of the program, or a builtin, as a value.
    pub(super) fn as_value(&mut self, callee: &hir::Callee) -> Option<ExprNode> {
        match callee {
            hir::Callee::Func(id) => Some(ExprNode::Func(*id)),
            hir::Callee::Builtin(id) => Some(ExprNode::Builtin(*id)),
            _ => None,
        }
    }
}
