//! Loading: from the entry file along its imports to all files of a program.
//!
//! Owns the import graph, whose file each file is, which imports have to be evaluated before others, and import cycles. What the
//! names in the files mean is `resolve`'s business; what an import's expression gives is told by whoever calls `load`.

mod address;
mod expression;
mod target;
mod used;

pub(crate) use target::absent;

use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use ecow::EcoString;
use hlb_language::ast::{self, Decl, Expr, StringForm, StringPart};
use hlb_language::diagnostic::{Diagnostic, Location};
use hlb_language::source::{Source, SourceId, SourceMap};
use hlb_language::span::Span;
use rustc_hash::FxHashMap;

use crate::check::Depth;
use crate::codes;
use crate::hir::ModuleId;
use crate::path;
use crate::remote::{ImportTree, ImportedFile, Origin, RemoteModule};
use crate::request::Solve;
use crate::text::Text;
use crate::world::{World, WorldError};

/// A program of more files than this is one that makes its files up.
const MAX_FILES: usize = 10_000;

/// All files of a program.
pub(crate) struct Loaded {
    /// The files, the entries first.
    pub(crate) files: Vec<File>,
    /// How many of them are entries.
    pub(crate) entries: usize,
    /// Their texts and that of the builtin declarations.
    pub(crate) sources: SourceMap,
    /// The builtin declarations.
    pub(crate) builtin: (SourceId, &'static ast::Module),
    /// Those of the namespaces.
    pub(crate) namespaces: Vec<(&'static str, SourceId, &'static ast::Module)>,
}

/// One parsed file.
#[derive(Clone)]
pub(crate) struct File {
    pub(crate) source: SourceId,
    /// Its path as messages show it.
    pub(crate) path: Utf8PathBuf,
    /// What relative paths in it start from: a directory of the client, or of the module that it belongs to.
    pub(crate) dir: Utf8PathBuf,
    /// Whose it is, and so what paths in it are paths of.
    pub(crate) origin: Origin,
    /// Its path among the files of its origin.
    within: Utf8PathBuf,
    pub(crate) text: Arc<Text>,
    /// The text's, or that with more in it.
    pub(crate) tree: Arc<ast::Module>,
    /// What each import name leads to, in the order of the text; `None` if it could not be loaded.
    pub(crate) imports: Vec<(EcoString, Option<ModuleId>)>,
}

/// What an import's expression gives.
#[derive(Debug)]
pub(crate) enum Imported {
    /// A path or an address.
    Text(String),
    /// A filesystem with a module in it.
    Fs(Box<Solve>),
}

/// Evaluates the expression behind `from` in the scope of a file. All imports that the expression can use are loaded by then:
/// those of the file (and of the files that these lead to) that are still `None` cannot be reached from it.
pub(crate) type Evaluate<'a> = dyn FnMut(&Loaded, ModuleId, &Expr) -> Result<Imported, Box<Diagnostic>> + 'a;

/// A program of which no text could be read: the path, and why.
pub(crate) type Unread<'a> = (&'a Utf8Path, WorldError);

