//! Results of calls: those that `as` binds, and those that a function declares.
//!
//! Owns whether a call has them, and whether a function sets those that it promises.

use hlb_language::ast::{self, BindTarget, Ident};
use hlb_language::diagnostic::Diagnostic;

use super::Checker;
use super::call::{Resolved, What};
use crate::codes;
use crate::hir::{BindId, Callee, FuncId, Param, Target};
use crate::types::Type;

impl Checker<'_> {
    /// The results that an `as` binds, with the names that were declared for it.
    pub(super) fn bound_by(&mut self, resolved: &Resolved, bind: &ast::BindClause) -> Vec<(usize, BindId)> {
        let at = self.at(bind.span);
        if matches!(bind.target, BindTarget::None) {
            self.report(
                Diagnostic::error(codes::BIND, at, "`as` needs a name")
                    .help("write the name that the result of the call is to get"),
            );
            return Vec::new();
        }
        let name = &resolved.name;
        let effects = &resolved.signature.effects;
        let callable = matches!(resolved.what, What::Callee(Callee::Builtin(_) | Callee::Func(_)));
        if effects.is_empty() || !callable {
            let diagnostic =
                Diagnostic::error(codes::BIND, at, format!("`{name}` has no results that `as` could bind"));
            self.report(match &resolved.what {
                What::Callee(Callee::Func(_)) => {
                    diagnostic.help(format!("declare one behind the parameters of `{name}`: `binds (fs result)`"))
                }
                _ => diagnostic.help("remove the `as`, or bind the result of a `mount`"),
            });
            return Vec::new();
        }
        let pairs: Vec<(Option<&Ident>, &Ident)> = match &bind.target {
            BindTarget::None => Vec::new(),
            BindTarget::Name(name) => vec![(None, name)],
            BindTarget::List(_, binds) => binds.iter().map(|bind| (Some(&bind.effect), &bind.name)).collect(),
        };
        let mut found = Vec::new();
        for (effect, bound) in pairs {
            let index = match effect {
                None => Some(0),
                Some(effect) => effects.iter().position(|param| param.name.text == effect.text),
            };
            match (index, effect) {
                (Some(index), _) => {
                    if let What::Callee(Callee::Func(id)) = resolved.what {
                        let func = self.declared.program.func(id);
                        let result = func.and_then(|func| func.results.get(index)).copied();
                        self.read_results.extend(result);
                        if let (Some(result), Some(effect)) = (result, effect) {
                            self.refer(effect.span, Target::Bind(result));
                        }
                    }
                    let id = self.declared.bind_at.get(&(self.module, bound.span)).copied();
                    found.extend(id.map(|id| (index, id)));
                }
                (None, effect) => self.report_effect(effect.unwrap_or(bound), name, effects),
            }
        }
        found
    }

    fn report_effect(&mut self, effect: &Ident, callee: &str, effects: &[Param]) {
        let names: Vec<&str> = effects.iter().map(|param| param.name.text.as_str()).collect();
        let at = self.at(effect.span);
        let mut diagnostic = Diagnostic::error(codes::BIND, at, format!("`{callee}` has no result `{}`", effect.text))
            .help(format!("it has {}", super::list(&names)));
        if let Some(near) = crate::suggest::nearest(&effect.text, names.iter().copied()) {
            diagnostic = diagnostic.fix(format!("replace `{}` by `{near}`", effect.text), at, near);
        }
        self.report(diagnostic);
    }

    /// The result of the function around it that a name is, and its type.
    pub(super) fn own_result(&mut self, name: &Ident) -> Option<(BindId, Type)> {
        let func = self.func.and_then(|id| self.declared.program.func(id))?;
        let found = func
            .results
            .iter()
            .find(|id| self.declared.program.bind(**id).is_some_and(|result| result.name.text == name.text));
        let id = *found?;
        let ty = self.declared.program.bind(id)?.ty.clone();
        self.set_results.insert(id);
        Some((id, ty))
    }

    /// Notes results that a function declares and never sets.
    pub(super) fn find_unset_results(&mut self, func: &ast::FuncDecl, id: FuncId) {
        if func.body.is_none() || self.has_error_in(self.at(func.span)) {
            return;
        }
        let results = self.declared.program.func(id).map(|func| func.results.clone()).unwrap_or_default();
        let unset = results.into_iter().filter(|result| !self.set_results.contains(result));
        self.unset_results.extend(unset.map(|result| (id, result)));
    }

    /// Reports them: an error only where somebody wants to know one, for a program could always declare what nothing sets.
    pub(super) fn report_unset_results(&mut self) {
        for (id, result) in std::mem::take(&mut self.unset_results) {
            let program = &self.declared.program;
            let (Some(func), Some(bound)) = (program.func(id), program.bind(result)) else { continue };
            let Some(at) = program.at(func.module, &bound.name) else { continue };
            let name = &bound.name.text;
            let message = format!("`{}` never sets its result `{name}`", func.name.text);
            let wanted = self.read_results.contains(&result);
            let severity = if wanted { Diagnostic::error } else { Diagnostic::warning };
            let diagnostic = severity(codes::UNSET_RESULT, at, message)
                .help(format!("bind it with `as {name}`, or write `let {name} = …` in the block"));
            self.report(diagnostic);
        }
    }
}
