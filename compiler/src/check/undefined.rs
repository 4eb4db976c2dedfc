//! Names that mean nothing, or nothing here.
//!
//! Owns what is said of them and which other names are suggested: those in scope that would fit.

use ecow::EcoString;
use hlb_language::ast::Ident;
use hlb_language::diagnostic::{Diagnostic, Location};

use super::Checker;
use crate::codes;
use crate::hir::{BuiltinId, ModuleId, Target};
use crate::suggest;
use crate::types::{Expected, Type};

impl Checker<'_> {
    /// Whether a name means nothing by itself.
    pub(super) fn is_undefined(&self, name: &str) -> bool {
        let own = self.declared.program.module(self.module).is_some_and(|module| module.scope.contains_key(name));
        !own && !self.scopes.has(name) && self.declared.builtins.overloads(name).is_empty()
    }

    pub(super) fn report_overloads(&mut self, name: &Ident, overloads: &[BuiltinId], expected: &Expected) {
        let builtins = overloads.iter().filter_map(|id| self.declared.program.builtin(*id));
        let types: Vec<String> = builtins.map(|builtin| builtin.signature.result.to_string()).collect();
        let types: Vec<&str> = types.iter().map(String::as_str).collect();
        let mut diagnostic = Diagnostic::error(
            codes::MISMATCH,
            self.at(name.span),
            format!("expected {expected}, and `{}` exists only as {}", name.text, super::list(&types)),
        );
        for builtin in overloads.iter().filter_map(|id| self.declared.program.builtin(*id)).take(3) {
            diagnostic = diagnostic.also(builtin.at, "defined here");
        }
        self.report(diagnostic);
    }

    pub(super) fn report_undefined(&mut self, ident: &Ident, expected: &Expected) {
        let name = ident.text.clone();
        let at = self.at(ident.span);
        if is_octal(&name) {
            let digits = name.trim_start_matches('0');
            let fixed = format!("0o{}", if digits.is_empty() { "0" } else { digits });
            self.report(
                Diagnostic::error(codes::OCTAL, at, format!("`{name}` is not a number"))
                    .help(format!("write octal numbers with `0o`: `{fixed}`"))
                    .safe_fix(format!("replace `{name}` by `{fixed}`"), at, fixed),
            );
            return;
        }
        let near = suggest::nearest(&name, self.candidates(expected)).map(str::to_owned);
        let diagnostic = Diagnostic::error(codes::UNDEFINED, at, format!("`{name}` is not defined"));
        let replaced = |diagnostic: Diagnostic, by: &str| {
            diagnostic.help(format!("did you mean `{by}`?")).fix(format!("replace `{name}` by `{by}`"), at, by)
        };
        let variants = self.enums_with(&name);
        let functions = self.functions_named(&name);
        let diagnostic = if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
            diagnostic.help("write numbers in decimal digits only, or with `0x`, `0o` or `0b`")
        } else if name == "return" {
            diagnostic.help("write the value alone: that of a block is its last statement")
        } else if name == "include" {
            diagnostic.help("write `import name from \"path\"` at the top of the file")
        } else if name == "switch" {
            diagnostic.help("write `match value { pattern => … }`")
        } else if let Some(word) = other_word(&name) {
            replaced(diagnostic, word)
        } else if let Some(near) = near {
            replaced(diagnostic, &near)
        } else if let [first, rest @ ..] = variants.as_slice() {
            let by = format!("{first}.{name}");
            if rest.is_empty() {
                replaced(diagnostic, &by)
            } else {
                diagnostic.help(format!("say of which enum: `{by}`"))
            }
        } else if !functions.is_empty() {
            let functions: Vec<&str> = functions.iter().map(String::as_str).collect();
            diagnostic
                .help(format!("write its namespace in front: {}", super::list(&functions).replace(" and ", " or ")))
        } else if self.declared.builtins.namespace(&name).is_some() {
            diagnostic.help(format!("`{name}` is a namespace: call one of its functions, `{name}.…`"))
        } else if is_shell_variable(&name) {
            diagnostic
                .help(format!("write `\\${{{name}}}` or `${name}` if the shell of the step is to see the variable"))
        } else {
            match self.own_options(expected) {
                Some(help) => diagnostic.help(help),
                None => diagnostic.help("declare it in this file, or import the file that has it"),
            }
        };
        self.report(diagnostic);
    }

    /// The enums of the file that have a variant of a name.
    fn enums_with(&self, name: &str) -> Vec<EcoString> {
        let scope = self.declared.program.module(self.module).into_iter().flat_map(|module| &module.scope);
        let enums = scope.filter(|(_, symbol)| match symbol.target {
            Target::Enum(id) => self.variant_index(id, name).is_some(),
            _ => false,
        });
        enums.map(|(enumeration, _)| enumeration.clone()).collect()
    }

    /// The functions of namespaces that have a name.
    fn functions_named(&self, name: &str) -> Vec<String> {
        let spaces = crate::builtins::names::NAMESPACES.iter();
        let spaces = spaces.filter(|space| {
            self.declared.builtins.namespace(space).is_some_and(|functions| functions.contains_key(name))
        });
        spaces.map(|space| format!("{space}.{name}")).collect()
    }

    /// What can be said where a name should be an option of a function.
    fn own_options(&self, expected: &Expected) -> Option<String> {
        let Some(Type::OwnOption(id, of)) = expected.first() else { return None };
        let func = self.declared.program.func(*id)?;
        let options: Vec<&str> = func.signature.options.iter().map(|option| option.name.text.as_str()).collect();
        Some(format!("`{of}` takes the options {}", super::list(&options)))
    }

    /// Names in scope that would fit.
    pub(super) fn candidates<'s>(&'s self, expected: &'s Expected) -> impl Iterator<Item = &'s str> + use<'s> {
        let program = &self.declared.program;
        let locals = self.scopes.names().filter(|(_, ty)| expected.takes(ty)).map(|(name, _)| name);
        let module =
            program.module(self.module).into_iter().flat_map(|module| &module.scope).filter_map(|(name, symbol)| {
                let ty = match symbol.target {
                    Target::Func(id) => program.func(id).map(|func| func.signature.result.clone()),
                    Target::Bind(id) => program.bind(id).map(|bound| bound.ty.clone()),
                    Target::Constant(id) => program.constant(id).map(|constant| constant.ty.clone()),
                    Target::Record(id) => Some(Type::Record(id, name.clone())),
                    _ => None,
                };
                ty.is_some_and(|ty| expected.takes(&ty)).then_some(name.as_str())
            });
        let options = expected.types().iter().filter_map(|ty| match ty {
            Type::OwnOption(id, _) => program.func(*id),
            _ => None,
        });
        let options = options.flat_map(|func| &func.signature.options).map(|option| option.name.text.as_str());
        let variants = expected.types().iter().filter_map(|ty| match ty {
            Type::Enum(id, _) => program.enumeration(*id),
            _ => None,
        });
        let variants = variants.flat_map(|it| &it.variants).map(|variant| variant.text.as_str());
        let builtins = program
            .builtins
            .iter()
            .filter(|builtin| builtin.namespace.is_empty() && expected.takes(&builtin.signature.result))
            .map(|builtin| builtin.name.text.as_str());
        options.chain(variants).chain(locals).chain(module).chain(builtins)
    }

    pub(super) fn report_module(
        &mut self,
        name: &Ident,
        module: Option<ModuleId>,
        defined: Location,
        expected: &Expected,
    ) {
        let message = format!("`{}` is an import, not a value", name.text);
        let mut diagnostic =
            Diagnostic::error(codes::NOT_A_MODULE, self.at(name.span), message).also(defined, "imported here");
        let imported = module.and_then(|module| self.declared.program.module(module));
        let fitting = imported.into_iter().flat_map(|module| &module.scope).find(|(_, symbol)| {
            let ty = match symbol.target {
                Target::Func(id) => self.declared.program.func(id).map(|func| &func.signature.result),
                Target::Bind(id) => self.declared.program.bind(id).map(|bound| &bound.ty),
                _ => None,
            };
            symbol.exported && ty.is_some_and(|ty| expected.takes(ty))
        });
        if let Some((member, _)) = fitting {
            diagnostic = diagnostic.help(format!("call one of its functions, such as `{}.{member}`", name.text));
        }
        self.report(diagnostic);
    }
}

/// Whether a name is written as variables of the shell are; here `${…}` holds an expression.
fn is_shell_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

/// `0755`, as C and shells write octal numbers.
fn is_octal(name: &str) -> bool {
    name.len() > 1 && name.starts_with('0') && name.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
}

/// What other languages call something that HLB has.
fn other_word(name: &str) -> Option<&'static str> {
    Some(match name {
        "null" | "nil" | "None" | "undefined" => "none",
        "True" => "true",
        "False" => "false",
        "FROM" | "From" => "image",
        "WORKDIR" | "workdir" | "cd" => "dir",
        _ => return None,
    })
}
