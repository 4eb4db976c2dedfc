//! Branches, loops, and what is made from each element of something.
//!
//! Owns which block is run, and how often.

use std::rc::Rc;

use ecow::EcoString;
use hlb_language::diagnostic::Diagnostic;
use indexmap::IndexMap;

use super::limit::{MAX_ITEMS, failed, too_much};
use super::scope::{Binding, Names, ScopeId};
use super::show::beginning;
use super::value::{Frame, Value};
use super::{Evaluator, Fail};
use crate::codes;
use crate::hir::{self, Assert, Each, ExprNode, For, If, Match, Pattern};

impl<'p> Evaluator<'p> {
    /// The block of an `if` that is to be run.
    pub(super) fn chosen(
        &mut self,
        branches: &'p If,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Option<&'p hir::Block>, Fail> {
        for (condition, block) in &branches.branches {
            if self.expr(condition, scope, frame)?.is_true() {
                return Ok(Some(block));
            }
        }
        Ok(branches.otherwise.as_ref())
    }

    /// The block of a `match` that is to be run, and where.
    pub(super) fn arm(
        &mut self,
        matched: &'p Match,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Option<(&'p hir::Block, ScopeId)>, Fail> {
        let value = self.expr(&matched.value, scope, frame)?;
        for arm in &matched.arms {
            if !arm.patterns.iter().any(|pattern| fits(pattern, &value)) {
                continue;
            }
            let scope = if arm.binds {
                let key = self.keys.of(&value);
                self.inner(scope, arm.body.at, Names::From(arm.local), vec![Binding::Known(value, key)])
            } else {
                scope
            };
            return Ok(Some((&arm.body, scope)));
        }
        Ok(None)
    }

    /// Runs the block of a loop for each element; the value of each goes on from that before.
    pub(super) fn looped(
        &mut self,
        looped: &'p For,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
        start: Value,
    ) -> Result<Value, Fail> {
        let Each::Block(block) = &looped.each else { return Ok(start) };
        let mut value = start;
        for names in self.elements(looped, scope, frame)? {
            self.enter(looped.at, frame)?;
            self.count(looped.at, frame)?;
            let inner = self.element_scope(looped, scope, names);
            value = self.block(block, inner, frame, value)?;
            self.depth -= 1;
        }
        Ok(value)
    }

    /// A list or a map with a value for each element.
    pub(super) fn comprehension(
        &mut self,
        looped: &'p For,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Value, Fail> {
        let mut list = Vec::new();
        let mut map: IndexMap<EcoString, Value> = IndexMap::new();
        for names in self.elements(looped, scope, frame)? {
            self.enter(looped.at, frame)?;
            self.count(looped.at, frame)?;
            let inner = self.element_scope(looped, scope, names);
            match &looped.each {
                Each::Block(_) => {}
                Each::Element { value, condition } => {
                    if self.wanted(condition.as_ref(), inner, frame)? {
                        list.push(self.expr(value, inner, frame)?.filled(&value.ty));
                    }
                }
                Each::Entry { key, value, condition } => {
                    if self.wanted(condition.as_ref(), inner, frame)? {
                        let name = self.expr(key, inner, frame)?;
                        let value = self.expr(value, inner, frame)?.filled(&value.ty);
                        if map.insert(name.text().into(), value).is_some() {
                            let message = format!("two elements give the key `{}`", name.text());
                            return Err(failed(
                                Diagnostic::error(codes::SAME_KEY, key.at, message)
                                    .help("make the keys differ, or leave out elements with `if`"),
                                frame,
                            ));
                        }
                    }
                }
            }
            self.depth -= 1;
        }
        Ok(match looped.each {
            Each::Entry { .. } => Value::Map(Rc::new(map)),
            _ => Value::list(list),
        })
    }

    fn wanted(
        &mut self,
        condition: Option<&'p hir::Expr>,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<bool, Fail> {
        match condition {
            Some(condition) => Ok(self.expr(condition, scope, frame)?.is_true()),
            None => Ok(true),
        }
    }

    fn element_scope(&mut self, looped: &For, scope: ScopeId, names: Vec<Value>) -> ScopeId {
        let bindings = names.into_iter().map(|value| {
            let key = self.keys.of(&value);
            Binding::Known(value, key)
        });
        let bindings = bindings.collect();
        self.inner(scope, looped.at, Names::From(looped.local), bindings)
    }

    /// What the names of a loop stand for, one time after the other.
    fn elements(
        &mut self,
        looped: &'p For,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Vec<Vec<Value>>, Fail> {
        let collection = self.expr(&looped.items, scope, frame)?;
        let pairs = looped.names > 1;
        let elements: Vec<Vec<Value>> = match &collection {
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(index, item)| {
                    let index = Value::Int(i64::try_from(index).unwrap_or(i64::MAX));
                    if pairs { vec![index, item.clone()] } else { vec![item.clone()] }
                })
                .collect(),
            Value::Map(map) => map
                .iter()
                .map(|(key, value)| {
                    let key = Value::Text(key.clone());
                    if pairs { vec![key, value.clone()] } else { vec![key] }
                })
                .collect(),
            _ => Vec::new(),
        };
        if elements.len() > MAX_ITEMS {
            return Err(too_much(looped.at, frame, format!("this loop goes through more than {MAX_ITEMS} elements")));
        }
        Ok(elements)
    }

    /// Fails if what a test claims is not true, and says what the sides of a comparison are.
    pub(super) fn assert(&mut self, assert: &'p Assert, scope: ScopeId, frame: Option<&Rc<Frame>>) -> Result<(), Fail> {
        if self.expr(&assert.condition, scope, frame)?.is_true() {
            return Ok(());
        }
        let message = match &assert.message {
            Some(message) => self.expr(message, scope, frame)?.text().to_owned(),
            None => "this is not true".to_owned(),
        };
        let mut fail = Diagnostic::error(codes::ASSERTION, assert.condition.at, message);
        if let ExprNode::Binary(first, rest) = &assert.condition.node
            && let [(_, second)] = rest.as_slice()
        {
            for side in [&**first, second] {
                let value = self.expr(side, scope, frame)?;
                if !matches!(side.node, ExprNode::Text(_) | ExprNode::Int(_) | ExprNode::Bool(_)) {
                    fail = fail.also(side.at, format!("this is {}", beginning(self.program, &value, &side.ty)));
                }
            }
        } else if let ExprNode::Call(call) = &assert.condition.node {
            for arg in &call.args {
                if let hir::Arg::One(arg) = arg
                    && !matches!(arg.node, ExprNode::Text(_) | ExprNode::Int(_))
                    && self.program.is_data(&arg.ty)
                {
                    let value = self.expr(arg, scope, frame)?;
                    fail = fail.also(arg.at, format!("this is {}", beginning(self.program, &value, &arg.ty)));
                }
            }
        }
        Err(failed(fail, frame))
    }
}

fn fits(pattern: &Pattern, value: &Value) -> bool {
    match pattern {
        Pattern::Any => true,
        Pattern::Some => !value.is_none(),
        Pattern::None => value.is_none(),
        Pattern::Int(number) => matches!(value, Value::Int(_) | Value::Nil) && value.int() == *number,
        Pattern::Bool(truth) => matches!(value, Value::Bool(_) | Value::Nil) && value.is_true() == *truth,
        Pattern::Text(text) => matches!(value, Value::Text(_) | Value::Nil) && value.text() == text,
        Pattern::Variant(index) => matches!(value, Value::Variant(_, variant) if variant == index),
    }
}
