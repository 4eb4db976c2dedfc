//! The graph of cache keys.
//!
//! Owns keys, links and results. A root key is named by a digest; any other key has a random name and is found by links:
//! from a key of an input, with the input's number, the step's digest and output and the selector of the input, to the
//! keys that such a step has. Which of them all inputs agree on is for the solver to say. A result is a list of layers.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Row};

use crate::layer::LayerId;
use crate::lease::{self, Item};
use crate::meta::{MetaError, WriteError, micros, millis, now, time};
use crate::store::Inner;
use crate::usage::RecordType;

/// Uses in such a time count as one.
const SAME_USE: Duration = Duration::from_secs(10 * 60);

/// What the names of keys begin with whose results are found by facts.
const FACT: &str = "fact/";

/// The name of a cache key.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyId(Box<str>);

/// How one key leads to another.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Link {
    /// Which input of the step the source key is of.
    pub input: u32,
    /// Which output of the step the target key is of.
    pub output: u32,
    /// The digest of the step's cache map.
    pub digest: String,
    /// What of the input the step reads; empty for everything.
    pub selector: String,
}

/// The name of one result in this store; it is never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResultId(i64);

/// Why a result is gone, as the rows of `structures` say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lost {
    /// Somebody took it away.
    Pruned,
    /// It could not be read, or was not there.
    Damaged,
    /// The machine lost power before it was on disk.
    Unsynced,
}

/// A result that is there to be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its name.
    pub result: ResultId,
    /// When it was saved.
    pub created_at: SystemTime,
    /// When it was last used, as far as that was noted.
    pub used_at: SystemTime,
    /// The layers of the snapshot, bottom first; none is the empty file system.
    pub layers: Vec<LayerId>,
    /// What made it, for people.
    pub description: String,
}

/// A result to save.
#[derive(Debug, Clone)]
pub struct NewRecord {
    /// The key it is found by.
    pub key: KeyId,
    /// The links that lead to the key; sources that are not there yet are made.
    pub links: Vec<(KeyId, Link)>,
    /// Whether the key is a root key.
    pub root: bool,
    /// What the key is made of, to explain hits and misses later.
    pub facts: serde_json::Value,
    /// The layers of the snapshot, bottom first.
    pub layers: Vec<LayerId>,
    /// What made it, for people.
    pub description: String,
    /// What it is.
    pub kind: RecordType,
    /// How long it took to make; zero if that is not known.
    pub cost: Duration,
}

/// The cache graph of a store.
#[derive(Debug, Clone, Copy)]
pub struct Cache<'store> {
    pub(crate) inner: &'store Arc<Inner>,
}

impl KeyId {
    /// A name that no other key has.
    pub fn random() -> Self {
        Self(LayerId::random().as_str().into())
    }

