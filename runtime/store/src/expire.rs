//! What has outlived its time, however much space there is.
//!
//! Owns how long builds, their logs and failed steps, and what is known of steps that are gone are kept.

use std::time::{Duration, SystemTime};

use rusqlite::Transaction;

use crate::gc::GcError;
use crate::meta::{WriteError, millis};
use crate::store::Store;
use crate::tree::remove_tree;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// Builds that are remembered: so many, and none that is older.
const BUILDS: (i64, Duration) = (200, Duration::from_secs(30 * DAY.as_secs()));
/// Failed steps that are kept: so many, and none that is older.
const FAILURES: (i64, Duration) = (3, Duration::from_secs(7 * DAY.as_secs()));
/// Steps that are remembered: so many, and of those whose results are gone none that is older.
const STRUCTURES: (i64, Duration) = (20_000, Duration::from_secs(60 * DAY.as_secs()));
/// How long steps took that were not run since then is forgotten.
const DURATIONS: Duration = Duration::from_secs(60 * DAY.as_secs());

impl Store {
    /// Forgets builds, failed steps and steps without results that are too old or too many. Layers of failed steps stay, but
    /// nothing leads to them any more. Every collection does so, too.
    ///
    /// # Errors
    /// When the database cannot be written, or logs cannot be removed.
    pub fn expire(&self) -> Result<(), GcError> {
        let builds = self.inner.meta.write(|db| Ok::<_, WriteError<GcError>>(forget(db, SystemTime::now())?))?;
        for build in builds {
            let logs = self.root().join("logs").join(build.to_string());
            remove_tree(&logs).map_err(|source| GcError::io("remove", &logs, source))?;
        }
        Ok(())
    }
}

/// Gives the builds that are forgotten.
fn forget(db: &Transaction<'_>, now: SystemTime) -> rusqlite::Result<Vec<i64>> {
    let before = |age: Duration| millis(now - age);
    let builds: Vec<i64> = db
        .prepare_cached(
            "DELETE FROM builds WHERE outcome <> 'running'
               AND (started_at < ?1 OR id <= (SELECT id FROM builds ORDER BY id DESC LIMIT 1 OFFSET ?2))
             RETURNING id",
        )?
        .query_map((before(BUILDS.1), BUILDS.0), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    // Of builds that are gone, too many, or too old.
    let gone = "SELECT kept.build, kept.number FROM failures AS kept LEFT JOIN builds ON builds.id = kept.build
                WHERE builds.id IS NULL OR builds.started_at < ?1
                UNION SELECT * FROM (SELECT build, number FROM failures ORDER BY build DESC, number DESC LIMIT -1 OFFSET ?2)";
    for table in ["failure_layers", "failures"] {
        db.prepare_cached(&format!("DELETE FROM {table} WHERE (build, number) IN ({gone})"))?
            .execute((before(FAILURES.1), FAILURES.0))?;
    }
    db.execute("DELETE FROM failure_layers WHERE (build, number) NOT IN (SELECT build, number FROM failures)", [])?;
    db.prepare_cached(
        "DELETE FROM structures WHERE id IN (
           SELECT structures.id FROM structures
           LEFT JOIN keys ON keys.name = structures.key
           LEFT JOIN results ON results.key = keys.id
           WHERE results.id IS NULL AND structures.made_at < ?1)
         OR id <= (SELECT id FROM structures ORDER BY id DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute((before(STRUCTURES.1), STRUCTURES.0))?;
    db.prepare_cached("DELETE FROM durations WHERE at < ?1")?.execute([before(DURATIONS)])?;
    Ok(builds)
}
