//! Checking: every body against the signatures, names to their meaning, types to their places.
//!
//! Owns the walk over all declarations; what stands in them is in the submodules' hands. Evaluates nothing.

mod args;
mod bind;
mod call;
mod collection;
mod consent;
mod effects;
mod expr;
mod flow;
mod foreign;
mod func;
mod lookup;
mod member;
mod message;
mod mismatch;
mod operator;
mod probe;
mod rules;
mod scope;
mod stmt;
mod undefined;

pub(crate) use expr::decode;
pub(crate) use message::list;

use ecow::EcoString;
use hlb_language::ast::{self, Decl};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::{SourceId, SourceMap};
use hlb_language::span::Span;
use rustc_hash::FxHashSet;

use crate::codes;
use crate::consent::Consent;
use crate::deep::deep;
use crate::effects::Effects;
use crate::hir::{self, BindId, ConstantId, FuncId, ModuleId, Param, Program, RecordId, Reference, Target};
use crate::module::Loaded;
use crate::probe::Place;
use crate::resolve::Declared;
use crate::types::{Expected, Type};
use scope::{Definition, Scopes};

/// A program that has been checked.
pub(crate) struct Outcome {
    /// The bodies of what is wrong are there too, but must not be evaluated.
    pub(crate) program: Program,
    /// Uses of modules of others that do what the client has not allowed.
    pub(crate) refused: Vec<Diagnostic>,
    /// What is known of the place that was asked for.
    pub(crate) place: Option<Place>,
}

/// How much of a program is checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Depth {
    /// All bodies of all files, as a compilation needs it.
    #[default]
    All,
    /// The bodies of the entries only; of what they import, names and signatures. What functions of other files do outside of the
    /// build, and whether anybody reads a result, is then not known.
    Entries,
    /// The body of the declaration around an offset of the first entry.
    Around(u32),
}

/// Checks files.
pub(crate) fn check(
    loaded: &Loaded,
    declared: Declared,
    depth: Depth,
    consent: &Consent,
    diagnostics: &mut Vec<Diagnostic>,
) -> Outcome {
    let Some(first) = loaded.files.first() else {
        return Outcome { program: declared.program, refused: Vec::new(), place: None };
    };
    let around = match depth {
        Depth::Around(offset) => Some(offset),
        Depth::All | Depth::Entries => None,
    };
    let tests = loaded.files.iter().flat_map(|file| &file.tree.decls).filter(|it| matches!(it, Decl::Test(_))).count();
    let record_nodes = declared.program.funcs.len() + declared.program.constants.len() + tests;
    let nodes = record_nodes + declared.program.records.len();
    let set_results = declared.bind_at.values().copied().collect();
    let options = declared.program.builtins.iter().filter_map(|builtin| match &builtin.signature.result {
        Type::Option(name) => Some(name.clone()),
        _ => None,
    });
    let option_types = options.collect();
    let mut checker = Checker {
        loaded,
        entries: if depth == Depth::All { loaded.files.len() } else { loaded.entries },
        around,
        probe: around.map(|offset| Box::new(probe::Probe::new(offset))),
        declared,
        sources: &loaded.sources,
        diagnostics,
        edges: vec![Vec::new(); nodes],
        own: vec![Effects::NONE; nodes],
        module: ModuleId(0),
        source: first.source,
        func: None,
        node: None,
        type_params: Vec::new(),
        scopes: Scopes::default(),
        constants: FxHashSet::default(),
        set_results,
        read_results: FxHashSet::default(),
        unset_results: Vec::new(),
        option_types,
        record_nodes,
    };
    for (at, file) in loaded.files.iter().enumerate().take(checker.entries) {
        checker.enter(ModuleId(at), file.source);
        for decl in &file.tree.decls {
            if let Decl::Import(import) = decl
                && checker.is_around(import.span)
            {
                checker.scopes.push();
                checker.expr(&import.source, &Expected::import());
                checker.leave_scope();
            }
        }
    }
    for id in 0..checker.declared.records.len() {
        if checker.is_entry(checker.declared.records.get(id)) {
            checker.record(RecordId(id));
        }
    }
    for id in 0..checker.declared.constants.len() {
        if checker.is_entry(checker.declared.constants.get(id)) {
            checker.constant(ConstantId(id));
        }
    }
    for id in 0..checker.declared.funcs.len() {
        if checker.is_entry(checker.declared.funcs.get(id)) {
            checker.func_body(FuncId(id));
        }
    }
    checker.tests();
    checker.report_unset_results();
    checker.report_recursion();
    checker.spread_effects();
    let refused = checker.not_allowed(consent);
    let place = checker.probe.and_then(|probe| probe.found());
    Outcome { program: checker.declared.program, refused, place }
}

