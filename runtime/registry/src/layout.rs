//! OCI layout directories: images without a registry.
//!
//! Owns which image of a layout a reference means, and that nothing is used whose digest is wrong.

use std::io;
use std::path::{Path, PathBuf};

use hlb_llb::Digest;

use crate::image::{Descriptor, Index, Root};
use crate::platform::Platform;
use crate::reference::Reference;

const REF_NAME: &str = "org.opencontainers.image.ref.name";
const CONTAINERD_NAME: &str = "io.containerd.image.name";
/// A document of more than 16 MiB is no manifest and no configuration.
const MAX_DOCUMENT: u64 = 16 << 20;

/// A layout directory.
#[derive(Debug, Clone)]
pub struct Layout {
    dir: PathBuf,
    index: Index,
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
    /// None of its images has the name.
    #[error("the OCI layout `{dir}` has no image `{wanted}`, it has {}", list(.offered))]
    NoSuchImage {
        /// The directory.
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
    /// Opens a layout directory.
    ///
    /// # Errors
    /// When it is none.
    pub fn open(dir: &Path) -> Result<Self, LayoutError> {
        let wrong = |reason: String| LayoutError::NotALayout { dir: dir.to_owned(), reason };
        let read = |name: &str| {
            std::fs::read(dir.join(name)).map_err(|error| wrong(format!("its `{name}` cannot be read: {error}")))
        };
        let marker: serde_json::Value = serde_json::from_slice(&read("oci-layout")?)
            .map_err(|error| wrong(format!("its `oci-layout` is not JSON: {error}")))?;
        match marker.get("imageLayoutVersion").and_then(serde_json::Value::as_str) {
            Some(version) if version.starts_with("1.") => {}
            _ => return Err(wrong(format!("its `oci-layout` says {marker}, version 1 is known"))),
        }
        let index = serde_json::from_slice(&read("index.json")?)
            .map_err(|error| wrong(format!("its `index.json` is no image index: {error}")))?;
        Ok(Self { dir: dir.to_owned(), index })
    }

    /// The image that a reference means: that of its digest; that with its tag for a name; or the only one.
    ///
    /// # Errors
    /// When there are several images and none has the name, or the layout is empty.
    pub fn find(&self, reference: &Reference, platform: &Platform) -> Result<Descriptor, LayoutError> {
        let wanted = reference.selector();
        let missing = || LayoutError::NoSuchImage {
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
        let candidates = if !named.is_empty() {
            named
        } else if self.index.manifests.len() == 1 || unnamed() {
            self.index.manifests.iter().collect()
        } else {
            return Err(missing());
        };
        // Several images under one name are the platforms of one image.
        let of_platform = |it: &&&Descriptor| it.platform.as_ref().and_then(|offered| platform.rank(offered));
        match candidates.as_slice() {
            [only] => Ok((*only).clone()),
            several => several
                .iter()
                .filter(|it| of_platform(it).is_some())
                .min_by_key(of_platform)
                .map(|it| (*it).clone())
                .ok_or_else(missing),
        }
    }

    /// Where a blob is, if the layout has it. Its content is not checked.
    pub fn blob(&self, digest: &Digest) -> Option<PathBuf> {
        let path = self.path(digest);
        path.is_file().then_some(path)
    }

    /// A small blob, checked.
    pub(crate) fn document(&self, digest: &Digest) -> Result<Vec<u8>, LayoutError> {
        let path = self.path(digest);
        let read = || {
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
