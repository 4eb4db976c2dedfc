//! Which builtins the cases use.
//!
//! Owns the walk over checked programs. Knows nothing of engines.

use std::collections::{BTreeMap, BTreeSet};

use camino::Utf8Path;
use hlb_compiler::hir::{Block, Call, Callee, Expr, ExprNode, Program, Stmt, TextPart};
use hlb_compiler::{Checked, World};

/// Every builtin that is declared, as `KIND NAME`: `fs run`, `option::run dir`.
pub fn declared(world: &dyn World) -> BTreeSet<String> {
    let checked = hlb_compiler::check_text(world, Utf8Path::new("declared.hlb"), String::new());
    names(&checked.program).into_iter().collect()
}

fn names(program: &Program) -> Vec<String> {
    program.builtins.iter().map(|builtin| format!("{} {}", builtin.signature.kind, builtin.name.text)).collect()
}

/// The builtins that a checked program calls, with how often.
pub fn used(checked: &Checked) -> BTreeMap<String, usize> {
    let names = names(&checked.program);
    let mut calls = Calls::default();
    for func in &checked.program.funcs {
        func.body.iter().for_each(|body| calls.block(body));
    }
    let mut used = BTreeMap::new();
    for at in calls.builtins {
        if let Some(name) = names.get(at) {
            *used.entry(name.clone()).or_insert(0) += 1;
        }
    }
    used
}

#[derive(Default)]
struct Calls {
    builtins: Vec<usize>,
}

impl Calls {
    fn block(&mut self, block: &Block) {
        for stmt in &block.stmts {
            match stmt {
                Stmt::Call(call) => self.call(call),
                Stmt::Value(value) => self.expr(value),
            }
        }
    }

    fn call(&mut self, call: &Call) {
        if let Callee::Builtin(id) = call.callee {
            self.builtins.push(id.0);
        }
        call.args.iter().for_each(|arg| self.expr(arg));
        call.with.iter().for_each(|with| self.expr(with));
    }

    fn expr(&mut self, expr: &Expr) {
        match &expr.node {
            ExprNode::Text(text) => {
                for part in &text.parts {
                    if let TextPart::Value(value) = part {
                        self.expr(value);
                    }
                }
            }
            ExprNode::Block(block) => self.block(block),
            ExprNode::Call(call) => self.call(call),
            ExprNode::Int(_) | ExprNode::Bool(_) | ExprNode::Error => {}
        }
    }
}
