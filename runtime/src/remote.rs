//! Shared caches: results of other machines, in BuildKit's form.
//!
//! ```text
//!   registry · OCI layout · image ──► document ──► graph ──► keys and results that the search of a solve knows, too
//!   keys and results of solves ──► draft ──► document, blobs ──► registry · OCI layout · image
//! ```
//!
//! `config` owns the document's form, `graph` what it means, `draft` how one comes about, `manifest` what it stands in, `import` the
//! reading of caches for a solve, `collect` and `gather` what of solves is to be written, `export` the writing, `layout` caches in
//! directories. Which keys a step has, and when a result is looked for, is known to `crate::solver`.

pub(crate) mod collect;
mod config;
mod draft;
pub(crate) mod export;
mod gather;
pub(crate) mod graph;
pub(crate) mod import;
pub(crate) mod inline;
mod layout;
mod manifest;
mod mounts;
mod time;

use std::path::PathBuf;

use hlb_llb::Digest;

pub use collect::CacheCollector;
pub use export::CacheExported;
pub use import::CacheImports;
pub use mounts::{CacheMount, MovedMounts};

/// A shared cache to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CacheSource {
    /// A cache in a registry, or an image there that holds one.
    Registry {
        /// Its normalised name.
        reference: String,
    },
    /// A directory with an OCI layout.
    Local {
        /// The directory.
        directory: PathBuf,
        /// Which of the caches in it.
        which: Which,
    },
}

/// One of the entries of an OCI layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// By its name.
    Tag(String),
    /// By the digest of its manifest.
    Digest(Digest),
}

/// A shared cache to write.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheTarget {
    /// Where it goes.
    pub to: CachePlace,
    /// Which results are in it.
    pub mode: CacheMode,
    /// Whether it is an image manifest, as BuildKit writes it by now, or an index, as it did before.
    pub image_manifest: bool,
    /// Whether failing to write it is only told. Otherwise the build fails.
    pub ignore_error: bool,
}

/// Where a shared cache goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CachePlace {
    /// A name in a registry.
    Registry {
        /// The normalised name.
        reference: String,
    },
    /// A directory with an OCI layout, which is made if it is missing.
    Local {
        /// The directory.
        directory: PathBuf,
        /// The name in it.
        tag: String,
    },
}

/// Which results a shared cache holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheMode {
    /// Those that the final result is made on top of.
    Min,
    /// Those of all steps.
    Max,
}

impl CacheSource {
    /// As it is told to people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Registry { reference } => reference.clone(),
            Self::Local { directory, .. } => directory.display().to_string(),
        }
    }
}

impl CachePlace {
    /// As it is told to people.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::Registry { reference } => reference.clone(),
            Self::Local { directory, .. } => directory.display().to_string(),
        }
    }
}
