//! The rows of builds.
//!
//! Owns the tables `builds`, `build_sources`, `build_steps` and `durations`. Must not know what a step does.

use crate::meta::{MetaError, WriteError, now};
use crate::store::Store;

impl Store {
    /// Notes that a build has begun, and gives its number.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn begin_build(&self, title: &str, directory: &str) -> Result<i64, MetaError> {
        let session = self.session_dir().file_name().unwrap_or_default().to_string_lossy();
        self.inner.meta.write(|db| {
            db.execute(
                "INSERT INTO builds (session, title, directory, started_at, outcome) VALUES (?1, ?2, ?3, ?4, 'running')",
                (&session, title, directory, now()),
            )?;
            Ok::<_, WriteError<MetaError>>(db.last_insert_rowid())
        })
    }
}
