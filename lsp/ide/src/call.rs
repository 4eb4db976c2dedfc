//! The calls of a text, with what each calls.
//!
//! Owns the pairing of calls in the tree with what the checker knows of their names.

use std::sync::Arc;

use hlb_compiler::hir::{Param, Signature, Target};
use hlb_compiler::{Program, Type};
use hlb_language::ast::{Arg, Expr, Path, Stmt};

use crate::analysis::Analysis;
use crate::walk::{Node, walk};

/// A call whose name could be resolved.
pub(crate) struct Call<'t> {
    /// The last part of its name.
    pub(crate) name: &'t str,
    pub(crate) target: Target,
    pub(crate) signature: Arc<Signature>,
    /// Its arguments. Where it stands behind a value and a dot, that value is none of them.
    pub(crate) args: &'t [Arg],
}

/// The calls with arguments, outer ones first. Calls of what stands behind a value and a dot are left out: their first parameter
/// is that value.
pub(crate) fn calls(analysis: &Analysis) -> Vec<Call<'_>> {
    let mut found = Vec::new();
    walk(analysis.text().tree(), &mut |node| {
        let (callee, args) = match node {
            Node::Stmt(Stmt::Call(call)) => (&call.callee, call.args.as_slice()),
            Node::Expr(Expr::Call(call)) => match &call.args {
                Some((_, args)) => (&call.callee, args.as_slice()),
                None => return,
            },
            _ => return,
        };
        if !args.is_empty() {
            found.extend(resolved(analysis, callee, args));
        }
    });
    found
}

fn resolved<'t>(analysis: &Analysis, callee: &'t Path, args: &'t [Arg]) -> Option<Call<'t>> {
    let program = &analysis.checked.program;
    let entry = analysis.entry()?;
    let name = callee.member.as_ref().unwrap_or(&callee.head);
    if callee.member.is_some() {
        // Namespaces of the builtins are no names of the program.
        let head = program.reference_at(entry, callee.head.span.start as usize);
        let head = head.filter(|head| head.at.span == callee.head.span).map(|head| head.target);
        if !matches!(head, None | Some(Target::Module(_))) {
            return None;
        }
    }
    let reference = program.reference_at(entry, name.span.start as usize).filter(|it| it.at.span == name.span)?;
    let signature = signature(program, reference.target)?;
    Some(Call { name: &name.text, target: reference.target, signature, args })
}

/// What is taken by what a name stands for.
fn signature(program: &Program, target: Target) -> Option<Arc<Signature>> {
    let made = |params: &[Param]| {
        let (result, params) = (Type::Never, params.to_vec());
        Arc::new(Signature { result, type_params: Vec::new(), params, options: Vec::new(), effects: Vec::new() })
    };
    match target {
        Target::Func(id) => program.funcs.get(id.0).map(|func| Arc::clone(&func.signature)),
        Target::Builtin(id) => program.builtins.get(id.0).map(|builtin| Arc::clone(&builtin.signature)),
        Target::Bind(id) => {
            let func = program.funcs.get(program.binds.get(id.0)?.func.0)?;
            Some(Arc::clone(&func.signature))
        }
        Target::Record(id) => program.records.get(id.0).map(|record| made(&record.fields)),
        _ => None,
    }
}
