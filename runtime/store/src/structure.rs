//! The rows of structures: what the steps of earlier builds were made of.
//!
//! Owns the table `structures` and the ways to look in it. Must not know what their parts mean.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use rusqlite::{Connection, OptionalExtension, Row};

use crate::cache::KeyId;
use crate::meta::{MetaError, now, time};
use crate::store::{Inner, Store};

/// The structures of a store.
#[derive(Debug, Clone, Copy)]
pub struct Structures<'store> {
    inner: &'store Arc<Inner>,
}

/// What a step was made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewStructure {
    /// The key of its result, if it is good for later builds.
    pub key: Option<KeyId>,
    /// The digest of its definition.
    pub vertex: String,
    /// Its own part of the key.
    pub map: String,
    /// What sort of step it is.
    pub kind: String,
    /// Its name for people.
    pub name: String,
    /// Where it was written; empty if that is not known.
    pub place: String,
    /// Its op, as in a definition.
    pub op: Vec<u8>,
    /// The rest, in a form that the writer knows.
    pub parts: String,
    /// Whether its result was made now. A structure whose result was only found is not written again.
    pub made: bool,
    /// Why there is no result of it, in a word; empty if there is one.
    pub lost: String,
}

/// A structure that was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StructureRow {
    /// Its row.
    pub id: i64,
    /// What it is; `made` says nothing here.
    pub structure: NewStructure,
    /// The build that made it; 0 if that is not known.
    pub build: i64,
    /// When.
    pub made_at: SystemTime,
    /// When its result was lost, if it was.
    pub lost_at: SystemTime,
}

/// The row of a structure.
pub(crate) struct Noted(pub(crate) i64);

/// What candidates have in common with a step.
#[derive(Debug, Clone, Copy)]
pub struct Likeness<'a> {
    /// Where it was written; empty is nowhere.
    pub place: &'a str,
    /// Its own part of the key.
    pub map: &'a str,
    /// Its name.
    pub name: &'a str,
    /// What sort of step it is.
    pub kind: &'a str,
}

impl Store {
    /// What the steps of earlier builds were made of.
    pub fn structures(&self) -> Structures<'_> {
        Structures { inner: &self.inner }
    }
}

impl Structures<'_> {
    /// The structure of a result, the newest if there are several.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn of(&self, key: &KeyId) -> Result<Option<StructureRow>, MetaError> {
        self.inner.meta.read(|db| {
            db.prepare_cached(&format!("{ROWS} WHERE key = ?1 ORDER BY id DESC LIMIT 1"))?
                .query_row([key.as_str()], row)
                .optional()
        })
    }

    /// The parts of all structures that steps of remembered builds have.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn parts_in_history(&self) -> Result<Vec<String>, MetaError> {
        self.inner.meta.read(|db| {
            let sql = "SELECT parts FROM structures WHERE id IN (SELECT structure FROM build_steps)";
            db.prepare_cached(sql)?.query_map([], |row| row.get(0))?.collect()
        })
    }

    /// Structures by their rows; those that are gone are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn rows(&self, ids: &[i64]) -> Result<Vec<StructureRow>, MetaError> {
        self.inner.meta.read(|db| {
            let mut find = db.prepare_cached(&format!("{ROWS} WHERE id = ?1"))?;
            let found = ids.iter().map(|id| find.query_row([id], row).optional());
            Ok(found.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect())
        })
    }

    /// For each of some keys that have a structure its row and the build that made it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn made_by<'k>(&self, keys: &[&'k KeyId]) -> Result<HashMap<&'k KeyId, (i64, i64)>, MetaError> {
        self.inner.meta.read(|db| {
            let mut find = db.prepare_cached(
                "SELECT id, coalesce(json_extract(parts, '$.build'), 0) FROM structures WHERE key = ?1
                 ORDER BY id DESC LIMIT 1",
            )?;
            let mut known = HashMap::new();
            for key in keys {
                if let Some(row) = find.query_row([key.as_str()], |row| Ok((row.get(0)?, row.get(1)?))).optional()? {
                    known.insert(*key, row);
                }
            }
            Ok(known)
        })
    }

    /// Structures of one kind that were written at the same place, have the same part of the key or the same name: the newest
    /// of each, each once.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn like(&self, step: Likeness<'_>, most: u32) -> Result<Vec<StructureRow>, MetaError> {
        let wanted = [("place", step.place), ("map", step.map), ("name", step.name)];
        self.inner.meta.read(|db| {
            let mut found: Vec<StructureRow> = Vec::new();
            for (column, value) in wanted.into_iter().filter(|(_, value)| !value.is_empty()) {
                let sql = format!("{ROWS} WHERE {column} = ?1 AND kind = ?2 ORDER BY made_at DESC, id DESC LIMIT ?3");
                let mut statement = db.prepare_cached(&sql)?;
                for row in statement.query_map((value, step.kind, most), row)? {
                    let row = row?;
                    if !found.iter().any(|known| known.id == row.id) {
                        found.push(row);
                    }
                }
            }
            Ok(found)
        })
    }
}

const ROWS: &str = "
    SELECT id, key, vertex, map, kind, name, place, op, parts, made_at, lost, lost_at,
           coalesce(json_extract(parts, '$.build'), 0)
    FROM structures";

/// Writes a structure, unless its result was only found and its key has one already.
pub(crate) fn note(db: &Connection, new: &NewStructure, build: i64) -> rusqlite::Result<Noted> {
    let known: Option<i64> = match &new.key {
        Some(key) => db
            .prepare_cached("SELECT id FROM structures WHERE key = ?1 ORDER BY id DESC LIMIT 1")?
            .query_row([key.as_str()], |row| row.get(0))
            .optional()?,
        None => None,
    };
    if let Some(id) = known.filter(|_| !new.made) {
        return Ok(Noted(id));
    }
    let (lost_at, key) = (if new.lost.is_empty() { 0 } else { now() }, new.key.as_ref().map(KeyId::as_str));
    db.prepare_cached(
        "INSERT OR REPLACE INTO structures
           (id, key, vertex, map, kind, name, place, op, parts, made_at, lost, lost_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, json_set(?9, '$.build', ?10), ?11, ?12, ?13)",
    )?
    .execute(rusqlite::params![
        known,
        key,
        new.vertex,
        new.map,
        new.kind,
        new.name,
        new.place,
        new.op,
        new.parts,
        build,
        now(),
        new.lost,
        lost_at
    ])?;
    Ok(Noted(known.unwrap_or_else(|| db.last_insert_rowid())))
}

fn row(row: &Row<'_>) -> rusqlite::Result<StructureRow> {
    Ok(StructureRow {
        id: row.get(0)?,
        structure: NewStructure {
            key: row.get::<_, Option<String>>(1)?.map(KeyId::from),
            vertex: row.get(2)?,
            map: row.get(3)?,
            kind: row.get(4)?,
            name: row.get(5)?,
            place: row.get(6)?,
            op: row.get(7)?,
            parts: row.get(8)?,
            made: false,
            lost: row.get(10)?,
        },
        made_at: time(row.get(9)?),
        lost_at: time(row.get(11)?),
        build: row.get(12)?,
    })
}
