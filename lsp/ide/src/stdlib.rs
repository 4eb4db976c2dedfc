//! The texts that are built in, as files.
//!
//! Owns how they are written, so that going to the definition of a builtin works in every editor.

use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};

use camino::Utf8Path;

/// Nobody is to write into them.
const MODE: u32 = 0o444;

/// Writes the texts of the builtins and of the standard modules into a directory, those that are not there as they are.
///
/// Others may do the same at the same time: each file appears at once, and nobody sees half of it.
///
/// # Errors
/// If the directory cannot be made or written to.
pub fn write_stdlib(directory: &Utf8Path) -> io::Result<()> {
    std::fs::create_dir_all(directory)?;
    for (name, text) in hlb_compiler::builtin_texts() {
        let path = directory.join(name).with_extension("hlb");
        if std::fs::read(&path).is_ok_and(|found| found == text.as_bytes()) {
            continue;
        }
        let new = directory.join(format!(".{name}.{}", std::process::id()));
        let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(&new)?;
        file.write_all(text.as_bytes())?;
        file.set_permissions(std::fs::Permissions::from_mode(MODE))?;
        std::fs::rename(&new, &path)?;
    }
    Ok(())
}
