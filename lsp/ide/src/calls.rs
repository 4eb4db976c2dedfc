//! Who calls whom.
//!
//! Owns the hierarchy of functions over all files.

use std::collections::BTreeMap;

use camino::Utf8Path;
use hlb_compiler::hir::{ConstantId, Func, FuncId, ModuleId, Reference, Target};
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;
use hlb_language::span::Span;

use crate::place::Place;
use crate::project::Project;

/// A function, in a chain of calls; or a constant or a test at its beginning.
#[derive(Clone, Debug)]
pub struct CallItem {
    /// Its name.
    pub name: String,
    /// How it is declared.
    pub detail: String,
    /// The place of its name.
    pub place: Place,
    /// All of it.
    pub whole: Span,
}

/// What has calls in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Caller {
    Func(FuncId),
    Constant(ConstantId),
    /// By its position among all tests.
    Test(usize),
}

impl Project {
    /// The function that is called or declared at a byte offset of a file.
    pub fn call_item(&self, path: &Utf8Path, offset: usize) -> Option<CallItem> {
        self.item(Caller::Func(self.func_at(path, offset)?))
    }

    /// The functions, constants and tests that call the one whose name is at a byte offset of a file, with the places in their files.
    pub fn incoming_calls(&self, path: &Utf8Path, offset: usize) -> Vec<(CallItem, Vec<Span>)> {
        let Some(called) = self.func_at(path, offset) else { return Vec::new() };
        let program = &self.checked.program;
        let mut callers: BTreeMap<Caller, Vec<Span>> = BTreeMap::new();
        for at in program.uses(Target::Func(called)) {
            if let Some(caller) = self.around(at) {
                callers.entry(caller).or_default().push(at.span);
            }
        }
        self.items(callers)
    }

    /// The functions that it calls, with the places in its file.
    pub fn outgoing_calls(&self, path: &Utf8Path, offset: usize) -> Vec<(CallItem, Vec<Span>)> {
        let caller = || {
            let func = self.checked.program.funcs.get(self.func_at(path, offset)?.0)?;
            Some((func, self.source_of(func)?))
        };
        let Some((func, source)) = caller() else { return Vec::new() };
        let inside = |it: &&Reference| it.at.source == source && func.span.contains(it.at.span);
        let mut called: BTreeMap<Caller, Vec<Span>> = BTreeMap::new();
        for reference in self.checked.program.references.iter().filter(inside) {
            if let Target::Func(id) = reference.target {
                called.entry(Caller::Func(id)).or_default().push(reference.at.span);
            }
        }
        self.items(called)
    }

    fn func_at(&self, path: &Utf8Path, offset: usize) -> Option<FuncId> {
        match self.name_at(path, offset)?.1 {
            Target::Func(id) => Some(id),
            _ => None,
        }
    }

    fn items(&self, found: BTreeMap<Caller, Vec<Span>>) -> Vec<(CallItem, Vec<Span>)> {
        let item = |(id, mut spans): (Caller, Vec<Span>)| {
            spans.sort();
            spans.dedup();
            Some((self.item(id)?, spans))
        };
        found.into_iter().filter_map(item).collect()
    }

    fn around(&self, at: Location) -> Option<Caller> {
        let program = &self.checked.program;
        let holds = |module: ModuleId, span: Span| {
            span.contains(at.span) && program.modules.get(module.0).is_some_and(|it| it.source == at.source)
        };
        let constant = || program.constants.iter().position(|it| holds(it.module, it.span)).map(ConstantId);
        let test = || program.tests.iter().position(|it| holds(it.module, it.span));
        let func = program.func_around(at).map(Caller::Func);
        func.or_else(|| constant().map(Caller::Constant)).or_else(|| test().map(Caller::Test))
    }

    fn item(&self, caller: Caller) -> Option<CallItem> {
        let program = &self.checked.program;
        let described = |target| {
            let signature = program.describe(target)?.signature;
            Some(signature.lines().next().unwrap_or_default().to_owned())
        };
        let (name, detail, module, at, whole) = match caller {
            Caller::Func(id) => {
                let func = program.funcs.get(id.0)?;
                (func.name.text.clone(), described(Target::Func(id))?, func.module, func.name.span, func.span)
            }
            Caller::Constant(id) => {
                let constant = program.constants.get(id.0)?;
                let detail = described(Target::Constant(id))?;
                (constant.name.text.clone(), detail, constant.module, constant.name.span, constant.span)
            }
            Caller::Test(index) => {
                let test = program.tests.get(index)?;
                (test.name.clone(), "test".to_owned(), test.module, test.at.span, test.span)
            }
        };
        let at = Location { source: program.modules.get(module.0)?.source, span: at };
        Some(CallItem { name: name.to_string(), detail, place: self.place(at)?, whole })
    }

    fn source_of(&self, func: &Func) -> Option<SourceId> {
        self.checked.program.modules.get(func.module.0).map(|module| module.source)
    }
}
