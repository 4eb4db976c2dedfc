//! Calls.
//!
//! Owns how arguments become parameters, when a function is evaluated and when its value is known, and what bound names
//! stand for.

use std::rc::Rc;

use camino::Utf8PathBuf;
use hlb_language::diagnostic::Diagnostic;

use super::key::{Key, KeyId};
use super::value::{ExportId, Frame, InstanceId, Site, Slot, Value};
use super::{Evaluator, Fail, MAX_ITEMS, traced};
use crate::builtins;
use crate::codes;
use crate::hir::{self, BindId, BuiltinId, Callee, ExprNode, FuncId};
use crate::remote::Origin;
use crate::types::Kind;

/// An argument that may not have been evaluated yet.
#[derive(Clone)]
pub(super) struct Thunk<'p> {
    pub(super) expr: &'p hir::Expr,
    /// The call whose parameters the expression sees.
    pub(super) scope: InstanceId,
    /// The call that it is an argument of.
    pub(super) frame: Option<Rc<Frame>>,
    pub(super) key: KeyId,
}

/// One evaluation of a function.
pub(super) struct Instance<'p> {
    pub(super) func: FuncId,
    /// The arguments of each parameter; one, or any number for a variadic one.
    pub(super) args: Vec<Vec<Thunk<'p>>>,
    /// What the arguments are.
    pub(super) key: KeyId,
    /// Its value, once it is known.
    value: Option<Value>,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) enum Bound {
    Known(Result<Value, Fail>),
    /// The digest of an image that is pushed when somebody wants to know.
    Pushed(ExportId),
}

impl<'p> Evaluator<'p> {
    /// The value of a call. `current` is the filesystem that it is called on.
    pub(super) fn call(
        &mut self,
        call: &'p hir::Call,
        scope: InstanceId,
        frame: Option<&Rc<Frame>>,
        current: Value,
    ) -> Result<Value, Fail> {
        self.enter(call.at, frame)?;
        let own = Rc::new(Frame { at: call.at, parent: frame.cloned() });
        let value = match call.callee {
            Callee::Builtin(id) => self.call_builtin(id, call, scope, &own, current),
            Callee::Func(id) => {
                let args = self.thunks(id, &call.args, scope, &own);
                self.call_func(id, args, current, &own, false)
            }
            Callee::Bind(id) => {
                let owner = self.program.bind(id).map_or(FuncId(usize::MAX), |bound| bound.func);
                let args = self.thunks(owner, &call.args, scope, &own);
                self.call_bind(id, args, current, &own, false)
            }
            Callee::OwnBind(id) => {
                let value = self.bound_value(scope, id, &own)?;
                Ok(self.replace(current, value))
            }
            Callee::Param(index) => self.param(scope, index, current),
        };
        self.depth -= 1;
        value
    }

    fn param(&mut self, scope: InstanceId, index: usize, current: Value) -> Result<Value, Fail> {
        let thunks: Vec<Thunk<'p>> =
            self.instances.get(scope.0).and_then(|instance| instance.args.get(index)).cloned().unwrap_or_default();
        let mut value = Value::Nil;
        for thunk in &thunks {
            let next = self.force(thunk)?;
            value = match (value, next) {
                (Value::Options(mut all), Value::Options(more)) => {
                    Rc::make_mut(&mut all).extend(more.iter().cloned());
                    Value::Options(all)
                }
                (_, next) => next,
            };
        }
        Ok(self.replace(current, value))
    }

    /// A filesystem in the place of another: what was to be exported on the way is still to be exported.
    fn replace(&mut self, current: Value, next: Value) -> Value {
        match (current, next) {
            (Value::Fs(before), Value::Fs(next)) if !before.exports.is_empty() => {
                let mut next = (*next).clone();
                next.inherit(&before.exports);
                next.id = self.fresh();
                Value::Fs(Rc::new(next))
            }
            (_, next) => next,
        }
    }

