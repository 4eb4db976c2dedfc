//! What can be built by name, and what the command line gives it.
//!
//! Owns the list of targets, their parameters as a command line sees them, and the reading of texts as values of their types.

mod given;

use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceId;
use hlb_language::span::Span;

use crate::effects::Effects;
use crate::types::Type;
use crate::{Checked, codes, hir, suggest};

/// Something of the entry file that can be built by name.
#[derive(Clone, PartialEq, Debug)]
pub struct TargetInfo {
    /// Its name.
    pub name: String,
    /// The type of its value.
    pub ty: Type,
    /// The comment above it.
    pub doc: Option<String>,
    /// Whether other files may use it.
    pub exported: bool,
    /// Whether it was bound with `as`.
    pub bound: bool,
    /// What it takes from the command line.
    pub params: Vec<ParameterInfo>,
    /// What it does outside of the build.
    pub effects: Effects,
}

/// A parameter of a target.
#[derive(Clone, PartialEq, Debug)]
pub struct ParameterInfo {
    /// Its name.
    pub name: String,
    /// Its type; of a variadic parameter that of the list.
    pub ty: Type,
    /// Whether it may be left out.
    pub optional: bool,
    /// What may be written for it, where that is one of a few words.
    pub words: Vec<String>,
}

/// A target, and what is given for its parameters.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TargetCall {
    /// Its name.
    pub name: String,
    /// Parameters by name, each with the texts that stand for its value: one, or any number for a list. None stands for `true`.
    pub args: Vec<(String, Vec<String>)>,
}

impl From<&str> for TargetCall {
    fn from(name: &str) -> Self {
        Self { name: name.to_owned(), args: Vec::new() }
    }
}

impl From<String> for TargetCall {
    fn from(name: String) -> Self {
        Self { name, args: Vec::new() }
    }
}

/// A target that was found.
pub(crate) struct Found<'c> {
    pub(crate) target: hir::Target,
    pub(crate) at: Location,
    /// The function whose parameters it has.
    pub(crate) func: Option<&'c hir::Func>,
    pub(crate) ty: Type,
}

impl Checked {
    /// What can be built by name: functions, bound names and constants of the entry file, in the order of the text.
    pub fn targets(&self) -> Vec<TargetInfo> {
        let Some(entry) = self.program.entry() else { return Vec::new() };
        let mut targets: Vec<(Location, TargetInfo)> = Vec::new();
        for (name, symbol) in &entry.scope {
            let Some(found) = self.found(symbol).filter(|found| !found.ty.is_option()) else { continue };
            let bound = matches!(found.target, hir::Target::Bind(_));
            let doc = match found.target {
                hir::Target::Func(_) => found.func.and_then(|func| func.doc.clone()),
                hir::Target::Constant(id) => self.program.constant(id).and_then(|constant| constant.doc.clone()),
                _ => None,
            };
            let effects = match found.target {
                hir::Target::Constant(id) => self.program.constant(id).map(|constant| constant.effects),
                _ => found.func.map(|func| func.effects),
            };
            let info = TargetInfo {
                name: name.to_string(),
                doc: doc.map(|doc| doc.to_string()),
                exported: symbol.exported,
                bound,
                params: found.func.map(|func| self.params(func)).unwrap_or_default(),
                effects: effects.unwrap_or_default(),
                ty: found.ty,
            };
            targets.push((symbol.at, info));
        }
        targets.sort_by_key(|(at, _)| *at);
        targets.into_iter().map(|(_, info)| info).collect()
    }

    fn params(&self, func: &hir::Func) -> Vec<ParameterInfo> {
        let params = func.signature.params.iter().map(|param| ParameterInfo {
            name: param.name.text.to_string(),
            ty: param.value_type(),
            optional: param.optional,
            words: self.words(&param.ty),
        });
        params.collect()
    }

    /// The words that stand for values of a type, where those are few.
    fn words(&self, ty: &Type) -> Vec<String> {
        match ty {
            Type::Enum(id, _) => {
                let variants = self.program.enumeration(*id).into_iter().flat_map(|it| &it.variants);
                variants.map(|variant| variant.text.to_string()).collect()
            }
            Type::Optional(inner) | Type::List(inner) => self.words(inner),
            _ => Vec::new(),
        }
    }

    fn found(&self, symbol: &hir::Symbol) -> Option<Found<'_>> {
        let (target, at) = (symbol.target, symbol.at);
        match target {
            hir::Target::Func(id) => {
                let func = self.program.func(id)?;
                Some(Found { target, at, func: Some(func), ty: func.signature.result.clone() })
            }
            hir::Target::Bind(id) => {
                let bound = self.program.bind(id)?;
                Some(Found { target, at, func: self.program.func(bound.func), ty: bound.ty.clone() })
            }
            hir::Target::Constant(id) => {
                Some(Found { target, at, func: None, ty: self.program.constant(id)?.ty.clone() })
            }
            _ => None,
        }
    }

    /// The target with a name.
    pub(crate) fn target(&self, name: &str) -> Result<Found<'_>, Box<Diagnostic>> {
        let Some(entry) = self.program.entry() else {
            let at = Location { source: SourceId(0), span: Span::at(0) };
            return Err(Box::new(Diagnostic::error(codes::TARGET, at, "there is no program")));
        };
        let Some(symbol) = entry.scope.get(name) else { return Err(Box::new(self.no_target(name, entry))) };
        self.found(symbol).ok_or_else(|| {
            let message = match symbol.target {
                hir::Target::Module(_) => format!("`{name}` is an import and not a target"),
                _ => format!("`{name}` is a type and not a target"),
            };
            Box::new(Diagnostic::error(codes::TARGET, symbol.at, message).help("build a function of this file"))
        })
    }

    fn no_target(&self, name: &str, entry: &hir::Module) -> Diagnostic {
        let at = Location { source: entry.source, span: Span::at(0) };
        let targets = self.targets();
        let names: Vec<&str> = targets.iter().map(|target| target.name.as_str()).collect();
        let diagnostic =
            Diagnostic::error(codes::TARGET, at, format!("there is no target `{name}` in `{}`", entry.path));
        match suggest::nearest(name, names.iter().copied()) {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
            None if names.is_empty() => diagnostic.help("define a function"),
            None => diagnostic.help(format!("choose one of {}", names.join(", "))),
        }
    }
}
