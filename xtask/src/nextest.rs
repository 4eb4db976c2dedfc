//! Runs the test suite under cargo-nextest and keeps its closing line, so that it can be said again at the very end.
//!
//! Must not know which other checks there are.

use crate::{Result, host};
use std::{
    io::{BufRead, BufReader},
    process::{Command, Stdio},
};

/// Makes sure that `cargo nextest` is there.
///
/// # Errors
/// When it is missing and cannot be installed.
pub(crate) fn install() -> Result<()> {
    let there =
        Command::new("cargo").args(["nextest", "--version"]).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if there.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    println!("setup: installing cargo-nextest, the test runner, with cargo (some minutes, once)");
    host::run(Command::new("cargo").args(["install", "--locked", "cargo-nextest"]))
}

/// Runs every test of the workspace and gives the runner's closing line.
///
/// # Errors
/// When a test fails; the runner has said which.
pub(crate) fn run() -> Result<String> {
    let mut command = Command::new("cargo");
    command.current_dir(host::repository()).args(["nextest", "run", "--workspace"]);
    as_root(&mut command)?;
    let mut child = command.stderr(Stdio::piped()).spawn()?;
    let mut closing = String::new();
    if let Some(stderr) = child.stderr.take() {
        for line in BufReader::new(stderr).split(b'\n') {
            let line = line?;
            let line = String::from_utf8_lossy(&line);
            eprintln!("{line}");
            if line.trim_start().starts_with("Summary [") {
                closing = line.trim().to_owned();
            }
        }
    }
    let status = child.wait()?;
    if status.success() { Ok(closing) } else { Err(format!("tests failed: {closing}").into()) }
}

/// Lets tests be compiled as this user and run as root: containers and mounts need it.
///
/// # Errors
/// When the compiler does not say what machine this is.
pub(crate) fn as_root(command: &mut Command) -> Result<()> {
    if !host::is_root() {
        let runner = format!("CARGO_TARGET_{}_RUNNER", triple()?.to_uppercase().replace('-', "_"));
        // sudo sets a path of its own; tests need ours, and what only root has in its path.
        let path = std::env::var("PATH")?;
        command.env(runner, format!("sudo --preserve-env env PATH={path}:/usr/sbin:/sbin"));
    }
    Ok(())
}

fn triple() -> Result<String> {
    let version = host::read(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.ok_or("rustc -vV names no host")?.to_owned())
}
