//! From a callee's name to what it means.
//!
//! Owns scopes and the choice among a builtin's overloads, and what is said of names that mean nothing.

use hlb_language::ast;
use hlb_language::diagnostic::{Diagnostic, Location};

use super::Checker;
use crate::codes;
use crate::hir::{BindId, BuiltinId, Callee, ModuleId, Param, Target};
use crate::suggest;
use crate::types::{Expected, Kind};

/// What a callee's name means.
pub(super) struct Resolved {
    pub(super) callee: Callee,
    pub(super) kind: Kind,
    pub(super) params: Vec<Param>,
    pub(super) effects: Vec<Param>,
    /// Where it is defined.
    pub(super) defined: Option<Location>,
    /// Whether it is a parameter that stands for any number of values.
    pub(super) variadic: bool,
}

impl Checker<'_> {
    /// What a callee means where some kinds are expected. Nothing if it means nothing; that has been reported.
    pub(super) fn callee(&mut self, path: &ast::Path, expected: &Expected) -> Option<Resolved> {
        if let Some(member) = &path.member {
            return self.member(&path.head, member, expected);
        }
        let name = &path.head.text;
        if let Some(func) = self.func.and_then(|id| self.declared.program.func(id)) {
            let position = func.signature.params.iter().position(|param| param.name.text == *name);
            if let Some((index, param)) = position.and_then(|at| Some((at, func.signature.params.get(at)?))) {
                let resolved = Resolved {
                    callee: Callee::Param(index),
                    kind: param.kind.clone(),
                    params: Vec::new(),
                    effects: Vec::new(),
                    defined: Some(self.at(param.name.span)),
                    variadic: param.variadic,
                };
                if let Some(func) = self.func {
                    self.refer(path.head.span, Target::Param(func, index));
                }
                return Some(resolved);
            }
            if func.signature.effects.iter().any(|effect| effect.name.text == *name) {
                let at = self.at(path.span);
                self.report(Diagnostic::error(
                    codes::UNSUPPORTED,
                    at,
                    format!("reading the result `{name}` of the function itself is not supported yet"),
                ));
                return None;
            }
        }
        let symbol = self.declared.program.module(self.module).and_then(|module| module.scope.get(name));
        let symbol = symbol.map(|symbol| (symbol.target, symbol.at));
        if let Some((target, defined)) = symbol.filter(|(target, _)| !self.gives_way(name, *target, expected)) {
            self.refer(path.head.span, target);
            return self.target(path, target, defined, expected);
        }
        self.builtin(path, expected)
    }

    /// Whether a builtin is meant by a name that the program has defined too. Names of later builtins are free for programs,
    /// which mean their own wherever its kind fits.
    fn gives_way(&self, name: &str, target: Target, expected: &Expected) -> bool {
        let program = &self.declared.program;
        let own = match target {
            Target::Func(id) => program.func(id).map(|func| &func.signature.kind),
            Target::Bind(id) => program.bind(id).map(|bound| &bound.kind),
            _ => None,
        };
        let fitting = |kind: &Kind| expected.kinds().contains(kind);
        let overloads = self.declared.builtins.overloads(name).iter().filter_map(|id| program.builtin(*id));
        own.is_some_and(|kind| !expected.takes(kind)) && overloads.map(|it| &it.signature.kind).any(fitting)
    }

    fn target(&mut self, path: &ast::Path, target: Target, defined: Location, expected: &Expected) -> Option<Resolved> {
        let at = self.at(path.span);
        match target {
            Target::Func(id) => {
                self.edge(id.0, at);
                let signature = self.declared.program.func(id)?.signature.clone();
                Some(Resolved {
                    callee: Callee::Func(id),
                    kind: signature.kind,
                    params: signature.params,
                    effects: signature.effects,
                    defined: Some(defined),
                    variadic: false,
                })
            }
            Target::Bind(id) => self.bound(path, id, defined),
            Target::Module(module) => {
                self.report_module(path, module, defined, expected);
                None
            }
            // Module scopes hold neither.
            Target::Param(..) | Target::Builtin(_) => None,
        }
    }

    fn bound(&mut self, path: &ast::Path, id: BindId, defined: Location) -> Option<Resolved> {
        let at = self.at(path.span);
        let bound = self.declared.program.bind(id)?;
        let (func, kind, end, name) = (bound.func, bound.kind.clone(), bound.end, bound.name.text.clone());
        let own = self.func == Some(func) && defined.source == self.source;
        if own && path.span.start < end {
            self.report(
                Diagnostic::error(codes::BOUND_LATER, at, format!("`{name}` is used before it is bound"))
                    .also(defined, "bound here")
                    .help("use it after the statement that binds it, or in another function"),
            );
            return None;
        }
        if !own {
            self.edge(func.0, at);
        }
        let params = self.declared.program.func(func)?.signature.params.clone();
        Some(Resolved {
            callee: if own { Callee::OwnBind(id) } else { Callee::Bind(id) },
            kind,
            params,
            effects: Vec::new(),
            defined: Some(defined),
            variadic: false,
        })
    }

    fn member(&mut self, head: &ast::Ident, member: &ast::Ident, expected: &Expected) -> Option<Resolved> {
        let scope = self.declared.program.module(self.module);
        let symbol = scope.and_then(|module| module.scope.get(&head.text)).map(|symbol| (symbol.target, symbol.at));
        let at = self.at(head.span);
        let Some((Target::Module(module), _)) = symbol else {
            let known = symbol.is_some() || !self.declared.builtins.overloads(&head.text).is_empty();
            let (code, message) = if known {
                (
                    codes::NOT_A_MODULE,
                    format!("`{}` is no import, so nothing can follow its name with a dot", head.text),
                )
            } else {
                (codes::UNDEFINED, format!("there is no import `{}` in this file", head.text))
            };
            let mut diagnostic = Diagnostic::error(code, at, message);
            if let Some((_, defined)) = symbol {
                diagnostic = diagnostic.also(defined, "defined here");
            }
            self.report(diagnostic);
            return None;
        };
        self.refer(head.span, Target::Module(module));
        // An import that could not be loaded has been reported; what it holds is not known.
        let module = module?;
        let imported = self.declared.program.module(module)?;
        let at = self.at(member.span);
        let Some(symbol) = imported.scope.get(&member.text) else {
            let path = imported.path.clone();
            if let Some(builtin) = self.declared.builtins.overloads(&member.text).first() {
                let defined = self.declared.program.builtin(*builtin).map(|builtin| builtin.at);
                let mut diagnostic = Diagnostic::error(
                    codes::NOT_EXPORTED,
                    at,
                    format!("`{}` is a builtin function and not part of `{}`", member.text, head.text),
                )
                .help(format!("write `{}` without `{}.`", member.text, head.text));
                if let Some(defined) = defined {
                    diagnostic = diagnostic.also(defined, "defined here");
                }
                self.report(diagnostic);
                return None;
            }
            let names = imported.scope.iter().filter(|(_, symbol)| symbol.exported).map(|(name, _)| name.as_str());
            let near = suggest::nearest(&member.text, names).map(str::to_owned);
            let mut diagnostic =
                Diagnostic::error(codes::UNDEFINED, at, format!("`{}` is not defined in `{path}`", member.text));
            if let Some(near) = near {
                diagnostic = diagnostic.help(format!("did you mean `{near}`?")).fix(
                    format!("replace `{}` by `{near}`", member.text),
                    at,
                    near,
                );
            }
            self.report(diagnostic);
            return None;
        };
        let (target, defined, exported) = (symbol.target, symbol.at, symbol.exported);
        if !exported {
            let path = imported.path.clone();
            self.report(
                Diagnostic::error(codes::NOT_EXPORTED, at, format!("`{}` is not exported by `{path}`", member.text))
                    .also(defined, "defined here")
                    .help(format!("add `export {}` to `{path}`", member.text)),
            );
            return None;
        }
        self.refer(member.span, target);
        let path = ast::Path { span: head.span.to(member.span), head: member.clone(), member: None };
        self.target(&path, target, defined, expected)
    }

    /// A builtin: the overload of the kind that is expected most, or the only one whatever its kind.
    fn builtin(&mut self, path: &ast::Path, expected: &Expected) -> Option<Resolved> {
        let mut name = path.head.text.as_str();
        let at = self.at(path.head.span);
        if name == "parallel" && expected.kinds().contains(&Kind::Pipeline) {
            name = "stage";
            self.report(
                Diagnostic::warning(codes::DEPRECATED, at, "`parallel` is the old name of `stage`")
                    .help("write `stage`")
                    .safe_fix("replace `parallel` by `stage`", at, "stage"),
            );
        }
        let overloads = self.declared.builtins.overloads(name);
        let fitting = expected.kinds().iter().find_map(|kind| {
            overloads.iter().find(|id| self.declared.program.builtin(**id).is_some_and(|b| b.signature.kind == *kind))
        });
        let chosen = fitting.or(if overloads.len() == 1 { overloads.first() } else { None }).copied();
        let Some(id) = chosen else {
            if overloads.is_empty() {
                self.report_undefined(path, expected);
            } else {
                let overloads = overloads.to_vec();
                self.report_overloads(path, &overloads, expected);
            }
            return None;
        };
        self.refer(path.head.span, Target::Builtin(id));
        let builtin = self.declared.program.builtin(id)?;
        Some(Resolved {
            callee: Callee::Builtin(id),
            kind: builtin.signature.kind.clone(),
            params: builtin.signature.params.clone(),
            effects: builtin.signature.effects.clone(),
            defined: Some(builtin.at),
            variadic: false,
        })
    }

    fn report_overloads(&mut self, path: &ast::Path, overloads: &[BuiltinId], expected: &Expected) {
        let name = &path.head.text;
        let kinds: Vec<String> = overloads
            .iter()
            .filter_map(|id| self.declared.program.builtin(*id))
            .map(|builtin| builtin.signature.kind.to_string())
            .collect();
        let kinds: Vec<&str> = kinds.iter().map(String::as_str).collect();
        let mut diagnostic = Diagnostic::error(
            codes::MISMATCH,
            self.at(path.span),
            format!("expected {expected}, and `{name}` exists only as {}", super::message::list(&kinds)),
        );
        for builtin in overloads.iter().filter_map(|id| self.declared.program.builtin(*id)).take(3) {
            diagnostic = diagnostic.also(builtin.at, "defined here");
        }
        self.report(diagnostic);
    }

    fn report_undefined(&mut self, path: &ast::Path, expected: &Expected) {
        let name = path.head.text.clone();
        let at = self.at(path.head.span);
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
        let mut diagnostic = Diagnostic::error(codes::UNDEFINED, at, format!("`{name}` is not defined"));
        if name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
            diagnostic = diagnostic.help("write numbers in decimal digits only, or with `0x`, `0o` or `0b`");
        } else if let Some(near) = near {
            diagnostic = diagnostic.help(format!("did you mean `{near}`?")).fix(
                format!("replace `{name}` by `{near}`"),
                at,
                near,
            );
        } else if is_shell_variable(&name) {
            diagnostic = diagnostic
                .help(format!("write `\\${{{name}}}` or `${name}` if the shell of the step is to see the variable"));
        } else {
            diagnostic = diagnostic.help("declare it in this file, or import the file that has it");
        }
        self.report(diagnostic);
    }

    /// Names in scope that would fit.
    fn candidates<'s>(&'s self, expected: &'s Expected) -> impl Iterator<Item = &'s str> + use<'s> {
        let program = &self.declared.program;
        let params = self
            .func
            .and_then(|id| program.func(id))
            .into_iter()
            .flat_map(|func| &func.signature.params)
            .filter(|param| expected.takes(&param.kind))
            .map(|param| param.name.text.as_str());
        let module =
            program.module(self.module).into_iter().flat_map(|module| &module.scope).filter_map(|(name, symbol)| {
                let kind = match symbol.target {
                    Target::Func(id) => program.func(id).map(|func| &func.signature.kind),
                    Target::Bind(id) => program.bind(id).map(|bound| &bound.kind),
                    _ => None,
                };
                kind.is_some_and(|kind| expected.takes(kind)).then_some(name.as_str())
            });
        let builtins = program
            .builtins
            .iter()
            .filter(|builtin| expected.takes(&builtin.signature.kind))
            .map(|builtin| builtin.name.text.as_str());
        params.chain(module).chain(builtins)
    }

    fn report_module(&mut self, path: &ast::Path, module: Option<ModuleId>, defined: Location, expected: &Expected) {
        let name = &path.head.text;
        let mut diagnostic =
            Diagnostic::error(codes::NOT_A_MODULE, self.at(path.span), format!("`{name}` is an import, not a value"))
                .also(defined, "imported here");
        let imported = module.and_then(|module| self.declared.program.module(module));
        let fitting = imported.into_iter().flat_map(|module| &module.scope).find(|(_, symbol)| {
            let kind = match symbol.target {
                Target::Func(id) => self.declared.program.func(id).map(|func| &func.signature.kind),
                Target::Bind(id) => self.declared.program.bind(id).map(|bound| &bound.kind),
                _ => None,
            };
            symbol.exported && kind.is_some_and(|kind| expected.takes(kind))
        });
        if let Some((member, _)) = fitting {
            diagnostic = diagnostic.help(format!("call one of its functions, such as `{name}.{member}`"));
        }
        self.report(diagnostic);
    }

    fn edge(&mut self, to: usize, at: Location) {
        if let Some(list) = self.func.and_then(|from| self.edges.get_mut(from.0)) {
            list.push((to, at));
        }
    }
}

/// `0755`, as C and shells write octal numbers.
/// Whether a name is written as variables of the shell are; here `${…}` holds an expression.
fn is_shell_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_')
}

fn is_octal(name: &str) -> bool {
    name.len() > 1 && name.starts_with('0') && name.bytes().all(|byte| (b'0'..=b'7').contains(&byte))
}
