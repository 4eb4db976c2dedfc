//! Loading: from the entry file along its imports to all files of a program.
//!
//! Owns the import graph, the place of each file and import cycles. What the names in the files mean is `resolve`'s business.

mod used;

use std::sync::OnceLock;

use camino::{Utf8Path, Utf8PathBuf};
use ecow::EcoString;
use hlb_language::ast::{self, Decl, Expr, StringForm, StringPart};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::{Source, SourceId, SourceMap};
use rustc_hash::FxHashMap;

use crate::codes;
use crate::hir::ModuleId;
use crate::path;
use crate::world::World;

/// All files of a program.
pub(crate) struct Loaded {
    /// The files, the entry first.
    pub(crate) files: Vec<File>,
    /// Their texts and that of the builtin declarations.
    pub(crate) sources: SourceMap,
    /// The builtin declarations.
    pub(crate) builtin: (SourceId, &'static ast::Module),
    /// Those of the namespaces.
    pub(crate) namespaces: Vec<(&'static str, SourceId, &'static ast::Module)>,
}

/// One parsed file.
pub(crate) struct File {
    pub(crate) source: SourceId,
    pub(crate) path: Utf8PathBuf,
    pub(crate) dir: Utf8PathBuf,
    pub(crate) tree: ast::Module,
    /// What each import name leads to, in the order of the text; `None` if it could not be loaded.
    pub(crate) imports: Vec<(EcoString, Option<ModuleId>)>,
}

/// Loads the file at a path and everything it imports and uses. `text` is the entry's text if it is not to be read.
pub(crate) fn load(
    world: &dyn World,
    entry: &Utf8Path,
    text: Option<String>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Loaded {
    let mut sources = SourceMap::new();
    let builtin_source = sources.add(Source::new("<builtin>", hlb_stdlib::BUILTIN));
    let namespace_sources: Vec<SourceId> =
        hlb_stdlib::NAMESPACES.iter().map(|(name, text)| sources.add(Source::new(format!("<{name}>"), *text))).collect();
    let trees = builtin_trees(builtin_source, &namespace_sources);
    let mut loader =
        Loader { world, sources, files: Vec::new(), edges: Vec::new(), by_path: FxHashMap::default(), diagnostics };
    let text = text.map_or_else(|| world.read_text(entry), Ok);
    match text {
        Ok(text) => {
            loader.add(entry, text);
        }
        Err(error) => {
            let source = loader.sources.add(Source::new(entry.as_str(), ""));
            let at = Location { source, span: hlb_language::span::Span::at(0) };
            loader.diagnostics.push(
                Diagnostic::error(codes::IMPORT, at, format!("cannot read the program: {error}"))
                    .help("name the file with `-f`, or run in the directory of a `build.hlb`"),
            );
        }
    }
    // Files grow while imports are followed; each is looked at once.
    let mut next = 0;
    while next < loader.files.len() {
        loader.follow(ModuleId(next));
        next += 1;
    }
    loader.report_cycle();
    let namespaces = hlb_stdlib::NAMESPACES.iter().zip(&trees.namespaces).zip(namespace_sources);
    let namespaces = namespaces.map(|(((name, _), tree), source)| (*name, source, tree)).collect();
    Loaded { files: loader.files, sources: loader.sources, builtin: (builtin_source, &trees.builtin), namespaces }
}

/// The declarations of the builtins and of the namespaces.
struct BuiltinTrees {
    builtin: ast::Module,
    namespaces: Vec<ast::Module>,
}

/// The trees of the builtin declarations, which never change: their texts are always the first of a program, so their places
/// are the same in all programs. That they parse without errors is a test of `builtins`.
fn builtin_trees(source: SourceId, namespaces: &[SourceId]) -> &'static BuiltinTrees {
    static TREES: OnceLock<BuiltinTrees> = OnceLock::new();
    TREES.get_or_init(|| BuiltinTrees {
        builtin: hlb_language::parse(source, hlb_stdlib::BUILTIN).module,
        namespaces: hlb_stdlib::NAMESPACES
            .iter()
            .zip(namespaces)
            .map(|((_, text), source)| hlb_language::parse(*source, text).module)
            .collect(),
    })
}

struct Loader<'a> {
    world: &'a dyn World,
    sources: SourceMap,
    files: Vec<File>,
    /// Importing file, imported file, and the import.
    edges: Vec<(ModuleId, ModuleId, Location)>,
    by_path: FxHashMap<Utf8PathBuf, ModuleId>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Loader<'_> {
    fn add(&mut self, path: &Utf8Path, text: String) -> ModuleId {
        let id = ModuleId(self.files.len());
        // Positions are 32 bits wide.
        let too_long = text.len() >= u32::MAX as usize;
        let text = if too_long { String::new() } else { text };
        let source = self.sources.add(Source::new(path.as_str(), text));
        let parsed = match self.sources.get(source) {
            Some(text) => hlb_language::parse(source, text.text()),
            None => hlb_language::parse(source, ""),
        };
        self.diagnostics.extend(parsed.diagnostics);
        if too_long {
            let at = Location { source, span: hlb_language::span::Span::at(0) };
            self.diagnostics.push(Diagnostic::error(codes::IMPORT, at, format!("`{path}` is longer than 4 GiB")));
        }
        self.by_path.insert(path::clean(path.as_str()).into(), id);
        let dir = path::dir(path.as_str()).into();
        self.files.push(File { source, path: path.to_owned(), dir, tree: parsed.module, imports: Vec::new() });
        id
    }

