//! Questions that editors ask of a program.
//!
//! Owns what is at a place, and how it is described. Changes nothing and evaluates nothing.

use std::collections::HashSet;

use ecow::EcoString;
use hlb_language::ast::Ident;
use hlb_language::diagnostic::Location;
use hlb_language::source::SourceId;
use hlb_language::span::Span;

use crate::effects::Effects;
use crate::hir::{
    BindId, Constant, ConstantId, EnumId, Func, FuncId, LocalId, ModuleId, Program, RecordId, Reference, Signature,
    Target,
};
use crate::types::Type;

/// What a name stands for, in words.
#[derive(Clone, PartialEq, Debug)]
pub struct Description {
    /// As it would be declared: `fs copy(fs input, string src, string dst)`.
    pub signature: String,
    /// The comment above its declaration.
    pub doc: Option<EcoString>,
    /// Where its name is defined.
    pub at: Location,
}

/// So many references before an offset are looked at. Names do not stand in one another, but two may touch, and one that was checked
/// in several ways may mean several things.
const NEAR: usize = 16;

impl Program {
    /// The name at an offset of a text, if it could be resolved. The smallest if several cover it.
    pub fn reference_at(&self, source: SourceId, offset: usize) -> Option<&Reference> {
        let after = self.references.partition_point(|it| (it.at.source, it.at.span.start as usize) <= (source, offset));
        let near = self.references.get(after.saturating_sub(NEAR)..after)?.iter();
        let covering = near.filter(|it| it.at.source == source && it.at.span.touches(offset));
        covering.min_by_key(|it| it.at.span.len())
    }

    /// Puts the references in the order of the texts, as [`Program::reference_at`] wants them.
    pub(crate) fn sort_references(&mut self) {
        self.references.sort_by_key(|it| (it.at.source, it.at.span.start));
        // What is checked more than once is referred to more than once.
        self.references.dedup_by(|one, other| one.at == other.at && one.target == other.target);
    }

    /// What is defined by the name at an offset of a text, and the name's place: what stands at the top of the file, and
    /// parameters, options, results, fields, variants, and names inside of functions.
    pub fn definition_at(&self, source: SourceId, offset: usize) -> Option<(Span, Target)> {
        let here = |at: Location| at.source == source && at.span.touches(offset);
        let (id, module) = self.modules.iter().enumerate().find(|(_, module)| module.source == source)?;
        let id = ModuleId(id);
        let named = |name: &Ident| name.span.touches(offset);
        if let Some(symbol) = module.scope.values().find(|symbol| here(symbol.at)) {
            return Some((symbol.at.span, symbol.target));
        }
        if let Some((local, found)) = self.locals.iter().enumerate().find(|(_, local)| here(local.at)) {
            return Some((found.at.span, Target::Local(LocalId(local))));
        }
        let inside = |(_, func): &(usize, &Func)| func.module == id && func.span.touches(offset);
        if let Some((func, found)) = self.funcs.iter().enumerate().find(inside) {
            let func = FuncId(func);
            let param = found.signature.params.iter().enumerate().find(|(_, param)| named(&param.name));
            let option = found.signature.options.iter().enumerate().find(|(_, option)| named(&option.name));
            let bound = self.binds.iter().enumerate().find(|(_, bound)| bound.func == func && named(&bound.name));
            return param
                .map(|(index, param)| (param.name.span, Target::Param(func, index)))
                .or_else(|| option.map(|(index, option)| (option.name.span, Target::Setting(func, index))))
                .or_else(|| bound.map(|(bound, found)| (found.name.span, Target::Bind(BindId(bound)))));
        }
        let fields = self.records.iter().enumerate().filter(|(_, record)| record.module == id);
        let mut fields =
            fields.flat_map(|(record, it)| it.fields.iter().enumerate().map(move |(at, field)| (record, at, field)));
        if let Some((record, index, field)) = fields.find(|(_, _, field)| named(&field.name)) {
            return Some((field.name.span, Target::Field(RecordId(record), index)));
        }
        let enums = self.enums.iter().enumerate().filter(|(_, it)| it.at.source == source);
        let mut variants =
            enums.flat_map(|(id, it)| it.variants.iter().enumerate().map(move |(at, name)| (id, at, name)));
        let (id, index, variant) = variants.find(|(_, _, name)| named(name))?;
        Some((variant.span, Target::Variant(EnumId(id), index)))
    }

