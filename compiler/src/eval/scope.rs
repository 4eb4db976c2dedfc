//! Scopes: what names stand for while the program is evaluated.
//!
//! Owns the scopes of functions, blocks, loops and function literals, each with the one around it, in an arena: values may refer to
//! one long after it has been left.

use std::rc::Rc;

use super::key::KeyId;
use super::value::{Frame, Value};
use crate::hir;
use crate::hir::{FuncId, LocalId, Var};

/// Names a scope of [`Scopes`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct ScopeId(pub(crate) usize);

/// What a name stands for.
#[derive(Clone)]
pub(crate) enum Binding<'p> {
    /// A value that is known.
    Known(Value, KeyId),
    /// One that is found when it is needed.
    Later(Thunk<'p>),
    /// Those of a variadic parameter.
    Many(Rc<[Binding<'p>]>, KeyId),
    /// None yet: the statement that defines it has not been reached.
    Unset,
}

/// An expression that may not have been evaluated yet.
#[derive(Clone)]
pub(crate) struct Thunk<'p> {
    pub(crate) expr: &'p hir::Expr,
    /// Where its names are.
    pub(crate) scope: ScopeId,
    /// The call that it is an argument of.
    pub(crate) frame: Option<Rc<Frame>>,
    pub(crate) key: KeyId,
}

/// Whose names those of a scope are.
#[derive(Clone, Copy)]
pub(crate) enum Names<'p> {
    /// Parameters and options of a function, or nobody's.
    Params,
    /// What `let` defines in a block.
    Block(&'p hir::Block),
    /// This one and those that follow it.
    From(LocalId),
}

/// Some names.
pub(crate) struct Scope<'p> {
    pub(crate) parent: Option<ScopeId>,
    /// The scope of the function around it: what names bound with `as` belong to.
    pub(crate) root: ScopeId,
    pub(crate) func: Option<FuncId>,
    /// What they are called.
    pub(crate) names: Names<'p>,
    pub(crate) bindings: Vec<Binding<'p>>,
    /// What the names are, and those around them.
    pub(crate) key: KeyId,
}

/// All scopes of an evaluation.
#[derive(Default)]
pub(crate) struct Scopes<'p>(Vec<Scope<'p>>);

impl<'p> Scopes<'p> {
    /// A scope of a function.
    pub(crate) fn root(&mut self, func: Option<FuncId>, bindings: Vec<Binding<'p>>, key: KeyId) -> ScopeId {
        let id = ScopeId(self.0.len());
        self.0.push(Scope { parent: None, root: id, func, names: Names::Params, bindings, key });
        id
    }

    /// A scope inside of another.
    pub(crate) fn inner(
        &mut self,
        parent: ScopeId,
        names: Names<'p>,
        bindings: Vec<Binding<'p>>,
        key: KeyId,
    ) -> ScopeId {
        let id = ScopeId(self.0.len());
        let (root, func) = self.get(parent).map_or((parent, None), |scope| (scope.root, scope.func));
        self.0.push(Scope { parent: Some(parent), root, func, names, bindings, key });
        id
    }

    pub(crate) fn get(&self, id: ScopeId) -> Option<&Scope<'p>> {
        self.0.get(id.0)
    }

    /// What a name stands for, seen from a scope.
    pub(crate) fn find(&self, from: ScopeId, var: Var) -> Option<&Binding<'p>> {
        let mut scope = self.get(from)?;
        for _ in 0..var.hops {
            scope = self.get(scope.parent?)?;
        }
        scope.bindings.get(var.index)
    }

    /// Says what a name of a scope stands for.
    pub(crate) fn set(&mut self, id: ScopeId, index: usize, binding: Binding<'p>) {
        if let Some(slot) = self.0.get_mut(id.0).and_then(|scope| scope.bindings.get_mut(index)) {
            *slot = binding;
        }
    }
}
