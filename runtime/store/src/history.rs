//! The rows of builds.
//!
//! Owns the tables `builds`, `build_sources`, `build_steps` and `durations` (which `durations` reads), and that a build is
//! recorded in one transaction. Must not know what a step does, nor what an explanation says.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rusqlite::{Connection, OptionalExtension, Row, Transaction};

use crate::meta::{MetaError, WriteError, micros, millis, now, time};
use crate::session;
use crate::store::{Inner, Store};
use crate::structure::{self, NewStructure, Noted};

/// Which of two durations of one step counts how much: this is half the old one and half the new.
const HALF: i64 = 2;

/// The builds that were, and those that are.
#[derive(Debug, Clone, Copy)]
pub struct History<'store> {
    inner: &'store Arc<Inner>,
}

/// How a build or a step of it ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended.
    Running,
    /// All was made.
    Done,
    /// Something failed.
    Failed,
    /// The caller had enough.
    Cancelled,
    /// The process went away without saying how it ended.
    Died,
}

/// What happened to a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepState {
    /// It has not ended.
    Running,
    /// It was done.
    Ran,
    /// An earlier result was found.
    Cached,
    /// It failed.
    Failed,
    /// It was cancelled.
    Cancelled,
    /// The process went away while it ran.
    Died,
}

/// What is known of a build from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewBuild {
    /// What was asked for, for people.
    pub title: String,
    /// Where it was asked for.
    pub directory: PathBuf,
    /// When it began.
    pub started_at: SystemTime,
}

/// A build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildRow {
    /// Its number. Later builds have higher ones.
    pub id: i64,
    /// What is known from its beginning.
    pub begun: NewBuild,
    /// When it ended; none of one that has not, or died.
    pub ended_at: Option<SystemTime>,
    /// How.
    pub outcome: Outcome,
    /// How many steps it had.
    pub steps: u32,
    /// How many of these were found.
    pub cached: u32,
}

/// A step of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StepRow {
    /// Its number in the build, from 1.
    pub number: u32,
    /// The digest of its definition.
    pub vertex: String,
    /// Its name for people.
    pub name: String,
    /// The digests of the definitions that it reads.
    pub inputs: Vec<String>,
    /// What happened to it.
    pub state: StepState,
    /// When it began, if it did.
    pub started_at: Option<SystemTime>,
    /// How long it took, if it ended.
    pub took: Option<Duration>,
    /// Why it failed.
    pub error: Option<String>,
    /// Why it ran or by what it was found, in a form that the writer knows.
    pub explanation: Option<String>,
}

/// A step of one of the last builds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastStep {
    /// The build.
    pub build: i64,
    /// Its number there.
    pub number: u32,
    /// The digest of its definition.
    pub vertex: String,
    /// The row of its structure.
    pub structure: i64,
    /// What sort of step it is.
    pub kind: String,
}

/// What a step is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// A structure that is recorded, by its row.
    Known(i64),
    /// One of [`Ended::structures`], by its position.
    New(usize),
}

/// All that is known of a build at its end.
#[derive(Debug, Clone)]
pub struct Ended {
    /// How it ended; never `Running`.
    pub outcome: Outcome,
    /// Its steps in the order of their numbers, and what they are made of, if that is known.
    pub steps: Vec<(StepRow, Option<Made>)>,
    /// What steps are made of.
    pub structures: Vec<NewStructure>,
    /// The source maps of its definitions, as protobuf.
    pub sources: Vec<Vec<u8>>,
    /// How long steps took, by a name that tells equal work.
    pub durations: Vec<(String, Duration)>,
}

impl Store {
    /// The builds that were, and those that are.
    pub fn history(&self) -> History<'_> {
        History { inner: &self.inner }
    }
}

