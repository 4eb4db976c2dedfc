//! Layers: directories in overlay format that never change once they have a name.
//!
//! Owns how a directory becomes a layer. The rename and the row are made in one write transaction, so a directory without
//! a row, seen from inside another transaction, is the leftover of a crash, or of a lost database, and nothing else.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hlb_llb::Digest;
use rusqlite::OptionalExtension;

use crate::cache::{self, Lost};
use crate::lease::{self, Item, Lease, LeaseError};
use crate::meta::{MetaError, WriteError, now};
use crate::session::Session;
use crate::store::{Inner, make_dir};
use crate::tree::remove_tree;

/// The name of a layer: letters, digits, `-`, `_` and `.`, so that it is a file name and fits into mount options.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LayerId(Box<str>);

/// A text that cannot name a layer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` cannot name a layer: use 1 to 100 letters, digits, `-`, `_` and `.`, with a letter or digit first")]
pub struct InvalidLayerId {
    /// The text.
    pub text: String,
}

/// The layers of a store.
#[derive(Debug, Clone, Copy)]
pub struct Layers<'store> {
    pub(crate) inner: &'store Arc<Inner>,
}

/// A layer cannot be made or removed.
#[derive(Debug, thiserror::Error)]
pub enum LayerError {
    /// The directory was not made by `new_dir` of this store.
    #[error("`{path}` cannot become a layer: it was not staged in this session")]
    NotStaged {
        /// The directory.
        path: PathBuf,
    },
    /// The file system refused.
    #[error("cannot {action} `{path}`")]
    Io {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// Why it did not work.
        #[source]
        source: io::Error,
    },
    /// The database refused.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// Its use cannot be noted.
    #[error(transparent)]
    Lease(#[from] LeaseError),
}

impl LayerError {
    pub(crate) fn io(action: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io { action, path: path.to_owned(), source }
    }
}

impl LayerId {
    /// A name that no other layer has.
    pub fn random() -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let parts = (time, std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // `RandomState` brings the randomness of the operating system; hashing twice takes 128 bits of it.
        let (first, second) = (RandomState::new().hash_one(parts), RandomState::new().hash_one(parts));
        Self(format!("{first:016x}{second:016x}").into())
    }

    /// The name that goes with a digest, `sha256-…`.
    pub fn of(digest: &Digest) -> Self {
        Self(format!("sha256-{}", digest.hex()).into())
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LayerId {
    type Err = InvalidLayerId;

    fn from_str(text: &str) -> Result<Self, InvalidLayerId> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        let valid = text.len() <= 100
            && text.bytes().all(plain)
            && text.bytes().next().is_some_and(|first| first.is_ascii_alphanumeric());
        if valid { Ok(Self(text.into())) } else { Err(InvalidLayerId { text: text.to_owned() }) }
    }
}

impl fmt::Display for LayerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Layers<'_> {
    /// A new empty directory `…/N/fs` to make a layer in. `N` is the caller's too (a work directory must be beside the
    /// upper one); only `fs` becomes part of the layer.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new_dir(&self) -> Result<PathBuf, LayerError> {
        let session = &self.inner.session;
        let make = || {
            let path = session.fresh("layers")?.join("fs");
            make_dir(&path)?;
            // The root directory of a file system: what runs in a container has to get past it.
            std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
            Ok(path)
        };
        make().map_err(|source| LayerError::Io { action: "create a layer in", path: session.dir().to_owned(), source })
    }

