//! Arguments and options of calls.
//!
//! Owns arity, the kinds of arguments, `with`, and modes that are written out.

use hlb_language::ast;
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::span::Span;

use super::lookup::Resolved;
use super::{Checker, message};
use crate::builtins::{self, Constant, Rule};
use crate::codes;
use crate::hir::{self, Callee, ExprNode, TextPart};
use crate::types::{Expected, Kind};

impl Checker<'_> {
    /// The arguments of a call. Nothing if there are too many or too few, which has been reported.
    pub(super) fn args(
        &mut self,
        callee: &ast::Path,
        resolved: &Resolved,
        args: &[ast::Expr],
        call: Span,
    ) -> Option<Vec<hir::Expr>> {
        if matches!(resolved.callee, Callee::OwnBind(_)) {
            return self.own_args(callee, resolved, args);
        }
        if self.options_without_with(callee, resolved, args) {
            self.stray(args);
            return None;
        }
        let variadic = resolved.params.last().filter(|param| param.variadic);
        let fixed = resolved.params.len() - usize::from(variadic.is_some());
        if args.len() < fixed || (args.len() > fixed && variadic.is_none()) {
            self.report_arity(callee, resolved, args, fixed, variadic.is_some(), call);
            self.stray(args);
            return None;
        }
        let mut checked = Vec::with_capacity(args.len());
        for (at, arg) in args.iter().enumerate() {
            let param = resolved.params.get(at).or(variadic)?;
            checked.push(self.expr(arg, &Expected::argument(&param.kind), param.variadic));
        }
        if let Callee::Builtin(id) = resolved.callee {
            self.rules(id, args, &checked);
        }
        Some(checked)
    }

    /// Arguments of a name that this function has bound itself: none, or its own parameters, which are the same anyway.
    fn own_args(&mut self, callee: &ast::Path, resolved: &Resolved, args: &[ast::Expr]) -> Option<Vec<hir::Expr>> {
        let same = args.len() == resolved.params.len()
            && args.iter().zip(&resolved.params).all(|(arg, param)| match arg {
                ast::Expr::Call(call) => {
                    call.callee.member.is_none() && call.args.is_none() && call.callee.head.text == param.name.text
                }
                _ => false,
            });
        if same || args.is_empty() {
            return Some(Vec::new());
        }
        let name = &callee.head.text;
        let at = self.at(callee.span);
        let mut diagnostic = Diagnostic::error(
            codes::RECURSION,
            at,
            format!("`{name}` with other arguments would evaluate this function from within itself"),
        )
        .help(format!("write `{name}` without arguments for what this call has bound"));
        if let Some(defined) = resolved.defined {
            diagnostic = diagnostic.also(defined, "bound here");
        }
        self.report(diagnostic);
        None
    }

    /// Whether the last argument is a block of options that only lacks the word in front of it; reports it.
    fn options_without_with(&mut self, callee: &ast::Path, resolved: &Resolved, args: &[ast::Expr]) -> bool {
        let Some(ast::Expr::Func(literal)) = args.last() else { return false };
        let kind = Kind::of(&literal.kind.text);
        let own = kind == Kind::AnyOption || kind == Kind::Option(callee.head.text.clone());
        let param = resolved.params.get(args.len() - 1).or(resolved.params.last().filter(|param| param.variadic));
        if !own || param.is_some_and(|param| param.kind.is_option()) {
            return false;
        }
        let name = self.text(callee.span).to_owned();
        let at = self.at(literal.span);
        let insert = self.at(Span::at(literal.span.start as usize));
        self.report(
            Diagnostic::error(codes::OPTIONS_WITHOUT_WITH, at, format!("options of `{name}` stand behind `with`"))
                .help(format!("write `with {} {{ … }}`", literal.kind.text))
                .safe_fix("insert `with`", insert, "with "),
        );
        true
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

    fn report_arity(
        &mut self,
        callee: &ast::Path,
        resolved: &Resolved,
        args: &[ast::Expr],
        fixed: usize,
        variadic: bool,
        call: Span,
    ) {
        let name = self.text(callee.span).to_owned();
        let least = if variadic { "at least " } else { "" };
        let at = if args.len() > fixed { args.get(fixed).map_or(call, ast::Expr::span) } else { callee.span };
        let mut diagnostic = Diagnostic::error(
            codes::ARITY,
            self.at(at),
            format!("`{name}` takes {least}{}, found {}", message::arguments(fixed), args.len()),
        );
        if args.len() < fixed {
            let missing: Vec<&str> =
                resolved.params.iter().take(fixed).skip(args.len()).map(|param| param.name.text.as_str()).collect();
            diagnostic = diagnostic.label(format!("missing {}", message::list(&missing)));
        }
        if let Some(defined) = resolved.defined {
            diagnostic = diagnostic.also(defined, "defined here");
        }
        let parenthesised =
            matches!(args.last(), Some(ast::Expr::Call(inner)) if inner.args.is_none() && args.len() > fixed);
        if parenthesised {
            diagnostic = diagnostic.help("put the arguments of a call that is itself an argument in parentheses");
        }
        self.report(diagnostic);
    }

    /// The options of a call.
    pub(super) fn with(&mut self, callee: &ast::Path, resolved: &Resolved, with: &ast::WithClause) -> hir::Expr {
        // The old name of `stage` takes no options either.
        let name = callee.head.text.clone();
        let kind = Kind::Option(name.clone());
        let empty = matches!(&with.expr, ast::Expr::Func(literal) if literal.body.stmts.is_empty());
        let builtin = matches!(resolved.callee, Callee::Builtin(_));
        let known = self.declared.program.builtins.iter().any(|builtin| builtin.signature.kind == kind);
        let at = self.at(with.span);
        if builtin && !known && !empty {
            let mut diagnostic = Diagnostic::error(codes::MISMATCH, at, format!("`{name}` takes no options"));
            if let Some(defined) = resolved.defined {
                diagnostic = diagnostic.also(defined, "defined here");
            }
            self.report(diagnostic);
            return hir::Expr { at, kind, node: ExprNode::Error };
        }
        if !builtin && !empty {
            self.report(
                Diagnostic::warning(codes::IDLE_OPTIONS, at, "options of your own functions have no effect yet")
                    .help("pass what the function needs as an argument, such as one of kind `option::run`"),
            );
        }
        if let ast::Expr::Func(literal) = &with.expr
            && Kind::of(&literal.kind.text) == Kind::AnyOption
        {
            let at = self.at(literal.span);
            let block = self.block(&literal.body, &kind);
            return hir::Expr { at, kind, node: ExprNode::Block(block) };
        }
        self.expr(&with.expr, &Expected::just(kind), false)
    }

    /// Arguments that are written out are checked here, others when they are evaluated.
    fn rules(&mut self, id: hir::BuiltinId, args: &[ast::Expr], checked: &[hir::Expr]) {
        let Some(builtin) = self.declared.program.builtin(id) else { return };
        let mut found = Vec::new();
        for (index, (arg, expr)) in args.iter().zip(checked).enumerate() {
            let at = self.at(arg.span());
            for rule in builtin.rules_of(index) {
                let broken = match &expr.node {
                    ExprNode::Int(number) => rule.check(Constant::Int(*number)).err(),
                    ExprNode::Text(text) => written(text).and_then(|text| rule.check(Constant::Text(&text)).err()),
                    _ => None,
                };
                match broken {
                    Some(broken) => found.push(broken.at(at)),
                    None if *rule == Rule::FileMode => found.extend(decimal_mode(self.text(arg.span()), at)),
                    None => {}
                }
            }
        }
        for diagnostic in found {
            self.report(diagnostic);
        }
    }
}

/// The value of a text that is written out as it is.
fn written(text: &hir::Text) -> Option<String> {
    if text.layout.is_some() {
        return None;
    }
    let mut whole = String::new();
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
