//! What can be chosen about exports.
//!
//! Owns the choices that the caller states and what follows from them alone. How options are written is the caller's, what comes
//! of them is known to the modules for each form.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use hlb_registry::Platform;

use crate::attest::Attestations;

/// How the layers of an image are compressed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, Default)]
pub enum Compression {
    /// Not at all.
    None,
    /// As all programs read it.
    #[default]
    Gzip,
    /// Smaller and faster. Old programs do not read it.
    Zstd,
    /// Gzip with an index, so that a layer can be used before all of it is there.
    Estargz,
}

/// What can be chosen about an image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageOptions {
    /// Its normalised names, such as `docker.io/library/tool:latest`; may be empty but for a registry.
    pub names: Vec<String>,
    /// Media types of OCI in place of Docker's. Some of the other options need them, and get them.
    pub oci_types: bool,
    /// Of the layers that were made here; those that were pulled stay as they came.
    pub compression: Compression,
    /// How hard to compress; what is usual if none is said. See [`Compression::levels`].
    pub level: Option<i32>,
    /// Whether layers that were pulled are compressed anew, unless they are compressed so.
    pub force: bool,
    /// Words for whoever reads the manifests.
    pub annotations: Annotations,
    /// Seconds since 1970 that no time of this build is later than.
    pub epoch: Option<u64>,
    /// Whether the epoch holds for files in layers too. Layers that were pulled stay as they came.
    pub rewrite: bool,
    /// Whether a registry gets no tag, so that the image has but its digest.
    pub push_by_digest: bool,
    /// What is said about how the image was made, and of what.
    pub attestations: Attestations,
}

/// Annotations, by what they are put on. Of two with one key the later counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Annotations {
    /// On the manifests of all platforms, or of one.
    pub manifest: Vec<PlatformAnnotation>,
    /// On what leads to a manifest: the entry of an index.
    pub manifest_descriptor: Vec<PlatformAnnotation>,
    /// On the index, which there must be.
    pub index: Vec<(String, String)>,
    /// On what leads to the index: the entry of a layout.
    pub index_descriptor: Vec<(String, String)>,
}

/// An annotation on something that is there once for each platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformAnnotation {
    /// The one platform it is for; otherwise all.
    pub platform: Option<Platform>,
    /// Its name.
    pub key: String,
    /// What it says.
    pub value: String,
}

/// What can be chosen about an export of files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileOptions {
    /// Seconds since 1970 that all files are from.
    pub epoch: Option<u64>,
    /// A directory in the place, into which everything goes.
    pub folder: Option<String>,
    /// What is said about how the files were made, and of what: JSON files among them.
    pub attestations: Attestations,
    /// What the names of those begin with.
    pub attestation_prefix: String,
}

/// Where a stream of bytes goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A file, which appears when it is complete.
    File(PathBuf),
    /// Standard output.
    Stdout,
}

impl Compression {
    /// Its name in BuildKit's options.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
            Self::Estargz => "estargz",
        }
    }

    /// What has this name in BuildKit's options.
    pub fn named(name: &str) -> Option<Self> {
        [Self::None, Self::Gzip, Self::Zstd, Self::Estargz].into_iter().find(|it| it.name() == name)
    }

    /// The levels it knows, if it knows any.
    pub fn levels(self) -> Option<RangeInclusive<i32>> {
        match self {
            Self::None => None,
            Self::Gzip | Self::Estargz => Some(0..=9),
            Self::Zstd => Some(0..=22),
        }
    }
}

impl ImageOptions {
    /// Whether the media types are those of OCI: Docker's manifests have no annotations, and its programs read no zstd.
    pub(crate) fn are_oci(&self) -> bool {
        self.oci_types
            || matches!(self.compression, Compression::Zstd | Compression::Estargz)
            || !self.annotations.is_empty()
            || self.attestations != Attestations::default()
    }
}

impl Annotations {
    fn is_empty(&self) -> bool {
        let Self { manifest, manifest_descriptor, index, index_descriptor } = self;
        manifest.is_empty() && manifest_descriptor.is_empty() && index.is_empty() && index_descriptor.is_empty()
    }

    /// Whether there must be an index to put them on.
    pub(crate) fn need_index(&self) -> bool {
        !self.index.is_empty() || !self.index_descriptor.is_empty()
    }
}

/// Those for a platform, by their keys.
pub(crate) fn of_platform(all: &[PlatformAnnotation], platform: &Platform) -> BTreeMap<String, String> {
    let meant = all.iter().filter(|it| it.platform.as_ref().is_none_or(|it| it == platform));
    meant.map(|it| (it.key.clone(), it.value.clone())).collect()
}

/// Those of pairs, by their keys.
pub(crate) fn of_pairs(all: &[(String, String)]) -> BTreeMap<String, String> {
    all.iter().cloned().collect()
}