impl History<'_> {
    /// Notes that a build of this process runs, so that its death is known. Gives its number.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn begin(&self, build: &NewBuild) -> Result<i64, MetaError> {
        self.inner.meta.write(|db| Ok::<_, WriteError<MetaError>>(insert(db, self.inner, build)?))
    }

    /// Records a build, all or nothing. One that was not begun gets a number now; which it has, is given.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn end(&self, id: Option<i64>, build: &NewBuild, ended: &Ended) -> Result<i64, MetaError> {
        let record = |db: &Transaction<'_>| {
            let id = match id {
                Some(id) => {
                    insert_lost(db, self.inner, id, build)?;
                    id
                }
                None => insert(db, self.inner, build)?,
            };
            write(db, id, ended, Some(now()))?;
            Ok::<_, WriteError<MetaError>>(id)
        };
        // Who builds what is there already does not want to wait for the disk to hear so.
        if id.is_none() && ended.structures.is_empty() {
            self.inner.meta.write_lightly(record)
        } else {
            self.inner.meta.write(record)
        }
    }

    /// Records what is known of a build that died, unless it has ended after all or somebody else has recorded it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn bury(&self, id: i64, ended: &Ended) -> Result<(), MetaError> {
        self.inner.meta.write(|db| {
            let running = "SELECT 1 FROM builds WHERE id = ?1 AND outcome = 'running'";
            if db.prepare_cached(running)?.exists([id])? {
                write(db, id, ended, None)?;
            }
            Ok::<_, WriteError<MetaError>>(())
        })
    }

    /// Builds that are noted as running whose process is gone.
    ///
    /// # Errors
    /// When the database or a session cannot be read.
    pub fn dead(&self) -> Result<Vec<i64>, MetaError> {
        let running: Vec<(i64, String)> = self.inner.meta.read(|db| {
            db.prepare_cached("SELECT id, session FROM builds WHERE outcome = 'running'")?
                .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
                .collect()
        })?;
        let own = session_name(self.inner);
        let sessions = self.inner.root.join("sessions");
        let is_dead = |session: &str| session != own && matches!(session::is_alive(&sessions.join(session)), Ok(false));
        Ok(running.into_iter().filter(|(_, session)| is_dead(session)).map(|(id, _)| id).collect())
    }

    /// The newest builds, newest first.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn builds(&self, most: u32) -> Result<Vec<BuildRow>, MetaError> {
        self.inner.meta.read(|db| {
            db.prepare_cached(&format!("{BUILDS} ORDER BY id DESC LIMIT ?1"))?.query_map([most], build)?.collect()
        })
    }

    /// A build.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn build(&self, id: i64) -> Result<Option<BuildRow>, MetaError> {
        self.inner
            .meta
            .read(|db| db.prepare_cached(&format!("{BUILDS} WHERE id = ?1"))?.query_row([id], build).optional())
    }

    /// The steps of a build, in the order of their numbers.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn steps(&self, build: i64) -> Result<Vec<StepRow>, MetaError> {
        self.inner.meta.read(|db| {
            db.prepare_cached(
                "SELECT number, vertex, name, inputs, state, started_at, micros, error, explanation
                 FROM build_steps WHERE build = ?1 ORDER BY number",
            )?
            .query_map([build], step)?
            .collect()
        })
    }

    /// The source maps of a build, as protobuf.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sources(&self, build: i64) -> Result<Vec<Vec<u8>>, MetaError> {
        self.inner.meta.read(|db| {
            db.prepare_cached("SELECT source FROM build_sources WHERE build = ?1 ORDER BY rowid")?
                .query_map([build], |row| row.get(0))?
                .collect()
        })
    }

    /// For each structure that one of the newest builds had the newest of those.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_uses(&self, builds: u32) -> Result<HashMap<i64, i64>, MetaError> {
        self.inner.meta.read(|db| {
            db.prepare_cached(
                "SELECT structure, max(build) FROM build_steps
                 WHERE build > (SELECT coalesce(max(id), 0) FROM builds) - ?1 AND structure IS NOT NULL
                 GROUP BY structure",
            )?
            .query_map([builds], |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect()
        })
    }

    /// The steps of the newest builds in a directory, as far as it is known what they are made of.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn last_steps(&self, directory: &Path, builds: u32) -> Result<Vec<LastStep>, MetaError> {
        self.inner.meta.read(|db| {
            db.prepare_cached(
                "SELECT step.build, step.number, step.vertex, step.structure, structures.kind FROM build_steps AS step
                 JOIN structures ON structures.id = step.structure
                 WHERE step.build IN (SELECT id FROM builds WHERE directory = ?1 AND outcome <> 'running'
                                      ORDER BY id DESC LIMIT ?2)",
            )?
            .query_map((directory.to_string_lossy(), builds), |row| {
                Ok(LastStep {
                    build: row.get(0)?,
                    number: row.get(1)?,
                    vertex: row.get(2)?,
                    structure: row.get(3)?,
                    kind: row.get(4)?,
                })
            })?
            .collect()
        })
    }
}

const BUILDS: &str = "
    SELECT id, title, directory, started_at, ended_at, outcome,
           (SELECT count(*) FROM build_steps WHERE build = builds.id),
           (SELECT count(*) FROM build_steps WHERE build = builds.id AND state = 'cached')
    FROM builds";

