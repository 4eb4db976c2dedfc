//! `cargo xtask TASK`: what a person or CI does to this repository, as a program instead of shell scripts.
//!
//! Owns the list of tasks and their command line. Knows the crates only by the names of their packages and binaries:
//! it links none of them, so that a fresh clone has it compiled in seconds.
//!
//! ```text
//! setup ──► base-image ──► demo        one command to the first build
//! setup --tests ─────────► ci          one command to all checks
//! ```
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a task runner talks to the terminal")]

mod base;
mod ci;
mod conformance;
mod demo;
mod editors;
mod engine;
mod grammar;
mod host;
mod layout;
mod nextest;
mod overrides;
mod setup;
mod sources;

use std::{env, process::ExitCode};

/// Any failure of a task: a message for the person who ran it.
type Error = Box<dyn std::error::Error + Send + Sync>;
type Result<T, E = Error> = std::result::Result<T, E>;

const USAGE: &str = "\
usage: cargo xtask TASK

  demo                 set up, build hlbc, make the base image, build and run examples/lua
  ci                   set up for tests, then every check and test of the repository
  setup [--tests]      install what hlbc needs (and what its tests need) with apt
  docker-engine        unpack a Docker engine for the conformance suite, once; installs nothing
  conformance [--write] [NAME]
                       run the conformance cases whose names contain NAME and show what differs; --write records
                       what both engines agree on
  editors [NAME…]
                       drive real editors (nvim, vim, emacs, vscode) against the language server and take pictures of
                       them, in target/editors
  grammar [--write]    compare the tree-sitter parser with what its grammar gives; --write replaces it
  base-image [--new]   make the Debian base image from this machine's package mirror, once (--new: again)
";

fn main() -> ExitCode {
    let args: Vec<String> = env::args().skip(1).collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = match args.as_slice() {
        ["demo"] => demo::demo(),
        ["ci"] => ci::ci(),
        ["setup"] => setup::setup(false),
        ["setup", "--tests"] => setup::setup(true),
        ["docker-engine"] => engine::docker_engine(),
        ["conformance"] => conformance::conformance(None, false),
        ["conformance", "--write"] => conformance::conformance(None, true),
        ["conformance", "--write", name] => conformance::conformance(Some(name), true),
        ["conformance", name] if !name.starts_with('-') => conformance::conformance(Some(name), false),
        ["editors", names @ ..] => editors::editors(names),
        ["grammar"] => grammar::grammar(false),
        ["grammar", "--write"] => grammar::grammar(true),
        ["base-image"] => base::base_image(false),
        ["base-image", "--new"] => base::base_image(true),
        ["help" | "--help" | "-h"] => {
            print!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        _ => {
            eprint!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
