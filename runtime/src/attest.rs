//! What is said of a result: how it was made, and what is in it.
//!
//! Owns the attestations as in-toto statements and the manifest that brings them into an index. Which export they go with, and
//! how that gets where it should, is `export`'s.

use std::sync::Arc;

use hlb_llb::Digest;
use tokio_util::sync::CancellationToken;

use crate::engine::Engine;
use crate::error::SolveError;
use crate::runtime::Solved;

/// The attestations that an export gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attestations {
    /// How it was made.
    pub provenance: Option<Provenance>,
    /// What is in it.
    pub sbom: Option<Sbom>,
}

/// A provenance attestation of SLSA.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Provenance {
    /// Whether it tells all: parameters, the graph, the program.
    pub max: bool,
}

/// A software bill of materials.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sbom {
    /// The image of a program that makes it, in place of what is built in.
    pub generator: Option<String>,
}

/// What a statement is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Subject {
    /// A package URL, or the path of a file.
    pub(crate) name: String,
    pub(crate) digest: Digest,
}

/// An in-toto statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Statement {
    pub(crate) predicate_type: &'static str,
    /// JSON.
    pub(crate) bytes: Vec<u8>,
    /// What a file with it is called.
    pub(crate) file_name: String,
}

/// The manifest that brings statements into an index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AttestationManifest {
    pub(crate) manifest: Vec<u8>,
    pub(crate) manifest_digest: Digest,
    pub(crate) config: Vec<u8>,
    pub(crate) config_digest: Digest,
}

/// Makes the statements about a result. The solve must have kept its trace.
pub(crate) async fn statements(
    _engine: &Arc<Engine>,
    _solved: &Solved,
    _subjects: &[Subject],
    _wanted: &Attestations,
    _cancel: &CancellationToken,
) -> Result<Vec<Statement>, SolveError> {
    Ok(Vec::new())
}

/// Makes the manifest for the statements about the image whose manifest has this digest.
pub(crate) fn manifest(_statements: &[Statement], _image: &Digest) -> Result<AttestationManifest, serde_json::Error> {
    let (manifest, config) = (Vec::new(), Vec::new());
    let (manifest_digest, config_digest) = (Digest::of(&manifest), Digest::of(&config));
    Ok(AttestationManifest { manifest, manifest_digest, config, config_digest })
}