    /// The key of a result that is found by a fact. The fact goes when the key does.
    pub fn of_fact(namespace: &str, key: &str) -> Self {
        Self(format!("{FACT}{namespace}/{key}").into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for KeyId {
    fn from(name: &str) -> Self {
        Self(name.into())
    }
}

impl From<String> for KeyId {
    fn from(name: String) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Display for ResultId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Cache<'_> {
    /// Whether a key is in the graph.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn exists(&self, key: &KeyId) -> Result<bool, MetaError> {
        self.inner.meta.read(|db| Ok(key_row(db, key)?.is_some()))
    }

    /// The keys that a link leads to, oldest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn targets(&self, from: &KeyId, link: &Link) -> Result<Vec<KeyId>, MetaError> {
        self.inner.meta.read(|db| {
            db.prepare_cached(
                "SELECT target.name FROM keys AS source
                 JOIN links ON links.source = source.id
                 JOIN keys AS target ON target.id = links.target
                 WHERE source.name = ?1 AND links.digest = ?2 AND links.input = ?3 AND links.output = ?4
                   AND links.selector = ?5
                 ORDER BY target.id",
            )?
            .query_map((from.as_str(), &link.digest, link.input, link.output, &link.selector), |row| {
                Ok(KeyId::from(row.get::<_, String>(0)?))
            })?
            .collect()
        })
    }

    /// The results of a key, newest first. Results that lost a layer are dropped.
    ///
    /// # Errors
    /// When the database cannot be read, or such a result cannot be dropped.
    pub fn records(&self, key: &KeyId) -> Result<Vec<Record>, MetaError> {
        let found = self.inner.meta.read(|db| {
            let mut records: Vec<Record> = db
                .prepare_cached(
                    "SELECT results.id, results.created_at, results.used_at, results.description FROM results
                     JOIN keys ON keys.id = results.key
                     WHERE keys.name = ?1
                     ORDER BY results.created_at DESC, results.id DESC",
                )?
                .query_map([key.as_str()], record)?
                .collect::<Result<_, _>>()?;
            let mut layers =
                db.prepare_cached("SELECT layer FROM result_layers WHERE result = ?1 ORDER BY position")?;
            for record in &mut records {
                record.layers = layers.query_map([record.result.0], layer)?.collect::<Result<_, _>>()?;
            }
            Ok(records)
        })?;
        let folder = self.inner.root.join("layers");
        // A record of a long chain has all layers of the one before it, which are in use by now.
        let is_there = |id: &LayerId| {
            lease::is_leased(self.inner, &Item::Layer(id.clone())) || folder.join(id.as_str()).join("fs").is_dir()
        };
        let (whole, broken): (Vec<Record>, Vec<Record>) =
            found.into_iter().partition(|record| record.layers.iter().all(is_there));
        for record in broken {
            self.inner
                .meta
                .write(|db| Ok::<_, WriteError<MetaError>>(drop_result(db, record.result.0, Lost::Damaged)?))?;
        }
        Ok(whole)
    }

    /// Saves a result, its key and the links to it, all or nothing.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn save(&self, new: &NewRecord) -> Result<ResultId, MetaError> {
        self.inner.meta.write(|db| {
            let target = make_key(db, &new.key, new.root, Some(&new.facts))?;
            add_links(db, target, &new.links)?;
            let now = now();
            db.prepare_cached(
                "INSERT INTO results (key, created_at, used_at, description, kind, cost) VALUES (?1, ?2, ?2, ?3, ?4, ?5)",
            )?
            .execute((target, now, &new.description, new.kind.as_str(), micros(new.cost)))?;
            let result = db.last_insert_rowid();
            let mut insert =
                db.prepare_cached("INSERT INTO result_layers (result, position, layer) VALUES (?1, ?2, ?3)")?;
            for (position, layer) in (0_i64..).zip(&new.layers) {
                insert.execute((result, position, layer.as_str()))?;
            }
            Ok::<_, WriteError<MetaError>>(ResultId(result))
        })
    }

