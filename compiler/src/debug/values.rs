//! Values as a debugger shows them.
//!
//! Owns what names stand for at a moment, the parts of values, and the numbers by which they are asked for.

use std::ops::Range;

use hlb_language::diagnostic::Diagnostic;

use super::Trace;
use super::question::item;
use crate::eval::scope::{Binding, Names, ScopeId};
use crate::eval::show::{beginning, quoted};
use crate::eval::value::Value;
use crate::hir::{BindId, FuncId, LocalId, Stmt};
use crate::types::Type;

/// Which names.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Part {
    /// Parameters of the function.
    Arguments,
    /// What statements have defined so far.
    Names,
    /// Options that the function takes.
    Options,
}

/// Names a value that was shown, until [`Trace::forget`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ValueId(pub usize);

/// A value under a name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Variable {
    /// The name, the key or the number.
    pub name: String,
    /// The type, as it is written.
    pub ty: String,
    /// The value, cut where it is long.
    pub shown: String,
    /// Whether the program has not needed it: [`Trace::force`] finds it.
    pub lazy: bool,
    /// How many parts it has.
    pub children: usize,
    /// Whether those have numbers, and not names.
    pub is_list: bool,
    /// Whether it is a filesystem.
    pub is_fs: bool,
    /// How to ask for more.
    pub id: ValueId,
}

/// What was shown.
#[derive(Clone)]
pub(super) enum Held<'p> {
    Value(Value, Type),
    Later(Binding<'p>, Type),
}

/// A name, its type, and what it stands for.
pub(super) type Named<'p> = (String, Type, Binding<'p>);

impl<'p> Trace<'p> {
    /// The names that a moment sees, as they are shown.
    pub(super) fn names(&mut self, moment: usize, part: Part) -> Vec<Variable> {
        let mut variables: Vec<Variable> = Vec::new();
        for (name, ty, binding) in self.seen(moment, part) {
            // An inner name hides an outer one.
            if !variables.iter().any(|it| it.name == name) {
                let variable = self.variable(name, &binding, ty);
                variables.push(variable);
            }
        }
        variables
    }

