//! Who calls whom.
//!
//! Owns the hierarchy of functions over all files.

use std::collections::BTreeMap;

use camino::Utf8Path;
use hlb_compiler::hir::{Func, FuncId, Reference, Target};
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;
use hlb_language::span::Span;

use crate::place::Place;
use crate::project::Project;

/// A function, in a chain of calls.
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

impl Project {
    /// The function that is called or declared at a byte offset of a file.
    pub fn call_item(&self, path: &Utf8Path, offset: usize) -> Option<CallItem> {
        self.item(self.func_at(path, offset)?)
    }

    /// The functions that call the one whose name is at a byte offset of a file, with the places in their files.
    pub fn incoming_calls(&self, path: &Utf8Path, offset: usize) -> Vec<(CallItem, Vec<Span>)> {
        let Some(called) = self.func_at(path, offset) else { return Vec::new() };
        let program = &self.checked.program;
        let mut callers: BTreeMap<FuncId, Vec<Span>> = BTreeMap::new();
        for at in program.uses(Target::Func(called)) {
            if let Some(caller) = program.func_around(at) {
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
        let mut called: BTreeMap<FuncId, Vec<Span>> = BTreeMap::new();
        for reference in self.checked.program.references.iter().filter(inside) {
            if let Target::Func(id) = reference.target {
                called.entry(id).or_default().push(reference.at.span);
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

    fn items(&self, found: BTreeMap<FuncId, Vec<Span>>) -> Vec<(CallItem, Vec<Span>)> {
        let item = |(id, mut spans): (FuncId, Vec<Span>)| {
            spans.sort();
            spans.dedup();
            Some((self.item(id)?, spans))
        };
        found.into_iter().filter_map(item).collect()
    }

    fn item(&self, id: FuncId) -> Option<CallItem> {
        let func = self.checked.program.funcs.get(id.0)?;
        let at = Location { source: self.source_of(func)?, span: func.name.span };
        Some(CallItem {
            name: func.name.text.to_string(),
            detail: self.checked.program.describe(Target::Func(id))?.signature,
            place: self.place(at)?,
            whole: func.span,
        })
    }

    fn source_of(&self, func: &Func) -> Option<SourceId> {
        self.checked.program.modules.get(func.module.0).map(|module| module.source)
    }
}
