//! The command as its users have it.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

/// The hlbc that this repository builds, compiled for release.
///
/// # Errors
/// If it cannot be built, or this was not started by cargo.
pub fn release_binary() -> Result<PathBuf, Box<dyn Error>> {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").ok_or("start this with `cargo bench`")?);
    let repository = package.parent().ok_or("no repository")?;
    let built = Command::new("cargo").args(["build", "--release", "-p", "hlbc"]).current_dir(repository).status()?;
    if !built.success() {
        return Err("hlbc could not be built".into());
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), PathBuf::from);
    Ok(target.join("release/hlbc"))
}