    /// What a name stands for.
    pub(super) fn named(&mut self, moment: usize, name: &str) -> Option<Named<'p>> {
        let parts = [Part::Names, Part::Arguments, Part::Options];
        parts.into_iter().find_map(|part| self.seen(moment, part).into_iter().find(|(it, ..)| it == name))
    }

    /// The names that a moment sees, inner ones first.
    fn seen(&mut self, moment: usize, part: Part) -> Vec<Named<'p>> {
        let Some(moment) = self.watching.moments.get(moment) else { return Vec::new() };
        let (at, mut scope) = (moment.at, Some(moment.scope));
        let mut found: Vec<Named<'p>> = Vec::new();
        while let Some(id) = scope {
            let Some(here) = self.evaluator.scope(id) else { break };
            scope = here.parent;
            match here.names {
                Names::Params if part == Part::Names => {
                    let func = here.func;
                    found.extend(self.bound(id, func, at.span.start));
                }
                Names::Params => {
                    let Some(func) = here.func.and_then(|func| self.evaluator.program.func(func)) else { continue };
                    let params = match part {
                        Part::Arguments => &func.signature.params,
                        Part::Names | Part::Options => &func.signature.options,
                    };
                    let before = if part == Part::Options { func.signature.params.len() } else { 0 };
                    let params = params.iter().zip(here.bindings.iter().skip(before));
                    found.extend(
                        params.map(|(it, binding)| (it.name.text.to_string(), it.value_type(), binding.clone())),
                    );
                }
                Names::Block(block) if part == Part::Names => {
                    // Names are defined in the order of the text, so those above the moment are the ones that it sees.
                    let lets = block.stmts.iter().filter_map(|stmt| match stmt {
                        Stmt::Let(stmt) if stmt.value.at.span.end <= at.span.start => Some(stmt),
                        _ => None,
                    });
                    found.extend(lets.filter_map(|it| self.local(it.local, here.bindings.get(it.index)?)));
                }
                Names::From(first) if part == Part::Names => {
                    let all = here.bindings.iter().enumerate();
                    found.extend(all.filter_map(|(at, it)| self.local(LocalId(first.0 + at), it)));
                }
                Names::Block(_) | Names::From(_) => {}
            }
        }
        found
    }

    fn local(&self, id: LocalId, binding: &Binding<'p>) -> Option<Named<'p>> {
        let local = self.evaluator.program.locals.get(id.0)?;
        Some((local.name.to_string(), local.ty.clone(), binding.clone()))
    }

    /// What calls above an offset have bound in a function.
    fn bound(&mut self, scope: ScopeId, func: Option<FuncId>, before: u32) -> Vec<Named<'p>> {
        let program = self.evaluator.program;
        let binds = program.binds.iter().enumerate();
        let here = binds.filter(|(_, bind)| Some(bind.func) == func && bind.end <= before);
        let known = here.filter_map(|(id, bind)| {
            let binding = self.evaluator.bound_name(scope, BindId(id))?;
            Some((bind.name.text.to_string(), bind.ty.clone(), binding))
        });
        known.collect()
    }

    fn variable(&mut self, name: String, binding: &Binding<'p>, ty: Type) -> Variable {
        let held = match self.settled(binding) {
            Some(value) => Held::Value(value, ty),
            None => Held::Later(binding.clone(), ty),
        };
        self.hold(name, held)
    }

    /// The value of what a name stands for; none if the program has not needed it, or a part of it.
    pub(super) fn settled(&self, binding: &Binding<'p>) -> Option<Value> {
        match binding {
            Binding::Known(value, _) => Some(value.clone()),
            Binding::Unset => Some(Value::Nil),
            Binding::Later(thunk) => self.evaluator.settled_value(thunk),
            Binding::Many(all, _) => {
                let values: Option<Vec<Value>> = all.iter().map(|one| self.settled(one)).collect();
                values.map(Value::list)
            }
        }
    }

    /// Notes a value, and tells how it is shown.
    pub(super) fn hold(&mut self, name: String, held: Held<'p>) -> Variable {
        let program = self.evaluator.program;
        let is_list = matches!(&held, Held::Value(Value::List(_), _));
        let (ty, shown, lazy, children, is_fs) = match &held {
            Held::Later(_, ty) => (ty.to_string(), "not needed yet".to_owned(), true, 0, false),
            Held::Value(value, ty) => {
                let children = match value {
                    Value::List(items) => items.len(),
                    Value::Map(map) => map.len(),
                    Value::Record(_, fields) => fields.len(),
                    _ => 0,
                };
                let is_fs = matches!(value, Value::Fs(_));
                (ty.to_string(), beginning(program, value, ty), false, children, is_fs)
            }
        };
        let id = ValueId(self.held.len());
        self.held.push(held);
        Variable { name, ty, shown, lazy, children, is_list, is_fs, id }
    }

    pub(super) fn parts(&mut self, of: ValueId, range: Range<usize>) -> Vec<Variable> {
        let program = self.evaluator.program;
        let Some(Held::Value(value, ty)) = self.held.get(of.0) else { return Vec::new() };
        let (skip, take) = (range.start, range.len());
        let item = item(ty);
        let parts: Vec<(String, Value, Type)> = match value {
            Value::List(items) => {
                let items = items.iter().enumerate().skip(skip).take(take);
                items.map(|(at, value)| (at.to_string(), value.clone(), item.clone())).collect()
            }
            Value::Map(map) => {
                let entries = map.iter().skip(skip).take(take);
                entries.map(|(key, value)| (quoted(key), value.clone(), item.clone())).collect()
            }
            Value::Record(id, values) => {
                let fields = program.record(*id).map_or(&[][..], |record| &record.fields);
                let fields = fields.iter().zip(values.iter()).skip(skip).take(take);
                fields.map(|(field, value)| (field.name.text.to_string(), value.clone(), field.ty.clone())).collect()
            }
            _ => Vec::new(),
        };
        parts.into_iter().map(|(name, value, ty)| self.hold(name, Held::Value(value, ty))).collect()
    }

    /// A value that was shown, found now if it was not known.
    pub(super) fn found(&mut self, of: ValueId) -> Result<Variable, Box<Diagnostic>> {
        let held = match self.held.get(of.0).cloned() {
            Some(Held::Later(binding, ty)) => Held::Value(self.evaluator.look_up(&binding)?, ty),
            Some(held) => held,
            None => Held::Value(Value::Nil, Type::Never),
        };
        Ok(self.hold(String::new(), held))
    }
}
