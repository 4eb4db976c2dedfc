//! The language server from the outside: a process that speaks JSON-RPC.
//!
//! Owns the one test binary.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests stop at the first surprise")]

mod client;
mod session;
