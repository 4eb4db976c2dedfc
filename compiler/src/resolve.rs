//! Declaring: the names of every file, before any body is looked at.
//!
//! Owns module scopes and signatures. Files may use one another's types, so all names come first (`names` here), then what the
//! declarations say (`signature`), then the names bound with `as` (`bind`). Does not look at what calls mean; that is `check`.

mod bind;
mod builtin;
mod signature;
mod types;

pub(crate) use types::TypePlace;

use ecow::EcoString;
use hlb_language::ast::{self, Decl, Ident};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceId;
use hlb_language::span::Span;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::builtins;
use crate::codes;
use crate::effects::Effects;
use crate::hir::{
    BindId, BuiltinId, Constant, ConstantId, Enum, EnumId, Func, FuncId, FxIndexMap, Module, ModuleId, Program, Record,
    RecordId, Reference, Signature, Symbol, Target,
};
use crate::module::Loaded;
use crate::suggest;
use crate::types::Type;

/// A program with signatures but without bodies, and what `check` needs to fill them in.
pub(crate) struct Declared {
    pub(crate) program: Program,
    pub(crate) builtins: BuiltinNames,
    /// For each function, its file and the declaration in it.
    pub(crate) funcs: Vec<(ModuleId, usize)>,
    /// The same for each constant.
    pub(crate) constants: Vec<(ModuleId, usize)>,
    /// The same for each record.
    pub(crate) records: Vec<(ModuleId, usize)>,
    /// The bound name that an identifier after `as` introduces.
    pub(crate) bind_at: FxHashMap<(ModuleId, Span), BindId>,
    /// What may stand after `option::`.
    option_words: FxHashSet<EcoString>,
}

/// Builtins by name.
#[derive(Default)]
pub(crate) struct BuiltinNames {
    /// Those that stand alone, each with its overloads.
    alone: FxIndexMap<EcoString, Vec<BuiltinId>>,
    /// Those of each namespace.
    spaces: FxIndexMap<&'static str, FxIndexMap<EcoString, BuiltinId>>,
    /// Enums that builtins take.
    pub(crate) enums: FxIndexMap<EcoString, EnumId>,
}

impl BuiltinNames {
    pub(crate) fn overloads(&self, name: &str) -> &[BuiltinId] {
        self.alone.get(name).map_or(&[], Vec::as_slice)
    }

    /// The functions of a namespace, if there is one of that name.
    pub(crate) fn namespace(&self, name: &str) -> Option<&FxIndexMap<EcoString, BuiltinId>> {
        self.spaces.get(name)
    }
}

/// Declares everything in the files.
pub(crate) fn declare(loaded: &Loaded, diagnostics: &mut Vec<Diagnostic>) -> Declared {
    let mut declarer = Declarer {
        declared: Declared {
            program: Program::default(),
            builtins: BuiltinNames::default(),
            funcs: Vec::new(),
            constants: Vec::new(),
            records: Vec::new(),
            bind_at: FxHashMap::default(),
            option_words: FxHashSet::default(),
        },
        diagnostics,
    };
    declarer.builtins(loaded);
    declarer.collect_option_words(loaded);
    for (at, file) in loaded.files.iter().enumerate() {
        declarer.names(ModuleId(at), file);
    }
    for (at, file) in loaded.files.iter().enumerate() {
        declarer.signatures(ModuleId(at), file);
    }
    declarer.report_record_cycles();
    declarer.find_data();
    for (at, file) in loaded.files.iter().enumerate() {
        declarer.binds(ModuleId(at), file);
        declarer.exports(ModuleId(at), file);
    }
    declarer.declared
}

