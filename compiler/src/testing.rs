//! A world in memory, for tests of this crate and of those above it.
//!
//! Owns `MemoryWorld`: files, environment, answers of commands and image configs, all given beforehand.

mod module;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};

use crate::consent::Consent;
use crate::image::ImageConfig;
use crate::path;
use crate::remote::{FoundModule, ModuleFrom, ModuleRequest, Pin, PinRequest};
use crate::request::Solve;
use crate::world::{
    Command, CommandOutput, FileKind, FrontendCall, FrontendResult, ImageManifest, LayoutImage, LocalOrigin, Platform,
    ReadAnswer, ReadRequest, Reading, World, WorldError,
};

pub use module::MemoryModule;

/// A world that holds what a test puts in.
#[derive(Clone, Debug)]
pub struct MemoryWorld {
    /// Texts of files by path.
    pub files: BTreeMap<Utf8PathBuf, String>,
    /// Environment variables.
    pub env: BTreeMap<String, String>,
    /// The working directory; nothing if it is gone.
    pub cwd: Utf8PathBuf,
    /// The home directory.
    pub home: Option<Utf8PathBuf>,
    /// What commands answer, by their words joined with spaces.
    pub commands: BTreeMap<String, CommandOutput>,
    /// Image configs by full reference; `None` if no image can be looked up.
    pub images: Option<BTreeMap<String, ImageConfig>>,
    /// Manifests by full reference; `None` if none can be looked up.
    pub manifests: Option<BTreeMap<String, ImageManifest>>,
    /// What [`World::unique`] begins with; numbers follow from the second call on.
    pub unique: String,
    /// The digest that every push gets, or why it fails; at first, nothing is pushed here.
    pub pushed: Result<String, WorldError>,
    /// What every frontend returns, or why it fails; at first, none is run here.
    pub made: Result<FrontendResult, WorldError>,
    /// Texts of the files that every built filesystem has, by absolute path; `None` if nothing is built.
    pub built: Option<BTreeMap<String, String>>,
    /// Images of OCI layouts by path and name, as `path name`; `None` if no layout is looked into.
    pub layouts: Option<BTreeMap<String, LayoutImage>>,
    /// What names that may move stand for: image references, `remote#ref`, URLs; `None` if nothing is pinned.
    pub pins: Option<BTreeMap<String, String>>,
    /// Why no name can be looked up and no module fetched, if so.
    pub offline: Option<String>,
    /// Modules of others: by `remote#ref`, or by the name of the solve.
    pub modules: BTreeMap<String, MemoryModule>,
    /// Whether modules that are not here would be fetched.
    pub fetches: bool,
    /// What modules of others may do while imports are evaluated.
    pub consent: Consent,
    /// Where `local` takes files from.
    pub origin: LocalOrigin,
    /// The solves that were asked for by pushes, in order.
    pub pushes: RefCell<Vec<Solve>>,
    /// The looks into built filesystems, in order.
    pub reads: RefCell<Vec<ReadRequest>>,
    /// The calls of frontends, in order.
    pub calls: RefCell<Vec<FrontendCall>>,
    /// The commands that were run, in order, as words joined with spaces behind their directory.
    pub ran: RefCell<Vec<String>>,
    asked: Cell<usize>,
}

impl MemoryWorld {
    /// A world of linux/amd64 in `/work` that holds nothing.
    pub fn new() -> Self {
        Self {
            files: BTreeMap::new(),
            env: BTreeMap::new(),
            cwd: "/work".into(),
            home: Some("/home/user".into()),
            commands: BTreeMap::new(),
            images: None,
            manifests: None,
            unique: "unique".to_owned(),
            pushed: Err(WorldError::Refused { action: "pushing an image".to_owned() }),
            made: Err(WorldError::Refused { action: "running a frontend".to_owned() }),
            built: None,
            layouts: None,
            pins: None,
            offline: None,
            modules: BTreeMap::new(),
            fetches: false,
            consent: Consent::none(),
            origin: LocalOrigin::Client,
            pushes: RefCell::default(),
            reads: RefCell::default(),
            calls: RefCell::default(),
            ran: RefCell::default(),
            asked: Cell::default(),
        }
    }

    /// The same world with a file.
    #[must_use]
    pub fn file(mut self, path: impl Into<Utf8PathBuf>, text: impl Into<String>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }

    fn absolute(&self, path: &Utf8Path) -> String {
        path::join(if path.is_absolute() { "" } else { self.cwd.as_str() }, path.as_str())
    }

    fn under(&self, dir: &Utf8Path) -> impl Iterator<Item = (String, &String)> {
        let dir = self.absolute(dir);
        self.files.iter().filter_map(move |(file, text)| {
            let rest = path::below(&dir, &self.absolute(file))?;
            (rest != ".").then_some((rest, text))
        })
    }
}

impl Default for MemoryWorld {
    fn default() -> Self {
        Self::new()
    }
}

impl World for MemoryWorld {
    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError> {
        let wanted = self.absolute(path);
        let found = self.files.iter().find(|(file, _)| self.absolute(file) == wanted);
        found.map(|(_, text)| text.clone()).ok_or_else(|| WorldError::NotFound { path: path.to_owned() })
    }

    fn stat(&self, path: &Utf8Path) -> Result<FileKind, WorldError> {
        let wanted = self.absolute(path);
        if self.files.keys().any(|file| self.absolute(file) == wanted) {
            Ok(FileKind::File)
        } else if wanted == self.cwd.as_str() || self.under(path).next().is_some() {
            Ok(FileKind::Directory)
        } else {
            Err(WorldError::NotFound { path: path.to_owned() })
        }
    }

