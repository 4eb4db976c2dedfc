//! Small values by namespace and name.
//!
//! Owns memory that only saves work: content hashes of trees, entity tags of downloads, listings of local directories.
//! Everything in it may be lost at any time.

use std::sync::Arc;

use rusqlite::OptionalExtension;

use crate::meta::{MetaError, WriteError};
use crate::store::Inner;

/// The facts of a store.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'store> {
    pub(crate) inner: &'store Arc<Inner>,
}

impl Facts<'_> {
    /// The value of a fact, if it is known.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn get(&self, namespace: &str, key: &str) -> Result<Option<Vec<u8>>, MetaError> {
        self.inner.meta.read(|db| {
            db.prepare_cached("SELECT value FROM facts WHERE namespace = ?1 AND key = ?2")?
                .query_row((namespace, key), |row| row.get(0))
                .optional()
        })
    }

    /// The names of all facts of a namespace.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn names(&self, namespace: &str) -> Result<Vec<String>, MetaError> {
        self.inner.meta.read(|db| {
            let sql = "SELECT key FROM facts WHERE namespace = ?1 ORDER BY key";
            db.prepare_cached(sql)?.query_map([namespace], |row| row.get(0))?.collect()
        })
    }

    /// Sets a fact.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn put(&self, namespace: &str, key: &str, value: &[u8]) -> Result<(), MetaError> {
        self.inner.meta.write(|db| {
            db.prepare_cached("INSERT OR REPLACE INTO facts (namespace, key, value) VALUES (?1, ?2, ?3)")?
                .execute((namespace, key, value))?;
            Ok::<(), WriteError<MetaError>>(())
        })
    }

    /// Forgets a fact, if it is known.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn delete(&self, namespace: &str, key: &str) -> Result<(), MetaError> {
        self.inner.meta.write(|db| {
            db.prepare_cached("DELETE FROM facts WHERE namespace = ?1 AND key = ?2")?.execute((namespace, key))?;
            Ok::<(), WriteError<MetaError>>(())
        })
    }
}
