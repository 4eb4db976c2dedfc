//! The builtin functions: which there are, and how each works.
//!
//! Owns how arguments reach the code of a builtin, and the forms of the errors that it reports.

mod argument;
mod client;
mod command;
mod config;
mod context;
mod duration;
mod export;
mod file;
mod frontend;
mod guard;
mod mount;
pub(crate) mod names;
mod pin;
mod printf;
mod reading;
mod reference;
mod rule;
mod run;
mod shell;
mod socket;
mod source;
mod string;
mod table;
mod template;
mod time;

use std::rc::Rc;

use ecow::EcoString;
use hlb_language::diagnostic::{Code, Diagnostic, Location};

use crate::codes;
use crate::eval::value::{Fs, Opt, Plan, Site, Slot, Value};
use crate::eval::{Evaluator, Fail, plan, traced};
use crate::hir::Builtin;
use crate::world::WorldError;

/// How a builtin works.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Implementation {
    /// Makes a filesystem from the one that it is called on.
    Change(fn(&mut Evaluator<'_>, &Invocation, Fs) -> Result<Fs, Fail>),
    /// Makes a filesystem that has nothing of the one that it is called on.
    Source(fn(&mut Evaluator<'_>, &Invocation) -> Result<Fs, Fail>),
    /// Makes a text.
    Text(fn(&mut Evaluator<'_>, &Invocation) -> Result<EcoString, Fail>),
    /// Makes a value of any type from values alone.
    Value(fn(&mut Evaluator<'_>, &Invocation) -> Result<Value, Fail>),
    /// Is remembered for the call that takes it.
    Option,
    /// Puts things to build beside one another.
    Stage,
}

pub(crate) use client::local_dir;
pub use duration::parse as duration;
pub(crate) use guard::of_others;
pub(crate) use names::Patterns;
pub(crate) use rule::{Constant, Rule, octal_reading};
pub(crate) use source::wire;
pub(crate) use table::{effects, implementation, reserved, rules, word, words_rule};

/// A call of a builtin with everything evaluated.
pub(crate) struct Invocation {
    pub(crate) site: Site,
    pub(crate) args: Vec<Value>,
    pub(crate) options: Rc<Vec<Opt>>,
    pub(crate) binds: Vec<Slot>,
}

/// The value of a call of a builtin. `current` is what it is called on.
pub(crate) fn invoke(
    evaluator: &mut Evaluator<'_>,
    builtin: &Builtin,
    mut invocation: Invocation,
    current: Value,
) -> Result<Value, Fail> {
    if builtin.namespace.is_empty() {
        // Those that stand alone know the variants of their enums as texts.
        for value in &mut invocation.args {
            if let Value::Variant(id, index) = value {
                *value = Value::Text(evaluator.program.variant(*id, *index).into());
            }
        }
    }
    // Functions in namespaces look at what they take themselves: they may be called for each value of a list.
    let judged = if builtin.namespace.is_empty() { invocation.args.as_slice() } else { &[] };
    for (index, value) in judged.iter().enumerate() {
        let constant = match value {
            Value::Text(text) => Constant::Text(text),
            Value::Int(number) => Constant::Int(*number),
            _ => continue,
        };
        for rule in builtin.rules_of(index) {
            rule.check(constant).map_err(|broken| invocation.site.fail_with(index, |at| broken.at(at)))?;
        }
    }
    guard::permit(evaluator, builtin, &invocation.site)?;
    match builtin.implementation {
        Implementation::Source(make) => {
            let mut fs = make(evaluator, &invocation)?;
            if let Value::Fs(before) = &current {
                fs.inherit(&before.exports);
            }
            fs.id = evaluator.fresh();
            Ok(Value::Fs(Rc::new(fs)))
        }
        Implementation::Change(change) => {
            let mut fs = match current {
                Value::Fs(fs) => Rc::unwrap_or_clone(fs),
                _ => evaluator.scratch(),
            };
            // Before the change, so that what it binds has a number of its own.
            fs.id = evaluator.fresh();
            let fs = change(evaluator, &invocation, fs)?;
            Ok(Value::Fs(Rc::new(fs)))
        }
        Implementation::Value(make) => make(evaluator, &invocation),
        Implementation::Text(make) => Ok(Value::Text(make(evaluator, &invocation)?)),
        Implementation::Option => {
            let Invocation { site, args, options, binds } = invocation;
            let option = Opt { name: builtin.name.text.clone(), site, args, options, binds };
            Ok(Value::Options(Rc::new(vec![option])))
        }
        Implementation::Stage => {
            let mut parts: Vec<Rc<Plan>> = invocation.args.iter().filter_map(plan).collect();
            Ok(match parts.len() {
                0 => Value::Nil,
                1 => parts.pop().map_or(Value::Nil, Value::Plan),
                _ => Value::Plan(Rc::new(Plan::parallel(parts))),
            })
        }
    }
}

impl Site {
    /// An error about the call.
    pub(crate) fn fail(&self, code: Code, message: impl Into<String>) -> Fail {
        Box::new(traced(Diagnostic::error(code, self.at, message), &self.frame))
    }

    /// An error about an argument.
    pub(crate) fn fail_arg(&self, index: usize, code: Code, message: impl Into<String>) -> Fail {
        self.fail_with(index, |at| Diagnostic::error(code, at, message))
    }

    fn fail_with(&self, index: usize, error: impl FnOnce(Location) -> Diagnostic) -> Fail {
        // The call itself is in sight of its argument; those around it are worth telling.
        let error = error(self.arg_at(index));
        Box::new(match &self.frame.parent {
            Some(parent) => traced(error, parent),
            None => error,
        })
    }

    /// An error about an argument that names a path on this machine.
    pub(crate) fn fail_path(&self, index: usize, message: impl Into<String>) -> Fail {
        let fail = self.fail_arg(index, codes::LOCAL_PATH, message);
        Box::new(fail.help("check the path: it is relative to the directory of the file that names it"))
    }

    /// An error about an argument that names an image.
    pub(crate) fn fail_lookup(&self, index: usize, reference: &str, error: &WorldError) -> Fail {
        match error {
            WorldError::Unavailable { reason, advice } => {
                Box::new(self.fail_arg(index, codes::IMAGE_LOOKUP, reason.as_str()).help(advice.as_str()))
            }
            error => {
                let message = format!("cannot look up the image `{reference}`: {error}");
                self.fail_arg(index, codes::IMAGE_LOOKUP, message)
            }
        }
    }

    fn arg_at(&self, index: usize) -> Location {
        self.args.get(index).copied().unwrap_or(self.at)
    }
}
