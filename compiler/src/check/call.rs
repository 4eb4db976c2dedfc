//! Calls, and names that stand for values.
//!
//! Owns what becomes of a callee once it is known what its name means: a call, a value, a function as a value, a record.

use std::sync::Arc;

use ecow::EcoString;
use hlb_language::ast::{self, Arg, Expr};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::span::Span;

use super::Checker;
use super::expr::error;
use super::lookup::Meaning;
use crate::codes;
use crate::effects::Effects;
use crate::hir::{self, Callee, ExprNode, Param, RecordId, Signature};
use crate::types::{Expected, FuncType, Type};

/// A name with what stands around it.
#[derive(Clone, Copy)]
pub(super) struct Called<'c> {
    pub(super) path: &'c ast::Path,
    /// The arguments; none for a bare name.
    pub(super) args: Option<&'c [Arg]>,
    pub(super) span: Span,
    pub(super) with: Option<&'c ast::WithClause>,
    pub(super) bind: Option<&'c ast::BindClause>,
    pub(super) statement: bool,
}

impl<'c> Called<'c> {
    /// One that is not a statement.
    pub(super) fn value(path: &'c ast::Path, args: Option<&'c [Arg]>, span: Span) -> Self {
        Self { path, args, span, with: None, bind: None, statement: false }
    }
}

/// What a callee is.
pub(super) enum What {
    Callee(Callee),
    Record(RecordId),
}

/// Something that can be called.
pub(super) struct Resolved {
    pub(super) what: What,
    /// Its name, for messages.
    pub(super) name: EcoString,
    pub(super) signature: Arc<Signature>,
    /// Where it is defined.
    pub(super) defined: Option<Location>,
}

