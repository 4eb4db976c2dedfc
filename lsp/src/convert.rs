//! Between the protocol's data and ours.
//!
//! Owns the form of each answer; a file for each kind. Never fails: what a client says of a place outside a text is brought into
//! it, and what cannot be said is left out.

mod completion;
mod diagnostic;
mod edit;
mod goto;
mod position;
mod range;
mod symbol;
mod tokens;
mod words;

pub(crate) use completion::{completions, documented};
pub(crate) use diagnostic::{far_diagnostics, named, near_diagnostics};
pub(crate) use edit::{action, action_kinds, chosen, text_edits, workspace_edit};
pub(crate) use goto::{declarations, definitions, implementations, type_definitions};
pub(crate) use position::{Encoding, file_path, file_uri, path};
pub(crate) use range::{folds, highlights, hints, lenses, links, selection};
pub(crate) use symbol::{call_item, flat, found, nested};
pub(crate) use tokens::{difference, legend, painted};
pub(crate) use words::{hover, signature};
