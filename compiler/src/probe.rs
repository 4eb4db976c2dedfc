//! What could be written at a place of a program that is being typed.
//!
//! Owns the word that stands for what is not typed yet, and what the checker tells of the place where it meets that word. How it is
//! offered to anybody is not known here.

mod sparse;

use std::sync::Arc;

use ecow::EcoString;
use hlb_language::span::Span;

use crate::builtins::{self, Rule};
use crate::hir::{BuiltinId, EnumId, FuncId, ModuleId, Program, Signature, Target};
use crate::text::Text;
use crate::types::Type;
use crate::world::World;
use crate::{Checked, Depth};

pub use sparse::sparse;

/// What is put in the place of the word that is being typed. No program has such a name.
pub const PROBE: &str = "ceb1d52a";

/// What is known of a place.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The types that fit, the preferred one first; none if anything does.
    pub expected: Vec<Type>,
    /// Whether a statement begins here; then `expected` is what a statement of the block may be.
    pub statement: bool,
    /// What stands in front of the dot.
    pub receiver: Option<Receiver>,
    /// Names inside of the function, innermost first.
    pub names: Vec<(EcoString, Type)>,
    /// Calls of which this is in an argument, innermost last. A block is in no call.
    pub calls: Vec<CallPlace>,
    /// The string that the place is in.
    pub string: Option<Span>,
    /// The function around it.
    pub func: Option<FuncId>,
}

/// What stands in front of a dot.
#[derive(Clone, PartialEq, Debug)]
pub enum Receiver {
    /// A file.
    Module(ModuleId),
    /// A namespace of the builtins.
    Namespace(EcoString),
    /// An enum.
    Enum(EnumId),
    /// A function that declares results.
    Func(FuncId),
    /// A value of this type.
    Value(Type),
}

/// A call that is being written.
#[derive(Clone, Debug)]
pub struct CallPlace {
    /// What is called; none if it is a value.
    pub target: Option<Target>,
    /// Its name.
    pub name: EcoString,
    /// What it takes.
    pub signature: Arc<Signature>,
    /// The parameter that is being written; one behind the last if there are too many.
    pub argument: usize,
    /// The parameters that are given by name.
    pub given: Vec<EcoString>,
    /// Whether the value that it stands behind is its first argument.
    pub behind: bool,
}

/// Something that may be written.
#[derive(Clone, PartialEq, Debug)]
pub struct Candidate {
    /// Its name.
    pub name: EcoString,
    /// What it is.
    pub target: Target,
    /// The type of its value.
    pub ty: Type,
}

/// What the text of an argument is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TextKind {
    /// The name of an image.
    Image,
    /// A path of the machine that runs the build.
    LocalPath,
    /// One of a few words.
    Words(&'static [&'static str]),
    /// Anything else.
    Free,
}

/// Checks the declaration around an offset of a text in which [`PROBE`] stands, or whose string holds the offset, and tells what is
/// known of that place. Nothing, if the checker does not come there.
pub fn look(world: &dyn World, text: &Arc<Text>, offset: u32) -> (Checked, Option<Place>) {
    crate::run_check(world, Ok(std::slice::from_ref(text)), Depth::Around(offset))
}

impl Checked {
    /// What may be written at the beginning of a statement or in the place of a value: names of the file and builtins, all that
    /// fit before all that do not.
    pub fn candidates(&self, place: &Place) -> Vec<Candidate> {
        let program = &self.program;
        let mut found = Vec::new();
        if let Some(Type::OwnOption(id, _)) = place.expected.first()
            && let Some(func) = program.func(*id)
        {
            let own = func.signature.options.iter().enumerate();
            return own
                .map(|(at, option)| Candidate {
                    name: option.name.text.clone(),
                    target: Target::Setting(*id, at),
                    ty: Type::OwnOption(*id, func.name.text.clone()),
                })
                .collect();
        }
        for (name, symbol) in program.entry().into_iter().flat_map(|module| &module.scope) {
            let ty = program.type_of(symbol.target).unwrap_or(Type::Never);
            found.push(Candidate { name: name.clone(), target: symbol.target, ty });
        }
        for (index, builtin) in program.builtins.iter().enumerate().filter(|(_, it)| it.namespace.is_empty()) {
            let (target, ty) = (Target::Builtin(BuiltinId(index)), builtin.signature.result.clone());
            found.push(Candidate { name: builtin.name.text.clone(), target, ty });
        }
        // Options are written nowhere but where they are expected.
        let wants_options = place.expected.iter().any(Type::is_option);
        found.retain(|it| if it.ty.is_option() { place.takes(&it.ty) } else { !wants_options || !place.statement });
        found.sort_by_key(|it| !place.takes(&it.ty));
        found
    }

