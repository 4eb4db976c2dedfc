//! Writes the parser of `grammar.js` into a directory, beside which Node.js and nothing else is needed. Usage: `GRAMMAR OUT`.
//!
//! Owns the version of the tables. `cargo xtask grammar` runs it.

use std::{env, process::ExitCode};
use tree_sitter_generate::{OptLevel, generate_parser_in_directory};

/// What Neovim 0.7, Helix 22 and Zed read; later ones read it too.
const TABLES: usize = 14;

fn main() -> ExitCode {
    let mut args = env::args().skip(1);
    let (Some(grammar), Some(out)) = (args.next(), args.next()) else {
        eprintln!("usage: hlb-tree-sitter-generate GRAMMAR OUT");
        return ExitCode::from(2);
    };
    let mut notes = Vec::new();
    let (none, node) = (None::<&str>, Some("node"));
    let done = generate_parser_in_directory(
        &grammar,
        Some(&out),
        none,
        TABLES,
        None,
        node,
        true,
        OptLevel::default(),
        &mut notes,
    );
    for note in &notes {
        eprintln!("{note}");
    }
    match done {
        Ok(()) if notes.is_empty() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("{grammar}: {error}");
            ExitCode::FAILURE
        }
    }
}
