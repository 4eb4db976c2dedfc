//! The rows of failed steps that were kept.
//!
//! Owns the tables `failures` and `failure_layers`. Must not know what an op is.

use std::sync::Arc;

use rusqlite::OptionalExtension as _;

use crate::layer::LayerId;
use crate::meta::{MetaError, WriteError};
use crate::store::{Inner, Store};

/// A step that failed, with the files that it left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The build it was part of.
    pub build: i64,
    /// Its number in that build.
    pub number: u32,
    /// What it was, in a form that only the caller knows.
    pub op: Vec<u8>,
    /// What was mounted, by the number of the mount.
    pub mounts: Vec<KeptMount>,
}

/// The files of a mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptMount {
    /// Its number in the op.
    pub mount: usize,
    /// Layers, bottom first; none is the empty file system.
    pub layers: Vec<LayerId>,
}

/// The failed steps of a store.
#[derive(Debug, Clone, Copy)]
pub struct Failures<'store> {
    inner: &'store Arc<Inner>,
}

impl Store {
    /// Failed steps that were kept.
    pub fn failures(&self) -> Failures<'_> {
        Failures { inner: &self.inner }
    }
}

impl Failures<'_> {
    /// Keeps a failed step, in place of what was kept under its numbers. Its layers are in use until then by the caller, and
    /// from then on are named by this row.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put(&self, failure: &Failure) -> Result<(), MetaError> {
        let mounts: Vec<serde_json::Value> = failure.mounts.iter().map(KeptMount::to_json).collect();
        let mounts = serde_json::Value::Array(mounts).to_string();
        self.inner.meta.write(|db| {
            let (build, number) = (failure.build, failure.number);
            db.execute("DELETE FROM failure_layers WHERE build = ?1 AND number = ?2", (build, number))?;
            db.execute(
                "INSERT OR REPLACE INTO failures (build, number, op, mounts) VALUES (?1, ?2, ?3, ?4)",
                (build, number, &failure.op, mounts),
            )?;
            for layer in failure.mounts.iter().flat_map(|mount| &mount.layers) {
                db.execute(
                    "INSERT OR IGNORE INTO failure_layers (build, number, layer) VALUES (?1, ?2, ?3)",
                    (build, number, layer.as_str()),
                )?;
            }
            Ok::<_, WriteError<MetaError>>(())
        })
    }

    /// The numbers of the steps that are kept, of one build or of all: the last build first, and in it the last step.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn list(&self, build: Option<i64>) -> Result<Vec<(i64, u32)>, MetaError> {
        self.inner.meta.read(|db| {
            let mut rows = db.prepare_cached(
                "SELECT build, number FROM failures WHERE ?1 IS NULL OR build = ?1 ORDER BY build DESC, number DESC",
            )?;
            rows.query_map([build], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
        })
    }

    /// A step that was kept.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn get(&self, build: i64, number: u32) -> Result<Option<Failure>, MetaError> {
        let row: Option<(Vec<u8>, String)> = self.inner.meta.read(|db| {
            let mut rows = db.prepare_cached("SELECT op, mounts FROM failures WHERE build = ?1 AND number = ?2")?;
            rows.query_row((build, number), |row| Ok((row.get(0)?, row.get(1)?))).optional()
        })?;
        Ok(row.and_then(|(op, mounts)| {
            // What nobody can read was not written by us.
            let mounts: serde_json::Value = serde_json::from_str(&mounts).ok()?;
            let mounts = mounts.as_array()?.iter().map(KeptMount::from_json).collect::<Option<_>>()?;
            Some(Failure { build, number, op, mounts })
        }))
    }
}

impl KeptMount {
    fn to_json(&self) -> serde_json::Value {
        let layers: Vec<&str> = self.layers.iter().map(LayerId::as_str).collect();
        serde_json::json!({ "mount": self.mount, "layers": layers })
    }

    fn from_json(value: &serde_json::Value) -> Option<Self> {
        let mount = usize::try_from(value.get("mount")?.as_u64()?).ok()?;
        let layer = |value: &serde_json::Value| value.as_str()?.parse().ok();
        let layers = value.get("layers")?.as_array()?.iter().map(layer).collect::<Option<_>>()?;
        Some(Self { mount, layers })
    }
}
