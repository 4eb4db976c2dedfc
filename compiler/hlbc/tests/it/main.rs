//! The command from the outside: a process, its exit code and what it prints.
//!
//! Owns the one test binary. Tests that build anything, and so need root and runc, are called `privileged_`.

mod check;
mod emit;
mod environment;
mod fmt;
mod project;
mod usage;
