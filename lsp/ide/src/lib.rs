//! Editor features of HLB as functions from a text to data.
//!
//! ```text
//!   buffer ──► Analysis (hlb-compiler's check, through an EditorWorld) ──► diagnostics · hover · definition · symbols
//!   buffer ──► format
//! ```
//!
//! Offsets are bytes, places are spans; the editor's protocol is not known here. Nothing is executed and nothing fetched on
//! behalf of a file that somebody opened.

mod analysis;
mod format;
mod symbols;
mod world;

pub use analysis::{Analysis, Hover, Place};
pub use format::format;
pub use symbols::{Symbol, SymbolKind};
pub use world::{Buffers, EditorWorld};
