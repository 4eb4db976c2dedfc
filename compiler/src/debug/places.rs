//! Where a program can be stopped.
//!
//! Owns the list of the statements of a file, and where functions begin.

use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;

use crate::Checked;
use crate::deep::deep;
use crate::hir::{Arg, Block, Call, Callee, Each, Entry, Expr, ExprNode, For, If, Item, Match, Stmt, TextPart};

/// The statements of a file, in the order of the text: where evaluation can be stopped.
pub fn statements(checked: &Checked, source: SourceId) -> Vec<Location> {
    let program = &checked.program;
    let mut found = Found(Vec::new());
    for func in &program.funcs {
        func.defaults.iter().flatten().for_each(|expr| found.expr(expr));
        func.body.iter().for_each(|block| found.block(block));
    }
    program.lambdas.iter().for_each(|lambda| found.block(&lambda.body));
    program.tests.iter().for_each(|test| found.block(&test.body));
    program.constants.iter().filter_map(|it| it.value.as_ref()).for_each(|expr| found.expr(expr));
    program.records.iter().flat_map(|it| &it.defaults).flatten().for_each(|expr| found.expr(expr));
    let mut places: Vec<Location> = found.0.into_iter().filter(|at| at.source == source).collect();
    places.sort_unstable();
    places.dedup();
    places
}

/// The first statements of the functions of a name.
pub fn beginnings(checked: &Checked, name: &str) -> Vec<Location> {
    let named = checked.program.funcs.iter().filter(|func| func.name.text == name);
    let bodies = named.filter_map(|func| func.body.as_ref());
    bodies.filter_map(|body| body.stmts.iter().find_map(Stmt::at)).collect()
}

/// The statements that were found so far.
struct Found(Vec<Location>);

impl Found {
    fn block(&mut self, block: &Block) {
        for stmt in &block.stmts {
            self.0.extend(stmt.at());
            match stmt {
                Stmt::Call(call) => self.call(call),
                Stmt::Value(expr) => self.expr(expr),
                Stmt::If(branches) => self.branches(branches),
                Stmt::Match(matched) => self.matched(matched),
                Stmt::For(looped) => self.looped(looped),
                Stmt::Let(stmt) => self.expr(&stmt.value),
                Stmt::Assert(assert) => {
                    self.expr(&assert.condition);
                    assert.message.iter().for_each(|message| self.expr(message));
                }
            }
        }
    }

    fn call(&mut self, call: &Call) {
        if let Callee::Value(callee) = &call.callee {
            self.expr(callee);
        }
        call.args.iter().for_each(|arg| self.arg(arg));
        call.with.iter().for_each(|with| self.expr(with));
    }

    fn arg(&mut self, arg: &Arg) {
        match arg {
            Arg::One(expr) => self.expr(expr),
            Arg::Many(items) => self.items(items),
            Arg::Default => {}
        }
    }

    fn items(&mut self, items: &[Item]) {
        items.iter().for_each(|item| self.expr(&item.expr));
    }

    fn branches(&mut self, branches: &If) {
        for (condition, block) in &branches.branches {
            self.expr(condition);
            self.block(block);
        }
        branches.otherwise.iter().for_each(|block| self.block(block));
    }

    fn matched(&mut self, matched: &Match) {
        self.expr(&matched.value);
        matched.arms.iter().for_each(|arm| self.block(&arm.body));
    }

    fn looped(&mut self, looped: &For) {
        self.expr(&looped.items);
        match &looped.each {
            Each::Block(block) => self.block(block),
            Each::Element { value, condition } => {
                self.expr(value);
                condition.iter().for_each(|it| self.expr(it));
            }
            Each::Entry { key, value, condition } => {
                self.expr(key);
                self.expr(value);
                condition.iter().for_each(|it| self.expr(it));
            }
        }
    }

    fn expr(&mut self, expr: &Expr) {
        deep(|| match &expr.node {
            ExprNode::Text(text) => {
                for part in &text.parts {
                    if let TextPart::Value(expr) = part {
                        self.expr(expr);
                    }
                }
            }
            ExprNode::Block(block) => self.block(block),
            ExprNode::Call(call) | ExprNode::Result(call) => self.call(call),
            ExprNode::List(items) => self.items(items),
            ExprNode::Map(entries) => {
                for entry in entries {
                    match entry {
                        Entry::Pair(key, value) => {
                            self.expr(key);
                            self.expr(value);
                        }
                        Entry::Spread(expr) => self.expr(expr),
                    }
                }
            }
            ExprNode::For(looped) => self.looped(looped),
            ExprNode::Record(_, fields) => fields.iter().for_each(|field| self.arg(field)),
            ExprNode::Field(base, _) => self.expr(base),
            ExprNode::Index(base, index) => {
                self.expr(base);
                self.expr(index);
            }
            ExprNode::Not(operand) | ExprNode::Negate(operand) => self.expr(operand),
            ExprNode::Binary(first, rest) => {
                self.expr(first);
                rest.iter().for_each(|(_, operand)| self.expr(operand));
            }
            ExprNode::If(branches) => self.branches(branches),
            ExprNode::Match(matched) => self.matched(matched),
            ExprNode::Int(_)
            | ExprNode::Bool(_)
            | ExprNode::None
            | ExprNode::Variant(..)
            | ExprNode::Var(_)
            | ExprNode::Constant(_)
            | ExprNode::Func(_)
            | ExprNode::Builtin(_)
            | ExprNode::Lambda(_)
            | ExprNode::Error => {}
        });
    }
}
