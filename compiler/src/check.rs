//! Checking: every body against the signatures, names to their meaning, kinds to their places.
//!
//! Owns statements and declarations; calls and expressions are in the submodules' hands. Evaluates nothing.

mod call;
mod expr;
mod lookup;
mod message;

pub(crate) use message::list;

use hlb_language::ast::{self, BindTarget, Decl, Stmt};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::{SourceId, SourceMap};
use hlb_language::span::Span;

use crate::codes;
use crate::hir::{self, BindId, FuncId, ModuleId, Param, Program, Reference, Target};
use crate::module::Loaded;
use crate::resolve::Declared;
use crate::types::{Expected, Kind};

/// Checks all files; the bodies of what is wrong are there too, but must not be evaluated.
pub(crate) fn check(loaded: &Loaded, declared: Declared, diagnostics: &mut Vec<Diagnostic>) -> Program {
    let Some(first) = loaded.files.first() else { return declared.program };
    let edges = vec![Vec::new(); declared.program.funcs.len()];
    let mut checker = Checker {
        declared,
        sources: &loaded.sources,
        diagnostics,
        edges,
        module: ModuleId(0),
        source: first.source,
        func: None,
    };
    for (at, file) in loaded.files.iter().enumerate() {
        checker.module = ModuleId(at);
        checker.source = file.source;
        for decl in &file.tree.decls {
            if let Decl::Import(import) = decl {
                checker.expr(&import.source, &Expected::import(), false);
            }
        }
    }
    for id in 0..checker.declared.decls.len() {
        checker.func_body(loaded, FuncId(id));
    }
    checker.report_recursion();
    checker.declared.program
}

struct Checker<'a> {
    declared: Declared,
    sources: &'a SourceMap,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// For each function, the functions it evaluates, with the place that does.
    edges: Vec<Vec<(usize, Location)>>,
    module: ModuleId,
    source: SourceId,
    /// The function around what is checked; none around an import.
    func: Option<FuncId>,
}

