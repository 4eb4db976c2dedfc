//! The machine as a program in an editor may see it.
//!
//! Owns `EditorWorld`: files, those that are being edited first, and nothing else. No command, no environment, no image.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{Command, CommandOutput, FileKind, ImageConfig, ImageManifest, Platform, Text, World, WorldError};

/// Texts that are being edited, by absolute path.
pub type Buffers = BTreeMap<Utf8PathBuf, Arc<Text>>;

/// Files as the editor shows them.
#[derive(Clone, Debug, Default)]
pub struct EditorWorld {
    buffers: Arc<Buffers>,
}

impl EditorWorld {
    /// A world in which buffers stand for their files.
    pub fn new(buffers: Arc<Buffers>) -> Self {
        Self { buffers }
    }

    fn refuse<T>(action: &str) -> Result<T, WorldError> {
        Err(WorldError::Refused { action: action.to_owned() })
    }
}

impl World for EditorWorld {
    fn text(&self, path: &Utf8Path) -> Result<Arc<Text>, WorldError> {
        if let Some(buffer) = self.buffers.get(&normal(path)) {
            return Ok(Arc::clone(buffer));
        }
        self.read_text(path).map(|text| Arc::new(Text::new(path.as_str(), text)))
    }

    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError> {
        if let Some(buffer) = self.buffers.get(&normal(path)) {
            return Ok(buffer.source().text().to_owned());
        }
        let bytes = std::fs::read(path).map_err(|error| world_error(path, &error))?;
        String::from_utf8(bytes)
            .map_err(|_| WorldError::Unreadable { path: path.to_owned(), reason: "it is not UTF-8".to_owned() })
    }

    fn stat(&self, path: &Utf8Path) -> Result<FileKind, WorldError> {
        if self.buffers.contains_key(&normal(path)) {
            return Ok(FileKind::File);
        }
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
        Self::refuse("looking at local files")
    }

    fn env(&self, _: &str) -> Option<String> {
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

fn world_error(path: &Utf8Path, error: &std::io::Error) -> WorldError {
    match error.kind() {
        std::io::ErrorKind::NotFound => WorldError::NotFound { path: path.to_owned() },
        _ => WorldError::Unreadable { path: path.to_owned(), reason: error.to_string() },
    }
}
