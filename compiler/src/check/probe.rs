//! What the checker tells of the place that somebody types at.
//!
//! Owns when it has come there, and what it knows by then. Without somebody who asks, nothing is done here.

use ecow::EcoString;
use hlb_language::ast::{self, Arg, Ident};
use hlb_language::span::Span;

use super::Checker;
use super::call::{Resolved, What};
use crate::hir::{Callee, Target};
use crate::probe::{CallPlace, PROBE, Place, Receiver};
use crate::types::{Expected, Type};

/// A place that is looked for, and what is found.
pub(super) struct Probe {
    offset: u32,
    calls: Vec<CallPlace>,
    found: Option<Place>,
}

impl Probe {
    pub(super) fn new(offset: u32) -> Self {
        Self { offset, calls: Vec::new(), found: None }
    }

    pub(super) fn found(self) -> Option<Place> {
        self.found
    }
}

impl Checker<'_> {
    /// Whether somebody asks. Then calls are looked into though their arguments are too few.
    pub(super) fn probing(&self) -> bool {
        self.probe.is_some()
    }

    /// Whether a name is the one that is looked for.
    pub(super) fn is_probe(&self, name: &Ident) -> bool {
        self.probe.is_some() && name.text == PROBE
    }

    /// Notes what is known here of the place.
    pub(super) fn note(&mut self, expected: &Expected, statement: bool, receiver: Option<Receiver>) {
        let names: Vec<(EcoString, Type)> =
            self.scopes.names().map(|(name, ty)| (EcoString::from(name), ty.clone())).collect();
        let func = self.func;
        let Some(probe) = &mut self.probe else { return };
        let calls = if statement { Vec::new() } else { probe.calls.clone() };
        let expected = expected.types().to_vec();
        probe.found = Some(Place { expected, statement, receiver, names, calls, string: None, func });
    }

    /// Notes a string that holds the place. What stands in one of its interpolations is told by itself.
    pub(super) fn note_string(&mut self, string: Span, expected: &Expected) {
        let Some(probe) = &self.probe else { return };
        // Behind the opener and in front of the closer.
        if probe.offset > string.start && probe.offset < string.end {
            self.note(expected, false, None);
            if let Some(found) = self.probe.as_mut().and_then(|probe| probe.found.as_mut()) {
                found.string = Some(string);
            }
        }
    }

    /// What a head in front of a dot is, if it is no value.
    pub(super) fn receiver(&mut self, head: &Ident) -> Option<Receiver> {
        if !self.scopes.has(&head.text) {
            let symbol = self.declared.program.module(self.module).and_then(|module| module.scope.get(&head.text));
            match symbol.map(|symbol| symbol.target) {
                Some(Target::Module(module)) => return module.map(Receiver::Module),
                Some(Target::Enum(id)) => return Some(Receiver::Enum(id)),
                Some(Target::Func(id))
                    if self.declared.program.func(id).is_some_and(|func| !func.signature.effects.is_empty()) =>
                {
                    return Some(Receiver::Func(id));
                }
                None if self.declared.builtins.namespace(&head.text).is_some() => {
                    return Some(Receiver::Namespace(head.text.clone()));
                }
                None => {
                    if let Some(id) = self.declared.builtins.enums.get(&head.text).copied() {
                        return Some(Receiver::Enum(id));
                    }
                }
                Some(_) => {}
            }
        }
        self.base(head).map(|base| Receiver::Value(base.ty))
    }

    /// Goes into an argument of a call.
    pub(super) fn enter_argument(&mut self, resolved: &Resolved, argument: usize, args: &[Arg], behind: bool) {
        let Some(probe) = &mut self.probe else { return };
        let named = |arg: &Arg| if let Arg::Named(_, name, _) = arg { Some(name.text.clone()) } else { None };
        let target = match &resolved.what {
            What::Record(id) => Some(Target::Record(*id)),
            What::Callee(Callee::Func(id)) => Some(Target::Func(*id)),
            What::Callee(Callee::Builtin(id)) => Some(Target::Builtin(*id)),
            What::Callee(Callee::Bind(id) | Callee::OwnBind(id)) => Some(Target::Bind(*id)),
            What::Callee(Callee::Setting(id, index)) => Some(Target::Setting(*id, *index)),
            What::Callee(_) => None,
        };
        probe.calls.push(CallPlace {
            target,
            name: resolved.name.clone(),
            signature: resolved.signature.clone(),
            argument,
            given: args.iter().filter_map(named).collect(),
            behind,
        });
    }

    /// Comes out of it again.
    pub(super) fn leave_argument(&mut self) {
        if let Some(probe) = &mut self.probe {
            probe.calls.pop();
        }
    }

    /// Goes into a block, which is in no call; gives what `leave_block` needs.
    pub(super) fn enter_block(&mut self) -> Vec<CallPlace> {
        self.probe.as_mut().map(|probe| std::mem::take(&mut probe.calls)).unwrap_or_default()
    }

    pub(super) fn leave_block(&mut self, calls: Vec<CallPlace>) {
        if let Some(probe) = &mut self.probe {
            probe.calls = calls;
        }
    }

    /// A statement that could not be read, if the place is in it: what is called may take what is written there, and its blocks
    /// may be options of it.
    pub(super) fn broken(&mut self, stmt: &ast::ErrorStmt, place: &Expected) {
        let Some(offset) = self.probe.as_ref().map(|probe| probe.offset) else { return };
        if !stmt.span.touches(offset as usize) {
            return;
        }
        let Some(callee) = &stmt.callee else { return self.note(place, true, None) };
        if callee.member.is_none() && callee.head.text == PROBE {
            return self.note(place, true, None);
        }
        let called = super::call::Called::value(callee, None, callee.span);
        let resolved = match self.meaning(&called, place) {
            Some(super::lookup::Meaning::Callable(resolved)) => Some(resolved),
            _ => None,
        };
        if let Some(resolved) = &resolved {
            let argument = stmt.words.iter().filter(|word| word.end < offset).count();
            let param = argument.min(resolved.signature.params.len().saturating_sub(1));
            let ty = resolved.signature.params.get(param).map(|param| param.ty.clone());
            self.enter_argument(resolved, argument, &[], false);
            self.note(&ty.map_or_else(Expected::any, |ty| Expected::argument(&ty)), false, None);
            self.leave_argument();
        } else {
            self.note(&Expected::any(), false, None);
        }
        for block in stmt.blocks.iter().filter(|block| block.span.touches(offset as usize)) {
            let options = resolved.as_ref().map(|resolved| match &resolved.what {
                What::Callee(Callee::Func(id)) if !resolved.signature.options.is_empty() => {
                    Type::OwnOption(*id, resolved.name.clone())
                }
                _ => Type::Option(resolved.name.clone()),
            });
            let known = options.filter(|ty| match ty {
                Type::Option(name) => self.option_types.contains(name),
                _ => true,
            });
            self.block(block, &known.map_or_else(Expected::any, Expected::just));
        }
    }
}
