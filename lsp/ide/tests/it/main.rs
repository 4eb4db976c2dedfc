//! Editor features over texts with a cursor in them.
//!
//! Owns the one test binary; each feature is a file.
#![expect(clippy::expect_used, reason = "tests stop at the first surprise")]

mod calls;
mod diagnostics;
mod fixture;
mod folding;
mod goto;
mod graph;
mod highlight;
mod host;
mod hover;
mod inlay;
mod lenses;
mod links;
mod mutants;
mod references;
mod robust;
mod selection;
mod symbols;
mod tokens;
