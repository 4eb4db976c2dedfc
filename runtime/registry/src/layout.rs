//! OCI layouts, as directories and in archives: images without a registry.
//!
//! Owns which image of a layout a reference means, and that nothing is used whose digest is wrong.

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hlb_llb::Digest;

use crate::archive::{self, Archive, Range};
use crate::image::{Descriptor, Index, Root};
use crate::platform::Platform;
use crate::reference::Reference;

const REF_NAME: &str = "org.opencontainers.image.ref.name";
pub(crate) const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// A document of more than 16 MiB is no manifest and no configuration.
pub(crate) const MAX_DOCUMENT: u64 = 16 << 20;

/// A layout directory, or an archive that has one in it or what `docker save` writes.
#[derive(Debug, Clone)]
pub struct Layout {
    dir: PathBuf,
    index: Index,
    archive: Option<Arc<Archive>>,
}

/// A layout cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// There is no layout.
    #[error("`{dir}` is not an OCI layout: {reason}")]
    NotALayout {
        /// The directory.
        dir: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// There is no archive of images.
    #[error("the archive `{path}` cannot be used: {reason}")]
    NotAnArchive {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// None of its images has the name.
    #[error("the {what} `{dir}` has no image `{wanted}`, it has {}", list(.offered))]
    NoSuchImage {
        /// `OCI layout` or `archive`.
        what: &'static str,
        /// The directory or the file.
        dir: PathBuf,
        /// The tag or digest.
        wanted: String,
        /// The names that it has.
        offered: Vec<String>,
    },
    /// A blob cannot be read.
    #[error("cannot read `{path}`: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        reason: String,
    },
    /// A blob is not what its name says.
    #[error("`{path}` is damaged: its content has digest {actual}")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The digest of what is in it.
        actual: Digest,
    },
}

impl Layout {
    /// Opens a layout directory or an archive.
    ///
    /// # Errors
    /// When it is neither.
    pub fn open(dir: &Path) -> Result<Self, LayoutError> {
        if dir.is_file() {
            let opened = Archive::open(dir);
            let (archive, index) =
                opened.map_err(|reason| LayoutError::NotAnArchive { path: dir.to_owned(), reason })?;
            return Ok(Self { dir: dir.to_owned(), index, archive: Some(Arc::new(archive)) });
        }
        let wrong = |reason: String| LayoutError::NotALayout { dir: dir.to_owned(), reason };
        let read = |name: &str| {
            std::fs::read(dir.join(name)).map_err(|error| wrong(format!("its `{name}` cannot be read: {error}")))
        };
        check_marker(&read("oci-layout")?).map_err(wrong)?;
        let index = serde_json::from_slice(&read("index.json")?)
            .map_err(|error| wrong(format!("its `index.json` is no image index: {error}")))?;
        Ok(Self { dir: dir.to_owned(), index, archive: None })
    }

    /// The image that a reference means: that of its digest; that with its tag for a name; or the only one.
    ///
    /// # Errors
    /// When there are several images and none has the name, or the layout is empty.
    pub fn find(&self, reference: &Reference, platform: &Platform) -> Result<Descriptor, LayoutError> {
        let wanted = reference.selector();
        let missing = || LayoutError::NoSuchImage {
            what: if self.archive.is_some() { "archive" } else { "OCI layout" },
            dir: self.dir.clone(),
            wanted: wanted.to_owned(),
            offered: self.index.manifests.iter().map(title).collect(),
        };
        if let Some(digest) = reference.digest() {
            return self.by_digest(digest).ok_or_else(missing);
        }
        let named: Vec<&Descriptor> =
            self.index.manifests.iter().filter(|it| names(it).any(|name| means(name, reference))).collect();
        let unnamed = || self.index.manifests.iter().all(|descriptor| names(descriptor).next().is_none());
        // One image may have several names.
        let is_alone = || self.index.manifests.iter().map(|it| &it.digest).collect::<BTreeSet<_>>().len() == 1;
        let candidates = if !named.is_empty() {
            named
        } else if is_alone() || unnamed() {
            self.index.manifests.iter().collect()
        } else {
            return Err(missing());
        };
        // Several images under one name are the platforms of one image.
        let of_platform = |it: &&&Descriptor| it.platform.as_ref().and_then(|offered| platform.rank(offered));
        match candidates.as_slice() {
            [only] => Ok((*only).clone()),
            [first, ..] if is_alone() => Ok((*first).clone()),
            several => several
                .iter()
                .filter(|it| of_platform(it).is_some())
                .min_by_key(of_platform)
                .map(|it| (*it).clone())
                .ok_or_else(missing),
        }
    }

