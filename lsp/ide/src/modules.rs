//! What programs take from elsewhere, as far as it is at hand.
//!
//! Owns where that is looked for: beside the program and in the directories above it, as whoever builds it has put it there. Nothing
//! is fetched.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{FoundModule, ModuleRequest, Pin, PinRequest, WorldError};
use hlb_modules::{Mode, Places, Session};

/// Lock files further up than this belong to something else.
const HIGHEST: usize = 16;

/// The lock files and copies of modules that count for some files, the nearest first. Opened when the first is asked for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Modules(Arc<Lazy>);

#[derive(Debug, Default)]
struct Lazy {
    dirs: Vec<Utf8PathBuf>,
    state: Option<Utf8PathBuf>,
    sessions: OnceLock<Vec<Session>>,
}

impl Modules {
    /// What counts for files. `state` is the state directory of `hlbc`, where fetched modules are kept.
    pub(crate) fn of<'p>(files: impl IntoIterator<Item = &'p Utf8Path>, state: Option<Utf8PathBuf>) -> Self {
        let mut known = HashSet::new();
        for file in files {
            for dir in file.ancestors().skip(1).take(HIGHEST) {
                // As texts, paths are compared in one step.
                if !known.insert(dir.as_str()) {
                    break;
                }
            }
        }
        let mut dirs: Vec<Utf8PathBuf> = known.into_iter().map(Utf8PathBuf::from).collect();
        dirs.sort();
        // A directory is nearer the deeper it is.
        dirs.sort_by_key(|dir| std::cmp::Reverse(dir.components().count()));
        Self(Arc::new(Lazy { dirs, state, sessions: OnceLock::new() }))
    }

    /// The files of a module.
    ///
    /// # Errors
    /// If it cannot be used; [`WorldError::Refused`] if it is not at hand.
    pub(crate) fn module(&self, wanted: &ModuleRequest<'_>) -> Result<FoundModule, WorldError> {
        let absent = Err(WorldError::Refused { action: "fetching a module".to_owned() });
        let found = self.sessions().iter().map(|session| session.module(wanted, None));
        found.into_iter().find(|found| !matches!(found, Err(WorldError::Refused { .. }))).unwrap_or(absent)
    }

    /// What a name stands for, where a lock file says it.
    pub(crate) fn pin(&self, wanted: &PinRequest) -> Option<Pin> {
        self.sessions().iter().find_map(|session| session.pin(wanted, None).ok().flatten())
    }

    /// Those that can be used. A lock file with mistakes is reported by `hlbc`, which names it.
    fn sessions(&self) -> &[Session] {
        self.0.sessions.get_or_init(|| {
            let open = |(index, dir): (usize, &Utf8PathBuf)| {
                let places = Places::of(&dir.join("build.hlb"), self.0.state.clone().map(Into::into));
                // A commit needs no lock file to be found in the state directory.
                let anyway = index == 0 && self.0.state.is_some();
                if !anyway && !places.lock.exists() && !places.vendor.exists() {
                    return None;
                }
                Session::open(&places, Mode::Keep).ok()?.with_vendor(&places).ok()
            };
            self.0.dirs.iter().enumerate().filter_map(open).collect()
        })
    }
}
