//! What was learnt of images before.
//!
//! Owns no more than the questions: where documents are kept is for the caller to know.

use std::time::SystemTime;

use hlb_llb::Digest;

/// Keeps the documents of images (indexes, manifests, configurations), and what names led to.
pub trait Shelf: Send + Sync {
    /// A document, if it is there. It need not be checked.
    fn document(&self, digest: &Digest) -> Option<Vec<u8>>;

    /// Keeps a document, whose digest is right. That it cannot be kept is no failure.
    fn keep(&self, bytes: &[u8]);

    /// Notes what a name has led to just now, and of which type the registry says that is.
    fn note(&self, name: &str, found: &Digest, media_type: &str);

    /// What a name led to when it was asked for last.
    fn recall(&self, name: &str) -> Option<Recalled>;
}

/// What a name led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recalled {
    /// The digest of an index or a manifest.
    pub digest: Digest,
    /// The type that the registry gave it, maybe empty.
    pub media_type: String,
    /// When that was.
    pub at: SystemTime,
}
