//! The taking away of victims.
//!
//! Owns the critical section: who uses what is asked, and what nobody uses goes, in one moment for everybody else.

use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, Transaction};
use rustix::fs::FlockOperation;

use super::GcError;
use crate::cache::{self, Lost};
use crate::layer::LayerId;
use crate::lease::{self, Item};
use crate::meta::{MetaError, WriteError};
use crate::session;
use crate::store::Store;
use crate::tree::remove_tree;
use crate::usage::{Stocked, UsageId, UsageInfo, is_used};

impl Store {
    /// Takes these away, less what somebody uses by now. Each has the bytes that it freed.
    pub(super) fn take(&self, victims: Vec<Stocked>, sizes: &HashMap<LayerId, u64>) -> Result<Vec<UsageInfo>, GcError> {
        let taking = lease::taking(self.root())?;
        let used = lease::leased(self.root(), &taking)?;
        let mut trash = Vec::new();
        let (kept, others): (Vec<Stocked>, Vec<Stocked>) =
            victims.into_iter().partition(|victim| !victim.layers.is_empty() || !victim.results.is_empty());
        let mut removed = self.inner.meta.write(|db| self.take_layers(db, kept, &used, sizes, &mut trash))?;
        for victim in others {
            if self.take_file(&victim.info.id, &used, &mut trash)? {
                removed.push(victim.info);
            }
        }
        drop(taking);
        for path in trash {
            remove_tree(&path).map_err(|source| GcError::io("remove", &path, source))?;
        }
        Ok(removed)
    }

    /// Rows go, and the directories of layers that nothing leads to any more go into the trash.
    fn take_layers(
        &self,
        db: &Transaction<'_>,
        victims: Vec<Stocked>,
        used: &BTreeSet<Item>,
        sizes: &HashMap<LayerId, u64>,
        trash: &mut Vec<PathBuf>,
    ) -> Result<Vec<UsageInfo>, WriteError<GcError>> {
        let mut removed = Vec::new();
        for victim in victims.into_iter().filter(|victim| !is_used(&victim.layers, used)) {
            for result in &victim.results {
                cache::drop_result(db, *result, Lost::Pruned)?;
            }
            if let UsageId::Failure(build, number) = &victim.info.id {
                drop_failure(db, *build, *number)?;
            }
            let mut bytes = 0;
            for layer in &victim.layers {
                if used.contains(&Item::Layer(layer.clone())) || is_held(db, layer)? {
                    continue;
                }
                if db.prepare_cached("DELETE FROM layers WHERE id = ?1")?.execute([layer.as_str()])? > 0 {
                    bytes += sizes.get(layer).copied().unwrap_or(0);
                }
                let place = self.root().join("layers").join(layer.as_str());
                trash.extend(self.discard(&place).map_err(WriteError::Other)?);
            }
            removed.push(UsageInfo { bytes, ..victim.info });
        }
        Ok(removed)
    }

    /// What is no layer; false if it is in use.
    fn take_file(&self, id: &UsageId, used: &BTreeSet<Item>, trash: &mut Vec<PathBuf>) -> Result<bool, GcError> {
        let (place, lock) = match id {
            UsageId::Blob(digest) if used.contains(&Item::Blob(digest.clone())) => return Ok(false),
            UsageId::Blob(digest) => (self.blobs().path(digest), None),
            UsageId::CacheMount(name) => {
                let place = self.cache_mounts_dir().join(name);
                let lock = place.join("lock");
                (place, Some(lock))
            }
            UsageId::Repository(name) => {
                let place = self.root().join("git").join(name);
                let lock = place.with_extension("lock");
                (place, Some(lock))
            }
            UsageId::Result(_) | UsageId::Failure(..) | UsageId::Layer(_) | UsageId::Rest => return Ok(false),
        };
        let _alone = match &lock {
            // One without its lock was never finished, and one that has gone needs none.
            Some(lock) if lock.exists() => {
                let alone = session::try_lock(lock, FlockOperation::NonBlockingLockExclusive);
                match alone.map_err(|source| GcError::io("lock", lock, source))? {
                    Some(alone) => Some(alone),
                    None => return Ok(false),
                }
            }
            _ => None,
        };
        let taken = self.discard(&place)?;
        let was = taken.is_some();
        trash.extend(taken);
        Ok(was)
    }

    /// Takes something out of sight; where it is now, if it was there.
    fn discard(&self, place: &Path) -> Result<Option<PathBuf>, GcError> {
        let session = &self.inner.session;
        let trash =
            session.fresh("trash").map_err(|source| GcError::io("create a directory in", session.dir(), source))?;
        match std::fs::rename(place, &trash) {
            Ok(()) => Ok(Some(trash)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(GcError::io("remove", place, source)),
        }
    }
}

/// How many results and failed steps have each layer.
pub(super) fn holders(db: &Connection) -> rusqlite::Result<HashMap<LayerId, usize>> {
    let mut query = db.prepare(
        "SELECT layer, count(*) FROM (SELECT layer FROM result_layers UNION ALL SELECT layer FROM failure_layers)
         GROUP BY layer",
    )?;
    let mut holders = HashMap::new();
    let mut rows = query.query([])?;
    while let Some(row) = rows.next()? {
        let (layer, count): (String, i64) = (row.get(0)?, row.get(1)?);
        if let Ok(layer) = layer.parse() {
            holders.insert(layer, usize::try_from(count).unwrap_or(0));
        }
    }
    Ok(holders)
}

/// Forgets what was found out about layers, if there are none any more: nobody else could tell which of it is of the past.
pub(super) fn forget_facts(db: &Transaction<'_>) -> Result<(), WriteError<MetaError>> {
    db.execute("DELETE FROM facts WHERE NOT EXISTS (SELECT 1 FROM layers)", [])?;
    Ok(())
}

/// Whether a result or a failed step has a layer.
pub(crate) fn is_held(db: &Connection, layer: &LayerId) -> rusqlite::Result<bool> {
    db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM result_layers WHERE layer = ?1)
             OR EXISTS (SELECT 1 FROM failure_layers WHERE layer = ?1)",
    )?
    .query_row([layer.as_str()], |row| row.get(0))
}

/// Forgets a failed step; its layers stay.
pub(crate) fn drop_failure(db: &Connection, build: i64, number: i64) -> rusqlite::Result<()> {
    for table in ["failures", "failure_layers"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE build = ?1 AND number = ?2"))?
            .execute((build, number))?;
    }
    Ok(())
}
