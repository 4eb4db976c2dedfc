//! The machine a task runs on: who we are, where hlbc keeps its state and configuration, how to become root.
//!
//! Must not know what any task does.

use crate::Result;
use std::{
    env, fs,
    os::unix::fs::MetadataExt,
    path::PathBuf,
    process::{Command, Stdio},
};

/// The variables that `sudo` must hand on, because they move hlbc's files.
const KEPT: &str = "HLBC_ROOT,HLBC_CONFIG,NO_COLOR";

/// The root of the repository.
pub(crate) fn repository() -> PathBuf {
    // `cargo run` says where this package is now; work trees may share what they compile.
    let package = env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| env!("CARGO_MANIFEST_DIR").into(), PathBuf::from);
    package.parent().unwrap_or(&package).to_path_buf()
}

/// Where hlbc, which runs as root, keeps its state.
pub(crate) fn state_dir() -> PathBuf {
    env::var_os("HLBC_ROOT").map_or_else(|| PathBuf::from("/var/lib/hlbc"), PathBuf::from)
}

/// Where what is downloaded for the tasks of this user is kept, once for all work trees.
pub(crate) fn cache_dir() -> PathBuf {
    let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let caches = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
    caches.map_or_else(|| target_dir().join("cache"), |caches| caches.join("hlbc-xtask"))
}

/// The configuration file that hlbc reads when it runs as root.
pub(crate) fn config_file() -> PathBuf {
    env::var_os("HLBC_CONFIG").map_or_else(|| PathBuf::from("/etc/hlbc/hlbc.toml"), PathBuf::from)
}

/// Where cargo puts what it builds.
pub(crate) fn target_dir() -> PathBuf {
    env::var_os("CARGO_TARGET_DIR").map_or_else(|| repository().join("target"), PathBuf::from)
}

/// Whether this process has root's rights.
pub(crate) fn is_root() -> bool {
    // The owner of /proc/self is the effective user of this process.
    fs::metadata("/proc/self").is_ok_and(|meta| meta.uid() == 0)
}

/// The full path of a program: in `PATH`, or where Debian keeps those that only root runs.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/sbin", "/sbin"].map(PathBuf::from);
    env::split_paths(&path).chain(system).map(|dir| dir.join(program)).find(|file| file.is_file())
}

/// A command that runs as root: as it is when we are root, through `sudo` otherwise.
///
/// # Errors
/// When neither is possible.
pub(crate) fn as_root(program: impl AsRef<std::ffi::OsStr>) -> Result<Command> {
    if is_root() {
        return Ok(Command::new(program));
    }
    if find("sudo").is_none() {
        return Err("this task needs root: run it as root, or install sudo".into());
    }
    let mut command = Command::new("sudo");
    command.arg(format!("--preserve-env={KEPT}")).arg(program);
    Ok(command)
}

/// Runs this same program once more as root, with these arguments.
///
/// # Errors
/// When root cannot be had or the task fails; it has said why.
pub(crate) fn again_as_root(args: &[&str]) -> Result<()> {
    let me = env::current_exe()?;
    run(as_root(me)?.args(args))
}

/// Runs a command to its end with our own terminal.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = command.status().map_err(|error| format!("cannot start {}: {error}", shown(command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", shown(command)).into()) }
}

/// Runs a command and gives its standard output, without the newline at its end.
///
/// # Errors
/// When it cannot be started or does not succeed.
pub(crate) fn read(command: &mut Command) -> Result<String> {
    let out = command
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| format!("cannot start {}: {error}", shown(command)))?;
    if !out.status.success() {
        return Err(format!("{} failed: {}", shown(command), out.status).into());
    }
    Ok(String::from_utf8(out.stdout)?.trim_end().to_owned())
}

/// A command as a person would type it, short enough for an error message.
pub(crate) fn shown(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    let line = words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(160) {
        Some((cut, _)) => format!("`{}…`", line.get(..cut).unwrap_or_default()),
        None => format!("`{line}`"),
    }
}
