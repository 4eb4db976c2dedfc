//! The machine as a program in an editor may see it.
//!
//! Owns `EditorWorld`: files, those that are being edited first, and modules that are at hand. No command, no environment, no
//! network. It remembers what it was asked, so that an answer is known to hold as long as these files stay what they are.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{
    Command, CommandOutput, FileKind, FoundModule, ImageConfig, ImageManifest, ModuleRequest, Pin, PinRequest,
    Platform, Text, World, WorldError,
};

use crate::disk::{Disk, Glance, Sight, world_error};
use crate::modules::Modules;

/// Texts that are being edited, by absolute path.
pub(crate) type Buffers = BTreeMap<Utf8PathBuf, Arc<Text>>;

/// Files as the editor shows them.
#[derive(Clone, Debug)]
pub(crate) struct EditorWorld {
    buffers: Arc<Buffers>,
    sight: Sight,
    modules: Modules,
    asked: Arc<Asked>,
}

/// What a world was asked for.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// The texts that it gave, by absolute path; none for files that could not be read.
    texts: Mutex<BTreeMap<String, Option<Arc<Text>>>>,
    /// Whether it was asked for something whose state is not known by texts.
    more: AtomicBool,
    /// The first environment variable.
    env: OnceLock<String>,
}

/// What has been found out by asking a world.
#[derive(Debug)]
pub(crate) struct Known<T> {
    pub(crate) found: Arc<T>,
    asked: Arc<Asked>,
    glance: Glance,
}

impl<T> Known<T> {
    /// `world` was asked nothing but for this.
    pub(crate) fn new(found: T, world: &EditorWorld) -> Self {
        Self { found: Arc::new(found), asked: Arc::clone(&world.asked), glance: world.sight.glance() }
    }

    /// Whether another world would lead to the same: it sees the disk at the same time with the same buffers, or what was asked for
    /// has not changed.
    pub(crate) fn holds(&self, world: &EditorWorld) -> bool {
        self.glance == world.sight.glance() || world.agrees(&self.asked)
    }
}

impl Asked {
    /// The first environment variable that it was asked for.
    pub(crate) fn env(&self) -> Option<&str> {
        self.env.get().map(String::as_str)
    }
}

impl Default for EditorWorld {
    fn default() -> Self {
        Self::new(Arc::default(), Arc::default())
    }
}

impl EditorWorld {
    /// A world in which buffers stand for their files.
    pub(crate) fn new(buffers: Arc<Buffers>, disk: Arc<Disk>) -> Self {
        Self { buffers, sight: Sight::new(disk), modules: Modules::default(), asked: Arc::default() }
    }

    /// The same world as some files see it, with a memory of its own.
    pub(crate) fn with_modules(&self, modules: Modules) -> Self {
        Self { modules, ..self.afresh() }
    }

    /// The same world with other buffers, with a memory of its own.
    pub(crate) fn with_buffers(&self, buffers: Arc<Buffers>) -> Self {
        Self { buffers, ..self.afresh() }
    }

    /// The same world with a memory of its own.
    pub(crate) fn afresh(&self) -> Self {
        Self { asked: Arc::default(), ..self.clone() }
    }

    /// What it was asked for.
    pub(crate) fn asked(&self) -> &Arc<Asked> {
        &self.asked
    }

    /// Whether it would give the same answers as one that was asked before.
    pub(crate) fn agrees(&self, before: &Asked) -> bool {
        let texts = before.texts.lock().unwrap_or_else(PoisonError::into_inner);
        let same = |(path, known): (&String, &Option<Arc<Text>>)| match (self.look(Utf8Path::new(path)), known) {
            (Ok(now), Some(known)) => Arc::ptr_eq(&now, known),
            (Err(_), None) => true,
            _ => false,
        };
        !before.more.load(Ordering::Relaxed) && texts.iter().all(same)
    }

