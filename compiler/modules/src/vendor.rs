//! The vendor directory: copies of modules of others beside the program, to be committed with it.
//!
//! ```text
//!   .hlb/vendor/index.toml          which there are, and the digest of each
//!   .hlb/vendor/git/<commit>/…      byte for byte
//!   .hlb/vendor/fs/<hex>/…
//! ```
//!
//! Owns the index, and that a copy is used only if it is what the index says.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_compiler::{ModuleKind, RemoteModule, WorldError};
use serde::Deserialize;

use crate::cache::hex;
use crate::lock::{in_line, quoted};
use crate::tree;

/// The form of the index. A reader refuses others.
const VERSION: i64 = 1;
const HEAD: &str = "# Copies of modules of others. `hlbc vendor` writes this directory anew; commit it.\n";
const INDEX: &str = "index.toml";

/// The vendor directory of a program.
#[derive(Debug)]
pub struct Vendor {
    dir: Utf8PathBuf,
    /// By the directory in the vendor directory.
    modules: BTreeMap<String, Copied>,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Copied {
    source: String,
    files: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    version: i64,
    #[serde(default)]
    module: BTreeMap<String, Copied>,
}

/// A vendor directory that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum VendorError {
    /// Its index is none.
    #[error("`{path}` is not an index of modules: {why}")]
    Index {
        /// The file.
        path: String,
        /// What is wrong with it.
        why: String,
    },
    /// Something cannot be read or written.
    #[error("cannot use `{path}`: {why}")]
    Io {
        /// The file or directory.
        path: String,
        /// Why not.
        why: String,
    },
}

impl Vendor {
    /// Reads the index of a directory. Where there is none, there are no copies.
    ///
    /// # Errors
    /// If it cannot be read, or is not one.
    pub fn open(dir: Utf8PathBuf) -> Result<Self, VendorError> {
        let path = dir.join(INDEX);
        let modules = match fs::read_to_string(&path) {
            Ok(text) => parse(&text).map_err(|why| VendorError::Index { path: path.to_string(), why })?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(VendorError::Io { path: path.to_string(), why: error.to_string() }),
        };
        Ok(Self { dir, modules })
    }

    /// The copy of a module, if there is one and it is what the index says.
    pub(crate) fn find(&self, kind: ModuleKind, id: &str) -> Result<Option<Utf8PathBuf>, WorldError> {
        let name = name(kind, id);
        let Some(copied) = self.modules.get(&name) else { return Ok(None) };
        let place = self.dir.join(&name);
        let advice = "write it anew with `hlbc vendor`".to_owned();
        let failed = |reason: String| WorldError::Unavailable { reason, advice: advice.clone() };
        let found = tree::digest(place.as_std_path())
            .map_err(|error| failed(format!("its copy in `{place}` cannot be read: {error}")))?;
        if found.as_str() != copied.files {
            let reason = format!("its copy in `{place}` was changed: expected {}, found {found}", copied.files);
            return Err(failed(reason));
        }
        Ok(Some(place))
    }

    /// Writes a vendor directory that holds these modules and nothing else, in the place of the one that is there. Gives the
    /// directories of the copies.
    ///
    /// # Errors
    /// If something cannot be read or written; what was there is there then.
    pub fn write(dir: &Utf8Path, modules: &[Arc<RemoteModule>]) -> Result<Vec<String>, VendorError> {
        let failed = |path: &Utf8Path| {
            let path = path.to_string();
            move |error: io::Error| VendorError::Io { path, why: error.to_string() }
        };
        if modules.is_empty() && fs::symlink_metadata(dir).is_err() {
            return Ok(Vec::new());
        }
        let parent = dir.parent().unwrap_or(Utf8Path::new("."));
        fs::create_dir_all(parent).map_err(failed(parent))?;
        let fresh = tempfile::Builder::new().prefix(".vendor-").tempdir_in(parent).map_err(failed(parent))?;
        let new = fresh.path().join("new");
        let mut index: BTreeMap<String, Copied> = BTreeMap::new();
        for module in modules {
            let name = name(module.kind, &module.id);
            let place = new.join(&name);
            if index.contains_key(&name) {
                continue;
            }
            tree::copy(module.files.root().as_std_path(), &place).map_err(failed(module.files.root()))?;
            let files = tree::digest(&place).map_err(failed(dir))?.to_string();
            index.insert(name, Copied { source: module.source.clone(), files });
        }
        fs::create_dir_all(&new).map_err(failed(dir))?;
        fs::write(new.join(INDEX), text(&index)).map_err(failed(dir))?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        fs::set_permissions(&new, mode).map_err(failed(dir))?;
        if fs::symlink_metadata(dir).is_ok() {
            fs::rename(dir, fresh.path().join("old")).map_err(failed(dir))?;
        }
        fs::rename(&new, dir).map_err(failed(dir))?;
        Ok(index.into_keys().collect())
    }
}

/// The directory of a module.
fn name(kind: ModuleKind, id: &str) -> String {
    format!("{}/{}", kind.name(), hex(id))
}

fn text(index: &BTreeMap<String, Copied>) -> String {
    let mut text = format!("{HEAD}version = {VERSION}\n");
    for (name, Copied { source, files }) in index {
        text.push_str(&format!("\n[module.{}]\nsource = {}\nfiles = \"{files}\"\n", quoted(name), quoted(source)));
    }
    text
}

fn parse(text: &str) -> Result<BTreeMap<String, Copied>, String> {
    let index: Index = toml::from_str(text).map_err(|error| in_line(&error, text))?;
    if index.version != VERSION {
        return Err(format!("it has version {}, and {VERSION} is known; use a newer hlbc", index.version));
    }
    Ok(index.module)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_stays_as_it_is() {
        let copied = Copied { source: "image(\"o/m\")".to_owned(), files: "sha256:ab".to_owned() };
        let index = BTreeMap::from([(name(ModuleKind::Fs, "sha256:00ff"), copied)]);
        insta::assert_snapshot!(text(&index), @r#"
        # Copies of modules of others. `hlbc vendor` writes this directory anew; commit it.
        version = 1

        [module."fs/00ff"]
        source = "image(\"o/m\")"
        files = "sha256:ab"
        "#);
        assert_eq!(parse(&text(&index)), Ok(index));
        insta::assert_snapshot!(parse("version = 2").unwrap_err(), @"it has version 2, and 1 is known; use a newer hlbc");
    }
}
