//! Editor features over texts with a cursor in them.
//!
//! Owns the one test binary; each feature is a file.
#![expect(clippy::expect_used, clippy::unwrap_used, reason = "tests stop at the first surprise")]

mod action_traps;
mod actions;
mod built;
mod calls;
mod completion;
mod completion_traps;
mod diagnostics;
mod extract;
mod files;
mod fixture;
mod folding;
mod format;
mod goto;
mod graph;
mod highlight;
mod host;
mod hover;
mod inlay;
mod inline;
mod lenses;
mod linked;
mod links;
mod mutants;
mod promises;
mod references;
mod rename;
mod rename_traps;
mod rewrite;
mod robust;
mod selection;
mod signature;
mod symbols;
mod tokens;
