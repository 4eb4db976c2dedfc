//! The file that an import leads to.
//!
//! Owns what a path means in a file of the client and in one of a module of others, how modules of others are asked for, and the
//! words for those that cannot be had.

use std::sync::Arc;

use camino::Utf8PathBuf;
use hlb_language::diagnostic::{Diagnostic, Location};

use super::address::{Address, GitAddress, InvalidAddress, inside};
use super::{Loader, MAX_FILES, Place, key};
use crate::check;
use crate::codes;
use crate::hir::ModuleId;
use crate::path;
use crate::remote::{ModuleFrom, ModuleKind, ModuleRequest, Origin, RemoteModule};
use crate::request::Solve;
use crate::suggest;
use crate::text::Text;
use crate::world::WorldError;

/// What is read of a filesystem.
const FS_FILE: &str = "module.hlb";
/// What the names of standard modules begin with.
const STANDARD: &str = "std/";

impl Loader<'_> {
    /// The file that a text names in a file.
    pub(super) fn by_text(&mut self, id: ModuleId, at: Location, text: &str) -> Option<ModuleId> {
        let importer = self.loaded.files.get(id.0)?.origin.clone();
        // A path to a file has a dot in its last name.
        if let Some(name) = text.strip_prefix(STANDARD).filter(|name| !name.contains(['/', '.'])) {
            return self.standard(at, name);
        }
        match Address::parse(text) {
            Ok(Address::Path(path)) => match importer {
                Origin::Client | Origin::Standard => self.by_path(id, at, &path),
                Origin::Remote(module) => self.within(id, at, &module, &path),
            },
            Ok(Address::Git(address)) => self.by_git(&importer, at, address),
            Err(error) => {
                let help = match &error {
                    InvalidAddress::Scheme(scheme) if scheme == "http" || scheme == "https" => {
                        "import from a repository with `git+https://HOST/PATH@REF:FILE`"
                    }
                    _ => "import from a path such as \"./lib.hlb\"",
                };
                self.error(Diagnostic::error(codes::IMPORT, at, error.to_string()).help(help))
            }
        }
    }

    /// A module that comes with `hlbc`.
    fn standard(&mut self, at: Location, name: &str) -> Option<ModuleId> {
        if hlb_stdlib::module(name).is_some() {
            let path = Utf8PathBuf::from(format!("{STANDARD}{name}"));
            return self.open(Place { origin: Origin::Standard, within: path.clone(), shown: path }, at);
        }
        let names: Vec<&str> = hlb_stdlib::MODULES.iter().map(|(name, _)| *name).collect();
        let error = Diagnostic::error(codes::IMPORT, at, format!("there is no standard module `{name}`"));
        let all: Vec<String> = names.iter().map(|name| format!("{STANDARD}{name}")).collect();
        let all = check::list(&all.iter().map(String::as_str).collect::<Vec<_>>());
        self.error(match suggest::nearest(name, names) {
            Some(near) => error.help(format!("did you mean `{STANDARD}{near}`? There are {all}")).fix(
                format!("replace `{STANDARD}{name}` by `{STANDARD}{near}`"),
                at,
                format!("\"{STANDARD}{near}\""),
            ),
            None => error.help(format!("there are {all}; write `./{STANDARD}{name}` for a file")),
        })
    }

    /// A file of the machine.
    fn by_path(&mut self, id: ModuleId, at: Location, file: &str) -> Option<ModuleId> {
        let dir = self.loaded.files.get(id.0)?.dir.clone();
        let home = self.world.home();
        let path = match path::resolve(&dir, file, home.as_deref()) {
            Ok(path) => path,
            Err(error) => return self.error(Diagnostic::error(codes::IMPORT, at, error.to_string())),
        };
        self.open(Place { origin: Origin::Client, within: path.clone(), shown: path }, at)
    }

    /// A file of the module that the importing file belongs to.
    fn within(&mut self, id: ModuleId, at: Location, module: &Arc<RemoteModule>, file: &str) -> Option<ModuleId> {
        let dir = self.loaded.files.get(id.0)?.dir.clone();
        let path = if file.starts_with(['/', '~']) { None } else { inside(dir.as_str(), file) };
        let Some(path) = path else {
            let message = format!("`{file}` leads out of the module `{}`", module.source);
            let help = "a module from elsewhere sees its own files and nothing of this machine";
            return self.error(Diagnostic::error(codes::MODULE_ESCAPE, at, message).help(help));
        };
        self.open(place(module, &path), at)
    }

    fn by_git(&mut self, importer: &Origin, at: Location, address: GitAddress) -> Option<ModuleId> {
        if let Some(module) = importer.remote().filter(|_| address.here) {
            let message = format!(
                "`{}` is on this machine, of which the module `{}` sees nothing",
                address.source, module.source
            );
            return self.error(Diagnostic::error(codes::MODULE_ESCAPE, at, message));
        }
        let GitAddress { source, remote, reference, file, .. } = address;
        let request = ModuleRequest {
            from: ModuleFrom::Git { remote: &remote, reference: &reference },
            source: &source,
            importer: importer.remote(),
        };
        let (_, bare) = source.split_once("://").unwrap_or(("", &source));
        let shown = if reference.is_empty() { bare.to_owned() } else { format!("{bare}@{reference}") };
        let module = self.module(&request, at, ModuleKind::Git, &reference, shown)?;
        self.open(place(&module, &file), at)
    }

    /// The module in a filesystem.
    pub(super) fn by_fs(&mut self, id: ModuleId, at: Location, name: &str, solve: &Solve) -> Option<ModuleId> {
        let file = self.loaded.files.get(id.0)?;
        let (importer, shown) = (file.origin.clone(), format!("{}#{name}", file.path));
        let text = self.loaded.sources.get(at.source).map_or("", |source| source.slice(at.span));
        let source = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let request = ModuleRequest { from: ModuleFrom::Fs(solve), source: &source, importer: importer.remote() };
        let module = self.module(&request, at, ModuleKind::Fs, "", shown)?;
        self.open(place(&module, FS_FILE), at)
    }

    fn module(
        &mut self,
        request: &ModuleRequest<'_>,
        at: Location,
        kind: ModuleKind,
        reference: &str,
        shown: String,
    ) -> Option<Arc<RemoteModule>> {
        let found = match self.world.module(request) {
            Ok(found) => found,
            Err(error) => {
                let diagnostic = absent(request.source, at, error);
                return self.error(diagnostic);
            }
        };
        // The same module by another ref has other names in messages, but is the same.
        let key = (request.source.to_owned(), found.id.clone());
        let module = self.modules.entry(key).or_insert_with(|| {
            let (source, reference) = (request.source.to_owned(), reference.to_owned());
            Arc::new(RemoteModule { source, kind, id: found.id, reference, shown, files: found.files })
        });
        Some(Arc::clone(module))
    }

    /// The file at a place, read once.
    fn open(&mut self, place: Place, at: Location) -> Option<ModuleId> {
        if let Some(known) = self.known.get(&key(&place.origin, &place.within)) {
            return Some(*known);
        }
        if self.loaded.files.len() >= MAX_FILES {
            let message = format!("the program imports more than {MAX_FILES} files");
            return self.error(Diagnostic::error(codes::IMPORT, at, message));
        }
        let text = match &place.origin {
            Origin::Client => self.world.text(&place.within),
            Origin::Standard => {
                let text = place.within.as_str().strip_prefix(STANDARD).and_then(hlb_stdlib::module);
                let text = text.map(|text| Arc::new(Text::new(place.shown.as_str(), text)));
                text.ok_or_else(|| WorldError::NotFound { path: place.within.clone() })
            }
            Origin::Remote(module) => {
                let text = module.files.read_text(&place.within);
                text.map(|text| Arc::new(Text::new(place.shown.as_str(), text)))
            }
        };
        match text {
            Ok(text) => Some(self.add(place, &text)),
            Err(error) => {
                let message = match &place.origin {
                    Origin::Client | Origin::Standard => format!("cannot read the import: {error}"),
                    Origin::Remote(module) => {
                        format!("cannot read the import from the module `{}`: {error}", module.source)
                    }
                };
                self.error(Diagnostic::error(codes::IMPORT, at, message))
            }
        }
    }

    pub(super) fn error<T>(&mut self, diagnostic: Diagnostic) -> Option<T> {
        self.diagnostics.push(diagnostic);
        None
    }
}

fn place(module: &Arc<RemoteModule>, path: &str) -> Place {
    Place {
        origin: Origin::Remote(Arc::clone(module)),
        within: path.into(),
        shown: Utf8PathBuf::from(format!("{}/{path}", module.shown)),
    }
}

/// What is said of a module that is not there. One that this world does not fetch is no mistake of the program.
pub(crate) fn absent(source: &str, at: Location, error: WorldError) -> Diagnostic {
    match error {
        WorldError::Refused { .. } => {
            let message = format!("the module `{source}` is not at hand, so what is used of it is not checked");
            Diagnostic::warning(codes::MODULE_ABSENT, at, message).help("get it with `hlbc run` or `hlbc vendor`")
        }
        WorldError::NotLocked { .. } => {
            Diagnostic::error(codes::NOT_LOCKED, at, error.to_string()).help("add it with `hlbc update`")
        }
        WorldError::Unavailable { reason, advice } => {
            Diagnostic::error(codes::MODULE, at, format!("cannot get the module `{source}`: {reason}")).help(advice)
        }
        error => Diagnostic::error(codes::MODULE, at, format!("cannot get the module `{source}`: {error}")),
    }
}
