//! Operators.
//!
//! Owns what they give, and what has no answer: numbers out of range, division by nothing.

use std::cmp::Ordering;
use std::rc::Rc;

use hlb_language::ast::BinaryOp;
use hlb_language::diagnostic::{Diagnostic, Location};

use super::limit::{MAX_LOOKS, MAX_TEXT, failed, too_much};
use super::scope::ScopeId;
use super::value::{Frame, Value};
use super::{Evaluator, Fail};
use crate::codes;
use crate::hir::{Expr, Operator};

impl<'p> Evaluator<'p> {
    /// Operands of one level, from the left.
    pub(super) fn binary(
        &mut self,
        first: &'p Expr,
        rest: &'p [(Operator, Expr)],
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Value, Fail> {
        let mut value = self.expr(first, scope, frame)?;
        for (operator, operand) in rest {
            value = match operator.op {
                // What decides comes first, and then nothing else is looked at.
                BinaryOp::And if !value.is_true() => return Ok(Value::Bool(false)),
                BinaryOp::Or if value.is_true() => return Ok(Value::Bool(true)),
                BinaryOp::Else if !value.is_none() => return Ok(value),
                BinaryOp::And | BinaryOp::Or | BinaryOp::Else => self.expr(operand, scope, frame)?,
                _ => {
                    let right = self.expr(operand, scope, frame)?;
                    self.joined(value, *operator, right, frame)?
                }
            };
        }
        Ok(value)
    }

    /// What an operator makes of its operands.
    pub(crate) fn joined(
        &self,
        left: Value,
        operator: Operator,
        right: Value,
        frame: Option<&Rc<Frame>>,
    ) -> Result<Value, Fail> {
        let number = |result: Option<i64>| result.map(Value::Int).ok_or_else(|| self.overflow(operator.at, frame));
        match operator.op {
            BinaryOp::Equal | BinaryOp::NotEqual => {
                let mut looks = MAX_LOOKS;
                let same = compared(&left, &right, &mut looks);
                if looks == 0 {
                    let message = format!("these hold more than {MAX_LOOKS} values to compare");
                    return Err(too_much(operator.at, frame, message));
                }
                Ok(Value::Bool(same == (operator.op == BinaryOp::Equal)))
            }
            BinaryOp::Less => Ok(Value::Bool(order(&left, &right).is_lt())),
            BinaryOp::LessEqual => Ok(Value::Bool(order(&left, &right).is_le())),
            BinaryOp::Greater => Ok(Value::Bool(order(&left, &right).is_gt())),
            BinaryOp::GreaterEqual => Ok(Value::Bool(order(&left, &right).is_ge())),
            BinaryOp::Add => match (left, right) {
                (Value::List(mut all), more) => {
                    if !more.items().is_empty() {
                        Rc::make_mut(&mut all).extend(more.items().iter().cloned());
                    }
                    self.limited(Value::List(all), operator.at, frame)
                }
                (Value::Nil, more @ Value::List(_)) => Ok(more),
                (Value::Text(mut text), more) => {
                    if text.len() + more.text().len() > MAX_TEXT {
                        return Err(too_much(operator.at, frame, "this text is longer than 16 MiB".to_owned()));
                    }
                    text.push_str(more.text());
                    Ok(Value::Text(text))
                }
                (Value::Nil, more @ Value::Text(_)) => Ok(more),
                (left, right) => number(left.int().checked_add(right.int())),
            },
            BinaryOp::Subtract => number(left.int().checked_sub(right.int())),
            BinaryOp::Multiply => number(left.int().checked_mul(right.int())),
            BinaryOp::Divide | BinaryOp::Remainder if right.int() == 0 => Err(failed(
                Diagnostic::error(codes::ARITHMETIC, operator.at, "a number cannot be divided by zero")
                    .help("look at the divisor first: `if n != 0 { … }`"),
                frame,
            )),
            BinaryOp::Divide => number(left.int().checked_div(right.int())),
            BinaryOp::Remainder => number(left.int().checked_rem(right.int())),
            // These have been seen to.
            BinaryOp::And | BinaryOp::Or | BinaryOp::Else => Ok(right),
        }
    }

    pub(super) fn overflow(&self, at: Location, frame: Option<&Rc<Frame>>) -> Fail {
        failed(
            Diagnostic::error(codes::ARITHMETIC, at, "the result does not fit into a number of 64 bits")
                .help("numbers go from -9223372036854775808 to 9223372036854775807"),
            frame,
        )
    }
}

/// Whether two values are the same. The empty value of a type is what it is written as. Small values may hold others so often
/// that looking at all of them has no end: whoever asks knows that they do not.
pub(crate) fn equal(left: &Value, right: &Value) -> bool {
    compared(left, right, &mut usize::MAX.clone())
}

/// The same with a number of looks, of which none are left where there is no answer.
fn compared(left: &Value, right: &Value, looks: &mut usize) -> bool {
    *looks = looks.saturating_sub(1);
    if *looks == 0 {
        return false;
    }
    let mut each = |left: &[Value], right: &[Value]| {
        left.len() == right.len() && left.iter().zip(right).all(|(left, right)| compared(left, right, looks))
    };
    match (left, right) {
        (Value::Nil | Value::None, Value::Nil | Value::None) => true,
        (Value::Nil, other) | (other, Value::Nil) => match other {
            Value::Text(text) => text.is_empty(),
            Value::Int(value) => *value == 0,
            Value::Bool(value) => !value,
            Value::List(items) => items.is_empty(),
            Value::Map(map) => map.is_empty(),
            _ => false,
        },
        (Value::Text(left), Value::Text(right)) => left == right,
        (Value::Int(left), Value::Int(right)) => left == right,
        (Value::Bool(left), Value::Bool(right)) => left == right,
        (Value::Variant(_, left), Value::Variant(_, right)) => left == right,
        (Value::List(left), Value::List(right)) => Rc::ptr_eq(left, right) || each(left, right),
        (Value::Map(left), Value::Map(right)) => {
            let mut has = |(key, value)| right.get(key).is_some_and(|other| compared(value, other, looks));
            Rc::ptr_eq(left, right) || left.len() == right.len() && left.iter().all(&mut has)
        }
        (Value::Record(_, left), Value::Record(_, right)) => Rc::ptr_eq(left, right) || each(left, right),
        _ => false,
    }
}

/// The order of two texts or numbers.
pub(crate) fn order(left: &Value, right: &Value) -> Ordering {
    match (left, right) {
        (Value::Text(_), _) | (_, Value::Text(_)) => left.text().cmp(right.text()),
        _ => left.int().cmp(&right.int()),
    }
}