    fn follow(&mut self, id: ModuleId) {
        let Some(file) = self.files.get_mut(id.0) else { return };
        // The tree is put back below; what is read from it here must not hold the list of files.
        let tree = std::mem::take(&mut file.tree);
        let (source, dir) = (file.source, file.dir.clone());
        let used = used::names(&tree);
        let mut imports = Vec::new();
        for decl in &tree.decls {
            let Decl::Import(import) = decl else { continue };
            let at = Location { source, span: import.name.span };
            if let Some(expr) = import.from.is_none().then_some(&import.source) {
                let expr_at = Location { source, span: expr.span() };
                let insert = Location { source, span: hlb_language::span::Span::at(expr_at.span.start as usize) };
                self.diagnostics.push(
                    Diagnostic::warning(codes::DEPRECATED, expr_at, "an import without `from` is the old spelling")
                        .help("write `from` before the path")
                        .safe_fix("insert `from`", insert, "from "),
                );
            }
            if !used.contains(&import.name.text) {
                // An import that nothing uses is not read: a program without it must not depend on it.
                self.diagnostics.push(Diagnostic::warning(
                    codes::UNUSED_IMPORT,
                    at,
                    format!("nothing uses the import `{}`", import.name.text),
                ));
                imports.push((import.name.text.clone(), None));
                continue;
            }
            let target = self.target(source, &dir, &import.source);
            if let Some(target) = target {
                self.edges.push((id, target, Location { source, span: import.span }));
            }
            imports.push((import.name.text.clone(), target));
        }
        if let Some(file) = self.files.get_mut(id.0) {
            file.tree = tree;
            file.imports = imports;
        }
    }

    /// The file that an import's expression names.
    fn target(&mut self, source: SourceId, dir: &Utf8Path, expr: &Expr) -> Option<ModuleId> {
        let at = Location { source, span: expr.span() };
        let text = match literal(self.sources.get(source)?, expr) {
            Literal::Text(text) => text,
            // What is neither a text nor a call is reported by the checker.
            Literal::Other if !matches!(expr, Expr::Call(_) | Expr::Func(_) | Expr::String(_)) => return None,
            Literal::Other => {
                self.unsupported(at, "an import from anything but a path");
                return None;
            }
        };
        let file = match text.split_once("://") {
            None => text.as_str(),
            Some(("file", rest)) => rest,
            Some(("git" | "git+https" | "git+ssh", _)) => {
                self.unsupported(at, "an import from a git repository");
                return None;
            }
            Some((scheme, _)) => {
                self.diagnostics.push(
                    Diagnostic::error(codes::IMPORT, at, format!("`{scheme}` is not a way to import a module"))
                        .help("import from a path such as \"./lib.hlb\""),
                );
                return None;
            }
        };
        let home = self.world.home();
        let path = match path::resolve(dir, file, home.as_deref()) {
            Ok(path) => path,
            Err(error) => {
                self.diagnostics.push(Diagnostic::error(codes::IMPORT, at, error.to_string()));
                return None;
            }
        };
        if let Some(known) = self.by_path.get(&path) {
            return Some(*known);
        }
        match self.world.read_text(&path) {
            Ok(text) => Some(self.add(&path, text)),
            Err(error) => {
                self.diagnostics.push(Diagnostic::error(codes::IMPORT, at, format!("cannot read the import: {error}")));
                None
            }
        }
    }

    fn unsupported(&mut self, at: Location, what: &str) {
        self.diagnostics.push(
            Diagnostic::error(codes::UNSUPPORTED, at, format!("{what} is not supported yet"))
                .help("import from a path such as \"./lib.hlb\""),
        );
    }

    /// Reports the first import of each circle of files.
    fn report_cycle(&mut self) {
        let mut edges: Vec<Vec<(usize, Location)>> = vec![Vec::new(); self.files.len()];
        for (from, to, at) in &self.edges {
            if let Some(list) = edges.get_mut(from.0) {
                list.push((to.0, *at));
            }
        }
        for cycle in crate::cycle::cycles(&edges) {
            let names: Vec<&str> =
                cycle.iter().filter_map(|(file, _)| self.files.get(*file)).map(|file| file.path.as_str()).collect();
            let Some((first, (_, at))) = names.first().zip(cycle.first()) else { continue };
            let message = if names.len() == 1 {
                format!("`{first}` imports itself")
            } else {
                format!("these files import one another: {} -> {first}", names.join(" -> "))
            };
            let mut diagnostic = Diagnostic::error(codes::IMPORT_CYCLE, *at, message)
                .help("move what both need into a file that imports neither");
            for (_, at) in cycle.iter().skip(1) {
                diagnostic = diagnostic.also(*at, "and here");
            }
            self.diagnostics.push(diagnostic);
        }
    }
}

enum Literal {
    Text(String),
    Other,
}

/// The text of a string without interpolations or escapes, as paths are.
fn literal(source: &Source, expr: &Expr) -> Literal {
    let Expr::String(string) = expr else { return Literal::Other };
    if matches!(string.form, StringForm::Heredoc { .. }) {
        return Literal::Other;
    }
    let mut text = String::new();
    for part in &string.parts {
        match part {
            StringPart::Text(span) => text.push_str(source.slice(*span)),
            StringPart::Escape(_) | StringPart::Interpolation(..) => return Literal::Other,
        }
    }
    Literal::Text(text)
}
