//! What the names of a text are, for colours.
//!
//! Owns the choice of a kind: by what a name stands for, and where that is not known, by the part that it plays.

use std::collections::{HashMap, HashSet};

use hlb_compiler::hir::{Module, Target};
use hlb_compiler::{Effects, Origin, Program};
use hlb_language::ast::{Decl, Ident};
use hlb_language::diagnostic::Location;
use hlb_language::span::Span;

use super::{PaintKind, PaintModifiers};
use crate::analysis::Analysis;
use crate::walk::{Node, Role, walk};

/// The code of what is spelled in an old way.
const DEPRECATED: &str = "E0121";
/// The types without a declaration.
const TYPES: &[&str] = &["fs", "string", "int", "bool", "pipeline", "group", "option", "test"];

/// The names of a text by their places.
pub(super) struct Names(HashMap<Span, (PaintKind, PaintModifiers)>);

impl Names {
    pub(super) fn of(analysis: &Analysis) -> Self {
        let Some(source) = analysis.entry() else { return Self(HashMap::new()) };
        let program = &analysis.checked.program;
        let references = program.references.iter().filter(|it| it.at.source == source);
        let targets: HashMap<Span, Target> = references.map(|it| (it.at.span, it.target)).collect();
        let old = analysis.checked.diagnostics.iter().filter(|it| it.code.0 == DEPRECATED);
        let old: HashSet<Location> = old.map(|it| it.primary.at).collect();
        let spaces: HashSet<&str> = program.builtins.iter().map(|builtin| builtin.namespace).collect();
        let enums = program.enums.iter().filter(|it| it.builtin).map(|it| it.name.text.as_str());
        let enums: HashSet<&str> = enums.collect();
        let mut found = HashMap::new();
        let mut decl: Option<&Decl> = None;
        walk(analysis.text().tree(), &mut |node| match node {
            Node::Decl(it) => {
                decl = Some(it);
                if let Decl::Func(func) = it {
                    let options = func.options.iter().flat_map(|it| &it.options);
                    found.extend(options.map(|it| (it.name.span, declared(PaintKind::Property))));
                    let results = func.binds.iter().flat_map(|it| &it.effects);
                    found.extend(results.map(|it| (it.name.span, declared(PaintKind::Variable))));
                }
            }
            Node::Name(role, name) => {
                let target = targets.get(&name.span).copied().or_else(|| named(program, role, name));
                let known = target.map(|target| meant(program, target));
                let known = match (role, known) {
                    (Role::Named | Role::Result, _) => Some((PaintKind::Property, PaintModifiers::default())),
                    (_, Some(known)) => Some(known),
                    (Role::Head, None) if spaces.contains(name.text.as_str()) => Some(of_all(PaintKind::Namespace)),
                    (Role::Head, None) if enums.contains(name.text.as_str()) => Some(of_all(PaintKind::Enum)),
                    (role, None) => played(role, name, decl),
                };
                let Some((kind, mut modifiers)) = known else { return };
                modifiers.declaration |= role.defines();
                modifiers.deprecated |= old.contains(&Location { source, span: name.span });
                found.entry(name.span).or_insert((kind, modifiers));
            }
            _ => {}
        });
        Self(found)
    }

    pub(super) fn at(&self, span: Span) -> Option<(PaintKind, PaintModifiers)> {
        self.0.get(&span).copied()
    }
}

/// What the name of a declaration at the top of the file stands for. One that is declared twice is the first.
fn named(program: &Program, role: Role, name: &Ident) -> Option<Target> {
    let symbol = program.entry()?.scope.get(&name.text).filter(|symbol| symbol.at.span == name.span)?;
    matches!(role, Role::Declared | Role::Import).then_some(symbol.target)
}

/// What a name is that stands for something.
fn meant(program: &Program, target: Target) -> (PaintKind, PaintModifiers) {
    let ours = |module: Option<&Module>| module.is_some_and(|module| module.origin == Origin::Standard);
    let plain = PaintModifiers::default();
    match target {
        Target::Func(id) => {
            let func = program.funcs.get(id.0);
            let module = func.and_then(|func| program.modules.get(func.module.0));
            let effectful = func.is_some_and(|func| func.effects != Effects::NONE);
            (PaintKind::Function, PaintModifiers { default_library: ours(module), effectful, ..plain })
        }
        Target::Builtin(id) => {
            let builtin = program.builtins.get(id.0);
            let is_option = builtin.is_some_and(|builtin| builtin.signature.result.is_option());
            let effectful = builtin.is_some_and(|builtin| builtin.effects != Effects::NONE);
            let kind = if is_option { PaintKind::Option } else { PaintKind::Function };
            (kind, PaintModifiers { default_library: true, effectful, ..plain })
        }
        Target::Constant(_) => (PaintKind::Variable, PaintModifiers { readonly: true, ..plain }),
        Target::Record(_) => (PaintKind::Struct, plain),
        Target::Field(..) | Target::Setting(..) => (PaintKind::Property, plain),
        Target::Enum(id) => (PaintKind::Enum, of_builtins(program, id.0)),
        Target::Variant(id, _) => (PaintKind::EnumMember, of_builtins(program, id.0)),
        Target::Bind(_) | Target::Local(_) => (PaintKind::Variable, plain),
        Target::Module(id) => {
            let module = id.and_then(|id| program.modules.get(id.0));
            (PaintKind::Namespace, PaintModifiers { default_library: ours(module), ..plain })
        }
        Target::Param(..) => (PaintKind::Parameter, plain),
    }
}

fn of_builtins(program: &Program, id: usize) -> PaintModifiers {
    let default_library = program.enums.get(id).is_some_and(|it| it.builtin);
    PaintModifiers { default_library, ..PaintModifiers::default() }
}

/// What a name is where it only is known what part it plays.
fn played(role: Role, name: &Ident, decl: Option<&Decl>) -> Option<(PaintKind, PaintModifiers)> {
    let kind = match (role, decl) {
        (Role::Import, _) => PaintKind::Namespace,
        (Role::Declared, Some(Decl::Let(_))) => {
            let readonly = PaintModifiers { readonly: true, ..PaintModifiers::default() };
            return Some((PaintKind::Variable, readonly));
        }
        (Role::Declared, Some(Decl::Record(_))) => PaintKind::Struct,
        (Role::Declared, Some(Decl::Enum(_))) => PaintKind::Enum,
        (Role::Declared, _) => PaintKind::Function,
        (Role::Part, Some(Decl::Record(_))) => PaintKind::Property,
        (Role::Part, Some(Decl::Enum(_))) => PaintKind::EnumMember,
        (Role::Part, _) => PaintKind::Parameter,
        (Role::Local | Role::Bound, _) => PaintKind::Variable,
        (Role::Result | Role::Named, _) => PaintKind::Property,
        (Role::TypeParam, _) => PaintKind::Type,
        (Role::Type, _) if TYPES.contains(&name.text.as_str()) || name.text.starts_with("option::") => {
            return Some(of_all(PaintKind::Type));
        }
        (Role::Type, _) => PaintKind::Type,
        (Role::Exported | Role::Used | Role::Head | Role::Member | Role::Pattern, _) => return None,
    };
    Some((kind, PaintModifiers::default()))
}

fn declared(kind: PaintKind) -> (PaintKind, PaintModifiers) {
    (kind, PaintModifiers { declaration: true, ..PaintModifiers::default() })
}

/// What comes with the language.
fn of_all(kind: PaintKind) -> (PaintKind, PaintModifiers) {
    (kind, PaintModifiers { default_library: true, ..PaintModifiers::default() })
}
