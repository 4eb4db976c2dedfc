//! Whether this machine can run steps at all.
//!
//! Owns the questions asked before any work, so that their answers are not the errors of some step.

use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::network::{self, Network};
use super::runc::{self, OciRuntime, RuncError};
use crate::sys::mounts::Overlay;
use crate::sys::namespace::{Confined, Confinement};
use crate::sys::rootless::{self, Privilege};

/// What the file system says it is if it is an overlay.
const OVERLAY: u64 = 0x794c_7630;

/// The machine cannot run steps.
#[derive(Debug, thiserror::Error)]
pub enum PreflightError {
    /// The state directory holds layers of the other kind.
    #[error(
        "the state directory `{root}` was made by {}, and layers are marked in another way {}: choose another directory",
        if *user { "a user who is not root" } else { "root" },
        if *user { "by root" } else { "by users who are not root" }
    )]
    Marks {
        /// The state directory.
        root: PathBuf,
        /// Whether somebody made it who is not root.
        user: bool,
    },
    /// The OCI runtime is missing or not one that can be used.
    #[error("{0}")]
    Runtime(String),
    /// Steps cannot have a network of their own.
    #[error("{0}")]
    Network(String),
    /// Processes cannot be given a `/proc`.
    #[error("processes cannot be given a `/proc` of their own, as parts of this one are hidden: {source}")]
    Processes {
        /// What the kernel says.
        source: io::Error,
    },
    /// The state directory is on an overlay.
    #[error(
        "the state directory `{root}` is on an overlay file system, and the kernel cannot keep layers of an overlay on \
         another: choose a directory on a disk, in a container one on a volume"
    )]
    OverlayOnOverlay {
        /// The state directory.
        root: PathBuf,
    },
    /// The state directory cannot hold layers.
    #[error(
        "layers cannot be mounted in the state directory `{root}`: {source}: choose one on a file system such as ext4, xfs or btrfs"
    )]
    NoOverlay {
        /// The state directory.
        root: PathBuf,
        /// What the kernel says.
        source: io::Error,
    },
    /// The state directory cannot be used.
    #[error("cannot write in the state directory `{root}`: {source}")]
    Root {
        /// The state directory.
        root: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// The file in the state directory that says for which OCI runtime and kernel all of this was found good.
const FOUND_GOOD: &str = "fit";

/// The file in the state directory that says that its layers were made in a user namespace, where overlays are marked by other
/// extended attributes than root's.
const USER_MARKS: &str = "marked-by-user";

/// Checks that steps can run here: in namespaces ([`crate::isolate`]) that allow mounts, with an OCI runtime and such a
/// network, and layers in the state directory, which is made if it is missing. What was found good once is not tried again
/// until the runtime, the kernel or the place of the state directory changes: a build that finds everything in the cache should
/// not start a process.
///
/// # Errors
/// The first thing that is wrong, with what to do about it.
pub fn preflight(root: &Path, oci: &OciRuntime, network: Network) -> Result<(), PreflightError> {
    let runc = &oci.program;
    check_marks(root)?;
    let machine = machine(root, runc, network);
    if machine.is_some() && std::fs::read_to_string(root.join(FOUND_GOOD)).ok() == machine {
        return Ok(());
    }
    runc::flavour(runc).map_err(|error: RuncError| PreflightError::Runtime(error.to_string()))?;
    match network {
        // Whatever there is of one.
        Network::Host => {}
        Network::Isolated => network::check().map_err(|error| PreflightError::Network(error.to_string()))?,
    }
    try_layers(root)?;
    if rootless::privilege() != Privilege::Root {
        try_processes(runc)?;
    }
    // Computed again: the directory may not have been there before. If it cannot be kept, the next run only checks again.
    if let Some(machine) = self::machine(root, runc, network) {
        let _ = std::fs::write(root.join(FOUND_GOOD), machine);
    }
    Ok(())
}

/// What the answers depend on; `None` if that cannot be told.
fn machine(root: &Path, runc: &Path, network: Network) -> Option<String> {
    let runc = runc::locate(runc);
    let (program, place) = (std::fs::metadata(&runc).ok()?, std::fs::metadata(root).ok()?);
    let kernel = rustix::system::uname();
    let changed = (program.size(), program.mtime(), program.mtime_nsec());
    let privilege = rootless::privilege();
    let kernel = kernel.release();
    Some(format!("2 {privilege:?} {} {changed:?} {} {kernel:?} {network:?}\n", runc.display(), place.dev()))
}

/// Makes a state directory if it is missing, and notes in a new one how its layers will be marked.
pub(crate) fn make(root: &Path) -> io::Result<()> {
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(root)?;
    if rootless::privilege() != Privilege::Root && !root.join("layers").exists() {
        std::fs::write(root.join(USER_MARKS), "")?;
    }
    Ok(())
}

/// Refuses a state directory that was made in the other way.
fn check_marks(root: &Path) -> Result<(), PreflightError> {
    let user = root.join(USER_MARKS).exists();
    let by_root = rootless::privilege() == Privilege::Root;
    if user == by_root && (user || root.join("layers").exists()) {
        return Err(PreflightError::Marks { root: root.to_owned(), user });
    }
    Ok(())
}

/// In a user namespace the kernel makes no `/proc` that would show more than the one that is there, as in a container that hides
/// parts of its own.
fn try_processes(runc: &Path) -> Result<(), PreflightError> {
    let mut command = Command::new(runc::locate(runc));
    command.arg("--version");
    let tried = Confined::spawn(command, None, Confinement::default()).and_then(|(confined, _)| confined.wait());
    tried.map(drop).map_err(|source| PreflightError::Processes { source })
}

fn try_layers(root: &Path) -> Result<(), PreflightError> {
    let failed = |source| PreflightError::Root { root: root.to_owned(), source };
    make(root).map_err(failed)?;
    let kind = rustix::fs::statfs(root).map_err(|error| failed(error.into()))?.f_type;
    if u64::try_from(kind).is_ok_and(|kind| kind == OVERLAY) {
        return Err(PreflightError::OverlayOnOverlay { root: root.to_owned() });
    }
    let trial = tempfile::Builder::new().prefix("trial-").tempdir_in(root).map_err(failed)?;
    let dir = |name: &str| {
        let path = trial.path().join(name);
        std::fs::create_dir(&path).map(|()| path)
    };
    let (lower, upper) = (dir("lower").map_err(failed)?, dir("upper").map_err(failed)?);
    let (work, at) = (dir("work").map_err(failed)?, dir("root").map_err(failed)?);
    let overlay = Overlay { lowers: &[lower], upper: Some((&upper, &work)) };
    overlay.probe(&at).map_err(|source| PreflightError::NoOverlay { root: root.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(root: &Path, program: impl AsRef<Path>) -> Result<(), PreflightError> {
        preflight(root, &OciRuntime { program: program.as_ref().to_owned() }, Network::Host)
    }

    #[test]
    fn privileged_this_machine_will_do() {
        let dir = tempfile::tempdir().unwrap();
        check(&dir.path().join("state"), "runc").unwrap();
        assert_eq!(std::fs::read_dir(dir.path().join("state")).unwrap().count(), 1);
        // Nothing but the note that says so; with it, nothing is tried again, and a broken note only costs a new trial.
        let note = dir.path().join("state").join(FOUND_GOOD);
        let said = std::fs::read_to_string(&note).unwrap();
        std::fs::write(&note, "something else").unwrap();
        check(&dir.path().join("state"), "runc").unwrap();
        assert_eq!(std::fs::read_to_string(&note).unwrap(), said);
    }

    #[test]
    fn privileged_a_note_about_another_runtime_does_not_count() {
        let dir = tempfile::tempdir().unwrap();
        check(dir.path(), "runc").unwrap();
        assert!(check(dir.path(), "no-such-runc").is_err());
        let fake = dir.path().join("fake");
        std::fs::write(&fake, "").unwrap();
        assert!(check(dir.path(), &fake).is_err());
    }

    #[test]
    fn privileged_a_missing_runtime_says_what_to_install() {
        let dir = tempfile::tempdir().unwrap();
        let error = check(dir.path(), "no-such-runc").unwrap_err();
        assert_eq!(
            error.to_string(),
            "`no-such-runc` is not installed: on Debian and Ubuntu, `apt-get install runc` installs it"
        );
    }

    #[test]
    fn privileged_an_overlay_cannot_hold_layers() {
        crate::isolate().expect("this test needs root");
        let dir = tempfile::tempdir().unwrap();
        let make = |name: &str| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            path
        };
        let (lower, upper, work, at) = (make("lower"), make("upper"), make("work"), make("root"));
        let mounted = Overlay { lowers: &[lower], upper: Some((&upper, &work)) }.mount(&at).unwrap();
        let error = check(&at.join("state"), "runc").unwrap_err();
        assert!(matches!(error, PreflightError::OverlayOnOverlay { .. }), "{error}");
        mounted.unmount().unwrap();
    }
}
