//! The HLB language server, on standard input and output.
//!
//! ```text
//!   stdin ──► server (tower-lsp, transport only) ──► session: one thread owns the documents ──► work: threads over snapshots
//!   stdout ◄── replies, diagnostics ◄──────────────────────┘◄──────────────────────────────────────┘
//! ```
//!
//! Owns the process and its exit code.

mod convert;
mod server;
mod session;
mod work;

use std::process::ExitCode;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let code = match runtime {
        Ok(runtime) => runtime.block_on(server::serve()),
        Err(_) => 1,
    };
    // Not by returning: the thread that reads standard input cannot be woken.
    std::process::exit(code)
}