impl Checker<'_> {
    /// A call, or a name that stands for a value.
    pub(super) fn called(&mut self, called: Called<'_>, expected: &Expected) -> hir::Expr {
        let at = self.at(called.span);
        if called.path.member.is_none() && called.path.head.text == "breakpoint" && !called.statement {
            let message = "`breakpoint` as a value is not supported yet";
            return self.refused(at, Diagnostic::error(codes::UNSUPPORTED, at, message));
        }
        match self.meaning(&called, expected) {
            None => {
                self.stray(called.args.unwrap_or(&[]));
                error(at)
            }
            Some(Meaning::Callable(resolved)) => self.call(&called, resolved, None, expected),
            Some(Meaning::Value(value, defined)) => self.value(&called, value, defined, expected),
            Some(Meaning::Done(value)) => {
                self.no_clauses(&called);
                self.expect(value, expected, None)
            }
        }
    }

    /// A name that stands for a value, or a call of that value.
    fn value(
        &mut self,
        called: &Called<'_>,
        value: hir::Expr,
        defined: Option<Location>,
        expected: &Expected,
    ) -> hir::Expr {
        let args = called.args.unwrap_or(&[]);
        if let Type::Func(func) = &value.ty {
            let func = Arc::clone(func);
            let calls = called.args.is_some() || !expected.takes(&value.ty) && func.params.is_empty();
            if calls {
                let resolved = self.of_value(value, &func, self.text(called.path.span).into(), defined);
                return self.call(called, resolved, None, expected);
            }
        } else if !args.is_empty() && !value.ty.is_unknown() {
            let name = self.text(called.path.span).to_owned();
            let span = args.first().map_or(called.span, Arg::span);
            let mut diagnostic = Diagnostic::error(
                codes::ARITY,
                self.at(span),
                format!("`{name}` takes no arguments, found {}", args.len()),
            );
            if let Some(defined) = defined {
                diagnostic = diagnostic.also(defined, "defined here");
            }
            // A name of one's own may hide a builtin, which cannot be called there.
            let hides =
                called.path.member.is_none() && !self.declared.builtins.overloads(&called.path.head.text).is_empty();
            self.report(if hides {
                diagnostic.help(format!("it hides the builtin `{name}` here: give it another name to call that"))
            } else {
                diagnostic
            });
            self.stray(args);
            return error(value.at);
        }
        self.no_clauses(called);
        self.expect(value, expected, defined)
    }

    /// A function value as something to call.
    pub(super) fn of_value(
        &self,
        value: hir::Expr,
        func: &FuncType,
        name: EcoString,
        defined: Option<Location>,
    ) -> Resolved {
        let nameless = |ty: &Type| Param {
            name: ast::Ident { text: EcoString::new(), span: Span::default() },
            ty: ty.clone(),
            variadic: false,
            optional: false,
        };
        let signature = Signature {
            result: func.result.clone(),
            type_params: Vec::new(),
            params: func.params.iter().map(nameless).collect(),
            options: Vec::new(),
            effects: Vec::new(),
        };
        Resolved { what: What::Callee(Callee::Value(Box::new(value))), name, signature: signature.into(), defined }
    }

    /// Refuses `with` and `as` behind what is no call.
    fn no_clauses(&mut self, called: &Called<'_>) {
        let name = self.text(called.path.span).to_owned();
        if let Some(with) = called.with {
            let empty = matches!(&with.expr, Expr::Func(literal) if literal.body.stmts.is_empty());
            if !empty {
                let at = self.at(with.span);
                self.report(Diagnostic::error(codes::MISMATCH, at, format!("`{name}` takes no options")));
            }
        }
        if let Some(bind) = called.bind {
            let at = self.at(bind.span);
            self.report(
                Diagnostic::error(codes::BIND, at, format!("`{name}` has no results that `as` could bind"))
                    .help(format!("write `let name = {name}` for another name")),
            );
        }
    }

    /// A call of something, whose first argument may be known already.
    pub(super) fn call(
        &mut self,
        called: &Called<'_>,
        resolved: Resolved,
        receiver: Option<hir::Expr>,
        expected: &Expected,
    ) -> hir::Expr {
        let at = self.at(called.span);
        let callee_at = self.at(called.path.span);
        let args = called.args.unwrap_or(&[]);
        let result = &resolved.signature.result;
        if called.args.is_none()
            && receiver.is_none()
            && called.with.is_none()
            && let What::Callee(callee) = &resolved.what
            && self.wants_func(expected, result)
            && let Some(node) = self.as_value(callee)
        {
            self.required_options(&resolved, None, callee_at);
            let ty = resolved.signature.value_type();
            let ty = if resolved.signature.type_params.is_empty() { ty } else { self.instance_of(&resolved, expected) };
            return self.expect(hir::Expr { at, ty, node }, expected, resolved.defined);
        }
        let generic = !resolved.signature.type_params.is_empty();
        if !generic && !self.fits(result, expected, callee_at, resolved.defined) && !self.probing() {
            self.stray(args);
            return error(at);
        }
        let Some((filled, bindings)) = self.args(&resolved, args, receiver, called, expected) else { return error(at) };
        let ty = if generic { bindings.finish(result) } else { result.clone() };
        if generic && !self.fits(&ty, expected, callee_at, resolved.defined) {
            return error(at);
        }
        let with = called.with.map(|with| Box::new(self.with(&resolved, called.path, with)));
        self.required_options(&resolved, with.as_deref(), callee_at);
        if let What::Record(id) = resolved.what
            && self.leaves_out(id, &filled)
        {
            self.edge(self.record_node(id), callee_at);
        }
        let binds = called.bind.map(|bind| self.bound_by(&resolved, bind)).unwrap_or_default();
        let node = match resolved.what {
            What::Record(id) => ExprNode::Record(id, filled),
            What::Callee(callee) => {
                ExprNode::Call(Box::new(hir::Call { callee, at: callee_at, ty: ty.clone(), args: filled, with, binds }))
            }
        };
        hir::Expr { at, ty, node }
    }

    /// Whether a record is made without a value for a field that has a default.
    fn leaves_out(&self, id: RecordId, fields: &[hir::Arg]) -> bool {
        let (module, decl) = self.declared.records.get(id.0).copied().unwrap_or((hir::ModuleId(0), usize::MAX));
        let decls = self.loaded.files.get(module.0).map(|file| &file.tree.decls);
        let Some(ast::Decl::Record(decl)) = decls.and_then(|decls| decls.get(decl)) else { return false };
        decl.fields
            .iter()
            .zip(fields)
            .any(|(field, given)| field.default.is_some() && matches!(given, hir::Arg::Default))
    }

    /// Reports options that a call must give and does not.
    pub(super) fn required_options(&mut self, resolved: &Resolved, with: Option<&hir::Expr>, at: Location) {
        let What::Callee(Callee::Func(id)) = resolved.what else { return };
        let required = resolved.signature.options.iter().enumerate().filter(|(_, option)| !option.optional);
        let given = match with.map(|with| &with.node) {
            None => Some(Vec::new()),
            Some(ExprNode::Block(block)) => settings(id, block),
            Some(ExprNode::Call(call)) => setting(id, call).map(|index| vec![index]),
            // Which options these are is known when the program is evaluated.
            Some(_) => None,
        };
        let Some(given) = given else { return };
        let missing = required.filter(|(index, _)| !given.contains(index)).map(|(_, option)| option.name.text.as_str());
        let missing: Vec<&str> = missing.collect();
        let Some(first) = missing.first() else { return };
        let word = if missing.len() == 1 { "option" } else { "options" };
        let message = format!("`{}` needs a value for its {word} {}", resolved.name, super::list(&missing));
        let mut diagnostic =
            Diagnostic::error(codes::ARITY, at, message).help(format!("write `with option {{ {first} … }}`"));
        if let Some(defined) = resolved.defined {
            diagnostic = diagnostic.also(defined, "defined here");
        }
        self.report(diagnostic);
    }

    /// The type of a generic function where a function of a known type is wanted.
    fn instance_of(&self, resolved: &Resolved, expected: &Expected) -> Type {
        let own = resolved.signature.value_type();
        let mut bindings = crate::types::Bindings::new(&resolved.signature.type_params);
        let wanted = expected.find(|ty| match ty {
            Type::Func(func) => Some(func.clone()),
            _ => None,
        });
        if let (Some(wanted), Type::Func(own)) = (wanted, &own) {
            for (own, wanted) in own.params.iter().zip(&wanted.params) {
                bindings.learn(own, wanted);
            }
        }
        bindings.finish(&own)
    }

    /// Notes that what is checked uses a function or a constant.
    pub(super) fn edge(&mut self, to: usize, at: Location) {
        if let Some(list) = self.node.and_then(|from| self.edges.get_mut(from)) {
            list.push((to, at));
        }
    }

    /// Notes what it does outside of the build by itself.
    pub(super) fn does(&mut self, effects: Effects) {
        if let Some(own) = self.node.and_then(|node| self.own.get_mut(node)) {
            *own = own.and(effects);
        }
    }

    /// The options of a call.
    fn with(&mut self, resolved: &Resolved, path: &ast::Path, with: &ast::WithClause) -> hir::Expr {
        let name = match (&resolved.what, &path.member) {
            // Of a function of an import that takes none, the reference takes those that are named after the import.
            (What::Callee(Callee::Func(_)), Some(_)) if resolved.signature.options.is_empty() => path.head.text.clone(),
            _ => resolved.name.clone(),
        };
        let own = match &resolved.what {
            What::Callee(Callee::Func(id)) if !resolved.signature.options.is_empty() => Some(*id),
            _ => None,
        };
        let ty = own.map_or_else(|| Type::Option(name.clone()), |id| Type::OwnOption(id, name.clone()));
        let empty = matches!(&with.expr, Expr::Func(literal) if literal.body.stmts.is_empty());
        let builtin = matches!(resolved.what, What::Callee(Callee::Builtin(_)));
        let known = self.option_types.contains(&name);
        let at = self.at(with.span);
        if builtin && !known && !empty || matches!(resolved.what, What::Record(_)) {
            let mut diagnostic = Diagnostic::error(codes::MISMATCH, at, format!("`{name}` takes no options"));
            if let Some(defined) = resolved.defined {
                diagnostic = diagnostic.also(defined, "defined here");
            }
            self.report(diagnostic);
            return hir::Expr { at, ty, node: ExprNode::Error };
        }
        if own.is_none() && !builtin && !empty {
            let message = format!("`{name}` says nothing of options, so these have no effect");
            self.report(
                Diagnostic::warning(codes::IDLE_OPTIONS, at, message)
                    .help(format!("declare them behind its parameters: `{name}(…) with (bool fast = false)`")),
            );
        }
        if let Expr::Func(literal) = &with.expr
            && literal.kind.text == "option"
        {
            let at = self.at(literal.span);
            let block = self.block(&literal.body, &Expected::just(ty.clone()));
            return hir::Expr { at, ty, node: ExprNode::Block(Box::new(block)) };
        }
        self.expr(&with.expr, &Expected::just(ty))
    }
}

/// The options of a function that a block always or perhaps sets; nothing if that is not known before it is evaluated.
fn settings(id: hir::FuncId, block: &hir::Block) -> Option<Vec<usize>> {
    block
        .stmts
        .iter()
        .filter(|stmt| !matches!(stmt, hir::Stmt::Let(_) | hir::Stmt::Assert(_)))
        .map(|stmt| match stmt {
            hir::Stmt::Call(call) => setting(id, call),
            _ => None,
        })
        .collect()
}

/// The option of a function that a call sets.
fn setting(id: hir::FuncId, call: &hir::Call) -> Option<usize> {
    match call.callee {
        Callee::Setting(of, index) if of == id => Some(index),
        _ => None,
    }
}
