//! The names inside of a function while it is checked.
//!
//! Owns scopes, shadowing, and what conditions tell of a name's type. Reports names that nothing uses.

use ecow::EcoString;
use hlb_language::ast;
use hlb_language::diagnostic::{Diagnostic, Location};
use rustc_hash::FxHashMap;

use super::Checker;
use crate::codes;
use crate::hir::{FuncId, Local, LocalId, Target, Var};
use crate::types::Type;

/// What defines a name.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Definition {
    Param(FuncId, usize),
    Setting(FuncId, usize),
    Local(LocalId),
}

impl Definition {
    pub(super) fn target(self) -> Target {
        match self {
            Self::Param(func, index) => Target::Param(func, index),
            Self::Setting(func, index) => Target::Setting(func, index),
            Self::Local(id) => Target::Local(id),
        }
    }
}

/// A name that was found.
pub(super) struct Found {
    pub(super) var: Var,
    pub(super) ty: Type,
    pub(super) definition: Definition,
    pub(super) at: Location,
    /// Whether a condition has narrowed its type.
    pub(super) narrowed: bool,
}

struct Name {
    text: EcoString,
    ty: Type,
    definition: Definition,
    at: Location,
    used: bool,
}

#[derive(Default)]
struct Frame {
    names: Vec<Name>,
    by_text: FxHashMap<EcoString, usize>,
}

/// The scopes around a place, innermost last.
#[derive(Default)]
pub(super) struct Scopes {
    frames: Vec<Frame>,
    /// Names whose types a condition has narrowed.
    narrowed: Vec<(usize, usize, Type)>,
}

impl Scopes {
    pub(super) fn push(&mut self) {
        self.frames.push(Frame::default());
    }

    /// Adds a name to the innermost scope, and tells its number there.
    pub(super) fn define(&mut self, text: EcoString, ty: Type, definition: Definition, at: Location) -> usize {
        let Some(frame) = self.frames.last_mut() else { return 0 };
        let index = frame.names.len();
        frame.by_text.insert(text.clone(), index);
        frame.names.push(Name { text, ty, definition, at, used: false });
        index
    }

    fn place(&self, text: &str) -> Option<(usize, usize)> {
        self.frames.iter().enumerate().rev().find_map(|(depth, frame)| Some((depth, *frame.by_text.get(text)?)))
    }

    /// What a name stands for, and notes that it is used.
    pub(super) fn find(&mut self, text: &str) -> Option<Found> {
        let (depth, index) = self.place(text)?;
        let hops = self.frames.len() - 1 - depth;
        let narrowed = self.narrowed.iter().rev().find(|(frame, name, _)| (*frame, *name) == (depth, index));
        let narrowed = narrowed.map(|(_, _, ty)| ty.clone());
        let name = self.frames.get_mut(depth)?.names.get_mut(index)?;
        name.used = true;
        let is_narrowed = narrowed.is_some();
        let ty = narrowed.unwrap_or_else(|| name.ty.clone());
        Some(Found { var: Var { hops, index }, ty, definition: name.definition, at: name.at, narrowed: is_narrowed })
    }

    /// Whether a name stands for something here.
    pub(super) fn has(&self, text: &str) -> bool {
        self.place(text).is_some()
    }

    /// Where the innermost scope defines a name.
    pub(super) fn defined_here(&self, text: &str) -> Option<Location> {
        let frame = self.frames.last()?;
        Some(frame.names.get(*frame.by_text.get(text)?)?.at)
    }

    /// All names and their types, innermost first.
    pub(super) fn names(&self) -> impl Iterator<Item = (&str, &Type)> {
        self.frames.iter().rev().flat_map(|frame| frame.names.iter().map(|name| (name.text.as_str(), &name.ty)))
    }

    /// How many names are narrowed; what comes on top goes with `widen`.
    pub(super) fn narrowness(&self) -> usize {
        self.narrowed.len()
    }

    /// Says that a name is not `none` from here on.
    pub(super) fn narrow(&mut self, text: &str) {
        let Some((depth, index)) = self.place(text) else { return };
        let Some(name) = self.frames.get(depth).and_then(|frame| frame.names.get(index)) else { return };
        if let Type::Optional(inner) = &name.ty {
            self.narrowed.push((depth, index, (**inner).clone()));
        }
    }

    pub(super) fn widen(&mut self, to: usize) {
        self.narrowed.truncate(to);
    }
}

impl Checker<'_> {
    /// Defines a name inside of a function; gives its number in its scope.
    pub(super) fn define_local(&mut self, name: &ast::Ident, ty: Type, word: &'static str) -> usize {
        let at = self.at(name.span);
        let id = LocalId(self.declared.program.locals.len());
        self.declared.program.locals.push(Local { name: name.text.clone(), at, ty: ty.clone(), word });
        self.refer(name.span, Target::Local(id));
        self.scopes.define(name.text.clone(), ty, Definition::Local(id), at)
    }

    /// Leaves the innermost scope, and reports what nothing used.
    pub(super) fn leave_scope(&mut self) {
        let Some(frame) = self.scopes.frames.pop() else { return };
        let depth = self.scopes.frames.len();
        self.scopes.narrowed.retain(|(frame, _, _)| *frame < depth);
        for name in frame.names {
            let Definition::Local(id) = name.definition else { continue };
            let word = self.declared.program.locals.get(id.0).map_or("", |local| local.word);
            if !name.used && word == "let" && !name.text.starts_with('_') {
                self.report(
                    Diagnostic::warning(codes::UNUSED_LET, name.at, format!("nothing uses `{}`", name.text))
                        .help(format!("remove it, or call it `_{}` if that is meant", name.text)),
                );
            }
        }
    }

    /// Reports parameters that the body of a function does not use.
    pub(super) fn report_unused_params(&mut self, func: &ast::FuncDecl) {
        if func.body.as_ref().is_none_or(|body| body.stmts.is_empty()) {
            return;
        }
        let Some(frame) = self.scopes.frames.last() else { return };
        let unused = frame.names.iter().filter(|name| !name.used && !name.text.starts_with('_'));
        let unused: Vec<(EcoString, Location)> = unused.map(|name| (name.text.clone(), name.at)).collect();
        for (name, at) in unused {
            let message = format!("`{}` does not use its parameter `{name}`", func.name.text);
            self.report(
                Diagnostic::warning(codes::UNUSED_PARAMETER, at, message)
                    .help(format!("remove it, or call it `_{name}` if callers must give it")),
            );
        }
    }
}
