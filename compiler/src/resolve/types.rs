//! From written types to types.
//!
//! Owns what a type's words mean in a file, and what is said of words that mean no type.

use ecow::EcoString;
use hlb_language::ast::{self, Ident, TypeExpr};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::SourceId;

use super::Declared;
use crate::codes;
use crate::hir::{ModuleId, Reference, Target};
use crate::suggest;
use crate::types::{FuncType, TYPE_WORDS, Type};

/// Where a type is written.
#[derive(Clone, Copy)]
pub(crate) struct TypePlace<'a> {
    pub(crate) module: ModuleId,
    pub(crate) source: SourceId,
    /// The type parameters of the function around it.
    pub(crate) params: &'a [EcoString],
}

impl Declared {
    /// The type that is written; what is wrong with it is reported.
    pub(crate) fn written_type(
        &mut self,
        place: TypePlace<'_>,
        ty: &TypeExpr,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Type {
        match ty {
            TypeExpr::Name(word) => self.named_type(place, word, diagnostics),
            TypeExpr::Member(path) => self.member_type(place, path, diagnostics),
            TypeExpr::List(_, item) => self.written_type(place, item, diagnostics).list(),
            TypeExpr::Map(_, item) => self.written_type(place, item, diagnostics).map(),
            TypeExpr::Optional(_, item) => self.written_type(place, item, diagnostics).optional(),
            TypeExpr::Func(_, params, result) => {
                let params = params.iter().map(|param| self.written_type(place, param, diagnostics)).collect();
                let result = self.written_type(place, result, diagnostics);
                Type::Func(FuncType { params, result }.into())
            }
        }
    }

    /// The type that a word names in a file.
    pub(crate) fn named_type(&mut self, place: TypePlace<'_>, word: &Ident, diagnostics: &mut Vec<Diagnostic>) -> Type {
        let at = Location { source: place.source, span: word.span };
        if place.params.contains(&word.text) {
            return Type::Var(word.text.clone());
        }
        let ty = Type::of(&word.text);
        match &ty {
            Type::Unknown(name) => self.declared_type(place, name, at, diagnostics),
            Type::Option(callee) => self.option_type(place, callee, at, diagnostics),
            Type::AnyOption => {
                diagnostics.push(
                    Diagnostic::error(
                        codes::BARE_OPTION,
                        at,
                        "`option` alone says nothing of what the options are for",
                    )
                    .help("write `option::run` for options of `run`, and so on"),
                );
                Type::error()
            }
            _ if word.text == "group" => {
                diagnostics.push(
                    Diagnostic::warning(codes::DEPRECATED, at, "`group` is the old word for `pipeline`")
                        .help("write `pipeline`")
                        .safe_fix("replace `group` by `pipeline`", at, "pipeline"),
                );
                ty
            }
            _ => ty,
        }
    }

    /// A record or an enum, of the file or of the builtins.
    fn declared_type(
        &mut self,
        place: TypePlace<'_>,
        name: &EcoString,
        at: Location,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Type {
        if name.is_empty() {
            // One that the text does not have: the parser has reported it.
            return Type::error();
        }
        let symbol = self.program.module(place.module).and_then(|module| module.scope.get(name));
        let found = symbol.map(|symbol| (symbol.target, symbol.at));
        if let Some((target, defined)) = found {
            if let Some(ty) = type_of(target, name) {
                self.program.references.push(Reference { at, target });
                return ty;
            }
            let what = match target {
                Target::Module(_) => "an import",
                Target::Func(_) => "a function",
                _ => "a value",
            };
            diagnostics.push(
                Diagnostic::error(codes::KIND, at, format!("`{name}` is {what} and not a type"))
                    .also(defined, "defined here"),
            );
            return Type::error();
        }
        if let Some(id) = self.builtins.enums.get(name) {
            self.program.references.push(Reference { at, target: Target::Enum(*id) });
            return Type::Enum(*id, name.clone());
        }
        diagnostics.push(self.unknown_type(place, name, at));
        Type::error()
    }

    fn unknown_type(&self, place: TypePlace<'_>, name: &str, at: Location) -> Diagnostic {
        let own = self.program.module(place.module).into_iter().flat_map(|module| &module.scope);
        let own = own.filter(|(_, symbol)| matches!(symbol.target, Target::Record(_) | Target::Enum(_)));
        let words = TYPE_WORDS.iter().copied().chain(own.map(|(name, _)| name.as_str()));
        let words = words.chain(place.params.iter().map(EcoString::as_str));
        let near = near_type(name).or_else(|| suggest::nearest(name, words));
        let diagnostic = Diagnostic::error(codes::KIND, at, format!("`{name}` is not a type"));
        match near {
            Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("replace `{name}` by `{near}`"),
                at,
                near,
            ),
            None => diagnostic.help(
                "use fs, string, int, bool, pipeline, option::NAME, [TYPE], map[TYPE], or a `type` or `enum` of this file",
            ),
        }
    }

    fn option_type(
        &mut self,
        place: TypePlace<'_>,
        callee: &EcoString,
        at: Location,
        diagnostics: &mut Vec<Diagnostic>,
    ) -> Type {
        let symbol = self.program.module(place.module).and_then(|module| module.scope.get(callee));
        if let Some(Target::Func(id)) = symbol.map(|symbol| symbol.target)
            && self.takes_options(id)
        {
            return Type::OwnOption(id, callee.clone());
        }
        if !self.option_words.contains(callee) {
            let mut diagnostic = Diagnostic::warning(
                codes::IDLE_OPTIONS,
                at,
                format!("there is no function `{callee}` that could take these options"),
            );
            // In an order that is the same each time.
            let mut words: Vec<&str> = self.option_words.iter().map(EcoString::as_str).collect();
            words.sort_unstable();
            if let Some(near) = suggest::nearest(callee, words) {
                diagnostic = diagnostic.help(format!("did you mean `option::{near}`?"));
            }
            diagnostics.push(diagnostic);
        }
        Type::Option(callee.clone())
    }

    /// `module.Type`
    fn member_type(&mut self, place: TypePlace<'_>, path: &ast::Path, diagnostics: &mut Vec<Diagnostic>) -> Type {
        let Some(member) = &path.member else { return Type::error() };
        let head = Location { source: place.source, span: path.head.span };
        let at = Location { source: place.source, span: member.span };
        let symbol = self.program.module(place.module).and_then(|module| module.scope.get(&path.head.text));
        let Some(Target::Module(module)) = symbol.map(|symbol| symbol.target) else {
            let message = format!("there is no import `{}` in this file", path.head.text);
            diagnostics.push(Diagnostic::error(codes::KIND, head, message));
            return Type::error();
        };
        self.program.references.push(Reference { at: head, target: Target::Module(module) });
        let Some(imported) = module.and_then(|module| self.program.module(module)) else { return Type::error() };
        let symbol = imported.scope.get(&member.text).map(|symbol| (symbol.target, symbol.at, symbol.exported));
        let found = symbol
            .and_then(|(target, defined, exported)| Some((type_of(target, &member.text)?, target, defined, exported)));
        let Some((ty, target, defined, exported)) = found else {
            let types = imported.scope.iter().filter(|(name, symbol)| type_of(symbol.target, name).is_some());
            let near = suggest::nearest(&member.text, types.map(|(name, _)| name.as_str())).map(str::to_owned);
            let message = format!("`{}` is not a type of `{}`", member.text, imported.path);
            let diagnostic = Diagnostic::error(codes::KIND, at, message);
            diagnostics.push(match near {
                Some(near) => diagnostic.help(format!("did you mean `{near}`?")).fix(
                    format!("replace `{}` by `{near}`", member.text),
                    at,
                    near,
                ),
                None => diagnostic,
            });
            return Type::error();
        };
        if !exported {
            let message = format!("`{}` is not exported by `{}`", member.text, imported.path);
            diagnostics.push(
                Diagnostic::error(codes::NOT_EXPORTED, at, message)
                    .also(defined, "defined here")
                    .help(format!("write `export` in front of it in `{}`", imported.path)),
            );
        }
        self.program.references.push(Reference { at, target });
        ty
    }
}

fn type_of(target: Target, name: &EcoString) -> Option<Type> {
    match target {
        Target::Record(id) => Some(Type::Record(id, name.clone())),
        Target::Enum(id) => Some(Type::Enum(id, name.clone())),
        _ => None,
    }
}

/// What other languages call a type.
fn near_type(word: &str) -> Option<&'static str> {
    Some(match word {
        "str" | "String" | "text" => "string",
        "integer" | "number" | "Int" | "int64" | "i64" => "int",
        "boolean" | "Bool" => "bool",
        "filesystem" | "Fs" | "FS" | "dir" | "directory" => "fs",
        _ => return None,
    })
}
