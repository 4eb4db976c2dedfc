//! Values that are replaced before anything uses them.
//!
//! Owns the rule E0305: a source behind other steps, a text behind another text. What reaches outside of the build, and what binds a
//! name, is not lost.

use hlb_language::diagnostic::{Diagnostic, Location};
use rustc_hash::FxHashMap;

use super::walk::{self, Visitor};
use crate::builtins::Implementation;
use crate::codes;
use crate::hir::{Block, Call, Callee, Expr, ExprNode, FuncId, Program, Stmt};
use crate::types::Type;

pub(super) fn lint(program: &Program, diagnostics: &mut Vec<Diagnostic>) {
    let mut rule = Overwritten { program, starts_anew: FxHashMap::default(), diagnostics };
    walk::program(program, &mut rule);
}

struct Overwritten<'p, 'd> {
    program: &'p Program,
    /// Whether a function gives something that has nothing of what it is called on.
    starts_anew: FxHashMap<FuncId, bool>,
    diagnostics: &'d mut Vec<Diagnostic>,
}

impl<'p> Visitor<'p> for Overwritten<'p, '_> {
    fn block(&mut self, block: &'p Block) {
        let filesystem = block.ty == Type::Fs;
        if block.ty.accumulates() && !filesystem || matches!(block.ty, Type::Unknown(_) | Type::Never) {
            return;
        }
        // The statements whose value nothing has used yet.
        let mut pending: Vec<Location> = Vec::new();
        for stmt in &block.stmts {
            let (at, replaces, keeps) = match stmt {
                Stmt::Call(call) => (call.at, !filesystem || self.replaces(call), self.reaches_out(call)),
                Stmt::Value(expr) => (expr.at, true, self.reaches_out_in(expr)),
                // What they leave depends on what is chosen.
                Stmt::If(_) | Stmt::Match(_) | Stmt::For(_) => {
                    pending.clear();
                    continue;
                }
                Stmt::Let(_) | Stmt::Assert(_) => continue,
            };
            if replaces && let Some(first) = pending.first() {
                self.report(*first, pending.len(), at, &block.ty);
                pending.clear();
            }
            let nothing = matches!(stmt, Stmt::Call(call) if self.makes_nothing(call));
            if keeps || nothing {
                pending.clear();
            } else {
                pending.push(at);
            }
        }
    }
}

impl<'p> Overwritten<'p, '_> {
    fn report(&mut self, first: Location, count: usize, at: Location, ty: &Type) {
        let message = match (ty, count) {
            (Type::Fs, 1) => "this step is lost: nothing uses what it makes".to_owned(),
            (Type::Fs, 2) => "this and 1 more step are lost: nothing uses what they make".to_owned(),
            (Type::Fs, count) => format!("this and {} more steps are lost: nothing uses what they make", count - 1),
            _ => "this value is lost: a later one takes its place".to_owned(),
        };
        let why = if *ty == Type::Fs { "this starts anew" } else { "this is the value of the block" };
        self.diagnostics.push(
            Diagnostic::warning(codes::OVERWRITTEN, first, message)
                .also(at, why)
                .help("remove what is lost, or copy from it: `copy fs { … } \"/from\" \"/to\"`"),
        );
    }

    /// Whether a call gives the empty filesystem: where nothing is made, nothing is lost.
    fn makes_nothing(&self, call: &Call) -> bool {
        let Callee::Builtin(id) = &call.callee else { return false };
        self.program.builtin(*id).is_some_and(|it| it.namespace.is_empty() && it.name.text == "scratch")
    }

    /// Whether a call gives a filesystem that has nothing of the one before it.
    fn replaces(&mut self, call: &'p Call) -> bool {
        match &call.callee {
            Callee::Builtin(id) => {
                self.program.builtin(*id).is_some_and(|it| matches!(it.implementation, Implementation::Source(_)))
            }
            Callee::Func(id) => self.func_replaces(*id, 0),
            Callee::Bind(_) | Callee::OwnBind(_) => true,
            Callee::Setting(..) | Callee::Value(_) => false,
        }
    }

    fn func_replaces(&mut self, id: FuncId, depth: usize) -> bool {
        if let Some(known) = self.starts_anew.get(&id) {
            return *known;
        }
        // Functions that call one another in a circle have been reported.
        let first = self
            .program
            .func(id)
            .and_then(|func| func.body.as_ref())
            .and_then(|body| body.stmts.iter().find(|stmt| !matches!(stmt, Stmt::Let(_) | Stmt::Assert(_))));
        let found = match first {
            Some(Stmt::Call(call)) => match &call.callee {
                Callee::Func(inner) if depth < 100 => self.func_replaces(*inner, depth + 1),
                _ => self.replaces_at(call, depth),
            },
            Some(Stmt::Value(_)) => true,
            _ => false,
        };
        self.starts_anew.insert(id, found);
        found
    }

    fn replaces_at(&mut self, call: &'p Call, depth: usize) -> bool {
        !matches!(call.callee, Callee::Func(_) if depth >= 100) && self.replaces(call)
    }

    /// Whether a call does more than make a value.
    fn reaches_out(&self, call: &Call) -> bool {
        let effects = match &call.callee {
            Callee::Builtin(id) => self.program.builtin(*id).map(|it| it.effects),
            Callee::Func(id) => self.program.func(*id).map(|it| it.effects),
            _ => None,
        };
        let lasting = effects.is_some_and(|effects| {
            effects.iter().any(|effect| !matches!(effect, crate::Effect::Local | crate::Effect::Env))
        });
        lasting || !call.binds.is_empty() || call.with.as_deref().is_some_and(binds)
    }

    fn reaches_out_in(&self, expr: &Expr) -> bool {
        match &expr.node {
            ExprNode::Call(call) => self.reaches_out(call),
            ExprNode::Block(block) => block.stmts.iter().any(|stmt| match stmt {
                Stmt::Call(call) => self.reaches_out(call),
                _ => false,
            }),
            _ => false,
        }
    }
}

/// Whether options bind a name.
fn binds(expr: &Expr) -> bool {
    match &expr.node {
        ExprNode::Block(block) => block.stmts.iter().any(|stmt| match stmt {
            Stmt::Call(call) => !call.binds.is_empty(),
            Stmt::If(_) | Stmt::Match(_) | Stmt::For(_) => true,
            _ => false,
        }),
        _ => false,
    }
}
