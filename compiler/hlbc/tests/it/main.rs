//! The command from the outside: a process, its exit code and what it prints.
//!
//! Owns the one test binary. Tests that build anything, and so need root and runc, are called `privileged_`.

mod image;
mod project;

mod build;
mod check;
mod death;
mod emit;
mod environment;
mod failing;
mod fmt;
mod registry;
mod usage;
