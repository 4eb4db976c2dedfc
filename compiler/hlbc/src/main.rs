//! The `hlbc` command.
//!
//! Owns the process: its arguments and its exit code.

mod cli;
mod commands;
mod config;
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
mod output;
mod program;
mod progress;
mod replace;
mod report;
mod world;

fn main() -> std::process::ExitCode {
    commands::dispatch(clap::Parser::parse())
}
