//! The language server from the outside: a process that speaks JSON-RPC.
//!
//! Owns the one test binary.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod chance;
mod client;
mod diagnostics;
mod features;

mod memory;
mod mutants;
mod protocol;
mod recorded;
mod session;
mod storm;
