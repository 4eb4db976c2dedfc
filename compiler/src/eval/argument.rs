//! Arguments and other values that may not be needed.
//!
//! Owns when they are evaluated: data that reaches nothing outside of the program at once, so that equal arguments are known to be
//! equal; everything else when it is needed, and once.

use std::rc::Rc;

use super::key::{Key, KeyId};
use super::scope::{Binding, ScopeId, Thunk};
use super::value::{Frame, Value};
use super::{Evaluator, Fail};
use crate::hir::{self, Callee, Each, Entry, Expr, ExprNode, Item, TextPart};

impl<'p> Evaluator<'p> {
    /// What a name stands for that is given an expression.
    pub(super) fn binding(&mut self, expr: &'p Expr, scope: ScopeId, frame: Option<&Rc<Frame>>) -> Binding<'p> {
        match &expr.node {
            ExprNode::Int(_) | ExprNode::Bool(_) | ExprNode::None | ExprNode::Variant(..) => {
                if let Ok(value) = self.expr(expr, scope, frame) {
                    let key = self.keys.of(&value);
                    return Binding::Known(value, key);
                }
            }
            ExprNode::Var(var) => match self.scopes.find(scope, *var) {
                Some(known @ (Binding::Known(..) | Binding::Many(..))) => return known.clone(),
                Some(Binding::Later(thunk)) => {
                    let thunk = thunk.clone();
                    return self.settled(thunk);
                }
                Some(Binding::Unset) | None => {}
            },
            _ => {}
        }
        let key = self.key(expr, scope);
        self.settled(Thunk { expr, scope, frame: frame.cloned(), key })
    }

    /// A value that is known, if finding it reaches nothing outside; a mistake in it shows when it is needed.
    fn settled(&mut self, thunk: Thunk<'p>) -> Binding<'p> {
        if self.program.is_data(&thunk.expr.ty) && self.is_pure(thunk.expr, thunk.scope) {
            let depth = self.depth;
            if let Ok(value) = self.force(&thunk) {
                let key = self.keys.of(&value);
                return Binding::Known(value, key);
            }
            self.depth = depth;
        }
        Binding::Later(thunk)
    }

    /// The value of a name.
    pub(super) fn bound_to(&mut self, binding: &Binding<'p>) -> Result<Value, Fail> {
        match binding {
            Binding::Known(value, _) => Ok(value.clone()),
            Binding::Later(thunk) => self.force(thunk),
            Binding::Many(all, _) => {
                let mut values = Vec::with_capacity(all.len());
                for one in all.iter() {
                    values.push(self.bound_to(one)?);
                }
                Ok(Value::list(values))
            }
            Binding::Unset => Ok(Value::Nil),
        }
    }

    pub(super) fn force(&mut self, thunk: &Thunk<'p>) -> Result<Value, Fail> {
        if let Some(value) = self.values.get(&thunk.key) {
            return Ok(value.clone());
        }
        let value = self.expr(thunk.expr, thunk.scope, thunk.frame.as_ref())?;
        self.values.insert(thunk.key, value.clone());
        Ok(value)
    }

    /// The key of an expression that is not evaluated.
    pub(super) fn key(&mut self, expr: &'p Expr, scope: ScopeId) -> KeyId {
        let key = match &expr.node {
            ExprNode::Text(text) if text.layout.is_none() => match text.parts.as_slice() {
                [] => Key::Text("".into()),
                [TextPart::Text(part)] => Key::Text(part.clone()),
                _ => self.site(expr, scope),
            },
            ExprNode::Int(value) => Key::Int(*value),
            ExprNode::Bool(value) => Key::Bool(*value),
            ExprNode::None => Key::None,
            ExprNode::Variant(id, index) => Key::Variant(*id, *index),
            ExprNode::Constant(id) => Key::Constant(*id),
            ExprNode::Var(var) => match self.scopes.find(scope, *var) {
                Some(Binding::Known(_, key) | Binding::Many(_, key)) => return *key,
                Some(Binding::Later(thunk)) => return thunk.key,
                Some(Binding::Unset) | None => self.site(expr, scope),
            },
            ExprNode::Call(call) if call.with.is_none() => match &call.callee {
                Callee::Func(id) => {
                    let id = *id;
                    Key::Call(id, self.arguments_key(&call.args, scope))
                }
                Callee::Bind(id) => {
                    let id = *id;
                    Key::Bind(id, self.arguments_key(&call.args, scope))
                }
                Callee::Builtin(_) | Callee::OwnBind(_) | Callee::Setting(..) | Callee::Value(_) => {
                    self.site(expr, scope)
                }
            },
            _ => self.site(expr, scope),
        };
        self.keys.intern(key)
    }

    fn arguments_key(&mut self, args: &'p [hir::Arg], scope: ScopeId) -> KeyId {
        let keys = args.iter().map(|arg| match arg {
            hir::Arg::One(expr) => {
                let binding = self.binding(expr, scope, None);
                self.binding_key(&binding)
            }
            hir::Arg::Many(items) => {
                let keys = items.iter().map(|item| self.key(&item.expr, scope)).collect();
                self.keys.intern(Key::Many(keys))
            }
            hir::Arg::Default => self.keys.intern(Key::Default),
        });
        let keys = keys.collect();
        self.keys.intern(Key::Arguments(keys))
    }

    pub(super) fn binding_key(&mut self, binding: &Binding<'p>) -> KeyId {
        match binding {
            Binding::Known(_, key) | Binding::Many(_, key) => *key,
            Binding::Later(thunk) => thunk.key,
            Binding::Unset => self.keys.intern(Key::Default),
        }
    }

    /// A key for what is only equal to itself: an expression together with what the names around it are.
    fn site(&mut self, expr: &Expr, scope: ScopeId) -> Key {
        match self.scopes.get(scope).map(|scope| scope.key) {
            Some(around) => Key::Site(expr.at, around),
            None => Key::Nil,
        }
    }

    /// Whether evaluating an expression reaches nothing outside of the program and makes nothing to build.
    fn is_pure(&self, expr: &Expr, scope: ScopeId) -> bool {
        let all = |items: &[Item]| items.iter().all(|item| self.is_pure(&item.expr, scope));
        let args = |args: &[hir::Arg]| {
            args.iter().all(|arg| match arg {
                hir::Arg::One(expr) => self.is_pure(expr, scope),
                hir::Arg::Many(items) => all(items),
                hir::Arg::Default => true,
            })
        };
        match &expr.node {
            ExprNode::Int(_)
            | ExprNode::Bool(_)
            | ExprNode::None
            | ExprNode::Variant(..)
            | ExprNode::Func(_)
            | ExprNode::Builtin(_)
            | ExprNode::Lambda(_) => true,
            ExprNode::Text(text) => text.parts.iter().all(|part| match part {
                TextPart::Text(_) => true,
                TextPart::Value(expr) => self.is_pure(expr, scope),
            }),
            ExprNode::Var(var) => match self.scopes.find(scope, *var) {
                Some(Binding::Known(..)) => true,
                Some(Binding::Later(thunk)) => self.values.contains_key(&thunk.key),
                Some(Binding::Many(..) | Binding::Unset) | None => false,
            },
            ExprNode::Constant(id) => self.program.constant(*id).is_some_and(|it| it.effects.is_empty()),
            ExprNode::Call(call) => {
                let callee = match &call.callee {
                    Callee::Builtin(id) => self.program.builtin(*id).is_some_and(|it| {
                        it.effects.is_empty()
                            && matches!(
                                it.implementation,
                                crate::builtins::Implementation::Value(_) | crate::builtins::Implementation::Text(_)
                            )
                    }),
                    Callee::Func(id) => {
                        let pure = |it: &hir::Func| it.effects.is_empty() && self.program.is_data(&it.signature.result);
                        self.program.func(*id).is_some_and(pure)
                    }
                    Callee::Bind(_) | Callee::OwnBind(_) | Callee::Setting(..) | Callee::Value(_) => false,
                };
                callee && call.with.is_none() && call.binds.is_empty() && args(&call.args)
            }
            ExprNode::List(items) => all(items),
            ExprNode::Map(entries) => entries.iter().all(|entry| match entry {
                Entry::Pair(key, value) => self.is_pure(key, scope) && self.is_pure(value, scope),
                Entry::Spread(expr) => self.is_pure(expr, scope),
            }),
            ExprNode::Record(id, fields) => {
                let defaults = self.program.record(*id).map_or(&[][..], |record| &record.defaults);
                let left_out = fields.iter().zip(defaults).filter(|(field, _)| matches!(field, hir::Arg::Default));
                args(fields) && left_out.filter_map(|(_, default)| default.as_ref()).all(|it| self.is_pure(it, scope))
            }
            ExprNode::Field(base, _) => self.is_pure(base, scope),
            ExprNode::Index(base, index) => self.is_pure(base, scope) && self.is_pure(index, scope),
            ExprNode::Not(operand) | ExprNode::Negate(operand) => self.is_pure(operand, scope),
            ExprNode::Binary(first, rest) => {
                self.is_pure(first, scope) && rest.iter().all(|(_, operand)| self.is_pure(operand, scope))
            }
            // Their parts see names of scopes that there are not yet.
            ExprNode::For(looped) => {
                self.is_pure(&looped.items, scope)
                    && match &looped.each {
                        Each::Element { value, condition: None } => closed(value),
                        _ => false,
                    }
            }
            ExprNode::Result(_) | ExprNode::Block(_) | ExprNode::If(_) | ExprNode::Match(_) | ExprNode::Error => false,
        }
    }
}

/// Whether an expression is a literal, or names and operators alone.
fn closed(expr: &Expr) -> bool {
    match &expr.node {
        ExprNode::Int(_) | ExprNode::Bool(_) | ExprNode::Variant(..) => true,
        ExprNode::Text(text) => text.parts.iter().all(|part| match part {
            TextPart::Text(_) => true,
            TextPart::Value(expr) => closed(expr),
        }),
        ExprNode::Var(var) => var.hops == 0,
        ExprNode::Binary(first, rest) => closed(first) && rest.iter().all(|(_, operand)| closed(operand)),
        _ => false,
    }
}
