//! The database: connections, the schema and its migrations.
//!
//! Owns how SQLite is used so that several processes can write at once. What the tables mean is said in the modules that
//! read them.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

/// From this length in bytes on the log of a database is emptied by who closes it.
const LONG: u64 = 1 << 20;
/// Connections for reading that are kept open.
const MAX_IDLE: usize = 4;

/// How long a writer waits for the writers of other processes before it gives up.
const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// What SQLite needs for the files beside the database, in bytes; with less, the disk counts as full.
const ROOM: u64 = 256 << 10;

/// Each entry takes the schema from its index to the next version. Entries are never changed, only added.
const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2];

const VERSION_1: &str = "
    CREATE TABLE layers (
        id         TEXT PRIMARY KEY,
        created_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE keys (
        id         INTEGER PRIMARY KEY,
        name       TEXT NOT NULL UNIQUE,
        root       INTEGER NOT NULL,
        created_at INTEGER NOT NULL,
        facts      TEXT NOT NULL
    ) STRICT;

    CREATE TABLE links (
        source   INTEGER NOT NULL REFERENCES keys (id),
        digest   TEXT NOT NULL,
        input    INTEGER NOT NULL,
        output   INTEGER NOT NULL,
        selector TEXT NOT NULL,
        target   INTEGER NOT NULL REFERENCES keys (id),
        PRIMARY KEY (source, digest, input, output, selector, target)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX links_by_target ON links (target);

    CREATE TABLE results (
        id          INTEGER PRIMARY KEY AUTOINCREMENT,
        key         INTEGER NOT NULL REFERENCES keys (id),
        created_at  INTEGER NOT NULL,
        description TEXT NOT NULL
    ) STRICT;
    CREATE INDEX results_by_key ON results (key, created_at);

    CREATE TABLE result_layers (
        result   INTEGER NOT NULL REFERENCES results (id) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        layer    TEXT NOT NULL,
        PRIMARY KEY (result, position)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX result_layers_by_layer ON result_layers (layer);

    CREATE TABLE facts (
        namespace TEXT NOT NULL,
        key       TEXT NOT NULL,
        value     BLOB NOT NULL,
        PRIMARY KEY (namespace, key)
    ) STRICT, WITHOUT ROWID;
";

/// What is on disk for sure, how large things are and how often used; builds, their steps and what those are made of.
const VERSION_2: &str = "
    -- The boot id while the layer may be lost with the machine's power; empty once it is on disk.
    ALTER TABLE layers ADD COLUMN boot   TEXT NOT NULL DEFAULT '';
    -- Allocated; NULL: not measured. Measured each time if some file of it has other names.
    ALTER TABLE layers ADD COLUMN bytes  INTEGER;
    ALTER TABLE layers ADD COLUMN shared INTEGER NOT NULL DEFAULT 0;

    -- `cost` is the microseconds it took to make; `kind` as BuildKit's clients know them.
    ALTER TABLE results ADD COLUMN used_at INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE results ADD COLUMN uses    INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE results ADD COLUMN cost    INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE results ADD COLUMN kind    TEXT NOT NULL DEFAULT 'regular';

    CREATE TABLE durations (
        step   TEXT PRIMARY KEY,
        micros INTEGER NOT NULL,
        at     INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;

    -- `outcome` is running, done, failed, cancelled or died.
    CREATE TABLE builds (
        id         INTEGER PRIMARY KEY AUTOINCREMENT,
        session    TEXT NOT NULL,
        title      TEXT NOT NULL,
        directory  TEXT NOT NULL,
        started_at INTEGER NOT NULL,
        ended_at   INTEGER,
        outcome    TEXT NOT NULL
    ) STRICT;

    -- The source maps of its definitions, as protobuf.
    CREATE TABLE build_sources (
        build  INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
        source BLOB NOT NULL
    ) STRICT;
    CREATE INDEX build_sources_by_build ON build_sources (build);

    CREATE TABLE structures (
        id      INTEGER PRIMARY KEY,
        key     TEXT,
        vertex  TEXT NOT NULL,
        map     TEXT NOT NULL,
        kind    TEXT NOT NULL,
        name    TEXT NOT NULL,
        place   TEXT NOT NULL,
        op      BLOB NOT NULL,
        parts   TEXT NOT NULL,
        made_at INTEGER NOT NULL,
        lost    TEXT NOT NULL DEFAULT '',
        lost_at INTEGER NOT NULL DEFAULT 0
    ) STRICT;
    CREATE INDEX structures_by_key ON structures (key);
    CREATE INDEX structures_by_map ON structures (map, made_at);
    CREATE INDEX structures_by_place ON structures (place, made_at);
    CREATE INDEX structures_by_name ON structures (name, made_at);

    -- `state` is ran, cached, failed or cancelled.
    CREATE TABLE build_steps (
        build       INTEGER NOT NULL REFERENCES builds (id) ON DELETE CASCADE,
        number      INTEGER NOT NULL,
        vertex      TEXT NOT NULL,
        name        TEXT NOT NULL,
        inputs      TEXT NOT NULL,
        state       TEXT NOT NULL,
        started_at  INTEGER,
        micros      INTEGER,
        error       TEXT,
        structure   INTEGER,
        explanation TEXT,
        PRIMARY KEY (build, number)
    ) STRICT, WITHOUT ROWID;

    -- Failed steps that are kept: the op, and the layers of its mounts, bottom first.
    CREATE TABLE failures (
        build  INTEGER NOT NULL,
        number INTEGER NOT NULL,
        op     BLOB NOT NULL,
        mounts TEXT NOT NULL,
        PRIMARY KEY (build, number)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE failure_layers (
        build  INTEGER NOT NULL,
        number INTEGER NOT NULL,
        layer  TEXT NOT NULL,
        PRIMARY KEY (build, number, layer)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX failure_layers_by_layer ON failure_layers (layer);
";

/// The metadata cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// SQLite refused.
    #[error("the metadata in `{path}` is not usable")]
    Database {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: rusqlite::Error,
    },
    /// The disk is full.
    #[error("the metadata in `{path}` cannot be written")]
    Full {
        /// The database file.
        path: PathBuf,
        /// As the file system would say it.
        #[source]
        source: std::io::Error,
    },
    /// The file is not what SQLite left there.
    #[error("the metadata in `{path}` is damaged")]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What SQLite says.
        #[source]
        source: Corrupt,
    },
    /// A damaged file cannot be put aside.
    #[error(
        "the metadata in `{path}` is damaged and cannot be put aside: remove `{path}` and the files beside it whose names begin \
         with it; the next build then starts with an empty cache"
    )]
    Stuck {
        /// The database file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// A newer version of the program has changed the schema.
    #[error(
        "the metadata in `{path}` has version {found}, this program knows {known}: use the newer program or another state directory"
    )]
    Newer {
        /// The database file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest schema version that is known.
        known: u32,
    },
}

/// What SQLite says of a file that is not what it left there. Errors have it as a cause if a database has to be healed.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Corrupt(rusqlite::Error);

/// One database, as many connections as threads need.
#[derive(Debug)]
pub(crate) struct Meta {
    path: PathBuf,
    writer: Mutex<Connection>,
    readers: Mutex<Readers>,
    aside: Mutex<Option<PathBuf>>,
    /// Whether something was written that is worth the time that a file takes to reach the disk.
    weighty: AtomicBool,
}

/// Connections for reading that are idle.
#[derive(Debug, Default)]
struct Readers {
    idle: Vec<Connection>,
    /// How often the file was replaced: connections to an earlier one are not kept.
    age: u64,
}

impl Meta {
    /// Opens or creates the database. One that is damaged is put aside. The caller holds the store's lock, so that only one
    /// process migrates.
    pub(crate) fn open(path: &Path) -> Result<Self, MetaError> {
        let mut aside = None;
        let (writer, changed) = match open(path) {
            Err(MetaError::Damaged { .. }) => {
                aside = Some(put_aside(path)?);
                open(path)?
            }
            other => other?,
        };
        let (writer, readers) = (Mutex::new(writer), Mutex::default());
        Ok(Self { path: path.to_owned(), writer, readers, aside: Mutex::new(aside), weighty: AtomicBool::new(changed) })
    }

    /// Connects anew, and puts the file aside before if it is damaged. The caller holds the store's lock.
    pub(crate) fn heal(&self) -> Result<(), MetaError> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = match open(&self.path)
            .and_then(|(fresh, _)| is_whole(&fresh).map(|whole| (fresh, whole)).map_err(|e| self.error(e)))
        {
            Ok((fresh, true)) => fresh,
            Ok((_, false)) | Err(MetaError::Damaged { .. }) => {
                let aside = put_aside(&self.path)?;
                *self.aside.lock().unwrap_or_else(PoisonError::into_inner) = Some(aside);
                open(&self.path)?.0
            }
            Err(error) => return Err(error),
        };
        *writer = fresh;
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        readers.idle.clear();
        readers.age += 1;
        Ok(())
    }

    /// Where a damaged file was put.
    pub(crate) fn aside(&self) -> Option<PathBuf> {
        self.aside.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Reads, beside any writer; all that is read is of one moment.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, MetaError> {
        let (idle, age) = {
            let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
            (readers.idle.pop(), readers.age)
        };
        let connection = match idle {
            Some(connection) => connection,
            None => connect(&self.path).map_err(|source| self.error(source))?,
        };
        let value =
            connection.unchecked_transaction().and_then(|moment| read(&moment)).map_err(|source| self.error(source));
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if readers.idle.len() < MAX_IDLE && readers.age == age {
            readers.idle.push(connection);
        }
        value
    }

    /// Writes in one transaction that excludes every other writer, also in other processes. An error undoes it all.
    pub(crate) fn write<T, E: From<MetaError>>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, WriteError<E>>,
    ) -> Result<T, E> {
        self.weighty.store(true, Ordering::Relaxed);
        self.write_lightly(write)
    }

    /// The same, but if nothing else is written by this process, it ends without waiting for the disk: what was written stays in
    /// the log of the database, where all see it, until that is long or something else is written.
    pub(crate) fn write_lightly<T, E: From<MetaError>>(
        &self,
        write: impl FnOnce(&Transaction<'_>) -> Result<T, WriteError<E>>,
    ) -> Result<T, E> {
        let mut writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        let database = |source| E::from(self.error(source));
        let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate).map_err(database)?;
        let value = write(&transaction).map_err(|error| match error {
            WriteError::Database(source) => database(source),
            WriteError::Other(error) => error,
        })?;
        transaction.commit().map_err(database)?;
        Ok(value)
    }

    fn error(&self, source: rusqlite::Error) -> MetaError {
        error(&self.path, source)
    }
}