    /// Drops the results of a key but this one: they are of the past.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn keep_only(&self, key: &KeyId, result: ResultId) -> Result<(), MetaError> {
        self.inner.meta.write(|db| {
            db.prepare_cached("DELETE FROM results WHERE key = (SELECT id FROM keys WHERE name = ?1) AND id <> ?2")?
                .execute((key.as_str(), result.0))?;
            Ok::<(), WriteError<MetaError>>(())
        })
    }

    /// Notes that results were used. Use that was noted less than some minutes ago counts as the same.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn touch(&self, results: &[ResultId]) -> Result<(), MetaError> {
        if results.is_empty() {
            return Ok(());
        }
        let now = SystemTime::now();
        self.inner.meta.write(|db| {
            let mut touch =
                db.prepare_cached("UPDATE results SET used_at = ?2, uses = uses + 1 WHERE id = ?1 AND used_at < ?3")?;
            for result in results {
                touch.execute((result.0, millis(now), millis(now - SAME_USE)))?;
            }
            Ok::<(), WriteError<MetaError>>(())
        })
    }

    /// Adds links to a key that is in the graph, so that more ways lead to its results. Does nothing for another key.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn link(&self, key: &KeyId, links: &[(KeyId, Link)]) -> Result<(), MetaError> {
        self.inner.meta.write(|db| {
            if let Some(target) = key_row(db, key)? {
                add_links(db, target, links)?;
            }
            Ok::<(), WriteError<MetaError>>(())
        })
    }

    /// Puts keys without results into the graph, each with links that lead to it: all or nothing. They go with the last key that
    /// they lead to.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn connect(&self, keys: &[(KeyId, Vec<(KeyId, Link)>)]) -> Result<(), MetaError> {
        self.inner.meta.write(|db| {
            for (key, links) in keys {
                let target = make_key(db, key, false, None)?;
                add_links(db, target, links)?;
            }
            Ok::<(), WriteError<MetaError>>(())
        })
    }

    /// Some keys and all from which they follow, as far as they are in the graph, each with the links that lead to it.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn ancestry(&self, keys: &[KeyId]) -> Result<BTreeMap<KeyId, Vec<(KeyId, Link)>>, MetaError> {
        self.inner.meta.read(|db| {
            let mut id = db.prepare_cached("SELECT id FROM keys WHERE name = ?1")?;
            let mut leading = db.prepare_cached(
                "SELECT source.id, source.name, links.input, links.output, links.digest, links.selector FROM links
                 JOIN keys AS source ON source.id = links.source
                 WHERE links.target = ?1
                 ORDER BY links.input, source.name, links.selector",
            )?;
            let mut found: BTreeMap<KeyId, Vec<(KeyId, Link)>> = BTreeMap::new();
            let mut next: Vec<(i64, KeyId)> = Vec::new();
            for key in keys {
                let row: Option<i64> = id.query_row([key.as_str()], |row| row.get(0)).optional()?;
                next.extend(row.map(|row| (row, key.clone())));
            }
            while let Some((row, key)) = next.pop() {
                if found.contains_key(&key) {
                    continue;
                }
                let mut links = Vec::new();
                let mut rows = leading.query([row])?;
                while let Some(row) = rows.next()? {
                    let source = KeyId::from(row.get::<_, String>(1)?);
                    let (input, output, digest, selector) = (row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?);
                    next.push((row.get(0)?, source.clone()));
                    links.push((source, Link { input, output, digest, selector }));
                }
                found.insert(key, links);
            }
            Ok(found)
        })
    }

    /// What a key is made of.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn facts(&self, key: &KeyId) -> Result<Option<serde_json::Value>, MetaError> {
        let text: Option<String> = self.inner.meta.read(|db| {
            db.prepare_cached("SELECT facts FROM keys WHERE name = ?1")?
                .query_row([key.as_str()], |row| row.get(0))
                .optional()
        })?;
        Ok(text.map(|text| serde_json::from_str(&text).unwrap_or_default()))
    }

    /// Drops a result whose layers were taken away, if it is there. A key that has no results and leads nowhere goes with it,
    /// and so do the keys that led to nothing but it. Layers stay.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn drop_record(&self, result: &ResultId) -> Result<(), MetaError> {
        self.inner.meta.write(|db| Ok::<_, WriteError<MetaError>>(drop_result(db, result.0, Lost::Pruned)?))
    }
}

impl Record {
    /// Whether its last use is so long ago that another one is worth noting.
    pub fn is_stale(&self) -> bool {
        SystemTime::now().duration_since(self.used_at).unwrap_or_default() > SAME_USE
    }
}

impl Lost {
    fn as_str(self) -> &'static str {
        match self {
            Self::Pruned => "pruned",
            Self::Damaged => "damaged",
            Self::Unsynced => "unsynced",
        }
    }
}

