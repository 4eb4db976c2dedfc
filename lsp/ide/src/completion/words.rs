//! Words and patterns of the language.
//!
//! Owns what declarations begin with, and the names of types.

use std::collections::BTreeSet;

use hlb_compiler::hir::{ModuleId, Target};
use hlb_compiler::{Program, Type};
use hlb_language::ast::{Decl, Module};

use super::context::OPTION;
use super::item::{Items, Rank};
use super::{Completion, CompletionKind};
use crate::analysis::Analysis;

/// What a declaration begins with, and what is written of it.
const DECLARATIONS: [(&str, &str); 10] = [
    ("fs", "fs ${1:name}($2) {\n\t$0\n}"),
    ("string", "string ${1:name}($2) {\n\t$0\n}"),
    ("pipeline", "pipeline ${1:name}($2) {\n\t$0\n}"),
    ("export", "export "),
    ("import", "import ${1:name} from \"$0\""),
    ("let", "let ${1:name} = $0"),
    ("type", "type ${1:Name} {\n\t$0\n}"),
    ("enum", "enum ${1:Name} { $0 }"),
    ("test", "test \"${1:what is true}\" {\n\t$0\n}"),
    ("option::run", "option::run ${1:name}($2) {\n\t$0\n}"),
];

/// The types that every program has.
const TYPES: [&str; 7] = ["fs", "string", "int", "bool", "pipeline", "variadic", "option::run"];

/// What a declaration begins with.
pub(super) fn declarations(items: &mut Items<'_>) {
    for (word, insert) in DECLARATIONS {
        let item = items.pattern(word, CompletionKind::Keyword, insert, word);
        items.add(Rank::Keyword, item);
    }
}

/// Functions that make options, by their types, of which there are too many for whoever has typed nothing.
pub(super) fn option_declarations(items: &mut Items<'_>, program: &Program) {
    for ty in option_types(program) {
        let item = items.pattern(&ty, CompletionKind::Keyword, &format!("{ty} ${{1:name}}($2) {{\n\t$0\n}}"), &ty);
        items.add(Rank::Keyword, item);
    }
}

/// The types of options: of builtins, and of functions of the file.
pub(super) fn option_types(program: &Program) -> BTreeSet<String> {
    let builtins = program.builtins.iter().map(|builtin| &builtin.signature.result);
    let named = builtins.filter(|ty| matches!(ty, Type::Option(_))).map(ToString::to_string);
    let own = program.funcs.iter().filter(|func| func.module == ModuleId(0) && !func.signature.options.is_empty());
    named.chain(own.map(|func| format!("{OPTION}{}", func.name.text))).collect()
}

/// The word in front of an import's path.
pub(super) fn from(items: &mut Items<'_>) {
    let item = items.pattern("from", CompletionKind::Keyword, "from \"$0\"", "from");
    items.add(Rank::Best, item);
}

/// Types: those of the language, and the records and enums of the file and of its imports.
pub(super) fn types(items: &mut Items<'_>, analysis: Option<&Analysis>) {
    for word in TYPES {
        let item = items.plain(word, CompletionKind::Type);
        items.add(Rank::Builtin, item);
    }
    let Some(program) = analysis.map(|analysis| &analysis.checked.program) else { return };
    if !items.cursor().prefix().is_empty() {
        for ty in option_types(program) {
            let item = items.plain(&ty, CompletionKind::Type);
            items.add(Rank::Builtin, item);
        }
    }
    for (name, symbol) in program.entry().into_iter().flat_map(|entry| &entry.scope) {
        let kind = match symbol.target {
            Target::Record(_) => CompletionKind::Record,
            Target::Enum(_) => CompletionKind::Enum,
            Target::Module(_) => CompletionKind::Module,
            _ => continue,
        };
        let item = items.plain(name, kind);
        items.add(Rank::Own, item);
    }
}

/// What could be exported and is not; or a declaration that is exported where it stands.
pub(super) fn exported(items: &mut Items<'_>, tree: &Module) {
    let exported: Vec<&str> = tree
        .decls
        .iter()
        .filter_map(|decl| match decl {
            Decl::Export(export) => Some(export.name.text.as_str()),
            _ => None,
        })
        .collect();
    for decl in &tree.decls {
        let (name, done, kind) = match decl {
            Decl::Func(func) => (&func.name, func.export.is_some(), CompletionKind::Function),
            Decl::Let(decl) => (&decl.name, decl.export.is_some(), CompletionKind::Constant),
            Decl::Record(decl) => (&decl.name, decl.export.is_some(), CompletionKind::Record),
            Decl::Enum(decl) => (&decl.name, decl.export.is_some(), CompletionKind::Enum),
            _ => continue,
        };
        if !done && !name.text.is_empty() && !exported.contains(&name.text.as_str()) {
            let item = items.plain(&name.text, kind);
            items.add(Rank::Best, item);
        }
    }
    for (word, insert) in DECLARATIONS.iter().filter(|(word, _)| !["export", "import", "test"].contains(word)) {
        let item = items.pattern(word, CompletionKind::Keyword, insert, word);
        items.add(Rank::Keyword, Completion { detail: Some(format!("export {word} …")), ..item });
    }
}