    /// Makes a staged directory the layer `id`, in use from the first moment on, and returns where it is now. If there is such
    /// a layer already it stays and the staged directory is removed: layers of one name are taken to be equal.
    ///
    /// # Errors
    /// When the directory was not staged here, or cannot be moved or recorded. The staged directory is then still there.
    pub fn commit(&self, id: &LayerId, staged: &Path) -> Result<(PathBuf, Lease), LayerError> {
        let session = &self.inner.session;
        let parent = staged_parent(session, staged)?;
        keep_only_fs(parent)?;
        let place = self.inner.root.join("layers").join(id.as_str());
        let using = lease::using(&self.inner.root)?;
        let held = lease::hold(self.inner, &[Item::Layer(id.clone())], &using)?;
        let mut moved = false;
        let done = self.inner.meta.write(|db| {
            let known = is_known(db, id)?;
            if known && place.join("fs").is_dir() {
                return Ok(());
            }
            let fail = |source| WriteError::Other(LayerError::Io { action: "create", path: place.clone(), source });
            // A crash after the rename, or a layer that lost its content: either way it is not what `id` should be.
            session.discard(&place).map_err(fail)?;
            std::fs::rename(parent, &place).map_err(fail)?;
            moved = true;
            db.prepare_cached("INSERT OR REPLACE INTO layers (id, created_at, boot) VALUES (?1, ?2, ?3)")?
                .execute((id.as_str(), now(), &self.inner.boot))?;
            Ok(())
        });
        drop(using);
        match done {
            Ok(()) if moved => {}
            Ok(()) => remove_tree(parent).map_err(|source| LayerError::io("remove", parent, source))?,
            Err(error) => {
                if moved {
                    // Without its row it would be taken for a leftover; the caller still owns it.
                    let _ = std::fs::rename(&place, parent);
                }
                return Err(error);
            }
        }
        Ok((place.join("fs"), held))
    }

    /// Where a layer's `fs` directory is, or would be.
    pub fn path(&self, id: &LayerId) -> PathBuf {
        self.inner.root.join("layers").join(id.as_str()).join("fs")
    }

    /// Whether there is such a layer, recorded and on disk.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn exists(&self, id: &LayerId) -> Result<bool, MetaError> {
        Ok(self.inner.meta.read(|db| is_known(db, id))? && self.path(id).is_dir())
    }

    /// Removes a layer, if it is there, and every cached result that needs it, whoever uses it: for what is damaged.
    ///
    /// # Errors
    /// When it cannot be removed.
    pub fn remove(&self, id: &LayerId) -> Result<(), LayerError> {
        let place = self.inner.root.join("layers").join(id.as_str());
        self.inner.meta.write(|db| {
            cache::drop_results_of_layer(db, id, Lost::Damaged)?;
            db.prepare_cached("DELETE FROM layers WHERE id = ?1")?.execute([id.as_str()])?;
            self.inner
                .session
                .discard(&place)
                .map_err(|source| WriteError::Other(LayerError::io("remove", &place, source)))
        })
    }

    /// What all layers take that were measured, in bytes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub fn sizes(&self) -> Result<u64, MetaError> {
        let sum: i64 = self.inner.meta.read(|db| {
            db.prepare_cached("SELECT coalesce(sum(bytes), 0) FROM layers")?.query_row([], |row| row.get(0))
        })?;
        Ok(u64::try_from(sum).unwrap_or(0))
    }

    /// Has a layer measured again: another one has taken files from it.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub fn measure_again(&self, id: &LayerId) -> Result<(), MetaError> {
        self.inner.meta.write(|db| {
            db.prepare_cached("UPDATE layers SET bytes = NULL WHERE id = ?1")?.execute([id.as_str()])?;
            Ok::<(), WriteError<MetaError>>(())
        })
    }
}

fn is_known(db: &rusqlite::Connection, id: &LayerId) -> rusqlite::Result<bool> {
    let found =
        db.prepare_cached("SELECT 1 FROM layers WHERE id = ?1")?.query_row([id.as_str()], |_| Ok(())).optional()?;
    Ok(found.is_some())
}

/// The directory around a staged `fs`.
fn staged_parent<'path>(session: &Session, staged: &'path Path) -> Result<&'path Path, LayerError> {
    let area = session.dir().join("layers");
    staged
        .parent()
        .filter(|parent| staged.ends_with("fs") && staged.is_dir() && parent.parent() == Some(&*area))
        .ok_or_else(|| LayerError::NotStaged { path: staged.to_owned() })
}

fn keep_only_fs(parent: &Path) -> Result<(), LayerError> {
    let clean = || -> io::Result<()> {
        for entry in std::fs::read_dir(parent)? {
            let entry = entry?;
            if entry.file_name() != "fs" {
                remove_tree(&entry.path())?;
            }
        }
        Ok(())
    };
    clean().map_err(|source| LayerError::io("clean", parent, source))
}