    fn files(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<Vec<Utf8PathBuf>, WorldError> {
        let matches = |patterns: &[String], file: &str| patterns.iter().any(|pattern| glob(pattern, file));
        let selected = self
            .under(dir)
            .map(|(file, _)| file)
            .filter(|file| (include.is_empty() || matches(include, file)) && !matches(exclude, file));
        Ok(selected.map(Utf8PathBuf::from).collect())
    }

    fn local_fingerprint(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<String, WorldError> {
        let mut hasher = hlb_llb::digest::Hasher::default();
        for file in self.files(dir, include, exclude)? {
            hasher.update(file.as_str());
            hasher.update([0]);
            hasher.update(self.read_text(&dir.join(&file))?);
            hasher.update([0]);
        }
        Ok(hasher.finish().to_string())
    }

    fn env(&self, key: &str) -> Option<String> {
        self.env.get(key).cloned()
    }

    fn cwd(&self) -> Result<Utf8PathBuf, WorldError> {
        if self.cwd.as_str().is_empty() {
            return Err(WorldError::Other("it is gone".to_owned()));
        }
        Ok(self.cwd.clone())
    }

    fn home(&self) -> Option<Utf8PathBuf> {
        self.home.clone()
    }

    fn host(&self) -> Platform {
        Platform::new("linux", "amd64")
    }

    fn unique(&self) -> String {
        let asked = self.asked.get();
        self.asked.set(asked + 1);
        if asked == 0 { self.unique.clone() } else { format!("{}{asked}", self.unique) }
    }

    fn run(&self, command: &Command) -> Result<CommandOutput, WorldError> {
        let words = command.args.join(" ");
        self.ran.borrow_mut().push(format!("{}: {words}", command.dir));
        self.commands.get(&words).cloned().ok_or_else(|| WorldError::Other(format!("no answer to `{words}` was given")))
    }

    fn image_config(&self, reference: &str, _: &Platform) -> Result<Option<ImageConfig>, WorldError> {
        let Some(images) = &self.images else { return Ok(None) };
        images.get(reference).cloned().map(Some).ok_or_else(|| WorldError::Other("no such image".to_owned()))
    }

    fn image_manifest(&self, reference: &str, _: Option<&Platform>) -> Result<Option<ImageManifest>, WorldError> {
        let Some(manifests) = &self.manifests else { return Ok(None) };
        manifests.get(reference).cloned().map(Some).ok_or_else(|| WorldError::Other("no such image".to_owned()))
    }

    fn layout_image(&self, dir: &Utf8Path, name: &str, _: &Platform) -> Result<LayoutImage, WorldError> {
        let Some(layouts) = &self.layouts else {
            return Err(WorldError::Refused { action: "looking into an OCI layout".to_owned() });
        };
        let found = layouts.get(&format!("{dir} {name}")).cloned();
        found.ok_or_else(|| WorldError::Other("no such image".to_owned()))
    }

    fn publish(&self, solve: &Solve) -> Result<String, WorldError> {
        self.pushes.borrow_mut().push(solve.clone());
        self.pushed.clone()
    }

    fn frontend(&self, call: &FrontendCall) -> Result<FrontendResult, WorldError> {
        self.calls.borrow_mut().push(call.clone());
        self.made.clone()
    }

    fn pin(&self, wanted: &PinRequest) -> Result<Option<Pin>, WorldError> {
        if let Some(reason) = &self.offline {
            return Err(WorldError::Other(reason.clone()));
        }
        let Some(pins) = &self.pins else { return Ok(None) };
        let name = match wanted {
            PinRequest::Image { reference, .. } => reference.clone(),
            PinRequest::Git { git, .. } => format!("{}#{}", git.url, git.reference),
            PinRequest::Http { http, .. } => http.url.clone(),
        };
        pins.get(&name).map(|pin| Some(Pin(pin.clone()))).ok_or(WorldError::NotLocked { entry: name })
    }

    fn module(&self, wanted: &ModuleRequest<'_>) -> Result<FoundModule, WorldError> {
        let name = match &wanted.from {
            ModuleFrom::Git { remote, reference } => format!("{remote}#{reference}"),
            ModuleFrom::Fs(solve) => solve.name.clone(),
        };
        let found = self.modules.get(&name).map(MemoryModule::found);
        found.ok_or_else(|| match &self.offline {
            Some(reason) => WorldError::Other(reason.clone()),
            None => WorldError::Refused { action: format!("fetching `{name}`") },
        })
    }

    fn fetches(&self) -> bool {
        self.fetches
    }

    fn consent(&self) -> Consent {
        self.consent.clone()
    }

    fn read_result(&self, request: &ReadRequest) -> Result<ReadAnswer, WorldError> {
        self.reads.borrow_mut().push(request.clone());
        let Some(built) = &self.built else { return Err(WorldError::Refused { action: request.what.action() }) };
        let place = path::join("/", request.what.place());
        Ok(match &request.what {
            Reading::Read { .. } => {
                let missing = || WorldError::NotFound { path: request.what.place().into() };
                ReadAnswer::Text(built.get(&place).cloned().ok_or_else(missing)?)
            }
            Reading::Glob { .. } => {
                ReadAnswer::Paths(built.keys().filter(|file| glob(&place, file)).cloned().collect())
            }
            Reading::Exists { .. } => ReadAnswer::Exists(built.keys().any(|file| path::below(&place, file).is_some())),
        })
    }

    fn local_origin(&self) -> LocalOrigin {
        self.origin.clone()
    }
}

/// Whether a pattern of `*` and plain text selects a path; enough for tests.
fn glob(pattern: &str, path: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == path,
        Some((before, after)) => path
            .strip_prefix(before)
            .is_some_and(|rest| (0..=rest.len()).any(|at| rest.get(at..).is_some_and(|rest| glob(after, rest)))),
    }
}
