//! Consent to what modules of others do.
//!
//! Owns the errors for uses, in files of the client, of functions and values of such modules that do what nobody has allowed. What
//! is not seen here is refused when it happens.

use std::collections::BTreeMap;

use hlb_language::diagnostic::{Diagnostic, Location};
use rustc_hash::FxHashMap;

use super::Checker;
use crate::consent::{Consent, refusal};
use crate::effects::Effects;
use crate::hir::ModuleId;

/// What a use would do that is not allowed, by the module that does it, and where one of its functions does.
type Missing = BTreeMap<String, (Effects, Option<Location>)>;

impl Checker<'_> {
    /// The uses that are not allowed.
    pub(super) fn not_allowed(&self, consent: &Consent) -> Vec<Diagnostic> {
        let mut known: FxHashMap<usize, Missing> = FxHashMap::default();
        let mut refused = Vec::new();
        for (from, edges) in self.edges.iter().enumerate() {
            if self.source_of(from).is_some() {
                continue;
            }
            for (to, at) in edges.iter().filter(|(to, _)| self.source_of(*to).is_some()) {
                let missing = known.entry(*to).or_insert_with(|| self.missing(*to, consent));
                for (module, (effects, does)) in missing.iter() {
                    let error = refusal(module, *effects, *at);
                    refused.push(match does {
                        Some(does) => error.also(*does, "it does so here"),
                        None => error,
                    });
                }
            }
        }
        refused
    }

    /// What a function of a module of others, and all that it needs, does that is not allowed. Each module answers for itself.
    fn missing(&self, start: usize, consent: &Consent) -> Missing {
        let mut missing = Missing::new();
        let mut seen = vec![false; self.edges.len()];
        let mut open = vec![start];
        while let Some(node) = open.pop() {
            if seen.get_mut(node).is_none_or(|seen| std::mem::replace(seen, true)) {
                continue;
            }
            let own = self.own.get(node).copied().unwrap_or_default();
            if let Some(source) = self.source_of(node) {
                let own = consent.missing(source, own);
                if !own.is_empty() {
                    let (all, _) = missing.entry(source.to_owned()).or_insert((Effects::NONE, self.place_of(node)));
                    *all = all.and(own);
                }
            }
            open.extend(self.edges.get(node).into_iter().flatten().map(|(to, _)| *to));
        }
        missing
    }

    /// The module of others that a function, constant or test belongs to, as consent names it.
    fn source_of(&self, node: usize) -> Option<&str> {
        let module = self.declared.program.module(self.module_of(node)?)?;
        module.origin.remote().map(|module| module.source.as_str())
    }

    fn module_of(&self, node: usize) -> Option<ModuleId> {
        let program = &self.declared.program;
        let Some(rest) = node.checked_sub(program.funcs.len()) else {
            return program.funcs.get(node).map(|func| func.module);
        };
        match rest.checked_sub(program.constants.len()) {
            None => program.constants.get(rest).map(|constant| constant.module),
            Some(test) => program.tests.get(test).map(|test| test.module),
        }
    }

    fn place_of(&self, node: usize) -> Option<Location> {
        let program = &self.declared.program;
        match node.checked_sub(program.funcs.len()) {
            None => program.funcs.get(node).and_then(|func| program.at(func.module, &func.name)),
            Some(rest) => program.constants.get(rest).and_then(|it| program.at(it.module, &it.name)),
        }
    }
}