/// Drops every result that needs a layer.
pub(crate) fn drop_results_of_layer(db: &Connection, layer: &LayerId, lost: Lost) -> rusqlite::Result<()> {
    let results: Vec<i64> = db
        .prepare_cached("SELECT DISTINCT result FROM result_layers WHERE layer = ?1")?
        .query_map([layer.as_str()], |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    for result in results {
        drop_result(db, result, lost)?;
    }
    Ok(())
}

/// Drops a result as [`Cache::drop_record`] does, and notes why with what is known of its step.
pub(crate) fn drop_result(db: &Connection, result: i64, lost: Lost) -> rusqlite::Result<()> {
    let key: Option<i64> = db
        .prepare_cached("DELETE FROM results WHERE id = ?1 RETURNING key")?
        .query_row([result], |row| row.get(0))
        .optional()?;
    if let Some(key) = key {
        db.prepare_cached(
            "UPDATE structures SET lost = ?2, lost_at = ?3
             WHERE key = (SELECT name FROM keys WHERE id = ?1) AND NOT EXISTS (SELECT 1 FROM results WHERE key = ?1)",
        )?
        .execute((key, lost.as_str(), now()))?;
    }
    let mut queue: VecDeque<i64> = key.into_iter().collect();
    while let Some(key) = queue.pop_front() {
        let used: bool = db
            .prepare_cached(
                "SELECT EXISTS (SELECT 1 FROM results WHERE key = ?1) OR EXISTS (SELECT 1 FROM links WHERE source = ?1)",
            )?
            .query_row([key], |row| row.get(0))?;
        if used {
            continue;
        }
        let sources: Vec<i64> = db
            .prepare_cached("SELECT DISTINCT source FROM links WHERE target = ?1")?
            .query_map([key], |row| row.get(0))?
            .collect::<Result<_, _>>()?;
        db.prepare_cached("DELETE FROM links WHERE target = ?1")?.execute([key])?;
        let name: Option<String> = db
            .prepare_cached("DELETE FROM keys WHERE id = ?1 RETURNING name")?
            .query_row([key], |row| row.get(0))
            .optional()?;
        if let Some((namespace, fact)) = name.as_deref().and_then(|name| name.strip_prefix(FACT)?.split_once('/')) {
            db.prepare_cached("DELETE FROM facts WHERE namespace = ?1 AND key = ?2")?.execute((namespace, fact))?;
        }
        queue.extend(sources);
    }
    Ok(())
}

fn key_row(db: &Connection, key: &KeyId) -> rusqlite::Result<Option<i64>> {
    db.prepare_cached("SELECT id FROM keys WHERE name = ?1")?.query_row([key.as_str()], |row| row.get(0)).optional()
}

/// The row of a key, made if need be. What is known about it already is only replaced by something.
fn make_key(db: &Connection, key: &KeyId, root: bool, facts: Option<&serde_json::Value>) -> rusqlite::Result<i64> {
    let text = facts.map_or_else(|| "null".to_owned(), ToString::to_string);
    db.prepare_cached(
        "INSERT INTO keys (name, root, created_at, facts) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (name) DO UPDATE SET
           root = max(root, excluded.root),
           facts = CASE excluded.facts WHEN 'null' THEN facts ELSE excluded.facts END
         RETURNING id",
    )?
    .query_row((key.as_str(), root, now(), text), |row| row.get(0))
}

fn add_links(db: &Connection, target: i64, links: &[(KeyId, Link)]) -> rusqlite::Result<()> {
    for (from, link) in links {
        let source = make_key(db, from, false, None)?;
        // A key that leads to itself would never be pruned, and no step is its own input.
        if source == target {
            continue;
        }
        db.prepare_cached(
            "INSERT OR IGNORE INTO links (source, digest, input, output, selector, target)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute((source, &link.digest, link.input, link.output, &link.selector, target))?;
    }
    Ok(())
}

fn record(row: &Row<'_>) -> rusqlite::Result<Record> {
    Ok(Record {
        result: ResultId(row.get(0)?),
        created_at: time(row.get(1)?),
        used_at: time(row.get(2)?),
        layers: Vec::new(),
        description: row.get(3)?,
    })
}

fn layer(row: &Row<'_>) -> rusqlite::Result<LayerId> {
    let text: String = row.get(0)?;
    text.parse()
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, Box::new(error)))
}
