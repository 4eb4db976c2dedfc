//! Looking into what builds have made, while a program is evaluated.
//!
//! Owns that each graph is solved once for that, and the words for what cannot be given. How a tree is read is the runtime's.

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use hlb_compiler::{MAX_TEXT, ReadAnswer, Reading, WorldError};
use hlb_llb::Digest;
use hlb_llb::digest::Hasher;
use hlb_runtime::{Contents, SolveRequest, Solved};
use tokio::sync::OnceCell;

use crate::error::in_words;

/// Results of this process, by what they are made of.
#[derive(Default)]
pub(crate) struct Results {
    made: Mutex<HashMap<Digest, Arc<OnceCell<Solved>>>>,
    /// The one that was looked into last. Many questions in a row are about one result, and each is a mount and a descriptor.
    open: Mutex<Option<(Digest, Arc<Contents>)>>,
}

/// The name of a result among those of this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(Digest);

impl Key {
    pub(crate) fn of(request: &SolveRequest) -> Self {
        // How it is recorded makes no other result of it.
        let SolveRequest { definition, locals, layouts, secrets, sockets, allow, build: _, keep_failed: _, hints: _ } =
            request;
        let mut hasher = Hasher::default();
        // The last op names the result, and by digests all that it is made of.
        hasher.update(definition.def.last().map(|op| &**op).unwrap_or_default());
        hasher.update(format!("{locals:?} {layouts:?} {secrets:?} {sockets:?} {allow:?}"));
        Self(hasher.finish())
    }
}

impl Results {
    /// The place of a result, which may be there already. Whoever comes meanwhile waits for the same.
    pub(crate) fn made(&self, key: &Key) -> Arc<OnceCell<Solved>> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(made.entry(key.0.clone()).or_default())
    }

    /// A result that is open.
    pub(crate) fn open(&self, key: &Key) -> Option<Arc<Contents>> {
        let open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.as_ref().filter(|(digest, _)| *digest == key.0).map(|(_, contents)| Arc::clone(contents))
    }

    /// Keeps a result open in the place of the one before.
    pub(crate) fn keep(&self, key: Key, contents: &Arc<Contents>) {
        let before = self.open.lock().unwrap_or_else(PoisonError::into_inner).replace((key.0, Arc::clone(contents)));
        drop(before);
    }
}

/// Answers a question about a tree. Blocks.
///
/// # Errors
/// If what is asked for is not there, or cannot be given.
pub(crate) fn answer(contents: &Contents, what: &Reading) -> Result<ReadAnswer, WorldError> {
    let failed = |error: io::Error| unreadable(what.place(), &error);
    Ok(match what {
        Reading::Read { path } => {
            let bytes = contents.read_file(Path::new(path), 0, None, MAX_TEXT).map_err(failed)?;
            ReadAnswer::Text(text(path, bytes)?)
        }
        Reading::Glob { pattern } => {
            let found = contents.glob(pattern).map_err(failed)?;
            let paths = found.into_iter().map(|path| {
                let name = path.into_os_string().into_string();
                name.map_err(|name| not_readable(pattern, format!("the name of `{}` is not UTF-8", name.display())))
            });
            ReadAnswer::Paths(paths.collect::<Result<_, _>>()?)
        }
        Reading::Exists { path } => ReadAnswer::Exists(contents.exists(Path::new(path)).map_err(failed)?),
    })
}

/// A file as text.
///
/// # Errors
/// If it is none.
pub(crate) fn text(path: &str, bytes: Vec<u8>) -> Result<String, WorldError> {
    String::from_utf8(bytes).map_err(|_| not_readable(path, "it is not UTF-8"))
}

/// Something is there that cannot be given.
pub(crate) fn not_readable(path: &str, reason: impl Into<String>) -> WorldError {
    WorldError::Unreadable { path: path.into(), reason: reason.into() }
}

fn unreadable(path: &str, error: &io::Error) -> WorldError {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => WorldError::NotFound { path: path.into() },
        _ => not_readable(path, in_words(&error.to_string())),
    }
}
