//! Names bound with `as`.
//!
//! Owns which names a function binds, where that is allowed, and of what type they are. Whether the call has such a result is looked
//! at by `check`.

use hlb_language::ast::{self, Arg, BindTarget, Decl, Expr, Ident, PostfixOp, Stmt};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceId;

use super::Declarer;
use crate::codes;
use crate::hir::{BindId, Bound, FuncId, ModuleId, Param, Target};
use crate::types::Type;

/// The function that a statement belongs to.
#[derive(Clone, Copy)]
struct Place {
    module: ModuleId,
    source: SourceId,
    func: FuncId,
    /// Whether the function makes options.
    option: bool,
}

/// What a statement is inside of, from the function inwards. Branches of its statements are nothing of their own.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    Block,
    With,
    /// What may be done more than once, or elsewhere.
    Loop,
}

impl Declarer<'_> {
    pub(super) fn binds(&mut self, module: ModuleId, file: &crate::module::File) {
        let first = self.declared.funcs.partition_point(|(of, _)| *of < module);
        let last = self.declared.funcs.partition_point(|(of, _)| *of <= module);
        for id in first..last {
            let Some((_, at)) = self.declared.funcs.get(id).copied() else { continue };
            let Some(Decl::Func(func)) = file.tree.decls.get(at) else { continue };
            let Some(body) = &func.body else { continue };
            // Most functions bind nothing.
            if !file.text.binds(at) {
                continue;
            }
            let option = self.declared.program.func(FuncId(id)).is_some_and(|func| func.signature.result.is_option());
            let place = Place { module, source: file.source, func: FuncId(id), option };
            self.block(place, body, &mut vec![Around::Block], None);
        }
    }

    /// Declares the names bound in a block. `stmt_end` is the end of the function's own statement that the block is in.
    fn block(&mut self, place: Place, block: &ast::Block, around: &mut Vec<Around>, stmt_end: Option<u32>) {
        for stmt in &block.stmts {
            let end = stmt_end.unwrap_or(stmt.span().end);
            match stmt {
                Stmt::Call(call) => {
                    self.args(place, &call.args, around, end);
                    if let Some(with) = &call.with {
                        around.push(Around::With);
                        self.expr(place, &with.expr, around, end);
                        around.pop();
                    }
                    if let Some(bind) = &call.bind {
                        self.bind(place, &call.callee, bind, around, end);
                    }
                }
                Stmt::Expr(stmt) => match &stmt.expr {
                    Expr::If(branches) => {
                        for branch in &branches.branches {
                            self.expr(place, &branch.condition, around, end);
                            self.block(place, &branch.body, around, stmt_end);
                        }
                        if let Some(otherwise) = &branches.otherwise {
                            self.block(place, otherwise, around, stmt_end);
                        }
                    }
                    Expr::Match(matched) => {
                        self.expr(place, &matched.value, around, end);
                        for arm in &matched.arms {
                            self.block(place, &arm.body, around, stmt_end);
                        }
                    }
                    expr => self.expr(place, expr, around, end),
                },
                Stmt::Let(stmt) => self.expr(place, &stmt.value, around, end),
                Stmt::For(stmt) => {
                    self.expr(place, &stmt.items, around, end);
                    self.looped(place, &stmt.body, around, end);
                }
                Stmt::Assert(stmt) => {
                    self.expr(place, &stmt.condition, around, end);
                    if let Some(message) = &stmt.message {
                        self.expr(place, message, around, end);
                    }
                }
                Stmt::Error(_) => {}
            }
        }
    }

    fn looped(&mut self, place: Place, block: &ast::Block, around: &mut Vec<Around>, end: u32) {
        around.push(Around::Loop);
        self.block(place, block, around, Some(end));
        around.pop();
    }

    fn args(&mut self, place: Place, args: &[Arg], around: &mut Vec<Around>, end: u32) {
        for arg in args {
            self.expr(place, arg.expr(), around, end);
        }
    }

    fn expr(&mut self, place: Place, expr: &Expr, around: &mut Vec<Around>, end: u32) {
        match expr {
            Expr::Func(literal) => {
                around.push(Around::Block);
                self.block(place, &literal.body, around, Some(end));
                around.pop();
            }
            Expr::String(string) => {
                for part in &string.parts {
                    if let ast::StringPart::Interpolation(_, Some(expr)) = part {
                        self.expr(place, expr, around, end);
                    }
                }
            }
            Expr::Call(call) => {
                if let Some((_, args)) = &call.args {
                    self.args(place, args, around, end);
                }
            }
            Expr::Postfix(postfix) => {
                self.expr(place, &postfix.base, around, end);
                for op in &postfix.ops {
                    match op {
                        PostfixOp::Field(_) => {}
                        PostfixOp::Call(_, args) => self.args(place, args, around, end),
                        PostfixOp::Index(_, index) => self.expr(place, index, around, end),
                    }
                }
            }
            Expr::Unary(unary) => self.expr(place, &unary.operand, around, end),
            Expr::Binary(binary) => {
                self.expr(place, &binary.first, around, end);
                for (_, _, operand) in &binary.rest {
                    self.expr(place, operand, around, end);
                }
            }
            Expr::Paren(_, inner) => self.expr(place, inner, around, end),
            Expr::List(list) => {
                for element in &list.elements {
                    let (ast::Element::Value(expr) | ast::Element::Spread(_, expr)) = element;
                    self.expr(place, expr, around, end);
                }
            }
            Expr::Map(map) => {
                for entry in &map.entries {
                    match entry {
                        ast::Entry::Pair(key, value) => {
                            self.expr(place, key, around, end);
                            self.expr(place, value, around, end);
                        }
                        ast::Entry::Spread(_, expr) => self.expr(place, expr, around, end),
                    }
                }
            }
            Expr::For(comprehension) => {
                self.expr(place, &comprehension.items, around, end);
                around.push(Around::Loop);
                for expr in comprehension.key.iter().chain([&comprehension.value]).chain(&comprehension.condition) {
                    self.expr(place, expr, around, end);
                }
                around.pop();
            }
            Expr::Lambda(lambda) => self.looped(place, &lambda.body, around, end),
            Expr::If(branches) => {
                for branch in &branches.branches {
                    self.expr(place, &branch.condition, around, end);
                    self.looped(place, &branch.body, around, end);
                }
                if let Some(otherwise) = &branches.otherwise {
                    self.looped(place, otherwise, around, end);
                }
            }
            Expr::Match(matched) => {
                self.expr(place, &matched.value, around, end);
                for arm in &matched.arms {
                    self.looped(place, &arm.body, around, end);
                }
            }
            Expr::Int(_) | Expr::Bool(_) | Expr::None(_) | Expr::Error(_) => {}
        }
    }

    fn bind(&mut self, place: Place, callee: &ast::Path, bind: &ast::BindClause, around: &[Around], end: u32) {
        let effects = self.effects(place.module, callee);
        let names: Vec<(&Ident, Option<&Ident>)> = match &bind.target {
            BindTarget::None => Vec::new(),
            BindTarget::Name(name) => vec![(name, None)],
            BindTarget::List(_, binds) => binds.iter().map(|bind| (&bind.name, Some(&bind.effect))).collect(),
        };
        if !names.is_empty() && !effects.is_empty() && !may_bind(around, place.option) {
            let at = Location { source: place.source, span: bind.span };
            self.diagnostics.push(
                Diagnostic::error(codes::BIND_PLACE, at, "no name can be bound here")
                    .help("move the call into a function's own statements, or into the options of one of them"),
            );
        }
        for (name, effect) in names {
            let found = match effect {
                None => effects.first(),
                Some(effect) => effects.iter().find(|param| param.name.text == effect.text),
            };
            // A bind without a result is reported by the checker; its name is known all the same.
            let ty = found.map_or_else(Type::error, |param| param.ty.clone());
            if let Some(func) = self.declared.program.funcs.get_mut(place.func.0) {
                func.binds = true;
            }
            if let Some(id) = self.result_named(place, name, &ty) {
                self.declared.bind_at.insert((place.module, name.span), id);
                continue;
            }
            let id = BindId(self.declared.program.binds.len());
            self.declared.program.binds.push(Bound { name: name.clone(), func: place.func, ty, end });
            self.declared.bind_at.insert((place.module, name.span), id);
            self.name(place.module, place.source, name, name.span, Target::Bind(id));
        }
    }

    /// The result of the function around it that a name sets.
    fn result_named(&mut self, place: Place, name: &Ident, ty: &Type) -> Option<BindId> {
        let func = self.declared.program.func(place.func)?;
        let found = func
            .results
            .iter()
            .find(|id| self.declared.program.bind(**id).is_some_and(|result| result.name.text == name.text));
        let id = *found?;
        let result = self.declared.program.bind(id)?;
        let at = Location { source: place.source, span: name.span };
        if !ty.fits(&result.ty) {
            let message = format!("the result `{}` is of type `{}`, and this is of type `{ty}`", name.text, result.ty);
            let declared = Location { source: place.source, span: result.name.span };
            self.diagnostics.push(Diagnostic::error(codes::MISMATCH, at, message).also(declared, "declared here"));
        }
        self.declared.program.references.push(crate::hir::Reference { at, target: Target::Bind(id) });
        Some(id)
    }

    /// The results of what a callee names; no builtin that has some is overloaded.
    fn effects(&self, module: ModuleId, callee: &ast::Path) -> Vec<Param> {
        let program = &self.declared.program;
        let scope = program.module(module).map(|module| &module.scope);
        let symbol = scope.and_then(|scope| scope.get(&callee.head.text)).map(|symbol| symbol.target);
        let target = match (&callee.member, symbol) {
            (None, target) => target,
            (Some(member), Some(Target::Module(Some(id)))) => {
                program.module(id).and_then(|module| module.scope.get(&member.text)).map(|symbol| symbol.target)
            }
            (Some(member), None) => {
                let names = self.declared.builtins.namespace(&callee.head.text);
                let id = names.and_then(|names| names.get(&member.text));
                let builtin = id.and_then(|id| program.builtin(*id));
                return builtin.map(|builtin| builtin.signature.effects.clone()).unwrap_or_default();
            }
            (Some(_), _) => return Vec::new(),
        };
        if let Some(Target::Func(id)) = target {
            return program.func(id).map(|func| func.signature.effects.clone()).unwrap_or_default();
        }
        let overloads = self.declared.builtins.overloads(&callee.head.text).iter();
        overloads
            .filter_map(|id| program.builtin(*id))
            .map(|builtin| builtin.signature.effects.clone())
            .find(|effects| !effects.is_empty())
            .unwrap_or_default()
    }
}

/// Whether a name can be bound at a place: in the function's own statements, or in the options of a call, which must be the
/// only options around it.
fn may_bind(around: &[Around], option: bool) -> bool {
    match around {
        [Around::Block] => !option,
        [outer @ .., Around::With, Around::Block] => !outer.contains(&Around::With) && !outer.contains(&Around::Loop),
        _ => false,
    }
}