impl Checker<'_> {
    fn at(&self, span: Span) -> Location {
        Location { source: self.source, span }
    }

    fn text(&self, span: Span) -> &str {
        self.sources.get(self.source).map_or("", |source| source.slice(span))
    }

    fn report(&mut self, diagnostic: Diagnostic) {
        self.diagnostics.push(diagnostic);
    }

    fn refer(&mut self, span: Span, target: Target) {
        let at = self.at(span);
        self.declared.program.references.push(Reference { at, target });
    }

    fn func_body(&mut self, loaded: &Loaded, id: FuncId) {
        let Some((module, decl)) = self.declared.decls.get(id.0).copied() else { return };
        let Some(file) = loaded.files.get(module.0) else { return };
        let Some(Decl::Func(func)) = file.tree.decls.get(decl) else { return };
        self.module = module;
        self.source = file.source;
        self.func = Some(id);
        let kind = Kind::of(&func.kind.text);
        let body = func.body.as_ref().map(|body| self.block(body, &kind));
        if let Some(func) = self.declared.program.funcs.get_mut(id.0) {
            func.body = body;
        }
        self.func = None;
    }

    /// A block whose statements must be of one kind.
    fn block(&mut self, block: &ast::Block, kind: &Kind) -> hir::Block {
        let mut stmts = Vec::with_capacity(block.stmts.len());
        for stmt in &block.stmts {
            match stmt {
                Stmt::Call(call) => stmts.extend(self.call_stmt(call, kind).map(hir::Stmt::Call)),
                Stmt::Expr(stmt) => {
                    let value = self.expr(&stmt.expr, &Expected::just(kind.clone()), false);
                    stmts.push(hir::Stmt::Value(value));
                }
                // Reported by the parser. Of what kind its blocks were meant to be is not known, and guessing would invent errors.
                Stmt::Error(_) => {}
            }
        }
        hir::Block { kind: kind.clone(), stmts }
    }

    fn call_stmt(&mut self, stmt: &ast::CallStmt, kind: &Kind) -> Option<hir::Call> {
        if stmt.callee.member.is_none() && stmt.callee.head.text == "breakpoint" {
            // Stops a debugger, and is nothing to a build, whatever its arguments.
            return None;
        }
        let expected = Expected::just(kind.clone());
        let Some(resolved) = self.callee(&stmt.callee, &expected) else {
            self.stray(&stmt.args);
            return None;
        };
        let at = self.at(stmt.callee.span);
        if !self.fits(&resolved.kind, &expected, at, resolved.defined, Some(&stmt.callee)) {
            self.stray(&stmt.args);
            return None;
        }
        if resolved.variadic && !kind.is_option() {
            self.report_variadic(at);
        }
        let args = self.args(&stmt.callee, &resolved, &stmt.args, stmt.span);
        let with = stmt.with.as_ref().map(|with| Box::new(self.with(&stmt.callee, &resolved, with)));
        self.pruned(stmt);
        let binds = stmt.bind.as_ref().map(|bind| self.binds(&stmt.callee, &resolved, bind)).unwrap_or_default();
        Some(hir::Call { callee: resolved.callee, at, args: args?, with, binds })
    }

    /// The effects that an `as` binds, with the names that were declared for it.
    fn binds(
        &mut self,
        callee: &ast::Path,
        resolved: &lookup::Resolved,
        bind: &ast::BindClause,
    ) -> Vec<(usize, BindId)> {
        let at = self.at(bind.span);
        if matches!(bind.target, BindTarget::None) {
            self.report(
                Diagnostic::error(codes::BIND, at, "`as` needs a name")
                    .help("write the name that the result of the call is to get"),
            );
            return Vec::new();
        }
        let name = &callee.head.text;
        if resolved.effects.is_empty() {
            self.report(
                Diagnostic::error(codes::BIND, at, format!("`{name}` has no results that `as` could bind"))
                    .help("remove the `as`, or bind the result of a `mount`"),
            );
            return Vec::new();
        }
        if !matches!(resolved.callee, hir::Callee::Builtin(_)) {
            self.report(Diagnostic::error(
                codes::UNSUPPORTED,
                at,
                format!("binding the results of your own functions, here `{name}`, is not supported yet"),
            ));
            return Vec::new();
        }
        let pairs: Vec<(Option<&ast::Ident>, &ast::Ident)> = match &bind.target {
            BindTarget::None => Vec::new(),
            BindTarget::Name(name) => vec![(None, name)],
            BindTarget::List(_, binds) => binds.iter().map(|bind| (Some(&bind.effect), &bind.name)).collect(),
        };
        let mut found = Vec::new();
        for (effect, bound) in pairs {
            let index = match effect {
                None => Some(0),
                Some(effect) => resolved.effects.iter().position(|param| param.name.text == effect.text),
            };
            match (index, effect) {
                (Some(index), _) => {
                    let id = self.declared.bind_at.get(&(self.module, bound.span)).copied();
                    found.extend(id.map(|id| (index, id)));
                }
                (None, effect) => self.report_effect(effect.unwrap_or(bound), name, &resolved.effects),
            }
        }
        found
    }

    fn report_effect(&mut self, effect: &ast::Ident, callee: &str, effects: &[Param]) {
        let names: Vec<&str> = effects.iter().map(|param| param.name.text.as_str()).collect();
        let at = self.at(effect.span);
        let mut diagnostic = Diagnostic::error(codes::BIND, at, format!("`{callee}` has no result `{}`", effect.text))
            .help(format!("it has {}", message::list(&names)));
        if let Some(near) = crate::suggest::nearest(&effect.text, names.iter().copied()) {
            diagnostic = diagnostic.fix(format!("replace `{}` by `{near}`", effect.text), at, near);
        }
        self.report(diagnostic);
    }

    fn report_variadic(&mut self, at: Location) {
        self.report(
            Diagnostic::error(
                codes::VARIADIC,
                at,
                "this parameter stands for any number of values, and here is place for one",
            )
            .help("pass it on where a variadic parameter takes it"),
        );
    }

    fn report_recursion(&mut self) {
        for cycle in crate::cycle::cycles(&self.edges) {
            let names: Vec<&str> = cycle
                .iter()
                .filter_map(|(func, _)| self.declared.program.func(FuncId(*func)))
                .map(|func| func.name.text.as_str())
                .collect();
            let Some((first, (_, at))) = names.first().zip(cycle.first()) else { continue };
            let message = if names.len() == 1 {
                format!("`{first}` calls itself")
            } else {
                format!("these functions call one another: {} -> {first}", names.join(" -> "))
            };
            let mut diagnostic = Diagnostic::error(codes::RECURSION, *at, message)
                .help("a build has no end to such calls; pass what differs as an argument");
            for (_, at) in cycle.iter().skip(1) {
                diagnostic = diagnostic.also(*at, "and here");
            }
            self.report(diagnostic);
        }
    }
}
