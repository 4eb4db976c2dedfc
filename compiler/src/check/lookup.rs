//! From a name to what it means.
//!
//! Owns the order of scopes and the choice among a builtin's overloads.

use std::sync::Arc;

use hlb_language::ast::{self, Ident};
use hlb_language::diagnostic::{Diagnostic, Location};

use super::Checker;
use super::call::{Called, Resolved, What};
use crate::codes;
use crate::hir::{self, BindId, BuiltinId, Callee, ExprNode, FuncId, Param, RecordId, Signature, Target};
use crate::types::{Expected, Type};

/// What a name means.
pub(super) enum Meaning {
    /// Something that can be called.
    Callable(Resolved),
    /// A value, and where it is defined.
    Value(hir::Expr, Option<Location>),
    /// A value whose arguments have been taken in.
    Done(hir::Expr),
}

impl Checker<'_> {
    /// What a callee means where some types are expected. Nothing if it means nothing; that has been reported.
    pub(super) fn meaning(&mut self, called: &Called<'_>, expected: &Expected) -> Option<Meaning> {
        match &called.path.member {
            Some(member) => self.member(called, member, expected),
            None => self.name(&called.path.head, expected),
        }
    }

    /// What a name means by itself.
    pub(super) fn name(&mut self, name: &Ident, expected: &Expected) -> Option<Meaning> {
        let at = self.at(name.span);
        if self.is_probe(name) {
            self.note(expected, false, None);
            return None;
        }
        if let Some(found) = self.scopes.find(&name.text) {
            self.refer(name.span, found.definition.target());
            if found.narrowed {
                self.declared.program.narrowed.push((at, found.ty.clone()));
            }
            let value = hir::Expr { at, ty: found.ty, node: ExprNode::Var(found.var) };
            return Some(Meaning::Value(value, Some(found.at)));
        }
        if let Some(resolved) = self.setting(name, expected) {
            return Some(Meaning::Callable(resolved));
        }
        if let Some((id, ty)) = self.own_effect(name) {
            self.refer(name.span, Target::Bind(id));
            let call = hir::Call {
                callee: Callee::OwnBind(id),
                at,
                ty: ty.clone(),
                args: Vec::new(),
                with: None,
                binds: Vec::new(),
            };
            return Some(Meaning::Done(hir::Expr { at, ty, node: ExprNode::Call(Box::new(call)) }));
        }
        if let Some((ty, node)) =
            self.variant_named(&name.text, expected).filter(|(ty, _)| !self.has_text(&name.text, ty))
        {
            if let ExprNode::Variant(id, index) = node {
                self.refer(name.span, Target::Variant(id, index));
            }
            return Some(Meaning::Done(hir::Expr { at, ty, node }));
        }
        let symbol = self.declared.program.module(self.module).and_then(|module| module.scope.get(&name.text));
        let symbol = symbol.map(|symbol| (symbol.target, symbol.at));
        if let Some((target, defined)) = symbol.filter(|(target, _)| !self.gives_way(&name.text, *target, expected)) {
            self.refer(name.span, target);
            return self.target(name, target, defined, expected);
        }
        self.builtin(name, expected)
    }

    /// An option that the function takes whose options are expected.
    fn setting(&mut self, name: &Ident, expected: &Expected) -> Option<Resolved> {
        let Some(Type::OwnOption(id, of)) = expected.first() else { return None };
        let (id, of) = (*id, of.clone());
        let func = self.declared.program.func(id)?;
        let index = func.signature.options.iter().position(|option| option.name.text == name.text)?;
        let option = func.signature.options.get(index)?;
        let defined = self.declared.program.at(func.module, &option.name);
        let value = Ident { text: name.text.clone(), span: option.name.span };
        // A list is given one by one, a truth value may be left to be true.
        let param = match &option.ty {
            Type::List(item) => Param { name: value, ty: (**item).clone(), variadic: true, optional: true },
            ty => Param { name: value, ty: ty.clone(), variadic: false, optional: *ty == Type::Bool },
        };
        let signature = Signature {
            result: Type::OwnOption(id, of),
            type_params: Vec::new(),
            params: vec![param],
            options: Vec::new(),
            effects: Vec::new(),
        };
        self.refer(name.span, Target::Setting(id, index));
        let what = What::Callee(Callee::Setting(id, index));
        Some(Resolved { what, name: name.text.clone(), signature: signature.into(), defined })
    }

    /// A result of the function itself, which a statement before has bound.
    fn own_effect(&self, name: &Ident) -> Option<(BindId, Type)> {
        let func = self.func.and_then(|id| self.declared.program.func(id))?;
        let named = |id: &&BindId| self.declared.program.bind(**id).is_some_and(|result| result.name.text == name.text);
        let id = *func.results.iter().find(named)?;
        Some((id, self.declared.program.bind(id)?.ty.clone()))
    }

    /// Whether the file has a text of a name that is a variant of a builtin enum: programs that are older than these enums mean
    /// their own.
    fn has_text(&self, name: &str, ty: &Type) -> bool {
        let program = &self.declared.program;
        let Type::Enum(id, _) = ty else { return false };
        let own = program.module(self.module).and_then(|module| module.scope.get(name)).map(|symbol| symbol.target);
        let is_text = match own {
            Some(Target::Func(id)) => program.func(id).is_some_and(|it| it.signature.result == Type::String),
            Some(Target::Bind(id)) => program.bind(id).is_some_and(|it| it.ty == Type::String),
            _ => false,
        };
        is_text && program.enumeration(*id).is_some_and(|it| it.builtin)
    }

    /// Whether a builtin is meant by a name that the program has defined too. Names of later builtins are free for programs,
    /// which mean their own wherever its type fits.
    fn gives_way(&self, name: &str, target: Target, expected: &Expected) -> bool {
        let program = &self.declared.program;
        let own = match target {
            Target::Func(id) => program.func(id).map(|func| &func.signature.result),
            Target::Bind(id) => program.bind(id).map(|bound| &bound.ty),
            _ => None,
        };
        let fitting = |ty: &Type| expected.types().contains(ty);
        let overloads = self.declared.builtins.overloads(name).iter().filter_map(|id| program.builtin(*id));
        own.is_some_and(|ty| !expected.takes(ty)) && overloads.map(|it| &it.signature.result).any(fitting)
    }

    /// What something at the top of a file means.
    pub(super) fn target(
        &mut self,
        name: &Ident,
        target: Target,
        defined: Location,
        expected: &Expected,
    ) -> Option<Meaning> {
        let at = self.at(name.span);
        match target {
            Target::Func(id) => Some(Meaning::Callable(self.func_named(id, at, Some(defined))?)),
            Target::Constant(id) => {
                self.edge(self.constant_node(id), at);
                let ty = self.constant_type(id);
                let node = if ty.is_unknown() { ExprNode::Error } else { ExprNode::Constant(id) };
                Some(Meaning::Value(hir::Expr { at, ty, node }, Some(defined)))
            }
            Target::Record(id) => Some(Meaning::Callable(self.record_named(id, Some(defined))?)),
            Target::Enum(id) => {
                let found = self.declared.program.enumeration(id)?;
                let variant = found.variants.first().map(|variant| variant.text.clone()).unwrap_or_default();
                let message = format!("`{}` is an enum, not a value", name.text);
                self.report(
                    Diagnostic::error(codes::NOT_A_MODULE, at, message)
                        .also(defined, "defined here")
                        .help(format!("choose a variant, such as `{}.{variant}`", name.text)),
                );
                None
            }
            Target::Bind(id) => self.bound(name, id, defined),
            Target::Module(module) => {
                self.report_module(name, module, defined, expected);
                None
            }
            // Scopes of files hold none of these.
            Target::Param(..)
            | Target::Setting(..)
            | Target::Local(_)
            | Target::Field(..)
            | Target::Variant(..)
            | Target::Builtin(_) => None,
        }
    }

    pub(super) fn func_named(&mut self, id: FuncId, at: Location, defined: Option<Location>) -> Option<Resolved> {
        self.edge(id.0, at);
        let func = self.declared.program.func(id)?;
        Some(Resolved {
            what: What::Callee(Callee::Func(id)),
            name: func.name.text.clone(),
            signature: Arc::clone(&func.signature),
            defined,
        })
    }

    /// A record as the function that makes it.
    fn record_named(&mut self, id: RecordId, defined: Option<Location>) -> Option<Resolved> {
        let record = self.declared.program.record(id)?;
        let name = record.name.text.clone();
        let signature = Signature {
            result: Type::Record(id, name.clone()),
            type_params: Vec::new(),
            params: record.fields.clone(),
            options: Vec::new(),
            effects: Vec::new(),
        };
        Some(Resolved { what: What::Record(id), name, signature: signature.into(), defined })
    }

    fn bound(&mut self, name: &Ident, id: BindId, defined: Location) -> Option<Meaning> {
        let at = self.at(name.span);
        let bound = self.declared.program.bind(id)?;
        let (func, ty, end, text) = (bound.func, bound.ty.clone(), bound.end, bound.name.text.clone());
        let own = self.func == Some(func) && defined.source == self.source;
        if own && name.span.start < end {
            self.report(
                Diagnostic::error(codes::BOUND_LATER, at, format!("`{text}` is used before it is bound"))
                    .also(defined, "bound here")
                    .help("use it after the statement that binds it, or in another function"),
            );
            return None;
        }
        if !own {
            self.edge(func.0, at);
        }
        let owner = self.declared.program.func(func)?;
        let signature =
            Signature { result: ty, effects: Vec::new(), options: Vec::new(), ..(*owner.signature).clone() };
        let what = What::Callee(if own { Callee::OwnBind(id) } else { Callee::Bind(id) });
        Some(Meaning::Callable(Resolved { what, name: text, signature: signature.into(), defined: Some(defined) }))
    }

    /// A builtin: the overload of the type that is expected most, or the only one whatever its type.
    fn builtin(&mut self, name: &Ident, expected: &Expected) -> Option<Meaning> {
        let mut word = name.text.as_str();
        let at = self.at(name.span);
        if word == "parallel" && expected.types().contains(&Type::Pipeline) {
            word = "stage";
            self.report(
                Diagnostic::warning(codes::DEPRECATED, at, "`parallel` is the old name of `stage`")
                    .help("write `stage`")
                    .safe_fix("replace `parallel` by `stage`", at, "stage"),
            );
        }
        let overloads = self.declared.builtins.overloads(word);
        let result = |id: &BuiltinId| self.declared.program.builtin(*id).map(|builtin| &builtin.signature.result);
        let of = |wanted: &Type| overloads.iter().find(|id| result(id) == Some(wanted));
        let fitting = expected.types().iter().find_map(of);
        // Where anything goes, what makes filesystems and texts is meant rather than an option of the same name.
        let plain = || overloads.iter().find(|id| result(id).is_some_and(|ty| !ty.is_option()));
        let loose =
            || overloads.iter().find(|id| result(id).is_some_and(|ty| expected.takes(ty) && !expected.is_any()));
        let only = || if overloads.len() == 1 { overloads.first() } else { None };
        let chosen = fitting.or_else(loose).or_else(|| if expected.is_any() { plain() } else { None }).or_else(only);
        let Some(id) = chosen.copied() else {
            if overloads.is_empty() {
                self.report_undefined(name, expected);
            } else {
                let overloads = overloads.to_vec();
                self.report_overloads(name, &overloads, expected);
            }
            return None;
        };
        self.refer(name.span, Target::Builtin(id));
        self.builtin_named(id).map(Meaning::Callable)
    }

    pub(super) fn builtin_named(&mut self, id: BuiltinId) -> Option<Resolved> {
        let builtin = self.declared.program.builtin(id)?;
        let resolved = Resolved {
            what: What::Callee(Callee::Builtin(id)),
            name: builtin.name.text.clone(),
            signature: Arc::clone(&builtin.signature),
            defined: Some(builtin.at),
        };
        let module = self.declared.program.module(self.module);
        let others = module.is_some_and(|module| module.origin.remote().is_some());
        let effects = if others { crate::builtins::of_others(builtin) } else { builtin.effects };
        self.does(effects);
        Some(resolved)
    }

    /// What a name means as the front of `name.member`, if that is a value.
    pub(super) fn base(&mut self, head: &Ident) -> Option<hir::Expr> {
        let path = ast::Path { span: head.span, head: head.clone(), member: None };
        let value = self.called(Called::value(&path, None, head.span), &Expected::any());
        (!matches!(value.node, ExprNode::Error)).then_some(value)
    }
}
