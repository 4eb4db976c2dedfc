//! What a program takes from elsewhere: names that move, and modules that are not the client's.
//!
//! Owns the plain data in which the compiler asks a `World` for them. Where they are kept, and what a lock file looks like, is
//! not known here.

use std::collections::BTreeMap;
use std::sync::Arc;

use camino::{Utf8Path, Utf8PathBuf};
use hlb_llb::ops;

use crate::request::{Socket, Solve};
use crate::world::{Platform, WorldError};

/// A name that may stand for something else tomorrow.
#[derive(Clone, Debug)]
pub enum PinRequest {
    /// A tag of an image.
    Image {
        /// The normalised reference, without a digest.
        reference: String,
        /// What the image is wanted for. The pin is that of the index, where there is one.
        platform: Platform,
    },
    /// A branch or tag of a git repository, or its default branch.
    Git {
        /// The source as it is built.
        git: Box<ops::Git>,
        /// What of the client it uses.
        lent: Lent,
    },
    /// The body behind a URL.
    Http {
        /// The source as it is built.
        http: Box<ops::Http>,
        /// What of the client it uses.
        lent: Lent,
    },
}

/// What a source may use of the client.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Lent {
    /// Files by the id that the source has for its secrets.
    pub secrets: BTreeMap<String, Utf8PathBuf>,
    /// Connections by the id that it has for its agent.
    pub sockets: BTreeMap<String, Socket>,
}

/// What a name stands for: a digest, or a commit.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pin(pub String);

/// A module that is not the client's.
#[derive(Clone, Debug)]
pub struct ModuleRequest<'a> {
    /// Where it is.
    pub from: ModuleFrom<'a>,
    /// What consent and messages call it, see [`RemoteModule::source`].
    pub source: &'a str,
    /// The module whose file imports it; none is the client's own.
    pub importer: Option<&'a RemoteModule>,
}

/// Where a module is.
#[derive(Clone, Debug)]
pub enum ModuleFrom<'a> {
    /// In a git repository.
    Git {
        /// Its URL.
        remote: &'a str,
        /// Branch, tag or commit; empty is the default branch.
        reference: &'a str,
    },
    /// In a filesystem.
    Fs(&'a Solve),
}

/// The kinds of places that modules come from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ModuleKind {
    /// A commit of a git repository.
    Git,
    /// A filesystem that was built.
    Fs,
}

/// A module as a world gives it.
#[derive(Clone, Debug)]
pub struct FoundModule {
    /// The commit, or the digest of the graph of the filesystem.
    pub id: String,
    /// Its files.
    pub files: Arc<dyn ModuleFiles>,
}

/// The files of a module that is not the client's. They never change, and no path leads out of them.
pub trait ModuleFiles: std::fmt::Debug + Send + Sync {
    /// The text of a file, by its path from the root of the module.
    ///
    /// # Errors
    /// If there is no such file in the module, it cannot be read, or it is not UTF-8.
    fn read_text(&self, path: &Utf8Path) -> Result<String, WorldError>;

    /// Where a file or directory of the module is on this machine, links followed.
    ///
    /// # Errors
    /// If nothing is there, or it is outside of the module.
    fn locate(&self, path: &Utf8Path) -> Result<Utf8PathBuf, WorldError>;

    /// The directory on this machine that holds the module and nothing else.
    fn root(&self) -> &Utf8Path;
}

/// A module that is not the client's.
#[derive(Debug)]
pub struct RemoteModule {
    /// What consent and messages call it: the address without ref and file (`git://github.com/o/r`), or the text of the
    /// expression that it was imported from (`image("o/mod")`).
    pub source: String,
    /// Whether it is a commit or a filesystem.
    pub kind: ModuleKind,
    /// The commit, or the digest of the graph of the filesystem.
    pub id: String,
    /// The ref that led to it, if it is a commit.
    pub reference: String,
    /// What names of its files begin with in messages.
    pub shown: String,
    /// Its files.
    pub files: Arc<dyn ModuleFiles>,
}

/// Whose file a file is.
#[derive(Clone, Debug, Default)]
pub enum Origin {
    /// That of whoever compiles.
    #[default]
    Client,
    /// That of `hlbc` itself: a standard module.
    Standard,
    /// That of a module from elsewhere.
    Remote(Arc<RemoteModule>),
}

impl ModuleKind {
    /// Its name in lock files and directories.
    pub fn name(self) -> &'static str {
        match self {
            Self::Git => "git",
            Self::Fs => "fs",
        }
    }
}

impl Origin {
    /// The module from elsewhere, if it is one.
    pub fn remote(&self) -> Option<&RemoteModule> {
        match self {
            Self::Client | Self::Standard => None,
            Self::Remote(module) => Some(module),
        }
    }
}

impl PartialEq for Origin {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Client, Self::Client) | (Self::Standard, Self::Standard) => true,
            (Self::Remote(one), Self::Remote(other)) => one == other,
            _ => false,
        }
    }
}

impl Eq for Origin {}

impl PartialEq for RemoteModule {
    fn eq(&self, other: &Self) -> bool {
        (&self.source, self.kind, &self.id) == (&other.source, other.kind, &other.id)
    }
}

/// The files of a program, as they import one another.
#[derive(Clone, Debug, Default)]
pub struct ImportTree {
    /// The files; the entry is the first.
    pub files: Vec<ImportedFile>,
}

/// One file of a program.
#[derive(Clone, Debug)]
pub struct ImportedFile {
    /// Its path: as spelled for a file of the client, from the root of its module for others.
    pub path: Utf8PathBuf,
    /// Whose it is.
    pub origin: Origin,
    /// Its imports that are used, in the order of the text, and the files that they lead to; none for what could not be had.
    pub imports: Vec<(String, Option<usize>)>,
}

impl ImportTree {
    /// The modules that are not the client's, each once, by source and id.
    pub fn remotes(&self) -> Vec<Arc<RemoteModule>> {
        let mut found = BTreeMap::new();
        for file in &self.files {
            if let Origin::Remote(module) = &file.origin {
                found.entry((module.source.clone(), module.id.clone())).or_insert_with(|| Arc::clone(module));
            }
        }
        found.into_values().collect()
    }
}
