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
const MOST_NAMES: usize = 40;

/// A file that could be imported.
struct Importable {
    /// The name that it would get.
    name: String,
    /// What it would be imported from.
    from: String,
    text: Arc<Text>,
}

/// Functions whose names have the word in them, or whose module's begins with it, where their type fits.
pub(super) fn names(snapshot: &Snapshot, own: &Text, probed: &Probed, items: &mut Items<'_>) {
    let place = place(own);
    let wanted: Vec<String> = probed.place.expected.iter().map(ToString::to_string).collect();
    let mut left = MOST_NAMES;
    for file in importable(snapshot, own) {
        let source = file.text.source();
        let of_module = file.name.to_lowercase().starts_with(&items.cursor().prefix().to_lowercase());
        for func in exported(file.text.tree()) {
            let by_name = items.wants(&func.name.text);
            if !by_name && !of_module {
                continue;
            }
            if left == 0 {
                return items.cut_off();
            }
            if wanted.is_empty() || wanted.iter().any(|ty| ty == source.slice(func.result.span())) {
                let label = format!("{}.{}", file.name, func.name.text);
                let item = item(items, &label, &label, func, source);
                let also = vec![place.import(&file)];
                // Some clients compare the beginning only.
                let filter = by_name.then(|| func.name.text.to_string());
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
            // Several files may have the name.
            let detail = item.detail.as_ref().map(|detail| format!("{detail} from \"{}\"", file.from));
            items.add(Rank::Foreign, Completion { also: vec![place.import(&file)], detail, ..item });
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
    let files = snapshot.files();
    let below = files.iter().filter(|file| *file != path).filter_map(|file| Some((file, file.strip_prefix(dir).ok()?)));
    for (file, below) in below.take(MOST_FILES) {
        let name: String =
            file.file_stem().unwrap_or_default().chars().filter(|it| it.is_alphanumeric() || *it == '_').collect();
        let is_name = name.starts_with(|it: char| it.is_alphabetic());
        if let (true, Some(text)) = (is_name, snapshot.world().last_text(file)) {
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

/// Where an import is written, and what stands behind it.
struct ImportPlace {
    at: Span,
    behind: String,
}

impl ImportPlace {
    /// The edit that imports a file.
    fn import(&self, file: &Importable) -> (Span, String) {
        (self.at, format!("import {} from \"{}\"{}", file.name, file.from, self.behind))
    }
}

/// Behind the last import, or in front of the first declaration and its comment.
fn place(own: &Text) -> ImportPlace {
    let text = own.source().text();
    let line_end = match text.find('\n') {
        Some(at) if text.get(..at).is_some_and(|line| line.ends_with('\r')) => "\r\n",
        _ => "\n",
    };
    let import = |decl: &Decl| if let Decl::Import(import) = decl { Some(import.span) } else { None };
    if let Some(last) = own.tree().decls.iter().rev().find_map(import) {
        let rest = text.get(last.end as usize..).and_then(|rest| rest.split_inclusive('\n').next()).unwrap_or_default();
        let said = rest.trim_start();
        let is_free = rest.ends_with('\n') && (said.is_empty() || said.starts_with('#'));
        // What else is in its line, or the end of the text, stays behind it.
        let at = if is_free { last.end as usize + rest.len() } else { last.start as usize };
        return ImportPlace { at: Span::at(at), behind: line_end.to_owned() };
    }
    // A comment at the head of the file that belongs to no declaration stays at its head.
    let lines = || text.split_inclusive('\n');
    let head = lines().take_while(|line| line.starts_with('#'));
    let (count, len) = head.fold((0, 0), |(count, len), line| (count + 1, len + line.len()));
    let start = match lines().nth(count) {
        Some(blank) if count > 0 && blank.trim().is_empty() => len + blank.len(),
        _ => 0,
    };
    ImportPlace { at: Span::at(start), behind: line_end.repeat(2) }
}
