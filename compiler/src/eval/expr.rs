//! Expressions.
//!
//! Owns literals, texts, collections, names and parts of values. Operators, branches and calls are in files of their own.

use std::rc::Rc;

use ecow::EcoString;
use hlb_language::diagnostic::{Diagnostic, Location};
use indexmap::IndexMap;
use rustc_hash::FxHashSet;

use super::limit::{MAX_NESTING, MAX_TEXT, failed, too_much};
use super::scope::ScopeId;
use super::show::display;
use super::value::{Fields, Frame, FuncValue, Value};
use super::{Evaluator, Fail, text};
use crate::codes;
use crate::deep::deep;
use crate::hir::{self, ConstantId, Entry, Expr, ExprNode, Item, RecordId, TextPart};

impl<'p> Evaluator<'p> {
    /// The value of an expression.
    pub(crate) fn expr(&mut self, expr: &'p Expr, scope: ScopeId, frame: Option<&Rc<Frame>>) -> Result<Value, Fail> {
        match &expr.node {
            ExprNode::Int(value) => Ok(Value::Int(*value)),
            ExprNode::Bool(value) => Ok(Value::Bool(*value)),
            ExprNode::None => Ok(Value::None),
            ExprNode::Variant(id, index) => Ok(Value::Variant(*id, *index)),
            ExprNode::Func(id) => Ok(Value::Func(FuncValue::Named(*id))),
            ExprNode::Builtin(id) => Ok(Value::Func(FuncValue::Builtin(*id))),
            ExprNode::Lambda(id) => Ok(Value::Func(FuncValue::Lambda(*id, scope))),
            ExprNode::Var(var) => match self.scopes.find(scope, *var).cloned() {
                Some(binding) => deep(|| self.bound_to(&binding)),
                None => Ok(Value::Nil),
            },
            _ => deep(|| self.compound(expr, scope, frame)),
        }
    }

    fn compound(&mut self, expr: &'p Expr, scope: ScopeId, frame: Option<&Rc<Frame>>) -> Result<Value, Fail> {
        match &expr.node {
            ExprNode::Text(text) => self.text(text, expr.at, scope, frame),
            ExprNode::Call(call) => self.call(call, scope, frame, Value::Nil),
            ExprNode::Result(call) => {
                self.call(call, scope, frame, Value::Nil)?;
                let Some((_, bind)) = call.binds.first() else { return Ok(Value::Nil) };
                let root = self.scopes.get(scope).map_or(scope, |scope| scope.root);
                let own = Rc::new(Frame { at: call.at, parent: frame.cloned() });
                self.bound_value(root, *bind, &own)
            }
            ExprNode::Block(block) => {
                self.enter(expr.at, frame)?;
                let value = self.block(block, scope, frame, Value::Nil);
                self.depth -= 1;
                value
            }
            ExprNode::Constant(id) => self.constant(*id),
            ExprNode::List(items) => {
                let values = self.items(items, scope, frame)?;
                self.limited(Value::list(values), expr.at, frame)
            }
            ExprNode::Map(entries) => self.map(entries, scope, frame),
            ExprNode::For(looped) => self.comprehension(looped, scope, frame),
            ExprNode::Record(id, fields) => self.record(*id, fields, expr.at, scope, frame),
            ExprNode::Field(base, index) => {
                let value = self.expr(base, scope, frame)?;
                match value {
                    Value::Record(_, fields) => Ok(fields.get(*index).cloned().unwrap_or(Value::Nil)),
                    _ => Ok(Value::Nil),
                }
            }
            ExprNode::Index(base, index) => self.index(base, index, scope, frame),
            ExprNode::Not(operand) => Ok(Value::Bool(!self.expr(operand, scope, frame)?.is_true())),
            ExprNode::Negate(operand) => {
                let value = self.expr(operand, scope, frame)?.int();
                let negated = value.checked_neg();
                negated.map(Value::Int).ok_or_else(|| self.overflow(expr.at, frame))
            }
            ExprNode::Binary(first, rest) => self.binary(first, rest, scope, frame),
            ExprNode::If(branches) => match self.chosen(branches, scope, frame)? {
                Some(block) => self.block(block, scope, frame, Value::Nil),
                None => Ok(Value::Nil),
            },
            ExprNode::Match(matched) => match self.arm(matched, scope, frame)? {
                Some((block, scope)) => self.block(block, scope, frame, Value::Nil),
                None => Ok(Value::Nil),
            },
            ExprNode::Error => Err(Box::new(Diagnostic::error(
                codes::UNSUPPORTED,
                expr.at,
                "this expression has an error, so the program cannot be evaluated",
            ))),
            // These have been seen to.
            ExprNode::Int(_)
            | ExprNode::Bool(_)
            | ExprNode::None
            | ExprNode::Variant(..)
            | ExprNode::Func(_)
            | ExprNode::Builtin(_)
            | ExprNode::Lambda(_)
            | ExprNode::Var(_) => Ok(Value::Nil),
        }
    }

    /// The value of a constant, which is evaluated once.
    pub(super) fn constant(&mut self, id: ConstantId) -> Result<Value, Fail> {
        if let Some(known) = self.constants.get(&id) {
            return Ok(known.clone());
        }
        let program = self.program;
        let Some(expr) = program.constant(id).and_then(|constant| constant.value.as_ref()) else {
            return Ok(Value::Nil);
        };
        let key = self.keys.intern(super::Key::Constant(id));
        let scope = self.scopes.root(None, Vec::new(), key);
        let value = self.expr(expr, scope, None)?;
        self.constants.insert(id, value.clone());
        Ok(value)
    }