struct Checker<'a> {
    loaded: &'a Loaded,
    /// How many files, the first ones, have their bodies checked.
    entries: usize,
    /// Only what is around this offset of the first file has its body checked.
    around: Option<u32>,
    /// What somebody asks who types there.
    probe: Option<Box<probe::Probe>>,
    declared: Declared,
    sources: &'a SourceMap,
    diagnostics: &'a mut Vec<Diagnostic>,
    /// For each function, constant and test, the functions and constants that it needs, with the place that does.
    edges: Vec<Vec<(usize, Location)>>,
    /// What each does outside of the build by itself.
    own: Vec<Effects>,
    module: ModuleId,
    source: SourceId,
    /// The function around what is checked.
    func: Option<FuncId>,
    /// The function, constant or test around it; none around an import.
    node: Option<usize>,
    /// The type parameters of the function around it.
    type_params: Vec<EcoString>,
    scopes: Scopes,
    /// Constants that are being, or have been, checked.
    constants: FxHashSet<ConstantId>,
    /// Results of functions that something sets.
    set_results: FxHashSet<BindId>,
    /// Those that something reads or binds.
    read_results: FxHashSet<BindId>,
    /// Those that nothing sets, each with its function.
    unset_results: Vec<(FuncId, BindId)>,
    /// The builtins that take options.
    option_types: FxHashSet<EcoString>,
    /// The number of the first record among all that need one another.
    record_nodes: usize,
}