fn insert(db: &Connection, inner: &Inner, build: &NewBuild) -> rusqlite::Result<i64> {
    db.prepare_cached(
        "INSERT INTO builds (session, title, directory, started_at, outcome) VALUES (?1, ?2, ?3, ?4, 'running')",
    )?
    .execute((session_name(inner), &build.title, build.directory.to_string_lossy(), millis(build.started_at)))?;
    Ok(db.last_insert_rowid())
}

/// Notes a build once more of which nothing is known, as the database was replaced meanwhile.
fn insert_lost(db: &Connection, inner: &Inner, id: i64, build: &NewBuild) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT OR IGNORE INTO builds (id, session, title, directory, started_at, outcome)
         VALUES (?1, ?2, ?3, ?4, ?5, 'running')",
    )?
    .execute((id, session_name(inner), &build.title, build.directory.to_string_lossy(), millis(build.started_at)))
    .map(drop)
}

fn write(db: &Connection, build: i64, ended: &Ended, at: Option<i64>) -> rusqlite::Result<()> {
    db.prepare_cached("UPDATE builds SET ended_at = ?2, outcome = ?3 WHERE id = ?1")?.execute((
        build,
        at,
        ended.outcome.word(),
    ))?;
    let noted: Vec<Noted> =
        ended.structures.iter().map(|new| structure::note(db, new, build)).collect::<Result<_, _>>()?;
    let mut insert = db.prepare_cached(
        "INSERT OR REPLACE INTO build_steps
           (build, number, vertex, name, inputs, state, started_at, micros, error, explanation, structure)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    for (step, structure) in &ended.steps {
        let structure = structure.and_then(|made| match made {
            Made::Known(row) => Some(row),
            Made::New(at) => noted.get(at).map(|noted| noted.0),
        });
        insert.execute((
            build,
            step.number,
            &step.vertex,
            &step.name,
            step.inputs.join(" "),
            step.state.word(),
            step.started_at.map(millis),
            step.took.map(micros),
            &step.error,
            &step.explanation,
            structure,
        ))?;
    }
    let mut insert = db.prepare_cached("INSERT INTO build_sources (build, source) VALUES (?1, ?2)")?;
    for source in &ended.sources {
        insert.execute((build, source))?;
    }
    let mut upsert = db.prepare_cached(
        "INSERT INTO durations (step, micros, at) VALUES (?1, ?2, ?3)
         ON CONFLICT (step) DO UPDATE SET micros = (micros + excluded.micros) / ?4, at = excluded.at",
    )?;
    for (step, took) in &ended.durations {
        upsert.execute((step, micros(*took), now(), HALF))?;
    }
    Ok(())
}

fn build(row: &Row<'_>) -> rusqlite::Result<BuildRow> {
    let outcome: String = row.get(5)?;
    Ok(BuildRow {
        id: row.get(0)?,
        begun: NewBuild {
            title: row.get(1)?,
            directory: PathBuf::from(row.get::<_, String>(2)?),
            started_at: time(row.get(3)?),
        },
        ended_at: row.get::<_, Option<i64>>(4)?.map(time),
        outcome: Outcome::read(&outcome),
        steps: row.get(6)?,
        cached: row.get(7)?,
    })
}

fn step(row: &Row<'_>) -> rusqlite::Result<StepRow> {
    let (inputs, state): (String, String) = (row.get(3)?, row.get(4)?);
    Ok(StepRow {
        number: row.get(0)?,
        vertex: row.get(1)?,
        name: row.get(2)?,
        inputs: inputs.split_whitespace().map(str::to_owned).collect(),
        state: StepState::read(&state),
        started_at: row.get::<_, Option<i64>>(5)?.map(time),
        took: row.get::<_, Option<i64>>(6)?.map(duration),
        error: row.get(7)?,
        explanation: row.get(8)?,
    })
}

impl Outcome {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Died => "died",
        }
    }

    fn read(word: &str) -> Self {
        let all = [Self::Running, Self::Done, Self::Failed, Self::Cancelled];
        all.into_iter().find(|outcome| outcome.word() == word).unwrap_or(Self::Died)
    }
}

impl StepState {
    /// Its name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Ran => "ran",
            Self::Cached => "cached",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
            Self::Died => "died",
        }
    }

    fn read(word: &str) -> Self {
        let all = [Self::Running, Self::Ran, Self::Cached, Self::Failed, Self::Cancelled];
        all.into_iter().find(|state| state.word() == word).unwrap_or(Self::Died)
    }
}

fn session_name(inner: &Inner) -> String {
    let name = Path::file_name(inner.session.dir());
    name.unwrap_or_default().to_string_lossy().into_owned()
}

fn duration(micros: i64) -> Duration {
    Duration::from_micros(u64::try_from(micros).unwrap_or(0))
}
