//! What processes that died left behind.
//!
//! Owns the look for it when a state directory is opened: layers without a row, rows without a layer, cache mounts that were never
//! finished, trials of the machine. A look costs two small queries if nobody has made a layer since the last one.

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use rustix::fs::FlockOperation;

use crate::cache::{self, Lost};
use crate::layer::{LayerError, LayerId};
use crate::lease::{self, Item};
use crate::meta::WriteError;
use crate::session;
use crate::store::Store;
use crate::tree::remove_tree;

/// Where it is noted what was there after the last look.
const FACT: (&str, &str) = ("sweep", "last");
/// Trials that are older are nobody's.
const TRIAL: Duration = Duration::from_secs(60 * 60);

impl Store {
    /// Removes what is nobody's, unless nothing has changed since that was done. `anyway`: look in any case.
    pub(crate) fn sweep(&self, anyway: bool) -> Result<(), LayerError> {
        let known = self.facts().get(FACT.0, FACT.1)?;
        if !anyway && known.is_some_and(|known| self.state().is_ok_and(|state| state.as_bytes() == known)) {
            return Ok(());
        }
        self.sweep_layers()?;
        sweep_cache_mounts(&self.cache_mounts_dir())?;
        sweep_trials(self.root())?;
        self.facts().put(FACT.0, FACT.1, self.state()?.as_bytes())?;
        Ok(())
    }

    /// What changes with each layer that comes or goes.
    fn state(&self) -> Result<String, LayerError> {
        let folder = self.root().join("layers");
        let data = std::fs::metadata(&folder).map_err(|source| LayerError::io("read", &folder, source))?;
        let rows: i64 = self
            .inner
            .meta
            .read(|db| db.prepare_cached("SELECT count(*) FROM layers")?.query_row([], |row| row.get(0)))?;
        Ok(format!("{}.{:09} {rows}", data.mtime(), data.mtime_nsec()))
    }

    /// Removes directories without a row, unless somebody uses them, and rows without a directory with their results.
    fn sweep_layers(&self) -> Result<(), LayerError> {
        let folder = self.root().join("layers");
        let taking = lease::taking(self.root())?;
        let used = lease::leased(self.root(), &taking)?;
        let in_use = |name: &OsStr| {
            let id = name.to_str().and_then(|name| name.parse().ok());
            id.is_some_and(|id| used.contains(&Item::Layer(id)))
        };
        let orphans = self.inner.meta.write(|db| {
            let fail = |source| WriteError::Other(LayerError::io("clean", &folder, source));
            let mut recorded = BTreeSet::new();
            for id in db.prepare("SELECT id FROM layers")?.query_map([], |row| row.get::<_, String>(0))? {
                recorded.insert(OsString::from(id?));
            }
            let mut orphans = Vec::new();
            for entry in std::fs::read_dir(&folder).map_err(fail)? {
                let entry = entry.map_err(fail)?;
                if !recorded.remove(&entry.file_name()) && !in_use(&entry.file_name()) {
                    let trash = self.inner.session.fresh("trash").map_err(fail)?;
                    std::fs::rename(entry.path(), &trash).map_err(fail)?;
                    orphans.push(trash);
                }
            }
            for id in recorded.iter().filter_map(|id| id.to_str()) {
                if let Ok(layer) = id.parse::<LayerId>() {
                    cache::drop_results_of_layer(db, &layer, Lost::Damaged)?;
                }
                db.execute("DELETE FROM layers WHERE id = ?1", [id])?;
            }
            Ok::<_, WriteError<LayerError>>(orphans)
        })?;
        drop(taking);
        for orphan in orphans {
            remove_tree(&orphan).map_err(|source| LayerError::io("remove", &orphan, source))?;
        }
        Ok(())
    }
}

/// Removes directories of cache mounts that were being filled.
fn sweep_cache_mounts(folder: &Path) -> Result<(), LayerError> {
    for entry in std::fs::read_dir(folder).map_err(|source| LayerError::io("read", folder, source))? {
        let place = entry.map_err(|source| LayerError::io("read", folder, source))?.path();
        let (new, lock) = (place.join("new"), place.join("lock"));
        if !new.exists() || !lock.exists() {
            continue;
        }
        let alone = session::try_lock(&lock, FlockOperation::NonBlockingLockExclusive);
        if alone.map_err(|source| LayerError::io("lock", &lock, source))?.is_some() {
            remove_tree(&new).map_err(|source| LayerError::io("remove", &new, source))?;
        }
    }
    Ok(())
}

/// Removes directories in which it was tried what the machine can do.
fn sweep_trials(root: &Path) -> Result<(), LayerError> {
    for entry in std::fs::read_dir(root).map_err(|source| LayerError::io("read", root, source))? {
        let entry = entry.map_err(|source| LayerError::io("read", root, source))?;
        let made = entry.metadata().and_then(|data| data.modified());
        let old = made.is_ok_and(|made| SystemTime::now().duration_since(made).unwrap_or_default() > TRIAL);
        if old && entry.file_name().to_string_lossy().starts_with("trial-") {
            remove_tree(&entry.path()).map_err(|source| LayerError::io("remove", &entry.path(), source))?;
        }
    }
    Ok(())
}
