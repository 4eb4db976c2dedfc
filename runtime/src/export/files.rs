//! A result as files: in a directory or in a tar stream.
//!
//! Owns what is added to the files themselves: what is said about them. How the files are written is known to `local` and `tar`,
//! what is said to `attest`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_patterns::Filter;
use tokio_util::sync::CancellationToken;

use super::options::{FileOptions, Place};
use super::{ExportError, Look, Stop, local, tar};
use crate::attest::{self, Attestations, Subject};
use crate::engine::Engine;
use crate::error::{ErrorKind, SolveError};
use crate::ops::blocking;
use crate::parallel;
use crate::runtime::{Exported, Solved};
use crate::sys::file;
use crate::tree::{self, Entry, Kind, TreeError};

/// Where files go.
#[derive(Clone, Debug)]
pub(crate) enum Files {
    Directory(PathBuf),
    Tar(Place),
}

/// Writes the files of a result out.
pub(crate) async fn export(
    engine: &Arc<Engine>,
    solved: &Solved,
    to: Files,
    options: &FileOptions,
    cancel: &CancellationToken,
) -> Result<Exported, SolveError> {
    let more = said(engine, solved, options, cancel).await?;
    let (engine, snapshot) = (Arc::clone(engine), solved.snapshot.clone());
    let (options, cancel) = (options.clone(), cancel.clone());
    blocking(move || {
        let view = engine.snapshots.view(&snapshot).map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
        let stop: Stop<'_> = &|| cancel.is_cancelled();
        let look = Look { epoch: options.epoch, folder: options.folder.as_deref(), more: &more };
        let written = match &to {
            Files::Directory(path) => local::export(view.path(), path, &look, stop),
            Files::Tar(place) => tar::export(view.path(), place, &look, stop),
        };
        written.map(|_| Exported::default()).map_err(told)
    })
    .await
}

fn told(error: ExportError) -> SolveError {
    match error {
        ExportError::Cancelled => SolveError::cancelled(),
        error => SolveError::outside(error),
    }
}

/// What is said about the files, each of which is known by its digest.
async fn said(
    engine: &Arc<Engine>,
    solved: &Solved,
    options: &FileOptions,
    cancel: &CancellationToken,
) -> Result<Vec<(String, Vec<u8>)>, SolveError> {
    if options.attestations == Attestations::default() {
        return Ok(Vec::new());
    }
    let (at, snapshot, token) = (Arc::clone(engine), solved.snapshot.clone(), cancel.clone());
    let subjects = blocking(move || {
        let view = at.snapshots.view(&snapshot).map_err(|error| SolveError::new(ErrorKind::Environment, error))?;
        subjects(view.path(), &|| token.is_cancelled()).map_err(told)
    });
    let subjects = subjects.await?;
    let statements = attest::statements(engine, solved, &subjects, &options.attestations, cancel).await?;
    let prefix = &options.attestation_prefix;
    Ok(statements.into_iter().map(|it| (format!("{prefix}{}", it.file_name), it.bytes)).collect())
}

/// All regular files, by their paths.
fn subjects(tree: &Path, stop: Stop<'_>) -> Result<Vec<Subject>, ExportError> {
    let mut files = tree::scan(tree, &Filter::default())?;
    files.retain(|entry| entry.kind == Kind::File);
    let found = Mutex::new(Vec::with_capacity(files.len()));
    parallel::for_each(files, |entry: Entry, _| {
        if stop() {
            return Err(ExportError::Cancelled);
        }
        let digest = digest(&tree.join(&entry.path))?;
        let name = entry.path.to_string_lossy().into_owned();
        found.lock().unwrap_or_else(PoisonError::into_inner).push(Subject { name, digest });
        Ok(())
    })?;
    let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

fn digest(path: &Path) -> Result<Digest, TreeError> {
    let failed = |error: std::io::Error| TreeError::new(path, error);
    let mut file = std::fs::File::from(file::open_regular(path).map_err(failed)?);
    let mut hasher = Sum(Hasher::default());
    std::io::copy(&mut file, &mut hasher).map_err(failed)?;
    Ok(hasher.0.finish())
}

struct Sum(Hasher);

impl std::io::Write for Sum {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_regular_file_is_a_subject() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir(dir.path().join("d")).unwrap();
        std::fs::write(dir.path().join("d/b"), "1").unwrap();
        std::fs::write(dir.path().join("a"), "2").unwrap();
        std::os::unix::fs::symlink("a", dir.path().join("link")).unwrap();
        let subject = |name: &str, text: &str| Subject { name: name.to_owned(), digest: Digest::of(text) };
        assert_eq!(subjects(dir.path(), &|| false).unwrap(), [subject("a", "2"), subject("d/b", "1")]);
        assert!(matches!(subjects(dir.path(), &|| true), Err(ExportError::Cancelled)));
    }
}
