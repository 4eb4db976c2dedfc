//! What a power cut takes away.
//!
//! Owns the mark on layers that may not be on disk yet. Files of a layer are not synced one by one, which would take longer
//! than to make them: a layer has the boot id of the kernel that has it in memory until the whole file system was synced. After
//! another boot such a layer may have empty files under right names, so it is worth nothing. Blobs are synced as they are made.

use std::fs::File;

use crate::cache::{self, Lost};
use crate::gc::GcError;
use crate::layer::LayerId;
use crate::meta::{MetaError, WriteError};
use crate::store::Store;

/// What names the running kernel.
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The id of the running kernel; empty if it has none, and then nothing is known to be lost.
pub(crate) fn boot_id() -> String {
    std::fs::read_to_string(BOOT_ID).unwrap_or_default().trim().to_owned()
}

impl Store {
    /// Makes sure that the layers which are there by now outlive a power cut. Waits for the disk; does nothing if there is
    /// nothing to be done.
    ///
    /// # Errors
    /// When the file system cannot be synced, or that cannot be noted.
    pub fn settle(&self) -> Result<(), GcError> {
        let boot = &self.inner.boot;
        // Those that have a row by now have their files behind their name: what comes later may come behind the sync.
        let waiting: Vec<String> = self.inner.meta.read(|db| {
            db.prepare_cached("SELECT id FROM layers WHERE boot = ?1 AND boot <> ''")?
                .query_map([boot], |row| row.get(0))?
                .collect()
        })?;
        if waiting.is_empty() {
            return Ok(());
        }
        let root = File::open(self.root()).map_err(|source| GcError::io("open", self.root(), source))?;
        rustix::fs::syncfs(&root).map_err(|error| GcError::io("sync", self.root(), error.into()))?;
        self.inner.meta.write(|db| {
            let mut note = db.prepare_cached("UPDATE layers SET boot = '' WHERE id = ?1 AND boot = ?2")?;
            for id in &waiting {
                note.execute((id, boot))?;
            }
            Ok::<(), WriteError<MetaError>>(())
        })?;
        Ok(())
    }

    /// Forgets the layers that an earlier boot did not get to disk for sure; whether there were any.
    pub(crate) fn forget_unsynced(&self) -> Result<bool, MetaError> {
        let boot = &self.inner.boot;
        if boot.is_empty() {
            return Ok(false);
        }
        let unsynced: Vec<String> = self.inner.meta.read(|db| {
            db.prepare_cached("SELECT id FROM layers WHERE boot <> '' AND boot <> ?1")?
                .query_map([boot], |row| row.get(0))?
                .collect()
        })?;
        if unsynced.is_empty() {
            return Ok(false);
        }
        self.inner.meta.write(|db| {
            for id in &unsynced {
                if let Ok(layer) = id.parse::<LayerId>() {
                    cache::drop_results_of_layer(db, &layer, Lost::Unsynced)?;
                }
                db.prepare_cached("DELETE FROM layers WHERE id = ?1")?.execute([id])?;
            }
            Ok::<(), WriteError<MetaError>>(())
        })?;
        Ok(true)
    }
}
