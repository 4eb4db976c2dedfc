//! The first of the README's two commands: from a fresh clone to the real example's program, built and run.
//!
//! Owns the order of its steps, nothing else.

use crate::{Result, base, host, setup};
use std::{path::Path, process::Command};

/// Sets the machine up, builds hlbc, makes the base image, builds the example and runs its program.
///
/// # Errors
/// When a step fails; it has said why.
pub(crate) fn demo() -> Result<()> {
    setup::setup(false)?;
    println!("demo: building hlbc");
    host::run(Command::new("cargo").current_dir(host::repository()).args(["build", "--release", "-p", "hlbc"]))?;
    base::base_image(false)?;
    let hlbc = host::target_dir().join("release/hlbc");
    let example = host::repository().join("examples/lua");
    println!("demo: {} run, in examples/lua", hlbc.display());
    host::run(host::as_root(&hlbc)?.arg("run").current_dir(&example))?;
    run_program(&example)
}

/// Runs what the example built.
///
/// # Errors
/// When it is not there or fails.
pub(crate) fn run_program(example: &Path) -> Result<()> {
    let program = example.join("out/lua-demo");
    println!("demo: {}", program.display());
    host::run(&mut Command::new(program))
}
