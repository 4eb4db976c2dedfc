//! What stands behind a dot, and what else may follow a value.
//!
//! Owns members of imports, of namespaces and of enums, fields of records, results of calls, and functions of namespaces written
//! behind their first argument.

use ecow::EcoString;
use hlb_language::ast::{self, Arg, Expr, Ident, Postfix, PostfixOp};
use hlb_language::diagnostic::{Diagnostic, Location};

use super::Checker;
use super::call::{Called, Resolved};
use super::expr::error;
use super::lookup::Meaning;
use crate::codes;
use crate::hir::{self, Callee, EnumId, ExprNode, ModuleId, Target};
use crate::probe::Receiver;
use crate::suggest;
use crate::types::{Expected, Type};

/// What follows a value.
struct Behind<'c> {
    name: &'c Ident,
    args: Option<&'c [Arg]>,
    /// All of it, from the value on.
    at: Location,
}

impl Checker<'_> {
    /// What `head.member` means.
    pub(super) fn member(&mut self, called: &Called<'_>, member: &Ident, expected: &Expected) -> Option<Meaning> {
        let head = &called.path.head;
        let at = self.at(called.span);
        if self.is_probe(member) {
            let receiver = self.receiver(head);
            self.note(expected, false, receiver);
            return None;
        }
        if !self.scopes.has(&head.text) {
            let symbol = self.declared.program.module(self.module).and_then(|module| module.scope.get(&head.text));
            match symbol.map(|symbol| symbol.target) {
                Some(Target::Module(module)) => {
                    self.refer(head.span, Target::Module(module));
                    // An import that could not be loaded has been reported; what it holds is not known.
                    return self.of_module(head, member, module?, expected);
                }
                Some(Target::Enum(id)) => {
                    self.refer(head.span, Target::Enum(id));
                    return self.of_enum(id, member, called.path.span).map(Meaning::Done);
                }
                Some(Target::Func(id)) if called.args.is_none() && self.lacks_result(id, member) => {
                    self.refer(head.span, Target::Func(id));
                    self.report_no_result(id, member);
                    return None;
                }
                Some(Target::Func(id)) if called.args.is_none() && self.has_result(id, member) => {
                    let resolved = self.func_named(id, at, None)?;
                    self.refer(head.span, Target::Func(id));
                    return self.result_of(id, resolved, &[], member, called.path.span).map(Meaning::Done);
                }
                Some(_) => {}
                None => {
                    if self.declared.builtins.namespace(&head.text).is_some() {
                        return self.of_namespace(head, member);
                    }
                    if let Some(id) = self.declared.builtins.enums.get(&head.text).copied() {
                        return self.of_enum(id, member, called.path.span).map(Meaning::Done);
                    }
                    if self.declared.builtins.overloads(&head.text).is_empty() {
                        self.report_no_import(head);
                        return None;
                    }
                }
            }
        }
        let base = self.base(head)?;
        let behind = Behind { name: member, args: called.args, at };
        Some(Meaning::Done(self.behind(base, &behind, expected)))
    }

    fn report_no_import(&mut self, head: &Ident) {
        let at = self.at(head.span);
        let names = self.scopes.names().map(|(name, _)| name);
        let own = self.declared.program.module(self.module).into_iter().flat_map(|module| module.scope.keys());
        let names = names.chain(own.map(EcoString::as_str)).chain(crate::builtins::names::NAMESPACES.iter().copied());
        let near = suggest::nearest(&head.text, names).map(str::to_owned);
        let diagnostic =
            Diagnostic::error(codes::UNDEFINED, at, format!("there is no import `{}` in this file", head.text));
        self.report(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("replace `{}` by `{near}`", head.text),
                at,
                near,
            ),
            None => diagnostic.help(format!("write `import {} from \"…\"` at the top of the file", head.text)),
        });
    }

    /// A variant. `span` is that of the enum's name too.
    fn of_enum(&mut self, id: EnumId, member: &Ident, span: hlb_language::span::Span) -> Option<hir::Expr> {
        let at = self.at(span);
        let name = self.declared.program.enumeration(id)?.name.text.clone();
        match self.variant_index(id, &member.text) {
            Some(index) => {
                self.refer(member.span, Target::Variant(id, index));
                Some(hir::Expr { at, ty: Type::Enum(id, name), node: ExprNode::Variant(id, index) })
            }
            None => {
                let at = self.at(member.span);
                let diagnostic = self.no_variant(id, &member.text, at, false);
                self.report(diagnostic);
                None
            }
        }
    }

    fn of_namespace(&mut self, head: &Ident, member: &Ident) -> Option<Meaning> {
        let names = self.declared.builtins.namespace(&head.text)?;
        if let Some(id) = names.get(&member.text).copied() {
            self.refer(member.span, Target::Builtin(id));
            return self.builtin_named(id).map(Meaning::Callable);
        }
        let at = self.at(member.span);
        let near = suggest::nearest(&member.text, names.keys().map(EcoString::as_str)).map(str::to_owned);
        let message = format!("`{}` has no function `{}`", head.text, member.text);
        let diagnostic = Diagnostic::error(codes::UNDEFINED, at, message);
        self.report(match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("replace `{}` by `{near}`", member.text),
                at,
                near,
            ),
            None => {
                let names: Vec<&str> = names.keys().map(EcoString::as_str).collect();
                diagnostic.help(format!("it has {}", super::list(&names)))
            }
        });
        None
    }

    fn of_module(&mut self, head: &Ident, member: &Ident, module: ModuleId, expected: &Expected) -> Option<Meaning> {
        let imported = self.declared.program.module(module)?;
        let at = self.at(member.span);
        let Some(symbol) = imported.scope.get(&member.text) else {
            let path = imported.path.clone();
            if let Some(builtin) = self.declared.builtins.overloads(&member.text).first() {
                let defined = self.declared.program.builtin(*builtin).map(|builtin| builtin.at);
                let mut diagnostic = Diagnostic::error(
                    codes::NOT_EXPORTED,
                    at,
                    format!("`{}` is a builtin function and not part of `{}`", member.text, head.text),
                )
                .help(format!("write `{}` without `{}.`", member.text, head.text));
                if let Some(defined) = defined {
                    diagnostic = diagnostic.also(defined, "defined here");
                }
                self.report(diagnostic);
                return None;
            }
            let names = imported.scope.iter().filter(|(_, symbol)| symbol.exported).map(|(name, _)| name.as_str());
            let near = suggest::nearest(&member.text, names).map(str::to_owned);
            let mut diagnostic =
                Diagnostic::error(codes::UNDEFINED, at, format!("`{}` is not defined in `{path}`", member.text));
            if let Some(near) = near {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?")).fix(
                    format!("replace `{}` by `{near}`", member.text),
                    at,
                    near,
                );
            }
            self.report(diagnostic);
            return None;
        };
        let (target, defined, exported) = (symbol.target, symbol.at, symbol.exported);
        if !exported {
            let path = imported.path.clone();
            self.report(
                Diagnostic::error(codes::NOT_EXPORTED, at, format!("`{}` is not exported by `{path}`", member.text))
                    .also(defined, "defined here")
                    .help(format!("add `export {}` to `{path}`", member.text)),
            );
            return None;
        }
        self.refer(member.span, target);
        self.target(member, target, defined, expected)
    }

    fn has_result(&self, id: hir::FuncId, name: &Ident) -> bool {
        self.declared
            .program
            .func(id)
            .is_some_and(|func| func.signature.effects.iter().any(|effect| effect.name.text == name.text))
    }

    /// Whether a function has results, none of this name, and a value that has nothing behind a dot either.
    fn lacks_result(&self, id: hir::FuncId, name: &Ident) -> bool {
        let Some(func) = self.declared.program.func(id) else { return false };
        let bare = matches!(func.signature.result, Type::Fs | Type::Pipeline | Type::Int | Type::Bool);
        bare && !func.signature.effects.is_empty() && !self.has_result(id, name)
    }

    fn report_no_result(&mut self, id: hir::FuncId, name: &Ident) {
        let Some(func) = self.declared.program.func(id) else { return };
        let names: Vec<&str> = func.signature.effects.iter().map(|effect| effect.name.text.as_str()).collect();
        let at = self.at(name.span);
        let message = format!("`{}` has no result `{}`", func.name.text, name.text);
        let diagnostic = Diagnostic::error(codes::FIELD, at, message);
        let diagnostic = match suggest::nearest(&name.text, names.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("replace `{}` by `{near}`", name.text),
                at,
                near,
            ),
            None => diagnostic.help(format!("it has {}", super::list(&names))),
        };
        self.report(diagnostic);
    }

    /// `manifest(ref).digest`: a result of a builtin that makes data. What changes a filesystem binds its results with `as`.
    fn builtin_result(&mut self, call: &ast::CallExpr, name: &Ident) -> Option<hir::Expr> {
        let head = &call.callee.head;
        let own = self.declared.program.module(self.module).is_some_and(|it| it.scope.contains_key(&head.text));
        if call.callee.member.is_some() || own || self.scopes.has(&head.text) {
            return None;
        }
        let overloads = self.declared.builtins.overloads(&head.text).to_vec();
        let (id, index, ty) = overloads.into_iter().find_map(|id| {
            let signature = &self.declared.program.builtin(id)?.signature;
            let index = signature.effects.iter().position(|effect| effect.name.text == name.text)?;
            let ty = signature.effects.get(index)?.ty.clone();
            self.declared.program.is_data(&signature.result).then_some((id, index, ty))
        })?;
        self.refer(head.span, Target::Builtin(id));
        let resolved = self.builtin_named(id)?;
        let at = self.at(call.span.to(name.span));
        let args = call.args.as_ref().map_or(&[][..], |(_, args)| args);
        let called = Called::value(&call.callee, Some(args), call.span);
        let Some((filled, _)) = self.args(&resolved, args, None, &called, &Expected::any()) else {
            return Some(error(at));
        };
        let bind = hir::BindId(self.declared.program.binds.len());
        let func = self.func.unwrap_or(hir::FuncId(usize::MAX));
        self.declared.program.binds.push(hir::Bound { name: name.clone(), func, ty: ty.clone(), end: u32::MAX });
        let call = hir::Call {
            callee: Callee::Builtin(id),
            at: self.at(head.span),
            ty: resolved.signature.result.clone(),
            args: filled,
            with: None,
            binds: vec![(index, bind)],
        };
        Some(hir::Expr { at, ty, node: ExprNode::Result(Box::new(call)) })
    }

    /// `module.Enum.variant`
    fn module_variant(&mut self, call: &ast::CallExpr, name: &Ident) -> Option<hir::Expr> {
        let member = call.callee.member.as_ref().filter(|_| call.args.is_none())?;
        let head = &call.callee.head;
        if self.scopes.has(&head.text) {
            return None;
        }
        let symbol = self.declared.program.module(self.module)?.scope.get(&head.text)?;
        let Target::Module(Some(module)) = symbol.target else { return None };
        let symbol = self.declared.program.module(module)?.scope.get(&member.text)?;
        let Target::Enum(id) = symbol.target else { return None };
        if !symbol.exported {
            return None;
        }
        self.refer(head.span, Target::Module(Some(module)));
        self.refer(member.span, Target::Enum(id));
        let span = call.span.to(name.span);
        Some(self.of_enum(id, name, span).unwrap_or_else(|| error(self.at(span))))
    }

    /// `build(src).bin`: a result of a call.
    fn result_of(
        &mut self,
        id: hir::FuncId,
        resolved: Resolved,
        args: &[Arg],
        name: &Ident,
        span: hlb_language::span::Span,
    ) -> Option<hir::Expr> {
        let func = self.declared.program.func(id)?;
        let index = func.signature.effects.iter().position(|effect| effect.name.text == name.text)?;
        let bind = *func.results.get(index)?;
        let ty = func.signature.effects.get(index)?.ty.clone();
        self.refer(name.span, Target::Bind(bind));
        let at = self.at(span);
        let path = ast::Path { span, head: name.clone(), member: None };
        let called = Called::value(&path, Some(args), span);
        self.read_results.insert(bind);
        self.required_options(&resolved, None, at);
        let Some((filled, _)) = self.args(&resolved, args, None, &called, &Expected::any()) else {
            return Some(error(at));
        };
        let call =
            hir::Call { callee: Callee::Bind(bind), at, ty: ty.clone(), args: filled, with: None, binds: Vec::new() };
        Some(hir::Expr { at, ty, node: ExprNode::Call(Box::new(call)) })
    }

    /// A value and what follows it.
    pub(super) fn postfix(&mut self, postfix: &Postfix, expected: &Expected) -> hir::Expr {
        let mut ops = postfix.ops.as_slice();
        let mut value = match (&*postfix.base, ops) {
            (Expr::Call(call), [PostfixOp::Field(name), rest @ ..])
                if !matches!(rest.first(), Some(PostfixOp::Call(..))) =>
            {
                match self.call_result(call, name) {
                    Some(value) => {
                        ops = rest;
                        value
                    }
                    None => self.expr(&postfix.base, &Expected::any()),
                }
            }
            _ => self.expr(&postfix.base, &Expected::any()),
        };
        while let [op, rest @ ..] = ops {
            ops = rest;
            let place = if rest.is_empty() { expected.clone() } else { Expected::any() };
            value = match op {
                PostfixOp::Field(name) => {
                    let (args, end) = match rest.first() {
                        Some(PostfixOp::Call(span, args)) => {
                            ops = rest.get(1..).unwrap_or(&[]);
                            (Some(args.as_slice()), *span)
                        }
                        _ => (None, name.span),
                    };
                    let place = if ops.is_empty() { expected.clone() } else { place };
                    let at = self.at(value.at.span.to(end));
                    self.behind(value, &Behind { name, args, at }, &place)
                }
                PostfixOp::Call(span, args) => self.call_value(value, args, *span, &place),
                PostfixOp::Index(span, index) => {
                    let at = self.at(value.at.span.to(*span));
                    self.index(value, index, at)
                }
            };
        }
        self.expect(value, expected, None)
    }

    /// `call(args).name`, where the function has such a result.
    fn call_result(&mut self, call: &ast::CallExpr, name: &Ident) -> Option<hir::Expr> {
        if let Some(variant) = self.module_variant(call, name) {
            return Some(variant);
        }
        let Some(id) = self.func_of(&call.callee) else { return self.builtin_result(call, name) };
        if self.lacks_result(id, name) {
            self.report_no_result(id, name);
            self.stray(call.args.as_ref().map_or(&[][..], |(_, args)| args));
            return Some(error(self.at(call.span.to(name.span))));
        }
        if !self.has_result(id, name) {
            return None;
        }
        let last = call.callee.member.as_ref().unwrap_or(&call.callee.head);
        let at = self.at(last.span);
        if call.callee.member.is_some() {
            let symbol = self.declared.program.module(self.module).and_then(|it| it.scope.get(&call.callee.head.text));
            if let Some(target) = symbol.map(|symbol| symbol.target) {
                self.refer(call.callee.head.span, target);
            }
        }
        self.refer(last.span, Target::Func(id));
        let resolved = self.func_named(id, at, None)?;
        let args = call.args.as_ref().map_or(&[][..], |(_, args)| args);
        self.result_of(id, resolved, args, name, call.span.to(name.span))
    }

    /// The function of the program that a path names, and may be used here.
    fn func_of(&self, path: &ast::Path) -> Option<hir::FuncId> {
        if self.scopes.has(&path.head.text) {
            return None;
        }
        let symbol = self.declared.program.module(self.module)?.scope.get(&path.head.text)?;
        let target = match (&path.member, symbol.target) {
            (None, target) => target,
            (Some(member), Target::Module(Some(module))) => {
                let symbol = self.declared.program.module(module)?.scope.get(&member.text)?;
                if !symbol.exported {
                    return None;
                }
                symbol.target
            }
            (Some(_), _) => return None,
        };
        match target {
            Target::Func(id) => Some(id),
            _ => None,
        }
    }

    /// A function value that is called.
    fn call_value(
        &mut self,
        value: hir::Expr,
        args: &[Arg],
        span: hlb_language::span::Span,
        expected: &Expected,
    ) -> hir::Expr {
        let whole = value.at.span.to(span);
        let at = self.at(whole);
        let Type::Func(func) = &value.ty else {
            if !value.ty.is_unknown() {
                let message = format!("a value of type `{}` cannot be called", value.ty);
                self.report(Diagnostic::error(codes::NOT_CALLABLE, value.at, message));
            }
            self.stray(args);
            return error(at);
        };
        let func = func.clone();
        let name = ast::Ident { text: self.text(value.at.span).into(), span: value.at.span };
        let resolved = self.of_value(value, &func, name.text.clone(), None);
        let path = ast::Path { span: name.span, head: name, member: None };
        self.call(&Called::value(&path, Some(args), whole), resolved, None, expected)
    }

    /// `.name` behind a value: a field, or a function of the namespace for its type.
    fn behind(&mut self, base: hir::Expr, behind: &Behind<'_>, expected: &Expected) -> hir::Expr {
        let Behind { name, args, at } = behind;
        if self.is_probe(name) {
            self.note(expected, false, Some(Receiver::Value(base.ty)));
            return error(*at);
        }
        let space = match &base.ty {
            Type::Record(id, _) => {
                let id = *id;
                return self.field(base, id, behind, expected);
            }
            Type::String => "str",
            Type::List(_) => "list",
            Type::Map(_) => "map",
            Type::Unknown(_) => {
                self.stray(args.unwrap_or(&[]));
                return error(*at);
            }
            other => {
                let message = format!("a value of type `{other}` has no `{}`", name.text);
                let diagnostic = Diagnostic::error(codes::FIELD, self.at(name.span), message);
                self.report(match other {
                    Type::Optional(_) => diagnostic.help(
                        "it may be `none`: say what to take then, with `??`, or look at it first, with `if … != none`",
                    ),
                    Type::Fs => diagnostic.help("results of a call are those that its function declares with `binds`"),
                    _ => diagnostic,
                });
                self.stray(args.unwrap_or(&[]));
                return error(*at);
            }
        };
        let found = self.declared.builtins.namespace(space).and_then(|names| names.get(&name.text)).copied();
        let Some(id) = found else {
            let known: Vec<&str> = self
                .declared
                .builtins
                .namespace(space)
                .map(|it| it.keys().map(EcoString::as_str).collect())
                .unwrap_or_default();
            let name_at = self.at(name.span);
            let message = format!("a value of type `{}` has no `{}`", base.ty, name.text);
            let diagnostic = Diagnostic::error(codes::FIELD, name_at, message);
            let diagnostic = match suggest::nearest(&name.text, known.iter().copied()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                    format!("replace `{}` by `{near}`", name.text),
                    name_at,
                    near,
                ),
                None => diagnostic.help(format!("it has what `{space}` has: {}", super::list(&known))),
            };
            self.report(diagnostic);
            self.stray(args.unwrap_or(&[]));
            return error(*at);
        };
        self.refer(name.span, Target::Builtin(id));
        let Some(resolved) = self.builtin_named(id) else { return error(*at) };
        let path = ast::Path { span: name.span, head: (*name).clone(), member: None };
        let called = Called::value(&path, Some(args.unwrap_or(&[])), at.span);
        self.call(&called, resolved, Some(base), expected)
    }

    fn field(&mut self, base: hir::Expr, id: hir::RecordId, behind: &Behind<'_>, expected: &Expected) -> hir::Expr {
        let Behind { name, args, at } = behind;
        let Some(record) = self.declared.program.record(id) else { return error(*at) };
        let Some(index) = record.fields.iter().position(|field| field.name.text == name.text) else {
            let fields: Vec<&str> = record.fields.iter().map(|field| field.name.text.as_str()).collect();
            let name_at = self.at(name.span);
            let defined = self.declared.program.at(record.module, &record.name);
            let message = format!("`{}` has no field `{}`", record.name.text, name.text);
            let mut diagnostic = Diagnostic::error(codes::FIELD, name_at, message);
            if let Some(defined) = defined {
                diagnostic = diagnostic.also(defined, "defined here");
            }
            let diagnostic = match suggest::nearest(&name.text, fields.iter().copied()) {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                    format!("replace `{}` by `{near}`", name.text),
                    name_at,
                    near,
                ),
                None => diagnostic.help(format!("it has {}", super::list(&fields))),
            };
            self.report(diagnostic);
            self.stray(args.unwrap_or(&[]));
            return error(*at);
        };
        let ty = record.fields.get(index).map_or_else(Type::error, |field| field.ty.clone());
        self.refer(name.span, Target::Field(id, index));
        let value_at = self.at(base.at.span.to(name.span));
        let value = hir::Expr { at: value_at, ty, node: ExprNode::Field(Box::new(base), index) };
        match args {
            Some(args) => self.call_value(value, args, at.span, expected),
            None => value,
        }
    }
}
