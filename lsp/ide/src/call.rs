//! The calls of a text, with what each calls.
//!
//! Owns the pairing of calls in the tree with what the checker knows of their names.

use std::sync::Arc;

use hlb_compiler::hir::{Param, Signature, Target};
use hlb_compiler::{Program, Type};
use hlb_language::ast::{Arg, Expr, Ident, Path, PostfixOp, Stmt};

use crate::analysis::Analysis;
use crate::walk::{Node, walk};

/// A call whose name could be resolved.
pub(crate) struct Call<'t> {
    /// The last part of its name.
    pub(crate) name: &'t str,
    pub(crate) target: Target,
    pub(crate) signature: Arc<Signature>,
    /// Its arguments.
    pub(crate) args: &'t [Arg],
    /// How many parameters are taken by what stands in front: one, if that is a value and a dot.
    pub(crate) taken: usize,
}

impl<'t> Call<'t> {
    /// The parameter that an argument fills by its place or its name, and its number.
    pub(crate) fn filled(&self, at: usize, arg: &Arg) -> Option<(usize, &Param)> {
        let params = &self.signature.params;
        let index = match arg {
            Arg::Named(_, name, _) => params.iter().position(|param| param.name.text == name.text)?,
            Arg::Value(_) | Arg::Spread(..) => at + self.taken,
        };
        let index = index.min(params.len().checked_sub(1)?);
        let param = params.get(index)?;
        let fits = param.variadic || matches!(arg, Arg::Named(..)) || index == at + self.taken;
        fits.then_some((index, param))
    }
}

/// The calls with arguments, outer ones first.
pub(crate) fn calls(analysis: &Analysis) -> Vec<Call<'_>> {
    let mut found = Vec::new();
    walk(analysis.text().tree(), &mut |node| match node {
        Node::Stmt(Stmt::Call(call)) => found.extend(named(analysis, &call.callee, &call.args)),
        Node::Expr(Expr::Call(call)) => {
            found.extend(call.args.iter().filter_map(|(_, args)| named(analysis, &call.callee, args)));
        }
        Node::Expr(Expr::Postfix(postfix)) => found.extend(postfix.ops.windows(2).filter_map(|pair| match pair {
            [PostfixOp::Field(name), PostfixOp::Call(_, args)] => resolved(analysis, name, args, 1),
            _ => None,
        })),
        _ => {}
    });
    found
}

fn named<'t>(analysis: &Analysis, callee: &'t Path, args: &'t [Arg]) -> Option<Call<'t>> {
    let Some(member) = &callee.member else { return resolved(analysis, &callee.head, args, 0) };
    // Namespaces of the builtins are no names of the program.
    let head = target(analysis, &callee.head);
    let is_value = !matches!(head, None | Some(Target::Module(_)));
    resolved(analysis, member, args, usize::from(is_value))
}

fn resolved<'t>(analysis: &Analysis, name: &'t Ident, args: &'t [Arg], taken: usize) -> Option<Call<'t>> {
    if args.is_empty() {
        return None;
    }
    let target = target(analysis, name)?;
    let signature = signature_of(&analysis.checked.program, target)?;
    Some(Call { name: &name.text, target, signature, args, taken })
}

fn target(analysis: &Analysis, name: &Ident) -> Option<Target> {
    let found = analysis.checked.program.reference_at(analysis.entry()?, name.span.start as usize)?;
    (found.at.span == name.span).then_some(found.target)
}

/// What is taken by what a name stands for, if it can be called. Of a record and of an option it says the parameters only.
pub(crate) fn signature_of(program: &Program, target: Target) -> Option<Arc<Signature>> {
    let made = |params: Vec<Param>| {
        let result = Type::Never;
        Arc::new(Signature { result, type_params: Vec::new(), params, options: Vec::new(), effects: Vec::new() })
    };
    match target {
        Target::Func(id) => program.funcs.get(id.0).map(|func| Arc::clone(&func.signature)),
        Target::Builtin(id) => program.builtins.get(id.0).map(|builtin| Arc::clone(&builtin.signature)),
        Target::Bind(id) => {
            let func = program.funcs.get(program.binds.get(id.0)?.func.0)?;
            Some(Arc::clone(&func.signature))
        }
        Target::Record(id) => program.records.get(id.0).map(|record| made(record.fields.clone())),
        Target::Setting(id, index) => {
            let option = program.funcs.get(id.0)?.signature.options.get(index)?.clone();
            let ty = match &option.ty {
                Type::List(item) => (**item).clone(),
                ty => ty.clone(),
            };
            // A truth value may be left to be true.
            let optional = ty == Type::Bool;
            Some(made(vec![Param { ty, optional, variadic: false, ..option }]))
        }
        _ => None,
    }
}
