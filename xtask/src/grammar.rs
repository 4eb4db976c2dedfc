//! `cargo xtask grammar`: is the parser in `language/tree-sitter/src` what its grammar gives?
//!
//! Owns the generated files and where the generator is built. Knows no tree-sitter: the generator is a program of its own,
//! `language/tree-sitter/generate`, whose dependencies nobody else has to wait for.

use crate::{Result, host};
use std::{fs, path::Path, process::Command};

/// What the generator writes, below its output directory.
const GENERATED: [&str; 6] = [
    "grammar.json",
    "node-types.json",
    "parser.c",
    "tree_sitter/alloc.h",
    "tree_sitter/array.h",
    "tree_sitter/parser.h",
];

/// Generates the parser and compares it with the one that is committed, or (`write`) replaces that.
///
/// # Errors
/// When the grammar has a mistake, or its parser is not the committed one.
pub(crate) fn grammar(write: bool) -> Result<()> {
    let source = host::repository().join("language/tree-sitter");
    let work = std::path::absolute(host::target_dir())?.join("tree-sitter");
    let out = if write { source.join("src") } else { work.join("generated") };
    fs::create_dir_all(&out)?;
    let mut generate = Command::new("cargo");
    generate.args(["run", "--quiet", "--locked", "--target-dir"]).arg(&work).arg("--manifest-path");
    generate.arg(source.join("generate/Cargo.toml")).arg("--").arg(&source).arg(&out);
    host::run(&mut generate)?;
    match GENERATED.iter().find(|name| !same(&out.join(name), &source.join("src").join(name))) {
        None => Ok(()),
        Some(name) => {
            let help = "run `cargo xtask grammar --write`, and commit what it writes";
            Err(format!("language/tree-sitter/src/{name} is not what grammar.js gives: {help}").into())
        }
    }
}

fn same(generated: &Path, committed: &Path) -> bool {
    matches!((fs::read(generated), fs::read(committed)), (Ok(a), Ok(b)) if a == b)
}
