//! Calls.
//!
//! Owns how arguments become what parameters stand for, when a function is evaluated and when its value is known.

use std::rc::Rc;

use hlb_language::diagnostic::Diagnostic;
use smallvec::{SmallVec, smallvec};

use super::bind::Bound;
use super::key::{Key, KeyId};
use super::limit::{MAX_ITEMS, failed};
use super::scope::{Binding, Names, ScopeId, Thunk};
use super::value::{Frame, FuncValue, Opt, Site, Slot, Value};
use super::{Evaluator, Fail};
use crate::builtins::{self, Invocation};
use crate::codes;
use crate::deep::deep;
use crate::hir::{self, BuiltinId, Callee, FuncId, Item};
use crate::types::Type;

impl<'p> Evaluator<'p> {
    /// The value of a call. `current` is the filesystem that it is called on.
    pub(super) fn call(
        &mut self,
        call: &'p hir::Call,
        scope: ScopeId,
        frame: Option<&Rc<Frame>>,
        current: Value,
    ) -> Result<Value, Fail> {
        deep(|| {
            self.enter(call.at, frame)?;
            let own = Rc::new(Frame { at: call.at, parent: frame.cloned() });
            let value = self.callee(call, scope, &own, current)?;
            self.depth -= 1;
            Ok(value)
        })
    }

    fn callee(&mut self, call: &'p hir::Call, scope: ScopeId, own: &Rc<Frame>, current: Value) -> Result<Value, Fail> {
        match &call.callee {
            Callee::Builtin(id) => self.call_builtin(*id, call, scope, own, current),
            Callee::Func(id) => {
                let args = self.func_args(*id, call, scope, own)?;
                let (instance, value) = self.call_func(*id, args, current, own, false)?;
                self.bind_results(*id, call, instance, scope);
                Ok(value)
            }
            Callee::Bind(id) => {
                let owner = self.program.bind(*id).map_or(FuncId(usize::MAX), |bound| bound.func);
                let args = self.func_args(owner, call, scope, own)?;
                self.call_bind(*id, args, current, own, false)
            }
            Callee::OwnBind(id) => {
                let root = self.scopes.get(scope).map_or(scope, |scope| scope.root);
                let value = self.bound_value(root, *id, own)?;
                Ok(self.replace(current, value))
            }
            Callee::Setting(func, index) => self.setting(*func, *index, call, scope, own),
            Callee::Value(callee) => {
                let func = self.expr(callee, scope, Some(own))?;
                let mut args = Vec::with_capacity(call.args.len());
                for arg in &call.args {
                    if let hir::Arg::One(expr) = arg {
                        let binding = self.binding(expr, scope, Some(own));
                        args.push(binding);
                    }
                }
                self.call_value(&func, args, own, current)
            }
        }
    }

