//! Files of the user that get another text.
//!
//! Owns that an interruption leaves the old text or the new one, and that mode and links of the file stay.

use std::fs;
use std::io;
use std::path::Path;

use camino::Utf8Path;

use crate::error::{Failure, Kind};

/// Replaces the text of a file in one step.
///
/// # Errors
/// If it cannot be written.
pub(crate) fn file(path: &Utf8Path, text: &str) -> Result<(), Failure> {
    replace(path, text)
        .map_err(|error| Failure::new(Kind::Environment, format!("cannot write `{path}`")).because(error))
}

fn replace(file: &Utf8Path, text: &str) -> io::Result<()> {
    let target = file.canonicalize()?;
    let dir = target.parent().unwrap_or(Path::new("/"));
    let temporary = dir.join(format!(".{}.hlbc-{}", file.file_name().unwrap_or("fmt"), std::process::id()));
    let written = fs::write(&temporary, text)
        .and_then(|()| fs::set_permissions(&temporary, fs::metadata(&target)?.permissions()))
        .and_then(|()| fs::rename(&temporary, &target));
    if written.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    written
}
