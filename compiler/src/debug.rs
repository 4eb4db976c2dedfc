//! Stepping through an evaluation, forward and back.
//!
//! Owns what is shown of a moment: where it is, in which calls, and what names stand for there. The program is evaluated once,
//! to its end, and then looked at: values never change, so going back is looking at an earlier moment, and nothing is done
//! twice. Knows no protocol and executes nothing but what the program's evaluation does.

mod places;
mod question;
mod values;

use std::ops::Range;

use hlb_language::diagnostic::{Diagnostic, Location};

use crate::emit::Emitter;
use crate::eval::show::upto;
use crate::eval::value::Value;
use crate::eval::watch::{Kind, Watching};
use crate::eval::{self, Evaluator};
use crate::request::{Request, Solve};
use crate::target::TargetCall;
use crate::world::World;
use crate::{Checked, CompileErrors, Options};

pub use places::{beginnings, statements};
pub use question::{Question, Unneeded};
use values::Held;
pub use values::{Part, ValueId, Variable};

/// An evaluation that has come to its end, moment by moment.
pub struct Trace<'p> {
    evaluator: Evaluator<'p>,
    watching: Watching,
    outcome: Result<Request, Box<Diagnostic>>,
    held: Vec<Held<'p>>,
}

/// A moment of an evaluation.
#[derive(Clone, PartialEq, Debug)]
pub struct Moment {
    /// The statement, or the bracket that ends the block.
    pub at: Location,
    /// How many functions are around it.
    pub depth: usize,
    /// What it is.
    pub kind: MomentKind,
}

/// What a moment is.
#[derive(Clone, PartialEq, Debug)]
pub enum MomentKind {
    /// The statement is about to be evaluated.
    Before,
    /// The function has its value.
    Return,
    /// The evaluation has ended here, with this error.
    Failed(Box<Diagnostic>),
}

/// A function that is evaluated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FrameInfo {
    /// Its name.
    pub name: String,
    /// The statement that it is at.
    pub at: Location,
}

/// What a command would find in a filesystem, beside its files.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Process {
    /// The environment, each variable as `KEY=value`.
    pub env: Vec<String>,
    /// The working directory.
    pub cwd: String,
    /// The user, as an image names it; empty for root.
    pub user: String,
}

/// Evaluates a target and notes its moments. An error that the evaluation ends with is the last of them.
///
/// # Errors
/// If the program has errors, or the target cannot be called: there is no moment then.
pub fn trace<'p>(
    world: &'p dyn World,
    checked: &'p Checked,
    target: &TargetCall,
    options: &Options,
) -> Result<Trace<'p>, CompileErrors> {
    checked.complete()?;
    let mut evaluator = checked.evaluator(world, options);
    evaluator.watch = Some(Box::new(Watching::new()));
    let built = checked.build(&mut evaluator, target);
    // What is looked at later may be evaluated then, and is no part of the past.
    let mut watching = evaluator.watch.take().map_or_else(Watching::new, |watching| *watching);
    let outcome = match built {
        Ok((value, _)) => {
            let mut emitter = Emitter::new(&evaluator);
            let plan = eval::plan(&value);
            Ok(plan.map_or(Request::Nil, |plan| emitter.request(&plan, &target.name)))
        }
        Err(error) => {
            watching.failed(&error);
            if watching.moments.is_empty() {
                return Err(CompileErrors(vec![*error]));
            }
            Err(error)
        }
    };
    Ok(Trace { evaluator, watching, outcome, held: Vec::new() })
}

impl<'p> Trace<'p> {
    /// How many moments there are.
    pub fn len(&self) -> usize {
        self.watching.moments.len()
    }

    /// Whether there are none: the target is a constant without statements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the program went on after the last moments that were noted, as there would have been too many.
    pub fn is_cut(&self) -> bool {
        self.watching.cut
    }

    /// Takes the error at the end for no moment: somebody has ended the evaluation, and the last moment is how far it came.
    pub fn was_interrupted(&mut self) {
        self.watching.take_back();
    }

