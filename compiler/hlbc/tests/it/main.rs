//! The command from the outside: a process, its exit code and what it prints.
//!
//! Owns the one test binary. Tests that build anything, and so need root and runc, are called `privileged_`.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod image;
mod project;
mod repository;
mod rootless;
mod web;

mod allow;
mod attest;
mod build;
mod buildkit;
mod caches;
mod check;
mod crash;
mod dap;
mod death;
mod debug;
mod diff;
mod downloads;
mod dump;
mod emit;
mod emulated;
mod environment;
mod explain;
mod failing;
mod fmt;
mod frontend;
mod history;
mod interop;
mod locked;
mod lsp;
mod message;
mod modules;
mod outputs;
mod prune;
mod registry;
mod solve;
mod targets;
mod testing;
mod together;
mod usage;
mod why;
