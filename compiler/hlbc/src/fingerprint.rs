//! Telling whether a directory of this machine may have changed, without reading its files.
//!
//! Owns what goes into the digest. What patterns mean is the runtime's business, so that what is fingerprinted is what is
//! transferred.

use camino::Utf8Path;
use hlb_compiler::WorldError;
use hlb_llb::digest::Hasher;
use hlb_runtime::select::{Selected, select};

use crate::error::in_words;

/// What patterns select below a directory, in path order.
///
/// # Errors
/// If the directory cannot be walked or a pattern is malformed.
pub(crate) fn selected(dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<Vec<Selected>, WorldError> {
    let failed =
        |error: std::io::Error| WorldError::Unreadable { path: dir.to_owned(), reason: in_words(&error.to_string()) };
    select(dir.as_std_path(), include, exclude).map_err(failed)
}

/// A digest over the directory's place, the patterns, and all that they select: equal as long as nothing was written.
///
/// # Errors
/// If the directory cannot be walked or a pattern is malformed.
pub(crate) fn of(dir: &Utf8Path, include: &[String], exclude: &[String]) -> Result<String, WorldError> {
    let mut hasher = Hasher::default();
    let absolute = std::path::absolute(dir.as_std_path()).unwrap_or_else(|_| dir.as_std_path().to_owned());
    field(&mut hasher, absolute.as_os_str().as_encoded_bytes());
    for list in [include, exclude] {
        field(&mut hasher, &list.len().to_le_bytes());
        list.iter().for_each(|pattern| field(&mut hasher, pattern.as_bytes()));
    }
    for entry in selected(dir, include, exclude)? {
        field(&mut hasher, entry.path.as_os_str().as_encoded_bytes());
        field(&mut hasher, entry.stamp.as_bytes());
    }
    Ok(hasher.finish().to_string())
}

/// With its length in front, so that two fields are never taken for one.
fn field(hasher: &mut Hasher, bytes: &[u8]) {
    hasher.update(bytes.len().to_le_bytes());
    hasher.update(bytes);
}