    /// What may stand behind the dot.
    pub fn members(&self, receiver: &Receiver) -> Vec<Candidate> {
        let program = &self.program;
        match receiver {
            Receiver::Module(id) => {
                let scope = program.module(*id).into_iter().flat_map(|module| &module.scope);
                let exported = scope.filter(|(_, symbol)| symbol.exported);
                let candidate = |(name, symbol): (&EcoString, &crate::hir::Symbol)| Candidate {
                    name: name.clone(),
                    target: symbol.target,
                    ty: program.type_of(symbol.target).unwrap_or(Type::Never),
                };
                exported.map(candidate).collect()
            }
            Receiver::Namespace(name) => namespace(program, name),
            Receiver::Enum(id) => variants(program, *id),
            Receiver::Func(id) => {
                let results = program.func(*id).map(|func| func.results.clone()).unwrap_or_default();
                let result = |id: &crate::hir::BindId| {
                    let bound = program.bind(*id)?;
                    Some(Candidate { name: bound.name.text.clone(), target: Target::Bind(*id), ty: bound.ty.clone() })
                };
                results.iter().filter_map(result).collect()
            }
            Receiver::Value(Type::Record(id, _)) => {
                let fields = program.record(*id).map(|record| record.fields.as_slice()).unwrap_or_default();
                let field = |(at, field): (usize, &crate::hir::Param)| Candidate {
                    name: field.name.text.clone(),
                    target: Target::Field(*id, at),
                    ty: field.ty.clone(),
                };
                fields.iter().enumerate().map(field).collect()
            }
            Receiver::Value(Type::String) => namespace(program, "str"),
            Receiver::Value(Type::List(_)) => namespace(program, "list"),
            Receiver::Value(Type::Map(_)) => namespace(program, "map"),
            Receiver::Value(_) => Vec::new(),
        }
    }

    /// The variants of an enum that is expected.
    pub fn variants(&self, place: &Place) -> Vec<Candidate> {
        let id = |ty: &Type| match ty {
            Type::Enum(id, _) => Some(*id),
            Type::Optional(inner) => match &**inner {
                Type::Enum(id, _) => Some(*id),
                _ => None,
            },
            _ => None,
        };
        place.expected.iter().find_map(id).map(|id| variants(&self.program, id)).unwrap_or_default()
    }
}

impl Program {
    /// What the text of a builtin's argument is.
    pub fn text_kind(&self, target: Target, argument: usize) -> TextKind {
        let Target::Builtin(id) = target else { return TextKind::Free };
        let Some(builtin) = self.builtin(id) else { return TextKind::Free };
        let kind = builtin.rules_of(argument).find_map(|rule| match rule {
            Rule::Modes(_, words) => Some(TextKind::Words(words)),
            Rule::Image => Some(TextKind::Image),
            _ => None,
        });
        let params = &builtin.signature.params;
        let param = params.get(argument).or(params.last()).map(|param| param.name.text.as_str());
        // The parameter's name tells it; no rule can, since the file need not be there yet.
        let is_local = param == Some("localPath") || matches!(builtin.name.text.as_str(), "local" | "localPaths");
        kind.unwrap_or(if is_local { TextKind::LocalPath } else { TextKind::Free })
    }
}

impl Place {
    /// Whether a value of a type may stand here.
    pub fn takes(&self, ty: &Type) -> bool {
        self.expected.is_empty() || self.expected.iter().any(|expected| ty.fits(expected))
    }
}

/// The namespaces of the builtins.
pub fn namespaces() -> &'static [&'static str] {
    builtins::names::NAMESPACES
}

fn namespace(program: &Program, name: &str) -> Vec<Candidate> {
    let inside = program.builtins.iter().enumerate().filter(|(_, it)| it.namespace == name);
    let candidate = |(index, it): (usize, &crate::hir::Builtin)| Candidate {
        name: it.name.text.clone(),
        target: Target::Builtin(BuiltinId(index)),
        ty: it.signature.result.clone(),
    };
    inside.map(candidate).collect()
}

fn variants(program: &Program, id: EnumId) -> Vec<Candidate> {
    let Some(found) = program.enumeration(id) else { return Vec::new() };
    let ty = Type::Enum(id, found.name.text.clone());
    let variants = found.variants.iter().enumerate();
    variants
        .map(|(at, name)| Candidate { name: name.text.clone(), target: Target::Variant(id, at), ty: ty.clone() })
        .collect()
}