    /// What the parameters and options of a function stand for in a call.
    fn func_args(
        &mut self,
        func: FuncId,
        call: &'p hir::Call,
        scope: ScopeId,
        frame: &Rc<Frame>,
    ) -> Result<Vec<Binding<'p>>, Fail> {
        let mut bindings = Vec::with_capacity(call.args.len());
        for arg in &call.args {
            bindings.push(match arg {
                hir::Arg::One(expr) => self.binding(expr, scope, Some(frame)),
                hir::Arg::Many(items) => self.many(items, scope, frame)?,
                hir::Arg::Default => Binding::Unset,
            });
        }
        if let Some(with) = &call.with
            && self.program.func(func).is_some_and(|func| !func.signature.options.is_empty())
        {
            let options = self.expr(with, scope, Some(frame))?;
            self.settings(func, &options, &mut bindings);
        }
        Ok(bindings)
    }

    /// The values of a variadic parameter. A list that stands for its values must be known; single values need not be.
    fn many(&mut self, items: &'p [Item], scope: ScopeId, frame: &Rc<Frame>) -> Result<Binding<'p>, Fail> {
        if let [Item { spread: true, expr }] = items {
            // A variadic parameter that is passed on stays what it is.
            return match self.binding(expr, scope, Some(frame)) {
                binding @ Binding::Many(..) => Ok(binding),
                binding => {
                    let value = self.bound_to(&binding)?;
                    let key = self.keys.of(&value);
                    Ok(Binding::Known(value, key))
                }
            };
        }
        let mut all = Vec::with_capacity(items.len());
        for item in items {
            let binding = self.binding(&item.expr, scope, Some(frame));
            if !item.spread {
                all.push(binding);
                continue;
            }
            match binding {
                Binding::Many(more, _) => all.extend(more.iter().take(MAX_ITEMS.saturating_sub(all.len())).cloned()),
                binding => {
                    let list = self.bound_to(&binding)?;
                    for value in list.items().iter().take(MAX_ITEMS.saturating_sub(all.len())) {
                        let key = self.keys.of(value);
                        all.push(Binding::Known(value.clone(), key));
                    }
                }
            }
        }
        let keys = all.iter().map(|binding| self.binding_key(binding)).collect();
        let key = self.keys.intern(Key::Many(keys));
        Ok(Binding::Many(all.into(), key))
    }

    /// An option of a function as a value, until the function is called.
    fn setting(
        &mut self,
        func: FuncId,
        index: usize,
        call: &'p hir::Call,
        scope: ScopeId,
        frame: &Rc<Frame>,
    ) -> Result<Value, Fail> {
        let mut args = Vec::new();
        for arg in &call.args {
            match arg {
                hir::Arg::One(expr) => args.push(self.expr(expr, scope, Some(frame))?),
                hir::Arg::Many(items) => args.extend(self.items(items, scope, Some(frame))?),
                hir::Arg::Default => args.push(Value::Bool(true)),
            }
        }
        let name = self
            .program
            .func(func)
            .and_then(|func| func.signature.options.get(index))
            .map(|option| option.name.text.clone())
            .unwrap_or_default();
        let site = self.place(call.at, SmallVec::new(), frame);
        let options = Rc::clone(&self.no_options);
        Ok(Value::Options(Rc::new(vec![Opt { name, site, args, options, binds: Vec::new() }])))
    }

    /// What the options of a function stand for: lists gather, of all else the last one counts.
    fn settings(&mut self, func: FuncId, options: &Value, bindings: &mut Vec<Binding<'p>>) {
        let program = self.program;
        let Some(func) = program.func(func) else { return };
        let given: &[Opt] = match options {
            Value::Options(all) => all,
            _ => &[],
        };
        bindings.resize(func.signature.params.len(), Binding::Unset);
        for option in &func.signature.options {
            let mut named = given.iter().filter(|it| it.name == option.name.text);
            let value = match option.ty {
                Type::List(_) => {
                    let all: Vec<Value> = named.flat_map(|it| it.args.iter().cloned()).collect();
                    if all.is_empty() { None } else { Some(Value::list(all)) }
                }
                _ => named.next_back().and_then(|it| it.args.first().cloned()),
            };
            bindings.push(match value {
                Some(value) => {
                    let key = self.keys.of(&value);
                    Binding::Known(value, key)
                }
                None => Binding::Unset,
            });
        }
    }

    /// The value of a function for what its parameters stand for, called on a filesystem, and the scope that it was evaluated in.
    pub(super) fn call_func(
        &mut self,
        id: FuncId,
        args: Vec<Binding<'p>>,
        current: Value,
        frame: &Rc<Frame>,
        target: bool,
    ) -> Result<(ScopeId, Value), Fail> {
        let program = self.program;
        let Some(func) = program.func(id) else {
            let key = self.keys.unique();
            return Ok((self.scopes.root(None, Vec::new(), key), Value::Nil));
        };
        self.count(frame.at, Some(frame))?;
        let size = func.signature.params.len() + func.signature.options.len();
        let mut bindings = args;
        bindings.resize(size, Binding::Unset);
        let mut key = self.args_key(&bindings);
        let on = match &current {
            Value::Fs(fs) => fs.id,
            _ => 0,
        };
        if let Some((scope, value)) = self.known.get(&(id, key, on)) {
            return Ok((*scope, value.clone()));
        }
        let given = key;
        if let Some(whole) = self.with_defaults(func, id, &bindings, key, frame) {
            // A default and the same value are the same argument.
            bindings = whole;
            key = self.args_key(&bindings);
            if let Some((scope, value)) = self.known.get(&(id, key, on)).cloned() {
                self.known.insert((id, given, on), (scope, value.clone()));
                return Ok((scope, value));
            }
        }
        // What a function that binds names has bound depends on what it was called on, not only on its arguments.
        let around = if func.binds { self.keys.unique() } else { self.keys.intern(Key::Call(id, key)) };
        let scope = self.scopes.root(Some(id), bindings, around);
        self.defaults(func, scope, frame)?;
        let start = if func.signature.result == Type::Fs { current } else { Value::Nil };
        let value = match &func.body {
            Some(body) => self.body(body, Some(id), scope, if target { None } else { Some(frame) }, start)?,
            None => start,
        };
        self.known.insert((id, key, on), (scope, value.clone()));
        if given != key {
            self.known.insert((id, given, on), (scope, value.clone()));
        }
        Ok((scope, value))
    }

    /// What parameters stand for with the defaults of those that a call leaves out, if all of these are data that can be known
    /// without reaching anything outside.
    fn with_defaults(
        &mut self,
        func: &'p hir::Func,
        id: FuncId,
        given: &[Binding<'p>],
        key: KeyId,
        frame: &Rc<Frame>,
    ) -> Option<Vec<Binding<'p>>> {
        let open = |(at, binding): (usize, &Binding<'p>)| {
            matches!(binding, Binding::Unset) && func.defaults.get(at).is_some_and(Option::is_some)
        };
        if !given.iter().enumerate().any(open) {
            return None;
        }
        let around = self.keys.intern(Key::Call(id, key));
        let scope = self.scopes.root(Some(id), given.to_vec(), around);
        for at in 0..given.len() {
            let unset = matches!(self.scopes.get(scope)?.bindings.get(at)?, Binding::Unset);
            let Some(Some(default)) = func.defaults.get(at).filter(|_| unset) else { continue };
            let binding = self.binding(default, scope, Some(frame));
            if !matches!(binding, Binding::Known(..)) {
                return None;
            }
            self.scopes.set(scope, at, binding);
        }
        Some(self.scopes.get(scope)?.bindings.clone())
    }

    fn args_key(&mut self, args: &[Binding<'p>]) -> KeyId {
        let keys = args.iter().map(|binding| self.binding_key(binding)).collect();
        self.keys.intern(Key::Arguments(keys))
    }

    /// What parameters stand for that a call leaves to the function: their defaults see the parameters before them.
    fn defaults(&mut self, func: &'p hir::Func, scope: ScopeId, frame: &Rc<Frame>) -> Result<(), Fail> {
        let params = func.signature.params.iter().chain(&func.signature.options);
        for (index, param) in params.enumerate() {
            let unset = matches!(
                self.scopes.get(scope).and_then(|scope| scope.bindings.get(index)),
                Some(Binding::Unset) | None
            );
            if !unset {
                continue;
            }
            let binding = match func.defaults.get(index) {
                Some(Some(default)) => {
                    let key = self.key(default, scope);
                    Binding::Later(Thunk { expr: default, scope, frame: Some(Rc::clone(frame)), key })
                }
                _ if param.variadic => Binding::Many(Rc::from([]), self.keys.intern(Key::Many(Vec::new()))),
                _ if !param.optional && index >= func.signature.params.len() => {
                    let message = format!("`{}` needs a value for its option `{}`", func.name.text, param.name.text);
                    let diagnostic = Diagnostic::error(codes::ARITY, frame.at, message)
                        .help(format!("write `with option {{ {} … }}`", param.name.text));
                    return Err(failed(diagnostic, frame.parent.as_ref()));
                }
                _ => continue,
            };
            self.scopes.set(scope, index, binding);
        }
        Ok(())
    }

    /// Gives the names that a call binds what the function has set its results to.
    fn bind_results(&mut self, func: FuncId, call: &hir::Call, instance: ScopeId, scope: ScopeId) {
        if call.binds.is_empty() {
            return;
        }
        let root = self.scopes.get(scope).map_or(scope, |scope| scope.root);
        let program = self.program;
        for (effect, bind) in &call.binds {
            let result = program.func(func).and_then(|func| func.results.get(*effect));
            if let Some(result) = result {
                self.bound.insert((root, *bind), Bound::Same(instance, *result));
            }
        }
    }

    /// The value of a function value, for what its parameters stand for.
    fn call_value(
        &mut self,
        func: &Value,
        args: Vec<Binding<'p>>,
        frame: &Rc<Frame>,
        current: Value,
    ) -> Result<Value, Fail> {
        let Value::Func(func) = func else { return Ok(Value::Nil) };
        let program = self.program;
        match func {
            // A variadic parameter is a list to those who call the function as a value.
            FuncValue::Named(id) => self.call_func(*id, args, current, frame, false).map(|(_, value)| value),
            FuncValue::Lambda(id, around) => {
                let Some(lambda) = program.lambda(*id) else { return Ok(Value::Nil) };
                self.count(frame.at, Some(frame))?;
                let scope = self.inner(*around, lambda.at, Names::From(lambda.local), args);
                let start = if lambda.body.ty == Type::Fs { current } else { Value::Nil };
                self.body(&lambda.body, None, scope, Some(frame), start)
            }
            FuncValue::Builtin(id) => {
                let mut values = Vec::with_capacity(args.len());
                for arg in &args {
                    values.push(self.bound_to(arg)?);
                }
                let Some(builtin) = program.builtin(*id) else { return Ok(Value::Nil) };
                let variadic = builtin.signature.params.last().is_some_and(|param| param.variadic);
                if variadic && let Some(Value::List(last)) = values.last().cloned() {
                    values.pop();
                    values.extend(last.iter().cloned());
                }
                let at = smallvec![frame.at; values.len()];
                let site = self.place(frame.at, at, frame);
                let invocation = Invocation { site, args: values, options: Rc::default(), binds: Vec::new() };
                builtins::invoke(self, builtin, invocation, current)
            }
        }
    }

    /// Calls a function value from within a builtin.
    pub(crate) fn apply(&mut self, func: &Value, args: Vec<Value>, site: &Site) -> Result<Value, Fail> {
        deep(|| {
            self.enter(site.at, Some(&site.frame))?;
            let bindings = args.into_iter().map(|value| {
                let key = self.keys.of(&value);
                Binding::Known(value, key)
            });
            let bindings = bindings.collect();
            let value = self.call_value(func, bindings, &site.frame, Value::Nil)?;
            self.depth -= 1;
            Ok(value)
        })
    }

    fn call_builtin(
        &mut self,
        id: BuiltinId,
        call: &'p hir::Call,
        scope: ScopeId,
        frame: &Rc<Frame>,
        current: Value,
    ) -> Result<Value, Fail> {
        let program = self.program;
        let Some(builtin) = program.builtin(id) else { return Ok(Value::Nil) };
        let mut args = Vec::with_capacity(call.args.len());
        let mut arg_at = SmallVec::with_capacity(call.args.len());
        for (index, arg) in call.args.iter().enumerate() {
            match arg {
                hir::Arg::One(expr) => {
                    let value = self.expr(expr, scope, Some(frame))?;
                    // Functions of any type could not tell what the empty value is.
                    args.push(if builtin.namespace.is_empty() { value } else { value.filled(&expr.ty) });
                    arg_at.push(expr.at);
                }
                hir::Arg::Many(items) => {
                    for item in items {
                        let value = self.expr(&item.expr, scope, Some(frame))?;
                        let before = args.len();
                        if item.spread {
                            args.extend(value.items().iter().take(MAX_ITEMS).cloned());
                        } else {
                            args.push(value);
                        }
                        arg_at.extend((before..args.len()).map(|_| item.expr.at));
                    }
                }
                hir::Arg::Default => {
                    let value = match builtin.defaults.get(index) {
                        Some(Some(default)) => self.expr(default, scope, None)?,
                        _ => Value::Nil,
                    };
                    args.push(value);
                    arg_at.push(call.at);
                }
            }
        }
        let options = match &call.with {
            None => Rc::clone(&self.no_options),
            Some(with) => match self.expr(with, scope, Some(frame))? {
                Value::Options(options) => options,
                _ => Rc::default(),
            },
        };
        let site = self.place(call.at, arg_at, frame);
        let root = self.scopes.get(scope).map_or(scope, |scope| scope.root);
        let binds = call.binds.iter().map(|(effect, bind)| Slot { effect: *effect, func: root, bind: *bind }).collect();
        builtins::invoke(self, builtin, Invocation { site, args, options, binds }, current)
    }
}