    /// The text of a file, maybe an older one: for what is only offered, many files need not be looked at.
    pub(crate) fn last_text(&self, path: &Utf8Path) -> Option<Arc<Text>> {
        self.buffers.get(path).cloned().or_else(|| self.sight.last_text(path))
    }

    /// A text, without remembering the question. `path` is normal.
    fn look(&self, path: &Utf8Path) -> Result<Arc<Text>, WorldError> {
        match self.buffers.get(path) {
            Some(buffer) => Ok(Arc::clone(buffer)),
            None => self.sight.text(path),
        }
    }

    fn asks_more(&self) {
        self.asked.more.store(true, Ordering::Relaxed);
    }

    fn refuse<T>(action: &str) -> Result<T, WorldError> {
        Err(WorldError::Refused { action: action.to_owned() })
    }
}

impl World for EditorWorld {
    fn text(&self, path: &Utf8Path) -> Result<Arc<Text>, WorldError> {
        let path = normal(path);
        let found = self.look(&path);
        let known = found.as_ref().ok().cloned();
        self.asked.texts.lock().unwrap_or_else(PoisonError::into_inner).insert(path.into(), known);
        found
    }

    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError> {
        self.text(path).map(|text| text.source().text().to_owned())
    }

    fn stat(&self, path: &Utf8Path) -> Result<FileKind, WorldError> {
        if self.buffers.contains_key(&normal(path)) {
            return Ok(FileKind::File);
        }
        self.asks_more();
        let found = std::fs::metadata(path).map_err(|error| world_error(path, &error))?;
        Ok(match found.file_type() {
            kind if kind.is_file() => FileKind::File,
            kind if kind.is_dir() => FileKind::Directory,
            _ => FileKind::Other,
        })
    }

    fn files(&self, _: &Utf8Path, _: &[String], _: &[String]) -> Result<Vec<Utf8PathBuf>, WorldError> {
        Self::refuse("listing files")
    }

    fn local_fingerprint(&self, _: &Utf8Path, _: &[String], _: &[String]) -> Result<String, WorldError> {
        // It only tells transfers apart, which a graph for people need not; and walking a directory takes long.
        Ok("editor".to_owned())
    }

    fn env(&self, key: &str) -> Option<String> {
        self.asked.env.get_or_init(|| key.to_owned());
        None
    }

    fn cwd(&self) -> Result<Utf8PathBuf, WorldError> {
        // Files of an editor have absolute paths, so nothing is relative to it.
        Ok("/".into())
    }

    fn home(&self) -> Option<Utf8PathBuf> {
        None
    }

    fn host(&self) -> Platform {
        Platform::new("linux", "amd64")
    }

    fn unique(&self) -> String {
        "editor".to_owned()
    }

    fn run(&self, _: &Command) -> Result<CommandOutput, WorldError> {
        Self::refuse("running a command")
    }

    fn image_config(&self, _: &str, _: &Platform) -> Result<Option<ImageConfig>, WorldError> {
        Ok(None)
    }

    fn image_manifest(&self, _: &str, _: Option<&Platform>) -> Result<Option<ImageManifest>, WorldError> {
        Ok(None)
    }

    fn module(&self, wanted: &ModuleRequest<'_>) -> Result<FoundModule, WorldError> {
        self.asks_more();
        self.modules.module(wanted)
    }

    fn pin(&self, wanted: &PinRequest) -> Result<Option<Pin>, WorldError> {
        self.asks_more();
        Ok(self.modules.pin(wanted))
    }
}

/// A path without `.` and `..`, as buffers are named. Symbolic links stay: an editor opens what it was asked for.
pub(crate) fn normal(path: &Utf8Path) -> Utf8PathBuf {
    let mut parts = Utf8PathBuf::new();
    for part in path.components() {
        match part.as_str() {
            ".." => drop(parts.pop()),
            "." => {}
            part => parts.push(part),
        }
    }
    parts
}
