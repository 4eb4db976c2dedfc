//! All that an editor shows and has on disk, as it changes.
//!
//! Owns the buffers and the folders, and the snapshots of them: immutable, shared by the threads that answer questions. What a
//! snapshot has found out, its clones know, too.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::Text;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::completion::Probed;
use crate::disk::Disk;
use crate::inlay::InlaySettings;
use crate::lock::Pins;
use crate::modules::Modules;
use crate::project::Project;
use crate::workspace;
use crate::world::{Buffers, EditorWorld};

/// What the user wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Settings {
    /// The state directory of `hlbc`, where modules of others that have been fetched lie; `None` to look nowhere.
    pub state: Option<Utf8PathBuf>,
    /// The directory with the texts of the builtins and of the standard modules, for going to definitions; see [`Place`].
    ///
    /// [`Place`]: crate::Place
    pub stdlib: Option<Utf8PathBuf>,
    /// Which hints are shown.
    pub inlay: InlaySettings,
    /// Whether lenses are shown.
    pub lenses: bool,
    /// Whether the warnings of `hlbc check --strict` are given.
    pub strict: bool,
    /// How many files of the folders are read at most.
    pub max_files: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            state: None,
            stdlib: None,
            inlay: InlaySettings::default(),
            lenses: true,
            strict: false,
            max_files: 2_000,
        }
    }
}

/// What changes. One thread owns it.
#[derive(Debug, Default)]
pub struct Host {
    settings: Arc<Settings>,
    folders: Arc<Vec<Utf8PathBuf>>,
    buffers: Arc<Buffers>,
    disk: Arc<Disk>,
    listing: Arc<Listing>,
    current: OnceLock<Snapshot>,
    /// What the snapshot before had found out.
    before: Found,
}

/// All that there was at one time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Snapshot(Arc<State>);

#[derive(Debug)]
struct State {
    settings: Arc<Settings>,
    folders: Arc<Vec<Utf8PathBuf>>,
    world: EditorWorld,
    buffers: Arc<Buffers>,
    listing: Arc<Listing>,
    analyses: Mutex<BTreeMap<Utf8PathBuf, Slot>>,
    project: Mutex<Option<Arc<Project>>>,
    pins: Mutex<BTreeMap<Utf8PathBuf, Arc<Pins>>>,
    /// The word that was typed at last, and what is known of its place.
    probed: Mutex<Option<KnownPlace>>,
    before: Found,
}

/// A place for the analysis of a file, filled by whoever asks first; with nothing, if there is no such file.
type Slot = Arc<OnceLock<Option<Arc<Analysis>>>>;

/// A word of a file, and what is known of its place.
type KnownPlace = ((Utf8PathBuf, Span), Option<Arc<Probed>>);

/// What snapshots have found out, which holds until a file that it is about changes.
#[derive(Clone, Debug, Default)]
struct Found {
    /// Of files that are open.
    analyses: BTreeMap<Utf8PathBuf, Arc<Analysis>>,
    project: Option<Arc<Project>>,
}

/// The files of directories, until something on disk is said to have changed.
#[derive(Debug, Default)]
struct Listing {
    /// Those of the folders.
    folders: OnceLock<Vec<Utf8PathBuf>>,
    /// Those beside documents that are in no folder, by directory.
    beside: Mutex<BTreeMap<Utf8PathBuf, Arc<Vec<Utf8PathBuf>>>>,
}

impl Listing {
    fn beside(&self, dir: &Utf8Path, max_files: usize) -> Arc<Vec<Utf8PathBuf>> {
        let mut known = self.beside.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(known.entry(dir.to_owned()).or_insert_with(|| Arc::new(workspace::beside(dir, max_files))))
    }
}

impl Host {
    /// A host without documents. The folders are the roots of what the user works on, absolute.
    pub fn new(settings: Settings, folders: Vec<Utf8PathBuf>) -> Self {
        Self { settings: Arc::new(settings), folders: Arc::new(folders), ..Self::default() }
    }

