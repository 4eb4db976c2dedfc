//! Modules of others in memory.
//!
//! Owns `MemoryModule`: files by their paths from the root.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};

use crate::remote::{FoundModule, ModuleFiles};
use crate::world::WorldError;

/// A module that holds what a test puts in.
#[derive(Clone, Debug, Default)]
pub struct MemoryModule {
    id: String,
    root: Utf8PathBuf,
    files: BTreeMap<Utf8PathBuf, String>,
}

impl MemoryModule {
    /// A module with an id, that holds nothing. It stands in `/modules/ID`.
    pub fn new(id: &str) -> Self {
        Self { id: id.to_owned(), root: format!("/modules/{id}").into(), files: BTreeMap::new() }
    }

    /// The same module with a file.
    #[must_use]
    pub fn file(mut self, path: impl Into<Utf8PathBuf>, text: impl Into<String>) -> Self {
        self.files.insert(path.into(), text.into());
        self
    }

    pub(super) fn found(&self) -> FoundModule {
        FoundModule { id: self.id.clone(), files: Arc::new(self.clone()) }
    }
}

impl ModuleFiles for MemoryModule {
    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError> {
        self.files.get(path).cloned().ok_or_else(|| WorldError::NotFound { path: path.to_owned() })
    }

    fn locate(&self, path: &Utf8Path) -> Result<Utf8PathBuf, WorldError> {
        let there = path == "." || self.files.keys().any(|file| file.starts_with(path));
        let missing = || WorldError::NotFound { path: path.to_owned() };
        if !there {
            return Err(missing());
        }
        Ok(if path == "." { self.root.clone() } else { self.root.join(path) })
    }

    fn root(&self) -> &Utf8Path {
        &self.root
    }
}
