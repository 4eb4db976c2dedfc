//! Names that calls bind, and results that functions set.
//!
//! Owns what they stand for in each evaluation of a function.

use std::rc::Rc;

use hlb_language::diagnostic::Diagnostic;

use super::limit::traced;
use super::scope::{Binding, ScopeId};
use super::value::{ExportId, Frame, Slot, Value};
use super::{Evaluator, Fail};
use crate::codes;
use crate::hir::{BindId, FuncId};

/// What a name stands for.
#[derive(Clone)]
pub(super) enum Bound<'p> {
    Known(Result<Value, Fail>),
    /// What `let` has given it.
    Later(Binding<'p>),
    /// What another name stands for, in another evaluation.
    Same(ScopeId, BindId),
    /// The digest of an image that is pushed when somebody wants to know.
    Pushed(ExportId),
}

impl<'p> Evaluator<'p> {
    /// The value of a bound name: the function around it is evaluated, and what it bound is taken.
    pub(super) fn call_bind(
        &mut self,
        id: BindId,
        args: Vec<Binding<'p>>,
        current: Value,
        frame: &Rc<Frame>,
        target: bool,
    ) -> Result<Value, Fail> {
        let owner = self.program.bind(id).map_or(FuncId(usize::MAX), |bound| bound.func);
        let (scope, _) = self.call_func(owner, args, current, frame, target)?;
        self.bound_value(scope, id, frame)
    }

    pub(super) fn bound_value(&mut self, scope: ScopeId, id: BindId, frame: &Rc<Frame>) -> Result<Value, Fail> {
        let (mut scope, mut id) = (scope, id);
        loop {
            match self.bound.get(&(scope, id)).cloned() {
                Some(Bound::Same(other, result)) => (scope, id) = (other, result),
                Some(Bound::Pushed(export)) => return Ok(Value::Text(self.publish(export, frame)?)),
                Some(Bound::Later(binding)) => {
                    let value = self.bound_to(&binding)?;
                    return Ok(self.needed(value));
                }
                Some(Bound::Known(Ok(value))) => return Ok(self.needed(value)),
                Some(Bound::Known(Err(fail))) => return Err(Box::new(traced(*fail, frame))),
                None => {
                    let name = self.program.bind(id).map(|bound| bound.name.text.clone()).unwrap_or_default();
                    let fail = Diagnostic::error(
                        codes::NEVER_BOUND,
                        frame.at,
                        format!("`{name}` has no value: the call that binds it was not evaluated"),
                    )
                    .help("bind it in a statement of the function itself, not in an argument or a branch that is not used");
                    return Err(Box::new(traced(fail, frame)));
                }
            }
        }
    }

    /// Notes that what a command leaves in a mount is needed.
    fn needed(&mut self, value: Value) -> Value {
        if let Value::Fs(fs) = &value
            && let Some(out) = fs.out
        {
            self.graph.need(out);
        }
        value
    }

    /// Sets what a bound name stands for, or why it stands for nothing.
    pub(crate) fn set_bound(&mut self, slot: Slot, value: Result<Value, Fail>) {
        self.bound.insert((slot.func, slot.bind), Bound::Known(value));
    }

    /// Says that a bound name stands for the digest of an image that has not been pushed.
    pub(crate) fn set_pushed(&mut self, slot: Slot, export: ExportId) {
        self.bound.insert((slot.func, slot.bind), Bound::Pushed(export));
    }
}
