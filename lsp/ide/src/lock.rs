//! What names that may move stand for, as the lock files have written it down.
//!
//! Owns which lock file counts for a file, and how its names are written in programs. Asks no registry.

use std::sync::Arc;

use camino::Utf8Path;
use hlb_modules::{Lock, NameKind};

use crate::host::Snapshot;

/// What programs leave out of the names of images.
const UNSAID: [&str; 2] = ["docker.io/library/", "docker.io/"];

/// What a lock file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Pins {
    /// Images, by their names as programs write them.
    pub images: Vec<PinnedImage>,
}

/// An image with its digest.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PinnedImage {
    /// The name as programs write it: `alpine:3.20`.
    pub name: String,
    /// `sha256:…`.
    pub digest: String,
}

impl Snapshot {
    /// What the lock file that counts for a file says, the nearest in its directory or above; empty if there is none.
    pub fn pins(&self, path: &Utf8Path) -> Arc<Pins> {
        let nearest = path.ancestors().skip(1).find(|dir| dir.join(Lock::NAME).is_file());
        let Some(dir) = nearest else { return Arc::default() };
        self.kept_pins(dir, || Pins::read(&dir.join(Lock::NAME)))
    }
}

impl Pins {
    /// What cannot be read says nothing; `hlbc` reports it.
    fn read(path: &Utf8Path) -> Self {
        let lock = Lock::read(path).unwrap_or_default();
        let images = lock.iter().filter(|(name, _)| name.kind == NameKind::Image);
        let images = images.map(|(name, digest)| PinnedImage {
            name: UNSAID.iter().find_map(|unsaid| name.text.strip_prefix(unsaid)).unwrap_or(&name.text).to_owned(),
            digest: digest.to_owned(),
        });
        let mut images: Vec<PinnedImage> = images.collect();
        images.sort();
        Self { images }
    }

    /// The digest of an image, by any of its usual names.
    pub(crate) fn digest(&self, image: &str) -> Option<&str> {
        let image = UNSAID.iter().find_map(|unsaid| image.strip_prefix(unsaid)).unwrap_or(image);
        let named = |pin: &&PinnedImage| {
            pin.name == image || !image.contains([':', '@']) && pin.name.strip_suffix(":latest") == Some(image)
        };
        self.images.iter().find(named).map(|pin| pin.digest.as_str())
    }
}
