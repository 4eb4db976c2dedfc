//! The blob of a layer becomes a directory.
//!
//! Owns that the directory is removed if nothing becomes of it, that the work ends when nobody waits for it, and that the content is
//! the one that was promised. What entries do is known to `snapshot::apply`, when what is unpacked to `pull`.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use hlb_llb::Digest;
use hlb_store::{Lease, Store};
use tokio_util::sync::CancellationToken;

use super::{Wanted, environment};
use crate::error::{ErrorKind, SolveError};
use crate::snapshot::apply::{Alone, Applied, ApplyError, Open, apply_alone, apply_layer};
use crate::snapshot::limit::LayerLimits;

/// What is needed to unpack a layer.
#[derive(Clone)]
pub(super) struct Work {
    pub(super) store: Store,
    pub(super) limits: LayerLimits,
    pub(super) stop: CancellationToken,
    /// Which layer of the image it is, from the lowest.
    pub(super) at: usize,
    pub(super) wanted: Wanted,
}

/// How far a layer is.
pub(super) enum Unpacked {
    Whole(Staged),
    /// It has to be settled on those below it.
    Open(Staged, Box<Open>),
    /// It could not be unpacked without those below it.
    Not,
}

/// A directory that is removed unless it becomes a layer.
pub(super) struct Staged {
    path: PathBuf,
}

impl Work {
    /// Unpacks a blob without those below it.
    pub(super) fn alone(&self, blob: &Path) -> Result<Unpacked, SolveError> {
        let staged = self.stage()?;
        match apply_alone(self.open(blob)?, &staged.path, self.limits).map_err(source)? {
            Alone::Depends => Ok(Unpacked::Not),
            Alone::Done(applied, open) => {
                self.check(&applied)?;
                Ok(Unpacked::Open(staged, open))
            }
        }
    }

    /// Unpacks a blob on top of others, topmost first.
    pub(super) fn on(&self, blob: &Path, below: &[PathBuf]) -> Result<Staged, SolveError> {
        let staged = self.stage()?;
        let applied = apply_layer(self.open(blob)?, &staged.path, below, self.limits).map_err(source)?;
        self.check(&applied)?;
        Ok(staged)
    }

    /// Makes what was unpacked the layer.
    pub(super) fn commit(&self, staged: &Staged) -> Result<Lease, SolveError> {
        let (_, lease) = self.store.layers().commit(&self.wanted.layer, &staged.path).map_err(environment)?;
        Ok(lease)
    }

    fn stage(&self) -> Result<Staged, SolveError> {
        Ok(Staged { path: self.store.layers().new_dir().map_err(environment)? })
    }

    fn open(&self, blob: &Path) -> Result<Stoppable, SolveError> {
        Ok(Stoppable { file: File::open(blob).map_err(environment)?, stop: self.stop.clone() })
    }

    fn check(&self, applied: &Applied) -> Result<(), SolveError> {
        let Self { at, wanted, .. } = self;
        if wanted.diff_id == applied.diff_id {
            return Ok(());
        }
        let (name, found): (String, &Digest) = (wanted.from.name(), &applied.diff_id);
        let sentence = format!(
            "layer {at} of `{name}` is not the one that the image's configuration names: its content has digest {found}"
        );
        Err(SolveError::say(ErrorKind::Source, sentence))
    }
}

impl Unpacked {
    /// Makes a layer what it is on top of others, topmost first. None, if it has to be unpacked again for that.
    pub(super) fn settle(self, below: &[PathBuf]) -> Result<Option<Staged>, SolveError> {
        match self {
            Self::Whole(staged) => Ok(Some(staged)),
            Self::Open(staged, open) => Ok(open.settle(below).map_err(environment)?.then_some(staged)),
            Self::Not => Ok(None),
        }
    }
}

impl Drop for Staged {
    fn drop(&mut self) {
        // What is left goes with the session.
        if let Some(all) = self.path.parent().filter(|all| all.exists()) {
            let _ = hlb_store::remove_tree(all);
        }
    }
}

/// A file that ends in an error when nobody waits for it any more.
struct Stoppable {
    file: File,
    stop: CancellationToken,
}

impl Read for Stoppable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.stop.is_cancelled() {
            return Err(io::Error::other("nobody waits for it any more"));
        }
        self.file.read(buffer)
    }
}

fn source(error: ApplyError) -> SolveError {
    SolveError::new(ErrorKind::Source, error)
}