/// Loads everything that some files import and use.
pub(crate) fn load(
    world: &dyn World,
    entries: Result<&[Arc<Text>], Unread<'_>>,
    depth: Depth,
    evaluate: &mut Evaluate<'_>,
    diagnostics: &mut Vec<Diagnostic>,
) -> Loaded {
    let mut sources = SourceMap::new();
    let builtin_source = sources.add(Source::new("<builtin>", hlb_stdlib::BUILTIN));
    let namespace_sources: Vec<SourceId> = hlb_stdlib::NAMESPACES
        .iter()
        .map(|(name, text)| sources.add(Source::new(format!("<{name}>"), *text)))
        .collect();
    let trees = builtin_trees(builtin_source, &namespace_sources);
    let namespaces = hlb_stdlib::NAMESPACES.iter().zip(&trees.namespaces).zip(namespace_sources);
    let namespaces = namespaces.map(|(((name, _), tree), source)| (*name, source, tree)).collect();
    let mut loader = Loader {
        world,
        depth,
        loaded: Loaded {
            files: Vec::new(),
            entries: 0,
            sources,
            builtin: (builtin_source, &trees.builtin),
            namespaces,
        },
        edges: Vec::new(),
        made: Vec::new(),
        known: FxHashMap::default(),
        modules: FxHashMap::default(),
        diagnostics,
    };
    match entries {
        Ok(texts) => {
            for text in texts {
                let path = Utf8PathBuf::from(text.source().name());
                if !loader.known.contains_key(&key(&Origin::Client, &path)) {
                    loader.add(Place { origin: Origin::Client, within: path.clone(), shown: path }, text);
                }
            }
            loader.loaded.entries = loader.loaded.files.len();
        }
        Err((entry, error)) => {
            let source = loader.loaded.sources.add(Source::new(entry.as_str(), ""));
            let at = Location { source, span: Span::at(0) };
            loader.diagnostics.push(
                Diagnostic::error(codes::IMPORT, at, format!("cannot read the program: {error}"))
                    .help("name the file with `-f`, or run in the directory of a `build.hlb`"),
            );
        }
    }
    // Files grow while imports are followed; each is looked at once.
    let mut next = 0;
    loop {
        while next < loader.loaded.files.len() {
            loader.follow(ModuleId(next));
            next += 1;
        }
        if !loader.evaluate_one(evaluate) {
            break;
        }
    }
    loader.report_cycle();
    loader.loaded
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

impl Loaded {
    /// The files as they import one another.
    pub(crate) fn tree(&self) -> ImportTree {
        let imports =
            |file: &File| file.imports.iter().map(|(name, target)| (name.to_string(), target.map(|id| id.0))).collect();
        let files = self.files.iter().map(|file| ImportedFile {
            path: file.within.clone(),
            origin: file.origin.clone(),
            imports: imports(file),
        });
        ImportTree { files: files.collect() }
    }

    /// Whether a text is that of a file of the client.
    pub(crate) fn is_clients(&self, source: SourceId) -> bool {
        !self.files.iter().any(|file| file.source == source && file.origin != Origin::Client)
    }
}

/// Where a file is.
struct Place {
    origin: Origin,
    within: Utf8PathBuf,
    shown: Utf8PathBuf,
}

/// What tells files apart: source and id of the module that they belong to, if it is one of others; whether it is a standard
/// module; and the path.
type Key = (Option<(String, String)>, bool, Utf8PathBuf);

/// An import whose expression has to be evaluated.
#[derive(Clone, Copy)]
struct Made {
    file: ModuleId,
    /// Position among the declarations of the file.
    decl: usize,
    /// Position among the imports of the file.
    slot: usize,
}

struct Loader<'a> {
    world: &'a dyn World,
    depth: Depth,
    loaded: Loaded,
    /// Importing file, imported file, and the import.
    edges: Vec<(ModuleId, ModuleId, Location)>,
    /// Imports that still have to be evaluated.
    made: Vec<Made>,
    known: FxHashMap<Key, ModuleId>,
    /// Modules of others by source and id.
    modules: FxHashMap<(String, String), Arc<RemoteModule>>,
    diagnostics: &'a mut Vec<Diagnostic>,
}