impl Drop for Meta {
    /// The last connection to close empties the log and waits for the disk, unless it is told not to. Whoever opens the database
    /// next reads what is left of the log, so it must not get long.
    fn drop(&mut self) {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        let is_long = std::fs::metadata(log).is_ok_and(|log| log.len() > LONG);
        if *self.weighty.get_mut() || is_long {
            return;
        }
        let writer = self.writer.get_mut().unwrap_or_else(PoisonError::into_inner);
        let readers = self.readers.get_mut().unwrap_or_else(PoisonError::into_inner);
        for connection in std::iter::once(&*writer).chain(&readers.idle) {
            // That it waits all the same does no harm.
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }
}

/// Why a transaction was given up.
pub(crate) enum WriteError<E> {
    Database(rusqlite::Error),
    Other(E),
}

impl<E> From<rusqlite::Error> for WriteError<E> {
    fn from(error: rusqlite::Error) -> Self {
        Self::Database(error)
    }
}

/// Now, in milliseconds since 1970.
pub(crate) fn now() -> i64 {
    millis(SystemTime::now())
}

/// A time in milliseconds since 1970, as rows have them.
pub(crate) fn millis(at: SystemTime) -> i64 {
    i64::try_from(at.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_millis()).unwrap_or(i64::MAX)
}

/// A duration in microseconds, as rows have them.
pub(crate) fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

/// The time that a row says.
pub(crate) fn time(millis: i64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_millis(u64::try_from(millis).unwrap_or(0))
}

fn error(path: &Path, source: rusqlite::Error) -> MetaError {
    match source.sqlite_error_code() {
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            MetaError::Damaged { path: path.to_owned(), source: Corrupt(source) }
        }
        // For some of its files SQLite says of a full disk only that it is no good.
        Some(code) if code == ErrorCode::DiskFull || code == ErrorCode::SystemIoFailure && is_full(path) => {
            MetaError::Full { path: path.to_owned(), source: std::io::ErrorKind::StorageFull.into() }
        }
        _ => MetaError::Database { path: path.to_owned(), source },
    }
}

