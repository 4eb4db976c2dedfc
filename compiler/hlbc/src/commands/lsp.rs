//! `hlbc lsp`.
//!
//! Owns where the language server is looked for. The server is a program of its own, which links nothing that executes.

use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;

use crate::error::{Failure, Kind};

const PROGRAM: &str = "hlb-lsp";

/// Becomes the language server.
///
/// # Errors
/// If it is not there or cannot be started.
pub(crate) fn lsp(args: &[OsString]) -> Result<(), Failure> {
    let program = beside().unwrap_or_else(|| PROGRAM.into());
    // Only comes back if it fails: the editor talks to the server itself, and waits for its end.
    let error = Command::new(&program).args(args).exec();
    let failure = match error.kind() {
        std::io::ErrorKind::NotFound => {
            Failure::new(Kind::Environment, format!("`{PROGRAM}` is neither beside `hlbc` nor in the `PATH`"))
                .help("build it with `cargo build --release -p hlb-lsp`, and put it where `hlbc` is")
        }
        _ => Failure::new(Kind::Environment, format!("cannot start `{}`", program.display())).because(error),
    };
    Err(failure)
}

/// The server that was installed with this program.
fn beside() -> Option<PathBuf> {
    let own = std::env::current_exe().ok()?.canonicalize().ok()?;
    Some(own.with_file_name(PROGRAM)).filter(|path| path.is_file())
}
