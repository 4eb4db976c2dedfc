//! What evaluation may use.
//!
//! Owns the limits, which only programs meet that would never end or fill the memory, and the calls that errors show.

use std::rc::Rc;

use hlb_language::diagnostic::{Diagnostic, Location};

use super::value::{Frame, Value};
use super::{Evaluator, Fail};
use crate::codes;

/// How deep calls and expressions may be in one another.
const MAX_DEPTH: usize = 500_000;

/// How many calls a program may evaluate. Functions that call others twice, a few dozen deep, would never end otherwise.
pub(super) const MAX_CALLS: usize = 1_000_000;

/// How many bytes a text may have.
pub(crate) const MAX_TEXT: usize = 16 << 20;

/// How many elements a list or a map may have, and how many arguments a call.
pub(crate) const MAX_ITEMS: usize = 1_000_000;

/// How deep records may be in one another.
pub(super) const MAX_NESTING: usize = 256;

/// How many values are looked at to compare two, or to write one: those that are there several times count each time.
pub(super) const MAX_LOOKS: usize = 4_000_000;

/// How many options or things to build one value may hold.
const MAX_PARTS: usize = 100_000;

/// How many calls an error shows.
const SHOWN: usize = 8;

impl Evaluator<'_> {
    /// Goes one level deeper; the caller goes back up.
    pub(super) fn enter(&mut self, at: Location, frame: Option<&Rc<Frame>>) -> Result<(), Fail> {
        if self.depth >= MAX_DEPTH {
            return Err(too_much(at, frame, format!("calls are nested more than {MAX_DEPTH} deep here")));
        }
        self.depth += 1;
        Ok(())
    }

    /// Counts one evaluation of a function, or of what a loop does. What builtins do is bounded by the text between them.
    pub(super) fn count(&mut self, at: Location, frame: Option<&Rc<Frame>>) -> Result<(), Fail> {
        self.calls += 1;
        if self.calls > self.most_calls {
            let most = self.most_calls;
            return Err(too_much(at, frame, format!("the program evaluates more than {most} calls")));
        }
        Ok(())
    }

    /// Evaluates no more calls than these, if some are said.
    pub(crate) fn limit_calls(&mut self, most: Option<usize>) {
        self.most_calls = most.unwrap_or(MAX_CALLS).min(MAX_CALLS);
    }

    /// Refuses a value that has grown beyond all use.
    pub(super) fn limited(&self, value: Value, at: Location, frame: Option<&Rc<Frame>>) -> Result<Value, Fail> {
        let (size, most) = match &value {
            Value::Options(all) => (all.len(), MAX_PARTS),
            Value::Plan(plan) => (plan.size(), MAX_PARTS),
            Value::List(items) => (items.len(), MAX_ITEMS),
            Value::Map(map) => (map.len(), MAX_ITEMS),
            _ => (0, MAX_ITEMS),
        };
        if size > most {
            return Err(too_much(at, frame, format!("this holds more than {most} things")));
        }
        Ok(value)
    }
}

pub(super) fn too_much(at: Location, frame: Option<&Rc<Frame>>, message: String) -> Fail {
    failed(Diagnostic::error(codes::DEPTH, at, message), frame)
}

/// An error in a call.
pub(super) fn failed(fail: Diagnostic, frame: Option<&Rc<Frame>>) -> Fail {
    Box::new(match frame {
        Some(frame) => traced(fail, frame),
        None => fail,
    })
}

/// An error with the calls that led to it.
pub(crate) fn traced(mut fail: Diagnostic, frame: &Rc<Frame>) -> Diagnostic {
    for at in frame.outward().take(100) {
        let known = fail.primary.at == at || fail.secondary.iter().any(|label| label.at == at);
        if !known && fail.secondary.len() < SHOWN {
            fail = fail.also(at, "in this call");
        }
    }
    fail
}