    /// Where a blob is a file of its own, if it is one. Its content is not checked.
    pub fn blob(&self, digest: &Digest) -> Option<PathBuf> {
        let path = self.path(digest);
        (self.archive.is_none() && path.is_file()).then_some(path)
    }

    /// Opens a blob, if the layout has it. Its content is not checked.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn open_blob(&self, digest: &Digest) -> io::Result<Option<impl Read + Send + use<>>> {
        let Some((path, range)) = self.place(digest) else { return Ok(None) };
        match archive::open_range(&path, range) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && self.archive.is_none() => Ok(None),
            other => other.map(Some),
        }
    }

    /// The file that a blob is in, which may be missing, and where in it.
    pub(crate) fn place(&self, digest: &Digest) -> Option<(PathBuf, Range)> {
        match &self.archive {
            Some(archive) => Some((self.dir.clone(), archive.blob(digest)?)),
            None => Some((self.path(digest), Range { offset: 0, size: u64::MAX })),
        }
    }

    /// A small blob, checked.
    pub(crate) fn document(&self, digest: &Digest) -> Result<Vec<u8>, LayoutError> {
        let path = self.path(digest);
        let read = || {
            if let Some(archive) = &self.archive {
                return archive.document(digest);
            }
            let size = std::fs::metadata(&path)?.len();
            if size > MAX_DOCUMENT {
                return Err(io::Error::other(format!("it has {size} bytes, too many for a manifest or configuration")));
            }
            std::fs::read(&path)
        };
        let bytes = read().map_err(|error| LayoutError::Read { path: path.clone(), reason: error.to_string() })?;
        match Digest::of(&bytes) {
            actual if actual == *digest => Ok(bytes),
            actual => Err(LayoutError::Damaged { path, actual }),
        }
    }

    /// Where a blob is; in an archive, below its path.
    pub(crate) fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs/sha256").join(digest.hex())
    }

    /// An image that the layout names, or one that a nested index names: any manifest among its blobs.
    fn by_digest(&self, digest: &Digest) -> Option<Descriptor> {
        if let Some(listed) = self.index.manifests.iter().find(|it| it.digest == *digest) {
            return Some(listed.clone());
        }
        let bytes = self.document(digest).ok()?;
        Root::read(&bytes, "").ok()?;
        Some(Descriptor {
            media_type: String::new(),
            digest: digest.clone(),
            size: bytes.len() as u64,
            platform: None,
            annotations: std::collections::BTreeMap::new(),
            rest: std::collections::BTreeMap::new(),
        })
    }
}

/// Whether an `oci-layout` file is of a version that is known.
pub(crate) fn check_marker(bytes: &[u8]) -> Result<(), String> {
    let marker: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|error| format!("its `oci-layout` is not JSON: {error}"))?;
    match marker.get("imageLayoutVersion").and_then(serde_json::Value::as_str) {
        Some(version) if version.starts_with("1.") => Ok(()),
        _ => Err(format!("its `oci-layout` says {marker}, version 1 is known")),
    }
}

fn names(descriptor: &Descriptor) -> impl Iterator<Item = &str> {
    [CONTAINERD_NAME, REF_NAME].into_iter().filter_map(|key| descriptor.annotations.get(key)).map(String::as_str)
}

/// A name in a layout is a tag by itself or a whole reference.
fn means(name: &str, reference: &Reference) -> bool {
    let whole = || {
        Reference::parse(name).is_ok_and(|it| it.repository() == reference.repository() && it.tag() == reference.tag())
    };
    reference.tag() == Some(name) || whole()
}

fn title(descriptor: &Descriptor) -> String {
    names(descriptor).next().map_or_else(|| descriptor.digest.to_string(), ToOwned::to_owned)
}

fn list(names: &[String]) -> String {
    match names {
        [] => "none at all".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}
