//! What a text does not say, shown in it.
//!
//! Owns which hints help: names of parameters, inferred types, digests of images.

use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::host::Snapshot;

/// Which hints are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct InlaySettings {
    /// Names of parameters before arguments.
    pub parameters: bool,
    /// Types behind names whose type is not written.
    pub types: bool,
    /// Digests behind names of images, from the lock file.
    pub digests: bool,
}

impl Default for InlaySettings {
    fn default() -> Self {
        Self { parameters: true, types: true, digests: true }
    }
}

/// What a hint says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum InlayKind {
    /// The name of a parameter.
    Parameter,
    /// A type.
    Type,
    /// A digest.
    Digest,
}

/// A hint.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct InlayHint {
    /// Where it stands.
    pub offset: usize,
    /// What it says.
    pub text: String,
    /// What that is.
    pub kind: InlayKind,
    /// More words.
    pub tooltip: Option<String>,
    /// What would write it into the text.
    pub edit: Option<(Span, String)>,
}

impl Snapshot {
    /// The hints within a range of a file, in the order of the text.
    pub fn hints(&self, analysis: &Analysis, range: Span) -> Vec<InlayHint> {
        let _ = (analysis, range);
        Vec::new()
    }
}
