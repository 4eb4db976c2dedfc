//! The commands, one file each.
//!
//! Owns which is called, and what becomes of its failure. A command is wiring and words; one that computes something is in the
//! wrong crate.

mod cache;
mod check;
mod dap;
pub(crate) mod debug;
mod diff;
mod du;
mod dump;
mod emit;
mod explain;
mod fmt;
mod frontend;
pub(crate) mod history;
mod list;
mod logs;
mod lsp;
mod module;
mod prune;
mod run;
mod solve;
mod test;
mod update;
mod vendor;
mod version;
mod why;

use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::error::{Failure, Kind};
use crate::report::Screen;

/// Runs the command and gives its exit code.
pub(crate) fn dispatch(cli: Cli) -> ExitCode {
    let screen = Screen::stderr();
    let done = match cli.command {
        Command::Run(args) => run::run(&args, screen),
        Command::List(args) => list::list(&args, screen),
        Command::Test(args) => test::test(&args, screen),
        Command::Check(args) => check::check(&args, screen),
        Command::Fmt(args) => fmt::fmt(&args, screen),
        Command::Emit(args) => emit::emit(&args, screen),
        Command::Explain(args) => explain::explain(&args),
        Command::Frontend => frontend::frontend(),
        Command::Dump(args) => dump::dump(&args),
        Command::Solve(args) => solve::solve(&args, screen),
        Command::Debug(args) => debug::debug(&args, screen),
        Command::Dap(args) => dap::dap(&args),
        Command::Diff(args) => diff::diff(&args, screen),
        Command::Update(args) => update::update(&args, screen),
        Command::Vendor(args) => vendor::vendor(&args, screen),
        Command::Module(args) => module::module(&args, screen),
        Command::History(args) => history::history(&args, screen),
        Command::Logs(args) => logs::logs(&args, screen),
        Command::Why(args) => why::why(&args, screen),
        Command::Du(args) => du::du(&args, screen),
        Command::Prune(args) => prune::prune(&args, screen),
        Command::Cache(args) => cache::cache(&args, screen),
        Command::Lsp(args) => lsp::lsp(&args.args),
        Command::Version => version::version(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.tell(&screen);
            failure.exit_code()
        }
    }
}

/// Writes a result to standard output. A reader that has gone away has had enough.
fn print(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Kind::Environment, "cannot write to standard output").because(error))
        }
        _ => Ok(()),
    }
}
