//! What an argument fills.
//!
//! Owns the way from an offset in an argument to the parameter of what is called.

use hlb_compiler::hir::{Param, Program, Target};
use hlb_language::ast::{Arg, Expr, Ident, PostfixOp, Stmt};

use crate::analysis::Analysis;
use crate::walk::{Node, walk};

/// An argument, and the parameter that it fills.
pub(super) struct Filled<'a> {
    pub(super) argument: &'a Arg,
    pub(super) target: Target,
    pub(super) index: usize,
    pub(super) param: &'a Param,
}

/// A call in a text. Of `head.member(…)` and `….member(…)`, the callee is the member.
struct Site<'t> {
    head: Option<&'t Ident>,
    callee: &'t Ident,
    args: &'t [Arg],
    /// Whether something that is no name stands in front of the dot.
    behind: bool,
}

impl Analysis {
    /// The innermost argument at an offset, if it fills something by its place or by its name.
    pub(super) fn argument_at(&self, offset: usize) -> Option<Filled<'_>> {
        let mut innermost = None;
        walk(self.text().tree(), &mut |node| {
            for site in sites(node) {
                let at = site.args.iter().position(|arg| arg.span().touches(offset));
                if let Some(at) = at {
                    innermost = Some((site, at));
                }
            }
        });
        let (site, at) = innermost?;
        let argument = site.args.get(at)?;
        let (program, entry) = (&self.checked.program, self.entry()?);
        let target = program.reference_at(entry, site.callee.span.start as usize)?.target;
        let params = params(program, target)?;
        let index = match argument {
            Arg::Named(_, name, _) => params.iter().position(|param| param.name.text == name.text)?,
            Arg::Value(_) | Arg::Spread(..) => at + usize::from(self.is_on_a_value(&site, target)),
        };
        let last = params.len().checked_sub(1)?;
        let param = params.get(index).or_else(|| params.last().filter(|param| param.variadic))?;
        Some(Filled { argument, target, index: index.min(last), param })
    }

    /// Whether what stands in front of the dot is the first argument.
    fn is_on_a_value(&self, site: &Site<'_>, target: Target) -> bool {
        let Some(head) = site.head else { return site.behind };
        let program = &self.checked.program;
        let meant = self.entry().and_then(|entry| program.reference_at(entry, head.span.start as usize));
        match meant.map(|reference| reference.target) {
            Some(Target::Module(_) | Target::Enum(_)) => false,
            Some(_) => true,
            // The heads of namespaces are no names of the program.
            None => match target {
                Target::Builtin(id) => program.builtins.get(id.0).is_some_and(|it| it.namespace != head.text),
                _ => true,
            },
        }
    }
}

/// The calls that a part of a tree is.
fn sites(node: Node<'_>) -> Vec<Site<'_>> {
    match node {
        Node::Stmt(Stmt::Call(call)) => vec![site(&call.callee, &call.args)],
        Node::Expr(Expr::Call(call)) => call.args.iter().map(|(_, args)| site(&call.callee, args)).collect(),
        Node::Expr(Expr::Postfix(postfix)) => {
            let pairs = postfix.ops.windows(2).filter_map(|pair| match pair {
                [PostfixOp::Field(callee), PostfixOp::Call(_, args)] => {
                    Some(Site { head: None, callee, args, behind: true })
                }
                _ => None,
            });
            pairs.collect()
        }
        _ => Vec::new(),
    }
}

fn site<'t>(callee: &'t hlb_language::ast::Path, args: &'t [Arg]) -> Site<'t> {
    match &callee.member {
        Some(member) => Site { head: Some(&callee.head), callee: member, args, behind: false },
        None => Site { head: None, callee: &callee.head, args, behind: false },
    }
}

/// The parameters of what can be called.
fn params(program: &Program, target: Target) -> Option<&[Param]> {
    match target {
        Target::Func(id) => Some(&program.funcs.get(id.0)?.signature.params),
        Target::Builtin(id) => Some(&program.builtins.get(id.0)?.signature.params),
        Target::Bind(id) => Some(&program.funcs.get(program.binds.get(id.0)?.func.0)?.signature.params),
        Target::Record(id) => Some(&program.records.get(id.0)?.fields),
        _ => None,
    }
}