    /// Values, with those of lists that are spread among them.
    pub(super) fn items(
        &mut self,
        items: &'p [Item],
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Vec<Value>, Fail> {
        let mut values = Vec::with_capacity(items.len());
        for item in items {
            let value = self.expr(&item.expr, scope, frame)?;
            if item.spread {
                values.extend(value.items().iter().cloned());
                if values.len() > super::MAX_ITEMS {
                    return Err(too_much(
                        item.expr.at,
                        frame,
                        format!("this holds more than {} things", super::MAX_ITEMS),
                    ));
                }
            } else {
                values.push(value.filled(&item.expr.ty));
            }
        }
        Ok(values)
    }

    fn map(&mut self, entries: &'p [Entry], scope: ScopeId, frame: Option<&Rc<Frame>>) -> Result<Value, Fail> {
        let mut map: IndexMap<EcoString, Value> = IndexMap::with_capacity(entries.len());
        // Keys that this map has written out itself; those of maps that are spread may be replaced.
        let mut own: FxHashSet<EcoString> = FxHashSet::default();
        for entry in entries {
            match entry {
                Entry::Pair(key, value) => {
                    let name: EcoString = self.expr(key, scope, frame)?.text().into();
                    let value = self.expr(value, scope, frame)?.filled(&value.ty);
                    if !own.insert(name.clone()) {
                        return Err(failed(
                            Diagnostic::error(
                                codes::SAME_KEY,
                                key.at,
                                format!("the key `{name}` is in the map already"),
                            )
                            .help("give each key once; only the entries of a map that is spread may be replaced"),
                            frame,
                        ));
                    }
                    map.insert(name, value);
                }
                Entry::Spread(expr) => {
                    let value = self.expr(expr, scope, frame)?;
                    map.extend(value.entries().map(|(key, value)| (key.clone(), value.clone())));
                }
            }
        }
        Ok(Value::Map(Rc::new(map)))
    }

    fn record(
        &mut self,
        id: RecordId,
        fields: &'p [hir::Arg],
        at: Location,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Value, Fail> {
        let program = self.program;
        let defaults = program.record(id).map_or(&[][..], |record| &record.defaults);
        let mut values = Vec::with_capacity(fields.len());
        for (index, field) in fields.iter().enumerate() {
            values.push(match field {
                hir::Arg::One(expr) => self.expr(expr, scope, frame)?.filled(&expr.ty),
                hir::Arg::Many(items) => Value::list(self.items(items, scope, frame)?),
                hir::Arg::Default => match defaults.get(index) {
                    Some(Some(default)) => {
                        let key = self.keys.unique();
                        let outside = self.scopes.root(None, Vec::new(), key);
                        self.expr(default, outside, frame)?.filled(&default.ty)
                    }
                    _ => Value::None,
                },
            });
        }
        let fields = Fields::new(values);
        if fields.depth() > MAX_NESTING {
            let message = format!("records are in one another more than {MAX_NESTING} deep here");
            return Err(too_much(at, frame, message));
        }
        Ok(Value::Record(id, Rc::new(fields)))
    }

    fn index(
        &mut self,
        base: &'p Expr,
        index: &'p Expr,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Value, Fail> {
        let collection = self.expr(base, scope, frame)?;
        let wanted = self.expr(index, scope, frame)?;
        element(&collection, &wanted).map_err(|(message, help)| {
            failed(Diagnostic::error(codes::INDEX_VALUE, index.at, message).help(help), frame)
        })
    }

    fn text(
        &mut self,
        text: &'p hir::Text,
        at: Location,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Value, Fail> {
        if let ([TextPart::Text(only)], None) = (text.parts.as_slice(), text.layout) {
            return Ok(Value::Text(only.clone()));
        }
        let mut whole = String::new();
        for part in &text.parts {
            match part {
                TextPart::Text(part) => whole.push_str(part),
                TextPart::Value(expr) => {
                    let value = self.expr(expr, scope, frame)?;
                    whole.push_str(&display(self.program, &value, &expr.ty));
                    if whole.len() > MAX_TEXT {
                        return Err(too_much(at, frame, "this text is longer than 16 MiB".to_owned()));
                    }
                }
            }
        }
        Ok(Value::Text(match text.layout {
            Some(layout) => text::heredoc(layout, &whole).into(),
            None => whole.into(),
        }))
    }
}

/// An element of a list by its number, or of a map by its key; else why there is none, and what to do.
pub(crate) fn element(collection: &Value, wanted: &Value) -> Result<Value, (String, String)> {
    match (collection, wanted) {
        (Value::Map(map), Value::Text(key)) => map.get(key).cloned().ok_or_else(|| {
            let near = crate::suggest::nearest(key, map.keys().map(EcoString::as_str));
            let help = near.map_or_else(
                || "ask with `.get(key)`, which gives `none` where there is no such key".to_owned(),
                |near| format!("did you mean `{near}`?"),
            );
            (format!("the map has no key `{key}`"), help)
        }),
        (Value::List(items), Value::Int(number)) => {
            let value = usize::try_from(*number).ok().and_then(|number| items.get(number));
            value.cloned().ok_or_else(|| {
                let message = match items.len() {
                    0 => "the list is empty, so it has no element".to_owned(),
                    1 => format!("the list has one element, number 0, and not number {number}"),
                    len => format!("the list has {len} elements, from 0 to {}, and not number {number}", len - 1),
                };
                let help = "ask with `.get(index)`, which gives `none` where there is no such element";
                (message, help.to_owned())
            })
        }
        (_, Value::Text(key)) => Err((format!("the map has no key `{key}`"), "the map is empty".to_owned())),
        _ => Err(("the list is empty, so it has no element".to_owned(), "look at its length first".to_owned())),
    }
}