    /// What the program asks for, or why it asks for nothing.
    ///
    /// # Errors
    /// That the evaluation ended with.
    pub fn outcome(&self) -> Result<&Request, &Diagnostic> {
        self.outcome.as_ref().map_err(|error| &**error)
    }

    /// A moment by its number; none beyond the last.
    pub fn moment(&self, number: usize) -> Option<Moment> {
        let moment = self.watching.moments.get(number)?;
        let kind = match &moment.kind {
            Kind::Before => MomentKind::Before,
            Kind::Return => MomentKind::Return,
            Kind::Failed(error) => MomentKind::Failed(error.clone()),
        };
        let active = moment.active.and_then(|active| self.watching.entered.get(active));
        Some(Moment { at: moment.at, depth: active.map_or(0, |active| active.depth), kind })
    }

    /// The functions that are evaluated at a moment, innermost first, at most `most` of them.
    pub fn frames(&self, number: usize, most: usize) -> Vec<FrameInfo> {
        let moments = self.chain(number).take(most).filter_map(|at| self.watching.moments.get(at));
        moments.map(|moment| FrameInfo { name: self.name(moment.active), at: moment.at }).collect()
    }

    /// A moment, and those at which the functions around it were called, innermost first.
    fn chain(&self, number: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(number), |number| {
            let active = self.watching.moments.get(*number)?.active?;
            self.watching.entered.get(active)?.caller
        })
    }

    fn name(&self, active: Option<usize>) -> String {
        let func = active.and_then(|active| self.watching.entered.get(active)?.func);
        match func.and_then(|func| self.evaluator.program.func(func)) {
            Some(func) => func.name.text.to_string(),
            None if active.is_some() => "fn".to_owned(),
            None => self.evaluator.target.to_string(),
        }
    }

    /// What names stand for at a moment, in one of its frames.
    pub fn variables(&mut self, number: usize, frame: usize, part: Part) -> Vec<Variable> {
        let moment = self.chain(number).nth(frame);
        moment.map_or_else(Vec::new, |moment| self.names(moment, part))
    }

    /// What the block of a frame has come to at a moment; none before its first value.
    pub fn current(&mut self, number: usize, frame: usize) -> Option<Variable> {
        let moment = self.watching.moments.get(self.chain(number).nth(frame)?)?;
        let (value, ty) = (moment.current.clone(), moment.ty.clone());
        if matches!(value, Value::Nil) {
            return None;
        }
        Some(self.hold("current".to_owned(), Held::Value(value, ty)))
    }

    /// What is in a list, a map, a record or options: those of a range.
    pub fn children(&mut self, of: ValueId, range: Range<usize>) -> Vec<Variable> {
        self.parts(of, range)
    }

    /// Finds the value of what has not been needed yet.
    ///
    /// # Errors
    /// If that goes wrong.
    pub fn force(&mut self, of: ValueId) -> Result<Variable, Box<Diagnostic>> {
        self.found(of)
    }

    /// A value that was shown, as it would be written, with at most so many characters.
    pub fn written(&self, of: ValueId, most: usize) -> Option<String> {
        let Held::Value(value, ty) = self.held.get(of.0)? else { return None };
        Some(upto(self.evaluator.program, value, ty, most))
    }

    /// The graph of a filesystem; none of another value.
    pub fn solve(&self, of: ValueId) -> Option<Solve> {
        let Held::Value(Value::Fs(fs), _) = self.held.get(of.0)? else { return None };
        Some(Emitter::new(&self.evaluator).content(fs))
    }

    /// What a command would find in a filesystem; none for another value.
    pub fn process(&self, of: ValueId) -> Option<Process> {
        let Held::Value(Value::Fs(fs), _) = self.held.get(of.0)? else { return None };
        Some(Process {
            env: fs.env.iter().map(|(key, value)| format!("{key}={value}")).collect(),
            cwd: fs.dir().to_owned(),
            user: fs.config.user.clone(),
        })
    }

    /// Lets go of all values that were shown: their ids mean nothing any more.
    pub fn forget(&mut self) {
        self.held.clear();
    }
}