impl Loader<'_> {
    fn add(&mut self, place: Place, text: &Arc<Text>) -> ModuleId {
        let Place { origin, within, shown } = place;
        let id = ModuleId(self.loaded.files.len());
        // Positions are 32 bits wide.
        let too_long = text.source().text().len() >= u32::MAX as usize;
        let empty = too_long.then(|| Arc::new(Text::new(shown.as_str(), "")));
        let text = empty.as_ref().unwrap_or(text);
        let source = self.loaded.sources.add_shared(Arc::clone(text.source()));
        self.diagnostics.extend(text.diagnostics(source));
        if too_long {
            let at = Location { source, span: Span::at(0) };
            self.diagnostics.push(Diagnostic::error(codes::IMPORT, at, format!("`{shown}` is longer than 4 GiB")));
        }
        self.known.insert(key(&origin, &within), id);
        let dir = path::dir(within.as_str()).into();
        let (text, tree, imports) = (Arc::clone(text), Arc::clone(text.tree()), Vec::new());
        self.loaded.files.push(File { source, path: shown, dir, origin, within, text, tree, imports });
        id
    }

    fn follow(&mut self, id: ModuleId) {
        let Some(file) = self.loaded.files.get(id.0) else { return };
        // What is read from the tree here must not hold the list of files.
        let tree = Arc::clone(&file.tree);
        let source = file.source;
        // Of a file whose bodies are not looked at, what they use is not either. Names that they bind are declared, however.
        let declared_only = self.depth != Depth::All && id.0 >= self.loaded.entries && !file.text.binds_some();
        let used = if declared_only { file.text.heads(used::heads) } else { file.text.used(used::names) };
        let mut imports = Vec::new();
        for (decl, import) in tree.decls.iter().enumerate() {
            let Decl::Import(import) = import else { continue };
            let at = Location { source, span: import.name.span };
            if let Some(expr) = import.from.is_none().then_some(&import.source) {
                let expr_at = Location { source, span: expr.span() };
                let insert = Location { source, span: Span::at(expr_at.span.start as usize) };
                self.diagnostics.push(
                    Diagnostic::warning(codes::DEPRECATED, expr_at, "an import without `from` is the old spelling")
                        .help("write `from` before the path")
                        .safe_fix("insert `from`", insert, "from "),
                );
            }
            let name = import.name.text.clone();
            if !used.contains(&name) {
                // An import that nothing uses is not read: a program without it must not depend on it.
                let message = format!("nothing uses the import `{name}`");
                self.diagnostics.push(Diagnostic::warning(codes::UNUSED_IMPORT, at, message));
                imports.push((name, None));
                continue;
            }
            let from = self.loaded.sources.get(source).map(|text| From::of(text, &import.source));
            let target = match from {
                Some(From::Text(text)) => {
                    let at = Location { source, span: import.source.span() };
                    self.by_text(id, at, &text)
                }
                Some(From::Made) => {
                    self.made.push(Made { file: id, decl, slot: imports.len() });
                    None
                }
                // What is neither a text nor a call is reported by the checker.
                Some(From::Other) | None => None,
            };
            if let Some(target) = target {
                self.edges.push((id, target, Location { source, span: import.span }));
            }
            imports.push((name, target));
        }
        if let Some(file) = self.loaded.files.get_mut(id.0) {
            file.imports = imports;
        }
    }

    /// Reports the first import of each circle of files.
    fn report_cycle(&mut self) {
        let files = &self.loaded.files;
        let mut edges: Vec<Vec<(usize, Location)>> = vec![Vec::new(); files.len()];
        for (from, to, at) in &self.edges {
            if let Some(list) = edges.get_mut(from.0) {
                list.push((to.0, *at));
            }
        }
        for cycle in crate::cycle::cycles(&edges) {
            let names: Vec<&str> =
                cycle.iter().filter_map(|(file, _)| files.get(*file)).map(|file| file.path.as_str()).collect();
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

fn key(origin: &Origin, within: &Utf8Path) -> Key {
    let module = origin.remote().map(|module| (module.source.clone(), module.id.clone()));
    (module, *origin == Origin::Standard, path::clean(within.as_str()).into())
}

/// What stands behind `from`.
enum From {
    /// A string without interpolations or escapes, as paths are.
    Text(String),
    /// Something that has to be evaluated.
    Made,
    /// Something that can be neither a text nor a filesystem, which the checker reports.
    Other,
}

impl From {
    fn of(source: &Source, expr: &Expr) -> Self {
        let string = match expr {
            Expr::String(string) => string,
            Expr::Call(_)
            | Expr::Func(_)
            | Expr::Postfix(_)
            | Expr::Binary(_)
            | Expr::Paren(..)
            | Expr::If(_)
            | Expr::Match(_) => return Self::Made,
            Expr::Int(_)
            | Expr::Bool(_)
            | Expr::None(_)
            | Expr::Unary(_)
            | Expr::List(_)
            | Expr::Map(_)
            | Expr::For(_)
            | Expr::Lambda(_)
            | Expr::Error(_) => return Self::Other,
        };
        if matches!(string.form, StringForm::Heredoc { .. }) {
            return Self::Made;
        }
        let mut text = String::new();
        for part in &string.parts {
            match part {
                StringPart::Text(span) => text.push_str(source.slice(*span)),
                StringPart::Escape(_) | StringPart::Interpolation(..) => return Self::Made,
            }
        }
        Self::Text(text)
    }
}

#[cfg(test)]
mod tests;
