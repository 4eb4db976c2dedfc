//! Options of the commands that editors start, `dap` and `lsp`.
//!
//! Owns their names and help texts.

use std::ffi::OsString;

use camino::Utf8PathBuf;
use clap::Args;

#[derive(Debug, Args)]
pub(crate) struct Dap {
    /// Open a shell in the filesystem that is described in this directory, as the debugger asks for in a terminal
    #[arg(long, value_name = "DIR", hide = true)]
    pub(crate) enter: Option<Utf8PathBuf>,
    /// The state directory for that
    #[arg(long, value_name = "DIR", hide = true, requires = "enter")]
    pub(crate) root: Option<Utf8PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Lsp {
    /// What is passed on to it, such as `--stdio`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) args: Vec<OsString>,
}
