//! All that an editor shows and has on disk, as it changes.
//!
//! Owns the buffers and the folders, and the snapshots of them: immutable, shared by the threads that answer questions. What a
//! snapshot has found out, its clones know, too.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::Text;

use crate::analysis::Analysis;
use crate::inlay::InlaySettings;
use crate::project::Project;
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
    current: OnceLock<Snapshot>,
}

/// All that there was at one time. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Snapshot(Arc<State>);

/// A place for the analysis of a file, filled by whoever asks first; with nothing, if there is no such file.
type Slot = Arc<OnceLock<Option<Arc<Analysis>>>>;

#[derive(Debug)]
struct State {
    settings: Arc<Settings>,
    folders: Arc<Vec<Utf8PathBuf>>,
    world: EditorWorld,
    buffers: Arc<Buffers>,
    analyses: Mutex<BTreeMap<Utf8PathBuf, Slot>>,
    project: OnceLock<Arc<Project>>,
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

    /// Files have changed on disk.
    pub fn touched(&mut self) {
        self.changed();
    }

    /// Other folders.
    pub fn folders(&mut self, folders: Vec<Utf8PathBuf>) {
        self.folders = Arc::new(folders);
        self.changed();
    }

    /// Other settings.
    pub fn configure(&mut self, settings: Settings) {
        self.settings = Arc::new(settings);
        self.changed();
    }

    /// All that there is now.
    pub fn snapshot(&self) -> Snapshot {
        let make = || {
            Snapshot(Arc::new(State {
                settings: Arc::clone(&self.settings),
                folders: Arc::clone(&self.folders),
                world: EditorWorld::new(Arc::clone(&self.buffers)),
                buffers: Arc::clone(&self.buffers),
                analyses: Mutex::default(),
                project: OnceLock::new(),
            }))
        };
        self.current.get_or_init(make).clone()
    }

    fn changed(&mut self) {
        self.current = OnceLock::new();
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
            let analysis = Analysis::new(&self.0.world, &text);
            Some(Arc::new(analysis.with_stdlib(self.0.settings.stdlib.clone())))
        };
        slot.get_or_init(make).clone()
    }

    /// What is known of all files by checking them as one program; made once. `None` if `stop` said so meanwhile.
    pub fn project(&self, stop: &dyn Fn() -> bool) -> Option<Arc<Project>> {
        if stop() {
            return None;
        }
        let make = || {
            let texts: Vec<Arc<Text>> = self.0.buffers.values().cloned().collect();
            Arc::new(Project::new(&self.0.world, &texts))
        };
        Some(Arc::clone(self.0.project.get_or_init(make)))
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

    /// Files as the editor shows them.
    pub fn world(&self) -> &EditorWorld {
        &self.0.world
    }
}
