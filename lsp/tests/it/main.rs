//! The language server from the outside: a process that speaks JSON-RPC.
//!
//! Owns the one test binary.

mod client;
mod session;