    /// The function whose declaration is around a place.
    pub fn func_around(&self, at: Location) -> Option<FuncId> {
        let around = |func: &Func| {
            func.span.contains(at.span) && self.module(func.module).is_some_and(|module| module.source == at.source)
        };
        self.funcs.iter().position(around).map(FuncId)
    }

    /// The result of a function that a `let` in its block sets. Both are one name for those who rename it.
    pub fn result_set_by(&self, local: LocalId) -> Option<BindId> {
        let at = self.locals.get(local.0)?.at;
        let from = self.references.partition_point(|it| (it.at.source, it.at.span.start) < (at.source, at.span.start));
        let here = self.references.get(from..)?.iter().take_while(|it| it.at.span.start == at.span.start);
        here.filter(|it| it.at == at).find_map(|it| match it.target {
            Target::Bind(id) => Some(id),
            _ => None,
        })
    }

    /// The names that a `let` gives a result where it sets it.
    pub fn locals_setting(&self, result: BindId) -> impl Iterator<Item = LocalId> + '_ {
        let set: HashSet<Location> = self.uses(Target::Bind(result)).collect();
        let locals = self.locals.iter().enumerate().filter(move |(_, local)| set.contains(&local.at));
        locals.map(|(index, _)| LocalId(index))
    }

    /// What a name stands for, in words; nothing for an import that could not be loaded.
    pub fn describe(&self, target: Target) -> Option<Description> {
        match target {
            Target::Func(id) => {
                let func = self.func(id)?;
                let signature = with_effects(declaration(&func.name.text, &func.signature), func.effects);
                Some(Description { signature, doc: func.doc.clone(), at: self.func_at(id)? })
            }
            Target::Constant(id) => {
                let constant = self.constant(id)?;
                let signature = format!("let {} {}", constant.ty, constant.name.text);
                let at = self.at(constant.module, &constant.name)?;
                Some(Description { signature, doc: constant.doc.clone(), at })
            }
            Target::Record(id) => {
                let record = self.record(id)?;
                let signature = format!("type {} {{ {} }}", record.name.text, list(&record.fields));
                let at = self.at(record.module, &record.name)?;
                Some(Description { signature, doc: record.doc.clone(), at })
            }
            Target::Field(id, index) => {
                let record = self.record(id)?;
                let field = record.fields.get(index)?;
                let doc = record.field_docs.get(index).cloned().flatten();
                let doc = doc.unwrap_or_else(|| format!("Field of `{}`.", record.name.text).into());
                let at = self.at(record.module, &field.name)?;
                Some(Description { signature: format!("{} {}", field.ty, field.name.text), doc: Some(doc), at })
            }
            Target::Enum(id) => {
                let found = self.enumeration(id)?;
                let variants: Vec<&str> = found.variants.iter().map(|variant| variant.text.as_str()).collect();
                let signature = format!("enum {} {{ {} }}", found.name.text, variants.join(" "));
                Some(Description { signature, doc: found.doc.clone(), at: found.at })
            }
            Target::Variant(id, index) => {
                let found = self.enumeration(id)?;
                let variant = found.variants.get(index)?;
                let at = Location { source: found.at.source, span: variant.span };
                let signature = format!("{}.{}", found.name.text, variant.text);
                Some(Description { signature, doc: found.doc.clone(), at })
            }
            Target::Bind(id) => {
                let bound = self.bind(id)?;
                let func = self.func(bound.func)?;
                let signature =
                    Signature { result: bound.ty.clone(), effects: Vec::new(), ..(*func.signature).clone() };
                let at = self.at(func.module, &bound.name)?;
                let word = if func.results.contains(&id) { "Result of" } else { "Bound in" };
                let doc = format!("{word} `{}`.", func.name.text);
                Some(Description { signature: declaration(&bound.name.text, &signature), doc: Some(doc.into()), at })
            }
            Target::Param(id, index) => {
                let func = self.func(id)?;
                let param = func.signature.params.get(index)?;
                let at = self.at(func.module, &param.name)?;
                let doc = format!("Parameter of `{}`.", func.name.text);
                Some(Description { signature: list(std::slice::from_ref(param)), doc: Some(doc.into()), at })
            }
            Target::Setting(id, index) => {
                let func = self.func(id)?;
                let option = func.signature.options.get(index)?;
                let at = self.at(func.module, &option.name)?;
                let doc = format!("Option of `{}`.", func.name.text);
                Some(Description { signature: list(std::slice::from_ref(option)), doc: Some(doc.into()), at })
            }
            Target::Local(id) => {
                let local = self.locals.get(id.0)?;
                let signature = format!("{} {}", local.ty, local.name);
                Some(Description { signature, doc: None, at: local.at })
            }
            Target::Builtin(id) => {
                let builtin = self.builtin(id)?;
                let name = match builtin.namespace {
                    "" => builtin.name.text.to_string(),
                    space => format!("{space}.{}", builtin.name.text),
                };
                let signature = with_effects(declaration(&name, &builtin.signature), builtin.effects);
                Some(Description { signature, doc: builtin.doc.clone(), at: builtin.at })
            }
            Target::Module(id) => {
                let module = self.module(id?)?;
                let at = Location { source: module.source, span: Span::at(0) };
                Some(Description { signature: format!("import from \"{}\"", module.path), doc: None, at })
            }
        }
    }

    /// The constant whose name is defined at an offset of a text.
    fn constant_at(&self, source: SourceId, offset: usize) -> Option<Target> {
        let here = |constant: &Constant| {
            let module = self.module(constant.module);
            module.is_some_and(|it| it.source == source) && constant.name.span.touches(offset)
        };
        self.constants.iter().position(here).map(|index| Target::Constant(ConstantId(index)))
    }

    /// The type of the name at an offset of a text.
    pub fn type_at(&self, source: SourceId, offset: usize) -> Option<Type> {
        let target = match self.reference_at(source, offset) {
            Some(reference) => {
                if let Some((_, ty)) = self.narrowed.iter().find(|(at, _)| *at == reference.at) {
                    return Some(ty.clone());
                }
                reference.target
            }
            None => self.constant_at(source, offset)?,
        };
        self.type_of(target)
    }

    /// The type of what a name stands for; of a function, that of its value.
    pub fn type_of(&self, target: Target) -> Option<Type> {
        match target {
            Target::Func(id) => Some(self.func(id)?.signature.result.clone()),
            Target::Constant(id) => Some(self.constant(id)?.ty.clone()),
            Target::Record(id) => Some(Type::Record(id, self.record(id)?.name.text.clone())),
            Target::Field(id, index) => Some(self.record(id)?.fields.get(index)?.ty.clone()),
            Target::Enum(id) | Target::Variant(id, _) => Some(Type::Enum(id, self.enumeration(id)?.name.text.clone())),
            Target::Bind(id) => Some(self.bind(id)?.ty.clone()),
            Target::Param(id, index) => Some(self.func(id)?.signature.params.get(index)?.value_type()),
            Target::Setting(id, index) => Some(self.func(id)?.signature.options.get(index)?.ty.clone()),
            Target::Local(id) => Some(self.locals.get(id.0)?.ty.clone()),
            Target::Builtin(id) => Some(self.builtin(id)?.signature.result.clone()),
            Target::Module(_) => None,
        }
    }

    /// All places that use what stands at its definition or use.
    pub fn uses(&self, target: Target) -> impl Iterator<Item = Location> + '_ {
        self.references.iter().filter(move |it| it.target == target).map(|it| it.at)
    }
}

/// A function as it would be declared.
fn declaration(name: &str, signature: &Signature) -> String {
    let mut text = format!("{} {name}", signature.result);
    if !signature.type_params.is_empty() {
        text.push_str(&format!("<{}>", signature.type_params.join(", ")));
    }
    text.push_str(&format!("({})", list(&signature.params)));
    if !signature.options.is_empty() {
        text.push_str(&format!(" with ({})", list(&signature.options)));
    }
    if !signature.effects.is_empty() {
        text.push_str(&format!(" binds ({})", list(&signature.effects)));
    }
    text
}

/// Parameters as they would be declared; a default is only said to be there.
fn list(params: &[crate::hir::Param]) -> String {
    let shown = params.iter().map(|param| {
        let variadic = if param.variadic { "variadic " } else { "" };
        let default = if param.optional && !param.variadic { " = …" } else { "" };
        format!("{variadic}{} {}{default}", param.ty, param.name.text)
    });
    shown.collect::<Vec<_>>().join(", ")
}

/// What a function does outside of the build, below its declaration.
fn with_effects(declaration: String, effects: Effects) -> String {
    if effects.is_empty() { declaration } else { format!("{declaration}\n# {effects}") }
}
