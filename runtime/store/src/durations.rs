//! How long steps took.
//!
//! Owns the reading of the table `durations`; it is written with the record of a build, by `history`. Must not know what a step
//! is.

use std::collections::HashMap;
use std::time::Duration;

use rusqlite::OptionalExtension as _;

use crate::meta::MetaError;
use crate::store::Store;

impl Store {
    /// How long steps took lately, by their names; those that are not known are left out.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn durations<'a>(
        &self,
        steps: impl IntoIterator<Item = &'a str>,
    ) -> Result<HashMap<&'a str, Duration>, MetaError> {
        self.inner.meta.read(|db| {
            let mut find = db.prepare_cached("SELECT micros FROM durations WHERE step = ?1")?;
            let mut known = HashMap::new();
            for step in steps {
                let micros: Option<i64> = find.query_row([step], |row| row.get(0)).optional()?;
                known.extend(micros.map(|micros| (step, Duration::from_micros(micros.max(0).cast_unsigned()))));
            }
            Ok(known)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(dir.path()).unwrap();
        assert_eq!(store.durations(["a"]).unwrap(), HashMap::new());
        let db = rusqlite::Connection::open(dir.path().join("meta.db")).unwrap();
        db.execute("INSERT INTO durations VALUES ('a', 1500000, 0), ('b', 7, 0)", []).unwrap();
        let expected = [("a", Duration::from_millis(1500)), ("b", Duration::from_micros(7))];
        assert_eq!(store.durations(["b", "c", "a", "a"]).unwrap(), expected.into());
    }
}
