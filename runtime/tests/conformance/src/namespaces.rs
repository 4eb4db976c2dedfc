//! Namespaces in which a test and its servers run: network, mounts and processes of their own.
//!
//! Owns the guarantee that nothing outlives a test. The test's process is the first of a process namespace, so that the kernel
//! kills every daemon and container with it; mounts and bridges go with their namespaces. Addresses are fixed, because
//! nobody else is on this network. Does not know what runs.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

/// Names the directory of the test, inside.
const DIRECTORY: &str = "HLB_CONFORMANCE_DIRECTORY";

const PREFIX: &str = "hlb-conformance-";

/// Runs the body of a test in namespaces of its own, with a directory of its own. `test` is the full name of the calling test:
/// its process starts this same test once more inside.
///
/// # Panics
/// If it fails inside.
pub fn inside(test: &str, body: impl FnOnce(&Path)) {
    if let Some(directory) = std::env::var_os(DIRECTORY) {
        let directory = PathBuf::from(directory);
        run(Command::new("ip").args(["link", "set", "lo", "up"]));
        body(&directory);
        // A name that names no test would run none, and pass.
        std::fs::write(directory.join("passed"), "").unwrap();
        return;
    }
    let base = std::env::temp_dir();
    sweep(&base);
    let name = format!("{PREFIX}{}", std::process::id());
    let directory = base.join(&name);
    std::fs::create_dir(&directory).unwrap();
    let status = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--"])
        .args(["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(DIRECTORY, &directory)
        // Whoever runs the tests may have an agent; cases that have none must see none.
        .env_remove("SSH_AUTH_SOCK")
        .status();
    let passed = directory.join("passed").exists();
    std::fs::remove_dir_all(&directory).unwrap();
    remove_control_groups(&name);
    // A case names this one.
    remove_control_groups("conformance-group");
    let status = status.unwrap_or_else(|error| panic!("`setpriv` cannot be started ({error}): {ADVICE}"));
    assert!(status.success(), "{}", said(test, status));
    assert!(passed, "`{test}` is not the name of the test that called it");
}

/// What to do when a server is missing.
pub(crate) const ADVICE: &str = "run `cargo xtask setup --tests`";

fn said(test: &str, status: ExitStatus) -> String {
    format!("{test} failed in its namespaces ({status}): what it said is above. It needs root")
}

/// Removes what tests left that were killed before they could.
fn sweep(base: &Path) {
    for entry in std::fs::read_dir(base).unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let Some(pid) = name.strip_prefix(PREFIX) else { continue };
        if !Path::new("/proc").join(pid).exists() {
            // Another test may be sweeping the same.
            let _ = std::fs::remove_dir_all(base.join(&name));
            remove_control_groups(&name);
        }
    }
}

/// The control group under which the daemon of this test puts its containers.
pub(crate) fn control_group() -> String {
    let directory = PathBuf::from(std::env::var_os(DIRECTORY).unwrap());
    format!("/{}", directory.file_name().unwrap().to_string_lossy())
}

/// Control groups belong to no namespace and outlive their processes.
fn remove_control_groups(name: &str) {
    let Ok(hierarchies) = std::fs::read_dir("/sys/fs/cgroup") else { return };
    let hierarchies = hierarchies.flatten().map(|entry| entry.path());
    for hierarchy in hierarchies.chain([PathBuf::from("/sys/fs/cgroup")]) {
        remove_group(&hierarchy.join(name));
    }
}

fn remove_group(group: &Path) {
    let Ok(entries) = std::fs::read_dir(group) else { return };
    for entry in entries.flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_group(&entry.path());
        }
    }
    // Fails only while a process is in it, and there is none.
    let _ = std::fs::remove_dir(group);
}

/// A server that ends with the bench, or at the latest with the namespaces.
#[derive(Debug)]
pub struct Server(Child);

impl Server {
    /// Starts it.
    ///
    /// # Panics
    /// If it is not installed.
    pub(crate) fn start(command: &mut Command) -> Self {
        let child = command.stdin(Stdio::null()).spawn();
        Self(child.unwrap_or_else(|error| panic!("{command:?} cannot be started ({error}): {ADVICE}")))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Fails only if it has ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command to its end.
///
/// # Panics
/// With what it said, if it does not succeed.
pub(crate) fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} cannot be started ({error}): {ADVICE}"));
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
