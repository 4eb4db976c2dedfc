//! Editor features of HLB as functions from texts to data.
//!
//! ```text
//!   buffers, files ──► Host ──► Snapshot ─┬─► Analysis: one file, its own bodies checked ──► hover · completion · symbols · …
//!                                         └─► Project: all files as one program ──► references · rename · diagnostics · …
//! ```
//!
//! Offsets are bytes, places are spans; the editor's protocol is not known here. Nothing is executed and nothing fetched on
//! behalf of a file that somebody opened. Every question has an answer for every text and every offset.

mod analysis;
mod disk;
mod host;
mod modules;
mod place;
mod project;
mod stdlib;
mod walk;
mod word;
mod workspace;
mod world;

mod actions;
mod call;
mod calls;
mod completion;
mod diagnostics;
mod files;
mod folding;
mod format;
mod goto;
mod graph;
mod highlight;
mod hover;
mod inlay;
mod lens;
mod linked;
mod links;
mod lock;
mod references;
mod rename;
mod selection;
mod signature;
mod symbols;
mod tokens;

pub use actions::{Action, ActionKind};
pub use analysis::Analysis;
pub use calls::CallItem;
pub use completion::{Completion, CompletionKind, Completions, DocOf};
pub use diagnostics::{Level, Mend, Tag, Told};
pub use folding::{Fold, FoldKind};
pub use format::{format, format_range, format_typed};
pub use goto::Jump;
pub use highlight::Access;
pub use host::{Host, Settings, Snapshot};
pub use hover::Hover;
pub use inlay::{InlayHint, InlayKind, InlaySettings};
pub use lens::{Lens, LensKind};
pub use links::{Link, LinkTo};
pub use lock::{PinnedImage, Pins};
pub use place::{FileEdit, Place};
pub use project::Project;
pub use rename::RenameRefused;
pub use signature::{SignatureHelp, SignatureParam};
pub use stdlib::write_stdlib;
pub use symbols::{Symbol, SymbolKind};
pub use tokens::{Paint, PaintKind, PaintModifiers};
