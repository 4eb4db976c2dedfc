//! Arguments that are written out, held against the rules of builtins.
//!
//! Owns what can be told of arguments before they are evaluated.

use ecow::EcoString;
use hlb_language::ast;
use hlb_language::diagnostic::{Diagnostic, Location};

use super::Checker;
use crate::builtins::{self, Constant, Rule};
use crate::codes;
use crate::hir::{self, BuiltinId, ExprNode, TextPart};

impl Checker<'_> {
    /// Arguments that are written out are checked here, others when they are evaluated.
    pub(super) fn rules(&mut self, id: BuiltinId, args: &[hir::Arg]) {
        let Some(builtin) = self.declared.program.builtin(id) else { return };
        if builtin.rules.is_empty() {
            return;
        }
        let mut found = Vec::new();
        for (index, arg) in args.iter().enumerate() {
            let (one, many): (_, &[hir::Item]) = match arg {
                hir::Arg::One(expr) => (Some(expr), &[]),
                hir::Arg::Many(items) => (None, items),
                hir::Arg::Default => continue,
            };
            let single = many.iter().filter(|item| !item.spread).map(|item| &item.expr);
            for expr in one.into_iter().chain(single) {
                for rule in builtin.rules_of(index) {
                    let broken = match &expr.node {
                        ExprNode::Int(number) => rule.check(Constant::Int(*number)).err(),
                        ExprNode::Text(_) => written(expr).and_then(|text| rule.check(Constant::Text(&text)).err()),
                        _ => None,
                    };
                    match broken {
                        Some(broken) => found.push(broken.at(expr.at)),
                        None if matches!(rule, Rule::FileMode) => {
                            found.extend(decimal_mode(self.text(expr.at.span), expr.at))
                        }
                        None => {}
                    }
                }
            }
        }
        for diagnostic in found {
            self.report(diagnostic);
        }
    }

    /// Warns of a command whose root is read-only and of whose mounts none is bound: nothing can need it.
    pub(super) fn pruned(&mut self, stmt: &ast::CallStmt) {
        let named = |path: &ast::Path, name: &str| path.member.is_none() && path.head.text == name;
        let readonly = match stmt.with.as_ref().map(|with| &with.expr) {
            Some(ast::Expr::Call(call)) => named(&call.callee, "readonlyRootfs").then_some(call.span),
            Some(ast::Expr::Func(literal)) => {
                let calls = || {
                    literal.body.stmts.iter().filter_map(|stmt| match stmt {
                        ast::Stmt::Call(call) => Some(call),
                        _ => None,
                    })
                };
                let binds = calls().any(|call| call.bind.is_some());
                calls().find(|call| named(&call.callee, "readonlyRootfs") && !binds).map(|call| call.span)
            }
            _ => None,
        };
        if let Some(span) = readonly.filter(|_| named(&stmt.callee, "run")) {
            let at = self.at(span);
            self.report(
                Diagnostic::warning(
                    codes::PRUNED,
                    at,
                    "this command will not run: it can change nothing that is used later",
                )
                .help("mount a filesystem for its results and bind it with `as`, or allow it to write to the root"),
            );
        }
    }
}

/// The value of a text that is written out as it is.
pub(super) fn written(expr: &hir::Expr) -> Option<EcoString> {
    let ExprNode::Text(text) = &expr.node else { return None };
    if text.layout.is_some() {
        return None;
    }
    if let [TextPart::Text(whole)] = text.parts.as_slice() {
        return Some(whole.clone());
    }
    let mut whole = EcoString::new();
    for part in &text.parts {
        match part {
            TextPart::Text(part) => whole.push_str(part),
            TextPart::Value(_) => return None,
        }
    }
    Some(whole)
}

/// A warning for a mode such as `644`, which looks octal and is not.
fn decimal_mode(text: &str, at: Location) -> Option<Diagnostic> {
    if text.starts_with('0') {
        return None;
    }
    let meant = builtins::octal_reading(text)?;
    let value: i64 = text.parse().ok()?;
    Some(
        Diagnostic::warning(codes::DECIMAL_MODE, at, format!("the file mode `{text}` is decimal: it is 0o{value:o}"))
            .help(format!("write `{meant}` if the digits are octal, or `0o{value:o}` if not"))
            .fix(format!("replace `{text}` by `{meant}`"), at, meant),
    )
}