impl Checker<'_> {
    /// Whether what is declared in a file has its body checked.
    fn is_entry(&self, declared: Option<&(ModuleId, usize)>) -> bool {
        let Some((module, decl)) = declared else { return false };
        if self.around.is_none() {
            return module.0 < self.entries;
        }
        let decl = self.loaded.files.get(module.0).and_then(|file| file.tree.decls.get(*decl));
        module.0 == 0 && decl.is_some_and(|decl| self.is_around(decl.span()))
    }

    /// Whether a part of the first file is to be checked.
    fn is_around(&self, span: Span) -> bool {
        self.around.is_none_or(|offset| span.touches(offset as usize))
    }

    fn enter(&mut self, module: ModuleId, source: SourceId) {
        self.module = module;
        self.source = source;
        self.func = None;
        self.node = None;
        self.type_params.clear();
    }

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

    /// The type that is written at a place.
    fn written(&mut self, ty: &ast::TypeExpr) -> Type {
        let type_params = std::mem::take(&mut self.type_params);
        let place = crate::resolve::TypePlace { module: self.module, source: self.source, params: &type_params };
        let ty = self.declared.written_type(place, ty, self.diagnostics);
        self.type_params = type_params;
        ty
    }

    /// The number of a constant among all that need one another.
    fn constant_node(&self, id: ConstantId) -> usize {
        self.declared.program.funcs.len() + id.0
    }

    /// The same of a record, whose defaults may need others.
    fn record_node(&self, id: RecordId) -> usize {
        self.record_nodes + id.0
    }

    fn func_body(&mut self, id: FuncId) {
        let loaded = self.loaded;
        let Some((module, decl)) = self.declared.funcs.get(id.0).copied() else { return };
        let Some(file) = loaded.files.get(module.0) else { return };
        let Some(Decl::Func(func)) = file.tree.decls.get(decl) else { return };
        self.enter(module, file.source);
        self.func = Some(id);
        self.node = Some(id.0);
        let Some(signature) = self.declared.program.func(id).map(|func| func.signature.clone()) else { return };
        self.type_params.clone_from(&signature.type_params);
        self.scopes.push();
        let mut defaults = Vec::new();
        for (index, (param, written)) in signature.params.iter().zip(&func.params).enumerate() {
            defaults
                .push(written.default.as_ref().map(|default| self.expr(default, &Expected::just(param.ty.clone()))));
            self.define(param, Definition::Param(id, index));
        }
        let options = func.options.iter().flat_map(|clause| &clause.options);
        for (index, (option, written)) in signature.options.iter().zip(options).enumerate() {
            let default = written.default.as_ref();
            defaults.push(default.map(|default| self.expr(default, &Expected::just(option.ty.clone()))));
            self.define(option, Definition::Setting(id, index));
        }
        let body = func.body.as_ref().map(|body| {
            let block = self.block(body, &Expected::just(signature.result.clone()));
            self.needs_value(&block, &signature.result, func.name.span, &func.name.text);
            block
        });
        self.report_unused_params(func);
        self.leave_scope();
        self.find_unset_results(func, id);
        if let Some(func) = self.declared.program.funcs.get_mut(id.0) {
            func.defaults = defaults;
            func.body = body;
        }
    }

    fn define(&mut self, param: &Param, definition: Definition) {
        let at = self.at(param.name.span);
        // Of two with one name it is not known which is meant.
        let twice = self.scopes.defined_here(&param.name.text).is_some();
        let ty = if twice { Type::error() } else { param.value_type() };
        self.scopes.define(param.name.text.clone(), ty, definition, at);
    }

    /// Checks a constant, unless that has been done.
    fn constant(&mut self, id: ConstantId) {
        let loaded = self.loaded;
        let Some((module, decl)) = self.declared.constants.get(id.0).copied() else { return };
        let Some(file) = loaded.files.get(module.0) else { return };
        let Some(Decl::Let(decl)) = file.tree.decls.get(decl) else { return };
        if !self.constants.insert(id) {
            return;
        }
        let Some(ty) = self.declared.program.constant(id).map(|constant| constant.ty.clone()) else { return };
        self.enter(module, file.source);
        self.node = Some(self.constant_node(id));
        let expected = if decl.ty.is_some() { Expected::just(ty) } else { Expected::any() };
        self.scopes.push();
        let value = self.expr(&decl.value, &expected);
        self.leave_scope();
        if let Some(constant) = self.declared.program.constants.get_mut(id.0) {
            if decl.ty.is_none() {
                constant.ty = value.ty.clone();
            }
            constant.value = Some(value);
        }
    }

    /// The type of a constant, which is found now unless it has been. One that needs itself has none.
    fn constant_type(&mut self, id: ConstantId) -> Type {
        if !self.constants.contains(&id) {
            let before = (self.module, self.source, self.func, self.node);
            let (type_params, scopes) = (std::mem::take(&mut self.type_params), std::mem::take(&mut self.scopes));
            deep(|| self.constant(id));
            (self.module, self.source, self.func, self.node) = before;
            (self.type_params, self.scopes) = (type_params, scopes);
        }
        self.declared.program.constant(id).map_or_else(Type::error, |constant| constant.ty.clone())
    }

    fn record(&mut self, id: RecordId) {
        let loaded = self.loaded;
        let Some((module, decl)) = self.declared.records.get(id.0).copied() else { return };
        let Some(file) = loaded.files.get(module.0) else { return };
        let Some(Decl::Record(decl)) = file.tree.decls.get(decl) else { return };
        self.enter(module, file.source);
        let fields: Vec<Type> = self
            .declared
            .program
            .record(id)
            .map(|it| it.fields.iter().map(|field| field.ty.clone()).collect())
            .unwrap_or_default();
        self.scopes.push();
        self.node = Some(self.record_node(id));
        let defaults = decl.fields.iter().zip(fields).map(|(field, ty)| {
            let default = field.default.as_ref()?;
            Some(self.expr(default, &Expected::just(ty)))
        });
        let defaults = defaults.collect();
        self.leave_scope();
        if let Some(record) = self.declared.program.records.get_mut(id.0) {
            record.defaults = defaults;
        }
    }

    fn tests(&mut self) {
        let loaded = self.loaded;
        let mut node = self.declared.program.funcs.len() + self.declared.program.constants.len();
        let mut seen: Vec<(EcoString, ModuleId, Location)> = Vec::new();
        for (at, file) in loaded.files.iter().enumerate().take(self.entries) {
            for decl in &file.tree.decls {
                let Decl::Test(test) = decl else { continue };
                if !self.is_around(test.span) {
                    continue;
                }
                self.enter(ModuleId(at), file.source);
                self.node = Some(node);
                node += 1;
                let name_at = self.at(test.name.span);
                let name = self.plain_text(&test.name);
                let name = name.unwrap_or_else(|| {
                    self.report(
                        Diagnostic::error(
                            codes::TEST_NAME,
                            name_at,
                            "the name of a test is a text without interpolations",
                        )
                        .help("write what is true of the build, in plain words"),
                    );
                    EcoString::new()
                });
                let before = seen.iter().find(|(known, module, _)| *known == name && *module == ModuleId(at));
                if let Some((_, _, before)) = before.cloned() {
                    let message = format!("there is a test `{name}` already");
                    self.report(
                        Diagnostic::error(codes::REDEFINED, name_at, message).also(before, "first written here"),
                    );
                }
                seen.push((name.clone(), ModuleId(at), name_at));
                self.scopes.push();
                let body = self.block(&test.body, &Expected::just(Type::Test));
                self.leave_scope();
                self.declared.program.tests.push(hir::Test {
                    module: ModuleId(at),
                    name,
                    at: name_at,
                    span: test.span,
                    body,
                    effects: Effects::NONE,
                });
            }
        }
    }

    fn report_recursion(&mut self) {
        let funcs = self.declared.program.funcs.len();
        for cycle in crate::cycle::cycles(&self.edges) {
            let name = |node: usize| match node.checked_sub(funcs) {
                Some(_) if node >= self.record_nodes => {
                    let record = self.declared.program.record(RecordId(node - self.record_nodes));
                    record.map(|it| it.name.text.as_str())
                }
                None => self.declared.program.func(FuncId(node)).map(|func| func.name.text.as_str()),
                Some(id) => self.declared.program.constant(ConstantId(id)).map(|it| it.name.text.as_str()),
            };
            let names: Vec<&str> = cycle.iter().filter_map(|(node, _)| name(*node)).collect();
            let Some((first, (_, at))) = names.first().zip(cycle.first()) else { continue };
            let constants = cycle.iter().all(|(node, _)| *node >= funcs);
            let word = if constants { "needs" } else { "calls" };
            let message = match (names.len(), constants) {
                (1, _) => format!("`{first}` {word} itself"),
                (_, true) => format!("these values need one another: {} -> {first}", names.join(" -> ")),
                (_, false) => format!("these functions call one another: {} -> {first}", names.join(" -> ")),
            };
            let mut diagnostic = Diagnostic::error(codes::RECURSION, *at, message).help(
                "a build has no end to such calls; pass what differs as an argument, or go through a list with `for`",
            );
            for (_, at) in cycle.iter().skip(1).take(8) {
                diagnostic = diagnostic.also(*at, "and here");
            }
            self.report(diagnostic);
        }
    }
}
