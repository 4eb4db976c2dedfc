//! The HLB language server, on standard input and output.
//!
//! ```text
//!   stdin ──► wire ──► transport ──► server (tower-lsp: methods) ──► session: one thread owns the documents
//!   stdout ◄── wire ◄── transport ◄── outgoing: one task ◄───────────────┤
//!                           ▲                                            ▼
//!                           └────────── answers ◄────── work: threads over snapshots
//! ```
//!
//! Owns the process: its arguments and its exit code.

mod capabilities;
mod client;
mod convert;
mod outgoing;
mod server;
mod session;
mod settings;
mod transport;
mod view;
mod wire;
mod work;

use std::io::Write;

const HELP: &str = "\
The HLB language server. It speaks the Language Server Protocol on standard input and output.

Usage: hlb-lsp [--stdio]

Options:
      --stdio    What it does anyway; some editors say it
  -V, --version  Print the version
  -h, --help     Print this

An editor starts it. It executes nothing of the files that it is shown, and asks no network.
";

fn main() {
    for argument in std::env::args().skip(1) {
        let said = match argument.as_str() {
            "--stdio" => continue,
            // The process that started it; the end of standard input says the same.
            other if other.starts_with("--clientProcessId=") => continue,
            "-V" | "--version" => format!("{} {}\n", env!("CARGO_PKG_NAME"), env!("CARGO_PKG_VERSION")),
            "-h" | "--help" => HELP.to_owned(),
            other => {
                let _ = write!(std::io::stderr(), "error: `{other}` is not an option of hlb-lsp\nhelp: see --help\n");
                std::process::exit(2)
            }
        };
        let _ = std::io::stdout().write_all(said.as_bytes());
        std::process::exit(0)
    }
    work::remember_panics();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let code = match runtime {
        Ok(runtime) => runtime.block_on(server::serve()),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: the system gives no threads: {error}");
            1
        }
    };
    // Not by returning: the thread that reads standard input cannot be woken.
    std::process::exit(code)
}
