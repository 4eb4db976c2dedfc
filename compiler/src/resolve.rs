//! Declaring: the names of every file, before any body is looked at.
//!
//! Owns module scopes, what each declaration's signature is, which names are bound with `as` and where that is allowed.
//! Does not look at what calls mean; that is `check`.

use std::collections::BTreeSet;

use ecow::EcoString;
use hlb_language::ast::{self, BindTarget, Decl, Ident, Stmt};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use indexmap::IndexMap;
use rustc_hash::FxHashMap;

use crate::builtins;
use crate::codes;
use crate::hir::{
    BindId, Bound, Builtin, BuiltinId, Func, FuncId, Module, ModuleId, Param, Program, Reference, Signature, Symbol,
    Target,
};
use crate::module::Loaded;
use crate::suggest;
use crate::types::{KIND_WORDS, Kind};

/// A program with signatures but without bodies, and what `check` needs to fill them in.
pub(crate) struct Declared {
    pub(crate) program: Program,
    pub(crate) builtins: BuiltinNames,
    /// For each function, its file and the declaration in it.
    pub(crate) decls: Vec<(ModuleId, usize)>,
    /// The bound name that an identifier after `as` introduces.
    pub(crate) bind_at: FxHashMap<(ModuleId, Span), BindId>,
}

/// Builtins by name, each with its overloads.
#[derive(Default)]
pub(crate) struct BuiltinNames(pub(crate) IndexMap<EcoString, Vec<BuiltinId>>);

impl BuiltinNames {
    pub(crate) fn overloads(&self, name: &str) -> &[BuiltinId] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }
}

/// Declares everything in the files.
pub(crate) fn declare(loaded: &Loaded, diagnostics: &mut Vec<Diagnostic>) -> Declared {
    let mut program = Program::default();
    let builtins = builtin_names(&mut program, loaded.builtin.0, loaded.builtin.1);
    let mut declarer = Declarer {
        declared: Declared { program, builtins, decls: Vec::new(), bind_at: FxHashMap::default() },
        option_words: BTreeSet::new(),
        diagnostics,
    };
    declarer.collect_option_words(loaded);
    for (at, file) in loaded.files.iter().enumerate() {
        declarer.declared.program.modules.push(Module {
            source: file.source,
            path: file.path.clone(),
            dir: file.dir.clone(),
            scope: IndexMap::new(),
        });
        declarer.file(ModuleId(at), file);
    }
    declarer.declared
}

fn builtin_names(program: &mut Program, source: SourceId, tree: &ast::Module) -> BuiltinNames {
    let mut names = BuiltinNames::default();
    for decl in &tree.decls {
        let Decl::Func(func) = decl else { continue };
        let Some(implementation) = builtins::implementation(&func.kind.text, &func.name.text) else { continue };
        let id = BuiltinId(program.builtins.len());
        let param = |param: &ast::Param| Param {
            name: param.name.clone(),
            kind: Kind::of(&param.kind.text),
            variadic: param.variadic.is_some(),
        };
        program.builtins.push(Builtin {
            name: func.name.clone(),
            at: Location { source, span: func.name.span },
            signature: Signature {
                kind: Kind::of(&func.kind.text),
                params: func.params.iter().map(param).collect(),
                effects: func.binds.iter().flat_map(|binds| &binds.effects).map(param).collect(),
            },
            doc: func.doc.clone(),
            implementation,
            rules: builtins::rules(&func.kind.text, &func.name.text),
        });
        names.0.entry(func.name.text.clone()).or_default().push(id);
    }
    names
}

struct Declarer<'a> {
    declared: Declared,
    /// What may stand after `option::`.
    option_words: BTreeSet<EcoString>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// The function that a statement belongs to.
#[derive(Clone, Copy)]
struct Place {
    module: ModuleId,
    source: SourceId,
    func: FuncId,
    /// Whether the function makes options.
    option: bool,
}

