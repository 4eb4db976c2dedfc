//! The `hlbc` command.
//!
//! Owns the process: its arguments and its exit code.

mod cli;
mod commands;
mod config;
mod dap;
mod definition;
mod deliver;
mod error;
mod execute;
mod failure;
mod fingerprint;
mod frontend;
mod graphs;
mod image;
mod interrupt;
mod look;
mod machine;
mod message;
mod metadata;
mod output;
mod paint;
mod program;
mod progress;
mod reach;
mod reason;
mod replace;
mod report;
mod repository;
mod shared;
mod site;
mod size;
mod state;
mod world;

/// Checking and compiling are small allocations for the most part.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    commands::dispatch(cli::Cli::here())
}