struct Declarer<'a> {
    declared: Declared,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Declarer<'_> {
    /// Options may be declared for builtins, and for functions and imports of the program.
    fn collect_option_words(&mut self, loaded: &Loaded) {
        let words = &mut self.declared.option_words;
        words.extend(self.declared.builtins.alone.keys().cloned());
        for decl in loaded.files.iter().flat_map(|file| &file.tree.decls) {
            match decl {
                Decl::Func(func) => words.insert(func.name.text.clone()),
                Decl::Import(import) => words.insert(import.name.text.clone()),
                _ => false,
            };
        }
    }

    /// The names of a file. What they mean in full is filled in later.
    fn names(&mut self, module: ModuleId, file: &crate::module::File) {
        let source = file.source;
        self.declared.program.modules.push(Module {
            source,
            path: file.path.clone(),
            dir: file.dir.clone(),
            origin: file.origin.clone(),
            scope: FxIndexMap::default(),
        });
        let mut imports = file.imports.iter();
        for (at, decl) in file.tree.decls.iter().enumerate() {
            let (name, target, export) = match decl {
                Decl::Import(import) => {
                    let target = imports.next().and_then(|(_, target)| *target);
                    (&import.name, Target::Module(target), None)
                }
                Decl::Func(func) => (&func.name, Target::Func(self.new_func(module, at, func)), func.export),
                Decl::Let(decl) => (&decl.name, Target::Constant(self.new_constant(module, at, decl)), decl.export),
                Decl::Record(decl) => (&decl.name, Target::Record(self.new_record(module, at, decl)), decl.export),
                Decl::Enum(decl) => (&decl.name, Target::Enum(self.new_enum(source, decl)), decl.export),
                Decl::Export(_) | Decl::Test(_) | Decl::Error(_) => continue,
            };
            if matches!(target, Target::Record(_) | Target::Enum(_))
                && !matches!(Type::of(&name.text), Type::Unknown(_))
            {
                let at = Location { source, span: name.span };
                let message = format!("`{}` is the name of a type of the language", name.text);
                self.diagnostics
                    .push(Diagnostic::error(codes::BUILTIN_REUSED, at, message).help("choose another name"));
                continue;
            }
            self.name(module, source, name, decl.span(), target);
            if export.is_some()
                && let Some(file) = self.declared.program.modules.get_mut(module.0)
                && let Some(symbol) = file.scope.get_mut(&name.text)
            {
                symbol.exported = true;
            }
        }
    }

    fn new_func(&mut self, module: ModuleId, decl: usize, func: &ast::FuncDecl) -> FuncId {
        let id = FuncId(self.declared.program.funcs.len());
        let signature = Signature {
            result: Type::error(),
            type_params: Vec::new(),
            params: Vec::new(),
            options: Vec::new(),
            effects: Vec::new(),
        };
        self.declared.program.funcs.push(Func {
            module,
            name: func.name.clone(),
            span: func.span,
            signature: signature.into(),
            defaults: Vec::new(),
            doc: func.doc.clone(),
            body: None,
            binds: false,
            results: Vec::new(),
            effects: Effects::NONE,
        });
        self.declared.funcs.push((module, decl));
        id
    }

    fn new_constant(&mut self, module: ModuleId, at: usize, decl: &ast::LetDecl) -> ConstantId {
        let id = ConstantId(self.declared.program.constants.len());
        self.declared.program.constants.push(Constant {
            module,
            name: decl.name.clone(),
            span: decl.span,
            doc: decl.doc.clone(),
            ty: Type::error(),
            value: None,
            effects: Effects::NONE,
        });
        self.declared.constants.push((module, at));
        id
    }

    fn new_record(&mut self, module: ModuleId, at: usize, decl: &ast::RecordDecl) -> RecordId {
        let id = RecordId(self.declared.program.records.len());
        self.declared.program.records.push(Record {
            module,
            name: decl.name.clone(),
            span: decl.span,
            doc: decl.doc.clone(),
            fields: Vec::new(),
            field_docs: decl.fields.iter().map(|field| field.doc.clone()).collect(),
            defaults: Vec::new(),
            data: true,
        });
        self.declared.records.push((module, at));
        id
    }

    fn new_enum(&mut self, source: SourceId, decl: &ast::EnumDecl) -> EnumId {
        let id = EnumId(self.declared.program.enums.len());
        let broken = |it: &Diagnostic| it.primary.at.source == source && decl.body.contains(it.primary.at.span);
        if decl.variants.is_empty() && !self.diagnostics.iter().any(broken) {
            let message = format!("`{}` has no variant, so there is no value of it", decl.name.text);
            self.diagnostics.push(
                Diagnostic::error(codes::NO_VALUE, Location { source, span: decl.body }, message)
                    .help(format!("name its values: `enum {} {{ debug release }}`", decl.name.text)),
            );
        }
        let mut variants: Vec<Ident> = Vec::new();
        for variant in &decl.variants {
            if let Some(before) = variants.iter().find(|known| known.text == variant.text) {
                let message = format!("`{}` is a variant of `{}` already", variant.text, decl.name.text);
                self.diagnostics.push(
                    Diagnostic::error(codes::REDEFINED, Location { source, span: variant.span }, message)
                        .also(Location { source, span: before.span }, "first written here"),
                );
            } else {
                variants.push(variant.clone());
            }
        }
        self.declared.program.enums.push(Enum {
            at: Location { source, span: decl.name.span },
            name: decl.name.clone(),
            span: decl.span,
            doc: decl.doc.clone(),
            variants,
            builtin: false,
        });
        id
    }

    /// Declares a name. `span` is that of all that declares it.
    fn name(&mut self, module: ModuleId, source: SourceId, name: &Ident, span: Span, target: Target) {
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
            // What could not be read may have been meant as something else.
            let broken =
                |it: &Diagnostic| it.is_error() && it.primary.at.source == source && span.contains(it.primary.at.span);
            if self.diagnostics.iter().any(broken) {
                return;
            }
            self.diagnostics.push(
                Diagnostic::error(codes::REDEFINED, at, format!("`{}` is defined twice in this file", name.text))
                    .also(before.at, "first defined here"),
            );
            return;
        }
        file.scope.insert(name.text.clone(), Symbol { target, at, exported: false });
    }

    fn exports(&mut self, module: ModuleId, file: &crate::module::File) {
        for decl in &file.tree.decls {
            if let Decl::Export(export) = decl {
                self.export(module, file.source, &export.name);
            }
        }
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
}