/// What a statement is inside of, from the function inwards.
#[derive(Clone, Copy, PartialEq)]
enum Around {
    Block,
    With,
}

impl Declarer<'_> {
    /// Options may be declared for builtins, and for functions and imports of the program.
    fn collect_option_words(&mut self, loaded: &Loaded) {
        self.option_words.extend(self.declared.builtins.0.keys().cloned());
        for decl in loaded.files.iter().flat_map(|file| &file.tree.decls) {
            match decl {
                Decl::Func(func) => self.option_words.insert(func.name.text.clone()),
                Decl::Import(import) => self.option_words.insert(import.name.text.clone()),
                Decl::Export(_) | Decl::Error(_) => false,
            };
        }
    }

    fn file(&mut self, module: ModuleId, file: &crate::module::File) {
        let source = file.source;
        let mut imports = file.imports.iter();
        // Names of functions and imports first, so that a bound name is what clashes with them.
        let first = self.declared.program.funcs.len();
        for (at, decl) in file.tree.decls.iter().enumerate() {
            match decl {
                Decl::Import(import) => {
                    let target = imports.next().and_then(|(_, target)| *target);
                    self.name(module, source, &import.name, Target::Module(target));
                }
                Decl::Func(func) => self.func(module, source, at, func),
                Decl::Export(_) | Decl::Error(_) => {}
            }
        }
        for id in first..self.declared.program.funcs.len() {
            let Some((_, at)) = self.declared.decls.get(id) else { continue };
            let Some(Decl::Func(func)) = file.tree.decls.get(*at) else { continue };
            if let Some(body) = &func.body {
                let option = Kind::of(&func.kind.text).is_option();
                let place = Place { module, source, func: FuncId(id), option };
                self.block(place, body, &mut vec![Around::Block], None);
            }
        }
        for decl in &file.tree.decls {
            if let Decl::Export(export) = decl {
                self.export(module, source, &export.name);
            }
        }
    }

    fn func(&mut self, module: ModuleId, source: SourceId, decl: usize, func: &ast::FuncDecl) {
        let id = FuncId(self.declared.program.funcs.len());
        let kind = self.kind(source, &func.kind);
        let last = func.params.len().saturating_sub(1);
        let mut seen: FxHashMap<EcoString, Span> = FxHashMap::default();
        let mut params = Vec::new();
        let effects = func.binds.iter().flat_map(|binds| &binds.effects);
        for (at, param) in func.params.iter().chain(effects.clone()).enumerate() {
            if let Some(before) = seen.insert(param.name.text.clone(), param.name.span) {
                self.diagnostics.push(
                    Diagnostic::error(
                        codes::REDEFINED,
                        Location { source, span: param.name.span },
                        format!("`{}` is defined twice in `{}`", param.name.text, func.name.text),
                    )
                    .also(Location { source, span: before }, "first defined here"),
                );
            }
            if let Some(span) = param.variadic.filter(|_| at != last) {
                self.diagnostics.push(
                    Diagnostic::error(
                        codes::VARIADIC,
                        Location { source, span },
                        "only the last parameter can be variadic",
                    )
                    .help("move it to the end"),
                );
            }
            let kind = self.kind(source, &param.kind);
            params.push(Param { name: param.name.clone(), kind, variadic: param.variadic.is_some() });
        }
        let effects = params.split_off(func.params.len().min(params.len()));
        self.declared.program.funcs.push(Func {
            module,
            name: func.name.clone(),
            signature: Signature { kind, params, effects },
            doc: func.doc.clone(),
            body: None,
            binds: false,
        });
        self.declared.decls.push((module, decl));
        self.name(module, source, &func.name, Target::Func(id));
    }

    /// The kind that a word names; a word that names none is reported.
    pub(crate) fn kind(&mut self, source: SourceId, word: &Ident) -> Kind {
        let kind = Kind::of(&word.text);
        let at = Location { source, span: word.span };
        if word.text == "group" {
            self.diagnostics.push(
                Diagnostic::warning(codes::DEPRECATED, at, "`group` is the old word for `pipeline`")
                    .help("write `pipeline`")
                    .safe_fix("replace `group` by `pipeline`", at, "pipeline"),
            );
        }
        match &kind {
            Kind::Unknown(name) => {
                let mut diagnostic = Diagnostic::error(codes::KIND, at, format!("`{name}` is not a kind"))
                    .help("use fs, string, int, bool, pipeline, or option::NAME");
                if let Some(near) = suggest::nearest(name, KIND_WORDS.iter().copied()) {
                    diagnostic = diagnostic.help(format!("did you mean `{near}`?")).fix(
                        format!("replace `{name}` by `{near}`"),
                        at,
                        near,
                    );
                }
                self.diagnostics.push(diagnostic);
            }
            Kind::Option(callee) if !self.option_words.contains(callee) => {
                let mut diagnostic = Diagnostic::warning(
                    codes::IDLE_OPTIONS,
                    at,
                    format!("there is no function `{callee}` that could take these options"),
                );
                if let Some(near) = suggest::nearest(callee, self.option_words.iter().map(EcoString::as_str)) {
                    diagnostic = diagnostic.help(format!("did you mean `option::{near}`?"));
                }
                self.diagnostics.push(diagnostic);
            }
            Kind::AnyOption => self.diagnostics.push(
                Diagnostic::error(codes::BARE_OPTION, at, "`option` alone says nothing of what the options are for")
                    .help("write `option::run` for options of `run`, and so on"),
            ),
            _ => {}
        }
        kind
    }

    fn name(&mut self, module: ModuleId, source: SourceId, name: &Ident, target: Target) {
        let at = Location { source, span: name.span };
        let taken = builtins::reserved(&name.text).then(|| self.declared.builtins.overloads(&name.text).first());
        if let Some(builtin) = taken.flatten() {
            let mut diagnostic = Diagnostic::error(
                codes::BUILTIN_REUSED,
                at,
                format!("`{}` is the name of a builtin function", name.text),
            )
            .help("choose another name; builtin names cannot be used again at the top of a file");
            if let Some(builtin) = self.declared.program.builtin(*builtin) {
                diagnostic = diagnostic.also(builtin.at, "defined here");
            }
            self.diagnostics.push(diagnostic);
            return;
        }
        let Some(file) = self.declared.program.modules.get_mut(module.0) else { return };
        if let Some(before) = file.scope.get(&name.text) {
            self.diagnostics.push(
                Diagnostic::error(codes::REDEFINED, at, format!("`{}` is defined twice in this file", name.text))
                    .also(before.at, "first defined here"),
            );
            return;
        }
        file.scope.insert(name.text.clone(), Symbol { target, at, exported: false });
    }

    fn export(&mut self, module: ModuleId, source: SourceId, name: &Ident) {
        let Some(file) = self.declared.program.modules.get_mut(module.0) else { return };
        let at = Location { source, span: name.span };
        if let Some(symbol) = file.scope.get_mut(&name.text) {
            symbol.exported = true;
            self.declared.program.references.push(Reference { at, target: symbol.target });
            return;
        }
        let mut diagnostic = Diagnostic::error(
            codes::UNDEFINED,
            at,
            format!("`{}` is exported but not defined in this file", name.text),
        );
        if let Some(near) = suggest::nearest(&name.text, file.scope.keys().map(EcoString::as_str)) {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("replace `{}` by `{near}`", name.text),
                at,
                near,
            );
        }
        self.diagnostics.push(diagnostic);
    }

    /// Declares the names bound in a block. `stmt_end` is the end of the function's own statement that the block is in.
    fn block(&mut self, place: Place, block: &ast::Block, around: &mut Vec<Around>, stmt_end: Option<u32>) {
        for stmt in &block.stmts {
            let end = stmt_end.unwrap_or(stmt.span().end);
            match stmt {
                Stmt::Call(call) => {
                    for arg in &call.args {
                        self.expr(place, arg, around, end);
                    }
                    if let Some(with) = &call.with {
                        around.push(Around::With);
                        self.expr(place, &with.expr, around, end);
                        around.pop();
                    }
                    if let Some(bind) = &call.bind {
                        self.bind(place, &call.callee, bind, around, end);
                    }
                }
                Stmt::Expr(stmt) => self.expr(place, &stmt.expr, around, end),
                Stmt::Error(_) => {}
            }
        }
    }

    fn expr(&mut self, place: Place, expr: &ast::Expr, around: &mut Vec<Around>, end: u32) {
        match expr {
            ast::Expr::Func(literal) => {
                around.push(Around::Block);
                self.block(place, &literal.body, around, Some(end));
                around.pop();
            }
            ast::Expr::String(string) => {
                for part in &string.parts {
                    if let ast::StringPart::Interpolation(_, Some(expr)) = part {
                        self.expr(place, expr, around, end);
                    }
                }
            }
            ast::Expr::Call(call) => {
                for arg in call.args.iter().flat_map(|(_, args)| args) {
                    self.expr(place, arg, around, end);
                }
            }
            ast::Expr::Int(_) | ast::Expr::Bool(_) | ast::Expr::Error(_) => {}
        }
    }

    fn bind(&mut self, place: Place, callee: &ast::Path, bind: &ast::BindClause, around: &[Around], end: u32) {
        let effects = self.effects(callee);
        let names: Vec<(&Ident, Option<&Ident>)> = match &bind.target {
            BindTarget::None => Vec::new(),
            BindTarget::Name(name) => vec![(name, None)],
            BindTarget::List(_, binds) => binds.iter().map(|bind| (&bind.name, Some(&bind.effect))).collect(),
        };
        if !names.is_empty() && !effects.is_empty() && !may_bind(around, place.option) {
            let at = Location { source: place.source, span: bind.span };
            self.diagnostics.push(
                Diagnostic::error(codes::BIND_PLACE, at, "no name can be bound here")
                    .help("move the call into a function's own statements, or into the options of one of them"),
            );
        }
        for (name, effect) in names {
            let found = match effect {
                None => effects.first(),
                Some(effect) => effects.iter().find(|param| param.name.text == effect.text),
            };
            // A bind without an effect is reported by the checker; its name is known all the same.
            let kind = found.map_or_else(|| Kind::Unknown(name.text.clone()), |param| param.kind.clone());
            let id = BindId(self.declared.program.binds.len());
            self.declared.program.binds.push(Bound { name: name.clone(), func: place.func, kind, end });
            self.declared.bind_at.insert((place.module, name.span), id);
            if let Some(func) = self.declared.program.funcs.get_mut(place.func.0) {
                func.binds = true;
            }
            self.name(place.module, place.source, name, Target::Bind(id));
        }
    }

    /// The effects of the builtin that a callee names; no builtin that has some is overloaded.
    fn effects(&self, callee: &ast::Path) -> Vec<Param> {
        if callee.member.is_some() {
            return Vec::new();
        }
        let overloads = self.declared.builtins.overloads(&callee.head.text).iter();
        overloads
            .filter_map(|id| self.declared.program.builtin(*id))
            .map(|builtin| builtin.signature.effects.clone())
            .find(|effects| !effects.is_empty())
            .unwrap_or_default()
    }
}

/// Whether a name can be bound at a place: in the function's own statements, or in the options of a call, which must be the
/// only options around it.
fn may_bind(around: &[Around], option: bool) -> bool {
    match around {
        [Around::Block] => !option,
        [outer @ .., Around::With, Around::Block] => !outer.contains(&Around::With),
        _ => false,
    }
}
