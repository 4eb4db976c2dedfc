//! The language server from the outside: a process that speaks JSON-RPC.
//!
//! Owns the one test binary.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

mod client;
mod session;
