//! Going through all blocks and calls of a program.
//!
//! Owns the order of the walk: outer blocks before those in them. Knows no rule.

use crate::hir::{
    Arg, Block, Call, Callee, Each, Entry, Expr, ExprNode, For, If, Item, Match, Program, Stmt, TextPart,
};

/// What a rule looks at.
pub(super) trait Visitor<'p> {
    /// A block, before what is in it.
    fn block(&mut self, _block: &'p Block) {}
    /// A call, before its arguments.
    fn call(&mut self, _call: &'p Call) {}
}

/// Shows a rule all that the program's files hold.
pub(super) fn program<'p>(program: &'p Program, visitor: &mut impl Visitor<'p>) {
    for func in &program.funcs {
        func.defaults.iter().flatten().for_each(|default| expr(default, visitor));
        func.body.iter().for_each(|body| block(body, visitor));
    }
    for constant in &program.constants {
        constant.value.iter().for_each(|value| expr(value, visitor));
    }
    for record in &program.records {
        record.defaults.iter().flatten().for_each(|default| expr(default, visitor));
    }
    program.tests.iter().for_each(|test| block(&test.body, visitor));
    program.lambdas.iter().for_each(|lambda| block(&lambda.body, visitor));
}

fn block<'p>(it: &'p Block, visitor: &mut impl Visitor<'p>) {
    visitor.block(it);
    for stmt in &it.stmts {
        match stmt {
            Stmt::Call(it) => call(it, visitor),
            Stmt::Value(it) => expr(it, visitor),
            Stmt::If(it) => branches(it, visitor),
            Stmt::Match(it) => matched(it, visitor),
            Stmt::For(it) => looped(it, visitor),
            Stmt::Let(it) => expr(&it.value, visitor),
            Stmt::Assert(it) => {
                expr(&it.condition, visitor);
                it.message.iter().for_each(|message| expr(message, visitor));
            }
        }
    }
}

fn branches<'p>(it: &'p If, visitor: &mut impl Visitor<'p>) {
    for (condition, body) in &it.branches {
        expr(condition, visitor);
        block(body, visitor);
    }
    it.otherwise.iter().for_each(|body| block(body, visitor));
}

fn matched<'p>(it: &'p Match, visitor: &mut impl Visitor<'p>) {
    expr(&it.value, visitor);
    it.arms.iter().for_each(|arm| block(&arm.body, visitor));
}

fn looped<'p>(it: &'p For, visitor: &mut impl Visitor<'p>) {
    expr(&it.items, visitor);
    match &it.each {
        Each::Block(body) => block(body, visitor),
        Each::Element { value, condition } => {
            condition.iter().for_each(|condition| expr(condition, visitor));
            expr(value, visitor);
        }
        Each::Entry { key, value, condition } => {
            condition.iter().for_each(|condition| expr(condition, visitor));
            expr(key, visitor);
            expr(value, visitor);
        }
    }
}

fn call<'p>(it: &'p Call, visitor: &mut impl Visitor<'p>) {
    visitor.call(it);
    if let Callee::Value(callee) = &it.callee {
        expr(callee, visitor);
    }
    args(&it.args, visitor);
    it.with.iter().for_each(|with| expr(with, visitor));
}

fn args<'p>(all: &'p [Arg], visitor: &mut impl Visitor<'p>) {
    for arg in all {
        match arg {
            Arg::One(it) => expr(it, visitor),
            Arg::Many(all) => items(all, visitor),
            Arg::Default => {}
        }
    }
}

fn items<'p>(all: &'p [Item], visitor: &mut impl Visitor<'p>) {
    all.iter().for_each(|item| expr(&item.expr, visitor));
}

fn expr<'p>(it: &'p Expr, visitor: &mut impl Visitor<'p>) {
    match &it.node {
        ExprNode::Text(text) => {
            for part in &text.parts {
                if let TextPart::Value(it) = part {
                    expr(it, visitor);
                }
            }
        }
        ExprNode::Block(it) => block(it, visitor),
        ExprNode::Call(it) | ExprNode::Result(it) => call(it, visitor),
        ExprNode::List(all) => items(all, visitor),
        ExprNode::Map(entries) => {
            for entry in entries {
                match entry {
                    Entry::Pair(key, value) => {
                        expr(key, visitor);
                        expr(value, visitor);
                    }
                    Entry::Spread(it) => expr(it, visitor),
                }
            }
        }
        ExprNode::For(it) => looped(it, visitor),
        ExprNode::Record(_, fields) => args(fields, visitor),
        ExprNode::Field(base, _) => expr(base, visitor),
        ExprNode::Index(base, index) => {
            expr(base, visitor);
            expr(index, visitor);
        }
        ExprNode::Not(operand) | ExprNode::Negate(operand) => expr(operand, visitor),
        ExprNode::Binary(first, rest) => {
            expr(first, visitor);
            rest.iter().for_each(|(_, operand)| expr(operand, visitor));
        }
        ExprNode::If(it) => branches(it, visitor),
        ExprNode::Match(it) => matched(it, visitor),
        // The blocks of function literals are gone through by themselves.
        ExprNode::Lambda(_)
        | ExprNode::Int(_)
        | ExprNode::Bool(_)
        | ExprNode::None
        | ExprNode::Variant(..)
        | ExprNode::Var(_)
        | ExprNode::Constant(_)
        | ExprNode::Func(_)
        | ExprNode::Builtin(_)
        | ExprNode::Error => {}
    }
}
