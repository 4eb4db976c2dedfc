//! What earlier builds learnt of images.
//!
//! Owns where it is kept: documents are blobs of the store, and what names led to are facts. All of it may be gone at any time.

use std::io::Read as _;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use hlb_llb::Digest;
use hlb_registry::{Recalled, Shelf};
use hlb_store::Store;
use serde::{Deserialize, Serialize};

/// Where it is noted what names led to.
const FACTS: &str = "image-1";
/// A note that says the same is written again after this time, so that its date is not too far off.
const FRESH: Duration = Duration::from_secs(24 * 60 * 60);
/// Documents are small.
const MAX_DOCUMENT: u64 = 16 << 20;

/// The shelf in a state directory.
pub(crate) struct StoreShelf(pub(crate) Store);

#[derive(Serialize, Deserialize)]
struct Note {
    digest: String,
    media_type: String,
    /// Seconds since 1970.
    at: u64,
}

impl Shelf for StoreShelf {
    fn document(&self, digest: &Digest) -> Option<Vec<u8>> {
        let mut bytes = Vec::new();
        let count = self.0.blobs().open(digest).ok()?.take(MAX_DOCUMENT + 1).read_to_end(&mut bytes).ok()?;
        (count as u64 <= MAX_DOCUMENT).then_some(bytes)
    }

    fn keep(&self, bytes: &[u8]) {
        if let Err(error) = self.0.blobs().put(bytes) {
            tracing::debug!(%error, "a document of an image is not kept");
        }
    }

    fn note(&self, name: &str, found: &Digest, media_type: &str) {
        let now = seconds(SystemTime::now());
        let fresh = |note: &Note| {
            note.digest == found.as_str() && note.media_type == media_type && now < note.at + FRESH.as_secs()
        };
        if self.read(name).as_ref().is_some_and(fresh) {
            return;
        }
        let note = Note { digest: found.to_string(), media_type: media_type.to_owned(), at: now };
        let Ok(bytes) = serde_json::to_vec(&note) else { return };
        if let Err(error) = self.0.facts().put(FACTS, name, &bytes) {
            tracing::debug!(%error, "what an image led to is not noted");
        }
    }

    fn recall(&self, name: &str) -> Option<Recalled> {
        let Note { digest, media_type, at } = self.read(name)?;
        Some(Recalled { digest: digest.parse().ok()?, media_type, at: UNIX_EPOCH + Duration::from_secs(at) })
    }
}

impl StoreShelf {
    fn read(&self, name: &str) -> Option<Note> {
        serde_json::from_slice(&self.0.facts().get(FACTS, name).ok()??).ok()
    }
}

/// Seconds since 1970.
pub(super) fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}