    fn thunks(
        &mut self,
        func: FuncId,
        args: &'p [hir::Expr],
        scope: InstanceId,
        frame: &Rc<Frame>,
    ) -> Vec<Vec<Thunk<'p>>> {
        let Some(params) = self.program.func(func).map(|func| &func.signature.params) else { return Vec::new() };
        let mut filled: Vec<Vec<Thunk<'p>>> = Vec::with_capacity(params.len());
        let mut rest = args.iter();
        for param in params {
            if param.variadic {
                let mut all = Vec::new();
                for arg in rest.by_ref() {
                    self.spread(arg, scope, frame, &mut all);
                }
                filled.push(all);
            } else {
                filled.push(rest.next().map(|arg| self.thunk(arg, scope, frame)).into_iter().collect());
            }
        }
        filled
    }

    fn thunk(&mut self, expr: &'p hir::Expr, scope: InstanceId, frame: &Rc<Frame>) -> Thunk<'p> {
        let key = self.key(expr, scope);
        Thunk { expr, scope, frame: Some(Rc::clone(frame)), key }
    }

    /// The values that an argument of a variadic parameter stands for: those of a variadic parameter, or the one.
    fn spread(&mut self, expr: &'p hir::Expr, scope: InstanceId, frame: &Rc<Frame>, into: &mut Vec<Thunk<'p>>) {
        if let ExprNode::Call(hir::Call { callee: Callee::Param(index), .. }) = &expr.node
            && let Some(all) = self.instances.get(scope.0).and_then(|instance| instance.args.get(*index))
        {
            into.extend(all.iter().take(MAX_ITEMS.saturating_sub(into.len())).cloned());
            return;
        }
        let thunk = self.thunk(expr, scope, frame);
        into.push(thunk);
    }

    /// The value of a function for some arguments, called on a filesystem.
    pub(super) fn call_func(
        &mut self,
        id: FuncId,
        args: Vec<Vec<Thunk<'p>>>,
        current: Value,
        frame: &Rc<Frame>,
        target: bool,
    ) -> Result<Value, Fail> {
        let instance = self.instance(id, args, current, frame, target)?;
        Ok(self.instances.get(instance.0).and_then(|instance| instance.value.clone()).unwrap_or(Value::Nil))
    }

    /// Evaluates a function unless that has been done.
    fn instance(
        &mut self,
        id: FuncId,
        args: Vec<Vec<Thunk<'p>>>,
        current: Value,
        frame: &Rc<Frame>,
        target: bool,
    ) -> Result<InstanceId, Fail> {
        let keys = args.iter().map(|thunks| thunks.iter().map(|thunk| thunk.key).collect()).collect();
        let key = self.keys.intern(Key::Arguments(keys));
        let on = match &current {
            Value::Fs(fs) => fs.id,
            _ => 0,
        };
        if let Some(known) = self.known.get(&(id, key, on)) {
            return Ok(*known);
        }
        let instance = InstanceId(self.instances.len());
        self.instances.push(Instance { func: id, args, key, value: None });
        let program = self.program;
        let Some(func) = program.func(id) else { return Ok(instance) };
        let start = if func.signature.kind == Kind::Fs { current } else { Value::Nil };
        let value = match &func.body {
            Some(body) => self.block(body, instance, if target { None } else { Some(frame) }, start)?,
            None => start,
        };
        if let Some(instance) = self.instances.get_mut(instance.0) {
            instance.value = Some(value);
        }
        self.known.insert((id, key, on), instance);
        Ok(instance)
    }

    /// The value of a bound name: the function around it is evaluated, and what it bound is taken.
    pub(super) fn call_bind(
        &mut self,
        id: BindId,
        args: Vec<Vec<Thunk<'p>>>,
        current: Value,
        frame: &Rc<Frame>,
        target: bool,
    ) -> Result<Value, Fail> {
        let Some(owner) = self.program.bind(id).map(|bound| bound.func) else { return Ok(Value::Nil) };
        let instance = self.instance(owner, args, current, frame, target)?;
        self.bound_value(instance, id, frame)
    }

    fn bound_value(&mut self, instance: InstanceId, id: BindId, frame: &Rc<Frame>) -> Result<Value, Fail> {
        match self.bound.get(&(instance, id)).cloned() {
            Some(Bound::Pushed(export)) => Ok(Value::Text(self.publish(export, frame)?)),
            Some(Bound::Known(Ok(value))) => {
                if let Value::Fs(fs) = &value
                    && let Some(out) = fs.out
                {
                    self.graph.need(out);
                }
                Ok(value)
            }
            Some(Bound::Known(Err(fail))) => Err(Box::new(traced(*fail, frame))),
            None => {
                let name = self.program.bind(id).map(|bound| bound.name.text.clone()).unwrap_or_default();
                let fail = Diagnostic::error(
                    codes::NEVER_BOUND,
                    frame.at,
                    format!("`{name}` has no value: the call that binds it was not evaluated"),
                )
                .help("bind it in a statement of the function itself, not in an argument that is not used");
                Err(Box::new(traced(fail, frame)))
            }
        }
    }

    /// Sets what a bound name stands for, or why it stands for nothing.
    pub(crate) fn set_bound(&mut self, slot: Slot, value: Result<Value, Fail>) {
        self.bound.insert((slot.instance, slot.bind), Bound::Known(value));
    }

    /// Says that a bound name stands for the digest of an image that has not been pushed.
    pub(crate) fn set_pushed(&mut self, slot: Slot, export: ExportId) {
        self.bound.insert((slot.instance, slot.bind), Bound::Pushed(export));
    }

    fn call_builtin(
        &mut self,
        id: BuiltinId,
        call: &'p hir::Call,
        scope: InstanceId,
        frame: &Rc<Frame>,
        current: Value,
    ) -> Result<Value, Fail> {
        let Some(builtin) = self.program.builtin(id) else { return Ok(Value::Nil) };
        let mut args = Vec::with_capacity(call.args.len());
        let mut arg_at = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            let spread = match &arg.node {
                ExprNode::Call(hir::Call { callee: Callee::Param(index), .. }) => {
                    self.instances.get(scope.0).and_then(|instance| instance.args.get(*index)).cloned()
                }
                _ => None,
            };
            match spread {
                Some(thunks) => {
                    for thunk in thunks {
                        args.push(self.force(&thunk)?);
                        arg_at.push(arg.at);
                    }
                }
                None => {
                    args.push(self.expr(arg, scope, Some(frame))?);
                    arg_at.push(arg.at);
                }
            }
        }
        let options = match &call.with {
            None => Rc::default(),
            Some(with) => match self.expr(with, scope, Some(frame))? {
                Value::Options(options) => options,
                _ => Rc::default(),
            },
        };
        let (dir, origin) = self.place(call);
        let site = Site { at: call.at, args: arg_at, frame: Rc::clone(frame), dir, origin };
        let binds =
            call.binds.iter().map(|(effect, bind)| Slot { effect: *effect, instance: scope, bind: *bind }).collect();
        builtins::invoke(self, builtin, builtins::Invocation { site, args, options, binds }, current)
    }

    /// The directory of the file that a call stands in, and whose it is.
    fn place(&self, call: &hir::Call) -> (Utf8PathBuf, Origin) {
        let module = self.program.modules.iter().find(|module| module.source == call.at.source);
        module.map(|module| (module.dir.clone(), module.origin.clone())).unwrap_or_default()
    }
}
