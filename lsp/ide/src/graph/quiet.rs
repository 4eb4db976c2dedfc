//! The machine as a graph in an editor may see it.
//!
//! Owns `Quiet`: the world of the editor, which does not look into local directories, and remembers what cannot be told without
//! the machine that builds.

use std::cell::RefCell;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{
    Command, CommandOutput, Consent, FileKind, FoundModule, ImageConfig, ImageManifest, ModuleRequest, Pin, PinRequest,
    Platform, Text, World, WorldError,
};

use crate::world::EditorWorld;

/// A world that shows graphs.
pub(super) struct Quiet<'w> {
    world: &'w EditorWorld,
    asked: RefCell<Option<String>>,
}

impl<'w> Quiet<'w> {
    pub(super) fn new(world: &'w EditorWorld) -> Self {
        Self { world, asked: RefCell::new(None) }
    }

    /// The first environment variable that was asked for.
    pub(super) fn asked(&self) -> Option<String> {
        self.asked.borrow().clone()
    }
}

impl World for Quiet<'_> {
    fn text(&self, path: &Utf8Path) -> Result<Arc<Text>, WorldError> {
        self.world.text(path)
    }

    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError> {
        self.world.read_text(path)
    }

    fn stat(&self, path: &Utf8Path) -> Result<FileKind, WorldError> {
        self.world.stat(path)
    }

    fn files(&self, dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<Vec<Utf8PathBuf>, WorldError> {
        self.world.files(dir, include, exclude)
    }

    fn local_fingerprint(&self, _: &Utf8Path, _: &[String], _: &[String]) -> Result<String, WorldError> {
        // It only tells transfers apart, and walking a directory takes long.
        Ok("editor".to_owned())
    }

    fn env(&self, key: &str) -> Option<String> {
        self.asked.borrow_mut().get_or_insert_with(|| key.to_owned());
        None
    }

    fn cwd(&self) -> Result<Utf8PathBuf, WorldError> {
        self.world.cwd()
    }

    fn home(&self) -> Option<Utf8PathBuf> {
        self.world.home()
    }

    fn host(&self) -> Platform {
        self.world.host()
    }

    fn unique(&self) -> String {
        self.world.unique()
    }

    fn run(&self, command: &Command) -> Result<CommandOutput, WorldError> {
        self.world.run(command)
    }

    fn image_config(&self, reference: &str, platform: &Platform) -> Result<Option<ImageConfig>, WorldError> {
        self.world.image_config(reference, platform)
    }

    fn image_manifest(
        &self,
        reference: &str,
        platform: Option<&Platform>,
    ) -> Result<Option<ImageManifest>, WorldError> {
        self.world.image_manifest(reference, platform)
    }

    fn pin(&self, wanted: &PinRequest) -> Result<Option<Pin>, WorldError> {
        self.world.pin(wanted)
    }

    fn module(&self, wanted: &ModuleRequest<'_>) -> Result<FoundModule, WorldError> {
        self.world.module(wanted)
    }

    fn fetches(&self) -> bool {
        self.world.fetches()
    }

    fn consent(&self) -> Consent {
        self.world.consent()
    }
}
