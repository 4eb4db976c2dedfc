//! The rival.
//!
//! Owns where it is found, and its version.

use std::path::PathBuf;
use std::process::Command;

use crate::Result;

const PACKAGE: &str = "ty==0.0.108";

/// The program; `None` if it is not here and cannot be installed.
pub(crate) fn find() -> Result<Option<PathBuf>> {
    if let Some(told) = std::env::var_os("HLB_TY") {
        return Ok(Some(told.into()));
    }
    if Command::new("ty").arg("--version").output().is_ok_and(|out| out.status.success()) {
        return Ok(Some("ty".into()));
    }
    let place = hlb_bench::target_dir()?.join("peer-ty");
    let program = place.join("bin/ty");
    if !program.exists() {
        let venv = Command::new("python3").args(["-m", "venv"]).arg(&place).status();
        let made = venv.is_ok_and(|status| status.success());
        let pip = || Command::new(place.join("bin/pip")).args(["install", "--quiet", PACKAGE]).status();
        if !made || !pip().is_ok_and(|status| status.success()) {
            return Ok(None);
        }
    }
    Ok(Some(program))
}
