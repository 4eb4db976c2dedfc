//! The state directory without a machine that could build.
//!
//! Owns the opening of it for callers that only look at it or clean it: nothing is mounted and no OCI runtime is needed. Who is not
//! root has called [`crate::isolate`], too: files in it may belong to subordinate ids. What they may do with it stands in the
//! modules of the subjects, which add methods.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use hlb_store::Store;

use crate::error::{ErrorKind, SolveError};
use crate::exec;
use crate::runtime::Runtime;

/// A state directory that is open. Cheap to clone.
#[derive(Clone, Debug)]
pub struct State {
    pub(crate) store: Store,
}

impl State {
    /// Opens a state directory, which is made if it is missing. Blocks.
    ///
    /// # Errors
    /// `ErrorKind::Environment`: it cannot be written, or belongs to a newer program.
    pub fn open(root: &Path) -> Result<Self, SolveError> {
        // If that does not work, the store says why.
        let _ = exec::make_state(root);
        let store = Store::open_with(root, &mut exec::sweep_session);
        Ok(Self { store: store.map_err(|error| SolveError::new(ErrorKind::Environment, error))? })
    }

    /// Where it is, as an absolute path without links.
    pub fn root(&self) -> &Path {
        self.store.root()
    }

    /// A directory for what other processes of this user are to find while this one lives, in which nobody else can read. It goes
    /// with this process, or with the next one to open the state directory if this one is killed.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn lent_dir(&self) -> io::Result<PathBuf> {
        let dir = self.store.session_dir().join("lent");
        DirBuilder::new().mode(0o700).recursive(true).create(&dir)?;
        Ok(dir)
    }
}

impl Runtime {
    /// The state directory.
    pub fn state(&self) -> State {
        State { store: self.engine.store.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_is_missing_is_made() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(&dir.path().join("state")).unwrap();
        assert_eq!(state.root(), dir.path().canonicalize().unwrap().join("state"));
        assert!(state.root().join("meta.db").exists());
    }

    #[test]
    fn what_is_lent_goes_with_the_process() {
        let dir = tempfile::tempdir().unwrap();
        let state = State::open(dir.path()).unwrap();
        let lent = state.lent_dir().unwrap();
        std::fs::write(lent.join("a"), "a").unwrap();
        assert_eq!(state.lent_dir().unwrap(), lent);
        assert!(lent.starts_with(state.root()));
        drop(state);
        assert!(!lent.exists());
    }

    #[test]
    fn one_that_cannot_be_used_is_the_fault_of_the_environment() {
        let error = State::open(Path::new("/proc/nothing/state")).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Environment);
    }
}