    /// The text of a file, absolute, is now this one, whatever the file says. For the first time, or again.
    pub fn edit(&mut self, path: Utf8PathBuf, text: String) {
        let text = Arc::new(Text::new(path.as_str(), text));
        Arc::make_mut(&mut self.buffers).insert(path, text);
        self.changed();
    }

    /// The file counts again.
    pub fn close(&mut self, path: &Utf8Path) {
        Arc::make_mut(&mut self.buffers).remove(path);
        self.changed();
    }

    /// Files have changed on disk, have come or are gone.
    pub fn touched(&mut self) {
        self.listing = Arc::default();
        self.disk.forget_lost();
        self.changed();
    }

    /// Other folders.
    pub fn folders(&mut self, folders: Vec<Utf8PathBuf>) {
        self.folders = Arc::new(folders);
        self.touched();
    }

    /// Other settings.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = Arc::new(settings);
        self.before = Found::default();
        self.current = OnceLock::new();
        self.listing = Arc::default();
    }

    /// All that there is now.
    pub fn snapshot(&self) -> Snapshot {
        let make = || {
            Snapshot(Arc::new(State {
                settings: Arc::clone(&self.settings),
                folders: Arc::clone(&self.folders),
                world: EditorWorld::new(Arc::clone(&self.buffers), Arc::clone(&self.disk)),
                buffers: Arc::clone(&self.buffers),
                listing: Arc::clone(&self.listing),
                analyses: Mutex::default(),
                project: Mutex::default(),
                pins: Mutex::default(),
                probed: Mutex::default(),
                before: self.before.clone(),
            }))
        };
        self.current.get_or_init(make).clone()
    }

    fn changed(&mut self) {
        if let Some(snapshot) = self.current.take() {
            self.before = snapshot.found();
        }
        self.before.analyses.retain(|path, _| self.buffers.contains_key(path));
    }
}

impl Snapshot {
    /// What is known of one file by checking it alone; made once. `None` if there is no such file.
    pub fn analysis(&self, path: &Utf8Path) -> Option<Arc<Analysis>> {
        let mut analyses = self.0.analyses.lock().unwrap_or_else(PoisonError::into_inner);
        let slot = Arc::clone(analyses.entry(path.to_owned()).or_default());
        drop(analyses);
        let make = || {
            let text = self.text(path)?;
            if let Some(known) = self.0.before.analyses.get(path)
                && Arc::ptr_eq(known.text(), &text)
                && self.0.world.agrees(known.asked())
            {
                return Some(Arc::clone(known));
            }
            Some(Arc::new(Analysis::new(&self.world_of([path]), &text, &self.0.settings)))
        };
        slot.get_or_init(make).clone()
    }

    /// What is known of all files by checking them as one program; made once. `None` if `stop` said so meanwhile.
    pub fn project(&self, stop: &dyn Fn() -> bool) -> Option<Arc<Project>> {
        let mut project = self.0.project.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = project.as_ref() {
            return Some(Arc::clone(known));
        }
        let paths = self.files();
        let mut texts = Vec::new();
        for path in &paths {
            if stop() {
                return None;
            }
            // What cannot be read any more is no file of the project.
            let Some(text) = self.text(path) else { continue };
            text.tree();
            texts.push(text);
        }
        let same = |known: &&Arc<Project>| known.holds(&texts) && self.0.world.agrees(known.asked());
        let made = match self.0.before.project.as_ref().filter(same) {
            Some(known) => Arc::clone(known),
            None => {
                let world = self.world_of(paths.iter().map(Utf8PathBuf::as_path));
                Arc::new(Project::new(&world, texts, &self.0.settings))
            }
        };
        *project = Some(Arc::clone(&made));
        Some(made)
    }

    /// The same if it has been made already; nobody waits for it.
    pub(crate) fn project_at_hand(&self) -> Option<Arc<Project>> {
        self.0.project.try_lock().ok()?.clone()
    }

