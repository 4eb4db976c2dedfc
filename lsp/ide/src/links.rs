//! Words that lead somewhere else.
//!
//! Owns which: imports, paths of local files, names of images, addresses.

use camino::Utf8PathBuf;
use hlb_language::span::Span;

use crate::analysis::Analysis;
use crate::host::Snapshot;

/// Where a link leads.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LinkTo {
    /// To a file that is there.
    File(Utf8PathBuf),
    /// To a page.
    Web(String),
}

/// A link.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The words.
    pub span: Span,
    /// Where they lead.
    pub to: LinkTo,
    /// What is said before one follows it.
    pub tooltip: String,
}

impl Snapshot {
    /// The links of a file in the order of the text.
    pub fn links(&self, analysis: &Analysis) -> Vec<Link> {
        let _ = analysis;
        Vec::new()
    }
}