/// Whether the disk has no room for what belongs to a database.
fn is_full(path: &Path) -> bool {
    let disk = path.parent().and_then(|root| rustix::fs::statvfs(root).ok());
    disk.is_some_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) < ROOM)
}

/// A connection for writing to a database of this version, and whether it has become that now.
fn open(path: &Path) -> Result<(Connection, bool), MetaError> {
    let database = |source| error(path, source);
    let mut writer = connect(path).map_err(database)?;
    writer.pragma_update(None, "journal_mode", "WAL").map_err(database)?;
    let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
    let found: u32 = writer.pragma_query_value(None, "user_version", |row| row.get(0)).map_err(database)?;
    if found > known {
        return Err(MetaError::Newer { path: path.to_owned(), found, known });
    }
    migrate(&mut writer, found).map_err(database)?;
    Ok((writer, found < known))
}

fn is_whole(db: &Connection) -> rusqlite::Result<bool> {
    db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)).map(|said| said == "ok")
}

/// Moves a database and what belongs to it into a directory of its own beside it.
fn put_aside(path: &Path) -> Result<PathBuf, MetaError> {
    let stuck = |source| MetaError::Stuck { path: path.to_owned(), source };
    let seconds = now() / 1000;
    let names = (0..)
        .map(|more: u32| if more == 0 { format!("damaged-{seconds}") } else { format!("damaged-{seconds}-{more}") });
    for name in names {
        let dir = path.with_file_name(name);
        match std::fs::create_dir(&dir) {
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => continue,
            other => other.map_err(stuck)?,
        }
        for end in ["", "-wal", "-shm"] {
            let mut name = path.file_name().unwrap_or_default().to_owned();
            name.push(end);
            match std::fs::rename(path.with_file_name(&name), dir.join(&name)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(stuck(error)),
                _ => {}
            }
        }
        return Ok(dir);
    }
    Err(stuck(std::io::ErrorKind::AlreadyExists.into()))
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    // A power cut may lose the last commits, which costs a rebuild, but never breaks the file.
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(connection)
}

fn migrate(writer: &mut Connection, found: u32) -> rusqlite::Result<()> {
    for (version, migration) in (1_u32..).zip(MIGRATIONS) {
        if version > found {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            transaction.execute_batch(migration)?;
            transaction.pragma_update(None, "user_version", version)?;
            transaction.commit()?;
        }
    }
    Ok(())
}