    /// The files of the client: those of the folders and those that are open, and what lies beside the latter, without the texts of
    /// the standard library.
    pub fn files(&self) -> Vec<Utf8PathBuf> {
        let max_files = self.0.settings.max_files;
        let listed = self.0.listing.folders.get_or_init(|| workspace::programs(&self.0.folders, max_files));
        let mut files: BTreeSet<Utf8PathBuf> = listed.iter().cloned().collect();
        let mut dirs: BTreeSet<&Utf8Path> = BTreeSet::new();
        for path in self.0.buffers.keys().filter(|path| !self.is_standard(path)) {
            files.insert(path.clone());
            if !self.0.folders.iter().any(|folder| path.starts_with(folder)) {
                dirs.extend(path.parent());
            }
        }
        for dir in dirs {
            files.extend(self.0.listing.beside(dir, max_files).iter().cloned());
        }
        files.into_iter().collect()
    }

    /// Whether a file is one of the texts of the standard library, which nobody edits.
    pub fn is_standard(&self, path: &Utf8Path) -> bool {
        self.0.settings.stdlib.as_ref().is_some_and(|dir| path.starts_with(dir))
    }

    /// The text of a file, as the editor shows it.
    pub fn text(&self, path: &Utf8Path) -> Option<Arc<Text>> {
        hlb_compiler::World::text(&self.0.world, path).ok()
    }

    /// What the user wants.
    pub fn settings(&self) -> &Settings {
        &self.0.settings
    }

    /// The roots of what the user works on.
    pub fn folders(&self) -> &[Utf8PathBuf] {
        &self.0.folders
    }

    /// The same with other texts of some files.
    pub(crate) fn with_texts(&self, texts: impl IntoIterator<Item = (Utf8PathBuf, String)>) -> Self {
        let mut buffers = Buffers::clone(&self.0.buffers);
        for (path, text) in texts {
            let text = Arc::new(Text::new(path.as_str(), text));
            buffers.insert(path, text);
        }
        let buffers = Arc::new(buffers);
        Self(Arc::new(State {
            settings: Arc::clone(&self.0.settings),
            folders: Arc::clone(&self.0.folders),
            world: self.0.world.with_buffers(Arc::clone(&buffers)),
            buffers,
            listing: Arc::clone(&self.0.listing),
            analyses: Mutex::default(),
            project: Mutex::default(),
            probed: Mutex::default(),
            pins: Mutex::default(),
            before: Found::default(),
        }))
    }

    /// What the lock file in a directory says, read once.
    pub(crate) fn kept_pins(&self, dir: &Utf8Path, read: impl FnOnce() -> Pins) -> Arc<Pins> {
        let mut pins = self.0.pins.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(pins.entry(dir.to_owned()).or_insert_with(|| Arc::new(read())))
    }

    /// What is known of the place of a word in a file; looked for once for the same word.
    pub(crate) fn kept_probe(
        &self,
        word: (Utf8PathBuf, Span),
        look: impl FnOnce() -> Option<Arc<Probed>>,
    ) -> Option<Arc<Probed>> {
        let mut probed = self.0.probed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, known)) = probed.as_ref().filter(|(known, _)| *known == word) {
            return known.clone();
        }
        let found = look();
        *probed = Some((word, found.clone()));
        found
    }

    /// Files as the editor shows them, with the modules that are at hand for some of them.
    pub(crate) fn world_of<'p>(&self, files: impl IntoIterator<Item = &'p Utf8Path>) -> EditorWorld {
        self.0.world.with_modules(Modules::of(files, self.0.settings.state.clone()))
    }

    fn found(&self) -> Found {
        let mut found = self.0.before.clone();
        let analyses = self.0.analyses.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, slot) in analyses.iter() {
            if let Some(Some(analysis)) = slot.get() {
                found.analyses.insert(path.clone(), Arc::clone(analysis));
            }
        }
        // Not waited for: whoever is making it holds this.
        if let Ok(project) = self.0.project.try_lock()
            && let Some(project) = project.as_ref()
        {
            found.project = Some(Arc::clone(project));
        }
        found
    }

    /// Files as the editor shows them.
    pub(crate) fn world(&self) -> &EditorWorld {
        &self.0.world
    }
}
