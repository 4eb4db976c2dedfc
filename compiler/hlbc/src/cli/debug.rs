//! Options of the command that looks into failed steps, `debug`, and of those that keep them.
//!
//! Owns their names and help texts.

use camino::Utf8PathBuf;
use clap::{Args, ValueEnum};

use super::{MachineArgs, agent, pair};

/// What becomes of a step that fails.
#[derive(Debug, Args)]
pub(crate) struct FailureArgs {
    /// What to do with the files of a step that fails; otherwise they are thrown away
    #[arg(long, value_enum, value_name = "WHAT")]
    pub(crate) on_failure: Option<OnFailure>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum OnFailure {
    /// Keep them for `hlbc debug`
    Keep,
    /// Keep them, and open a shell where the step was
    Shell,
}

#[derive(Debug, Args)]
pub(crate) struct Debug {
    /// The build whose step failed, by its number; otherwise the last that kept one
    #[arg(value_name = "BUILD")]
    pub(crate) build: Option<i64>,
    /// The step, by its number in the build; otherwise the last that was kept
    #[arg(value_name = "STEP")]
    pub(crate) step: Option<u32>,
    /// Copy a file or directory that the step left to here, and start nothing
    #[arg(long, num_args = 2, value_names = ["PATH", "DEST"], conflicts_with = "command")]
    pub(crate) copy: Option<Vec<Utf8PathBuf>>,
    /// A file for the secret ID of the step; may be repeated
    #[arg(long, value_name = "ID=FILE", value_parser = pair)]
    pub(crate) secret: Vec<(String, Utf8PathBuf)>,
    /// The SSH agent ID of the step: the one of SSH_AUTH_SOCK, that behind a socket, or one that holds the keys of some files;
    /// may be repeated
    #[arg(long, value_name = "ID[=SOCKET|KEY,KEY…]", value_parser = agent)]
    pub(crate) ssh: Vec<(String, Vec<Utf8PathBuf>)>,
    #[command(flatten)]
    pub(crate) machine: MachineArgs,
    /// What to run; otherwise a shell
    #[arg(last = true, value_name = "COMMAND")]
    pub(crate) command: Vec<String>,
}
