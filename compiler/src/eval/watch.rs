//! What is noted of an evaluation for those who step through it afterwards.
//!
//! Owns the moments: one before each statement, one at the end of each function, one where the evaluation failed. Values never
//! change, so a moment needs no copy of what it sees: a scope, and where in the text it stands. How moments are looked at is
//! in `debug`.

use std::rc::Rc;

use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::span::Span;

use super::bind::Bound;
use super::scope::{Binding, Scope, ScopeId, Thunk};
use super::value::{Frame, Value};
use super::{Evaluator, Fail};
use crate::hir::{self, FuncId, Stmt};
use crate::types::Type;

/// How many moments are noted: some 30 MB of them.
const MOST: usize = 200_000;

/// How many elements of lists, options and plans that blocks have come to are kept in all. A block that adds one after the other
/// has another list at each moment.
const ROOM: usize = 2_000_000;

/// What has been noted.
pub(crate) struct Watching {
    pub(crate) moments: Vec<Moment>,
    /// The functions that were entered, each with its number here: no more than a program may call.
    pub(crate) entered: Vec<Active>,
    /// Whether there were more moments than are noted.
    pub(crate) cut: bool,
    /// How many more elements are kept.
    room: usize,
    /// The function that is evaluated, by its number in `entered`.
    active: Option<usize>,
    /// Where the error on its way out was made. One that is caught is followed by another moment.
    failing: Option<Moment>,
}

/// A function that was entered.
pub(crate) struct Active {
    /// None for a function literal, and for a test.
    pub(crate) func: Option<FuncId>,
    /// The moment before, which is that of the caller.
    pub(crate) caller: Option<usize>,
    /// How many functions are around it.
    pub(crate) depth: usize,
    around: Option<usize>,
}

/// A moment.
pub(crate) struct Moment {
    /// The statement, or the end of the block.
    pub(crate) at: Location,
    pub(crate) kind: Kind,
    pub(crate) scope: ScopeId,
    /// What the block has come to.
    pub(crate) current: Value,
    /// The type of that.
    pub(crate) ty: Type,
    pub(crate) active: Option<usize>,
}

pub(crate) enum Kind {
    Before,
    Return,
    Failed(Fail),
}

impl Watching {
    pub(crate) fn new() -> Self {
        Self { moments: Vec::new(), entered: Vec::new(), cut: false, room: ROOM, active: None, failing: None }
    }

    fn note(&mut self, at: Location, kind: Kind, scope: ScopeId, (current, ty): (&Value, &Type)) {
        self.failing = None;
        if self.moments.len() >= MOST {
            self.cut = true;
            return;
        }
        let current = self.kept(current);
        self.moments.push(Moment { at, kind, scope, current, ty: ty.clone(), active: self.active });
    }

    /// What is kept of a value that a block has come to: nothing if there is no room. What is not kept is not shared, so that the
    /// next statement adds to it in its place.
    fn kept(&mut self, current: &Value) -> Value {
        let size = match current {
            Value::List(items) => items.len(),
            Value::Options(all) => all.len(),
            Value::Plan(plan) => plan.size(),
            _ => 0,
        };
        match self.room.checked_sub(size) {
            Some(room) => {
                self.room = room;
                current.clone()
            }
            None => Value::Nil,
        }
    }

    /// Takes back how an evaluation failed: it was ended from outside.
    pub(crate) fn take_back(&mut self) {
        if matches!(self.moments.last(), Some(Moment { kind: Kind::Failed(_), .. })) {
            self.moments.pop();
        }
    }

    /// Notes how an evaluation failed that has come to its end. One without a place in a block is told at the last moment.
    pub(crate) fn failed(&mut self, error: &Diagnostic) {
        let kind = Kind::Failed(Box::new(error.clone()));
        let failed = match (self.failing.take(), self.moments.last()) {
            (Some(made), _) => Moment { kind, ..made },
            (None, Some(last)) => {
                let Moment { at, scope, active, .. } = *last;
                Moment { at, kind, scope, current: last.current.clone(), ty: last.ty.clone(), active }
            }
            (None, None) => return,
        };
        self.moments.push(failed);
    }
}

impl<'p> Evaluator<'p> {
    /// Runs a statement, and notes the moment before.
    pub(super) fn watched(
        &mut self,
        stmt: &'p Stmt,
        ty: &Type,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
        current: Value,
    ) -> Result<Value, Fail> {
        let place = stmt.at();
        let mut noted = 0;
        if let (Some(watch), Some(at)) = (&mut self.watch, place) {
            noted = watch.moments.len();
            watch.note(at, Kind::Before, scope, (&current, ty));
        }
        let done = self.stmt(stmt, ty, scope, frame, current);
        if done.is_err()
            && let (Some(watch), Some(at)) = (&mut self.watch, place)
            && watch.failing.is_none()
        {
            let active = watch.active;
            let current = watch.moments.get(noted).map_or(Value::Nil, |noted| noted.current.clone());
            watch.failing = Some(Moment { at, kind: Kind::Before, scope, current, ty: ty.clone(), active });
        }
        done
    }

    /// Runs the block of a function, which is the call that is evaluated until it has ended.
    pub(super) fn body(
        &mut self,
        block: &'p hir::Block,
        func: Option<FuncId>,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
        start: Value,
    ) -> Result<Value, Fail> {
        let Some(watch) = &mut self.watch else { return self.block(block, scope, frame, start) };
        let around = watch.active;
        let depth = around.and_then(|around| watch.entered.get(around)).map_or(0, |around| around.depth + 1);
        let caller = around.and_then(|_| watch.moments.len().checked_sub(1));
        watch.active = Some(watch.entered.len());
        watch.entered.push(Active { func, caller, depth, around });
        let scope = self.opened(block, scope);
        let done = self.stmts(block, scope, frame, start);
        let Some(watch) = &mut self.watch else { return done };
        if let Ok(value) = &done {
            let end = block.at.span.end;
            let at = Location { source: block.at.source, span: Span { start: end.saturating_sub(1), end } };
            watch.note(at, Kind::Return, scope, (value, &block.ty));
        }
        watch.active = watch.active.and_then(|active| watch.entered.get(active)).and_then(|active| active.around);
        done
    }
}

/// What those who look at a moment ask for.
impl<'p> Evaluator<'p> {
    pub(crate) fn scope(&self, id: ScopeId) -> Option<&Scope<'p>> {
        self.scopes.get(id)
    }

    /// The value of an expression that has been needed.
    pub(crate) fn settled_value(&self, thunk: &Thunk<'p>) -> Option<Value> {
        self.values.get(&thunk.key).cloned()
    }

    /// The value of what a name stands for, which is evaluated if it has not been needed.
    ///
    /// # Errors
    /// If that goes wrong.
    pub(crate) fn look_up(&mut self, binding: &Binding<'p>) -> Result<Value, Fail> {
        self.depth = 0;
        self.bound_to(binding)
    }

    /// What a name stands for that a call has bound; none if it is not known yet.
    pub(crate) fn bound_name(&mut self, scope: ScopeId, id: hir::BindId) -> Option<Binding<'p>> {
        let (mut scope, mut id) = (scope, id);
        loop {
            match self.bound.get(&(scope, id))? {
                Bound::Same(other, result) => (scope, id) = (*other, *result),
                Bound::Later(binding) => return Some(binding.clone()),
                Bound::Known(Ok(value)) => return Some(Binding::Known(value.clone(), self.keys.of(value))),
                Bound::Known(Err(_)) | Bound::Pushed(_) => return None,
            }
        }
    }
}
