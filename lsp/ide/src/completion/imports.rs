//! Names that would have to be imported.
//!
//! Owns which are offered: functions of the standard modules and of the client's own files; and where the import is written.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use camino::Utf8Path;
use hlb_compiler::Text;
use hlb_language::ast::{Decl, FuncDecl, Module};
use hlb_language::source::Source;
use hlb_language::span::Span;

use super::item::{Items, Rank};
use super::{Completion, CompletionKind, Probed};
use crate::host::Snapshot;

/// So many files of the client are looked into.
const MOST_FILES: usize = 300;
/// So many functions are offered with an import.
const MOST_NAMES: usize = 100;

/// A file that could be imported.
struct Importable {
    /// The name that it would get.
    name: String,
    /// What it would be imported from.
    from: String,
    text: Arc<Text>,
}

/// Functions that begin with the word, or whose module does, where their type fits.
pub(super) fn names(snapshot: &Snapshot, own: &Text, probed: &Probed, items: &mut Items<'_>) {
    let place = place(own);
    let wanted: Vec<String> = probed.place.expected.iter().map(ToString::to_string).collect();
    let mut left = MOST_NAMES;
    for file in importable(snapshot, own) {
        let source = file.text.source();
        for func in exported(file.text.tree()) {
            if !items.wants(&func.name.text) {
                continue;
            }
            if left == 0 {
                return items.cut_off();
            }
            if wanted.is_empty() || wanted.iter().any(|ty| ty == source.slice(func.result.span())) {
                let label = format!("{}.{}", file.name, func.name.text);
                let item = item(items, &label, &label, func, source);
                let also = vec![place.import(&file)];
                let filter = Some(func.name.text.to_string());
                let detail = Some(format!("import {} from \"{}\"", file.name, file.from));
                items.add(Rank::Foreign, Completion { also, filter, detail, ..item });
                left -= 1;
            }
        }
    }
}

/// Functions of a module that is named in front of the dot and not imported.
pub(super) fn members(snapshot: &Snapshot, own: &Text, head: &str, items: &mut Items<'_>) {
    let place = place(own);
    for file in importable(snapshot, own).into_iter().filter(|file| file.name == head) {
        for func in exported(file.text.tree()) {
            let item = item(items, &func.name.text, &func.name.text, func, file.text.source());
            items.add(Rank::Foreign, Completion { also: vec![place.import(&file)], ..item });
        }
    }
}

fn item(items: &Items<'_>, label: &str, insert: &str, func: &FuncDecl, source: &Source) -> Completion {
    let head = func.params.last().map_or(func.name.span, |param| func.name.span.to(param.span));
    let detail = format!("{} {}", source.slice(func.result.span()), source.slice(head));
    Completion { insert: insert.to_owned(), detail: Some(detail), ..items.plain(label, CompletionKind::Function) }
}

fn exported(tree: &Module) -> impl Iterator<Item = &FuncDecl> {
    let later: Vec<&str> = tree
        .decls
        .iter()
        .filter_map(|decl| if let Decl::Export(export) = decl { Some(export.name.text.as_str()) } else { None })
        .collect();
    tree.decls.iter().filter_map(move |decl| match decl {
        Decl::Func(func) if func.export.is_some() || later.contains(&func.name.text.as_str()) => Some(&**func),
        _ => None,
    })
}

/// The standard modules, which never change, with their trees.
fn standard() -> &'static [(&'static str, Arc<Text>)] {
    static TEXTS: OnceLock<Vec<(&str, Arc<Text>)>> = OnceLock::new();
    TEXTS.get_or_init(|| {
        let text = |(name, text): &(&'static str, &str)| (*name, Arc::new(Text::new(format!("std/{name}"), *text)));
        hlb_stdlib::MODULES.iter().map(text).collect()
    })
}

/// What is not imported yet under a name that is free.
fn importable(snapshot: &Snapshot, own: &Text) -> Vec<Importable> {
    let path = Utf8Path::new(own.source().name());
    let standard = standard().iter().map(|(name, text)| Importable {
        name: (*name).to_owned(),
        from: format!("std/{name}"),
        text: Arc::clone(text),
    });
    let mut found: Vec<Importable> = standard.collect();
    let dir = path.parent().unwrap_or(Utf8Path::new("/"));
    for file in snapshot.files().iter().filter(|file| *file != path).take(MOST_FILES) {
        let Ok(below) = file.strip_prefix(dir) else { continue };
        let name: String =
            file.file_stem().unwrap_or_default().chars().filter(|it| it.is_alphanumeric() || *it == '_').collect();
        let is_name = name.starts_with(|it: char| it.is_alphabetic());
        if let (true, Some(text)) = (is_name, snapshot.text(file)) {
            found.push(Importable { name, from: format!("./{below}"), text });
        }
    }
    let names = own.tree().decls.iter().filter_map(|decl| match decl {
        Decl::Import(import) => Some(&import.name),
        Decl::Func(func) => Some(&func.name),
        Decl::Let(decl) => Some(&decl.name),
        _ => None,
    });
    let mut taken: HashSet<&str> = names.map(|name| name.text.as_str()).collect();
    taken.extend(hlb_compiler::probe::namespaces());
    found.retain(|file| !taken.contains(file.name.as_str()));
    found
}

/// Where an import is written, and what stands in front of and behind its line.
struct ImportPlace {
    at: Span,
    before: &'static str,
    behind: &'static str,
}

impl ImportPlace {
    /// The edit that imports a file.
    fn import(&self, file: &Importable) -> (Span, String) {
        let Self { at, before, behind } = self;
        (*at, format!("{before}import {} from \"{}\"{behind}", file.name, file.from))
    }
}

/// Behind the last import, or in front of the first declaration and its comment.
fn place(own: &Text) -> ImportPlace {
    let text = own.source().text();
    let import = |decl: &Decl| if let Decl::Import(import) = decl { Some(import.span) } else { None };
    if let Some(last) = own.tree().decls.iter().rev().find_map(import) {
        let line = text.get(last.end as usize..).and_then(|rest| rest.find('\n'));
        return match line.map(|line| last.end as usize + line + 1) {
            Some(end) => ImportPlace { at: Span::at(end), before: "", behind: "\n" },
            None => ImportPlace { at: Span::at(text.len()), before: "\n", behind: "" },
        };
    }
    // A comment at the head of the file that belongs to no declaration stays at its head.
    let head = text.lines().take_while(|line| line.starts_with('#')).map(|line| line.len() + 1).sum::<usize>();
    let belongs = text.get(head..).is_none_or(|rest| !rest.is_empty() && !rest.starts_with('\n'));
    let start = if head == 0 || belongs { 0 } else { (head + 1).min(text.len()) };
    ImportPlace { at: Span::at(start), before: "", behind: "\n\n" }
}
