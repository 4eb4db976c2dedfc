//! The commands as their users have them.

use std::error::Error;
use std::path::PathBuf;
use std::process::Command;

/// The hlbc that this repository builds, compiled for release.
///
/// # Errors
/// As for [`release_build`].
pub fn release_binary() -> Result<PathBuf, Box<dyn Error>> {
    release_build("hlbc")
}

/// A program that this repository builds, by the name of its package, compiled for release.
///
/// # Errors
/// If it cannot be built, or this was not started by cargo.
pub fn release_build(package: &str) -> Result<PathBuf, Box<dyn Error>> {
    let built =
        Command::new("cargo").args(["build", "--release", "-p", package]).current_dir(repository()?).status()?;
    if !built.success() {
        return Err(format!("{package} could not be built").into());
    }
    Ok(target_dir()?.join("release").join(package))
}

/// Where cargo puts what it builds.
///
/// # Errors
/// If this was not started by cargo.
pub fn target_dir() -> Result<PathBuf, Box<dyn Error>> {
    let repository = repository()?;
    Ok(std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository.join("target"), PathBuf::from))
}

fn repository() -> Result<PathBuf, Box<dyn Error>> {
    let package = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").ok_or("start this with `cargo bench`")?);
    Ok(package.parent().ok_or("no repository")?.to_owned())
}
