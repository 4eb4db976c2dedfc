//! Where a name leads.
//!
//! Owns definition, declaration, type definition and implementation, and which declaration is around a name.

use hlb_compiler::hir::Target;
use hlb_compiler::{Checked, Type};
use hlb_language::ast::{Decl, Module};
use hlb_language::diagnostic::Location;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::place::{self, Place};
use crate::references;

/// A way from a name to a place.
#[derive(Clone, Debug)]
pub struct Jump {
    /// The name that was asked about.
    pub from: Span,
    /// The name that it leads to.
    pub to: Place,
    /// All of what is declared there, at least the name.
    pub whole: Span,
}

impl Analysis {
    /// Where the name at a byte offset is defined. An import, by its name or its path, leads to its file.
    pub fn definition(&self, offset: usize) -> Vec<Jump> {
        if let Some((from, target)) = self.import_at(offset) {
            return self.jump(from, target).into_iter().collect();
        }
        let Some((from, target)) = self.name_at(offset) else { return Vec::new() };
        self.jump(from, target).into_iter().collect()
    }

    /// Where it is declared: as its definition, but of the name of an import the import.
    pub fn declaration(&self, offset: usize) -> Vec<Jump> {
        let import = || {
            let (from, target) = self.name_at(offset).filter(|(_, target)| matches!(target, Target::Module(_)))?;
            let at = Location { source: self.entry()?, span: from };
            let defined = references::definition(&self.checked, target, at)?;
            let to = place::of(&self.checked, self.stdlib(), defined)?;
            Some(Jump { from, whole: self.import_around(defined.span).unwrap_or(defined.span), to })
        };
        match import() {
            Some(jump) => vec![jump],
            None => self.definition(offset),
        }
    }

    /// Where the type of its value is declared: a record, an enum, or the function that takes the options.
    pub fn type_definition(&self, offset: usize) -> Vec<Jump> {
        let Some((from, target)) = self.name_at(offset) else { return Vec::new() };
        // A condition may say more of a use than its definition does.
        let used = self.entry().and_then(|entry| self.checked.program.type_at(entry, offset));
        let Some(ty) = used.or_else(|| self.checked.program.type_of(target)) else { return Vec::new() };
        let targets = self.declared_types(&ty);
        targets.into_iter().filter_map(|target| self.jump(from, target)).collect()
    }

    /// What it does: the function; of a builtin, its declaration. A parameter, an option or a result leads to its function.
    pub fn implementation(&self, offset: usize) -> Vec<Jump> {
        let Some((from, target)) = self.name_at(offset) else { return Vec::new() };
        let target = match target {
            Target::Param(id, _) | Target::Setting(id, _) => Target::Func(id),
            Target::Bind(id) => self.checked.program.binds.get(id.0).map_or(target, |bound| Target::Func(bound.func)),
            other => other,
        };
        self.jump(from, target).into_iter().collect()
    }

    fn jump(&self, from: Span, target: Target) -> Option<Jump> {
        let at = self.checked.program.describe(target)?.at;
        let to = place::of(&self.checked, self.stdlib(), at)?;
        let whole = whole(&self.checked, target).unwrap_or(at.span);
        Some(Jump { from, to, whole })
    }

    /// What a type is declared by; of options, what they are for.
    fn declared_types(&self, ty: &Type) -> Vec<Target> {
        match ty {
            Type::Record(id, _) => vec![Target::Record(*id)],
            Type::Enum(id, _) => vec![Target::Enum(*id)],
            Type::List(item) | Type::Map(item) | Type::Optional(item) => self.declared_types(item),
            Type::OwnOption(id, _) => vec![Target::Func(*id)],
            Type::Option(name) => self.option_of(name),
            Type::Func(func) => self.declared_types(&func.result),
            _ => Vec::new(),
        }
    }

    /// The builtins and the functions that take options of a name.
    fn option_of(&self, name: &str) -> Vec<Target> {
        let program = &self.checked.program;
        let builtins = program.builtins.iter().enumerate();
        let taken = builtins.filter(|(_, it)| it.name.text == name && !it.signature.result.is_option());
        let taken = taken.map(|(index, _)| Target::Builtin(hlb_compiler::hir::BuiltinId(index)));
        let own = program.entry().and_then(|entry| entry.scope.get(name)).map(|symbol| symbol.target);
        let own = own.filter(|target| matches!(target, Target::Func(_)));
        own.map_or_else(|| taken.collect(), |own| vec![own])
    }

    /// The import whose name, where it is declared, or whose path is at an offset.
    pub(crate) fn import_at(&self, offset: usize) -> Option<(Span, Target)> {
        let scope = &self.checked.program.entry()?.scope;
        let imports = self.text().tree().decls.iter().filter_map(|decl| match decl {
            Decl::Import(import) => Some(import),
            _ => None,
        });
        let mut touched = imports.filter(|import| import.span.touches(offset));
        touched.find_map(|import| {
            let path = import.source.span();
            let from = [import.name.span, path].into_iter().find(|span| span.touches(offset))?;
            let literal = matches!(import.source, hlb_language::ast::Expr::String(_));
            let target = scope.get(&import.name.text).map(|symbol| symbol.target)?;
            let is_import = matches!(target, Target::Module(Some(_)));
            // A name inside of an expression means itself.
            (is_import && (from != path || literal)).then_some((from, target))
        })
    }

    fn import_around(&self, name: Span) -> Option<Span> {
        declaration_around(self.text().tree(), name)
    }
}

/// The declaration that holds a span.
fn declaration_around(tree: &Module, span: Span) -> Option<Span> {
    tree.decls.iter().map(Decl::span).find(|decl| decl.contains(span))
}

/// All of the declaration of something, where it has more than a name.
pub(crate) fn whole(checked: &Checked, target: Target) -> Option<Span> {
    let program = &checked.program;
    match target {
        Target::Func(id) => Some(program.funcs.get(id.0)?.span),
        Target::Constant(id) => Some(program.constants.get(id.0)?.span),
        Target::Record(id) => Some(program.records.get(id.0)?.span),
        Target::Enum(id) => Some(program.enums.get(id.0)?.span),
        Target::Builtin(id) => builtin_line(checked, program.builtins.get(id.0)?.at),
        Target::Module(id) => {
            let source = program.modules.get(id?.0)?.source;
            Some(Span::new(0, checked.sources.get(source)?.text().len()))
        }
        _ => None,
    }
}

/// The builtins are declared in a line each, or in some that are indented.
fn builtin_line(checked: &Checked, at: Location) -> Option<Span> {
    let source = checked.sources.get(at.source)?;
    let line = source.line_span(source.line_index(at.span.start as usize))?;
    let length = source.slice(line).trim_end().len();
    Some(Span::new(line.start as usize, line.start as usize + length).to(at.span))
}
