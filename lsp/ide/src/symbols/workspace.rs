//! What is declared in all files, by a few letters of its name.
//!
//! Owns which names a query fits, and which fits best.

use hlb_compiler::Origin;
use hlb_compiler::hir::{ModuleId, Program, Target};
use hlb_language::diagnostic::Location;
use hlb_language::span::Span;

use super::{Symbol, SymbolKind};
use crate::place::Place;
use crate::project::Project;

impl Project {
    /// The declarations of all files of the client whose names a query fits, the best first.
    pub fn workspace_symbols(&self, query: &str, limit: usize) -> Vec<(Symbol, Place)> {
        let program = &self.checked.program;
        let mut found: Vec<(Fit, Symbol, Location)> = Vec::new();
        for (module, file) in program.modules.iter().enumerate().filter(|(_, file)| file.origin == Origin::Client) {
            let names = file.scope.iter().filter(|(name, symbol)| !name.is_empty() && symbol.at.source == file.source);
            for (name, symbol) in names {
                let Some(fit) = fit(query, name) else { continue };
                let Some(told) = told(program, ModuleId(module), symbol.target) else { continue };
                let (kind, detail, span) = told;
                let name_span = symbol.at.span;
                let span = span.unwrap_or(name_span);
                let name = name.to_string();
                found.push((fit, Symbol { name, kind, detail, span, name_span, children: Vec::new() }, symbol.at));
            }
        }
        for test in &program.tests {
            let file = program.modules.get(test.module.0);
            if let (Some(fit), true) = (fit(query, &test.name), file.is_some_and(|file| file.origin == Origin::Client))
            {
                let (span, name_span, name) = (test.span, test.at.span, test.name.to_string());
                let (kind, detail) = (SymbolKind::Test, "test".to_owned());
                found.push((fit, Symbol { name, kind, detail, span, name_span, children: Vec::new() }, test.at));
            }
        }
        found.sort_by(|(fit, one, at), (other_fit, other, other_at)| {
            let key = (fit, one.name.len(), &one.name, at);
            key.cmp(&(other_fit, other.name.len(), &other.name, other_at))
        });
        found.truncate(limit);
        found.into_iter().filter_map(|(_, symbol, at)| Some((symbol, self.place(at)?))).collect()
    }
}

/// Kind, words and extent of something that a file declares.
fn told(program: &Program, module: ModuleId, target: Target) -> Option<(SymbolKind, String, Option<Span>)> {
    match target {
        Target::Func(id) => {
            let func = program.funcs.get(id.0).filter(|func| func.module == module)?;
            let params = func.signature.params.iter().map(|param| format!("{} {}", param.ty, param.name.text));
            let params: Vec<String> = params.collect();
            let detail = format!("{} ({})", func.signature.result, params.join(", "));
            Some((SymbolKind::Function, detail, Some(func.span)))
        }
        Target::Constant(id) => {
            let constant = program.constants.get(id.0)?;
            Some((SymbolKind::Constant, constant.ty.to_string(), Some(constant.span)))
        }
        Target::Record(id) => Some((SymbolKind::Record, "type".to_owned(), Some(program.records.get(id.0)?.span))),
        Target::Enum(id) => Some((SymbolKind::Enum, "enum".to_owned(), Some(program.enums.get(id.0)?.span))),
        Target::Bind(id) => Some((SymbolKind::Bound, program.binds.get(id.0)?.ty.to_string(), None)),
        _ => None,
    }
}

/// How well a query fits a name; smaller is better.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Fit {
    /// It is the name.
    Same,
    /// It is the beginning.
    Begins,
    /// It is the beginning of words of the name: `cs` of `compileSources`.
    Words,
    /// It stands in it.
    Within,
    /// Its letters stand in it in order, with so many others between them.
    Letters(usize),
}

/// How well a query fits a name, whatever the case of its letters.
fn fit(query: &str, name: &str) -> Option<Fit> {
    let (query, folded) = (query.trim().to_lowercase(), name.to_lowercase());
    if query == folded {
        return Some(Fit::Same);
    }
    if folded.starts_with(&query) {
        return Some(Fit::Begins);
    }
    let between = letters(&query, &folded)?;
    if initials(name).starts_with(&query) {
        return Some(Fit::Words);
    }
    Some(if folded.contains(&query) { Fit::Within } else { Fit::Letters(between) })
}

/// How many letters stand between those of the query.
fn letters(query: &str, name: &str) -> Option<usize> {
    let mut wanted = query.chars().peekable();
    let (mut between, mut begun) = (0, false);
    for ch in name.chars() {
        match wanted.peek() {
            None => break,
            Some(next) if *next == ch => {
                wanted.next();
                begun = true;
            }
            Some(_) if begun => between += 1,
            Some(_) => {}
        }
    }
    wanted.peek().is_none().then_some(between)
}

/// The first letters of the words of a name, in lower case.
fn initials(name: &str) -> String {
    let mut initials = String::new();
    let mut before = ' ';
    for ch in name.chars() {
        let begins = !before.is_alphanumeric() && ch.is_alphanumeric() || before.is_lowercase() && ch.is_uppercase();
        if begins {
            initials.extend(ch.to_lowercase());
        }
        before = ch;
    }
    initials
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_names_come_first() {
        let names = ["build", "rebuild", "buildAll", "bigUnit", "bulldog", "Build", "b_u_ild", "lib"];
        let mut fitting: Vec<(Fit, &str)> = names.iter().filter_map(|name| Some((fit("bu", name)?, *name))).collect();
        fitting.sort();
        let fitting: Vec<&str> = fitting.into_iter().map(|(_, name)| name).collect();
        assert_eq!(fitting, ["Build", "build", "buildAll", "bulldog", "b_u_ild", "bigUnit", "rebuild"]);
        assert_eq!(fit("BUILD", "build"), Some(Fit::Same));
        assert_eq!(fit("", "x"), Some(Fit::Begins));
        assert_eq!((fit("xx", "x"), fit("ä", "a")), (None, None));
        assert_eq!(fit("bd", "build"), Some(Fit::Letters(3)));
    }
}
